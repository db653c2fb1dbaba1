"""Dictionaries that narrow each other: on the form, as one writes, in the filter, the import, the API and the settings file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from guanxi.core import records
from guanxi.core.exchange import settingsfile
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import CustomField, DictionaryValue, RoleField, stamps
from guanxi.core.records import dictionaries, shape
from guanxi.core.records.many import insert_many
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import dictionaries as shaping
from guanxi.core.shaping import fields
from guanxi.core.web.forms import choosing
from guanxi.core.web.lists import builder
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
GADGET = "fakes.gadget"


@pytest.fixture
def trades(cast: Cast) -> str:
    """Sectors (industry over steel, services) narrow trades (mills and casting under industry, hotels under services, others under none)."""
    stamps.refresh()
    shaping.dictionary_save(cast.root, "sectors", {"name_zh": "门类", "name_en": "Sectors"}, new=True)
    for key, zh, above in (("industry", "工业", ""), ("steel", "钢铁", "industry"), ("services", "服务", "")):
        shaping.value_save(cast.root, "sectors", key, {"name_zh": zh, "parent_key": above}, new=True)
    given = {"name_zh": "行业细分", "name_en": "Trades", "narrowed_by": "sectors"}
    shaping.dictionary_save(cast.root, "trades", given, new=True)
    for key, zh, of in (
        ("mills", "轧钢", ["steel"]),
        ("casting", "铸造", ["industry"]),
        ("hotels", "酒店", ["services"]),
        ("others", "其他", []),
    ):
        shaping.value_save(cast.root, "trades", key, {"name_zh": zh, "belongs_to": of}, new=True)
    for key, kind, dictionary in (
        ("sector", "choice", "sectors"),
        ("trade", "choice", "trades"),
        ("trades", "choices", "trades"),
    ):
        given = {"kind": kind, "label_zh": key, "dictionary": dictionary}
        fields.field_save(cast.root, GADGET, key, given, new=True)
    return "trades"


def _refused(make: Callable[[], Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as found:
        make()
    return {name: listed[0].code for name, listed in found.value.errors.items()}


@pytest.mark.parametrize(
    ("sector", "offered"),
    [
        ("", ["mills", "casting", "hotels", "others"]),
        ("industry", ["mills", "casting", "others"]),
        ("steel", ["mills", "casting", "others"]),
        ("services", ["hotels", "others"]),
    ],
)
def test_what_a_value_above_or_below_belongs_to_may_be_chosen(
    trades: str, make: Callable[..., Any], sector: str, offered: list[str]
) -> None:
    record = make(GADGET, **{"custom.sector": sector})
    entity = entity_of(GADGET)
    trade = shape.fields_of(entity)["custom.trade"]
    assert trade.within == "custom.sector"
    shown = choosing.options(trade, "", choosing.among(entity, trade, record))
    assert [one.key for one in shown] == offered


def test_a_form_that_asks_for_both_says_of_each_value_where_it_belongs(
    cast: Cast, trades: str, browse: Callable[..., Client]
) -> None:
    page = browse("alice").get("/gadgets/new/").content.decode()
    assert 'data-around="custom.sector"' in page
    assert '<option value="mills" data-of="industry steel">' in page
    assert '<option value="others">' in page


def test_the_server_refuses_what_belongs_elsewhere(cast: Cast, trades: str, make: Callable[..., Any]) -> None:
    def create(**given: Any) -> Any:
        return records.create(cast.alice, GADGET, {"name": "x", **{f"custom.{key}": one for key, one in given.items()}})

    assert _refused(lambda: create(sector="services", trade="mills")) == {"custom.trade": "choice.elsewhere"}
    assert _refused(lambda: create(sector="steel", trades=["mills", "hotels"])) == {"custom.trades": "choice.elsewhere"}
    assert create(trade="mills").custom == {"trade": "mills"}
    held = create(sector="steel", trade="mills")
    assert _refused(lambda: records.update(cast.alice, held, {"custom.sector": "services"})) == {
        "custom.trade": "choice.elsewhere"
    }
    held.refresh_from_db()
    assert held.custom == {"sector": "steel", "trade": "mills"}
    moved = records.update(cast.alice, held, {"custom.sector": "services", "custom.trade": "hotels"})
    assert moved.custom == {"sector": "services", "trade": "hotels"}


def test_what_does_not_fit_from_before_is_asked_only_when_either_changes(
    cast: Cast, trades: str, make: Callable[..., Any]
) -> None:
    old = make(GADGET, **{"custom.sector": "steel", "custom.trade": "mills"})
    shaping.value_save(cast.root, trades, "mills", {"name_zh": "轧钢", "belongs_to": ["services"]})
    assert records.update(cast.alice, old, {"note": "旧"}).note == "旧"
    assert _refused(lambda: records.update(cast.alice, old, {"custom.sector": "industry"}))


@pytest.mark.parametrize(
    ("hidden", "changed", "held"),
    [("custom.trade", {"custom.sector": "services"}, "轧钢"), ("custom.sector", {"custom.trade": "hotels"}, "钢铁")],
)
def test_who_may_not_see_one_of_both_is_told_at_what_he_changed_and_not_what_the_other_holds(
    cast: Cast, trades: str, make: Callable[..., Any], hidden: str, changed: dict[str, str], held: str
) -> None:
    record = make(GADGET, **{"custom.sector": "steel", "custom.trade": "mills"})
    RoleField.objects.create(role=cast.role, entity=GADGET, field=hidden, level="hidden")
    stamps.bump("rights")
    with pytest.raises(Invalid) as found:
        records.update(cast.actor(cast.alice_user), record, changed)
    assert list(found.value.errors) == list(changed)
    assert held not in str(next(iter(found.value.errors.values()))[0].message)


def test_a_default_that_does_not_fit_is_not_taken(cast: Cast, trades: str) -> None:
    shaping.value_save(cast.root, trades, "hotels", {"name_zh": "酒店", "belongs_to": ["services"], "is_default": True})
    for sector, wanted in (("services", "hotels"), ("steel", None)):
        made = records.create(cast.alice, GADGET, {"name": sector, "custom.sector": sector})
        many = insert_many(cast.alice, GADGET, [{"name": sector, "custom.sector": sector}])[0]
        assert made.custom.get("trade") == many.custom.get("trade") == wanted


def test_regions_narrow_by_their_codes(cast: Cast, trades: str) -> None:
    given = {"name_zh": "分公司", "name_en": "Branches", "narrowed_by": shape.REGIONS}
    shaping.dictionary_save(cast.root, "branches", given, new=True)
    for key, of in (("south", ["CN44", "CN46"]), ("shenzhen", ["CN4403"]), ("north", ["CN11"])):
        shaping.value_save(cast.root, "branches", key, {"name_zh": key, "belongs_to": of}, new=True)
    fields.field_save(cast.root, GADGET, "place", {"kind": "region", "label_zh": "地区"}, new=True)
    given = {"kind": "choice", "label_zh": "分公司", "dictionary": "branches", "options": {"within": "custom.place"}}
    fields.field_save(cast.root, GADGET, "branch", given, new=True)
    records.create(cast.alice, GADGET, {"name": "x", "custom.place": "CN440305", "custom.branch": "shenzhen"})
    records.create(cast.alice, GADGET, {"name": "y", "custom.place": "CN44", "custom.branch": "shenzhen"})
    wrong = {"name": "z", "custom.place": "CN440305", "custom.branch": "north"}
    assert _refused(lambda: records.create(cast.alice, GADGET, wrong)) == {"custom.branch": "choice.elsewhere"}
    with pytest.raises(Invalid):
        shaping.value_save(cast.root, "branches", "north", {"name_zh": "北", "belongs_to": ["XX99"]})


def test_rows_of_an_import_and_of_a_table_are_refused_at_their_place(cast: Cast, trades: str) -> None:
    rows = [{"name": "a", "custom.sector": "services", "custom.trade": "mills"}, {"name": "b", "custom.trade": "mills"}]
    wrong, fine = insert_many(cast.alice, GADGET, rows)
    assert {name: one[0].code for name, one in wrong.errors.items()} == {"custom.trade": "choice.elsewhere"}
    assert fine.pk
    columns = [{"key": key, "kind": "choice", "label_zh": key, "dictionary": f"{key}s"} for key in ("sector", "trade")]
    given = {"kind": "table", "label_zh": "明细", "options": {"columns": columns}}
    fields.field_save(cast.root, GADGET, "parts", given, new=True)
    parts = [{"sector": "steel", "trade": "mills"}, {"sector": "services", "trade": "mills"}]
    assert _refused(lambda: records.create(cast.alice, GADGET, {"name": "x", "custom.parts": parts})) == {
        "custom.parts.1.trade": "choice.elsewhere"
    }


def test_the_api_answers_at_the_field_and_tells_what_belongs_where(
    cast: Cast, trades: str, browse: Callable[..., Client]
) -> None:
    client = browse("alice")
    given = {"name": "x", "custom": {"sector": "services", "trade": "mills"}}
    answer = client.post("/api/v1/gadgets", json.dumps(given), content_type="application/json")
    assert answer.status_code == 422
    assert "custom.trade" in answer.content.decode()
    told = {one["name"]: one for one in _summary(client)}
    assert told["custom.trade"]["within"] == "custom.sector"
    assert {one["key"]: one.get("belongs_to") for one in told["custom.trade"]["choices"]}["mills"] == ["steel"]


def _summary(client: Client) -> list[dict[str, Any]]:
    return next(one["fields"] for one in client.get("/api/v1/").json()["items"] if one["key"] == GADGET)  # type: ignore[no-any-return]


def test_a_filter_offers_what_belongs_to_what_it_asks_for_already(cast: Cast, trades: str) -> None:
    sector = {"field": "custom.sector", "op": "in", "value": ["services"]}
    trade = {"field": "custom.trade", "op": "in", "value": []}
    entity = entity_of(GADGET)
    for match, wanted in (("all", ["hotels", "others"]), ("any", ["mills", "casting", "hotels", "others"])):
        row = builder.builder(cast.alice, entity, {match: [sector, trade]})[0].conditions[1]
        assert [one.key for one in row.inputs[0].options] == wanted
    sent = QueryDict("c.0.field=custom.sector&c.0.op=in&c.0.value=services&c.0.group=0&c.1.field=custom.trade")
    _match, beside = builder.nodes_of(builder.read_builder(entity, sent))
    row = builder.condition(cast.alice, entity, "1", "0", {"field": "custom.trade"}, beside)
    assert [one.key for one in row.inputs[0].options] == ["hotels", "others"]


def test_the_settings_file_carries_it_and_refuses_what_is_not_there(cast: Cast, trades: str) -> None:
    whole = json.loads(settingsfile.export(cast.root))
    found = next(one for one in whole["dictionaries"] if one["key"] == trades)
    assert found["narrowed_by"] == "sectors"
    assert [one["belongs_to"] for one in found["values"] if one["key"] == "mills"] == [["steel"]]
    found["values"][0]["belongs_to"] = ["nowhere"]
    with pytest.raises(Invalid):
        settingsfile.apply(cast.root, json.dumps(whole))
    assert DictionaryValue.objects.filter(belongs_to=["nowhere"]).count() == 0


def test_values_that_others_belong_to_stay_and_merging_takes_them_along(cast: Cast, trades: str) -> None:
    with pytest.raises(RuleBroken):
        shaping.value_delete(cast.root, "sectors", "services")
    with pytest.raises(RuleBroken):
        shaping.dictionary_delete(cast.root, "sectors")
    CustomField.objects.filter(key="sector").delete()
    shaping.value_merge(cast.root, "sectors", "services", "steel")
    hotels = dictionaries.value_of(trades, "hotels")
    assert hotels is not None
    assert hotels.belongs_to == ("steel",)


def test_no_circle_and_no_stranger(cast: Cast, trades: str) -> None:
    names = {"name_zh": "门类", "name_en": "Sectors"}
    assert (
        _refused_code(lambda: shaping.dictionary_save(cast.root, "sectors", {**names, "narrowed_by": trades}))
        == "dictionary.circle"
    )
    assert (
        _refused_code(lambda: shaping.dictionary_save(cast.root, "sectors", {**names, "narrowed_by": "none"}))
        == "dictionary.unknown"
    )
    shaping.dictionary_save(cast.root, trades, {"name_zh": "细分", "narrowed_by": ""})
    assert not DictionaryValue.objects.exclude(belongs_to=[]).exists()
    assert shape.fields_of(GADGET)["custom.trade"].within == ""


def _refused_code(do: Callable[[], Any]) -> str:
    with pytest.raises(Invalid) as found:
        do()
    return found.value.code


def test_the_page_of_a_dictionary_asks_and_shows_it(cast: Cast, trades: str, browse: Callable[..., Client]) -> None:
    client = browse("root")
    page = client.get(f"/settings/dictionaries/{trades}/").content.decode()
    assert "钢铁" in page
    sent = {"name_zh": "轧钢", "belongs_to": ["industry", "services"], "belongs_to.sent": "1", "active": "1"}
    assert client.post(f"/settings/dictionaries/{trades}/values/mills/", sent).status_code == 303
    mills = dictionaries.value_of(trades, "mills")
    assert mills is not None
    assert mills.belongs_to == ("industry", "services")
