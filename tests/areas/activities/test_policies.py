"""Repetition, reminders and proposals, computed by hand."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from guanxi.areas.activities import policies
from guanxi.areas.activities.models import Task
from guanxi.core.kernel.errors import Invalid

SHANGHAI, BERLIN = "Asia/Shanghai", "Europe/Berlin"
D = dt.date


def at(*parts: int, zone: str = SHANGHAI) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("day", "repeat", "interval", "weekdays", "of_month", "expected"),
    [
        (D(2026, 3, 2), "daily", 1, [], 2, D(2026, 3, 3)),
        (D(2026, 2, 27), "daily", 3, [], 27, D(2026, 3, 2)),
        (D(2026, 3, 2), "weekly", 1, [], 2, D(2026, 3, 9)),  # a Monday, no weekday chosen
        (D(2026, 3, 2), "weekly", 1, ["1", "3", "5"], 2, D(2026, 3, 4)),
        (D(2026, 3, 6), "weekly", 1, ["1", "3", "5"], 6, D(2026, 3, 9)),
        (D(2026, 3, 6), "weekly", 2, ["5", "1"], 6, D(2026, 3, 16)),  # the week after next begins on the 16th
        (D(2026, 3, 8), "weekly", 1, ["7"], 8, D(2026, 3, 15)),
        (D(2026, 1, 31), "monthly", 1, [], 31, D(2026, 2, 28)),
        (D(2026, 2, 28), "monthly", 1, [], 31, D(2026, 3, 31)),  # back to the 31st
        (D(2028, 1, 30), "monthly", 1, [], 30, D(2028, 2, 29)),
        (D(2026, 11, 15), "monthly", 3, [], 15, D(2027, 2, 15)),
        (D(2024, 2, 29), "yearly", 1, [], 29, D(2025, 2, 28)),
        (D(2027, 2, 28), "yearly", 1, [], 29, D(2028, 2, 29)),
        (D(2026, 12, 31), "yearly", 2, [], 31, D(2028, 12, 31)),
    ],
)
def test_the_next_day_of_a_series(
    day: D, repeat: str, interval: int, weekdays: list[str], of_month: int, expected: D
) -> None:
    assert policies.day_next(day, repeat, interval, weekdays, of_month) == expected


def test_a_series_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(Invalid):
        policies.day_next(D(9999, 12, 31), "yearly", 1, [], 31)
    with pytest.raises(Invalid):
        policies.day_next(D(9999, 12, 31), "daily", 1, [], 31)


def task(due: dt.datetime, **values: object) -> Task:
    return Task(subject="x", due_at=due, **{"repeat": "daily", **values})


def test_the_hour_stays_through_summer_time() -> None:
    due = at(2026, 3, 28, 9, 0, zone=BERLIN)  # the clocks change in the night to the 29th
    following = policies.due_next(task(due), due, BERLIN)
    assert following == at(2026, 3, 29, 9, 0, zone=BERLIN)
    assert following - due == dt.timedelta(hours=23)


def test_turns_that_are_over_are_left_out() -> None:
    due = at(2026, 3, 2, 23, 30)
    assert policies.due_next(task(due), at(2026, 3, 10, 0, 10), SHANGHAI) == at(2026, 3, 10, 23, 30)
    assert policies.due_next(task(due), at(2026, 3, 1, 0, 10), SHANGHAI) == at(2026, 3, 3, 23, 30)  # done early


def test_a_series_ends() -> None:
    due = at(2026, 3, 2, 9, 0)
    assert policies.due_next(task(due, repeat_until=D(2026, 3, 3)), due, SHANGHAI) == at(2026, 3, 3, 9, 0)
    assert policies.due_next(task(due, repeat_until=D(2026, 3, 2)), due, SHANGHAI) is None
    assert policies.due_next(task(due, repeat_count=3, occurrence=2), due, SHANGHAI) is not None
    assert policies.due_next(task(due, repeat_count=3, occurrence=3), due, SHANGHAI) is None
    assert policies.due_next(task(due, repeat=""), due, SHANGHAI) is None


def test_reminders_come_one_after_the_other() -> None:
    due = at(2026, 3, 2, 12, 0)
    minutes = ["0", "15", "1440"]
    assert policies.reminder_next(due, minutes, at(2026, 3, 1, 0, 0)) == at(2026, 3, 1, 12, 0)
    assert policies.reminder_next(due, minutes, at(2026, 3, 1, 12, 0)) == at(2026, 3, 2, 11, 45)
    assert policies.reminder_next(due, minutes, at(2026, 3, 2, 11, 50)) == due
    assert policies.reminder_next(due, minutes, due) is None
    assert policies.reminder_next(due, [], at(2026, 3, 1, 0, 0)) is None
    assert policies.reminder_next(None, minutes, due) is None


def test_the_type_proposed() -> None:
    assert policies.kind_guess("visit", ["call"], []) == "visit"
    assert policies.kind_guess("", ["note", "meeting", "call", "meeting"], ["visit"]) == "meeting"
    assert policies.kind_guess("", ["note", "note"], ["visit", "visit", "call"]) == "visit"
    assert policies.kind_guess("", [], []) == "call"


def test_the_next_date_proposed() -> None:
    now = at(2026, 3, 2, 15, 20)  # a Monday
    assert policies.next_guess([], now, SHANGHAI) == at(2026, 3, 9, 9, 0)
    two_weeks = [at(2026, 2, 2, 10, 0), at(2026, 2, 16, 10, 30), now]
    assert policies.next_guess(two_weeks, now, SHANGHAI) == at(2026, 3, 16, 10, 0)
    every_five_days = [at(2026, 2, 20, 21, 0), at(2026, 2, 25, 22, 0), now]
    assert policies.next_guess(every_five_days, now, SHANGHAI) == at(
        2026, 3, 9, 18, 0
    )  # Saturday → Monday; not at night
    years = [at(2020, 1, 1, 9, 0), at(2023, 1, 1, 9, 0), now]
    assert policies.next_guess(years, now, SHANGHAI) == at(2026, 6, 1, 9, 0)  # 90 days at most, Sunday → Monday
    same_day = [at(2026, 3, 2, 9, 0), at(2026, 3, 2, 10, 0), now]
    assert policies.next_guess(same_day, now, SHANGHAI) == at(2026, 3, 9, 10, 0)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("hour", at(2026, 1, 30, 16, 20)),
        ("evening", at(2026, 1, 30, 18, 0)),
        ("tomorrow", at(2026, 1, 31, 9, 0)),
        ("monday", at(2026, 2, 2, 9, 0)),
        ("week", at(2026, 2, 6, 9, 0)),
        ("month", at(2026, 2, 28, 9, 0)),
    ],
)
def test_putting_off(span: str, expected: dt.datetime) -> None:
    assert policies.moment_later(span, at(2026, 1, 30, 15, 20), SHANGHAI) == expected


def test_putting_off_at_night() -> None:
    assert policies.moment_later("evening", at(2026, 1, 30, 19, 0), SHANGHAI) == at(2026, 1, 30, 20, 0)
    assert policies.moment_later("monday", at(2026, 2, 2, 8, 0), SHANGHAI) == at(2026, 2, 9, 9, 0)
