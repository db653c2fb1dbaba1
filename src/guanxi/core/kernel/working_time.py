"""Working time: how much of it lies between two moments, and when so much of it has passed.

A :class:`Calendar` is plain data: a repeating pattern of days, special days (holidays and make-up working days), and
absences. All arithmetic is done on aware moments; a day's hours are wall-clock times in the calendar's zone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Invalid, RuleBroken

#: Hours of one day: (begin, end) in minutes after midnight; an end beyond 1440 lies on the next day.
Hours = tuple[tuple[int, int], ...]
DAY = 24 * 60
#: After so many days without working time a calendar is taken to have none.
PATIENCE_DAYS = 400
#: Durations and spans beyond this are refused.
LONGEST = dt.timedelta(days=36600)
_ZERO = dt.timedelta()
#: A Monday: where the week pattern begins.
MONDAY = dt.date(2024, 1, 1)


class Span(NamedTuple):
    """A stretch of working time, in UTC."""

    begin: dt.datetime
    end: dt.datetime

    @property
    def length(self) -> dt.timedelta:
        """How long it is."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that does not follow the pattern: a holiday (``works`` false) or a make-up working day.

    A working day without ``hours`` has those of the pattern's first working day.
    """

    works: bool
    name_zh: str = ""
    name_en: str = ""
    hours: Hours = ()


@dataclass(frozen=True, slots=True)
class Calendar:
    """When somebody works. ``pattern`` holds the hours of each day of a cycle that begins at ``start``: seven for a week."""

    key: str
    timezone: str = "Asia/Shanghai"
    pattern: tuple[Hours, ...] = ((),) * 7
    start: dt.date = MONDAY
    days: Mapping[dt.date, SpecialDay] = field(default_factory=dict)
    absences: tuple[Span, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The time zone its hours are told in."""
        return ZoneInfo(self.timezone)

    def hours_on(self, day: dt.date) -> Hours:
        """The hours of a day, absences left aside."""
        special = self.days.get(day)
        if special is None:
            return self.pattern[(day - self.start).days % len(self.pattern)]
        if not special.works:
            return ()
        return special.hours or next((hours for hours in self.pattern if hours), ())

    def spans_on(self, day: dt.date) -> list[Span]:
        """The working time that begins on a day, less absences."""
        zone = self.zone
        midnight = dt.datetime.combine(day, dt.time.min)
        spans = []
        for begin, end in self.hours_on(day):
            first = (midnight + dt.timedelta(minutes=begin)).replace(tzinfo=zone).astimezone(dt.UTC)
            last = (midnight + dt.timedelta(minutes=end)).replace(tzinfo=zone).astimezone(dt.UTC)
            if last > first:
                spans += _without(Span(first, last), self.absences)
        return spans


@dataclass(frozen=True, slots=True)
class Counted:
    """A deadline and how it was counted: the stretches of working time that make up the duration, in order."""

    start: dt.datetime
    end: dt.datetime
    spans: tuple[Span, ...]

    @property
    def total(self) -> dt.timedelta:
        """The working time in it."""
        return sum((span.length for span in self.spans), _ZERO)


#: Round the clock, every day.
ALWAYS = Calendar("always", "UTC", (((0, DAY),),))


def _without(span: Span, absences: tuple[Span, ...]) -> list[Span]:
    """What is left of a span beside the absences."""
    left = [span]
    for gone in absences:
        kept: list[Span] = []
        for one in left:
            if gone.end <= one.begin or gone.begin >= one.end:
                kept.append(one)
                continue
            kept += [Span(one.begin, gone.begin)] if gone.begin > one.begin else []
            kept += [Span(gone.end, one.end)] if gone.end < one.end else []
        left = kept
    return left


