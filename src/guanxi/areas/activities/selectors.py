"""What is read of activities beyond lists: proposals, the day's work, the calendar, what comes next with a customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from guanxi.areas.activities.models import (
    NOTE,
    PLAN_OPEN,
    TASK_UNFINISHED,
    Activity,
    FollowUpPlan,
    Task,
)
from guanxi.areas.customers.models import Contact, Customer
from guanxi.core.access import allowed, visible
from guanxi.core.automation.notify import Note, unread_mentions
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models import User
from guanxi.core.models.fixed import Fixed
from guanxi.core.records.children import leads

#: The day's work shows so many of each sort.
MOST = 50


def tomorrow(actor: Actor) -> dt.datetime:
    """The moment the next day begins for the actor."""
    return clock.day_start(clock.today(actor.timezone) + dt.timedelta(days=1), actor.timezone)


# -- the day's work ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pile:
    """Some of the things of one sort, and how many there are (exact up to 1,000)."""

    items: tuple[Any, ...]
    count: int


NOTHING = Pile((), 0)


@dataclass(frozen=True, slots=True)
class Today:
    """A person's work of the day: tasks late and due, contacts late and planned, mentions not read."""

    tasks_late: Pile
    tasks_due: Pile
    plans_late: Pile
    plans_due: Pile
    mentions: tuple[Note, ...]

    @property
    def count(self) -> int:
        """How many things wait."""
        piles = (self.tasks_late, self.tasks_due, self.plans_late, self.plans_due)
        return sum(pile.count for pile in piles) + len(self.mentions)


def my_tasks(actor: Actor) -> QuerySet[Task]:
    """The actor's unfinished tasks."""
    return Task.objects.filter(owner_id=actor.user_id, status__in=TASK_UNFINISHED)


def my_plans(actor: Actor) -> QuerySet[FollowUpPlan]:
    """The actor's open plans."""
    return FollowUpPlan.objects.filter(owner_id=actor.user_id, status=PLAN_OPEN)


def today(actor: Actor) -> Today:
    """What the actor has to do today in his time zone: four queries and those of the mentions."""
    tasks_late, tasks_due = today_tasks(actor)
    plans_late, plans_due = today_plans(actor)
    mentions = unread_mentions(actor) if actor.user_id else ()
    return Today(tasks_late, tasks_due, plans_late, plans_due, mentions)


def today_tasks(actor: Actor) -> tuple[Pile, Pile]:
    """The actor's tasks that are late (due before this moment), and those still due today."""
    if not due_count(actor):
        return NOTHING, NOTHING
    tasks = visible(my_tasks(actor), actor)
    return _piles(tasks, "due_at", clock.now(), tomorrow(actor))


def today_plans(actor: Actor) -> tuple[Pile, Pile]:
    """The actor's contacts planned before today, and those planned for today."""
    if not due_count(actor):
        return NOTHING, NOTHING
    start = clock.day_start(clock.today(actor.timezone), actor.timezone)
    plans = visible(my_plans(actor), actor)
    return _piles(plans, "planned_at", start, tomorrow(actor))


def _piles(rows: QuerySet[Any], at: str, now: dt.datetime, end: dt.datetime) -> tuple[Pile, Pile]:
    """What is late, and what is due until ``end``; one question while there is not more than is shown."""
    early = tuple(rows.filter(**{f"{at}__lt": end}).order_by(at, "pk")[: MOST + 1])
    if len(early) > MOST:
        due = rows.filter(**{f"{at}__gte": now, f"{at}__lt": end})
        return _pile(rows.filter(**{f"{at}__lt": now}), at), _pile(due, at)
    late = tuple(one for one in early if getattr(one, at) < now)
    return Pile(late, len(late)), Pile(early[len(late) :], len(early) - len(late))


def _pile(rows: QuerySet[Any], at: str) -> Pile:
    found = tuple(rows.order_by(at, "pk")[: MOST + 1])
    if len(found) <= MOST:
        return Pile(found, len(found))
    return Pile(found[:MOST], rows.order_by()[:1000].count())


