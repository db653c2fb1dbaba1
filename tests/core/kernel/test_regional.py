"""Numbers, weeks and names in the reader's way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.utils import translation

from guanxi.core.kernel import regional
from guanxi.core.kernel.regional import Regional
from guanxi.core.records import figures


@pytest.mark.parametrize(
    ("numbers", "written", "typed"),
    [
        ("point", "-1,234,567.5", "1234.5"),
        ("comma", "-1.234.567,5", "1234,5"),
        ("space", "-1\u202f234\u202f567,5", "1234,5"),
        ("apostrophe", "-1’234’567.5", "1234.5"),
        ("plain", "-1234567.5", "1234.5"),
    ],
)
def test_what_is_written_can_be_typed_back(numbers: str, written: str, typed: str) -> None:
    with regional.override(Regional(numbers=numbers)):
        assert regional.punctuated("-1,234,567.5") == written
        assert regional.typed("1234.5") == typed
        assert regional.untyped(typed) == "1234.5"
        assert regional.untyped(written).replace(",", "") == "-1234567.5"
        assert regional.untyped("1234") == "1234"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("12.50", "12.50"), ("1.234", "1234"), ("1.234,50", "1234.50"), ("0,5", "0.5"), ("12,50 €", "12.50€"), ("abc", "abc"), ("1.2.3", "1.2.3")],
)  # fmt: skip
def test_a_mark_between_thousands_stands_before_three_digits(typed: str, meant: str) -> None:
    with regional.override(Regional(numbers="comma")):
        assert regional.untyped(typed) == meant


@pytest.fixture
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.mark.usefixtures("english")
def test_money_and_short_figures_follow() -> None:
    with regional.override(Regional(numbers="comma")):
        assert figures.money(-1234.5, "EUR") == "−€1.234,50"
        assert figures.short_number(15300) == "15,3K"
        assert figures.percent(12.5) == "12,5%"
    with regional.override(Regional(short=False)):
        assert figures.short_money(123456, "CNY") == "¥123,456"
    assert figures.short_money(123456, "CNY") == "¥123.5K"


@pytest.mark.parametrize(("first", "start"), [(1, 23), (7, 22), (6, 21)])
def test_weeks_begin_where_the_reader_begins_them(first: int, start: int) -> None:
    with regional.override(Regional(week=first)):
        assert regional.week_start(dt.date(2026, 11, 26)) == dt.date(2026, 11, start)
        assert regional.week_start(dt.date(2026, 11, start)) == dt.date(2026, 11, start)
        assert regional.weekdays()[0] == first
        assert sorted(regional.weekdays()) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("name", "ordered"),
    [
        ("Anna Smith", "Smith, Anna"),
        ("Ludwig van Beethoven", "van Beethoven, Ludwig"),
        ("Martin Luther King Jr.", "King, Martin Luther Jr."),
        ("张伟", "张伟"),
        ("欧阳 修", "欧阳 修"),
        ("Plato", "Plato"),
        ("Smith, Anna", "Smith, Anna"),
    ],
)
def test_family_names_first(name: str, ordered: str) -> None:
    assert regional.person_name(name) == name
    with regional.override(Regional(names="family")):
        assert regional.person_name(name) == ordered


def test_unknown_habits_are_neutral() -> None:
    assert Regional.of({"numbers": "roman", "week": "9", "names": 3}) == regional.NEUTRAL
    assert Regional.of({"numbers": "comma", "week": "7", "names": "family", "short": "off"}) == Regional(
        numbers="comma", week=7, names="family", short=False
    )