def _aware(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ValueError("working time needs aware moments")
    return moment.astimezone(dt.UTC)


def _local_day(moment: dt.datetime, calendar: Calendar) -> dt.date:
    return moment.astimezone(calendar.zone).date()


def _from(start: dt.datetime, calendar: Calendar) -> Iterator[Span]:
    """Working time from a moment on, cut at it. Ends after ``PATIENCE_DAYS`` days without any."""
    day, empty, reached = _local_day(start, calendar) - dt.timedelta(days=1), 0, start
    while empty <= PATIENCE_DAYS:
        found = False
        for span in calendar.spans_on(day):
            if span.end > reached:
                found = True
                yield Span(max(span.begin, reached), span.end)
                reached = span.end
        empty = 0 if found else empty + 1
        day = _next(day, 1)


def _back_from(start: dt.datetime, calendar: Calendar) -> Iterator[Span]:
    """Working time before a moment, latest first, cut at it."""
    day, empty, reached = _local_day(start, calendar), 0, start
    while empty <= PATIENCE_DAYS:
        found = False
        for span in reversed(calendar.spans_on(day)):
            if span.begin < reached:
                found = True
                yield Span(span.begin, min(span.end, reached))
                reached = span.begin
        empty = 0 if found else empty + 1
        day = _next(day, -1)


def _next(day: dt.date, step: int) -> dt.date:
    try:
        return day + dt.timedelta(days=step)
    except OverflowError:
        raise Invalid(_("This span of time is too long."), code="worktime.too_long") from None


def count_working_time(start: dt.datetime, duration: dt.timedelta, calendar: Calendar) -> Counted:
    """When ``duration`` of working time has passed since ``start``, and the stretches that were counted.

    A negative duration counts back: the moment from which so much working time leads to ``start``. Nothing to count
    ends at ``start`` itself. Raises RuleBroken when the calendar has no working time, Invalid beyond ``LONGEST``.
    """
    moment = _aware(start)
    if abs(duration) > LONGEST:
        raise Invalid(_("This span of time is too long."), code="worktime.too_long")
    if not duration:
        return Counted(moment, moment, ())
    left, taken = abs(duration), []
    forward = duration > _ZERO
    for span in _from(moment, calendar) if forward else _back_from(moment, calendar):
        if span.length >= left:
            end = span.begin + left if forward else span.end - left
            taken.append(Span(span.begin, end) if forward else Span(end, span.end))
            return Counted(moment, end, tuple(taken if forward else reversed(taken)))
        taken.append(span)
        left -= span.length
    raise RuleBroken(_("This calendar has no working time."), code="worktime.none")


def add_working_time(start: dt.datetime, duration: dt.timedelta, calendar: Calendar) -> dt.datetime:
    """The moment ``duration`` of working time after ``start`` (before it when negative), aware, in UTC."""
    return count_working_time(start, duration, calendar).end


def spans_between(begin: dt.datetime, end: dt.datetime, calendar: Calendar) -> tuple[Span, ...]:
    """The stretches of working time between two moments, in order; none when ``end`` is not later."""
    first, last = _aware(begin), _aware(end)
    if last - first > LONGEST:
        raise Invalid(_("This span of time is too long."), code="worktime.too_long")
    found = []
    day, final, reached = _local_day(first, calendar) - dt.timedelta(days=1), _local_day(last, calendar), first
    while day <= final:
        for span in calendar.spans_on(day):
            cut = Span(max(span.begin, reached), min(span.end, last))
            if cut.end > cut.begin:
                found.append(cut)
                reached = cut.end
        day += dt.timedelta(days=1)
    return tuple(found)


def working_between(begin: dt.datetime, end: dt.datetime, calendar: Calendar) -> dt.timedelta:
    """How much working time lies between two moments; negative when ``end`` is the earlier one."""
    if end < begin:
        return -working_between(end, begin, calendar)
    return sum((span.length for span in spans_between(begin, end, calendar)), _ZERO)


def is_working_day(day: dt.date, calendar: Calendar) -> bool:
    """Whether there is working time on that day; a day spent absent is none."""
    return bool(calendar.spans_on(day))


def add_working_days(day: dt.date, number: int, calendar: Calendar) -> dt.date:
    """The ``number``-th working day after ``day`` (before it when negative); ``day`` itself for 0."""
    step, left, empty = (1 if number > 0 else -1), abs(number), 0
    if left > LONGEST.days:
        raise Invalid(_("This span of time is too long."), code="worktime.too_long")
    while left:
        day = _next(day, step)
        if is_working_day(day, calendar):
            left, empty = left - 1, 0
        else:
            empty += 1
            if empty > PATIENCE_DAYS:
                raise RuleBroken(_("This calendar has no working time."), code="worktime.none")
    return day


def working_days_between(begin: dt.date, end: dt.date, calendar: Calendar) -> int:
    """How many working days lie after ``begin`` up to and with ``end``; negative when ``end`` is the earlier one."""
    if end < begin:
        return -working_days_between(end, begin, calendar)
    if (end - begin).days > LONGEST.days:
        raise Invalid(_("This span of time is too long."), code="worktime.too_long")
    days = (begin + dt.timedelta(days=number) for number in range(1, (end - begin).days + 1))
    return sum(is_working_day(day, calendar) for day in days)
