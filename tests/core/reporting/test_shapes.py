"""Dimensions of several values, subtotals, cohorts: every figure counted another way."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import RoleField, Tag
from guanxi.core.models.stamps import bump
from guanxi.core.reporting import charts, datasets
from guanxi.core.shaping.segments import SegmentDraft, segment_save
from tests.core.reporting.conftest import ask, assert_lists, table
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def tagged(cast: Cast, world: Any) -> dict[str, Tag]:
    """Two tags: both on the first gadget, one on the second and the sixth."""
    found = {name: Tag.objects.create(name=name, color="red") for name in ("VIP", "Export")}
    for at, names in ((0, ("VIP", "Export")), (1, ("VIP",)), (5, ("Export",))):
        records.update(cast.root, world[at], {"tags": [found[name].pk for name in names]})
    records.update(cast.root, world[0], {"colours": ["red", "blue"]})
    return found


def test_a_record_counts_under_each_of_its_tags_and_once_in_all(cast: Cast, tagged: Any) -> None:
    result = ask(cast.root, rows=[{"field": "tags"}], measures=[{"how": "count"}, {"how": "sum", "field": "pieces"}])
    assert table(result) == {"VIP": 2, "Export": 2, "(none)": 5}
    assert table(result, 1) == {"VIP": 65, "Export": 705, "(none)": 18}
    assert [cell.value for cell in result.total.cells] == [8, 783]
    assert_lists(cast.root, result)
    assert "counts under each" in result.notes[0]
    assert table(ask(cast.charlie, rows=[{"field": "tags"}])) == {"(none)": 2}


def test_tags_across_and_with_subtotals(cast: Cast, tagged: Any) -> None:
    result = ask(cast.root, rows=[{"field": "state"}], columns=[{"field": "tags"}])
    by_row = {row.heads[0].label: [cell.value for cell in row.cells] for row in result.rows}
    assert sorted(column.label for column in result.columns) == ["(none)", "Export", "Total", "VIP"]
    assert {name: cells[-1] for name, cells in by_row.items()} == {"New": 4, "Used": 2, "Broken": 2}
    assert result.total.cells[-1].value == 8
    assert_lists(cast.root, result)
    nested = ask(cast.root, rows=[{"field": "state"}, {"field": "tags"}], subtotals=True)
    sums = {row.heads[0].label: row.cells[0].value for row in nested.rows if row.sort == "subtotal"}
    assert sums == {"New": 4, "Used": 2, "Broken": 2}
    assert_lists(cast.root, nested)


def test_choices_of_several_values_group_too(cast: Cast, tagged: Any) -> None:
    result = ask(cast.root, rows=[{"field": "colours"}])
    assert sum(row.cells[0].value for row in result.rows) == 9
    assert result.total.cells[0].value == 8
    assert_lists(cast.root, result)
    with pytest.raises(Invalid, match="several values"):
        ask(cast.root, rows=[{"field": "colours"}, {"field": "tags"}])


@pytest.fixture
def segmented(cast: Cast, world: Any, make: Any) -> None:
    """Dear gadgets, new ones (two are both), and one that hangs on the first."""
    for key, condition in (("dear", {"field": "price", "op": "gte", "value": "100"}), ("fresh", {"field": "state", "op": "eq", "value": "new"})):  # fmt: skip
        segment_save(cast.root, None, SegmentDraft(key=key, name_zh=key, name_en=key.title(), entity="fakes.gadget", condition=condition))  # fmt: skip
    make("fakes.gadget", parent=world[0], by=cast.charlie_user, state="used", price=None)


def test_a_record_counts_in_each_of_its_segments_and_once_in_all(cast: Cast, segmented: None) -> None:
    result = ask(
        cast.root, rows=[{"field": "@segment"}], measures=[{"how": "count"}, {"how": "sum", "field": "pieces"}]
    )
    assert table(result) == {"Dear": 3, "Fresh": 4, "(none)": 5}
    assert table(result, 1) == {"Dear": 66, "Fresh": 78, "(none)": 705}
    assert [cell.value for cell in result.total.cells] == [9, 783]
    assert result.notes[0].startswith("Who is in several segments counts in each")
    assert_lists(cast.root, result)
    mine = ask(cast.charlie, rows=[{"field": "@segment"}])
    assert table(mine) == {"Dear": 1, "Fresh": 1, "(none)": 2}
    assert mine.total.cells[0].value == 3
    assert "@segment" in {one.path for one in datasets.places(cast.alice, mine.entity)}


def test_segments_across_and_of_what_a_record_belongs_to(cast: Cast, segmented: None) -> None:
    across = ask(cast.root, rows=[{"field": "state"}], columns=[{"field": "@segment"}])
    assert [cell.value for cell in across.total.cells][-1] == 9
    assert_lists(cast.root, across)
    above = ask(cast.root, rows=[{"field": "parent.@segment"}])
    assert table(above) == {"Dear": 1, "Fresh": 1, "(none)": 8}
    assert_lists(cast.root, above)
    # The gadget's parent is not for Charlie, so what it belongs to is not told.
    assert table(ask(cast.charlie, rows=[{"field": "parent.@segment"}])) == {"(none)": 3}


def test_a_segment_that_asks_for_a_hidden_field_is_left_out_and_said(cast: Cast, segmented: None) -> None:
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="price", level="hidden")
    bump("rights")
    alice = cast.actor(cast.alice_user)
    result = ask(alice, rows=[{"field": "@segment"}])
    assert set(table(result)) == {"Fresh", "(none)"}
    assert any("1 segment asks for something you cannot see" in one for one in result.notes)
    assert_lists(alice, result)


def test_without_segments_there_is_nothing_to_group_by(cast: Cast, world: Any) -> None:
    with pytest.raises(Invalid, match="no segment"):
        ask(cast.root, rows=[{"field": "@segment"}])


@pytest.mark.parametrize("person", ["root", "alice"])
@pytest.mark.parametrize("sort", ["", "value", "-value", "label"])
def test_subtotals_are_the_sum_of_their_rows(person: str, sort: str, cast: Cast, world: Any) -> None:
    actor = getattr(cast, person)
    result = ask(
        actor, rows=[{"field": "owner"}, {"field": "state"}], columns=[{"field": "active"}], subtotals=True, sort=sort,
        measures=[{"how": "count"}, {"how": "sum", "field": "pieces"}],
    )  # fmt: skip
    running = [Decimal(0)] * len(result.columns)
    seen = []
    for row in result.rows:
        if row.sort == "subtotal":
            assert [cell.value or 0 for cell in row.cells] == running, row.heads
            assert row.heads[1].label == "Subtotal"
            seen.append(row.heads[0].label)
            running = [Decimal(0)] * len(result.columns)
        else:
            assert not seen or row.heads[0].label not in seen, "a group stands together"
            running = [one + (cell.value or 0) for one, cell in zip(running, row.cells, strict=True)]
    assert len(seen) == len({row.heads[0].label for row in result.rows})
    assert_lists(actor, result)


def test_subtotals_of_three_rows(cast: Cast, world: Any) -> None:
    rows = [{"field": "owner"}, {"field": "state"}, {"field": "currency"}]
    result = ask(cast.root, rows=rows, subtotals=True)
    outer = [row.cells[0].value for row in result.rows if row.sort == "subtotal" and row.heads[1].label == "Subtotal"]
    inner = [row.cells[0].value for row in result.rows if row.sort == "subtotal" and row.heads[2].label == "Subtotal"]
    assert sum(outer) == sum(inner) == result.total.cells[0].value == 8


@pytest.fixture
def cohorts(cast: Cast, world: Any, make: Any) -> None:
    """Parts of gadgets, fitted so many months after their gadget was made."""
    story = {"2026-01-10": (0, 0, 1, 3), "2026-02-20": (0, 2), "2026-03-05": (1,)}
    for made_on, later in story.items():
        gadget = make("fakes.gadget", by=cast.alice_user, made_on=made_on)
        day = dt.date.fromisoformat(made_on)
        for months in later:
            index = day.year * 12 + day.month - 1 + months
            at = dt.datetime(index // 12, index % 12 + 1, day.day, 4, tzinfo=dt.UTC)
            make("fakes.part", gadget=gadget, fitted_at=at)


def test_a_cohort_counts_on_from_its_rows(cast: Cast, cohorts: None) -> None:
    result = ask(
        cast.root, dataset="fakes.part", rows=[{"field": "gadget.made_on", "grain": "month"}],
        columns=[{"field": "fitted_at", "grain": "after"}],
        measures=[{"how": "distinct", "field": "gadget"}, {"how": "count"}, {"how": "kept", "a": 1}],
    )  # fmt: skip
    months = list(dict.fromkeys(column.head.label for column in result.columns if column.head))
    assert months == ["month 0", "month +1", "month +2", "month +3"]
    rows = {row.heads[0].label: [cell.value for cell in row.cells] for row in result.rows}
    assert rows["2026-01"][1::3] == [2, 1, 0, 1, 4]
    assert rows["2026-01"][2::3] == [100, 50, 0, 50, None]
    assert rows["2026-02"][1::3] == [1, 0, 1, 0, 2]
    assert rows["2026-03"][1::3] == [0, 1, 0, 0, 1]
    assert rows["2026-03"][2::3] == [None, None, None, None, None]
    assert [cell.value for cell in result.total.cells][1::3] == [3, 2, 1, 1, 7]
    assert_lists(cast.root, result)


@pytest.mark.parametrize(
    "rows", [[], [{"field": "name"}], [{"field": "fitted_at", "grain": "day"}], [{"field": "gadget.pieces"}]]
)
def test_a_cohort_needs_dates_in_its_rows(rows: Any, cast: Cast, cohorts: None) -> None:
    with pytest.raises(Invalid, match="needs dates"):
        ask(cast.root, dataset="fakes.part", rows=rows, columns=[{"field": "fitted_at", "grain": "after"}])


def test_days_between_moments_are_those_of_who_reads_now(cast: Cast, world: Any) -> None:
    world[0].__class__.objects.exclude(pk=world[0].pk).update(sold_at=None)
    world[0].__class__.objects.filter(pk=world[0].pk).update(created_at="2026-01-31T15:00:00Z")
    money = {"measures": [{"how": "days", "field": "sold_at", "weight": "created_at"}]}
    for _again in range(2):
        for zone, expected in (("Asia/Shanghai", 1), ("UTC", 0)):
            assert ask(replace(cast.root, timezone=zone), **money).total.cells[0].value == expected, zone


def test_each_bar_has_room_for_its_figure(cast: Cast, world: Any) -> None:
    result = ask(cast.root, rows=[{"field": "state"}], columns=[{"field": "region"}])
    picture = charts.draw(result, chart="bar")
    figures = [float(y) for y in re.findall(r'<text [^>]*y="([\d.]+)"[^>]*font-size="11"', picture)]
    assert len(figures) > 8
    assert all(below - above >= 11 for above, below in itertools.pairwise(figures)), figures
    tall = replace(result, rows=result.rows * 20)
    assert ("gx-chart-tall" in picture, "gx-chart-tall" in charts.draw(tall, chart="bar")) == (False, True)


def test_what_people_work_with_is_offered_before_settings(cast: Cast) -> None:
    groups = [one.menu.group for one in datasets.datasets(cast.root)]
    assert groups[0] == "work"
    assert groups.index("customers") < groups.index("sales") < groups.index("settings")
