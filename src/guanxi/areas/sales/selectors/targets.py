"""What was reached of the targets, and what the opportunities say of a month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet, Sum

from guanxi.areas.sales.models import OPEN, WON, ForecastEntry, Opportunity, OpportunityTally, Target
from guanxi.areas.sales.models.targets import AMOUNT, COMPANY, COUNT, DEPARTMENT, PERSON
from guanxi.core.access import allowed, reads, sight, visible
from guanxi.core.access.actors import department_tree
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import User
from guanxi.core.models.fixed import Fixed, Shaped
from guanxi.core.records import tallies
from guanxi.core.records.seen import seen
from guanxi.core.schema.registry import entity_of

DEAL, ENTRY, TARGET = "sales.opportunity", "sales.forecastentry", "sales.target"
#: What of a target tells what is to be reached, by whom and when.
AIM = ("year", "scope", "owner", "department", "measure", "base", "stretch", "months")
ZERO = Decimal(0)
#: How much money came in is known by the area of receipts: ``(owners or None, start, end) -> amount``.
Measure = Callable[[Collection[int] | None, dt.datetime, dt.datetime], Decimal]
_measures: dict[str, Measure] = {}


def add_measure(key: str, measure: Measure) -> None:
    """A higher area says how a measure of targets is counted."""
    _measures[key] = measure


def people_of(target: Target) -> list[int] | None:
    """Whose results count towards a target; ``None`` for everybody's."""
    if target.scope == COMPANY:
        return None
    if target.scope == DEPARTMENT:
        tree = department_tree(target.department_id or 0)
        return sorted(User.everything.filter(department_id__in=tree).values_list("pk", flat=True))
    return [target.owner_id] if target.owner_id else []


def reached(measure: str, people: Collection[int] | None, start: dt.date, after: dt.date) -> Decimal:
    """What was reached in the months from ``start`` up to, not including, ``after`` (firsts of months in the workspace's time zone)."""
    if measure in _SUMS:
        rows = _won(people).filter(closed_at__gte=start, closed_at__lt=after)
        return Decimal(rows.aggregate(total=_SUMS[measure])["total"] or ZERO)
    if measure not in _measures:
        return ZERO
    begin, end = clock.day_start(start, settings.TIME_ZONE), clock.day_start(after, settings.TIME_ZONE)
    return _measures[measure](people, begin, end)


_SUMS = {COUNT: Sum("number"), AMOUNT: Sum("value")}


def _won(people: Collection[int] | None) -> QuerySet[OpportunityTally]:
    rows = OpportunityTally.objects.filter(category=WON)
    return rows if people is None else rows.filter(owner_id__in=people)


def by_month(measure: str, people: Collection[int] | None, year: int) -> dict[int, Decimal]:
    """What was reached in each month of a year, from January on; where the tally tells it, in one query."""
    if measure not in _SUMS:
        starts = [dt.date(year, month, 1) for month in range(1, 13)]
        return {start.month: reached(measure, people, start, month_after(start)) for start in starts}
    rows = _won(people).filter(closed_at__year=year).order_by().values_list("closed_at")
    found = {day.month: Decimal(total or ZERO) for day, total in rows.annotate(total=_SUMS[measure])}
    return {month: found.get(month, ZERO) for month in range(1, 13)}


@dataclass(frozen=True, slots=True)
class Progress:
    """A target in a span of months: what was to be reached, what was; ``due`` is the part of it that time has come for."""

    target: Target
    base: Decimal
    stretch: Decimal
    reached: Decimal
    due: Decimal

    @property
    def percent(self) -> int:
        """How much of the base target, in percent."""
        return round(self.reached * 100 / self.base) if self.base else 0

    @property
    def behind(self) -> bool:
        """Whether less was reached than time has come for."""
        return self.reached < self.due


def month_after(day: dt.date) -> dt.date:
    """The first day of the next month."""
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def planned(target: Target, month: int) -> Decimal:
    """What a target wants of one month of its year."""
    amounts = (Decimal(str(row.get("base") or 0)) for row in target.months if int(row["month"]) == month)
    return sum(amounts, ZERO)


