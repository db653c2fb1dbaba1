"""Settings pages of the shape: for administrators only, with errors at their places."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.core.exchange.settingsfile import document
from guanxi.core.models import CustomField, Dictionary, DictionaryValue, stamps
from guanxi.core.records.firm import Firm, firm, fiscal_start
from tests.fakes.models import Gadget

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(browse: Callable[..., Client]) -> Client:
    stamps.refresh()
    return browse("root", "zh-hans")


PAGES = (
    "/settings/dictionaries/",
    "/settings/fields/",
    "/settings/fields/gadgets/",
    "/settings/fields/gadgets/new/",
    "/settings/formula/gadgets/",
    "/settings/dictionaries/currency/",
    "/settings/dictionaries/currency/values/",
)


@pytest.mark.parametrize("address", PAGES)
def test_pages_are_for_administrators(admin: Client, browse: Callable[..., Client], address: str) -> None:
    assert admin.get(address).status_code == 200
    assert browse("alice").get(address).status_code == 404


@pytest.mark.parametrize(
    "kind", ["text", "money", "choice", "reference", "table", "formula", "rollup", "serial", "boolean"]
)
def test_each_kind_asks_what_it_needs(admin: Client, kind: str) -> None:
    assert admin.get(f"/settings/fields/gadgets/new/?kind={kind}").status_code == 200


def test_a_field_is_made_used_and_retired(admin: Client, make: Callable[..., Any]) -> None:
    answer = admin.post("/settings/fields/gadgets/new/?kind=choice", {"label_zh": "材质", "label_en": "Material"})
    assert answer.status_code in (302, 303)
    row = CustomField.objects.get(entity="fakes.gadget")
    assert (row.key, row.dictionary) == ("material", "material")
    admin.post("/settings/dictionaries/material/values/", {"name_zh": "木", "name_en": "Wood", "active": "1"})
    assert DictionaryValue.objects.get(dictionary__key="material").key == "wood"
    record = make("fakes.gadget", **{"custom.material": "wood"})
    page = admin.get(f"/gadgets/{record.pk}/").content.decode()
    assert "材质" in page
    assert "木" in page
    listed = admin.get(
        "/gadgets/?sort=custom.material&group=custom.material&columns=name,custom.material"
    ).content.decode()
    assert "木" in listed
    admin.post("/settings/fields/gadgets/material/", {"do": "retire"})
    admin.get("/settings/fields/")
    assert "材质" not in admin.get(f"/gadgets/{record.pk}/").content.decode()


def test_who_retires_a_field_in_use_is_asked(admin: Client) -> None:
    admin.post("/settings/fields/gadgets/new/?kind=integer", {"label_zh": "数", "key": "number"})
    address = "/settings/fields/gadgets/number/"
    assert "hx-confirm" not in admin.get(address).content.decode().split('value="retire"')[0]
    made = {"label_zh": "倍", "key": "twice", "formula": "custom.number * 2", "result": "integer"}
    admin.post("/settings/fields/gadgets/new/?kind=formula", made)
    page = admin.get(address).content.decode()
    assert "hx-confirm" in page.split('value="retire"')[0]
    assert 'value="delete"' not in page


def test_errors_stand_at_their_boxes(admin: Client) -> None:
    sent = {"label_zh": "毛利", "result": "money", "formula": "price +* 2"}
    answer = admin.post("/settings/fields/gadgets/new/?kind=formula", sent)
    assert answer.status_code == 422
    assert "1:8" in answer.content.decode()
    assert "price +* 2" in answer.content.decode()
    assert not CustomField.objects.exists()
    answer = admin.post("/settings/fields/gadgets/new/?kind=text", {"label_zh": "甲", "rule_visible": "state ="})
    assert answer.status_code == 422
    assert "1:7" in answer.content.decode()


def test_a_formula_is_tried_on_a_record(admin: Client, make: Callable[..., Any]) -> None:
    record = make("fakes.gadget", name="钟", price="8")
    address = "/settings/formula/gadgets/?wanted=number&name=formula"
    assert "16" in admin.post(address, {"formula": "price * 2", "record": record.pk}).content.decode()
    assert "1:9" in admin.post(address, {"formula": "price * nothing"}).content.decode()


def test_another_kind_is_looked_at_first(admin: Client, make: Callable[..., Any]) -> None:
    admin.post("/settings/fields/gadgets/new/?kind=text", {"label_zh": "年", "key": "year"})
    good, bad = make("fakes.gadget", **{"custom.year": "2024"}), make("fakes.gadget", **{"custom.year": "去年"})
    page = admin.get("/settings/fields/gadgets/year/kind/?to=integer").content.decode()
    assert "去年" in page
    assert f'<a href="/gadgets/{bad.pk}/">{bad.name}</a>' in page
    assert Gadget.objects.get(pk=good.pk).custom == {"year": "2024"}
    admin.post("/settings/fields/gadgets/year/kind/?to=integer")
    assert Gadget.objects.get(pk=good.pk).custom == {"year": 2024, "year_old1": "2024"}
    assert Gadget.objects.get(pk=bad.pk).custom == {"year_old1": "去年"}
    assert not CustomField.objects.get(key="year_old1").active


def test_two_administrators_see_what_differs(admin: Client) -> None:
    admin.post("/settings/fields/gadgets/new/?kind=text", {"label_zh": "甲", "key": "a"})
    admin.post("/settings/fields/gadgets/a/", {"label_zh": "乙", "version": "1"})
    answer = admin.post("/settings/fields/gadgets/a/", {"label_zh": "丙", "version": "1"})
    assert answer.status_code == 409
    assert "丙" in answer.content.decode()
    assert "乙" in answer.content.decode()


def test_everything_one_can_set_says_what_it_is(admin: Client) -> None:
    page = admin.get("/settings/").content.decode()
    assert page.count('class="gx-tile"') == page.count('class="gx-hint"') > 20


def test_the_firm_says_how_it_is_called_and_reached(admin: Client, browse: Callable[..., Client]) -> None:
    assert browse("alice").get("/settings/firm/").status_code == 404
    given = {"legal_name": "远岭自动化有限公司", "email": "no address", "fiscal_month": "4"}
    refused = admin.post("/settings/firm/", given)
    assert refused.status_code == 422
    assert "no address" in refused.content.decode()
    assert "远岭自动化有限公司" in refused.content.decode(), "what was typed stays"
    assert firm() == Firm()
    assert admin.post("/settings/firm/", {"legal_name": "远岭", "fiscal_month": ""}).status_code == 422
    saved = admin.post("/settings/firm/", {**given, "email": "info@yuanling.example", "name": "远岭"})
    assert saved.status_code == 303
    assert (firm().printed_name, firm().email, fiscal_start()) == ("远岭自动化有限公司", "info@yuanling.example", 4)
    assert "远岭" in admin.get("/settings/firm/").content.decode()
    assert {one["key"] for one in document()["workspace"]} >= {"workspace", "fiscal_start"}


def test_a_choice_is_made_with_its_values_at_once(admin: Client) -> None:
    page = "/settings/fields/gadgets/new/?kind=choice"
    sent = {"label_zh": "状况", "label_en": "Condition", "values": "在用 | In use\n\n维修｜Repair\n报废"}
    both = admin.post(page, {**sent, "dictionary": "currency"})
    assert both.status_code == 422
    assert not Dictionary.objects.filter(key="condition").exists()
    assert "维修｜Repair" in both.content.decode(), "what was typed is kept"
    taken = admin.post(page, {**sent, "key": "Not a key!"})
    assert taken.status_code == 422
    assert not Dictionary.objects.filter(key="condition").exists(), "no dictionary without its field"
    assert admin.post(page, sent).status_code in (302, 303)
    made = DictionaryValue.objects.filter(dictionary__key="condition").order_by("position")
    assert [(one.name_zh, one.name_en, one.active) for one in made] == [
        ("在用", "In use", True), ("维修", "Repair", True), ("报废", "", True),
    ]  # fmt: skip
    assert len({one.color for one in made}) == 3


def test_a_refused_button_says_so(admin: Client, cast: Any) -> None:
    answer = admin.post("/settings/dictionaries/currency/", {"do": "delete"}, headers={"HX-Request": "true"})
    assert answer.status_code == 409
    told = json.loads(answer["HX-Trigger"])["toast"]["list"]
    assert [one["level"] for one in told] == ["error"]
    assert "使用" in told[0]["text"]
    assert Dictionary.objects.filter(key="currency").exists()
