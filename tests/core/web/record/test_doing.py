"""Reveal, marks, share, why, delete and restore, undo, operations, trash, comments, files, timeline, quick forms."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.models import AccessEntry, Collaborator, Comment, File, Mark, Operation, RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.records import together
from tests.core.web.record.conftest import HX

pytestmark = pytest.mark.django_db


@pytest.fixture
def masked(cast: Any) -> None:
    """The role of the cast sees phones masked."""
    RoleField.objects.create(role=cast.role, entity="customers.customer", field="phones", level="masked")
    bump("rights")


def test_masked_value_is_not_in_the_page_and_show_is_noted(masked: None, browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为", phones=["13800138000"])
    alice = browse("alice")
    page = alice.get(f"/customers/{one.pk}/").content.decode()
    assert "13800138000" not in page.replace(" ", "")
    assert "138****8000" in page
    answer = alice.post(f"/customers/{one.pk}/reveal/phones/", **HX)
    assert "13800138000" in answer.content.decode()
    noted = AccessEntry.objects.get(sort="reveal")
    assert (noted.entity, noted.record_id, noted.field, noted.actor_id) == (
        "customers.customer",
        one.pk,
        "phones",
        cast.alice_user.pk,
    )


def test_show_needs_the_right(masked: None, browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为", phones=["13800138000"])
    bob = browse("bob")
    assert "/reveal/" not in bob.get(f"/customers/{one.pk}/").content.decode()
    answer = bob.post(f"/customers/{one.pk}/reveal/phones/", **HX)
    assert (answer.status_code, b"13800138000" in answer.content) == (403, False)
    assert not AccessEntry.objects.filter(sort="reveal").exists()


def test_marks_toggle(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer")
    bob = browse("bob")
    bob.post(f"/customers/{one.pk}/mark/star/", **HX)
    assert Mark.objects.filter(user=cast.bob_user, sort="star", record_id=one.pk).exists()
    bob.post(f"/customers/{one.pk}/mark/star/", **HX)
    assert not Mark.objects.filter(user=cast.bob_user, sort="star", record_id=one.pk).exists()
    assert bob.post(f"/customers/{one.pk}/mark/recent/", **HX).status_code == 404


def test_share_gives_the_record_and_takes_it_back(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为")
    alice, charlie = browse("alice"), browse("charlie")
    assert charlie.get(f"/customers/{one.pk}/").status_code == 404
    alice.post(f"/customers/{one.pk}/share/", {"user": cast.charlie_user.pk, "level": "read"}, **HX)
    assert charlie.get(f"/customers/{one.pk}/").status_code == 200
    assert charlie.get(f"/customers/{one.pk}/edit/").status_code == 403
    alice.post(f"/customers/{one.pk}/share/", {"remove": cast.charlie_user.pk}, **HX)
    assert charlie.get(f"/customers/{one.pk}/").status_code == 404


def test_bob_cannot_share_what_is_not_his(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为")
    answer = browse("bob").post(f"/customers/{one.pk}/share/", {"user": cast.charlie_user.pk, "level": "read"}, **HX)
    assert answer.status_code == 403
    assert not Collaborator.objects.exists()


def test_why_names_the_role_and_the_owner(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    page = browse("bob").get(f"/customers/{one.pk}/why/").content.decode()
    assert "林爱丽" in page
    assert "“Cast”" in page


def test_delete_takes_children_along_and_restore_brings_them_back(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    person = make("customers.contact", name="张伟", customer=one)
    alice = browse("alice")
    asked = alice.get(f"/customers/{one.pk}/delete/", **HX).content.decode()
    assert "张伟" in asked
    answer = alice.post(f"/customers/{one.pk}/delete/", **HX)
    assert answer.headers["HX-Redirect"] == "/customers/"
    assert not Customer.objects.exists()
    assert not Contact.objects.exists()
    gone = alice.get(f"/customers/{one.pk}/")
    assert (gone.status_code, "restore/" in gone.content.decode()) == (404, True)
    assert browse("bob").get(f"/customers/{one.pk}/").content.decode().count("restore/") == 0
    trash = alice.get("/trash/").content.decode()
    assert "华为" in trash
    alice.post(f"/customers/{one.pk}/restore/")
    assert list(Contact.objects.values_list("pk", flat=True)) == [person.pk]


def test_undo_of_delete_and_what_could_not_be_undone(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为", short_name="甲")
    alice = browse("alice")
    records.update(cast.alice, one, {"short_name": "乙", "english_name": "Huawei"})
    step = Operation.objects.filter(sort="update").latest("pk")
    records.update(cast.alice, Customer.objects.get(), {"short_name": "丙"})
    answer = alice.post(f"/operations/{step.pk}/undo/", **HX)
    assert json.loads(answer.headers["HX-Trigger"])["toast"]["list"][0]["level"] == "error"
    now = Customer.objects.get()
    assert (now.short_name, now.english_name) == ("丙", "")
    page = alice.get(f"/operations/{step.pk}/").content.decode()
    assert "short name" in page
    assert "华为" in page


def test_operations_are_ones_own(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为")
    records.update(cast.alice, one, {"short_name": "乙"})
    step = Operation.objects.filter(actor=cast.alice_user).latest("pk")
    assert f"/operations/{step.pk}/" in browse("alice").get("/operations/").content.decode()
    assert f"/operations/{step.pk}/" not in browse("bob").get("/operations/").content.decode()
    assert browse("bob").get(f"/operations/{step.pk}/").status_code == 404
    assert browse("bob").post(f"/operations/{step.pk}/undo/", **HX).status_code == 403
    assert f"/operations/{step.pk}/" in browse("root").get("/operations/").content.decode()


def test_comment_appears_and_can_be_taken_away_by_its_author(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    bob = browse("bob")
    bob.post(f"/customers/{one.pk}/comments/", {"body": "交期 @林爱丽 <script>alert(1)</script>"}, **HX)
    note = Comment.objects.get()
    page = bob.get(f"/customers/{one.pk}/timeline/", **HX).content.decode()
    assert "交期" in page
    assert "<script>alert" not in page
    assert browse("alice").get(f"/comments/{note.pk}/").status_code == 404
    bob.post(f"/comments/{note.pk}/", {"body": "改过的话"}, **HX)
    assert "改过的话" in bob.get(f"/customers/{one.pk}/timeline/", **HX).content.decode()
    bob.post(f"/comments/{note.pk}/delete/", **HX)
    assert "改过的话" not in bob.get(f"/customers/{one.pk}/timeline/", **HX).content.decode()
    assert browse("charlie").post(f"/customers/{one.pk}/comments/", {"body": "x"}, **HX).status_code == 404


def test_files_are_shown_downloaded_and_hidden_from_strangers(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    alice = browse("alice")
    content = BytesIO()
    Image.new("RGB", (4, 4), "red").save(content, "PNG")
    alice.post(f"/customers/{one.pk}/files/", {"file": SimpleUploadedFile("图.png", content.getvalue())}, **HX)
    kept = File.objects.get()
    assert "<img" in alice.get(f"/customers/{one.pk}/timeline/", **HX).content.decode()
    sent = alice.get(f"/files/{kept.pk}/")
    assert sent.headers["Content-Disposition"].startswith("attachment")
    assert b"".join(sent.streaming_content)[:4] == b"\x89PNG"  # type: ignore[attr-defined]
    shown = alice.get(f"/files/{kept.pk}/?inline=1")
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert b"".join(shown.streaming_content)[:4] == b"\x89PNG"  # type: ignore[attr-defined]
    assert browse("charlie").get(f"/files/{kept.pk}/").status_code == 404
    assert (
        browse("bob").post(f"/customers/{one.pk}/files/", {"file": SimpleUploadedFile("a.txt", b"x")}, **HX).status_code
        == 403
    )
    assert File.objects.count() == 1


def test_timeline_filters_by_type_and_words(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为")
    together.comment_add(cast.alice, one, "第一条")
    together.comment_add(cast.bob, one, "第二条")
    alice = browse("alice")
    only = alice.get(f"/customers/{one.pk}/timeline/?kind=comment&words=第一", **HX).content.decode()
    assert ("第一条" in only, "第二条" in only) == (True, False)
    bobs = alice.get(f"/customers/{one.pk}/timeline/?kind=comment&person={cast.bob_user.pk}", **HX).content.decode()
    assert ("第一条" in bobs, "第二条" in bobs) == (False, True)


def test_timeline_loads_the_rest_by_position(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为")
    for number in range(25):
        together.comment_add(cast.alice, one, f"第{number:02d}条")
    alice = browse("alice")
    first = alice.get(f"/customers/{one.pk}/timeline/?kind=comment", **HX)
    rest = alice.get(
        f"/customers/{one.pk}/timeline/", {"kind": "comment", "before": first.context["moments"].next}, **HX
    )
    assert len(first.context["moments"].entries) == 20
    assert [entry["one"].body.count("第0") for entry in rest.context["moments"].entries] == [1] * 5


def test_related_cards_count_only_what_may_be_seen(browse: Any, make: Any, cast: Any) -> None:
    boss = make("core.user", name="王总")
    make("customers.customer", name="甲公司", owner=cast.alice_user.pk)
    make("customers.customer", name="丙公司", by=cast.charlie_user)
    page = browse("alice").get(f"/users/{cast.charlie_user.pk}/").content.decode()
    assert "丙公司" not in page
    assert browse("alice").get(f"/users/{boss.pk}/").status_code == 200
    assert "丙公司" in browse("charlie").get(f"/users/{cast.charlie_user.pk}/").content.decode()


def test_history_shows_before_and_after(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为", short_name="旧简称")
    records.update(cast.alice, one, {"short_name": "新简称"})
    page = browse("bob").get(f"/customers/{one.pk}/history/").content.decode()
    assert "旧简称" in page
    assert "新简称" in page
    assert "林爱丽" in page


def test_quick_form_guesses_and_saves_about_the_open_record(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    alice = browse("alice")
    form = alice.get(f"/quick/follow-up/?entity=customers.customer&id={one.pk}", **HX)
    assert form.context["subject"].pk == one.pk
    assert {inp.name: inp.value for inp in form.context["inputs"]}["next_contact_at"]
    answer = alice.post(
        "/quick/follow-up/",
        {
            "_entity": "customers.customer",
            "_subject": one.pk,
            "kind": "call",
            "body": "谈了报价",
            "next_contact_at": "",
        },
        **HX,
    )
    assert answer.status_code == 204
    assert "谈了报价" in alice.get(f"/customers/{one.pk}/timeline/", **HX).content.decode()


def test_quick_form_without_a_record_asks_for_it(browse: Any) -> None:
    alice = browse("alice")
    assert alice.get("/quick/follow-up/", **HX).context["inputs"][0].name == "_subject"
    answer = alice.post("/quick/follow-up/", {"kind": "call", "body": "谈了报价"}, **HX)
    assert (answer.status_code, answer.context["problems"][0].id) == (422, "f-_subject")
    assert "谈了报价" in answer.content.decode()


def test_the_first_a_picker_offers_is_the_one_that_was_typed(browse: Any, make: Any) -> None:
    codes = [f"P000{number:02}" for number in range(1, 25)]
    for place, code in enumerate(codes):
        make("catalog.product", name=f"{chr(97 + place)} 器件", code=code)
    for code in (codes[0], codes[-1]):
        items = browse("alice").get(f"/pick/products/?q={code}").json()["items"]
        assert items[0]["hint"].startswith(code)
        assert len({one["value"] for one in items}) == len(items) <= 20


def test_pickers_find_by_pinyin_under_rights(browse: Any, make: Any, cast: Any) -> None:
    make("customers.customer", name="深圳市华强电子有限公司")
    make("customers.customer", name="华强北电子商行", by=cast.charlie_user)
    items = browse("alice").get("/pick/customers/?q=huaqiang").json()["items"]
    assert [one["text"] for one in items] == ["深圳市华强电子有限公司"]
    assert browse("alice").get("/pick/users/").json()["items"][0]["value"] == str(cast.alice_user.pk)
    regions = browse("alice").get("/pick/regions/?q=南山").json()["items"]
    assert "CN440305" in [one["value"] for one in regions]
    below = browse("alice").get("/pick/regions/?under=CN4403").json()["items"]
    assert (below[0]["value"], "CN440305" in [one["value"] for one in below]) == ("CN4403", True)


def test_declared_action_asks_its_fields_and_runs(browse: Any, make: Any) -> None:
    one, other = make("customers.customer", name="华为"), make("customers.customer", name="富士康")
    alice = browse("alice")
    assert "relation" in alice.get(f"/customers/{one.pk}/do/relate/", **HX).content.decode()
    empty = alice.post(f"/customers/{one.pk}/do/relate/", {}, **HX)
    assert (empty.status_code, len(empty.context["problems"])) == (422, 2)
    alice.post(f"/customers/{one.pk}/do/relate/", {"other": other.pk, "relation": "supplier"}, **HX)
    assert one.links.get().other_id == other.pk
    assert (
        browse("bob")
        .post(f"/customers/{one.pk}/do/relate/", {"other": other.pk, "relation": "partner"}, **HX)
        .status_code
        == 403
    )