def progress(target: Target, first: int, last: int) -> Progress:
    """A target over the months ``first`` to ``last`` of its year."""
    start, after = dt.date(target.year, first, 1), month_after(dt.date(target.year, last, 1))
    return _progress(target, first, last, reached(target.measure, people_of(target), start, after))


def course(target: Target, spans: Iterable[tuple[int, int]]) -> list[Progress]:
    """A target over several spans of months of its year, given by their first and last."""
    months = by_month(target.measure, people_of(target), target.year)
    return [
        _progress(target, first, last, sum((months[one] for one in range(first, last + 1)), ZERO))
        for first, last in spans
    ]


def _progress(target: Target, first: int, last: int, done: Decimal) -> Progress:
    base = stretch = due = ZERO
    today = clock.today(settings.TIME_ZONE)
    for row in target.months:
        if first <= int(row["month"]) <= last:
            amount = Decimal(str(row.get("base") or 0))
            base += amount
            stretch += Decimal(str(row.get("stretch") or 0))
            start = dt.date(target.year, int(row["month"]), 1)
            days = (month_after(start) - start).days
            due += amount * min(max((today - start).days + 1, 0), days) / days
    return Progress(target, base, stretch, done, due)


# -- forecast ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A person's month: won, and open by category; what was last submitted, the last of his own, and the target."""

    user: User
    closed: Decimal
    commit: Decimal
    best_case: Decimal
    pipeline: Decimal
    weighted: Decimal
    last: ForecastEntry | None
    own: ForecastEntry | None
    target: Decimal

    @property
    def expected(self) -> Decimal:
        """What was submitted, else won and committed."""
        return (self.last.adjusted if self.last else None) or self.closed + self.commit

    @property
    def gap(self) -> Decimal:
        """What is missing to the target; negative when it is passed."""
        return self.target - self.expected

    @property
    def adjusted(self) -> bool:
        """Whether somebody else's figure stands in place of his own."""
        return self.last is not None and self.last is not self.own


_WON, _OPEN = Q(category=WON), Q(category=OPEN)
NOTHING = dict.fromkeys(("closed", "commit", "best_case", "pipeline", "weighted"), ZERO)


def _sums(month: dt.date, owners: Collection[int] | None = None) -> QuerySet[Any]:
    won, open_ = _WON & Q(closed_at=month), _OPEN & Q(close_on=month)
    rows = OpportunityTally.objects.filter(won | open_).exclude(owner_id=None).order_by()
    rows = rows if owners is None else rows.filter(owner_id__any=owners)
    found: QuerySet[Any] = (
        rows.values("owner_id")
        .annotate(
            closed=Sum("value", filter=won),
            commit=Sum("value", filter=open_ & Q(forecast="commit")),
            best_case=Sum("value", filter=open_ & Q(forecast="best_case")),
            pipeline=Sum("value", filter=open_ & Q(forecast__in=("pipeline", ""))),
            heavy=Sum("weighted", filter=open_ & ~Q(forecast="omitted")),
            left=tallies.count(),
        )
        .filter(left__gt=0)
        .values_list("owner_id", *("heavy" if name == "weighted" else name for name in NOTHING))
    )
    return found


_MONTH = dt.date(1, 2, 1)
_EVERYBODY = Fixed(_sums, [_MONTH])
_THESE = Fixed(_sums, [_MONTH, [-7002]])


def sums_of(owners: Collection[int] | None, month: dt.date) -> dict[int, dict[str, Decimal]]:
    """What each person's (``None``: everybody's) opportunities say of a month: won in it, and open with a close in it, by category.

    Whoever has none is left out. One query.
    """
    rows = _EVERYBODY.rows(month) if owners is None else _THESE.rows(month, sorted(owners))
    return {owner: dict(zip(NOTHING, (one or ZERO for one in row), strict=True)) for owner, *row in rows}


