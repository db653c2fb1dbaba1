"""The lunar calendar; reference dates from the Hong Kong Observatory's tables."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.core.kernel import lunar
from guanxi.core.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("solar", "year", "month", "day", "leap"),
    [
        (dt.date(2024, 2, 10), 2024, 1, 1, False),
        (dt.date(2025, 1, 29), 2025, 1, 1, False),
        (dt.date(2026, 2, 17), 2026, 1, 1, False),
        (dt.date(2025, 10, 6), 2025, 8, 15, False),
        (dt.date(2023, 3, 22), 2023, 2, 1, True),
        (dt.date(2025, 7, 25), 2025, 6, 1, True),
        (dt.date(1976, 10, 1), 1976, 8, 8, True),
        (dt.date(2000, 1, 1), 1999, 11, 25, False),
    ],
)
def test_both_ways(solar: dt.date, year: int, month: int, day: int, leap: bool) -> None:
    assert lunar.to_lunar(solar) == lunar.LunarDay(year, month, day, leap)
    assert lunar.to_solar(year, month, day, leap=leap) == solar


@given(st.dates(dt.date(1900, 1, 31), dt.date(2100, 12, 31)))
def test_there_and_back(day: dt.date) -> None:
    found = lunar.to_lunar(day)
    assert lunar.to_solar(found.year, found.month, found.day, leap=found.leap) == day


def test_next_birthday() -> None:
    mid_autumn = lunar.next_birthday(8, 15, dt.date(2025, 10, 6))
    assert mid_autumn == dt.date(2025, 10, 6)
    assert lunar.next_birthday(8, 15, dt.date(2025, 10, 7)) == dt.date(2026, 9, 25)
    # 闰二月 exists in 2023 only; the year after, the birthday is kept in the ordinary second month.
    assert lunar.next_birthday(2, 1, dt.date(2023, 3, 1), leap=True) == dt.date(2023, 3, 22)
    assert lunar.next_birthday(2, 1, dt.date(2023, 3, 23), leap=True) == lunar.to_solar(2024, 2, 1)
    # The last day of the year: 腊月三十 falls on 腊月廿九 where the month has 29 days (2025).
    assert lunar.next_birthday(12, 30, dt.date(2026, 1, 1)) == dt.date(2026, 2, 16)


@given(st.integers(1, 12), st.integers(1, 30), st.booleans(), st.dates(dt.date(1901, 1, 1), dt.date(2098, 12, 31)))
def test_a_birthday_comes_within_a_long_lunar_year(month: int, day: int, leap: bool, today: dt.date) -> None:
    found = lunar.next_birthday(month, day, today, leap=leap)
    assert 0 <= (found - today).days <= 414


@pytest.mark.parametrize(
    ("month", "day", "leap", "expected"),
    [
        (1, 1, False, "正月初一"),
        (12, 10, False, "腊月初十"),
        (8, 15, False, "八月十五"),
        (8, 20, True, "闰八月二十"),
        (11, 21, False, "冬月廿一"),
        (2, 30, False, "二月三十"),
    ],
)
def test_written(month: int, day: int, leap: bool, expected: str) -> None:
    assert lunar.written(month, day, leap=leap) == expected
    assert lunar.LunarDay(2000, month, day, leap).chinese == expected


@pytest.mark.parametrize(
    ("year", "month", "day", "leap"),
    [(1899, 1, 1, False), (2101, 1, 1, False), (2024, 2, 1, True), (2024, 13, 1, False), (2025, 12, 30, False)],
)
def test_days_that_do_not_exist(year: int, month: int, day: int, leap: bool) -> None:
    with pytest.raises(Invalid):
        lunar.to_solar(year, month, day, leap=leap)


def test_years_out_of_the_table() -> None:
    with pytest.raises(Invalid):
        lunar.to_lunar(dt.date(1899, 12, 31))
    with pytest.raises(Invalid):
        lunar.birthday_in(2024, 13, 1)
