"""What people do with follow-ups, plans and tasks. Lists, forms, API and imports come here through the declaration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from guanxi.areas.activities import policies
from guanxi.areas.activities.models import (
    NOTE,
    PLAN_CANCELLED,
    PLAN_DONE,
    PLAN_OPEN,
    TASK_DONE,
    TASK_OPEN,
    TASK_UNFINISHED,
    Activity,
    FollowUpPlan,
    Participant,
    Task,
)
from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.access import allowed, require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Collaborator, Operation, User
from guanxi.core.schema.registry import entity_of

ACTIVITY, PLAN, TASK = "activities.activity", "activities.followupplan", "activities.task"
#: A next contact agreed on so long ago is history, not a plan.
STALE = dt.timedelta(days=90)
SPANS = ("hour", "evening", "tomorrow", "monday", "week", "month")


# -- follow-ups --------------------------------------------------------------------------------------------------------


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


# -- plans -------------------------------------------------------------------------------------------------------------


def plan_create(actor: Actor, *, values: Mapping[str, Any], operation: Operation | None = None) -> FollowUpPlan:
    """Plan the next contact."""
    with records.writing(actor, operation=operation):
        plan: FollowUpPlan = records.create_plain(actor, entity_of(PLAN), values, operation=operation)
        contact_dates_refresh([plan.customer_id], [plan.contact_id])
    return plan


def plan_update(
    actor: Actor,
    record: FollowUpPlan,
    *,
    values: Mapping[str, Any],
    version: int | None = None,
    original: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
) -> FollowUpPlan:
    """Change a plan; the customer's next contact follows."""
    with records.writing(actor):
        before = (record.customer_id, record.contact_id)
        stored: FollowUpPlan = records.update_plain(
            actor, record, values, version=version, original=original, operation=operation
        )
        contact_dates_refresh({before[0], stored.customer_id}, {before[1], stored.contact_id})
    return stored


def plan_delete(actor: Actor, record: FollowUpPlan, *, operation: Operation | None = None) -> Operation:
    """Put a plan in the trash; the customer's next contact forgets it."""
    with records.writing(actor):
        step = records.delete_plain(actor, record, operation=operation)
        contact_dates_refresh([record.customer_id], [record.contact_id])
    return step


def plan_convert(actor: Actor, record: FollowUpPlan, **values: Any) -> Activity:
    """The planned contact has happened: make the follow-up of it and close the plan. Raises RuleBroken if it is closed.

    ``values`` go into the follow-up (body, result, next_contact_at …); type, contact and purpose come from the plan.
    """
    with records.writing(actor):
        plan: FollowUpPlan = records.locked(actor, entity_of(PLAN), record.pk)
        require(actor, "change", plan)
        _plan_is_open(plan)
        given = {"kind": plan.kind, "contact": plan.contact_id, "subject": plan.subject, "place": plan.place}
        given |= {name: value for name, value in values.items() if value not in (None, "")}
        given["customer"] = plan.customer_id
        return activity_log(actor, plan=plan, **given)


def plan_snooze(actor: Actor, record: FollowUpPlan, *, span: str = "tomorrow", until: Any = None) -> FollowUpPlan:
    """Put a plan off: to ``until``, or by a ``span`` of :data:`SPANS` from now."""
    _plan_is_open(record)
    moment = until or policies.moment_later(_span(span), clock.now(), actor.timezone)
    changed: FollowUpPlan = records.update(actor, record, {"planned_at": moment})
    return changed


def plan_cancel(actor: Actor, record: FollowUpPlan) -> FollowUpPlan:
    """The contact is not wanted any more."""
    _plan_is_open(record)
    changed: FollowUpPlan = records.update(actor, record, {"status": PLAN_CANCELLED})
    return changed


def _plan_is_open(plan: FollowUpPlan) -> None:
    if plan.status != PLAN_OPEN:
        raise RuleBroken(_("This plan is closed already."), code="plan.closed")


def _span(span: str) -> str:
    if span not in SPANS:
        raise Invalid(_("Choose one of the values offered."), code="snooze.span", field="span")
    return span


# -- tasks -------------------------------------------------------------------------------------------------------------


def task_update(
    actor: Actor,
    record: Task,
    *,
    values: Mapping[str, Any],
    version: int | None = None,
    original: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
) -> Task:
    """Change a task; one that becomes done in a series makes the next one."""
    with records.writing(actor):
        before = record.status
        stored: Task = records.update_plain(
            actor, record, values, version=version, original=original, operation=operation
        )
        if stored.status == TASK_DONE and before != TASK_DONE:
            with records.writing(actor, operation=operation or getattr(stored, "operation_id", None)):
                _task_repeat(actor, stored)
    return stored


def _task_repeat(actor: Actor, task: Task) -> Task | None:
    """The next task of a series, if there is to be one and it is not there yet."""
    owner = User.everything.filter(pk=task.owner_id or 0).only("timezone").first()
    due = policies.due_next(task, clock.now(), owner.timezone if owner else actor.timezone)
    first = task.series_id or task.pk
    if due is None or Task.everything.filter(series_id=first, occurrence=task.occurrence + 1).exists():
        return None
    names = (
        "subject", "description", "priority", "reminders", "repeat", "repeat_interval", "repeat_weekdays",
        "repeat_until", "repeat_count",
    )  # fmt: skip
    following = Task(
        **{name: getattr(task, name) for name in names},
        customer_id=task.customer_id,
        contact_id=task.contact_id,
        owner_id=task.owner_id,
        tags=list(task.tags),
        custom=dict(task.custom),
        checklist=[{**step, "done": False} for step in task.checklist],
        due_at=due,
        repeat_day=task.repeat_day,
        series_id=first,
        occurrence=task.occurrence + 1,
    )
    records.save(actor, following, creating=True)
    return following


