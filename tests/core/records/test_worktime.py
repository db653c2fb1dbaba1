"""Stored calendars: the seeded holidays, whose calendar counts, leave, editing, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.kernel.working_time import add_working_time, is_working_day
from guanxi.core.models import Absence, CalendarDay, WorkCalendar
from guanxi.core.records import doubts, worktime, worktime_edit
from guanxi.core.records.worktime_edit import CalendarDraft

CN = ZoneInfo("Asia/Shanghai")
WEEK = [[["09:00", "12:00"], ["13:00", "18:00"]]] * 5 + [[], []]


def draft(**values: Any) -> CalendarDraft:
    return CalendarDraft(**{"name_zh": "客服班次", "name_en": "Support", "pattern": WEEK, **values})


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2024-02-09", True), ("2024-02-10", False), ("2024-02-18", True), ("2024-05-11", True), ("2024-10-12", True),
        ("2025-01-26", True), ("2025-01-27", True), ("2025-02-04", False), ("2025-10-08", False), ("2025-10-11", True),
        ("2026-01-02", False), ("2026-01-04", True), ("2026-02-23", False), ("2026-05-09", True), ("2026-10-10", True),
    ],
)  # fmt: skip
def test_statutory_days(base_data: None, day: str, works: bool) -> None:
    assert is_working_day(dt.date.fromisoformat(day), worktime.calendar()) is works


def test_every_make_up_day_is_a_weekend_and_the_days_are_as_announced(base_data: None) -> None:
    rows = CalendarDay.objects.filter(calendar__key="standard")
    assert all(row.day.weekday() >= 5 for row in rows if row.works)
    years = {year: rows.filter(day__year=year, works=False).count() for year in (2024, 2025, 2026)}
    assert years == {2024: 28, 2025: 28, 2026: 33}


def test_whose_calendar_counts(cast: Any) -> None:
    worktime_edit.calendar_save(cast.root, None, draft(departments=[cast.south.pk]))
    night = worktime_edit.calendar_save(
        cast.root, None, draft(name_en="Night", pattern=[[["22:00", "06:00"]]] * 7, people=[cast.bob_user.pk])
    )
    assert worktime.calendar_of_user(cast.alice_user.pk).key == "support"
    assert worktime.calendar_of_user(cast.bob_user.pk).key == night.key == "night"
    assert worktime.calendar_of_user(cast.charlie_user.pk).key == "standard"


def test_a_calendar_takes_the_special_days_of_another(cast: Any) -> None:
    row = worktime_edit.calendar_save(cast.root, None, draft(based_on="standard"))
    assert not is_working_day(dt.date(2026, 2, 16), worktime.calendar("support"))
    worktime_edit.day_set(cast.root, row, dt.date(2026, 2, 16), works=True, hours=[["10:00", "16:00"]])
    assert worktime.calendar("support").hours_on(dt.date(2026, 2, 16)) == ((600, 960),)
    worktime_edit.day_clear(cast.root, row, dt.date(2026, 2, 16))
    assert not is_working_day(dt.date(2026, 2, 16), worktime.calendar("support"))


def test_leave_counts_for_the_person_and_names_the_deputy(cast: Any) -> None:
    begin, end = dt.datetime(2026, 12, 1, 9, tzinfo=CN), dt.datetime(2026, 12, 2, 18, tzinfo=CN)
    row = worktime_edit.absence_save(
        cast.alice, cast.alice_user, begins_at=begin, ends_at=end, deputy=cast.bob_user, reason="年假"
    )
    theirs = worktime.calendar_of_user(cast.alice_user.pk)
    assert add_working_time(begin, dt.timedelta(hours=1), theirs) == dt.datetime(2026, 12, 3, 10, tzinfo=CN)
    away = worktime.away(cast.alice_user.pk, dt.datetime(2026, 12, 2, tzinfo=CN))
    assert away is not None
    assert away.deputy_id == cast.bob_user.pk
    worktime_edit.absence_end(cast.alice, row)
    assert not Absence.objects.exists()
    assert worktime.calendar_of_user(cast.alice_user.pk).absences == ()


def test_days_are_read_from_lines_and_from_json(cast: Any) -> None:
    row = WorkCalendar.objects.get(key="standard")
    text = "# 2027\n2027-01-01, 休, 元旦, New Year\n2027/1/02\twork\t调休\n".replace("/1/", "-01-")
    assert worktime_edit.days_import(cast.root, row, text) == 2
    assert not is_working_day(dt.date(2027, 1, 1), worktime.calendar())
    assert is_working_day(dt.date(2027, 1, 2), worktime.calendar())
    json = '{"year": 2027, "days": [{"name": "春节", "date": "2027-02-06", "isOffDay": true}]}'
    assert worktime_edit.days_import(cast.root, row, json) == 1
    assert worktime.calendar().days[dt.date(2027, 2, 6)].name_zh == "春节"


@pytest.mark.parametrize(
    "text", ["", "2027-13-01, 休", "2027-01-01, 也许", "[{}]", '{"days": 7}', "hello", "[1]", "2027-01-01"]
)
def test_what_is_no_list_of_days_enters_nothing(cast: Any, text: str) -> None:
    row = WorkCalendar.objects.get(key="standard")
    before = row.days.count()
    with pytest.raises(Invalid) as caught:
        worktime_edit.days_import(cast.root, row, text)
    assert caught.value.field == "text"
    assert row.days.count() == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name_zh": " "}, "name_zh"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"pattern": [[]] * 7}, "day0"),
        ({"pattern": [[["9", "12"]]] + [[]] * 6}, "day0"),
        ({"pattern": [[], [["09:00", "25:00"]]] + [[]] * 5}, "day1"),
        ({"pattern": [[["09:00", "12:00"], ["11:00", "13:00"]]] + [[]] * 6}, "day0"),
        ({"pattern": [[["09:00", "09:00"]]] + [[]] * 6}, "day0"),
        ({"pattern": WEEK[:4]}, "cycle_start"),
        ({"based_on": "nothing"}, "based_on"),
    ],
)
def test_bad_calendars_are_refused_at_the_field(cast: Any, change: dict[str, Any], field: str) -> None:
    before = WorkCalendar.objects.count()
    with pytest.raises(Invalid) as caught:
        worktime_edit.calendar_save(cast.root, None, draft(**change))
    assert caught.value.field == field
    assert WorkCalendar.objects.count() == before


@pytest.mark.parametrize("hours", [["18:00", "10:00"], ["22:00", "06:00"], ["00:00", "24:00"], ["16:00", "00:00"]])
def test_nights_and_whole_days_are_hours(hours: list[str]) -> None:
    assert worktime_edit.hours_checked([hours], "day0") == [hours]


@pytest.mark.parametrize(("hours", "day"), [(["09:00", "08:00"], 1), (["18:00", "10:01"], 0)])
def test_a_shift_of_more_than_sixteen_hours_is_asked_back(cast: Any, hours: list[str], day: int) -> None:
    long = draft(pattern=[[hours] if one == day else [] for one in range(7)])
    with doubts.asking(sure=False), pytest.raises(doubts.Doubtful, match="16") as asked:
        worktime_edit.calendar_save(cast.root, None, long)
    assert list(asked.value.errors) == [f"day{day}"]
    assert not WorkCalendar.objects.filter(key="support").exists()
    with doubts.asking(sure=True):
        kept = worktime_edit.calendar_save(cast.root, None, long)
    assert kept.pattern[day] == [hours]
    with doubts.asking(sure=False), pytest.raises(doubts.Doubtful):
        worktime_edit.day_set(cast.root, kept, dt.date(2026, 2, 16), works=True, hours=[hours])
    assert not kept.days.exists()


def test_calendars_do_not_stand_on_each_other_in_a_circle(cast: Any) -> None:
    standard = WorkCalendar.objects.get(key="standard")
    worktime_edit.calendar_save(cast.root, None, draft(based_on="standard"))
    with pytest.raises(Invalid) as caught:
        worktime_edit.calendar_save(cast.root, standard, draft(is_default=True, based_on="support"))
    assert caught.value.code == "worktime.circle"
    with pytest.raises(RuleBroken):
        worktime_edit.calendar_delete(cast.root, standard)


def test_who_may(cast: Any) -> None:
    standard = WorkCalendar.objects.get(key="standard")
    now = dt.datetime(2026, 12, 1, tzinfo=CN)
    for attempt in (
        lambda: worktime_edit.calendar_save(cast.alice, None, draft()),
        lambda: worktime_edit.day_set(cast.alice, standard, dt.date(2026, 12, 1), works=False),
        lambda: worktime_edit.days_import(cast.alice, standard, "2026-12-01, 休"),
        lambda: worktime_edit.calendar_delete(cast.alice, standard),
        lambda: worktime_edit.absence_save(
            cast.alice, cast.bob_user, begins_at=now, ends_at=now + dt.timedelta(days=1)
        ),
    ):
        with pytest.raises(Denied):
            attempt()
    assert is_working_day(dt.date(2026, 12, 1), worktime.calendar())
    assert (WorkCalendar.objects.count(), Absence.objects.count()) == (2, 0)
    with pytest.raises(NotFound):
        worktime.calendar("nothing")


def test_asking_again_costs_no_query(cast: Any, django_assert_num_queries: Any) -> None:
    worktime.calendar()
    worktime.calendar_of_user(cast.alice_user.pk)
    with django_assert_num_queries(0):
        worktime.calendar()
        worktime.calendar_of_user(cast.alice_user.pk)
