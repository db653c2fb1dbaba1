"""The query language: each operator, groups, relations, counts, rights; wrong trees are named at their field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import CustomField, RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.schema.registry import entity_of
from tests.factories.cast import Cast

NOON = dt.datetime(2026, 5, 20, 4, 0, tzinfo=dt.UTC)  # Wednesday noon in Shanghai


@pytest.fixture
def gadgets(make: Callable[..., Any]) -> list[Any]:
    """Three gadgets that differ in everything; the third is nearly empty."""
    return [
        make(
            "fakes.gadget", name="红灯", number="A-1", note="第一 盏", state="new", colours=["red", "blue"], pieces=1, weight="1.5",
            price="100.00", made_on="2026-05-18", sold_at="2026-05-19T16:30:00+00:00", region="CN440305", active=True,
            phones=["13800138000"], emails=["a@example.cn"], email="one@example.cn", addresses=[{"street": "科技园路1号"}],
        ),
        make(
            "fakes.gadget", name="蓝灯", number="B-2", state="used", colours=["blue"], pieces=5, weight="2.5", price="250.50",
            made_on="2026-04-30", sold_at="2026-05-20T03:00:00+00:00", region="CN310115", active=False, phones=["021-55512345"],
        ),
        make("fakes.gadget", name="Lamp", number="C-3", state="broken"),
    ]  # fmt: skip


def found(cast: Cast, tree: Any) -> list[str]:
    """Names of the gadgets a tree finds, in order of their number."""
    rows = records.select(cast.alice, "fakes.gadget", filter=tree, sort=["number"]).items
    return [row.name for row in rows]


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("name", "contains", "灯", ["红灯", "蓝灯"]),
        ("name", "contains", "LAM", ["Lamp"]),
        ("name", "not_contains", "灯", ["Lamp"]),
        ("name", "eq", "红灯", ["红灯"]),
        ("name", "ne", "红灯", ["蓝灯", "Lamp"]),
        ("name", "starts", "红", ["红灯"]),
        ("name", "ends", "mp", ["Lamp"]),
        ("name", "in", ["红灯", "Lamp"], ["红灯", "Lamp"]),
        ("name", "contains", "100%_", []),
        ("note", "empty", None, ["蓝灯", "Lamp"]),
        ("note", "contains", "盏", ["红灯"]),
        ("state", "in", ["new", "broken"], ["红灯", "Lamp"]),
        ("state", "not_in", ["new", "broken"], ["蓝灯"]),
        ("colours", "has_any", ["red"], ["红灯"]),
        ("colours", "has_any", ["red", "blue"], ["红灯", "蓝灯"]),
        ("colours", "has_all", ["red", "blue"], ["红灯"]),
        ("colours", "has_none", ["red"], ["蓝灯", "Lamp"]),
        ("colours", "empty", None, ["Lamp"]),
        ("pieces", "gte", 5, ["蓝灯"]),
        ("pieces", "ne", 5, ["红灯", "Lamp"]),
        ("pieces", "empty", None, ["Lamp"]),
        ("pieces", "between", [1, 4], ["红灯"]),
        ("weight", "lt", "2", ["红灯"]),
        ("price", "between", ["", "200"], ["红灯"]),
        ("price", "eq", "250.50", ["蓝灯"]),
        ("made_on", "eq", "2026-05-18", ["红灯"]),
        ("made_on", "within", "this_week", ["红灯"]),
        ("made_on", "within", "last_month", ["蓝灯"]),
        ("made_on", "last_days", 2, ["红灯"]),
        ("made_on", "older_days", 10, ["蓝灯"]),
        ("made_on", "lt", "@today-5d", ["蓝灯"]),
        ("made_on", "eq", "@now-40h", ["红灯"]),
        ("made_on", "eq", "@now-34h", []),  # two o'clock of the 19th, still the 18th in UTC
        ("sold_at", "eq", "2026-05-20", ["红灯", "蓝灯"]),
        ("sold_at", "within", "today", ["红灯", "蓝灯"]),
        ("sold_at", "lt", "2026-05-20T02:00:00+00:00", ["红灯"]),
        ("sold_at", "lt", "2026-05-20", []),
        ("sold_at", "lte", "2026-05-20", ["红灯", "蓝灯"]),
        ("sold_at", "gt", "@now-2h", ["蓝灯"]),
        ("active", "eq", False, ["蓝灯"]),
        ("region", "under", "CN44", ["红灯"]),
        ("region", "under", "CN", ["红灯", "蓝灯"]),
        ("region", "not_under", "CN44", ["蓝灯", "Lamp"]),
        ("owner", "eq", "@me", ["红灯", "蓝灯", "Lamp"]),
        ("owner", "in", ["@my_department"], ["红灯", "蓝灯", "Lamp"]),
        ("owner.department", "eq", "@my_department", ["红灯", "蓝灯", "Lamp"]),
        ("phones", "contains", "1380013", ["红灯"]),
        ("phones", "contains", "138 0013", ["红灯"]),
        ("phones", "eq", "138-0013-8000", ["红灯"]),
        ("emails", "starts", "a@", ["红灯"]),
        ("emails", "empty", None, ["蓝灯", "Lamp"]),
        ("addresses", "contains", "科技园", ["红灯"]),
        ("email", "ends", "example.cn", ["红灯"]),
    ],
)  # fmt: skip
def test_operator(cast: Cast, gadgets: list[Any], field: str, op: str, value: Any, expected: list[str]) -> None:
    with clock.moved_to(NOON):
        assert found(cast, {"field": field, "op": op, "value": value}) == expected


def test_groups_nest(cast: Cast, gadgets: list[Any]) -> None:
    tree = {
        "all": [
            {"field": "name", "op": "contains", "value": "灯"},
            {
                "any": [
                    {"field": "pieces", "op": "gt", "value": 4},
                    {"not": {"field": "state", "op": "ne", "value": "broken"}},
                ]
            },
        ]
    }
    assert found(cast, tree) == ["蓝灯"]
    assert found(cast, {"all": []}) == ["红灯", "蓝灯", "Lamp"]


def test_counts_over_a_relation_see_only_what_the_actor_sees(
    cast: Cast, gadgets: list[Any], make: Callable[..., Any]
) -> None:
    first = gadgets[0]
    make("fakes.part", name="甲", gadget=first)
    second = make("fakes.part", name="乙", gadget=first)
    count = {"count": "fakes.part.gadget", "op": "gte", "value": 2}
    assert found(cast, count) == ["红灯"]
    assert found(cast, {**count, "where": {"field": "name", "op": "eq", "value": "甲"}, "value": 1}) == ["红灯"]
    none = {"all": [{**count, "op": "eq", "value": 0}, {"field": "state", "op": "ne", "value": "new"}]}
    assert found(cast, none) == ["蓝灯", "Lamp"]
    records.delete(cast.root, second)
    assert found(cast, count) == []


def test_related_conditions_stop_at_what_the_actor_may_not_see(cast: Cast, make: Callable[..., Any]) -> None:
    hidden = make("fakes.gadget", name="查理的", by=cast.charlie_user)
    make("fakes.gadget", name="我的", parent=hidden)
    tree = {"field": "parent.name", "op": "contains", "value": "查理"}
    assert found(cast, tree) == []
    assert [row.name for row in records.select(cast.root, "fakes.gadget", filter=tree).items] == ["我的"]


@pytest.mark.parametrize(
    ("tree", "code", "field"),
    [
        ({"field": "nothing", "op": "eq", "value": 1}, "filter.field", "nothing"),
        ({"field": "parent.nothing", "op": "eq", "value": 1}, "filter.field", "parent.nothing"),
        ({"field": "name", "op": "gt", "value": 1}, "filter.operator", "name"),
        ({"field": "pieces", "op": "eq", "value": "many"}, "number.format", "pieces"),
        ({"field": "pieces", "op": "eq"}, "filter.value", "pieces"),
        ({"field": "made_on", "op": "within", "value": "someday"}, "filter.value", "made_on"),
        ({"field": "made_on", "op": "eq", "value": "03/04/2024"}, "date.ambiguous", "made_on"),
        ({"field": "pieces", "op": "between", "value": [1]}, "filter.value", "pieces"),
        ({"all": {}}, "filter.format", ""),
        ({"what": 1}, "filter.format", ""),
        ([], "filter.format", ""),
        ({"count": "fakes.part.nothing", "op": "gte", "value": 1}, "filter.relation", ""),
        ({"not": {"not": {"not": {"not": {"not": {"not": {"not": {"all": []}}}}}}}}, "filter.depth", ""),
        ({"all": [{"field": "name", "op": "empty"}] * 101}, "filter.size", ""),
    ],
)
def test_wrong_trees_are_named(cast: Cast, tree: Any, code: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        records.compile_tree(cast.alice, entity_of("fakes.gadget"), tree) if tree != [] else records.compile_tree(
            cast.alice,
            entity_of("fakes.gadget"),
            [1],  # type: ignore[arg-type]
        )
    assert (caught.value.code, caught.value.field) == (code, field)


def test_hidden_and_masked_fields_cannot_be_filtered_or_sorted(cast: Cast, gadgets: list[Any]) -> None:
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="number", level="hidden")
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="phones", level="masked")
    bump("rights")
    alice = cast.actor(cast.alice_user)
    for tree, code in (
        ({"field": "number", "op": "eq", "value": "A-1"}, "filter.field"),
        ({"field": "phones", "op": "contains", "value": "138"}, "filter.masked"),
    ):
        with pytest.raises(Invalid) as caught:
            records.select(alice, "fakes.gadget", filter=tree)
        assert caught.value.code == code
    assert len(records.select(alice, "fakes.gadget", filter={"field": "phones", "op": "not_empty"}).items) == 2
    with pytest.raises(Invalid) as caught:
        records.select(alice, "fakes.gadget", sort=["number"])
    assert caught.value.code == "sort.field"


def test_whose_name_is_hidden_from_somebody_is_told_by_no_order_and_no_count(cast: Cast, make: Any) -> None:
    for name in ("乙", "甲", "丙"):
        make("fakes.part", gadget=make("fakes.gadget", name=name))
    count = {"count": "fakes.part.gadget", "op": "gte", "value": 1}
    alice = cast.actor(cast.alice_user)
    assert len(records.select(alice, "fakes.part", sort=["gadget"]).items) == 3
    assert len(records.select(alice, "fakes.gadget", filter=count).items) == 3
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="name", level="masked")
    RoleField.objects.create(role=cast.role, entity="fakes.part", field="gadget", level="hidden")
    bump("rights")
    alice = cast.actor(cast.alice_user)
    for entity, asked, code in (
        ("fakes.part", {"sort": ["gadget"]}, "sort.field"),
        ("fakes.gadget", {"sort": ["name"]}, "sort.field"),
        ("fakes.gadget", {"filter": count}, "filter.relation"),
    ):
        with pytest.raises(Invalid) as caught:
            records.select(alice, entity, **asked)
        assert caught.value.code == code
    gadgets = records.select(alice, "fakes.gadget").items
    assert {records.display.title_of(entity_of("fakes.gadget"), one, alice) for one in gadgets} >= {"乙*", "甲*", "丙*"}


def test_custom_fields_filter_sort_and_save_like_others(cast: Cast, gadgets: list[Any]) -> None:
    for key, kind in (("size", "decimal"), ("due", "date"), ("word", "text"), ("yes", "boolean")):
        CustomField.objects.create(entity="fakes.gadget", key=key, kind=kind, label_zh=key)
    bump("fields")
    for gadget, size, due, word in zip(
        gadgets, ("2.5", "10", ""), ("2026-01-05", "2026-12-01", ""), ("甲", "乙丙", ""), strict=True
    ):
        records.update(
            cast.alice,
            gadget,
            {"custom.size": size, "custom.due": due, "custom.word": word, "custom.yes": word == "甲"},
        )
    assert found(cast, {"field": "custom.size", "op": "gt", "value": "3"}) == ["蓝灯"]
    assert found(cast, {"field": "custom.size", "op": "empty"}) == ["Lamp"]
    assert found(cast, {"field": "custom.due", "op": "lt", "value": "2026-06-01"}) == ["红灯"]
    assert found(cast, {"field": "custom.word", "op": "contains", "value": "丙"}) == ["蓝灯"]
    assert found(cast, {"field": "custom.yes", "op": "eq", "value": True}) == ["红灯"]
    assert found(cast, {"field": "custom.word", "op": "eq", "value": "甲"}) == ["红灯"]
    # What is not filled is not the value either, as with a built-in column.
    for opposite in (
        {"field": "custom.size", "op": "ne", "value": "2.5"},
        {"field": "custom.word", "op": "ne", "value": "甲"},
        {"not": {"field": "custom.size", "op": "eq", "value": "2.50"}},
        {"field": "custom.yes", "op": "eq", "value": False},
    ):
        assert set(found(cast, opposite)) == {"蓝灯", "Lamp"}, opposite
    names = [row.name for row in records.select(cast.alice, "fakes.gadget", sort=["-custom.size"]).items]
    assert names == ["蓝灯", "红灯", "Lamp"]
    with pytest.raises(Invalid) as caught:
        records.update(cast.alice, gadgets[0], {"custom.size": "wide"})
    assert list(caught.value.errors) == ["custom.size"]
