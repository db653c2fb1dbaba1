"""Settings of selling as one file: told, changed, brought to another state and back."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.catalog.models import PriceEntry
from guanxi.areas.customers.models.pools import HoldingLimit, PoolMember
from guanxi.areas.sales.models import Pipeline, Stage, StageRoute, Target
from guanxi.core import records
from guanxi.core.exchange import settingsfile
from guanxi.core.models import Department
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


def _told(cast: Cast) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(settingsfile.export(cast.root))
    return found


def _pipeline(cast: Cast) -> Pipeline:
    """A pipeline made by hand, without keys: first leads to last only."""
    made = records.create(cast.root, "sales.pipeline", {"name": "渠道销售"})
    first, _middle, last = (
        records.create(cast.root, "sales.stage", {"pipeline": made.pk, "name": name, "position": place})
        for place, name in enumerate(("线索", "线索", "签约"), start=1)
    )
    records.create(cast.root, "sales.stageroute", {"stage": first.pk, "to": last.pk, "note": "直接签约"})
    return made


def test_a_pipeline_made_by_hand_gets_keys_and_travels_with_its_moves(cast: Cast) -> None:
    made = _pipeline(cast)
    assert (made.key, [one.key for one in made.stages.order_by("position")]) == (
        "qu-dao-xiao-shou",
        ["xian-suo", "xian-suo-2", "qian-yue"],
    )
    told = _told(cast)
    mine = next(one for one in told["pipelines"] if one["key"] == made.key)
    moves = {one["key"]: one["moves"] for one in mine["stages"]}
    assert moves == {"xian-suo": [{"to": "qian-yue", "note": "直接签约"}], "xian-suo-2": [], "qian-yue": []}
    next(one for one in mine["stages"] if one["key"] == "xian-suo")["moves"] = [{"to": "xian-suo-2", "note": ""}]
    settingsfile.apply(cast.root, json.dumps(told))
    assert list(StageRoute.objects.values_list("stage__key", "to__key")) == [("xian-suo", "xian-suo-2")]
    told["pipelines"] = [one for one in told["pipelines"] if one["key"] != made.key]
    settingsfile.apply(cast.root, json.dumps(told))
    assert not Pipeline.objects.filter(key=made.key).exists()
    told["pipelines"].append(mine)
    settingsfile.apply(cast.root, json.dumps(told))
    assert Stage.objects.filter(pipeline__key=made.key, pipeline__deleted_at__isnull=True).count() == 3
    assert settingsfile.diff(cast.root, json.dumps(told)) == []


def test_a_pipeline_goes_to_the_trash_with_its_stages_and_comes_back_with_them(cast: Cast) -> None:
    made = _pipeline(cast)
    own = Stage.objects.filter(pipeline=made)
    assert own.count() == 3
    records.delete(cast.root, made)
    assert (own.count(), StageRoute.objects.filter(stage__pipeline=made).count()) == (0, 0)
    records.restore(cast.root, "sales.pipeline", [made.pk])
    assert (own.count(), StageRoute.objects.filter(stage__pipeline=made).count()) == (3, 1)
    step = records.delete(cast.root, made)
    assert records.undo(cast.root, step.pk).skipped == []
    assert (own.count(), StageRoute.objects.filter(stage__pipeline=made).count()) == (3, 1)


def test_a_stage_goes_to_the_trash_with_the_moves_from_it_and_to_it(cast: Cast) -> None:
    made = _pipeline(cast)
    route = StageRoute.objects.get(stage__pipeline=made)
    begin, end = route.stage, route.to
    records.delete(cast.root, end)
    assert not StageRoute.objects.filter(pk=route.pk).exists()
    records.delete(cast.root, begin)
    records.restore(cast.root, "sales.stage", [begin.pk])
    assert not StageRoute.objects.filter(pk=route.pk).exists(), "its other end is in the trash"
    records.restore(cast.root, "sales.stage", [end.pk])
    assert StageRoute.objects.filter(pk=route.pk).exists()


def test_members_limits_and_targets_of_departments_travel_those_of_persons_stay(cast: Cast, make: Any) -> None:
    Department.objects.filter(pk=cast.south.pk).update(code="south")
    pool = records.create(
        cast.root, "customers.pool", {"name": "华南池", "subject": "customers.customer", "counted": ["visit"]}
    )
    for who in ({"department": cast.south.pk, "admin": True}, {"user": cast.bob_user.pk}):
        records.create(cast.root, "customers.poolmember", {"pool": pool.pk, **who})
    for who in ({"department": cast.south.pk, "most": 50}, {"user": cast.bob_user.pk, "most": 9}):
        records.create(cast.root, "customers.holdinglimit", {"subject": "customers.customer", **who})
    year = {"year": 2027, "measure": "amount", "base": "1200"}
    records.create(cast.root, "sales.target", {**year, "scope": "department", "department": cast.south.pk})
    records.create(cast.root, "sales.target", {**year, "scope": "company"})
    records.create(cast.root, "sales.target", {**year, "scope": "person", "owner": cast.bob_user.pk})
    told = _told(cast)
    told_pool = next(one for one in told["pools"] if one["name"] == "华南池")
    assert (told_pool["counted"], told_pool["least_length"]) == (["visit"], 4)
    members = told_pool["members"]
    assert members == [{"department": "south", "admin": True, "note": ""}]
    assert [(one["department"], one["most"]) for one in told["holding_limits"]] == [("south", 50)]
    assert [(one["department"], one["base"]) for one in told["targets"]] == [("south", "1200")]
    told["holding_limits"][0]["most"], told["targets"][0]["base"] = 60, "2400"
    members[0]["admin"] = False
    told["company_targets"] = []
    settingsfile.apply(cast.root, json.dumps(told))
    assert sorted(HoldingLimit.objects.values_list("most", flat=True)) == [9, 60]
    assert sorted(PoolMember.objects.values_list("user__name", "admin"), key=str) == sorted(
        [(None, False), (cast.bob_user.name, False)], key=str
    )
    assert sorted(Target.objects.values_list("scope", "base")) == [("department", 2400), ("person", 1200)]
    months = Target.objects.get(scope="department").months
    assert sum(Decimal(one["base"]) for one in months) == 2400


def test_prices_travel_by_product_code_and_those_of_unknown_products_stay_a_difference(cast: Cast, make: Any) -> None:
    product = records.create(cast.root, "catalog.product", {"name": "泵", "code": "P-1", "price": "10"})
    book = records.create(cast.root, "catalog.pricebook", {"name": "批发"})
    records.create(cast.root, "catalog.priceentry", {"book": book.pk, "product": product.pk, "price": "8.5"})
    told = _told(cast)
    (mine,) = (one for one in told["price_books"] if one["name"] == "批发")
    assert mine["entries"] == [{"product": "P-1", "from_quantity": "1", "price": "8.5", "note": ""}]
    mine["entries"] = [{**mine["entries"][0], "price": "8"}, {**mine["entries"][0], "product": "P-2"}]
    settingsfile.apply(cast.root, json.dumps(told))
    assert list(PriceEntry.objects.values_list("product__code", "price")) == [("P-1", 8)]
    left = settingsfile.diff(cast.root, json.dumps(told))
    assert [(one.sort, one.table, one.name) for one in left] == [("leave", "price_books/批发/entries", "P-2/1")]
