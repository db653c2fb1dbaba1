"""Layouts: for everyone, a role, a type; checked; reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from guanxi.core import records
from guanxi.core.kernel.errors import Conflict, Denied, Invalid
from guanxi.core.models import Layout, stamps
from guanxi.core.records import layouts as reading
from guanxi.core.records import shape
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import fields, layouts, processes, setups
from guanxi.core.web.record import related
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
GADGET = "fakes.gadget"


@pytest.fixture(autouse=True)
def _as_stored(cast: Cast) -> None:
    stamps.refresh()


def form(*names: str, zh: str = "要点") -> dict[str, Any]:
    return {"sections": [{"zh": zh, "en": "Main", "fields": list(names)}]}


def test_the_nearest_layout_holds(cast: Cast) -> None:
    entity = entity_of(GADGET)
    assert reading.layout_of(cast.alice, entity, "list") is None
    layouts.layout_save(cast.root, entity, "list", {"fields": ["name", "price"]})
    layouts.layout_save(cast.root, entity, "list", {"fields": ["name", "state"]}, role="cast")
    assert reading.names(reading.layout_of(cast.alice, entity, "list")) == ("name", "state")
    assert reading.names(reading.layout_of(cast.root, entity, "list")) == ("name", "price")
    layouts.layout_reset(cast.root, entity, "list", role="cast")
    assert reading.names(reading.layout_of(cast.alice, entity, "list")) == ("name", "price")


def test_a_form_keeps_what_must_be_filled(cast: Cast) -> None:
    with pytest.raises(Invalid) as refused:
        layouts.layout_save(cast.root, entity_of(GADGET), "form", form("price"))
    assert refused.value.code == "layout.required"
    with pytest.raises(Invalid):
        layouts.layout_save(cast.root, entity_of(GADGET), "form", form("name", "nothing"))
    with pytest.raises(Denied):
        layouts.layout_save(cast.alice, entity_of(GADGET), "form", form("name"))


def test_two_administrators_at_once(cast: Cast) -> None:
    entity = entity_of(GADGET)
    first = layouts.layout_save(cast.root, entity, "form", form("name"))
    layouts.layout_save(cast.root, entity, "form", form("name", "price"), version=first.version)
    with pytest.raises(Conflict) as refused:
        layouts.layout_save(cast.root, entity, "form", form("name", "state"), version=first.version)
    assert refused.value.clashes


def test_pages_follow_it(cast: Cast, browse: Callable[..., Client], make: Callable[..., Any]) -> None:
    record = make(GADGET, name="钟", price="8", note="旧的")
    admin = browse("root", "zh-hans")
    address = "/settings/layouts/gadgets/?face=form"
    assert admin.get(address).status_code == 200
    sent = {"section.1.zh": "要点", "section.1.en": "Main", "section.1.field": ["name", "price"], "version": "0"}
    assert admin.post(address, sent).status_code in (302, 303)
    page = browse("alice", "zh-hans").get(f"/gadgets/{record.pk}/edit/").content.decode()
    assert "要点" in page
    assert 'name="price"' in page
    assert 'name="note"' not in page
    assert admin.get("/settings/layouts/gadgets/?face=form&role=cast").status_code == 200
    admin.post("/settings/layouts/gadgets/?face=list", {"section.1.field": ["name", "pieces"], "version": "0"})
    assert "pieces" in browse("alice").get("/gadgets/?view=0").content.decode()
    admin.post(address, {"do": "reset"})
    assert 'name="note"' in browse("alice").get(f"/gadgets/{record.pk}/edit/").content.decode()


def test_the_menu_per_role(cast: Cast, browse: Callable[..., Client]) -> None:
    admin = browse("root", "zh-hans")
    assert admin.get("/settings/layouts/own/menu/").status_code == 200
    assert 'href="/gadgets/"' in browse("alice").get("/").content.decode()
    admin.post("/settings/layouts/own/menu/?role=cast", {"shown": ["fakes.part"], "hidden": [GADGET], "version": "0"})
    assert 'href="/gadgets/"' not in browse("alice").get("/").content.decode()
    assert 'href="/gadgets/"' in admin.get("/").content.decode()


def test_two_administrators_at_one_menu(cast: Cast, browse: Callable[..., Client]) -> None:
    admin, address = browse("root", "en"), "/settings/layouts/own/menu/"
    assert 'name="version" value="0"' in admin.get(address).content.decode()
    admin.post(address, {"shown": [GADGET], "hidden": ["approvals"], "version": "0"})
    told = admin.post(address, {"shown": ["approvals"], "hidden": [GADGET], "version": "0"})
    assert told.status_code == 409
    page = told.content.decode()
    assert "saved this layout" in page
    assert f'name="hidden" value="{GADGET}"' in page
    assert 'name="version" value="1"' in page
    assert Layout.objects.get(face="menu").definition["hidden"] == ["approvals"]


@pytest.mark.parametrize("address", ["/settings/layouts/own/menu/", "/settings/layouts/gadgets/"])
def test_what_was_meant_for_a_role_that_is_no_more_does_not_become_everybodys(
    cast: Cast, browse: Callable[..., Client], address: str
) -> None:
    sent = {"shown": [], "hidden": [GADGET], "section.1.field": ["name"], "version": "0"}
    assert browse("root").post(f"{address}?role=gone&face=list", sent).status_code == 404
    assert not Layout.objects.exists()


def test_conditions_while_a_form_is_filled_in(cast: Cast, browse: Callable[..., Client]) -> None:
    given = {"kind": "text", "label_zh": "原因", "rules": {"visible": "state == 'broken'", "required": "price > 50"}}
    fields.field_save(cast.root, GADGET, "why", given, new=True)
    alice = browse("alice")
    assert 'data-conditions="/gadgets/conditions/"' in alice.get("/gadgets/new/").content.decode()
    state = alice.post("/gadgets/conditions/", {"state": "new"}).json()
    assert state == {"custom.why": {"visible": False, "required": False, "readonly": False}}
    state = alice.post("/gadgets/conditions/", {"state": "broken", "price": "80"}).json()
    assert state == {"custom.why": {"visible": True, "required": True, "readonly": False}}


def test_settings_lead_to_everything(cast: Cast, browse: Callable[..., Client]) -> None:
    page = browse("root", "en").get("/settings/").content.decode()
    for address in (
        "/settings/fields/",
        "/settings/objects/",
        "/settings/layouts/",
        "/people/roles/",
        "/settings/processes/",
    ):
        assert f'href="{address}"' in page


def test_what_can_be_arranged_is_listed(cast: Cast, browse: Callable[..., Client]) -> None:
    admin = browse("root", "en")
    page = admin.get("/settings/layouts/").content.decode()
    assert 'href="/settings/layouts/gadgets/"' in page
    offered = admin.get("/settings/layouts/customers/whens/", {"q": "kind indiv"}).json()["items"]
    assert offered == [{"value": "kind=person", "text": "Kind: Individual"}], (
        "what a section is bound to is found by its words"
    )
    menu = admin.get("/settings/layouts/own/menu/").content.decode()
    assert 'value="approvals"' in menu
    admin.post("/settings/layouts/own/menu/", {"shown": [GADGET], "hidden": ["approvals"], "version": "0"})
    told = admin.post("/settings/layouts/own/menu/", {"do": "reset"}, follow=True)
    assert "As it was before." in told.content.decode()
    assert not Layout.objects.filter(face="menu").exists()


def test_processes_there_are_stand_before_those_that_may_become_one(cast: Cast, browse: Callable[..., Client]) -> None:
    admin = browse("root", "en")
    address = 'href="/settings/processes/gadgets/state/"'
    before = admin.get("/settings/processes/").content.decode()
    assert before.index("which may become a process") < before.index(address)
    processes.process_save(cast.root, GADGET, "state", {"steps": {}, "moves": []})
    after = admin.get("/settings/processes/").content.decode()
    assert after.index(address) < after.index("which may become a process")
    assert after.count(address) == 1


def test_a_kind_says_what_cannot_be_done_with_it(cast: Cast, browse: Callable[..., Client]) -> None:
    admin = browse("root", "en")
    page = admin.get("/settings/fields/gadgets/new/").content.decode()
    for kind, text in (("file", "Not read from files"), ("long_text", "neither sorted"), ("formula", "never typed")):
        tile = page.partition(f'href="?kind={kind}"')[2].partition("</a>")[0]
        assert text in tile, kind
        assert text in admin.get(f"/settings/fields/gadgets/new/?kind={kind}").content.decode(), kind
    assert "gx-hint" not in page.partition('href="?kind=text"')[2].partition("</a>")[0]


def test_a_process_page(cast: Cast, browse: Callable[..., Client], make: Callable[..., Any]) -> None:
    admin = browse("root", "zh-hans")
    assert admin.get("/settings/processes/").status_code == 200
    address = "/settings/processes/gadgets/state/"
    assert admin.get(address).status_code == 200
    sent = {
        "limited": "1",
        "move": ["new>used"],
        "step.used.required": ["price"],
        "step.new.checklist": "已清点 | Counted\n? 拍照",
    }
    assert admin.post(address, sent).status_code in (302, 303)
    assert "已清点 | Counted" in admin.get(address).content.decode()
    record = make(GADGET, name="钟", price=None)
    alice = browse("alice")
    refused = alice.post(f"/gadgets/{record.pk}/stage/broken/", headers={"HX-Request": "true"})
    assert refused.status_code == 409
    asked = alice.post(f"/gadgets/{record.pk}/stage/used/", headers={"HX-Request": "true"})
    assert asked.headers["X-Gate"] == f"/gadgets/{record.pk}/gate/state/used/"


def test_sections_fold_and_say_their_columns(cast: Cast) -> None:
    made = layouts.layout_save(
        cast.root,
        entity_of(GADGET),
        "detail",
        {"sections": [{"zh": "甲", "fields": ["name"], "columns": 3, "folded": "1"}, {"zh": "乙", "fields": ["number"], "columns": 9}]},
    )  # fmt: skip
    assert made.definition["sections"][0] == {"zh": "甲", "en": "", "fields": ["name"], "columns": 3, "folded": True}
    assert "columns" not in made.definition["sections"][1]
    first = reading.sections(reading.layout_of(cast.alice, entity_of(GADGET), "detail") or {})[0]
    assert (first.columns, first.folded) == (3, True)


def test_cards_of_a_page_are_put_in_order_and_taken_away(cast: Cast, make: Any) -> None:
    entity = entity_of(GADGET)
    record = make(GADGET, owner=cast.alice_user, name="泵")
    before = [one.key for one in related.cards(cast.root, record)]
    assert len(before) >= 2
    layouts.layout_save(cast.root, entity, "panels", {"fields": before[::-1], "hidden": []})
    assert [one.key for one in related.cards(cast.root, record)] == before[::-1]
    layouts.layout_save(cast.root, entity, "panels", {"fields": before[1:], "hidden": before[:1]})
    assert before[0] not in [one.key for one in related.cards(cast.root, record)]


def test_a_built_in_field_is_set_up_and_put_back(cast: Cast, make: Any) -> None:
    entity = entity_of(GADGET)
    record = make(GADGET, owner=cast.alice_user, name="泵", price="10")
    rules = {"required": "price > 100", "readonly": "state == 'sold'"}
    setups.setup_save(cast.root, entity, "note", {"label_zh": "说明", "rules": rules, "help_zh": "写清楚"})
    with translation.override("zh-hans"):
        assert str(shape.fields_of(entity)["note"].label) == "说明"
    records.update(cast.alice, record, {"price": "50"})
    with pytest.raises(Invalid) as caught:
        records.update(cast.alice, record, {"price": "500"})
    assert "note" in caught.value.errors
    records.update(cast.alice, record, {"price": "500", "note": "贵"})
    with pytest.raises(Invalid):
        setups.setup_save(cast.root, entity, "note", {"rules": {"visible": "ghost > 1"}})
    with pytest.raises(Denied):
        setups.setup_save(cast.alice, entity, "note", {"label_zh": "别的"})
    with pytest.raises(Conflict):
        setups.setup_save(cast.root, entity, "note", {"label_zh": "再改"}, version=0)
    setups.setup_reset(cast.root, entity, "note")
    records.update(cast.alice, record, {"note": ""})


TABS = {
    "sections": [
        {"zh": "要点", "en": "Main", "fields": ["name", "state"]},
        {"zh": "价格", "en": "Price", "fields": ["price"], "tab": "money"},
        {"zh": "备注", "en": "Notes", "fields": ["note"], "tab": "words", "when": ["state", "broken"]},
    ],
    "tabs": [{"key": "money", "zh": "金额", "en": "Money"}, {"zh": "文字", "en": "Words", "key": "words"}],
}


def test_tabs_of_a_form_and_a_page(cast: Cast, browse: Callable[..., Client], make: Callable[..., Any]) -> None:
    entity = entity_of(GADGET)
    made = layouts.layout_save(cast.root, entity, "form", TABS)
    assert made.definition == TABS
    record = make(GADGET, owner=cast.alice_user, name="钟", price="8", note="旧的", state="broken")
    alice = browse("alice", "zh-hans")
    page = alice.get(f"/gadgets/{record.pk}/").content.decode()
    assert page.count('role="tabpanel"') == 2
    assert page.index("金额") < page.index("文字")
    with pytest.raises(Invalid) as refused:
        layouts.layout_save(cast.root, entity, "form", {**TABS, "tabs": [{"key": "x", "zh": "", "en": ""}]})
    assert refused.value.code == "layout.tab"
    sent = {"name": "钟", "price": "8", "note": "字" * 5000, "state": "broken", "_version": record.version}
    form = alice.post(f"/gadgets/{record.pk}/edit/", {**sent, "price": "no number"})
    assert form.status_code == 422
    shown = form.content.decode()
    assert 'data-section-tab="money" aria-controls="pane-form-money" aria-selected="true"' in shown
    assert 'data-when="state" data-is="broken"' in shown
    records.update(cast.alice, record, {"state": "new"})
    assert 'data-section-tab="words"' not in alice.get(f"/gadgets/{record.pk}/").content.decode()


def test_two_administrators_on_a_new_layout(cast: Cast, browse: Callable[..., Client]) -> None:
    address = "/settings/layouts/gadgets/?face=list"
    admin = browse("root", "zh-hans")
    assert 'name="version" value="0"' in admin.get(address).content.decode()
    assert admin.post(address, {"section.1.field": ["name", "price"], "version": "0"}).status_code in (302, 303)
    late = admin.post(address, {"section.1.field": ["name", "state"], "version": "0"})
    told = late.content.decode()
    assert late.status_code == 409
    assert f"{cast.root_user.name}于刚刚保存了此布局" in told
    assert "仅对方有：" in told
    assert 'name="version" value="1"' in told
    assert reading.names(reading.layout_of(cast.root, entity_of(GADGET), "list")) == ("name", "price")
    again = admin.post(address, {"section.1.field": ["name", "state"], "version": "1"})
    assert again.status_code in (302, 303)


def test_the_preview_while_arranging(cast: Cast, browse: Callable[..., Client], make: Callable[..., Any]) -> None:
    make(GADGET, owner=cast.root_user, name="钟", price="8")
    sent = {
        "section.1.zh": "要点",
        "section.1.columns": "2",
        "section.1.field": ["name"],
        "tab.2.zh": "金额",
        "tab.2.en": "Money",
    }
    sent |= {"section.3.zh": "价格", "section.3.field": ["price"], "do": "preview"}
    for face in ("form", "detail"):
        shown = browse("root", "zh-hans").post(f"/settings/layouts/gadgets/?face={face}", sent).content.decode()
        assert 'data-section-tab="money"' in shown
    assert reading.layout_of(cast.root, entity_of(GADGET), "form") is None


def test_create_and_card_per_type(cast: Cast, browse: Callable[..., Client], make: Callable[..., Any]) -> None:
    entity = entity_of("customers.customer")
    layouts.layout_save(cast.root, entity, "create", {"fields": ["name", "birthday"]}, kind="person")
    layouts.layout_save(cast.root, entity, "card", {"fields": ["birthday"]}, kind="person")
    alice = browse("root", "en")
    page = alice.get("/customers/new/?kind=person").content.decode()
    assert 'data-typed="kind"' in page
    assert page.index('name="birthday"') < page.index("gx-more-fields")
    page = alice.get("/customers/new/").content.decode()
    assert page.index('name="birthday"') > page.index("gx-more-fields")
    make("customers.customer", name="周建国", kind="person", birthday="1985-03-04")
    make("customers.customer", name="恒达公司")
    board = alice.get("/customers/board/").content.decode()
    assert "1985" in board or "Mar 4" in board
