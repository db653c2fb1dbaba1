"""Pages: every row once, in a stable order, forwards and backwards, with nulls last and counts that stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import reading
from tests.factories.cast import Cast

SORTS = [
    ["name"], ["-name"], ["pieces"], ["-pieces"], ["-price", "name"], ["made_on", "-pieces"], ["state", "-id"], ["id"], ["keeper"],
    ["-updated_at"], [],
]  # fmt: skip


@pytest.fixture
def many(make: Callable[..., Any]) -> list[Any]:
    """Eleven gadgets with equal values and gaps."""
    return [
        make(
            "fakes.gadget", name=f"物{number % 3}", pieces=number % 4 or None, price=None if number % 5 else "9.90",
            made_on=None if number % 2 else "2026-01-01", state="used" if number % 3 else "new",
        )
        for number in range(11)
    ]  # fmt: skip


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: ",".join(sort) or "default")
@pytest.mark.parametrize("limit", [1, 3, 4, 50])
def test_forwards_and_backwards_meet_every_row_once(cast: Cast, many: list[Any], sort: list[str], limit: int) -> None:
    whole = [row.pk for row in records.select(cast.alice, "fakes.gadget", sort=sort, limit=500).items]
    assert sorted(whole) == sorted(row.pk for row in many)
    pages, cursor = [], ""
    while True:
        page = records.select(cast.alice, "fakes.gadget", sort=sort, limit=limit, cursor=cursor)
        pages.append(page)
        if not page.next:
            break
        cursor = page.next
    assert [row.pk for page in pages for row in page.items] == whole
    assert pages[0].previous == ""
    back, cursor = [], pages[-1].previous
    while cursor:
        page = records.select(cast.alice, "fakes.gadget", sort=sort, limit=limit, cursor=cursor)
        back.append([row.pk for row in page.items])
        cursor = page.previous
    assert [pk for part in reversed(back) for pk in part] == [row.pk for page in pages[:-1] for row in page.items]


def test_names_sort_by_pinyin_where_a_key_is_kept(cast: Cast, make: Callable[..., Any]) -> None:
    for name in ("周杰", "阿里", "曾国", "Baker"):
        make("customers.contact", name=name)
    names = [row.name for row in records.select(cast.alice, "customers.contact", sort=["name"]).items]
    assert names == ["阿里", "Baker", "曾国", "周杰"]


def test_a_cursor_of_another_order_is_refused(cast: Cast, many: list[Any]) -> None:
    page = records.select(cast.alice, "fakes.gadget", sort=["name"], limit=2)
    for cursor in (page.next, "x", "W10", page.next[:-4]):
        with pytest.raises(Invalid) as caught:
            records.select(cast.alice, "fakes.gadget", sort=["pieces"], cursor=cursor)
        assert caught.value.code == "cursor.invalid"


def test_counting_stops_at_the_limit(cast: Cast, many: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def limited(number: int) -> None:
        monkeypatch.setattr(reading, "COUNT_LIMIT", number)
        monkeypatch.setattr(reading, "_COUNTS", Shaped(reading._some, [], prepared=False))  # kept ones know the old one

    limited(5)
    page = records.select(cast.alice, "fakes.gadget", limit=2)
    assert (page.count, page.count_exact) == (5, False)
    limited(11)
    page = records.select(cast.alice, "fakes.gadget", limit=2)
    assert (page.count, page.count_exact) == (11, True)


def test_totals_and_groups_are_of_all_rows(cast: Cast, many: list[Any]) -> None:
    totals = records.totals(cast.alice, "fakes.gadget", ["price", "pieces"])
    assert {name: str(value) for name, value in totals.items()} == {"sum_price": "29.70", "sum_pieces": "15"}
    groups = records.groups(cast.alice, "fakes.gadget", "state", totals=["price"])
    assert [(one.value, one.count, str(one.totals["price"])) for one in groups] == [
        ("used", 7, "19.80"),
        ("new", 4, "9.90"),
    ]
    assert records.groups(cast.charlie, "fakes.gadget", "state") == []
