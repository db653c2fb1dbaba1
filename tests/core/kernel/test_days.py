"""Days as people type them."""

import datetime as dt

import pytest

from guanxi.core.kernel import days, regional
from guanxi.core.kernel.regional import Regional

FRIDAY = dt.date(2026, 11, 27)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("今天", "2026-11-27"), ("明天", "2026-11-28"), ("大后天", "2026-11-30"), ("yesterday", "2026-11-26"), ("+3", "2026-11-30"),
        ("－2", "2026-11-25"), ("+1w", "2026-12-04"), ("+1月", "2026-12-27"), ("3天后", "2026-11-30"), ("两周后", "2026-12-11"),
        ("in 3 days", "2026-11-30"), ("2 weeks ago", "2026-11-13"), ("下周一", "2026-11-30"), ("下下周五", "2026-12-11"),
        ("上周日", "2026-11-22"), ("本周三", "2026-11-25"), ("周五", "2026-11-27"), ("周四", "2026-12-03"), ("星期天", "2026-11-29"),
        ("next fri", "2026-12-04"), ("Monday", "2026-11-30"), ("12/1", "2026-12-01"), ("1/5", "2027-01-05"), ("10/1", "2026-10-01"),
        ("12月1日", "2026-12-01"), ("2026-12-1", "2026-12-01"), ("２０２６年12月1日", "2026-12-01"), ("20261201", "2026-12-01"),
        ("26-12-1", "2026-12-01"), ("15", "2026-12-15"), ("30号", "2026-11-30"), ("31", "2026-12-31"), ("月底", "2026-11-30"),
        ("下月初", "2026-12-01"), ("年底", "2026-12-31"), ("下个月", "2026-12-27"), ("eom", "2026-11-30"), ("1 Dec", "2026-12-01"),
        ("Dec 1st, 2027", "2027-12-01"), ("2/29", "2028-02-29"), ("13/1", "2027-01-13"), ("下周", "2026-11-30"), ("13/12/2026", "2026-12-13"),
    ],
)  # fmt: skip
def test_a_day_in_words(text: str, day: str) -> None:
    assert days.read(text, FRIDAY) == dt.date.fromisoformat(day)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-02-30", "32", "13/13", "0000-01-01", "+999999y", "12:30", "一", "99999999", "1/12/2026"]
)
def test_no_day(text: str) -> None:
    assert days.read(text, FRIDAY) is None


def test_the_reader_says_what_comes_first() -> None:
    with regional.override(Regional(dates="day", week=7)):
        assert days.read("1/12", FRIDAY) == dt.date(2026, 12, 1)
        assert days.read("1/12/26", FRIDAY) == dt.date(2026, 12, 1)
        assert days.written(dt.date(2026, 12, 1)) == "01/12/2026"
        assert days.read("下周日", FRIDAY) == dt.date(2026, 11, 29)  # his next week begins with it
    with regional.override(Regional(dates="month")):
        assert days.read("1/12/2026", FRIDAY) == dt.date(2026, 1, 12)


@pytest.mark.parametrize(
    ("text", "time"),
    [("14:30", "14:30"), ("9", "09:00"), ("930", "09:30"), ("2pm", "14:00"), ("12am", "00:00"), ("下午3点半", "15:30"), ("晚上8点", "20:00"), ("25", ""), ("9:75", "")],
)  # fmt: skip
def test_a_time(text: str, time: str) -> None:
    assert days.read_time(text) == (dt.time.fromisoformat(time) if time else None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("明天", "2026-11-28T09:00"), ("明天14:30", "2026-11-28T14:30"), ("周五 下午3点", "2026-11-27T15:00"), ("16:15", "2026-11-27T16:15"),
        ("2026-12-01 14:30", "2026-12-01T14:30"), ("2026-12-01T14:30", "2026-12-01T14:30"), ("next monday 9am", "2026-11-30T09:00"),
        ("下周一 9", "2026-11-30T09:00"), ("12/1 8:05", "2026-12-01T08:05"),
    ],
)  # fmt: skip
def test_a_moment(text: str, moment: str) -> None:
    assert days.read_moment(text, dt.datetime.fromisoformat("2026-11-27T11:00")) == dt.datetime.fromisoformat(moment)
