"""Sums kept beside the deals equal those of the deals, whatever wrote them and whoever asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.test.utils import CaptureQueriesContext

from guanxi.areas.sales.models import Opportunity, OpportunityTally
from guanxi.core import records
from guanxi.core.people.shares import share_set
from guanxi.core.records import many, tallies
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.spec import read
from guanxi.core.schema.registry import entity_of
from tests.factories.cast import Cast

KEY = "sales.opportunity"
BY = ("pipeline_id", "stage_id", "category", "owner_id", "carrier_owner_id")
Make = Callable[..., Any]


def counted() -> dict[Any, Any]:
    rows = Opportunity.objects.annotate(month=TruncMonth("close_on")).values_list(*BY, "month").order_by()
    return {
        row[:6]: (row[6], row[7] or 0, row[8] or 0)
        for row in rows.annotate(n=Count("*"), v=Sum("value"), w=Sum("weighted"))
    }


def kept() -> dict[Any, Any]:
    rows = OpportunityTally.objects.values_list(*BY, "close_on").order_by()
    sums = rows.annotate(n=Sum("number"), v=Sum("value"), w=Sum("weighted"))
    return {row[:6]: row[6:] for row in sums if any(row[6:])}


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
