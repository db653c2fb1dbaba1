"""Reports: figures are right, are those of the list behind them, and stay within what the reader may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guanxi.core import records
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import Preference, RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.reporting.engine import Scope, run
from guanxi.core.reporting.spec import read, written
from tests.core.reporting.conftest import NOW, ask, assert_lists, table
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
World = list[Any]


def rate(cast: Cast, *, currency: str, day: dt.date, rate: Decimal) -> None:
    """Enter a rate."""
    records.create(cast.root, "core.exchangerate", {"currency": currency, "day": day, "rate": rate})


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("alice", {"New": 3, "Used": 2, "Broken": 1}),
        ("charlie", {"New": 1, "Broken": 1}),
        ("root", {"New": 4, "Used": 2, "Broken": 2}),
    ],
)
def test_counts_are_those_of_the_list_for_each_scope(
    person: str, expected: dict[str, int], cast: Cast, world: World
) -> None:
    actor = getattr(cast, person)
    result = ask(actor, rows=[{"field": "state"}])
    assert table(result) == expected
    assert result.total.cells[0].value == sum(expected.values())
    assert_lists(actor, result)


def test_who_sees_nothing_of_a_dataset_is_refused(cast: Cast, world: World) -> None:
    with pytest.raises(Denied):
        ask(cast.dave)


@pytest.mark.parametrize("person", ["alice", "root"])
@pytest.mark.parametrize(
    "rows",
    [
        [{"field": "owner"}], [{"field": "owner.department"}], [{"field": "owner.department", "grain": "top"}],
        [{"field": "region"}], [{"field": "region", "grain": "top"}], [{"field": "region", "grain": "second"}],
        [{"field": "made_on", "grain": "month"}], [{"field": "made_on", "grain": "age"}],
        [{"field": "sold_at", "grain": "week"}], [{"field": "sold_at", "grain": "day"}],
        [{"field": "pieces", "grain": "bands"}], [{"field": "active"}], [{"field": "name"}],
        [{"field": "keeper"}], [{"field": "parent"}], [{"field": "parent.state"}], [{"field": "parent.active"}],
        [{"field": "owner"}, {"field": "state"}, {"field": "made_on", "grain": "quarter"}],
    ],
)  # fmt: skip
def test_every_figure_leads_to_its_records(person: str, rows: Any, cast: Cast, world: World, make: Any) -> None:
    actor = getattr(cast, person)
    strange = make("fakes.gadget", by=cast.charlie_user, state="used", active=False)
    make("fakes.gadget", parent=strange)
    make("fakes.gadget", parent=world[0], by=cast.bob_user)
    result = ask(actor, rows=rows)
    assert sum(row.cells[0].value for row in result.rows) == result.total.cells[0].value
    assert_lists(actor, result)
    assert_lists(actor, ask(actor, rows=rows, columns=[{"field": "state"}]))


def test_what_lies_beyond_a_hidden_record_is_not_told(cast: Cast, world: World, make: Any) -> None:
    strange = make("fakes.gadget", by=cast.charlie_user, state="broken")
    make("fakes.gadget", parent=strange)
    assert table(ask(cast.alice, rows=[{"field": "parent.state"}])) == {"(none)": 7}
    assert table(ask(cast.root, rows=[{"field": "parent.state"}])) == {"Broken": 1, "(none)": 9}
    named = ask(cast.alice, rows=[{"field": "parent"}])
    assert set(table(named)) == {"(not visible to you)", "(none)"}
    type(strange).objects.filter(pk=strange.pk).update(price="9.00", currency="EUR")
    for more in ({}, {"rows": [{"field": "state"}]}):
        money = {"measures": [{"how": "sum", "field": "parent.price"}], **more}
        assert [len(ask(one, **money).notes) > 0 for one in (cast.root, cast.alice)] == [True, False]


@pytest.mark.parametrize("level", ["hidden", "masked"])
def test_hidden_and_masked_fields_are_refused(level: str, cast: Cast, world: World) -> None:
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="price", level=level)
    bump("rights")
    alice = cast.actor(cast.alice_user)
    for definition in (
        {"rows": [{"field": "price", "grain": "bands"}]},
        {"measures": [{"how": "sum", "field": "price"}]},
        {"measures": [{"how": "count", "where": {"field": "price", "op": "gt", "value": 10}}]},
        {"filter": {"field": "price", "op": "gt", "value": 10}},
        {"measures": [{"how": "weighted", "field": "weight", "weight": "price"}]},
    ):
        with pytest.raises(Invalid):
            ask(alice, **definition)
    assert ask(alice).total.cells[0].value == 6


def test_months_are_those_of_the_readers_time_zone(cast: Cast, world: World) -> None:
    months = [{"field": "sold_at", "grain": "month"}]
    year = "2026-01-01..2026-12-31"
    shanghai = ask(cast.root, rows=months, period=year)
    assert {key: value for key, value in table(shanghai).items() if value} == {"2026-02": 3, "2026-03": 1, "2026-04": 1}
    london = replace(cast.root, timezone="Europe/London")
    there = ask(london, rows=months, period=year)
    assert {key: value for key, value in table(there).items() if value} == {
        "2026-01": 1, "2026-02": 2, "2026-03": 2,
    }  # fmt: skip
    assert_lists(cast.root, shanghai)
    assert_lists(london, there)
    assert len(shanghai.rows) == 12, "months without records are shown"


def test_weeks_that_begin_on_sunday_hold_their_sunday(cast: Cast, world: World) -> None:
    for grain in ("week", "month"):
        with regional.override(replace(regional.present(), week=7)):
            result = ask(cast.root, rows=[{"field": "sold_at", "grain": grain}], period="2026-02-01..2026-03-31")
            assert_lists(cast.root, result)
    with regional.override(replace(regional.present(), week=7)):
        starts = [row.heads[0].start for row in ask(cast.root, rows=[{"field": "sold_at", "grain": "week"}]).rows]
    assert dt.date(2026, 2, 1) in starts, "a Sunday is the first day of its week"
    weeks = ask(cast.root, rows=[{"field": "sold_at", "grain": "week"}])
    assert dt.date(2026, 1, 26) in [row.heads[0].start for row in weeks.rows]
    assert_lists(cast.root, weeks)


def test_ages_are_those_of_the_day_that_is_asked_on(cast: Cast, world: World) -> None:
    rows = [{"field": "made_on", "grain": "age"}]
    first = ask(cast.root, rows=rows)
    with clock.moved_to(NOW + dt.timedelta(days=60)):
        later = ask(cast.root, rows=rows)
        assert_lists(cast.root, later)
    assert table(first) != table(later)
    assert table(ask(cast.root, rows=rows)) == table(first)


def test_columns_go_by_what_they_hold_in_all_rows(cast: Cast, world: World, make: Any) -> None:
    for user, state in ((cast.charlie_user, "new"), (cast.charlie_user, "broken"), (cast.alice_user, "new")):
        make("fakes.gadget", by=user, state=state)
    result = ask(cast.root, rows=[{"field": "state"}], columns=[{"field": "owner"}])
    told = [(one.label, cell.value) for one, cell in zip(result.columns, result.total.cells, strict=True) if one.head]
    assert told == [("林爱丽", 5), ("查理", 4), ("鲍勃", 2)]


def test_groups_of_one_name_keep_their_order(cast: Cast, world: World, make: Any) -> None:
    twins = [make("fakes.gadget", name="Twin", by=cast.root_user, state="broken") for _number in range(3)]
    for number, above in enumerate((twins[1], twins[0], twins[2])):
        for _child in range(number + 1):
            make("fakes.gadget", parent=above, by=cast.root_user, state="new")
    for sort in ("", "label"):
        result = ask(cast.root, rows=[{"field": "state"}, {"field": "parent"}], sort=sort)
        keys = [row.heads[1].key for row in result.rows if row.heads[1].label == "Twin"]
        assert keys == sorted((one.pk for one in twins), key=str)


def test_the_measures(cast: Cast, world: World) -> None:
    rate(cast, currency="USD", day=dt.date(2026, 1, 1), rate=Decimal("7"))
    result = ask(
        cast.alice,
        rows=[{"field": "state"}],
        measures=[
            {"how": "count"},
            {"how": "sum", "field": "pieces"},
            {"how": "avg", "field": "pieces"},
            {"how": "min", "field": "pieces"},
            {"how": "max", "field": "pieces"},
            {"how": "distinct", "field": "owner"},
            {"how": "ratio", "a": 1, "b": 0},
            {"how": "share", "a": 0},
        ],
    )
    by_name = {row.heads[0].label: [cell.value for cell in row.cells] for row in result.rows}
    assert by_name == {
        "New": [3, 77, Decimal("25.6667"), 5, 60, 2, Decimal("25.6667"), Decimal("50.0000")],
        "Used": [2, 700, Decimal("700.0000"), 700, 700, 2, Decimal("350.0000"), Decimal("33.3333")],
        "Broken": [1, 5, Decimal("5.0000"), 5, 5, 1, Decimal("5.0000"), Decimal("16.6667")],
    }
    assert [cell.value for cell in result.total.cells] == [
        6, 782, Decimal("156.4000"), 5, 700, 2, Decimal("130.3333"), Decimal("100.0000"),
    ]  # fmt: skip


def test_a_measure_may_count_some_records_only_and_a_ratio_says_how_many(cast: Cast, world: World) -> None:
    new = {"field": "state", "op": "eq", "value": "new"}
    result = ask(
        cast.root,
        rows=[{"field": "owner"}],
        measures=[
            {"how": "count", "hidden": True},
            {"how": "count", "where": new, "label_en": "New ones"},
            {"how": "ratio", "a": 1, "b": 0, "unit": "percent"},
        ],
    )
    assert [column.label for column in result.columns] == ["New ones", "Ratio of two · New ones"]
    assert {row.heads[0].label: [cell.value for cell in row.cells] for row in result.rows} == {
        "林爱丽": [2, Decimal("50.0000")], "鲍勃": [1, Decimal("50.0000")], "查理": [1, Decimal("50.0000")],
    }  # fmt: skip
    assert_lists(cast.root, result)


def test_a_running_total_adds_up_along_the_months(cast: Cast, world: World) -> None:
    result = ask(
        cast.root,
        rows=[{"field": "made_on", "grain": "month"}],
        measures=[{"how": "count"}, {"how": "running", "a": 0}],
        period="2026-01-01..2026-04-30",
    )
    assert [[cell.value for cell in row.cells] for row in result.rows] == [[1, 1], [3, 4], [2, 6], [0, 6]]


def test_amounts_are_converted_by_the_rate_of_their_day(cast: Cast, world: World) -> None:
    for day, worth in (("2026-01-01", "7"), ("2026-02-15", "7.2")):
        rate(cast, currency="USD", day=dt.date.fromisoformat(day), rate=Decimal(worth))
    definition = {"rows": [{"field": "state"}], "measures": [{"how": "sum", "field": "price"}], "date": "made_on"}
    result = ask(cast.root, **definition)
    assert {name: round(value, 2) for name, value in table(result).items()} == {
        "New": Decimal("390.50"), "Used": Decimal("576.00"), "Broken": Decimal("10.25"),
    }  # fmt: skip
    assert result.first.unit.currency == "CNY"
    assert any("There is no rate of EUR" in note for note in result.notes)
    rate(cast, currency="EUR", day=dt.date(2026, 2, 1), rate=Decimal("8"))
    again = ask(cast.root, **definition)
    assert round(table(again)["New"], 2) == Decimal("8390.42")
    assert not any("no rate" in note for note in again.notes)


def test_one_figure_tells_its_currencies_by_the_question_it_asks_anyway(cast: Cast, world: World) -> None:
    figure: dict[str, Any] = {"measures": [{"how": "sum", "field": "price"}], "date": "made_on"}
    for more in ({}, {"period": "2026-01-01..2026-04-30", "compare": "previous"}):
        with CaptureQueriesContext(connection) as seen:
            told = ask(cast.root, **figure, **more)
        assert len([one for one in seen.captured_queries if 'FROM "fakes_gadget"' in one["sql"]]) == 1
        assert any("There is no rate of EUR" in note for note in told.notes), more
        assert any("EUR, USD" in note for note in told.notes), more
    assert not ask(cast.root, **figure, filter={"field": "currency", "op": "eq", "value": "CNY"}).notes


def test_a_period_is_compared_with_the_one_before_and_the_year_before(cast: Cast, world: World) -> None:
    monthly = {"rows": [{"field": "made_on", "grain": "month"}], "date": "made_on", "period": "2026-02-01..2026-03-31"}
    before = ask(cast.root, **monthly, compare="previous")
    assert before.window_before is not None
    assert before.window_before.text() == "2025-12-01 – 2026-01-31"
    assert [(row.cells[0].value, row.cells[0].before) for row in before.rows] == [(3, 0), (2, 1)]
    year = ask(cast.root, **monthly, compare="year")
    assert [(row.cells[0].value, row.cells[0].before) for row in year.rows] == [(3, 1), (2, 0)]
    assert (year.total.cells[0].value, year.total.cells[0].before) == (5, 1)
    assert year.total.cells[0].change == 400.0


def test_top_groups_and_others_make_the_total(cast: Cast, world: World) -> None:
    for field in ("name", "region", "owner"):
        result = ask(cast.root, rows=[{"field": field}], top=2, sort="value")
        assert len(result.rows) == 3
        assert result.rows[-1].sort == "others"
        assert sum(row.cells[0].value for row in result.rows) == result.total.cells[0].value == 8
        assert_lists(cast.root, result)
    pairs = ask(cast.root, rows=[{"field": "name"}, {"field": "state"}], top=3)
    assert sum(row.cells[0].value for row in pairs.rows) == 8
    assert_lists(cast.root, pairs)


def test_the_business_year_begins_where_the_workspace_says(cast: Cast, world: World) -> None:
    Preference.objects.update_or_create(key="fiscal_start", defaults={"value": 4})
    bump("preferences")
    result = ask(cast.root, rows=[{"field": "made_on", "grain": "year"}])
    assert table(result) == {"FY2025": 1, "FY2026": 6, "(none)": 1}
    quarters = ask(
        cast.root, rows=[{"field": "made_on", "grain": "quarter"}], period="2026-01-01..2026-06-30", date="made_on"
    )
    assert table(quarters) == {"FY2026 Q4": 6, "FY2027 Q1": 0}
    assert_lists(cast.root, result)
    assert_lists(cast.root, quarters)


def test_custom_fields_group_and_add_up(cast: Cast, world: World) -> None:
    from guanxi.core.models import CustomField  # noqa: PLC0415 - only here

    for key, kind in (("grade", "text"), ("volume", "decimal"), ("checked", "boolean"), ("seen", "date")):
        CustomField.objects.create(entity="fakes.gadget", key=key, kind=kind, label_zh=key, label_en=key)
    bump("fields")
    for number, one in enumerate(world[:4]):
        records.update(
            cast.root,
            one,
            {
                "custom.grade": "AB"[number % 2],
                "custom.volume": number + 1,
                "custom.checked": True,
                "custom.seen": "2026-03-0%d" % (number + 1),
            },
        )
    result = ask(
        cast.root,
        rows=[{"field": "custom.grade"}],
        measures=[{"how": "count"}, {"how": "sum", "field": "custom.volume"}],
    )
    assert {row.heads[0].label: [cell.value for cell in row.cells] for row in result.rows} == {
        "A": [2, 4], "B": [2, 6], "(none)": [4, None],
    }  # fmt: skip
    assert_lists(cast.root, result)
    for field in ("custom.checked", "custom.seen"):
        assert_lists(cast.root, ask(cast.root, rows=[{"field": field}]))


def test_a_reader_narrows_a_report_with_a_scope(cast: Cast, world: World) -> None:
    spec = read({"dataset": "fakes.gadget", "rows": [{"field": "state"}], "date": "made_on"})
    mine = run(cast.root, spec, Scope(filter={"field": "owner", "op": "eq", "value": cast.bob_user.pk}))
    assert table(mine) == {"New": 1, "Used": 1}
    recent = run(cast.root, spec, Scope(period="2026-02-01..2026-02-28", compare="previous"))
    assert table(recent) == {"New": 2, "Used": 1}
    assert [row.cells[0].before for row in recent.rows] == [1, 0]
    assert_lists(cast.root, recent)


def test_a_definition_is_written_as_it_was_read() -> None:
    given = {
        "dataset": "fakes.gadget",
        "rows": [{"field": "made_on", "grain": "month"}],
        "measures": [{"how": "count"}, {"how": "ratio", "a": 0, "b": 0, "unit": "percent"}],
        "period": "last:30",
        "target": "12.5",
        "chart": "line",
        "top": 5,
    }
    assert written(read(written(read(given)))) == written(read(given))
    assert read(written(read(given))) == read(given)


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"dataset": "nothing.there"}, {"rows": [{"field": "nothing"}]}, {"rows": [{"field": "story"}]},
        {"measures": [{"how": "sum", "field": "name"}]}, {"measures": [{"how": "ratio", "a": 0, "b": 5}]},
        {"measures": [{"how": "share", "a": 0}]}, {"period": "sometime"}, {"period": "2026-03-01..2026-01-01"},
        {"rows": [{"field": "state", "grain": "fortnight"}]}, {"top": "many"}, {"target": "NaN"}, {"chart": "cake"},
        {"rows": "state"}, {"measures": [{"how": "count", "hidden": True}]}, {"rows": [{"field": "state"}] * 9},
    ],
)  # fmt: skip
def test_what_a_report_cannot_be_is_said(wrong: dict[str, Any], cast: Cast, frozen: None) -> None:
    with pytest.raises(Invalid):
        ask(cast.root, **(wrong or {"dataset": ""}))


def test_a_report_takes_few_queries(
    cast: Cast, world: World, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    definition = {"rows": [{"field": "owner"}], "columns": [{"field": "state"}]}
    ask(cast.root, **definition)
    with django_assert_max_num_queries(2):
        ask(cast.root, **definition)


def test_a_department_whose_teams_stand_beside_it_counts_and_says_only_its_own(cast: Cast, world: World) -> None:
    team = records.create(cast.root, "core.department", {"name": "华南一组", "parent": cast.south.pk})
    records.update(cast.root, cast.bob_user, {"department": team.pk})
    result = ask(cast.root, rows=[{"field": "owner.department", "grain": "second"}])
    found = table(result)
    assert {"华南销售部 (own)", "华南一组", "华东销售部"} <= set(found)
    assert sum(found.values()) == result.total.cells[0].value
    assert_lists(cast.root, result)
    whole = table(ask(cast.root, rows=[{"field": "owner.department", "grain": "top"}]))
    assert whole["华南销售部"] == found["华南销售部 (own)"] + found["华南一组"]
