"""The state of a list lives in its address and comes back from it unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from django.test import RequestFactory

from guanxi.core.kernel import regional
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import savedviews
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.lists import builder, page
from guanxi.core.web.lists.state import ListState, read_state
from guanxi.core.web.lists.wording import describe


def read(cast: Any, query: str) -> ListState:
    request = RequestFactory().get(f"/gadgets/?{query}")
    request.user = cast.alice_user
    return read_state(request, cast.alice, entity_of("fakes.gadget"))


@pytest.mark.parametrize(
    "query",
    [
        "q=%E5%8D%8E&sort=-price%2Cname",
        "f=%7B%22field%22%3A%22state%22%2C%22op%22%3A%22eq%22%2C%22value%22%3A%22new%22%7D&by.state=used&group=state",
        "cols=name%21%2Cprice&at=abc&from=51&peek=7",
    ],
)
def test_an_address_read_and_written_is_the_same(cast: Any, query: str) -> None:
    state = read(cast, query)
    assert QueryDict(state.query()) == QueryDict(query)


def test_changing_what_is_listed_begins_at_the_first_page(cast: Any) -> None:
    state = read(cast, "at=abc&from=51&peek=7")
    assert QueryDict(state.query(text="x")).dict() == {"q": "x", "peek": "7"}
    assert QueryDict(state.query(columns=("name",))).dict() == {"cols": "name", "at": "abc", "from": "51", "peek": "7"}


def test_quick_filters_join_the_tree(cast: Any) -> None:
    state = read(cast, 'by.state=used&f={"field":"name","op":"contains","value":"x"}')
    assert state.filter == {
        "all": [{"field": "name", "op": "contains", "value": "x"}, {"field": "state", "op": "under", "value": "used"}]
    }


def test_only_declared_quick_filters_are_taken(cast: Any) -> None:
    assert read(cast, "by.secret=1&by.state=new").quick == {"state": "new"}


@pytest.mark.parametrize("broken", ["f={", "f=[]", "f=%22x%22"])
def test_a_broken_filter_is_refused(cast: Any, broken: str) -> None:
    with pytest.raises(Invalid):
        read(cast, broken)


def test_a_view_sets_the_base_and_what_differs_is_a_change(cast: Any) -> None:
    gadget = entity_of("fakes.gadget")
    view = savedviews.view_create(cast.alice, gadget, name="Dear", definition={"sort": ["-price"], "text": "a"})
    same = read(cast, f"view={view.pk}")
    assert (same.now.sort, same.now.text, same.changed) == (("-price",), "a", False)
    other = read(cast, f"view={view.pk}&q=b")
    assert other.changed
    assert QueryDict(other.query()).dict() == {"view": str(view.pk), "q": "b"}


def test_the_builder_gives_back_the_tree_it_shows(cast: Any) -> None:
    gadget = entity_of("fakes.gadget")
    tree = {
        "all": [
            {"field": "name", "op": "contains", "value": "x"},
            {
                "any": [
                    {"field": "state", "op": "in", "value": ["new", "used"]},
                    {"field": "price", "op": "between", "value": ["1", "9"]},
                ]
            },
            {"field": "owner", "op": "eq", "value": "@me"},
            {"field": "sold_at", "op": "last_days", "value": 30},
            {"field": "email", "op": "empty"},
        ]
    }
    data = QueryDict(mutable=True)
    for block in builder.builder(cast.alice, gadget, tree):
        data[f"match.{block.key}"] = block.match
        for row in block.conditions:
            prefix = f"c.{row.number}."
            data.update({f"{prefix}group": row.group, f"{prefix}field": row.path, f"{prefix}op": row.operator})
            for one in row.inputs:
                data.setlist(one.name, one.value if isinstance(one.value, list) else [str(one.value)])
    nested = tree["all"].pop(1)
    assert builder.read_builder(gadget, data) == {"all": [*tree["all"], nested]}


def test_nodes_the_builder_cannot_show_are_kept(cast: Any) -> None:
    gadget = entity_of("fakes.gadget")
    count = {"count": "fakes.part.gadget", "op": "gte", "value": 2}
    [block] = builder.builder(cast.alice, gadget, {"all": [count, {"field": "name", "op": "eq", "value": "x"}]})
    assert [len(block.conditions), len(block.kept)] == [1, 1]
    data = QueryDict(mutable=True)
    data.update({"kept": block.kept[0][1]})
    assert builder.read_builder(gadget, data) == count
    for nonsense in ("{", "[1]"):
        with pytest.raises(Invalid):
            builder.read_builder(gadget, QueryDict(f"kept={nonsense}"))


def test_a_hidden_field_is_no_filter(cast: Any) -> None:
    assert "secret" in {offer.path for offer in builder.filterable(cast.root, entity_of("fakes.gadget"))}
    assert "secret" not in {offer.path for offer in builder.filterable(cast.alice, entity_of("fakes.gadget"))}


def test_nobody_is_offered_what_nobody_filters_by_but_a_link_keeps_it(cast: Any) -> None:
    gadget = entity_of("fakes.gadget")
    offered = {offer.path for offer in builder.filterable(cast.root, gadget)}
    assert offered.isdisjoint({"id", "deleted_at"})
    assert {"created_at", "owner"} <= offered
    row = builder.condition(cast.root, gadget, "0", "0", {"field": "id", "op": "in", "value": [1, 2]})
    assert (row.path, row.label) == ("id", "Id")


def test_conditions_are_told_in_words(cast: Any) -> None:
    gadget = entity_of("fakes.gadget")
    words = describe(cast.alice, gadget, {"field": "state", "op": "in", "value": ["new", "used"]})
    assert words.endswith("New, Used")
    assert words.startswith("State")
    counted = {
        "count": "fakes.part.gadget",
        "where": {"field": "name", "op": "eq", "value": "wheel"},
        "op": "gte",
        "value": 2,
    }
    words = describe(cast.alice, gadget, counted)
    assert "wheel" in words
    assert words.endswith("2")
    dear, named = {"field": "price", "op": "gt", "value": 5}, {"field": "name", "op": "eq", "value": "wheel"}
    words = describe(cast.alice, gadget, {"all": [named, {"any": [dear, named]}]})
    assert words.count("(") == words.count(")") == 1, "what holds together stands in brackets"
    assert words.endswith(")")
    assert "(" not in describe(cast.alice, gadget, {"all": [named, {"any": [dear]}]})
    price = {"field": "price", "op": "between", "value": [-1234, "1000000.5"]}
    assert describe(cast.alice, gadget, price).endswith("-1,234 – 1,000,000.5")
    with regional.override(regional.Regional(numbers="comma")):
        assert describe(cast.alice, gadget, price).endswith("-1.234 – 1.000.000,5")


def test_what_the_list_shows_is_offered_first_and_who_wrote_it_last(cast: Any) -> None:
    gadget = entity_of("fakes.gadget")
    own = [offer.path for offer in builder.filterable(cast.root, gadget) if not offer.group]
    assert own[0] == gadget.title
    assert set(own[-4:]) == {"created_at", "updated_at", "created_by", "updated_by"}
    assert "deleted_at" not in dict(page.groupings(cast.root, gadget))
