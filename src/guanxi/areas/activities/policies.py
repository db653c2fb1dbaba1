"""Decisions of the area: when a task repeats, when to remind, what to propose; and the rules of its records."""

from __future__ import annotations

import calendar
import datetime as dt
from collections import Counter
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from guanxi.areas.activities import selectors
from guanxi.areas.activities.models import (
    DAILY,
    MONTHLY,
    NOTE,
    PLAN_OPEN,
    TASK_DONE,
    TASK_UNFINISHED,
    WEEKLY,
    YEARLY,
    Activity,
    FollowUpPlan,
    Task,
)
from guanxi.areas.customers.models import Contact, Customer
from guanxi.core.access import visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid

Changes = MutableMapping[str, list[Any]]

#: A follow-up may lie so far ahead (clocks differ, a meeting is noted while it lasts); more is a plan.
AHEAD = dt.timedelta(hours=12)
#: Proposed when nothing is known: days to the next contact, and the hour of the day.
USUAL_DAYS, USUAL_HOUR = 7, 9
_SHORTEST, _LONGEST = 1, 90
_SUBJECT = 60
_LOOK_BACK = 12


# -- reminders ---------------------------------------------------------------------------------------------------------


def reminder_next(moment: dt.datetime | None, minutes: Iterable[str], after: dt.datetime) -> dt.datetime | None:
    """The first reminder later than ``after``, of those so many minutes before ``moment``; ``None`` if none is left."""
    if moment is None:
        return None
    moments = (moment - dt.timedelta(minutes=int(one)) for one in minutes)
    return min((one for one in moments if one > after), default=None)


# -- repetition --------------------------------------------------------------------------------------------------------


def _month_later(day: dt.date, months: int, wanted: int) -> dt.date:
    """``months`` later, on the ``wanted`` day of the month or its last one."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return dt.date(year, month + 1, min(wanted, calendar.monthrange(year, month + 1)[1]))


def _week_later(day: dt.date, interval: int, weekdays: Sequence[str]) -> dt.date:
    """The next chosen weekday of this week, else the first one ``interval`` weeks on. Weeks begin on Monday."""
    chosen = sorted({int(one) for one in weekdays}) or [day.isoweekday()]
    later = [one for one in chosen if one > day.isoweekday()]
    if later:
        return day + dt.timedelta(days=later[0] - day.isoweekday())
    monday = day - dt.timedelta(days=day.weekday()) + dt.timedelta(weeks=interval)
    return monday + dt.timedelta(days=chosen[0] - 1)


def day_next(day: dt.date, repeat: str, interval: int, weekdays: Sequence[str], day_of_month: int) -> dt.date:
    """The day after ``day`` on which something repeated so falls. Raises Invalid for a day beyond the calendar."""
    try:
        if repeat == DAILY:
            return day + dt.timedelta(days=interval)
        if repeat == WEEKLY:
            return _week_later(day, interval, weekdays)
        return _month_later(day, interval * (12 if repeat == YEARLY else 1), day_of_month)
    except (OverflowError, ValueError):
        raise Invalid(_("The repetition leads beyond the calendar."), code="task.repeat", field="repeat") from None


def due_next(task: Task, now: dt.datetime, timezone: str) -> dt.datetime | None:
    """When the task is due again: the first turn after its own that is not over yet; ``None`` when the series ends.

    The time of day stays the same in ``timezone``, whatever summer time does.
    """
    if not task.repeat or task.due_at is None:
        return None
    if task.repeat_count is not None and task.occurrence >= task.repeat_count:
        return None
    local = task.due_at.astimezone(ZoneInfo(timezone))
    day, today = local.date(), now.astimezone(ZoneInfo(timezone)).date()
    while True:
        day = day_next(day, task.repeat, task.repeat_interval, task.repeat_weekdays, task.repeat_day or local.day)
        if task.repeat_until is not None and day > task.repeat_until:
            return None
        if day >= today:
            return dt.datetime.combine(day, local.timetz().replace(tzinfo=None), ZoneInfo(timezone)).astimezone(dt.UTC)


# -- proposals ---------------------------------------------------------------------------------------------------------


def kind_guess(planned: str, with_customer: Sequence[str], by_person: Sequence[str]) -> str:
    """The likely type: the planned one, else the one most used with this customer lately, else by this person."""
    if planned:
        return planned
    for kinds in (with_customer, by_person):
        used = [kind for kind in kinds if kind != NOTE]
        if used:
            return Counter(used).most_common(1)[0][0]
    return "call"


def next_guess(moments: Sequence[dt.datetime], now: dt.datetime, timezone: str) -> dt.datetime:
    """When to be in touch again: after the usual pause between these contacts, on a working day, at a usual hour.

    ``moments`` are past contacts in any order. Fewer than three say nothing: a week is proposed.
    """
    zone = ZoneInfo(timezone)
    days = sorted({moment.astimezone(zone).date() for moment in moments})
    pauses = [(later - earlier).days for earlier, later in pairwise(days)]
    pause = round(median(pauses)) if len(pauses) >= 2 else USUAL_DAYS
    day = now.astimezone(zone).date() + dt.timedelta(days=min(max(pause, _SHORTEST), _LONGEST))
    if day.isoweekday() > 5:
        day += dt.timedelta(days=8 - day.isoweekday())
    hours = sorted(moment.astimezone(zone).hour for moment in moments)
    hour = hours[len(hours) // 2] if len(hours) >= 3 else USUAL_HOUR
    return dt.datetime.combine(day, dt.time(min(max(hour, 8), 18)), zone).astimezone(dt.UTC)


@dataclass(frozen=True, slots=True)
class Guess:
    """What the small form proposes. ``plan`` is the plan this follow-up will fulfil."""

    kind: str
    next_contact_at: dt.datetime
    contact_id: int | None = None
    subject: str = ""
    plan: FollowUpPlan | None = None


def guess(actor: Actor, about: Customer | Contact | None) -> Guess:
    """Type and next date of a follow-up with ``about``, from the actor's plan and past habits; at most 3 queries."""
    customer_id = about.customer_id if isinstance(about, Contact) else getattr(about, "pk", None)
    plan = _due_plan(actor, customer_id) if customer_id else None
    past: list[tuple[str, dt.datetime]] = []
    if customer_id:
        rows = visible(Activity.objects.filter(customer_id=customer_id), actor).order_by("-occurred_at", "-id")
        past = list(rows.values_list("kind", "occurred_at")[:_LOOK_BACK])
    own: list[str] = []
    if plan is None and not any(kind != NOTE for kind, _moment in past):
        mine = Activity.objects.filter(owner_id=actor.user_id).order_by("-occurred_at", "-id")
        own = list(mine.values_list("kind", flat=True)[:20])
    moments = [moment for kind, moment in past if kind != NOTE]
    return Guess(
        kind=kind_guess(plan.kind if plan else "", [kind for kind, _moment in past], own),
        next_contact_at=next_guess([*moments, clock.now()] if moments else [], clock.now(), actor.timezone),
        contact_id=about.pk if isinstance(about, Contact) else plan.contact_id if plan else None,
        subject=plan.subject if plan else "",
        plan=plan,
    )


