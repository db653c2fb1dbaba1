"""Lists: filter, search, order, pages through everything, chosen and expanded fields, masked values."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.test import Client

from guanxi.core.models import RoleField
from guanxi.core.models.stamps import bump
from tests.core.api.conftest import GADGETS, JSON, found, problem
from tests.factories.cast import Cast

Api = Callable[..., Client]
Make = Callable[..., Any]


def condition(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


@pytest.mark.parametrize(
    ("tree", "wanted"),
    [
        (condition("pieces", "gte", 2), {"two", "three"}),
        (condition("pieces", "between", [2, 3]), {"two", "three"}),
        (condition("state", "in", ["used"]), {"two"}),
        (condition("made_on", "lt", "2024-01-01"), {"one"}),
        (condition("name", "contains", "Tw"), {"two"}),
        (condition("pieces", "empty"), {"none"}),
        ({"any": [condition("pieces", "eq", 1), condition("pieces", "eq", 3)]}, {"one", "three"}),
        ({"all": [condition("pieces", "gt", 1), {"not": condition("state", "eq", "used")}]}, {"three"}),
        ({"count": "fakes.part.gadget", "op": "gte", "value": 1}, {"three"}),
        (condition("owner", "eq", "@me"), {"one", "two", "three", "none"}),
        (condition("parent.name", "eq", "One"), {"two"}),
    ],
)
def test_filters(tree: dict[str, Any], wanted: set[str], api: Api, make: Make) -> None:
    rows = {"one": make("fakes.gadget", name="One", pieces=1, made_on="2023-05-01")}
    rows["two"] = make("fakes.gadget", name="Two", pieces=2, state="used", parent=rows["one"])
    rows["three"] = make("fakes.gadget", name="Three", pieces=3, made_on="2024-05-01")
    rows["none"] = make("fakes.gadget", name="None")
    client = api("alice")
    assert client.post("/api/v1/parts", {"name": "Part", "gadget": rows["three"].pk}, **JSON).status_code == 201
    answer = client.get(GADGETS, {"filter": json.dumps(tree)})
    assert set(found(answer)) == {rows[name].pk for name in wanted}
    assert answer.json()["count"] == len(wanted)
    posted = client.post(f"{GADGETS}/query", {"filter": tree}, **JSON)
    assert found(posted) == found(answer)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "filter.json"),
        ("[]", "filter.format"),
        ('{"field": "nothing", "op": "eq", "value": 1}', "filter.field"),
        ('{"field": "secret", "op": "eq", "value": "1"}', "filter.masked"),
        ('{"field": "pieces", "op": "starts", "value": 1}', "filter.operator"),
        ('{"field": "pieces", "op": "eq", "value": "many"}', "number.format"),
        ('{"all": 5}', "filter.format"),
        ("{" + '"not": {' * 30 + '"all": []' + "}" * 31, "filter.depth"),
    ],
)
def test_what_is_no_filter_is_said(text: str, code: str, api: Api) -> None:
    body = problem(api("alice").get(GADGETS, {"filter": text}), 422, code)
    assert body["errors"] == [] or body["errors"][0]["code"] == code


def test_search_words_find_by_pinyin(api: Api, make: Make) -> None:
    one = make("fakes.gadget", name="华诚精密")
    make("fakes.gadget", name="别的东西")
    make("fakes.gadget", name="华诚机械", by=None, state="used")
    client = api("alice")
    assert found(client.get(GADGETS, {"q": "hcjm"})) == [one.pk]
    tree = json.dumps(condition("state", "eq", "used"))
    assert len(found(client.get(GADGETS, {"q": "华诚", "filter": tree}))) == 1


def test_order_by_several_fields(api: Api, make: Make) -> None:
    rows = [
        make("fakes.gadget", name=name, pieces=number) for name, number in (("b", 1), ("a", 1), ("c", 2), ("d", None))
    ]
    client = api("alice")
    ids = [rows[2].pk, rows[1].pk, rows[0].pk, rows[3].pk]
    assert found(client.get(GADGETS, {"sort": "-pieces,name"})) == ids
    assert found(client.get(GADGETS, {"sort": "name"})) == [rows[at].pk for at in (1, 0, 2, 3)]
    problem(client.get(GADGETS, {"sort": "secret"}), 422, "sort.field")
    problem(client.get(GADGETS, {"sort": "nothing"}), 422, "sort.field")


@pytest.mark.parametrize("sort", ["", "pieces", "-pieces,name", "owner", "-price", "made_on", "parent.name"])
def test_pages_lead_through_all_rows_once_and_back(sort: str, api: Api, make: Make) -> None:
    first = make("fakes.gadget", name="00")
    made = [first] + [
        make(
            "fakes.gadget",
            name=f"{number:02}",
            pieces=number % 3 or None,
            price=number % 4,
            parent=first if number % 2 else None,
        )
        for number in range(1, 23)
    ]
    client = api("alice")
    seen: list[int] = []
    pages, cursor, back = 0, "", ""
    while True:
        answer = client.get(GADGETS, {"sort": sort, "limit": 5, "cursor": cursor})
        seen += found(answer)
        pages += 1
        body = answer.json()
        assert (body["count"], body["count_exact"]) == (23, True)
        back = body["previous"] or back
        cursor = body["next"] or ""
        if not cursor:
            break
    assert pages == 5
    assert sorted(seen) == sorted(one.pk for one in made)
    assert seen == found(client.get(GADGETS, {"sort": sort, "limit": 500}))
    assert found(client.get(GADGETS, {"sort": sort, "limit": 5, "cursor": back})) == seen[15:20]


def test_a_row_that_appears_between_pages_shifts_nothing(api: Api, make: Make) -> None:
    made = [make("fakes.gadget", name=f"{number:02}") for number in range(6)]
    client = api("alice")
    one = client.get(GADGETS, {"sort": "name", "limit": 3}).json()
    make("fakes.gadget", name="00a")
    two = client.get(GADGETS, {"sort": "name", "limit": 3, "cursor": one["next"]})
    assert [row["id"] for row in one["items"]] + found(two) == [row.pk for row in made]


def forged(*values: Any, spelled: Any = ("-updated_at", "-id"), reverse: Any = 0) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([reverse, list(spelled), list(values)])).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "bm90IGpzb24",
        forged("not a time", 1),
        forged({"t": "not a time"}, 1),
        forged({"d": "not a number"}, 1),
        forged({"t": "2024-01-01T00:00:00+00:00"}, "not an id"),
        forged({"t": "2024-01-01"}, 2**62, spelled=("-updated_at", "-id")),
        forged({"t": 5}, 1),
        forged([1], {"x": 2}),
        forged(None, None),
        forged({"t": "2024-01-01T00:00:00+00:00"}),
        forged("2024-01-01T00:00:00+00:00", 1, spelled=("name", "-id")),
    ],
)
def test_a_forged_cursor_is_refused_or_harmless(cursor: str, api: Api, make: Make) -> None:
    make("fakes.gadget")
    answer = api("alice").get(GADGETS, {"cursor": cursor})
    assert answer.status_code in (200, 422), answer.content
    if answer.status_code == 422:
        problem(answer, 422, "cursor.invalid")


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 501}, {"limit": "many"}, {"count": "maybe"}, {"q": "x" * 201}]
)
def test_parameters_out_of_bounds(query: dict[str, Any], api: Api) -> None:
    body = problem(api("alice").get(GADGETS, query), 422, "request.invalid")
    assert body["errors"][0]["field"] == next(iter(query))


def test_only_some_fields_and_expanded_references(api: Api, make: Make, cast: Cast) -> None:
    parent = make("fakes.gadget", name="Parent")
    child = make("fakes.gadget", name="Child", parent=parent)
    client = api("alice")
    tree = json.dumps(condition("id", "eq", child.pk))
    item = client.get(GADGETS, {"filter": tree, "fields": "name,parent", "expand": "parent,owner"}).json()["items"][0]
    assert set(item) == {"id", "name", "parent", "owner", "version"} - {"owner"}
    assert (item["parent"]["id"], item["parent"]["name"]) == (parent.pk, "Parent")
    full = client.get(f"{GADGETS}/{child.pk}", {"expand": "parent,owner"}).json()
    assert full["owner"]["name"] == "林爱丽"
    problem(client.get(GADGETS, {"expand": "name"}), 422, "expand.field")
    problem(client.get(GADGETS, {"fields": "nothing"}), 422, "fields.unknown")
    problem(client.get(GADGETS, {"expand": "a,b,c,d,e,f"}), 422, "expand.size")


def test_a_reference_one_may_not_see_is_null_when_expanded(api: Api, make: Make, cast: Cast) -> None:
    hidden = make("fakes.gadget", name="Hidden", by=cast.charlie_user)
    child = make("fakes.gadget", name="Child", parent=hidden)
    answer = api("alice").get(f"{GADGETS}/{child.pk}", {"expand": "parent"})
    assert answer.json()["parent"] is None
    assert b"Hidden" not in answer.content
    assert api("root").get(f"{GADGETS}/{child.pk}", {"expand": "parent"}).json()["parent"]["name"] == "Hidden"


def test_masked_values_stay_masked_everywhere(api: Api, make: Make) -> None:
    one = make("fakes.gadget", name="One", secret="440301199001011234")
    alice, root = api("alice"), api("root")
    assert root.get(f"{GADGETS}/{one.pk}").json()["secret"] == "440301199001011234"
    for answer in (
        alice.get(f"{GADGETS}/{one.pk}"),
        alice.get(GADGETS),
        alice.post(f"{GADGETS}/query", {}, **JSON),
        alice.get(f"{GADGETS}/{one.pk}/history"),
        alice.get("/api/v1/search", {"q": "One"}),
        alice.patch(f"{GADGETS}/{one.pk}", {"name": "Two"}, **JSON),
    ):
        assert answer.status_code == 200, answer.content
        assert b"440301199001011234" not in answer.content
        assert b"19900101" not in answer.content
    assert "*" in alice.get(f"{GADGETS}/{one.pk}").json()["secret"]


def test_what_is_masked_is_not_told_by_expanding_it_nor_by_yes_or_no(api: Api, make: Make, cast: Cast) -> None:
    parent = make("fakes.gadget", name="Parent")
    child = make("fakes.gadget", name="Child", parent=parent, active=False)
    for field in ("parent", "active"):
        RoleField.objects.create(role=cast.role, entity="fakes.gadget", field=field, level="masked")
    bump("rights")
    for query in ({}, {"expand": "parent"}):
        told = api("alice").get(f"{GADGETS}/{child.pk}", query).json()
        assert (told["parent"], told["active"]) == ("****", "****")


def test_index_and_search(api: Api, make: Make, cast: Cast) -> None:
    index = {one["key"]: one for one in api("alice").get("/api/v1/").json()["items"]}
    assert index["fakes.gadget"]["path"] == "/api/v1/gadgets"
    assert "core.role" not in index
    fields = {one["name"]: one for one in index["fakes.gadget"]["fields"]}
    assert (fields["state"]["kind"], [one["key"] for one in fields["state"]["choices"]]) == (
        "choice",
        ["new", "used", "broken"],
    )
    assert "fakes.gadget" not in {one["key"] for one in api("dave").get("/api/v1/").json()["items"]}
    mine = make("fakes.gadget", name="华诚精密")
    make("fakes.gadget", name="华诚机械", by=cast.charlie_user)
    hits = api("alice").get("/api/v1/search", {"q": "huacheng"}).json()["items"]
    assert [(one["entity"], one["id"]) for one in hits] == [("fakes.gadget", mine.pk)]
    problem(api("alice").get("/api/v1/search"), 422, "request.invalid")
