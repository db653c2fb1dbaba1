"""Duplicate check, scan and merge on the web."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.automation import scanning
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.models import Operation, RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.merging.hits import hits
from tests.core.web.record.conftest import HX

pytestmark = pytest.mark.django_db


def test_check_names_what_one_sees_and_masks_the_rest(browse: Any, make: Any, cast: Any) -> None:
    make("customers.customer", name="深圳市华强电子有限公司")
    make("customers.customer", name="华强电子（深圳）有限公司", by=cast.charlie_user)
    page = browse("alice").get("/duplicates/?in=customers&q=华强电子").content.decode()
    assert "深圳市华强电子有限公司" in page
    assert "华强电子（深圳）有限公司" not in page
    assert "华****" in page
    assert "查理" in page


@pytest.mark.parametrize("line", ["138 0013 8000", "+86-13800138000", "INFO@huaqiang.example"])
def test_check_takes_phones_and_addresses(browse: Any, make: Any, line: str) -> None:
    make("customers.customer", name="甲", phones=["13800138000"], emails=["info@huaqiang.example"])
    assert [hit.title for hit in browse("alice").get("/duplicates/", {"q": line}).context["hits"]] == ["甲"]


def test_merge_keeps_the_chosen_values_moves_children_and_undo_brings_all_back(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="深圳市华强电子有限公司", short_name="华强", phones=["13800138000"])
    two = make("customers.customer", name="华强电子（深圳）有限公司", short_name="强电", phones=["13900139000"])
    person = make("customers.contact", name="张伟", customer=two)
    alice = browse("alice")
    page = alice.get(f"/customers/merge/?ids={one.pk},{two.pk}")
    assert {column["id"]: dict(column["counts"]).get("Contacts", 0) for column in page.context["records"]} == {
        one.pk: 0,
        two.pk: 1,
    }
    answer = alice.post(
        "/customers/merge/",
        {"ids": [one.pk, two.pk], "keep": one.pk, "choose.short_name": two.pk, "choose.phones": ""},
        **HX,
    )
    assert answer.headers["HX-Redirect"] == f"/customers/{one.pk}/"
    kept = Customer.objects.get()
    assert (kept.pk, kept.name, kept.short_name) == (one.pk, "深圳市华强电子有限公司", "强电")
    assert [entry["value"] for entry in kept.phones] == ["+8613800138000", "+8613900139000"]
    assert Contact.objects.get(pk=person.pk).customer_id == one.pk
    step = Operation.objects.get(sort="merge")
    assert (
        json.loads(alice.post(f"/operations/{step.pk}/undo/", **HX).headers["HX-Trigger"])["toast"]["list"][0]["level"]
        == ""
    )
    assert Contact.objects.get(pk=person.pk).customer_id == two.pk
    assert Customer.objects.get(pk=one.pk).short_name == "华强"
    assert Customer.objects.count() == 2


def test_what_is_the_same_is_folded_and_a_refusal_keeps_the_choice(browse: Any, make: Any, monkeypatch: Any) -> None:
    one = make("customers.customer", name="甲", short_name="同", english_name="A", level="A")
    two = make("customers.customer", name="乙", short_name="同", level="B")
    alice = browse("alice")
    fields = {one.name: one for one in alice.get(f"/customers/merge/?ids={one.pk},{two.pk}").context["fields"]}
    assert [fields[name].same for name in ("name", "level", "english_name", "short_name")] == [
        False,
        False,
        False,
        True,
    ]
    monkeypatch.setattr("guanxi.core.records.merge", refused)
    sent = {"ids": [one.pk, two.pk], "keep": one.pk, "choose.level": two.pk, "choose.name": two.pk}
    answer = alice.post("/customers/merge/", sent)
    kept = {one.name: one.kept for one in answer.context["fields"]}
    assert (answer.status_code, kept["level"], kept["name"], kept["english_name"]) == (409, two.pk, two.pk, one.pk)


def refused(*_args: Any, **_more: Any) -> None:
    raise RuleBroken


def test_merge_needs_the_right_on_every_record(browse: Any, make: Any, cast: Any) -> None:
    one, two = make("customers.customer", name="甲"), make("customers.customer", name="乙", by=cast.bob_user)
    alice = browse("alice")
    assert alice.get(f"/customers/merge/?ids={one.pk},{two.pk}").status_code == 403
    assert alice.post("/customers/merge/", {"ids": [one.pk, two.pk], "keep": one.pk}).status_code == 403
    hidden = make("customers.customer", name="丙", by=cast.charlie_user)
    assert alice.get(f"/customers/merge/?ids={one.pk},{hidden.pk}").status_code == 404
    assert alice.get(f"/customers/merge/?ids={one.pk}").status_code == 422
    assert Customer.objects.count() == 3


def test_scan_shows_groups_one_may_see(browse: Any, make: Any, cast: Any) -> None:
    make("customers.customer", name="深圳市华强电子有限公司")
    make("customers.customer", name="华强电子（深圳）有限公司")
    make("customers.customer", name="佛山陶瓷有限公司", by=cast.charlie_user)
    make("customers.customer", name="佛山市陶瓷有限公司", by=cast.charlie_user)
    alice = browse("alice")
    assert "Not scanned yet" in alice.get("/duplicates/customers/").content.decode()
    alice.post("/duplicates/customers/")
    waiting = Operation.objects.get(sort="scan")
    assert waiting.state == "waiting"
    scanning.duplicates_scan(operation_id=waiting.pk)
    page = alice.get("/duplicates/customers/").content.decode()
    assert "深圳市华强电子有限公司" in page
    assert "佛山" not in page
    assert page.count("Compare and merge") == 1
    assert browse("dave").get("/duplicates/customers/").status_code in (403, 404)


def test_that_two_agree_in_what_is_hidden_is_not_told(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为", phones=["13800138000"])
    two = make("customers.customer", name="腾讯", phones=["13800138000"])
    entity, alice = entity_of("customers.customer"), browse("alice")
    alice.post("/duplicates/customers/")
    scanning.duplicates_scan(operation_id=Operation.objects.get(sort="scan").pk)

    def told() -> tuple[list[int], bool]:
        found = hits(cast.actor(cast.alice_user), entity, one, exclude=one.pk)
        return [hit.id for hit in found], "腾讯" in alice.get("/duplicates/customers/").content.decode()

    assert told() == ([two.pk], True)
    RoleField.objects.create(role=cast.role, entity="customers.customer", field="phones", level="hidden")
    bump("rights")
    assert told() == ([], False)


def hide(cast: Any, *fields: str) -> None:
    RoleField.objects.bulk_create(
        RoleField(role=cast.role, entity="customers.customer", field=one, level="hidden") for one in fields
    )
    bump("rights")


def test_a_hidden_name_answers_no_other(browse: Any, make: Any, cast: Any) -> None:
    make("customers.customer", name="佛山陶瓷有限公司", former_names="华强电子有限公司", short_name="强电")
    alice = browse("alice")

    def told(words: str) -> list[tuple[str, ...]]:
        return [hit.kinds for hit in alice.get("/duplicates/", {"q": words}).context["hits"]]

    assert told("华强电子有限公司") == [("name",)]
    assert told("强电") == [("short_name",)]
    hide(cast, "former_names", "short_name")
    assert told("华强电子有限公司") == told("强电") == []
    assert told("佛山陶瓷有限公司") == [("name",)]
    other = make("customers.customer", name="某人的公司", by=cast.charlie_user)
    assert [hit.title for hit in alice.get("/duplicates/", {"q": other.name}).context["hits"]] == ["某****"]
    hide(cast, "name", "english_name")
    assert told("佛山陶瓷有限公司") == []


def test_a_masked_record_whose_name_is_hidden_shows_none_of_it(make: Any, cast: Any) -> None:
    make("customers.customer", name="佛山陶瓷有限公司", phones=["13800138000"], by=cast.charlie_user)
    hide(cast, "name")
    found = hits(
        cast.actor(cast.alice_user), entity_of("customers.customer"), {"phones": [{"value": "+8613800138000"}]}
    )
    assert [(hit.visible, hit.kinds) for hit in found] == [(False, ("phone",))]
    assert "佛" not in found[0].title


def test_groups_fall_apart_where_only_something_hidden_joins_them(
    browse: Any, make: Any, cast: Any, monkeypatch: Any
) -> None:
    def firm(name: str, phone: str = "", **more: Any) -> str:
        return str(make("customers.customer", name=name, phones=[phone] if phone else [], **more).name)

    one = [firm("华强电子有限公司"), firm("深圳市华强电子有限公司", "13800138000")]
    two = [firm("佛山陶瓷有限公司", "13800138000"), firm("佛山市陶瓷有限公司", "13900139000")]
    three = [firm("云南茶叶有限公司", "13900139000")]
    former = [firm("东莞玩具有限公司"), firm("中山灯具有限公司", former_names="东莞玩具有限公司")]
    last = [firm("汕头渔业有限公司"), firm("汕头市渔业有限公司")]
    alice = browse("alice")
    alice.post("/duplicates/customers/")
    scanning.duplicates_scan(operation_id=Operation.objects.get(sort="scan").pk)
    monkeypatch.setattr("guanxi.core.web.merging.views.GROUPS", 1)

    def pages() -> list[list[tuple[list[str], list[str]]]]:
        found, address = [], "/duplicates/customers/"
        while address:
            context = alice.get(address).context
            found.append(
                [
                    ([line["title"] for line in one.lines], [str(why) for why in one.reasons])
                    for one in context["groups"]
                ]
            )
            address = f"/duplicates/customers/{context['next']}" if context["next"] else ""
        return found

    name = ["名称相同"]
    assert pages() == [[([*one, *two, *three], ["名称相同", "电话相同"])], [(former, name)], [(last, name)]]
    hide(cast, "phones", "former_names")
    assert pages() == [[(one, name), (two, name)], [(last, name)]]


def test_scan_shows_one_s_own_beside_a_hidden_one_and_says_when_none_is_one_s_own(
    browse: Any, make: Any, cast: Any
) -> None:
    own = make("customers.customer", name="佛山陶瓷有限公司")
    make("customers.customer", name="佛山市陶瓷有限公司", by=cast.charlie_user, description="秘密")
    alice = browse("alice")
    alice.post("/duplicates/customers/")
    scanning.duplicates_scan(operation_id=Operation.objects.get(sort="scan").pk)
    page = alice.get("/duplicates/customers/").content.decode()
    assert "佛山陶瓷有限公司" in page
    assert "佛山市陶瓷有限公司" not in page, "the hidden one is masked"
    assert cast.charlie_user.name in page, "its owner is named, so that one can ask"
    assert "Compare and merge" not in page
    records.delete(cast.alice, own)
    assert "None of them is yours" in alice.get("/duplicates/customers/").content.decode()