def _due_plan(actor: Actor, customer_id: int) -> FollowUpPlan | None:
    """The actor's first open plan for the customer, up to the end of today."""
    plans = FollowUpPlan.objects.filter(
        customer_id=customer_id, owner_id=actor.user_id, status=PLAN_OPEN, planned_at__lt=selectors.tomorrow(actor)
    )
    return plans.order_by("planned_at", "pk").first()


def moment_later(span: str, now: dt.datetime, timezone: str) -> dt.datetime:
    """``hour`` from now, ``evening`` (18:00); ``tomorrow``, next ``monday``, in a ``week`` or ``month``, at 9:00."""
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    if span == "hour":
        return now + dt.timedelta(hours=1)
    if span == "evening":
        evening = dt.datetime.combine(today, dt.time(18), zone).astimezone(dt.UTC)
        return evening if evening > now else now + dt.timedelta(hours=1)
    days = {
        "tomorrow": 1,
        "monday": 8 - today.isoweekday(),
        "week": 7,
        "month": (_month_later(today, 1, today.day) - today).days,
    }
    return dt.datetime.combine(today + dt.timedelta(days=days[span]), dt.time(USUAL_HOUR), zone).astimezone(dt.UTC)


# -- rules -------------------------------------------------------------------------------------------------------------


def _set(record: Any, changes: Changes, name: str, value: Any) -> None:
    """Change a value on the way in, so that the event tells of it too."""
    now = getattr(record, name)
    if value != now:
        changes[name] = [changes[name][0] if name in changes else now, value]
        setattr(record, name, value)


def _contact_fits(record: Any) -> None:
    """The contact says the customer where none is given."""
    if record.contact_id is not None and record.customer_id is None:
        record.customer_id = record.contact.customer_id


def activity_clean(_actor: Actor, record: Activity, changes: Changes) -> None:
    """A follow-up has happened; one without a subject takes its first line."""
    if "occurred_at" in changes and record.occurred_at is not None and record.occurred_at > clock.now() + AHEAD:
        raise Invalid(
            _("A follow-up has happened already. Make a follow-up plan of it instead."),
            code="activity.future",
            field="occurred_at",
        )
    if not record.subject and record.body.strip():
        line = " ".join(record.body.strip().splitlines()[0].split())
        _set(record, changes, "subject", line if len(line) <= _SUBJECT else f"{line[: _SUBJECT - 1]}…")


def plan_clean(_actor: Actor, record: FollowUpPlan, changes: Changes) -> None:
    """An open plan reminds; a closed one has a moment of closing."""
    is_open = record.status == PLAN_OPEN
    if is_open and record.activity_id is not None:
        record.activity_id = None
    record.closed_at = None if is_open else record.closed_at or clock.now()
    if not is_open:
        record.next_reminder_at = None
    elif record.pk is None or {"planned_at", "reminders", "status"} & set(changes):
        record.next_reminder_at = reminder_next(record.planned_at, record.reminders, clock.now())


def task_clean(actor: Actor, record: Task, changes: Changes) -> None:
    """A repeated task is due some day; a done one has a moment; reminders follow the due date."""
    _contact_fits(record)
    _repeat_check(actor, record)
    moved = record.repeat_day is None or (record.pk is not None and "due_at" in changes)
    if record.repeat in (MONTHLY, YEARLY) and record.due_at is not None and moved:
        record.repeat_day = record.due_at.astimezone(ZoneInfo(actor.timezone)).day
    record.completed_at = (record.completed_at or clock.now()) if record.status == TASK_DONE else None
    if record.status not in TASK_UNFINISHED:
        record.next_reminder_at = None
    elif record.pk is None or {"due_at", "reminders", "status"} & set(changes):
        record.next_reminder_at = reminder_next(record.due_at, record.reminders, clock.now())


def _repeat_check(actor: Actor, record: Task) -> None:
    if not record.repeat:
        return
    if record.due_at is None:
        raise Invalid(_("A task that repeats needs a due date."), code="task.repeat_due", field="due_at")
    if record.repeat_interval < 1:
        raise Invalid(_("Repeat at least every 1."), code="task.repeat_interval", field="repeat_interval")
    if record.repeat_until is not None and record.repeat_until < clock.day_of(record.due_at, actor.timezone):
        raise Invalid(_("This day lies before the due date."), code="task.repeat_until", field="repeat_until")
