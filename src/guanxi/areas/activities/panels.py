"""Blocks on the pages of customers and contacts, and cards of the home page. They read; they never write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.activities import selectors
from guanxi.areas.activities.models import FollowUpPlan
from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.access import allowed, reads
from guanxi.core.automation.notify import unread_mentions
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import display
from guanxi.core.records.seen import seen
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.contributions import Card, add_cards, add_due


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to do, as a card or strip shows it: whom it concerns is named only as far as the reader may see him."""

    record: Any
    entity: str
    path: str
    title: str
    customer_id: int | None
    customer: str
    contact: str
    at: Any
    late: bool
    kind: str
    color: str
    priority: str
    owner: str
    may_change: bool


def _lines(actor: Actor, rows: Iterable[Any], owners: Mapping[int, str] | None = None) -> list[Line]:
    found = list(rows)
    names = display.names_of(
        actor,
        {
            "customers.customer": {row.customer_id for row in found if row.customer_id},
            "customers.contact": {row.contact_id for row in found if row.contact_id},
        },
    )
    now = clock.now()
    lines = []
    for whole in found:
        is_plan, row, key = isinstance(whole, FollowUpPlan), seen(actor, whole), whole._meta.label_lower
        at = row.planned_at if is_plan else row.due_at
        field = records.fields_of(key)["kind" if is_plan else "priority"]
        choice = records.dictionaries.choice_of(field, row.kind if is_plan else row.priority)
        customer = names.get("customers.customer", {}).get(row.customer_id, "")
        lines.append(
            Line(
                record=row,
                entity=key,
                path="plans" if is_plan else "tasks",
                title=row.subject or customer or (choice.label if choice else ""),
                customer_id=row.customer_id if customer else None,
                customer=customer,
                contact=names.get("customers.contact", {}).get(row.contact_id, ""),
                at=at,
                late=at is not None and at < now,
                kind=choice.label if choice and is_plan else "",
                color=choice.color if choice else "",
                priority="" if is_plan else row.priority,
                owner=(owners or {}).get(row.owner_id, ""),
                may_change=allowed(actor, "change", whole),
            )
        )
    return lines


def ahead(actor: Actor, subject: Customer | Contact) -> Mapping[str, Any]:
    """The strip of what comes next: open plans and tasks, and how long nobody was in touch."""
    found = selectors.ahead(actor, subject)
    return {
        "plans": _lines(actor, found.plans, found.owners),
        "tasks": _lines(actor, found.tasks, found.owners),
        "last_contact_at": seen(actor, subject).last_contact_at,
        "knows_contact": reads(actor, subject._meta.label_lower, "last_contact_at"),
        "may_log": allowed(actor, "create", "activities.activity"),
        "may_plan": allowed(actor, "create", "activities.followupplan"),
        "may_task": allowed(actor, "create", "activities.task"),
        "subject": subject,
        "subject_entity": subject._meta.label_lower,
    }


def tasks_card(actor: Actor) -> Mapping[str, Any] | None:
    """Late tasks and those due today."""
    if not allowed(actor, "view", "activities.task"):
        return None
    late, due = selectors.today_tasks(actor)
    return {"late": _lines(actor, late.items), "due": _lines(actor, due.items), "count": late.count + due.count}


def plans_card(actor: Actor) -> Mapping[str, Any] | None:
    """Contacts planned for today, and those that were to be made before."""
    if not allowed(actor, "view", "activities.followupplan"):
        return None
    late, due = selectors.today_plans(actor)
    return {"late": _lines(actor, late.items), "due": _lines(actor, due.items), "count": late.count + due.count}


def mentions_card(actor: Actor) -> Mapping[str, Any] | None:
    """Where somebody mentioned the reader; no card without one."""
    notes = unread_mentions(actor, limit=8) if actor.user_id else ()
    shown = [(note, f"/{entity_of(note.entity).path}/{note.record_id}/") for note in notes if note.record_id]
    return {"mentions": shown} if shown else None


add_cards(
    Card(
        key="mentions",
        label=_("Mentions"),
        template="activities/mentions_card.jinja",
        context=mentions_card,
        icon="at",
        url="/notifications/",
        order=5,
    ),
    Card(
        key="plans",
        label=_("Contact today"),
        template="activities/plans_card.jinja",
        context=plans_card,
        icon="calendar-event",
        url="/plans/",
        order=10,
    ),
    Card(
        key="tasks",
        label=_("Tasks"),
        template="activities/tasks_card.jinja",
        context=tasks_card,
        icon="checkbox",
        url="/tasks/",
        order=20,
    ),
)
add_due("activities", selectors.due_count)
