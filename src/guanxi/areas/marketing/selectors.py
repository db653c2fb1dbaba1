"""What is read of members: who they are, whether they answered, whether they may be written to; figures of campaigns."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext as _

from guanxi.areas.campaigns.models import Campaign, CampaignCost
from guanxi.areas.campaigns.selectors import CAMPAIGN, COST, branch
from guanxi.areas.customers.models import Contact, Customer
from guanxi.areas.diary.models import APPROVED, PAID, Expense
from guanxi.areas.marketing.models import Member
from guanxi.areas.sales.models import Lead, Opportunity
from guanxi.core.access import field_level, visible
from guanxi.core.automation import marketing
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import dictionaries
from guanxi.core.records.rates import convert
from guanxi.core.schema.registry import entity_of

MEMBER, INFLUENCE = "marketing.member", "marketing.influence"
CUSTOMER, CONTACT, LEAD, OPPORTUNITY, EXPENSE = (
    "customers.customer",
    "customers.contact",
    "sales.lead",
    "sales.opportunity",
    "diary.expense",
)
STATES = "campaign_member_state"
#: The state under which all states stand that count as a response.
RESPONSE = "responded"
#: Expenses that are spent money: agreed to, and paid back.
SPENT = (APPROVED, PAID)
CENT = Decimal("0.01")
#: What figures, their lists and reports ask for.
WON = {"field": "category", "op": "eq", "value": "won"}
STILL_OPEN = {"field": "category", "op": "eq", "value": "open"}
CONVERTED = {"field": "status", "op": "eq", "value": "converted"}
ANSWERED = {"field": "responded", "op": "eq", "value": True}
REFUSED = {"field": "barred", "op": "eq", "value": True}
WAS_SPENT = {"field": "status", "op": "in", "value": list(SPENT)}


def responses() -> list[str]:
    """The states that count as a response: “responded” and those below it in the dictionary."""
    return dictionaries.below(STATES, RESPONSE)


def somebody(member: Member) -> Contact | Customer | Lead | None:
    """Whom the membership is about."""
    return member.contact or member.lead or member.customer


def name_of(member: Member) -> str:
    """The name of whom it is about; a lead's or contact's own."""
    found = somebody(member)
    return str(found.name) if found is not None else ""


def member_of(campaign: int, contact: int | None, customer: int | None, lead: int | None) -> Member | None:
    """The membership of somebody in a campaign, if there is one."""
    rows = Member.objects.filter(campaign_id=campaign)
    if contact:
        return rows.filter(contact_id=contact).first()
    if lead:
        return rows.filter(lead_id=lead).first()
    return rows.filter(customer_id=customer, contact=None, lead=None).first() if customer else None


def barred(record: Contact | Customer | Lead | None) -> bool:
    """Whether somebody said no to marketing by his last word, or never said yes where only those are written to."""
    if record is None:
        return False
    said = marketing.standing(record)
    if said is not None:
        return said[0] == marketing.WITHDRAWN
    if isinstance(record, Lead):
        ways = marketing.addresses(record)
        return bool(ways) and all(marketing.refusal(channel, to, record) for channel, to in ways)
    return marketing.only_agreed()


def who(record: Any) -> dict[str, int]:
    """Who would become a member of a campaign for a record: itself, or the contact, lead or customer it names.

    Raises Invalid where it names nobody.
    """
    if isinstance(record, Contact):
        return {"contact": record.pk}
    if isinstance(record, Lead):
        return {"lead": record.pk}
    if isinstance(record, Customer):
        return {"customer": record.pk}
    for name in ("contact", "lead", "customer"):
        number = getattr(record, f"{name}_id", None)
        if number:
            return {name: number}
    raise Invalid(_("It names no contact, customer or lead."), code="member.nobody")


# -- money -------------------------------------------------------------------------------------------------------------


def cost_of(campaign: Campaign) -> Decimal:
    """What a campaign has cost, in its currency: its costs and the approved expenses, each by the rate of its day.

    Raises Invalid where a rate is missing.
    """
    spent = [
        *CampaignCost.objects.filter(campaign=campaign).values_list("amount", "currency", "spent_on"),
        *Expense.objects.filter(campaign=campaign, status__in=SPENT).values_list("amount", "currency", "spent_on"),
    ]
    total = sum((convert(amount, currency, campaign.currency, day) for amount, currency, day in spent), Decimal(0))
    return total.quantize(CENT)


def figures_of(campaign: Campaign) -> dict[str, Any]:
    """What is kept beside a campaign: cost, members, answers, leads, deals and won amount. Five queries.

    A cost that cannot be converted for want of a rate leaves the money figures empty rather than wrong.
    """
    members = Member.objects.filter(campaign=campaign).aggregate(
        members=Count("pk"), responses=Count("pk", filter=Q(responded=True))
    )
    deals = Opportunity.objects.filter(campaign=campaign).aggregate(
        deals=Count("pk"),
        won_deals=Count("pk", filter=Q(category="won")),
        won_value=Sum("value", filter=Q(category="won")),
    )
    found: dict[str, Any] = {**members, **deals, "leads": Lead.objects.filter(campaign=campaign).count()}
    found["won_value"] = found["won_value"] or Decimal(0)
    try:
        found["cost"] = cost_of(campaign)
        found["result"] = found["won_value"] - in_house(found["cost"], campaign)
    except Invalid:
        found["cost"] = found["result"] = None
    spent = found["cost"]
    found["budget_left"] = campaign.budget - spent if campaign.budget is not None and spent is not None else None
    return found


def in_house(amount: Decimal, campaign: Campaign) -> Decimal:
    """An amount of the campaign in the workspace's currency, by the rate of the campaign's beginning."""
    from_day = campaign.begins_on or clock.day_of(campaign.created_at, settings.TIME_ZONE)
    return convert(amount, campaign.currency, dictionaries.default_of("currency") or "CNY", from_day).quantize(CENT)


# -- influence ---------------------------------------------------------------------------------------------------------


def influenced(customers: Collection[int]) -> dict[tuple[int, int], Opportunity]:
    """Opportunities of the customers that began after a membership of the customer or one of his people began.

    By (opportunity, campaign). The campaign an opportunity came from is no mere influence, and left out.
    """
    earlier = Member.objects.filter(customer_id=OuterRef("customer_id"), joined_at__lte=OuterRef("created_at"))
    deals = Opportunity.objects.filter(customer_id__in=customers).filter(Exists(earlier))
    known = {one.pk: one for one in deals}
    pairs = (
        Member.objects.filter(customer_id__in={one.customer_id for one in known.values()})
        .filter(customer__opportunities__in=list(known), joined_at__lte=F("customer__opportunities__created_at"))
        .values_list("customer__opportunities__pk", "campaign_id")
        .distinct()
    )
    return {
        (deal, campaign): known[deal]
        for deal, campaign in pairs
        if deal in known and known[deal].campaign_id != campaign
    }


def whole_of(actor: Actor, campaign: Campaign) -> list[Campaign]:
    """The campaign and those below it the actor may see."""
    return list(visible(Campaign.objects.filter(pk__in=branch(campaign.pk)), actor).order_by("pk"))


def readable(actor: Actor, name: str) -> bool:
    """Whether the actor reads a field of campaigns in full, neither hidden nor masked."""
    return field_level(actor, entity_of(CAMPAIGN), name) in ("read", "write")


def visible_campaign(actor: Actor) -> bool:
    """Whether the actor may see campaigns at all."""
    from_rights = actor.rights.of(CAMPAIGN, "view")
    return bool(actor.is_system or from_rights.everyone or from_rights.owners)


__all__ = ["CAMPAIGN", "COST"]  # known here too
