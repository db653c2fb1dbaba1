"""Keeping plans and the dates of customers right, whichever way a follow-up or plan was written."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from guanxi.areas.activities import services
from guanxi.areas.activities.models import Activity, FollowUpPlan
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.events import Event, subscribe
from guanxi.core.kernel.machines import register_machines
from guanxi.core.models import AuditEntry
from guanxi.core.schema.registry import entity_of

register_machines({"activities": gettext_lazy("Follow-up")})


@subscribe("activities.activity.created", "activities.activity.updated", "activities.activity.restored")
def activity_follow(event: Event) -> None:
    """A follow-up came or changed: its plan and the dates of its customer."""
    activity = Activity.objects.filter(pk=event.record_id or 0).first()
    if activity is not None:
        services.activity_settle(system_actor("activities"), activity)
        _left_behind(event)


@subscribe("activities.activity.deleted")
def activity_forget(event: Event) -> None:
    """A follow-up went to the trash."""
    gone = Activity.everything.filter(pk=event.record_id or 0).first()
    if gone is not None:
        services.contact_dates_refresh([gone.customer_id], services.contacts_of(gone))


@subscribe("activities.followupplan.*")
def plan_follow(event: Event) -> None:
    """A plan came, changed, went or came back."""
    plan = FollowUpPlan.everything.filter(pk=event.record_id or 0).first()
    if plan is not None:
        services.contact_dates_refresh([plan.customer_id], [plan.contact_id])
        _left_behind(event)


@subscribe("customers.customer.merged", "customers.customer.restored", "customers.customer.updated")
def customer_follow(event: Event) -> None:
    """Customers were merged or that was undone (an update without named changes): their follow-ups moved."""
    if event.record_id and not (event.name.endswith(".updated") and event.changes):
        services.contact_dates_refresh([event.record_id])


@subscribe("customers.contact.merged", "customers.contact.restored", "customers.contact.updated")
def contact_follow(event: Event) -> None:
    """The same for contacts."""
    if event.record_id and not (event.name.endswith(".updated") and event.changes):
        services.contact_dates_refresh([], [event.record_id])


def _left_behind(event: Event) -> None:
    """The customer and contact it belonged to before; an undo names none, so the audit is asked."""
    customer = event.changes.get("customer", [None])[0]
    contact = event.changes.get("contact", [None])[0]
    if not event.changes:
        table = entity_of(event.entity).table
        entries = AuditEntry.objects.filter(entity=table, record_id=event.record_id or 0, action="update")
        last = entries.filter(changes__has_any_keys=["customer_id", "contact_id"]).order_by("-at", "-id").first()
        changes = (last.changes or {}) if last is not None else {}
        customer = changes.get("customer_id", [None])[0]
        contact = changes.get("contact_id", [None])[0]
    if customer or contact:
        services.contact_dates_refresh([customer], [contact])