def task_complete(actor: Actor, record: Task) -> Task:
    """The task is done; of a series the next one appears. Doing it twice changes nothing."""
    if record.status == TASK_DONE:
        return record
    changed: Task = records.update(actor, record, {"status": TASK_DONE})
    return changed


def task_reopen(actor: Actor, record: Task) -> Task:
    """The task is not done after all."""
    if record.status in TASK_UNFINISHED:
        return record
    changed: Task = records.update(actor, record, {"status": TASK_OPEN})
    return changed


def task_snooze(actor: Actor, record: Task, *, span: str = "tomorrow", until: Any = None) -> Task:
    """Put a task off: to ``until``, or by a ``span`` of :data:`SPANS` from now."""
    if record.status not in TASK_UNFINISHED:
        raise RuleBroken(_("This task is closed already."), code="task.closed")
    moment = until or policies.moment_later(_span(span), clock.now(), actor.timezone)
    changed: Task = records.update(actor, record, {"due_at": moment})
    return changed


def task_delegate(actor: Actor, record: Task, *, to: Any, note: str = "") -> Task:
    """Hand a task one may change to a colleague, who is told; whoever handed it over may go on reading it."""
    number = int(getattr(to, "pk", to) or 0)
    if number == record.owner_id:
        raise Invalid(_("It is this colleague's task already."), code="task.same_owner", field="to")
    with records.writing(actor):
        task: Task = records.locked(actor, entity_of(TASK), record.pk)
        require(actor, "change", task)
        values: dict[str, Any] = {"owner": number}
        if note.strip():
            values["description"] = f"{task.description}\n\n{note.strip()}".strip()
        try:
            changed: Task = records.update(actor, task, values, trusted=True)
        except Invalid as error:
            raise Invalid(error.message, code=error.code, field="to") from None
        if actor.user_id is not None and not allowed(actor, "view", changed):
            Collaborator.objects.get_or_create(
                entity=TASK,
                record_id=changed.pk,
                user_id=actor.user_id,
                defaults={"level": "read", "created_by_id": actor.user_id},
            )
    return changed


def task_tick(actor: Actor, record: Task, *, step: int, done: bool = True) -> Task:
    """Tick one step of the checklist (counted from 0), or untick it."""
    if not 0 <= int(step) < len(record.checklist):
        raise Invalid(_("There is no such step."), code="task.step", field="step")
    steps = [{**row, "done": done} if number == int(step) else row for number, row in enumerate(record.checklist)]
    changed: Task = records.update(actor, record, {"checklist": steps})
    return changed


# -- the dates of customers and contacts -------------------------------------------------------------------------------

_CUSTOMER_DATES = """
UPDATE customers_customer c SET first_contact_at = f.first, last_contact_at = f.last, next_plan_at = f.next
FROM (
    SELECT i.id,
        (SELECT min(a.occurred_at) FROM activities_activity a
         WHERE a.customer_id = i.id AND a.deleted_at IS NULL AND a.kind <> %(note)s) AS first,
        (SELECT max(a.occurred_at) FROM activities_activity a
         WHERE a.customer_id = i.id AND a.deleted_at IS NULL AND a.kind <> %(note)s) AS last,
        (SELECT min(p.planned_at) FROM activities_followupplan p
         WHERE p.customer_id = i.id AND p.deleted_at IS NULL AND p.status = %(open)s) AS next
    FROM unnest(%(ids)s::bigint[]) i(id)
) f
WHERE c.id = f.id AND c.deleted_at IS NULL AND (c.first_contact_at, c.last_contact_at, c.next_plan_at) IS DISTINCT FROM (f.first, f.last, f.next)
"""
_CONTACT_DATES = """
UPDATE customers_contact c SET last_contact_at = f.last, next_plan_at = f.next
FROM (
    SELECT i.id,
        (SELECT max(a.occurred_at) FROM activities_activity a
         WHERE (a.contact_id = i.id OR a.id IN (SELECT t.activity_id FROM activities_participant t
                WHERE t.contact_id = i.id AND t.deleted_at IS NULL))
           AND a.deleted_at IS NULL AND a.kind <> %(note)s) AS last,
        (SELECT min(p.planned_at) FROM activities_followupplan p
         WHERE p.contact_id = i.id AND p.deleted_at IS NULL AND p.status = %(open)s) AS next
    FROM unnest(%(ids)s::bigint[]) i(id)
) f
WHERE c.id = f.id AND c.deleted_at IS NULL AND (c.last_contact_at, c.next_plan_at) IS DISTINCT FROM (f.last, f.next)
"""


def contact_dates_refresh(customers: Iterable[int | None], contacts: Iterable[int | None] = ()) -> None:
    """Work out anew when these customers and contacts were first and last in touch, and when they will be next.

    No part of the operation under way: after an undo they are worked out again. What lies in the trash keeps its dates, so that
    it has them the moment it comes back.
    """
    with records.writing(system_actor("activities")), connection.cursor() as cursor:
        for sql, wanted in ((_CUSTOMER_DATES, customers), (_CONTACT_DATES, contacts)):
            ids = sorted({number for number in wanted if number})
            if ids:
                cursor.execute(sql, {"ids": ids, "note": NOTE, "open": PLAN_OPEN})
