"""What is read of work reports: the days of a period, what comes next, who has sent and who has not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from guanxi.areas.activities.models import PLAN_OPEN, TASK_UNFINISHED, FollowUpPlan, Task
from guanxi.areas.diary.models import DAY, DRAFT, MONTH, WEEK, WorkReport
from guanxi.core.access import sight, visible
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.working_time import Calendar, add_working_days, is_working_day
from guanxi.core.models import Preference, User
from guanxi.core.models.fixed import Fixed, Shaped
from guanxi.core.models.stamps import kept
from guanxi.core.records import display, worktime
from guanxi.core.reporting.windows import Window, bucket_start, bucket_window

REPORT = "diary.workreport"
#: The preference with the roles whose holders write work reports, which ones, and the hour at which they are reminded.
PREFERENCE = "diary"
ROLES, HOUR, ASKED = ("member", "trainee"), 18, (DAY, WEEK, MONTH)


@kept("preferences", size=1)
def _settings() -> dict[str, Any]:
    found = Preference.objects.filter(key=PREFERENCE).values_list("value", flat=True).first()
    return found if isinstance(found, dict) else {}


def writing_roles() -> Sequence[str]:
    """Keys of the roles whose holders write work reports."""
    return tuple(_settings().get("roles", ROLES))


def reminder_hour() -> int:
    """The hour of a person's working day at which a missing report is asked for."""
    return int(_settings().get("hour", HOUR))


def asked_periods() -> Sequence[str]:
    """The periods of which a report is expected."""
    return tuple(_settings().get("periods", ASKED))


def is_last_working_day(period: str, day: dt.date, calendar: Calendar) -> bool:
    """Whether a day is the last working day of its period."""
    if not is_working_day(day, calendar):
        return False
    last = window(period, day).last or day
    return not any(is_working_day(day + dt.timedelta(days=one), calendar) for one in range(1, (last - day).days + 1))


def first_day(period: str, day: dt.date) -> dt.date:
    """The day a period is kept under: its first one; of a week the Monday in it, whatever day the reader's weeks begin with.

    So the weeks of people with other habits are the same reports.
    """
    if period == WEEK:
        start = regional.week_start(day)
        return start + dt.timedelta(days=-start.weekday() % 7)
    return bucket_start(day, period, 1)


def window(period: str, day: dt.date) -> Window:
    """The days of a report; a week's are those of the reader."""
    first = first_day(period, day)
    return bucket_window(regional.week_start(first) if period == WEEK else first, period)


def next_window(actor: Actor, period: str, day: dt.date) -> Window:
    """The days its plan is about: up to the next working day for a day, else the period after."""
    last = window(period, day).last or day
    if period == DAY and actor.user_id:
        following = add_working_days(last, 1, worktime.calendar_of_user(actor.user_id))
        return Window(last + dt.timedelta(days=1), following)
    return window(period, last + dt.timedelta(days=1))


def plan_lines(actor: Actor, person: int, period: str, day: dt.date) -> str:
    """What the person has planned for the next period, one line a thing; two queries and the names."""
    ahead = next_window(actor, period, day)
    if ahead.first is None or ahead.last is None:
        return ""
    start = clock.day_start(ahead.first, actor.timezone)
    end = clock.day_start(ahead.last + dt.timedelta(days=1), actor.timezone)
    plans = FollowUpPlan.objects.filter(owner_id=person, status=PLAN_OPEN, planned_at__gte=start, planned_at__lt=end)
    tasks = Task.objects.filter(owner_id=person, status__in=TASK_UNFINISHED, due_at__gte=start, due_at__lt=end)
    found: list[tuple[dt.datetime, Any]] = [(one.planned_at, one) for one in visible(plans, actor)[:40]]
    found += [(one.due_at, one) for one in visible(tasks, actor)[:40] if one.due_at is not None]
    customers = {one.customer_id for _at, one in found if one.customer_id}
    names = display.names_of(actor, {"customers.customer": customers}).get("customers.customer", {})
    lines = []
    for _at, one in sorted(found, key=lambda pair: (pair[0], pair[1].pk)):
        whom = names.get(one.customer_id or 0, "")
        lines.append(" · ".join(part for part in (one.subject, whom) if part))
    return "\n".join(f"{number}. {line}" for number, line in enumerate(dict.fromkeys(lines), start=1))


def told_before(person: int, period: str, day: dt.date) -> str:
    """What the person said in his reports of the days, or of the weeks, of a longer period: where its own words begin."""
    span = window(period, day)
    if period == DAY or span.first is None or span.last is None:
        return ""
    for shorter in (WEEK, DAY) if period == MONTH else (DAY,):
        told = WorkReport.objects.filter(owner_id=person, period=shorter, day__gte=span.first, day__lte=span.last)
        lines = [f"{one.day:%m-%d} {one.summary.strip()}" for one in told.order_by("day") if one.summary.strip()]
        if lines:
            return "\n".join(lines)
    return ""


def report_of(person: int, period: str, day: dt.date) -> WorkReport | None:
    """The person's report of a period, sent or not."""
    return next(iter(_REPORT.rows(person, period, first_day(period, day))), None)


_REPORT = Fixed(
    lambda person, period, day: WorkReport.objects.filter(owner_id=person, period=period, day=day).order_by("pk")[:1],
    [-7001, "\0", dt.date(1, 1, 2)],
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with one person's report."""

    user_id: int
    name: str
    report: WorkReport | None

    @property
    def sent(self) -> bool:
        """Whether it has been sent."""
        return self.report is not None and self.report.status != DRAFT


def expected(actor: Actor) -> dict[int, str]:
    """People whose work reports the actor may read and who are to write them, by id; himself left out."""
    reach = actor.rights.of(REPORT, "view")
    me, roles = actor.user_id or 0, list(writing_roles())
    others = sorted(reach.owners - {me})
    if not reach.everyone and not others:
        return {}
    found = _EVERYBODY.rows(me, roles) if reach.everyone else _THESE.rows(me, roles, others)
    return {pk: name for pk, name, *_order in found}


def _writers(me: int, roles: Sequence[str]) -> QuerySet[User, tuple[int, str]]:
    people = User.objects.filter(is_active=True, roles__key__any=roles).exclude(pk=me)
    return people.distinct().order_by("sort_key", "pk").values_list("pk", "name")


_EVERYBODY = Fixed(_writers, [-7001, ["\0"]])
_THESE = Fixed(lambda me, roles, owners: _writers(me, roles).filter(pk__any=owners), [-7001, ["\0"], [-7002]])


def standings(actor: Actor, period: str, day: dt.date) -> list[Standing]:
    """Everybody's report of a period: who has not sent stands first. Two queries."""
    people = expected(actor)
    reports = _REPORTS.rows(sight(actor), (actor,), period, first_day(period, day), list(people)) if people else ()
    known = {one.owner_id: one for one in reports}
    found = [Standing(pk, name, known.get(pk)) for pk, name in people.items()]
    return sorted(found, key=lambda one: one.sent)


_REPORTS = Shaped(
    lambda actor, period, day, people: visible(
        WorkReport.objects.filter(period=period, day=day, owner_id__any=people), actor
    ),
    ["\0", dt.date(1, 1, 2), [-7001]],
)


def writes(actor: Actor) -> bool:
    """Whether the actor is among those who write work reports."""
    return any(key in writing_roles() for key, _scope in actor.rights.of(REPORT, "create").sources)


__all__ = ["DAY", "WEEK", "Standing", "expected", "plan_lines", "report_of", "standings", "window", "writes"]
