"""Small forms that one key opens anywhere: a follow-up, a plan, a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.activities import policies, services
from guanxi.areas.activities.models import (
    FollowUpPlan,
    Task,
)
from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.schema.quick import QuickForm
from guanxi.core.schema.registry import register_quick


def follow_up_guess(actor: Actor, about: Customer | Contact | None) -> Mapping[str, Any]:
    """What the follow-up form proposes."""
    found = policies.guess(actor, about)
    return {"kind": found.kind, "next_contact_at": found.next_contact_at, "contact": found.contact_id}


def plan_guess(actor: Actor, about: Customer | Contact | None) -> Mapping[str, Any]:
    """What the plan form proposes."""
    found = policies.guess(actor, about)
    return {"kind": found.kind, "planned_at": found.next_contact_at, "contact": found.contact_id}


def _about(about: Customer | Contact | None, values: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in values.items() if value not in (None, "")}
    if isinstance(about, Contact):
        return {"contact": about.pk, "customer": about.customer_id, **given}
    return {"customer": about.pk, **given} if about is not None else given


def plan_note(actor: Actor, *, about: Customer | Contact | None = None, **values: Any) -> FollowUpPlan:
    """The plan form's service."""
    made: FollowUpPlan = records.create(actor, services.PLAN, _about(about, values))
    return made


def task_note(actor: Actor, *, about: Customer | Contact | None = None, **values: Any) -> Task:
    """The task form's service."""
    made: Task = records.create(actor, services.TASK, _about(about, values))
    return made


ABOUT = ("customers.customer", "customers.contact")
register_quick(
    QuickForm(
        key="follow-up",
        label=_("Follow-up"),
        entity=services.ACTIVITY,
        subjects=ABOUT,
        fields=("kind", "body", "result", "next_contact_at", "contact"),
        run=services.activity_log,
        guess=follow_up_guess,
        shortcut="f",
        icon="messages",
        at="occurred_at",
    ),
    QuickForm(
        key="plan",
        label=_("Follow-up plan"),
        entity=services.PLAN,
        subjects=ABOUT,
        fields=("planned_at", "kind", "subject", "contact"),
        run=plan_note,
        guess=plan_guess,
        shortcut="p",
        icon="calendar-event",
    ),
    QuickForm(
        key="task",
        label=_("Task"),
        entity=services.TASK,
        subjects=ABOUT,
        fields=("subject", "due_at", "priority", "owner"),
        run=task_note,
        guess=lambda actor, _about: {"owner": actor.user_id, "priority": "normal"},
        shortcut="t",
        icon="checkbox",
    ),
)
