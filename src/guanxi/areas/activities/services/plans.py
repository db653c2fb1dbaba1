"""Planned contacts: made, put off, carried out, cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.activities import policies
from guanxi.areas.activities.models import PLAN_CANCELLED, PLAN_OPEN, Activity, FollowUpPlan
from guanxi.areas.activities.services.dates import contact_dates_refresh
from guanxi.areas.activities.services.followups import PLAN, activity_log
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.schema.registry import entity_of

SPANS = ("hour", "evening", "tomorrow", "monday", "week", "month")


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
    moment = put_off(actor, span, until)
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


def put_off(actor: Actor, span: str, until: Any) -> Any:
    """The moment ``until``, or a ``span`` of :data:`SPANS` from now. Raises Invalid."""
    if not until and span not in SPANS:
        raise Invalid(_("Choose one of the values offered."), code="snooze.span", field="span")
    return until or policies.moment_later(span, clock.now(), actor.timezone)
