"""Approvals on pages: the path before sending, deciding from list, record and mail, and the editor of a flow."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client

from guanxi.core.automation import approvals
from guanxi.core.automation.approvals import deciding, watch
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.kernel import clock
from guanxi.core.models import Approval, ApprovalFlow, ApprovalTurn
from guanxi.core.records import worktime_edit
from tests.core.web.conftest import HX
from tests.fakes.models import Gadget

LARGE = {"all": [{"field": "price", "op": "gte", "value": 1000}]}
STEPS = [{"name_zh": "初审", "name_en": "Check", "who": [{"kind": "people", "users": ["bob"]}], "mode": "any"}]


@pytest.fixture
def flow(cast: Any) -> ApprovalFlow:
    return flow_save(
        cast.root, None,
        FlowDraft(name_zh="大额", name_en="Large", entity="fakes.gadget", action="change", condition=LARGE, steps=STEPS),
    )  # fmt: skip


@pytest.fixture
def gadget(make: Any, cast: Any) -> Gadget:
    return make("fakes.gadget", owner=cast.alice_user, name="泵", price="10")  # type: ignore[no-any-return]


@pytest.fixture
def asked(cast: Any, flow: ApprovalFlow, gadget: Gadget) -> Approval:
    return approvals.submit(cast.alice, "fakes.gadget", gadget.pk, "change", {"price": "2000"}, "请批准")


def price(gadget: Gadget) -> int:
    return int(Gadget.objects.get(pk=gadget.pk).price or 0)


def test_saving_shows_the_path_and_sending_follows(browse: Any, cast: Any, flow: ApprovalFlow, gadget: Gadget) -> None:
    client = browse("alice")
    answer = client.post(f"/gadgets/{gadget.pk}/cell/price/", {"price": "2000"}, **HX)
    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#dialog-body"
    text = answer.content.decode()
    assert "鲍勃" in text
    assert price(gadget) == 10
    values = json.dumps({"price": "2000"})
    form = {
        "entity": "fakes.gadget",
        "record": str(gadget.pk),
        "action": "change",
        "values": values,
        "comment": "客户要求",
    }
    assert client.get("/approvals/send/", form).status_code == 200
    sent = client.post("/approvals/send/", form)
    assert sent.status_code == 303
    found = Approval.objects.get()
    assert (found.state, found.note) == ("pending", "客户要求")
    page = client.get(f"/gadgets/{gadget.pk}/").content.decode()
    assert "gx-approval" in page
    assert "Take back" in page
    assert client.post("/approvals/send/", {**form, "values": "[1]"}).status_code == 422
    assert client.post("/approvals/send/", {**form, "record": "999999999"}).status_code == 404


def test_whoever_decides_sees_the_facts_of_the_record(browse: Any, cast: Any, asked: Approval, gadget: Gadget) -> None:
    secret = watch.link_make(ApprovalTurn.objects.get(approval=asked)).rstrip("/").rsplit("/", 1)[-1]
    for client, page in ((browse("bob"), f"/approvals/{asked.pk}/"), (Client(), f"/approvals/link/{secret}/")):
        assert "gx-factline" in client.get(page).content.decode(), page


def test_sent_from_a_page_of_its_own_it_goes_back_to_the_record(
    browse: Any, cast: Any, flow: ApprovalFlow, gadget: Gadget
) -> None:
    form = {"entity": "fakes.gadget", "record": str(gadget.pk), "action": "change", "values": '{"price": "2000"}'}
    page = f"http://testserver/gadgets/{gadget.pk}/do/anything/"
    answer = browse("alice").post("/approvals/send/", form, HTTP_REFERER=page, **HX)
    assert answer.headers["HX-Redirect"] == f"/gadgets/{gadget.pk}/"


def test_the_path_says_who_decides_for_whom(browse: Any, cast: Any, flow: ApprovalFlow, gadget: Gadget) -> None:
    now = clock.now()
    worktime_edit.absence_save(
        cast.bob, cast.bob_user, begins_at=now, ends_at=now + dt.timedelta(days=1), deputy=cast.charlie_user
    )
    answer = browse("alice").post(f"/gadgets/{gadget.pk}/cell/price/", {"price": "2000"}, **HX)
    assert f"for {cast.bob_user.name}, who is away" in answer.content.decode()


def test_deciding_from_the_list_and_the_record(browse: Any, cast: Any, asked: Approval, gadget: Gadget) -> None:
    bob = browse("bob")
    assert "泵" in bob.get("/approvals/").content.decode()
    assert "泵" in bob.get("/").content.decode()
    assert "Approve" in bob.get(f"/gadgets/{gadget.pk}/").content.decode()
    assert bob.post(f"/approvals/{asked.pk}/reject/", {"comment": ""}).status_code == 422
    assert bob.post(f"/approvals/{asked.pk}/approve/", {}, **HX).status_code == 204
    assert price(gadget) == 2000
    for show in ("", "?show=done", "?show=copies", "?show=sent"):
        assert bob.get(f"/approvals/{show}").status_code == 200


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_opens(browse: Any, cast: Any, asked: Approval, language: str) -> None:
    bob, root = browse("bob", language), browse("root", language)
    for verb in ("approve", "reject", "return", "transfer", "add", "add-after", "copy"):
        assert bob.get(f"/approvals/{asked.pk}/{verb}/", **HX).status_code == 200
    assert bob.get(f"/approvals/{asked.pk}/").status_code == 200
    for address in (
        "/approvals/durations/",
        "/settings/approvals/",
        "/settings/approvals/new/",
        "/settings/approvals/large/",
    ):
        assert root.get(address).status_code == 200
    assert bob.get(f"/approvals/{asked.pk}/dance/").status_code == 404


def test_strangers_see_nothing(browse: Any, cast: Any, asked: Approval, gadget: Gadget) -> None:
    charlie = browse("charlie")
    for address in (f"/approvals/{asked.pk}/", f"/approvals/{asked.pk}/approve/"):
        assert charlie.get(address).status_code == 404
    assert charlie.post(f"/approvals/{asked.pk}/approve/").status_code == 404
    assert charlie.get("/settings/approvals/").status_code == 403
    assert charlie.get("/approvals/durations/").status_code == 403
    assert (Approval.objects.get().state, price(gadget)) == ("pending", 10)


def test_several_at_once(browse: Any, cast: Any, asked: Approval, gadget: Gadget) -> None:
    answer = browse("bob").post("/approvals/batch/", {"ids": [str(asked.pk)], "do": "approve", "comment": "批量"})
    assert answer.status_code == 303
    assert price(gadget) == 2000
    assert ApprovalTurn.objects.get(approval=asked).comment == "批量"


def test_nothing_ticked_is_told(browse: Any, cast: Any, asked: Approval, gadget: Gadget) -> None:
    client = browse("bob")
    answer = client.post("/approvals/batch/", {"do": "approve"}, follow=True)
    assert "Tick what you want to decide." in answer.content.decode()
    assert price(gadget) == 10


def test_the_link_of_a_mail_needs_no_sign_in(cast: Any, asked: Approval, gadget: Gadget) -> None:
    address = watch.link_make(ApprovalTurn.objects.get(approval=asked)).partition("/approvals/")[2]
    guest = Client()
    page = guest.get(f"/approvals/{address}")
    assert page.status_code == 200
    assert "泵" in page.content.decode()
    assert guest.post(f"/approvals/{address}", {"do": "reject", "comment": ""}).status_code == 422
    assert guest.post(f"/approvals/{address}", {"do": "approve"}).status_code == 200
    assert price(gadget) == 2000
    assert guest.get(f"/approvals/{address}").status_code == 404
    assert guest.get("/approvals/link/nothing/").status_code == 404


def test_a_flow_is_made_in_the_editor(browse: Any, cast: Any) -> None:
    client = browse("root")
    form = {
        "name_zh": "改价", "name_en": "Price change", "entity": "fakes.gadget", "action": "change", "active": "1",
        "self": "superior", "repeat": "pass", "position": "0", "fields": "price",
        "match.0": "all", "c.0.group": "0", "c.0.field": "price", "c.0.op": "gte", "c.0.value": "500",
        "s.0.name_zh": "初审", "s.0.mode": "any", "s.0.nobody": "admin", "s.0.late": "remind", "s.0.hours": "8",
        "s.0.who.0.kind": "superior", "s.0.who.0.level": "2", "s.0.who.1.kind": "people", "s.0.who.1.users": "bob",
    }  # fmt: skip
    drawn = client.post("/settings/approvals/new/", {**form, "do": "step"})
    assert drawn.status_code == 200
    assert "s.1.who.0.kind" in drawn.content.decode()
    assert not ApprovalFlow.objects.filter(entity="fakes.gadget").exists()
    saved = client.post("/settings/approvals/new/", {**form, "do": "save"})
    assert saved.status_code == 303
    flow = ApprovalFlow.objects.get(entity="fakes.gadget")
    assert (flow.key, flow.fields, flow.condition) == (
        "price-change",
        ["price"],
        {"field": "price", "op": "gte", "value": "500"},
    )
    assert flow.steps[0]["who"] == [{"kind": "superior", "level": 2}, {"kind": "people", "users": ["bob"]}]
    assert flow.steps[0]["hours"] == 8
    bad = client.post("/settings/approvals/price-change/", {**form, "s.0.hours": "soon", "do": "save"})
    assert bad.status_code == 422
    for what in ("who:0", "copy:0", "drop-who:0.1", "up:0", "drop:0", "drop:99", "nonsense:x"):
        assert client.post("/settings/approvals/price-change/", {**form, "do": what}).status_code == 200
    stale = client.post("/settings/approvals/price-change/", {**form, "version": "1", "do": "save"})
    assert stale.status_code == 409
    assert client.post("/settings/approvals/price-change/", {"do": "delete"}).status_code == 303
    assert not ApprovalFlow.objects.filter(entity="fakes.gadget").exists()


def test_an_export_that_needs_approval(browse: Any, cast: Any, gadget: Gadget) -> None:
    flow_save(
        cast.root,
        None,
        FlowDraft(name_zh="导出", name_en="Export", entity="fakes.gadget", action="export", steps=STEPS),
    )
    client = browse("alice")
    answer = client.post("/gadgets/export/", {"format": "csv"})
    assert answer.status_code == 409
    values = json.dumps({"format": "csv", "columns": [], "filter": None, "text": "", "sort": []})
    sent = client.post(
        "/approvals/send/", {"entity": "fakes.gadget", "record": "", "action": "export", "values": values}
    )
    assert sent.status_code == 303
    found = deciding.approve(cast.bob, Approval.objects.get().pk)
    assert (found.state, found.error) == ("approved", "")
