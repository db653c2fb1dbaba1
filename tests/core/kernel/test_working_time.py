"""Working time: exact deadlines over holidays, make-up days, lunch, shifts over midnight, leave, and clock changes."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.kernel.working_time import (
    ALWAYS,
    Calendar,
    Span,
    SpecialDay,
    add_working_days,
    add_working_time,
    count_working_time,
    is_working_day,
    spans_between,
    working_between,
    working_days_between,
)

CN = ZoneInfo("Asia/Shanghai")
OFFICE = ((540, 720), (780, 1080))
DAYS = {
    dt.date(2026, 2, 14): SpecialDay(True, "春节调休"),
    **{dt.date(2026, 2, 15) + dt.timedelta(days=n): SpecialDay(False, "春节") for n in range(9)},
    dt.date(2026, 2, 28): SpecialDay(True, "春节调休"),
}
WEEK = Calendar("w", pattern=(OFFICE,) * 5 + ((),) * 2, days=DAYS)
HOUR = dt.timedelta(hours=1)


def at(day: int, hour: int = 0, minute: int = 0, month: int = 2) -> dt.datetime:
    return dt.datetime(2026, month, day, hour, minute, tzinfo=CN)


def test_a_deadline_over_spring_festival_and_make_up_days() -> None:
    counted = count_working_time(at(13, 17), 12 * HOUR, WEEK)
    assert counted.end == at(24, 12)
    assert [(span.begin, span.end) for span in counted.spans] == [
        (at(13, 17), at(13, 18)),
        (at(14, 9), at(14, 12)),
        (at(14, 13), at(14, 18)),
        (at(24, 9), at(24, 12)),
    ]
    assert counted.total == 12 * HOUR


def test_lunch_and_nights_do_not_count() -> None:
    assert add_working_time(at(10, 11, 30), HOUR, WEEK) == at(10, 13, 30)
    assert add_working_time(at(10, 20), HOUR, WEEK) == at(11, 10)
    assert working_between(at(10, 8), at(10, 20), WEEK) == 8 * HOUR
    assert working_between(at(10, 20), at(10, 8), WEEK) == -8 * HOUR
    assert add_working_time(at(10, 12, 15), dt.timedelta(), WEEK) == at(10, 12, 15)


def test_counting_back_finds_the_cutoff() -> None:
    assert add_working_time(at(24, 10), -2 * HOUR, WEEK) == at(14, 17)
    counted = count_working_time(at(24, 10), -2 * HOUR, WEEK)
    assert counted.spans == (Span(at(14, 17), at(14, 18)), Span(at(24, 9), at(24, 10)))


def test_days() -> None:
    assert [is_working_day(dt.date(2026, 2, day), WEEK) for day in (13, 14, 16, 21, 28)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert add_working_days(dt.date(2026, 2, 13), 2, WEEK) == dt.date(2026, 2, 24)
    assert add_working_days(dt.date(2026, 2, 24), -2, WEEK) == dt.date(2026, 2, 13)
    assert working_days_between(dt.date(2026, 2, 13), dt.date(2026, 3, 1), WEEK) == 6
    assert working_days_between(dt.date(2026, 3, 1), dt.date(2026, 2, 13), WEEK) == -6


def test_a_shift_over_midnight_and_four_days_on_two_off() -> None:
    night = ((22 * 60, 30 * 60),)
    shifts = Calendar("s", pattern=(night,) * 4 + ((),) * 2, start=dt.date(2026, 2, 1))
    assert add_working_time(at(1, 23), 8 * HOUR, shifts) == at(2, 23)
    assert working_between(at(2), at(2, 6), shifts) == 6 * HOUR
    assert [is_working_day(dt.date(2026, 2, day), shifts) for day in range(1, 8)] == [True] * 4 + [False] * 2 + [True]


def test_leave_is_no_working_time() -> None:
    away = Calendar("w", pattern=WEEK.pattern, days=DAYS, absences=(Span(at(10, 10), at(11, 18)),))
    assert add_working_time(at(10, 9), 2 * HOUR, away) == at(12, 10)
    assert not is_working_day(dt.date(2026, 2, 11), away)


def test_round_the_clock_is_plain_time() -> None:
    assert add_working_time(at(10, 9), 50 * HOUR, ALWAYS) == at(12, 11)


def test_a_day_of_23_hours_is_counted_as_it_is() -> None:
    berlin = Calendar("b", "Europe/Berlin", pattern=(((0, 1440),),) * 7)
    zone = ZoneInfo("Europe/Berlin")
    begin = dt.datetime(2026, 3, 29, 0, 0, tzinfo=zone)
    assert working_between(begin, dt.datetime(2026, 3, 30, 0, 0, tzinfo=zone), berlin) == 23 * HOUR


def test_a_calendar_without_hours_says_so_and_does_not_run_on() -> None:
    empty = Calendar("e")
    with pytest.raises(RuleBroken) as caught:
        add_working_time(at(10), HOUR, empty)
    assert caught.value.code == "worktime.none"
    with pytest.raises(RuleBroken):
        add_working_days(dt.date(2026, 2, 1), 1, empty)
    with pytest.raises(Invalid):
        add_working_time(at(10), dt.timedelta(days=10**6), WEEK)
    with pytest.raises(ValueError, match="aware"):
        add_working_time(dt.datetime(2026, 2, 1), HOUR, WEEK)  # noqa: DTZ001 - a naive moment is the point


@given(st.integers(0, 60 * 24 * 60), st.integers(1, 60 * 24 * 10))
def test_there_and_back(offset: int, length: int) -> None:
    start, duration = at(1) + dt.timedelta(minutes=offset), dt.timedelta(minutes=length)
    end = add_working_time(start, duration, WEEK)
    assert working_between(start, end, WEEK) == duration
    assert sum((span.length for span in spans_between(start, end, WEEK)), dt.timedelta()) == duration
    assert working_between(add_working_time(end, -duration, WEEK), end, WEEK) == duration
