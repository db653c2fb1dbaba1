"""Follow-ups: noted in ten seconds or by a form; the plan agreed on in one, and those it fulfils."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from guanxi.areas.activities.models import (
    NOTE,
    PLAN_CANCELLED,
    PLAN_DONE,
    PLAN_OPEN,
    Activity,
    FollowUpPlan,
    Participant,
)
from guanxi.areas.activities.services.dates import contact_dates_refresh
from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Operation
from guanxi.core.schema.registry import entity_of

ACTIVITY, PLAN = "activities.activity", "activities.followupplan"
#: A next contact agreed on so long ago is history, not a plan.
STALE = dt.timedelta(days=90)


def activity_create(actor: Actor, *, values: Mapping[str, Any], operation: Operation | None = None) -> Activity:
    """Note a follow-up. The customer may be left to the contact; a next contact makes a plan."""
    with records.writing(actor, operation=operation):
        given = dict(values)
        if not given.get("customer") and given.get("contact"):
            contact = records.get(actor, "customers.contact", int(getattr(given["contact"], "pk", given["contact"])))
            given["customer"] = contact.customer_id
        activity: Activity = records.create_plain(actor, entity_of(ACTIVITY), given, operation=operation)
        activity_settle(actor, activity)
    return activity


def activity_update(
    actor: Actor,
    record: Activity,
    *,
    values: Mapping[str, Any],
    version: int | None = None,
    original: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
) -> Activity:
    """Change a follow-up; its plan follows, and is taken back with it; so do the customer's dates."""
    with records.writing(actor):
        customer, contacts = record.customer_id, contacts_of(record)
        stored: Activity = records.update_plain(
            actor, record, values, version=version, original=original, operation=operation
        )
        step = getattr(stored, "operation_id", None)
        with records.writing(actor, operation=operation or step):
            activity_settle(actor, stored)
            gone = contacts - contacts_of(stored)
            if gone or customer != stored.customer_id:
                contact_dates_refresh([customer], gone)
    return stored


def activity_delete(actor: Actor, record: Activity, *, operation: Operation | None = None) -> Operation:
    """Put a follow-up in the trash; the customer's dates forget it."""
    with records.writing(actor):
        step = records.delete_plain(actor, record, operation=operation)
        contact_dates_refresh([record.customer_id], contacts_of(record))
    return step


def contacts_of(activity: Activity) -> set[int]:
    """Ids of everybody at the customer who took part."""
    further = set(Participant.everything.filter(activity=activity).values_list("contact_id", flat=True))
    return further | ({activity.contact_id} if activity.contact_id else set())


def activity_settle(actor: Actor, activity: Activity) -> None:
    """Bring the plan agreed on in a follow-up, and the customer's dates, up to date. May be repeated."""
    with records.writing(actor):
        _plan_follow(actor, activity)
        contact_dates_refresh([activity.customer_id], contacts_of(activity))


def _plan_follow(actor: Actor, activity: Activity) -> None:
    """The plan of the next contact a follow-up names: made, moved or taken away."""
    plan = FollowUpPlan.everything.filter(origin=activity).order_by("-pk").first()
    wanted = activity.next_contact_at
    if plan is not None:
        if plan.status == PLAN_OPEN and plan.deleted_at is None and plan.planned_at != wanted:
            change = {"planned_at": wanted} if wanted else {"status": PLAN_CANCELLED}
            records.update(actor, plan, change, trusted=True)
        return
    if wanted is None or wanted < clock.now() - STALE:
        return
    if Activity.objects.filter(customer_id=activity.customer_id, occurred_at__gt=wanted).exists():
        return  # there has been a contact since
    values = {
        "customer": activity.customer_id,
        "contact": activity.contact_id,
        "kind": activity.kind if activity.kind != NOTE else "call",
        "planned_at": wanted,
        "owner": activity.owner_id,
        "origin": activity.pk,
    }
    records.create(actor, PLAN, values, trusted=True)


def activity_log(
    actor: Actor,
    *,
    about: Customer | Contact | None = None,
    plan: FollowUpPlan | None = None,
    **values: Any,
) -> Activity:
    """Follow-up in ten seconds: what was said to ``about`` (customer or contact), by default just now.

    The actor's plans for this customer up to today are fulfilled by it (``plan`` names a further one). Values are raw,
    as in ``records.create``. Returns the follow-up.
    """
    given = {name: value for name, value in values.items() if value not in (None, "")}
    if isinstance(about, Contact):
        given.setdefault("contact", about.pk)
        given.setdefault("customer", about.customer_id)
    elif about is not None:
        given.setdefault("customer", about.pk)
    with records.writing(actor):
        activity: Activity = records.create(actor, ACTIVITY, given)
        if activity.kind != NOTE or plan is not None:
            _plans_fulfil(actor, activity, plan)
        contact_dates_refresh([activity.customer_id], contacts_of(activity))
    return activity


def _plans_fulfil(actor: Actor, activity: Activity, plan: FollowUpPlan | None) -> None:
    tomorrow = clock.day_start(clock.today(actor.timezone) + dt.timedelta(days=1), actor.timezone)
    due = FollowUpPlan.objects.filter(
        customer_id=activity.customer_id, owner_id=actor.user_id, status=PLAN_OPEN, planned_at__lt=tomorrow
    ).exclude(origin=activity)
    chosen = {one.pk: one for one in due}
    if plan is not None:
        chosen[plan.pk] = plan
    for one in chosen.values():
        records.update(actor, one, {"status": PLAN_DONE, "activity": activity.pk}, trusted=True)


def activity_pin(actor: Actor, record: Activity) -> Activity:
    """Put a follow-up first on the timeline, or back into its place."""
    changed: Activity = records.update(actor, record, {"pinned": not record.pinned})
    return changed
