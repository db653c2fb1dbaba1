"""Creating and changing a record: once, under rights, with nothing typed lost and nobody's change overwritten."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from django.test import Client

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.models import Draft
from tests.core.web.record.conftest import HX

pytestmark = pytest.mark.django_db

DIALOG = {**HX, "HTTP_HX_TARGET": "dialog-body"}


def shown(client: Client, one: Any, **more: Any) -> dict[str, Any]:
    """What the edit form of a record sends back when nothing is touched."""
    form = client.get(f"/customers/{one.pk}/edit/").context["form"]
    sent: dict[str, Any] = {"_version": str(form.version), "_original": form.original, "_token": form.token}
    for inp in form.inputs:
        if not inp.locked and inp.macro not in ("entries", "addresses", "table", "tags", "choices", "boolean"):
            sent[inp.name] = inp.text
    return {**sent, **more}


def test_create_stores_lists_and_owner_and_leads_to_the_record(browse: Any, cast: Any) -> None:
    answer = browse("alice").post(
        "/customers/new/",
        {
            "_token": "t1", "name": "深圳市华强电子有限公司", "kind": "organisation",
            "phones.sent": "1", "phones.0.value": "138 0013 8000", "phones.0.label": "总机", "phones.primary": "0",
        },
    )  # fmt: skip
    made = Customer.objects.get(name="深圳市华强电子有限公司")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/customers/{made.pk}/")
    assert made.owner_id == cast.alice_user.pk
    assert made.phones == [{"value": "+8613800138000", "written": "138 0013 8000", "label": "总机", "primary": True}]


def test_the_same_form_sent_twice_makes_one_record(browse: Any) -> None:
    alice = browse("alice")
    first = alice.post("/customers/new/", {"_token": "same", "name": "华为"}, **DIALOG)
    second = alice.post("/customers/new/", {"_token": "same", "name": "华为"}, **DIALOG)
    assert Customer.objects.filter(name="华为").count() == 1
    assert first.headers["HX-Redirect"] == second.headers["HX-Redirect"]


def test_errors_stand_at_their_field_with_what_was_typed(browse: Any) -> None:
    answer = browse("alice").post(
        "/customers/new/", {"_token": "t", "name": "", "founded_year": "abc", "description": "抄下来的话"}, **DIALOG
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert [one.id for one in answer.context["form"].problems] == ["f-name", "f-founded_year"]
    assert "抄下来的话" in page
    assert "data-focus" in page
    assert not Customer.objects.exists()


def test_formatted_text_of_a_stranger_is_cleaned_before_it_is_drawn_in_a_form(browse: Any) -> None:
    alice = browse("alice")
    foul = '<b hx-post="/gadgets/1/delete/" hx-trigger="load">bold</b><img src="//evil.test/" onerror="x()">'
    by_link = alice.get("/gadgets/new/", {"story": foul})
    refused = alice.post("/gadgets/new/", {"_token": "t", "name": "", "story": foul})
    assert (by_link.status_code, refused.status_code) == (200, 422)
    for answer in (by_link, refused):
        area = html.unescape(
            answer.content.decode().partition("data-rich")[2].partition(">")[2].partition("</textarea")[0]
        )
        assert area == "<b>bold</b>"


def test_without_the_right_nothing_is_made(browse: Any) -> None:
    answer = browse("dave").post("/customers/new/", {"_token": "t", "name": "华为"})
    assert answer.status_code == 403
    assert not Customer.objects.exists()


def test_edit_saves_what_was_touched_and_offers_undo(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="旧名称", phones=["13800138000"])
    alice = browse("alice")
    answer = alice.post(f"/customers/{one.pk}/edit/", shown(alice, one, short_name="旧"), **DIALOG)
    one.refresh_from_db()
    assert (one.name, one.short_name, one.version) == ("旧名称", "旧", 2)
    assert one.phones[0]["value"] == "+8613800138000"
    undo = json.loads(answer.headers["HX-Trigger"])["toast"]["list"][0]["undo"]
    assert alice.post(undo, **HX).status_code == 204
    one.refresh_from_db()
    assert one.short_name == ""


def test_an_untouched_form_changes_nothing(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为", revenue="12500000.50", employees=7)
    alice = browse("alice")
    assert alice.post(f"/customers/{one.pk}/edit/", shown(alice, one)).status_code == 303
    one.refresh_from_db()
    assert one.version == 1


def test_fields_only_one_touched_merge_silently(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为")
    alice = browse("alice")
    mine = shown(alice, one, short_name="HW")
    records.update(cast.root, one, {"employees": 9})
    assert alice.post(f"/customers/{one.pk}/edit/", mine).status_code == 303
    one.refresh_from_db()
    assert (one.short_name, one.employees) == ("HW", 9)


def test_a_clash_shows_three_values_and_lets_choose(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为", short_name="原来")
    alice = browse("alice")
    mine = shown(alice, one, short_name="我的", english_name="Huawei")
    records.update(cast.root, one, {"short_name": "别人的"})
    answer = alice.post(f"/customers/{one.pk}/edit/", mine, **DIALOG)
    side = answer.context["sides"][0]
    assert answer.status_code == 409
    assert (side.name, side.mine, side.theirs, side.original) == ("short_name", "我的", "别人的", "原来")
    one.refresh_from_db()
    assert one.short_name == "别人的"

    again = dict(answer.context["carried"]) | {
        "_version": str(answer.context["version"]), "_original": answer.context["original"],
    }  # fmt: skip
    theirs = alice.post(f"/customers/{one.pk}/edit/", {**again, "_resolve.short_name": "theirs"}, **DIALOG)
    one.refresh_from_db()
    assert (theirs.status_code, one.short_name, one.english_name) == (204, "别人的", "Huawei")


def test_choosing_mine_replaces_theirs(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为", short_name="原来")
    alice = browse("alice")
    mine = shown(alice, one, short_name="我的")
    records.update(cast.root, one, {"short_name": "别人的"})
    answer = alice.post(f"/customers/{one.pk}/edit/", mine, **DIALOG)
    again = dict(answer.context["carried"]) | {
        "_version": str(answer.context["version"]), "_original": answer.context["original"], "_resolve.short_name": "mine",
    }  # fmt: skip
    alice.post(f"/customers/{one.pk}/edit/", again, **DIALOG)
    one.refresh_from_db()
    assert one.short_name == "我的"


def test_colleague_who_may_only_see_cannot_edit(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    bob = browse("bob")
    assert bob.get(f"/customers/{one.pk}/edit/").status_code == 403
    assert bob.post(f"/customers/{one.pk}/edit/", {"name": "改"}).status_code == 403
    assert bob.post(f"/customers/{one.pk}/field/name/", {"name": "改"}).status_code == 403
    one.refresh_from_db()
    assert one.name == "华为"


def test_a_draft_comes_back_and_goes_when_sent(browse: Any, cast: Any) -> None:
    alice = browse("alice")
    alice.post(
        "/drafts/",
        {"_draft": "new:customers.customer", "name": "写了一半", "phones.sent": "1", "phones.0.value": "1380"},
    )
    assert Draft.objects.get(user=cast.alice_user).key == "new:customers.customer"
    page = alice.get("/customers/new/")
    assert {one.name: one.value for one in page.context["form"].inputs}["name"] == "写了一半"
    assert "1380" in page.content.decode()
    assert "写了一半" not in browse("bob").get("/customers/new/").content.decode()
    alice.post("/customers/new/", {"_token": "t", "name": "写完了"})
    assert not Draft.objects.exists()


def test_a_draft_can_be_thrown_away(browse: Any) -> None:
    alice = browse("alice")
    alice.post("/drafts/", {"_draft": "new:customers.customer", "name": "写了一半"})
    alice.post("/drafts/", {"_draft": "new:customers.customer", "_drop": "1"})
    assert not Draft.objects.exists()


def test_create_another_gives_an_empty_form_and_keeps_what_the_address_says(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    answer = browse("alice").post(
        f"/contacts/new/?customer={one.pk}",
        {"_token": "t", "name": "张伟", "customer": one.pk, "_then": "another"},
        **DIALOG,
    )
    values = {inp.name: inp.value for inp in answer.context["form"].inputs}
    assert (values["name"], values["customer"]) == (None, str(one.pk))
    assert Contact.objects.get(name="张伟").customer_id == one.pk


def test_a_record_made_inside_a_picker_is_answered_as_one_entry(browse: Any) -> None:
    answer = browse("alice").post("/customers/new/?nested=1", {"_token": "t", "name": "新客户公司"}, **HX)
    assert answer.json() == {"value": str(Customer.objects.get().pk), "text": "新客户公司"}


def test_inline_field_saves_and_answers_the_value(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    alice = browse("alice")
    form = alice.get(f"/customers/{one.pk}/field/short_name/")
    assert 'name="short_name"' in form.content.decode()
    answer = alice.post(
        f"/customers/{one.pk}/field/short_name/",
        {"short_name": "HW", "_version": "1", "_original": '{"short_name": ""}'},
        **HX,
    )
    assert ("HW" in answer.content.decode(), answer.headers["X-Record-Version"]) == (True, "2")


def test_inline_field_keeps_the_old_value_on_error(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为", founded_year=1987)
    answer = browse("alice").post(
        f"/customers/{one.pk}/field/founded_year/", {"founded_year": "abc", "_version": "1"}, **HX
    )
    assert answer.status_code == 422
    assert 'value="abc"' in answer.content.decode()
    one.refresh_from_db()
    assert one.founded_year == 1987


def test_inline_clash_is_told_and_saved_on_the_second_try(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为", short_name="原来")
    alice = browse("alice")
    url = f"/customers/{one.pk}/field/short_name/"
    records.update(cast.root, one, {"short_name": "别人的"})
    first = alice.post(url, {"short_name": "我的", "_version": "1", "_original": '{"short_name": "原来"}'}, **HX)
    assert (first.status_code, "别人的" in first.content.decode()) == (409, True)
    alice.post(
        url,
        {"short_name": "我的", "_version": str(first.context["version"]), "_original": first.context["original"]},
        **HX,
    )
    one.refresh_from_db()
    assert one.short_name == "我的"


def test_stage_path_moves_the_record(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    browse("alice").post(f"/customers/{one.pk}/stage/growing/", **HX)
    one.refresh_from_db()
    assert one.lifecycle == "growing"


def test_similar_warns_and_masks_what_is_hidden(browse: Any, make: Any, cast: Any) -> None:
    make("customers.customer", name="深圳市华强电子有限公司", by=cast.charlie_user)
    data = {"name": "华强电子", "kind": "organisation"}
    alice = browse("alice").post("/customers/similar/", data, **HX).content.decode()
    assert "深****" in alice
    assert "华强" not in alice
    assert "查理" in alice
    assert "深圳市华强电子有限公司" in browse("charlie").post("/customers/similar/", data, **HX).content.decode()
    assert "<li" not in browse("alice").post("/customers/similar/", {"name": "毫不相干"}, **HX).content.decode()
