"""What happens elsewhere and concerns campaigns: members follow whom they are about, figures follow members, leads, deals and money."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guanxi.areas.campaigns.models import CampaignCost
from guanxi.areas.customers.models import Consent, Contact, Customer
from guanxi.areas.diary.models import Expense
from guanxi.areas.marketing import selectors, services
from guanxi.areas.marketing.models import Member
from guanxi.areas.sales.models import Lead, Opportunity
from guanxi.core.kernel.events import Event, subscribe


def _named(event: Event, model: Any) -> set[int | None]:
    """The campaigns a record names, and named before this change."""
    now = set(model.everything.filter(pk=event.record_id or 0).values_list("campaign_id", flat=True))
    return now | {one for one in event.changes.get("campaign", ()) if isinstance(one, int)}


def _unless(event: Event, watched: Iterable[str]) -> bool:
    """Whether a change touched nothing of what is watched."""
    return bool(event.changes) and not set(watched) & set(event.changes)


@subscribe("marketing.member.*")
def member_counts(event: Event) -> None:
    """A member came, answered or went: figures of the campaign, and its part in the customer's opportunities."""
    if _unless(event, ("campaign", "state", "responded", "customer", "joined_at")):
        return
    services.settle_soon(_named(event, Member))
    customers = set(Member.everything.filter(pk=event.record_id or 0).values_list("customer_id", flat=True)) - {None}
    customers |= {one for one in event.changes.get("customer", ()) if isinstance(one, int)}
    if customers:
        services.influence_settle(customers)


@subscribe("sales.lead.*")
def lead_counts(event: Event) -> None:
    """A lead names a campaign; as a member it follows its owner and name, and becomes the customer it is converted to."""
    if not _unless(event, ("campaign",)):
        services.settle_soon(_named(event, Lead))
    if not _unless(event, ("converted_at", "customer", "contact", "name", "owner")):
        lead = Lead.objects.filter(pk=event.record_id or 0).first()
        if lead is not None:
            moved = not _unless(event, ("converted_at", "customer", "contact"))
            for member in Member.objects.filter(lead=lead):
                became = _become(member, lead) if moved else {}
                services.members_follow([member], {"name": lead.name, "owner_id": lead.owner_id, **became})


def _become(member: Member, lead: Lead) -> dict[str, Any]:
    """The customer and contact of a converted lead, unless that contact is a member of his own already."""
    other = Member.objects.filter(campaign=member.campaign_id, contact=lead.contact_id).exclude(pk=member.pk)
    contact = None if lead.contact_id and other.exists() else lead.contact_id
    return {"customer_id": lead.customer_id, "contact_id": contact}


@subscribe("sales.opportunity.*")
def deal_counts(event: Event) -> None:
    """A deal began, moved or was won."""
    if _unless(event, ("campaign", "category", "value", "customer", "owner", "name")):
        return
    services.settle_soon(_named(event, Opportunity))
    customers = set(Opportunity.everything.filter(pk=event.record_id or 0).values_list("customer_id", flat=True))
    customers |= {one for one in event.changes.get("customer", ()) if isinstance(one, int)}
    if Member.objects.filter(customer_id__in=customers).exists():
        services.influence_settle(customers)


@subscribe("diary.expense.*")
def expense_counts(event: Event) -> None:
    """An expense was approved, paid, or taken away."""
    if not _unless(event, ("campaign", "status", "amount", "currency", "spent_on")):
        services.settle_soon(_named(event, Expense))


@subscribe("campaigns.campaigncost.*")
def cost_counts(event: Event) -> None:
    """Something was paid for a campaign."""
    services.settle_soon(_named(event, CampaignCost))


@subscribe("campaigns.campaign.created", "campaigns.campaign.updated")
def budget_counts(event: Event) -> None:
    """A campaign was given another budget or currency."""
    if not _unless(event, ("budget", "currency", "begins_on")):
        services.settle_soon([event.record_id])


@subscribe("customers.contact.updated", "customers.customer.updated")
def names_follow(event: Event) -> None:
    """Members are called and answered for like those they are about."""
    if _unless(event, ("name", "owner", "customer")):
        return
    contact = event.entity == selectors.CONTACT
    model: Any = Contact if contact else Customer
    record = model.objects.filter(pk=event.record_id or 0).first()
    if record is None:
        return
    about = {"contact": record} if contact else {"customer": record, "contact": None, "lead": None}
    values = {"name": record.name[:200], "owner_id": record.owner_id}
    rows = Member.objects.filter(**about)
    if contact:
        values["customer_id"] = record.customer_id
    services.members_follow(rows, values)


@subscribe("customers.consent.*")
def consent_counts(event: Event) -> None:
    """Somebody said yes or no to marketing; what is said of a company holds for its people."""
    consent = Consent.everything.filter(pk=event.record_id or 0).first()
    if consent is None:
        return
    about = {"contact": consent.contact} if consent.contact_id else {"customer": consent.customer}
    rows = Member.objects.filter(**about)
    for member in rows.select_related("contact", "lead", "customer"):
        services.members_follow([member], {"barred": selectors.barred(selectors.somebody(member))})
