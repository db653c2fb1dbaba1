"""Sums kept beside the deals equal those of the deals, whatever wrote them and whoever asks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.test.utils import CaptureQueriesContext

from guanxi.areas.sales.models import Opportunity, OpportunityTally
from guanxi.areas.sales.selectors.targets import foreseen
from guanxi.core import records
from guanxi.core.access import allowed
from guanxi.core.kernel import clock
from guanxi.core.models.tally import DAY_OF_MOMENT
from guanxi.core.people.shares import share_set
from guanxi.core.records import many, tallies
from guanxi.core.reporting import engine
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.spec import read
from guanxi.core.schema.registry import entity_of
from tests.factories.cast import Cast

KEY = "sales.opportunity"
BY = ("pipeline_id", "stage_id", "category", "forecast", "owner_id", "carrier_owner_id")
Make = Callable[..., Any]
HOME = ZoneInfo(settings.TIME_ZONE)


def counted() -> dict[Any, Any]:
    rows = Opportunity.objects.annotate(month=TruncMonth("close_on"), closed=TruncMonth("closed_at", tzinfo=HOME))
    rows = rows.values_list(*BY, "month", "closed").order_by()
    return {
        (*row[:7], row[7] and row[7].date()): (row[8], row[9] or 0, row[10] or 0)
        for row in rows.annotate(n=Count("*"), v=Sum("value"), w=Sum("weighted"))
    }


def kept() -> dict[Any, Any]:
    rows = OpportunityTally.objects.values_list(*BY, "close_on", "closed_at").order_by()
    sums = rows.annotate(n=Sum("number"), v=Sum("value"), w=Sum("weighted"))
    return {row[:8]: row[8:] for row in sums if any(row[8:])}


def test_a_tally_follows_every_way_of_writing(cast: Cast, make: Make) -> None:
    first, second = (make(KEY, owner=cast.alice_user, amount=Decimal(amount)) for amount in (100, 250))
    assert kept() == counted() != {}
    records.update(cast.root, first, {"amount": "175.50", "close_on": "2027-03-09"})
    assert kept() == counted()
    operation = records.delete(cast.root, second)
    assert kept() == counted()
    records.undo(cast.root, operation.pk)
    assert kept() == counted()
    entity, customer = entity_of(KEY), first.customer
    found = many.insert_many(
        cast.root, entity, [{"name": f"D{number}", "customer": customer.pk, "amount": number} for number in range(3)]
    )
    assert not [one for one in found if isinstance(one, Exception)]
    records.update(cast.root, customer, {"owner": cast.charlie_user.pk})
    Opportunity.objects.filter(pk=first.pk).update(owner=None)
    assert kept() == counted()
    Opportunity.everything.filter(pk=second.pk).delete()
    assert kept() == counted()
    before = OpportunityTally.objects.count()
    assert tallies.settle(entity, least=1) == before - OpportunityTally.objects.count() > 0
    assert kept() == counted()
    OpportunityTally.objects.all().delete()
    tallies.renew(entity)
    assert kept() == counted()


SPEC = read(
    {
        "dataset": KEY,
        "rows": [{"field": "stage"}, {"field": "owner"}],
        "columns": [{"field": "close_on", "grain": "month"}],
        "measures": [
            {"how": "sum", "field": "value"},
            {"how": "count"},
            {"how": "count", "where": {"field": "category", "op": "eq", "value": "open"}},
        ],
    }
)
TILE = read({"dataset": KEY, "measures": [{"how": "sum", "field": "weighted"}]})


@pytest.mark.parametrize("who", ["alice", "bob", "charlie", "root"])
def test_boards_lists_and_reports_say_the_same_with_a_tally_and_without(
    cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    actor = getattr(cast, who)
    for number, owner in enumerate((cast.alice_user, cast.alice_user, cast.bob_user, cast.charlie_user)):
        make(KEY, owner=owner, amount=Decimal(number + 1) * 1000, close_on=dt.date(2027, 1 + number % 2, 15))

    def said() -> tuple[Any, ...]:
        groups = records.groups(actor, KEY, "stage", totals=("value", "weighted"))
        figures = [(row.heads, [cell.value for cell in row.cells]) for row in run(actor, SPEC).rows]
        page = records.select(actor, KEY, limit=1)
        total = run(actor, TILE).total.cells[0].value
        return sorted((one.value, one.count, sorted(one.totals.items())) for one in groups), figures, page.count, total

    with CaptureQueriesContext(connection) as seen:
        told = said()
    assert sum("sales_opportunitytally" in one["sql"] for one in seen.captured_queries) >= 3
    with monkeypatch.context() as patch:
        patch.setattr(tallies, "tells", lambda *_given: False)
        patch.setattr("guanxi.core.records.steady.key_of", lambda *_given: None)
        assert said() == told


def test_who_sees_a_shared_deal_is_not_answered_by_owners_alone(cast: Cast, make: Make) -> None:
    deal = make(KEY, owner=cast.alice_user, amount=Decimal(500))
    assert tallies.tells(cast.charlie, entity_of(KEY), None)
    share_set(cast.root, deal, cast.charlie_user, level="read")
    charlie = cast.actor(cast.charlie_user)
    assert not tallies.tells(charlie, entity_of(KEY), None)
    assert [one.count for one in records.groups(charlie, KEY, "stage", totals=("value",))] == [1]


def test_a_filter_the_tally_does_not_go_by_is_asked_of_the_records(cast: Cast) -> None:
    entity = entity_of(KEY)
    assert tallies.tells(
        cast.root,
        entity,
        {"all": [{"field": "stage", "op": "empty"}, {"not": {"field": "owner", "op": "eq", "value": "@me"}}]},
    )
    for tree in (
        {"field": "close_on", "op": "eq", "value": "@today"},
        {"field": "customer.name", "op": "eq", "value": "x"},
        {"count": "x"},
    ):
        assert not tallies.tells(cast.root, entity, {"all": [tree]})


def held(key: str) -> dict[Any, int]:
    """What a tally of numbers alone says, by all it goes by."""
    entity = entity_of(key)
    names = sorted({*tallies.goes_by(entity), *tallies._dates(entity)})
    assert entity.tally is not None
    found = entity.tally._default_manager.values_list(*names).order_by().annotate(n=Sum("number"))
    return {row[:-1]: row[-1] for row in found if row[-1]}


def present(key: str, zone: str = settings.TIME_ZONE) -> dict[Any, int]:
    """The same of the records."""
    entity = entity_of(key)
    dates = tallies._dates(entity)
    names = sorted({*tallies.goes_by(entity), *dates})

    def put(name: str, value: Any) -> Any:
        if name not in dates:
            return value
        day = value.astimezone(ZoneInfo(zone)).date()
        return day if dates[name] == DAY_OF_MOMENT else day.replace(day=1)

    rows = entity.model._default_manager.values_list(*names)
    return dict(Counter(tuple(put(name, value) for name, value in zip(names, row, strict=True)) for row in rows))


NUMBERED = ("customers.customer", "activities.activity")
#: One second before midnight in the workspace's time zone, at the end of a month, and at midnight.
EVE, MIDNIGHT = dt.datetime(2026, 4, 30, 15, 59, 59, tzinfo=dt.UTC), dt.datetime(2026, 4, 30, 16, 0, tzinfo=dt.UTC)


def test_customers_and_follow_ups_are_counted_by_the_days_of_the_workspace(cast: Cast, make: Make) -> None:
    firm = make("customers.customer", owner=cast.alice_user)
    first = make("activities.activity", owner=cast.alice_user, customer=firm, occurred_at=EVE)
    second = make("activities.activity", owner=cast.bob_user, customer=firm, occurred_at=MIDNIGHT)
    type(firm).objects.filter(pk=firm.pk).update(created_at=EVE)
    assert {key: held(key) for key in NUMBERED} == {key: present(key) for key in NUMBERED}
    records.update(cast.root, first, {"occurred_at": MIDNIGHT.isoformat()})
    records.update(cast.root, firm, {"level": "b", "lifecycle": "growing", "owner": cast.charlie_user.pk})
    records.delete(cast.root, second)
    assert {key: held(key) for key in NUMBERED} == {key: present(key) for key in NUMBERED}


def test_another_time_zone_of_the_workspace_is_reckoned_anew(cast: Cast, make: Make, settings: Any) -> None:
    firm = make("customers.customer", owner=cast.alice_user)
    make("activities.activity", owner=cast.alice_user, customer=firm, occurred_at=MIDNIGHT)
    before = held("activities.activity")
    settings.TIME_ZONE = "America/New_York"
    tallies.keep_zone()
    assert held("activities.activity") == present("activities.activity", "America/New_York") != before
    settings.TIME_ZONE = HOME.key
    tallies.keep_zone()
    assert held("activities.activity") == before


def test_only_whole_days_and_months_of_the_workspace_are_told() -> None:
    deals, follow_ups, home = entity_of(KEY), entity_of("activities.activity"), HOME.key
    first, last = dt.date(2026, 4, 1), dt.date(2026, 4, 30)
    assert tallies.within(deals, "close_on", first, last, "Europe/Berlin") is not None
    assert tallies.within(deals, "closed_at", first, last, home) is not None
    assert tallies.within(deals, "closed_at", first, last, "Europe/Berlin") is None
    assert tallies.within(deals, "closed_at", first, last - dt.timedelta(days=1), home) is None
    assert tallies.within(follow_ups, "occurred_at", first, last - dt.timedelta(days=1), home) is not None
    assert tallies.within(follow_ups, "created_at", first, last, home) is None


PERIODS = (
    {"dataset": "activities.activity", "date": "occurred_at", "period": "this_week", "compare": "previous"},
    {"dataset": "activities.activity", "date": "occurred_at", "period": "last:3", "compare": "year"},
    {"dataset": "customers.customer", "date": "created_at", "period": "this_month", "compare": "previous"},
    {"dataset": KEY, "date": "closed_at", "period": "this_month", "compare": "previous", "measures": [{"how": "sum", "field": "value"}]},
    {"dataset": KEY, "date": "close_on", "period": "2026-01-01..2027-12-31", "rows": [{"field": "stage"}]},
)  # fmt: skip


@pytest.mark.parametrize("who", ["alice", "charlie", "root"])
def test_figures_of_periods_and_the_forecast_are_the_same_with_tallies_and_without(
    cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    actor, today = getattr(cast, who), clock.now()
    for number, owner in enumerate((cast.alice_user, cast.bob_user, cast.charlie_user)):
        firm = make("customers.customer", owner=owner)
        deal = make(KEY, owner=owner, customer=firm, amount=Decimal(number + 1) * 1000, close_on=today.date())
        Opportunity.objects.filter(pk=deal.pk).update(category=("open", "won", "won")[number], closed_at=today)
        for days in (0, 3, 8, 365):
            make("activities.activity", owner=owner, customer=firm, occurred_at=today - dt.timedelta(days=days))

    def said() -> list[Any]:
        specs = [read(one) for one in PERIODS]
        asked = [spec for spec in specs if allowed(actor, "view", spec.dataset)]
        month = clock.today(HOME.key).replace(day=1)
        figures = [[(cell.value, cell.before) for cell in run(actor, spec).total.cells] for spec in asked]
        people = {one.user.pk: (one.closed, one.commit, one.pipeline, one.weighted) for one in foreseen(actor, month)}
        return [*figures, people]

    with CaptureQueriesContext(connection) as seen:
        told = said()
    text = " ".join(one["sql"] for one in seen.captured_queries)
    assert all(name in text for name in ("activities_activitytally", "customers_customertally", "opportunitytally"))
    with monkeypatch.context() as patch:
        patch.setattr(tallies, "tells", lambda *_given: False)
        patch.setattr("guanxi.core.records.steady.key_of", lambda *_given: None)
        assert said() == told


#: Reports by the days, weeks and months of moments; figures of several periods.
BY_MOMENTS = (
    {
        "dataset": KEY, "rows": [{"field": "closed_at", "grain": "month"}], "measures": [{"how": "sum", "field": "value"}, {"how": "count"}],
        "filter": {"field": "category", "op": "in", "value": ["won"]}, "date": "closed_at", "period": "this_year", "compare": "year",
    },
    {"dataset": KEY, "rows": [{"field": "closed_at", "grain": "quarter"}], "columns": [{"field": "owner"}]},
    {"dataset": "activities.activity", "rows": [{"field": "occurred_at", "grain": "week"}], "columns": [{"field": "owner"}]},
    {"dataset": "activities.activity", "rows": [{"field": "occurred_at", "grain": "day"}], "date": "occurred_at", "period": "last:10"},
    {"dataset": "customers.customer", "rows": [{"field": "owner"}], "columns": [{"field": "created_at", "grain": "year"}]},
)  # fmt: skip
TABLES = ("sales_opportunitytally", "activities_activitytally", "customers_customertally")


@pytest.mark.parametrize("who", ["alice", "charlie", "root"])
def test_groups_by_moments_are_those_of_the_records_in_every_time_zone(
    cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    actor = getattr(cast, who)
    for number, owner in enumerate((cast.alice_user, cast.bob_user, cast.charlie_user)):
        firm = make("customers.customer", owner=owner)
        for at in (EVE, MIDNIGHT, MIDNIGHT.replace(year=2025)):
            deal = make(KEY, owner=owner, customer=firm, amount=Decimal(number + 1) * 1000)
            Opportunity.objects.filter(pk=deal.pk).update(category="won", closed_at=at)
            make("activities.activity", owner=owner, customer=firm, occurred_at=at)
        type(firm).objects.filter(pk=firm.pk).update(created_at=EVE)

    def said(zone: str) -> list[Any]:
        reader, found = replace(actor, timezone=zone), []
        for spec in map(read, BY_MOMENTS):
            if allowed(reader, "view", spec.dataset):
                told = run(reader, spec)
                found.append([(one.heads, [(cell.value, cell.before) for cell in one.cells]) for one in told.rows])
        return found

    with clock.moved_to(MIDNIGHT + dt.timedelta(days=2)):
        for zone, by_tally in ((HOME.key, True), ("America/New_York", False)):
            with CaptureQueriesContext(connection) as seen:
                told = said(zone)
            text = " ".join(one["sql"] for one in seen.captured_queries)
            assert {name in text for name in TABLES} == {by_tally}
            with monkeypatch.context() as patch:
                patch.setattr(tallies, "tells", lambda *_given: False)
                patch.setattr("guanxi.core.records.steady.key_of", lambda *_given: None)
                assert said(zone) == told


def test_the_largest_groups_stay_where_there_are_too_many(
    cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, owner in enumerate((cast.alice_user, cast.bob_user, cast.charlie_user)):
        make(KEY, owner=owner, amount=Decimal(number + 1) * 1000, close_on=dt.date(2027, 1 + number, 15))
    monkeypatch.setattr(engine, "MOST_GROUPS", 2)
    told = run(cast.root, SPEC)
    assert [(row.sort, row.cells[-3].value) for row in told.rows] == [("", 3000), ("", 2000), ("others", 1000)]
    assert told.total.cells[-3].value == 6000


#: The hour that comes twice, that which is left out, and the ends of months around them, in zones that have such hours.
SHIFTS = tuple(
    dt.datetime(*moment, tzinfo=dt.UTC)
    for moment in (
        *((2025, 3, 30, 0, 59), (2025, 3, 30, 1, 0), (2025, 3, 31, 21, 59), (2025, 3, 31, 22, 0), (2025, 4, 1, 3, 59)),
        *(
            (2025, 4, 1, 4, 0),
            (2025, 10, 26, 0, 30),
            (2025, 10, 26, 1, 30),
            (2025, 10, 31, 22, 59),
            (2025, 10, 31, 23, 0),
        ),
        *(
            (2025, 11, 1, 3, 59),
            (2025, 11, 2, 5, 30),
            (2025, 11, 2, 6, 30),
            (2025, 12, 31, 22, 59),
            (2025, 12, 31, 23, 0),
        ),
    )
)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati"])
def test_groups_by_moments_hold_where_the_clock_is_put_back(
    cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch, settings: Any, zone: str
) -> None:
    make("activities.activity", customer=make(KEY).customer)  # what the triggers ask is planned for the zone of before
    settings.TIME_ZONE = zone
    tallies.keep_zone()
    owners = (cast.alice_user, cast.bob_user, cast.charlie_user)
    for number, at in enumerate(SHIFTS):
        owner = owners[number % 3]
        deal = make(KEY, owner=owner, amount=Decimal(number))
        Opportunity.objects.filter(pk=deal.pk).update(category="won", closed_at=at if number % 5 else None)
        firm = deal.customer
        type(firm).objects.filter(pk=firm.pk).update(created_at=at)
        follow_up = make("activities.activity", owner=owner, customer=firm, occurred_at=at)
        gone = [records.delete(cast.root, one) for one in (deal, follow_up)] if number % 4 == 1 else []
        if number % 8 == 1:
            for one in reversed(gone):
                records.undo(cast.root, one.pk)

    def said() -> list[Any]:
        found = []
        for who in (cast.alice, cast.charlie, cast.root):
            reader = replace(who, timezone=zone)
            for spec in map(read, (*BY_MOMENTS, *PERIODS)):
                if allowed(reader, "view", spec.dataset):
                    told = run(reader, spec)
                    lines = [*told.rows, told.total]
                    found.append(
                        [(one.heads, [(cell.value or 0, cell.before or 0) for cell in one.cells]) for one in lines]
                    )
        return found

    with clock.moved_to(SHIFTS[-1] + dt.timedelta(hours=3)):
        with CaptureQueriesContext(connection) as seen:
            told = said()
        assert all(name in " ".join(one["sql"] for one in seen.captured_queries) for name in TABLES)
        with monkeypatch.context() as patch:
            patch.setattr(tallies, "tells", lambda *_given: False)
            patch.setattr("guanxi.core.records.steady.key_of", lambda *_given: None)
            assert said() == told
    settings.TIME_ZONE = HOME.key
    tallies.keep_zone()