_DUE = Fixed(
    lambda user_id, end: (
        Task.objects.filter(owner_id=user_id, status__in=TASK_UNFINISHED, due_at__lt=end)
        .values_list("pk")[:100]
        .union(
            FollowUpPlan.objects.filter(owner_id=user_id, status=PLAN_OPEN, planned_at__lt=end).values_list("pk")[:100],
            all=True,
        )
    ),
    [-1, dt.datetime(1, 1, 2, tzinfo=dt.UTC)],
)


@asked_once(lambda actor: actor.user_id)
def due_count(actor: Actor) -> int:
    """How many of the actor's tasks and plans are late or due today; for the number in the navigation."""
    if actor.user_id is None:
        return 0
    end = tomorrow(actor)
    return len(_DUE.rows(actor.user_id, end))


# -- the calendar ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CalendarItem:
    """Something at a moment: a task due, a planned contact, a follow-up. ``minutes`` is how long it takes, if known."""

    entity: str
    record: Any
    at: dt.datetime
    minutes: int | None
    title: str
    owner_id: int | None
    done: bool


def calendar(
    actor: Actor, start: dt.datetime, end: dt.datetime, *, people: Sequence[int] = (), limit: int = 1000
) -> list[CalendarItem]:
    """What lies from ``start`` up to ``end`` (aware): the actor's own, or that of ``people`` he may see."""
    owners = list(people) or [actor.user_id or 0]
    found: list[CalendarItem] = []
    sources: tuple[tuple[str, QuerySet[Any], str], ...] = (
        ("activities.task", Task.objects.exclude(status="cancelled"), "due_at"),
        ("activities.followupplan", FollowUpPlan.objects.filter(status=PLAN_OPEN), "planned_at"),
        ("activities.activity", Activity.objects.exclude(kind=NOTE), "occurred_at"),
    )
    for key, rows, at in sources:
        if not allowed(actor, "view", key):
            continue
        chosen = rows.filter(Q(owner_id__in=owners), **{f"{at}__gte": start, f"{at}__lt": end})
        found += [
            CalendarItem(
                entity=key,
                record=row,
                at=getattr(row, at),
                minutes=getattr(row, "duration", None),
                title=str(row),
                owner_id=row.owner_id,
                done=key == "activities.activity" or row.status == "done",
            )
            for row in visible(chosen, actor).order_by(at, "pk")[:limit]
        ]
    return sorted(found, key=lambda item: (item.at, item.entity, item.record.pk))[:limit]


# -- with one customer -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ahead:
    """What comes next with a customer or contact."""

    plans: tuple[FollowUpPlan, ...]
    tasks: tuple[Task, ...]
    owners: dict[int, str]


def ahead(actor: Actor, subject: Customer | Contact, *, limit: int = 5) -> Ahead:
    """Open plans and unfinished tasks with ``subject`` the actor may see, the next first; three queries."""
    name = "contact" if isinstance(subject, Contact) else "customer"
    on, key = {f"{name}_id": subject.pk}, f"customers.{name}"
    next_plans: tuple[FollowUpPlan, ...] = ()
    next_tasks: tuple[Task, ...] = ()
    if leads(key, subject.pk, "activities.followupplan", name):
        plans = visible(FollowUpPlan.objects.filter(status=PLAN_OPEN, **on), actor)
        next_plans = tuple(plans.order_by("planned_at", "pk")[:limit])
    if leads(key, subject.pk, "activities.task", name):
        tasks = visible(Task.objects.filter(status__in=TASK_UNFINISHED, **on), actor)
        next_tasks = tuple(tasks.order_by("due_at", "pk")[:limit])
    ids = {row.owner_id for row in (*next_plans, *next_tasks) if row.owner_id}
    owners = dict(User.everything.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
    return Ahead(next_plans, next_tasks, owners)
