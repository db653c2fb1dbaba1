"""Keeping the day on which records return to their pool right, whatever happens to them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.activities.models import Activity
from guanxi.areas.customers.models import Customer
from guanxi.areas.sales.models import ForecastEntry, Lead, LeadFollowUp, Opportunity
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.services import alerts, pools, sharing, targets
from guanxi.core.automation.incoming import receiving
from guanxi.core.kernel.events import Event, subscribe
from guanxi.core.models import InboundMessage


@subscribe("customers.customer.created", "customers.customer.updated", "customers.customer.restored")
def customer_settle(event: Event) -> None:
    """A customer came, or got another owner or level."""
    watched = {"owner", "level", "pool", "protected_until"}
    if event.record_id and (not event.changes or watched & set(event.changes)):
        pools.returns_refresh(read.CUSTOMER, [event.record_id])


@subscribe("sales.lead.created", "sales.lead.updated", "sales.lead.restored")
def lead_settle(event: Event) -> None:
    """A lead came, got another owner, or was converted."""
    watched = {"owner", "pool", "protected_until", "converted_at"}
    if event.record_id and (not event.changes or watched & set(event.changes)):
        pools.returns_refresh(read.LEAD, [event.record_id])


@subscribe("activities.activity.*")
def follow_up_counts(event: Event) -> None:
    """A follow-up was noted, changed or deleted."""
    customers = Activity.everything.filter(pk=event.record_id or 0).values_list("customer_id", flat=True)
    ids = Customer.objects.filter(pk__in=list(customers)).values_list("pk", flat=True)
    if ids:
        pools.returns_refresh(read.CUSTOMER, list(ids))


@subscribe("sales.leadfollowup.*")
def lead_follow_up_counts(event: Event) -> None:
    """The same for leads."""
    ids = LeadFollowUp.everything.filter(pk=event.record_id or 0).values_list("lead_id", flat=True)
    if ids:
        pools.returns_refresh(read.LEAD, list(ids))


@subscribe("sales.opportunity.*")
def deal_counts(event: Event) -> None:
    """A deal was made, won, lost or taken away."""
    ids = Opportunity.everything.filter(pk=event.record_id or 0).values_list("customer_id", flat=True)
    if ids and (not event.changes or {"category", "customer", "stage"} & set(event.changes)):
        pools.returns_refresh(read.CUSTOMER, list(ids))


@subscribe("sales.opportunity.created", "sales.opportunity.updated")
def deal_large(event: Event) -> None:
    """A deal was made, or its amount or pipeline changed: it may be large now."""
    if event.changes and not {"amount", "value", "large", "pipeline", "currency"} & set(event.changes):
        return
    deal = Opportunity.objects.filter(pk=event.record_id or 0, large=True).first()
    if deal is not None:
        alerts.deal_alert(deal)


@subscribe("sales.opportunity.*", "sales.forecastentry.*")
def forecast_came_true(event: Event) -> None:
    """A deal was won, opened again, or is worth another amount or somebody else's; a forecast came or went."""
    if event.changes and not {"category", "value", "owner", "closed_at", "month", "submitted_at"} & set(event.changes):
        return
    model = Opportunity if event.entity == "sales.opportunity" else ForecastEntry
    owners = {*model.everything.filter(pk=event.record_id or 0).values_list("owner_id", flat=True)}
    owners |= {int(one) for one in event.changes.get("owner", ()) if one}
    targets.forecasts_settle(owners - {None})


@subscribe("sales.lead.created", "customers.customer.created")
def hand_out_new(event: Event) -> None:
    """A record came without an owner: the assignment rules may know one."""
    model = Lead if event.entity == read.LEAD else Customer
    record = model.objects.filter(pk=event.record_id or 0, owner__isnull=True).first()
    if record is not None:
        sharing.hand_out(record)


def lead_of(message: InboundMessage) -> dict[str, Any]:
    """A lead of somebody unknown who wrote: what he wants is what he wrote."""
    wants = " ".join((message.subject or message.body).split())
    return {**receiving.reached(message), "interest": wants[:200], "description": message.body[:5000]}


receiving.add_ranks("sales.lead")
receiving.add_maker(receiving.Maker("sales.lead", _("Make a lead"), lead_of, order=10))