def sums(owner_id: int, month: dt.date) -> dict[str, Decimal]:
    """The same of one person."""
    return sums_of([owner_id], month).get(owner_id, NOTHING)


def _owners_in(actor: Actor, month: dt.date) -> set[int]:
    """Whose opportunities in the actor's reach were won in a month, or are open with a close in it."""
    after = month_after(month)
    begin, end = clock.day_start(month, settings.TIME_ZONE), clock.day_start(after, settings.TIME_ZONE)
    closed = _WON & Q(closed_at__gte=begin, closed_at__lt=end)
    rows = visible(Opportunity.objects.all(), actor).filter(closed | _OPEN & Q(close_on__gte=month, close_on__lt=after))
    return set(rows.order_by().values_list("owner_id", flat=True).distinct()) - {None}


def sees_sums(actor: Actor) -> bool:
    """Whether the actor may know what opportunities come to: he sees them, and all that the sums are made of."""
    return allowed(actor, "view", DEAL) and reads(actor, DEAL, "stage", "value", "weighted", "forecast")


def reads_aims(actor: Actor) -> bool:
    """Whether the actor reads what targets say: what is to be reached, by whom and when."""
    return reads(actor, TARGET, *AIM)


def foreseen(actor: Actor, month: dt.date) -> list[Foreseen]:
    """A month of everybody whose opportunities the actor sees or who has a target in it, the largest expectation first."""
    reach = actor.rights.of(DEAL, "view")
    told = tallies.tells(actor, entity_of(Opportunity))
    said = sums_of(None if reach.everyone else reach.owners, month) if told else {}
    owners = set(said) if told else _owners_in(actor, month)
    targets = _PLANNED.rows(sight(actor), (actor,), month.year) if reads_aims(actor) else []
    wanted = {one.owner_id: planned(one, month.month) for one in targets if one.owner_id}
    owners |= {owner for owner, amount in wanted.items() if amount}
    if not reach.everyone:
        owners &= reach.owners
    said = said if told else sums_of(owners, month)
    last, own = submitted(actor, owners, month)
    found = [
        Foreseen(
            user=user, last=last.get(user.pk), own=own.get(user.pk), target=wanted.get(user.pk, ZERO),
            **said.get(user.pk, NOTHING),
        )
        for user in _PEOPLE.rows(sorted(owners))
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one.expected)


def submitted(
    actor: Actor, owners: Collection[int], month: dt.date
) -> tuple[dict[int, ForecastEntry], dict[int, ForecastEntry]]:
    """What was last submitted for each person's month, and the last that he submitted himself, as the actor sees it.

    Nothing for who does not read whose it is and how much; nobody's own for who does not read by whom. One query.
    """
    if not reads(actor, ENTRY, "month", "owner", "adjusted"):
        return {}, {}
    entries = [(one, seen(actor, one)) for one in _SUBMITTED.rows(sight(actor), (actor,), month, sorted(owners))]
    own = entries if reads(actor, ENTRY, "created_by") else []
    return (
        {one.owner_id: shown for one, shown in entries if one.owner_id},
        {one.owner_id: shown for one, shown in own if one.owner_id and one.created_by_id == one.owner_id},
    )


_SUBMITTED = Shaped(
    lambda actor, month, owners: (
        visible(ForecastEntry.objects.filter(month=month, owner_id__any=owners), actor)
        .select_related("created_by")
        .order_by("submitted_at", "pk")
    ),
    [_MONTH, [-7002]],
)
_PEOPLE = Fixed(lambda ids: User.everything.filter(pk__any=ids).order_by("sort_key", "pk"), [[-7002]])
_PLANNED = Shaped(
    lambda actor, year: visible(Target.objects.filter(year=year, scope=PERSON, measure=AMOUNT), actor), [7002]
)


def totals(lines: Sequence[Foreseen]) -> dict[str, Decimal]:
    """The sums of the lines."""
    names = ("closed", "commit", "best_case", "pipeline", "weighted", "expected", "target", "gap")
    return {name: sum((getattr(one, name) for one in lines), ZERO) for name in names}
