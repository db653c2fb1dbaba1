"""Automation on pages: the editor draws, rehearses and saves; runs are shown and tried again; templates have a preview."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core.automation import merge_fields
from guanxi.core.automation.rules import running
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import AutomationRule, MessageTemplate, RuleRun, Snippet, User
from guanxi.core.web.rules import editor
from tests.core.web.conftest import HX
from tests.fakes.models import Gadget

HOME = "/settings/rules/"
FORM = {
    "name_zh": "坏了就说", "name_en": "Tell when broken", "entity": "fakes.gadget", "on": "changed", "t.fields": "state", "t.to": "broken",
    "match.0": "all", "c.0.group": "0", "c.0.field": "price", "c.0.op": "gte", "c.0.value": "5", "run_as": "system", "per_hour": "100",
    "active": "1",
    "s.0.do": "if", "s.0.row": "1001", "c.1001.group": "0", "c.1001.field": "name", "c.1001.op": "eq", "c.1001.value": "泵",
    "s.0.t.0.do": "set", "s.0.t.0.v.0.field": "note", "s.0.t.0.v.0.value": "{{ name }} 坏了",
    "s.0.e.0.do": "stop", "s.1.do": "wait", "s.1.hours": "4", "s.1.working": "1",
    "s.2.do": "notify", "s.2.who.0.kind": "superior", "s.2.who.0.level": "1", "s.2.text": "请看",
}  # fmt: skip


@pytest.fixture
def gadget(make: Any, cast: Any) -> Gadget:
    return make("fakes.gadget", owner=cast.alice_user, name="泵", price="10")  # type: ignore[no-any-return]


def test_a_rule_is_made_in_the_editor(browse: Any, cast: Any) -> None:
    client = browse("root")
    for what in ("add::create", "add:0.t.:wait", "up:1", "drop:0.t.0", "who:2", "drop-who:2:0", "value:0.t.0", "drop-value:0.t.0:note",
                 "drop:9", "add:9.t.:set", "nonsense"):  # fmt: skip
        assert client.post(f"{HOME}new/", {**FORM, "do": what}).status_code == 200
    assert not AutomationRule.objects.exists()
    answer = client.post(f"{HOME}new/", {**FORM, "do": "save"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{HOME}tell-when-broken/")
    rule = AutomationRule.objects.get()
    assert rule.trigger == {"on": "changed", "fields": ["state"], "to": ["broken"]}
    assert rule.condition == {"field": "price", "op": "gte", "value": "5"}
    assert rule.steps[0]["when"] == {"field": "name", "op": "eq", "value": "泵"}
    assert rule.steps[0]["then"] == [{"do": "set", "values": {"note": "{{ name }} 坏了"}}]
    assert rule.steps[0]["else"] == [{"do": "stop"}]
    assert rule.steps[1:] == [
        {"do": "wait", "hours": 4.0, "working": True},
        {"do": "notify", "whom": [{"kind": "superior", "level": 1}], "text": "请看"},
    ]
    assert client.get(f"{HOME}tell-when-broken/").status_code == 200
    assert client.post(f"{HOME}tell-when-broken/", {**FORM, "s.1.hours": "0", "do": "save"}).status_code == 422
    assert client.post(HOME, {"key": rule.key, "active": "0"}).status_code == 303
    assert not AutomationRule.objects.get().active
    assert client.post(f"{HOME}tell-when-broken/", {"do": "delete"}).status_code == 303
    assert not AutomationRule.objects.exists()


def test_a_rehearsal_is_shown_and_leaves_nothing(browse: Any, cast: Any, gadget: Gadget) -> None:
    answer = browse("root").post(f"{HOME}new/", {**FORM, "do": "rehearse"})
    assert answer.status_code == 200
    assert "note: 泵 坏了" in answer.content.decode()
    assert Gadget.objects.get(pk=gadget.pk).note == ""
    assert not RuleRun.objects.exists()


@pytest.mark.parametrize("on", ["created", "changed", "saved", "date", "schedule", "button", "approval", "event"])
def test_every_trigger_has_its_form(browse: Any, cast: Any, on: str) -> None:
    assert browse("root").post(f"{HOME}new/", {**FORM, "on": on}).status_code == 200


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_pages_of_runs(browse: Any, cast: Any, gadget: Gadget, language: str) -> None:
    steps = ({"do": "set", "values": {"pieces": "{{ note }}"}},)
    rule = rule_save(
        cast.root,
        None,
        RuleDraft(
            name_zh="按钮", name_en="Button", entity="fakes.gadget", trigger={"on": "button"}, steps=steps, active=True
        ),
    )
    alice, root = browse("alice", language), browse("root", language)
    assert ("按钮" if language == "zh-hans" else "Button") in alice.get(f"/gadgets/{gadget.pk}/").content.decode()
    Gadget.objects.filter(pk=gadget.pk).update(note="abc")
    assert alice.post(f"/rules/{rule.key}/press/gadgets/{gadget.pk}/", {}, **HX).status_code == 204
    run = RuleRun.objects.get()
    running.go(run.pk)
    for address in (
        HOME,
        f"{HOME}new/",
        f"{HOME}runs/",
        f"{HOME}runs/?state=failed&rule={rule.key}",
        f"{HOME}runs/{run.pk}/",
    ):
        assert root.get(address).status_code == 200
    assert RuleRun.objects.get().state == "failed"
    assert root.post(f"{HOME}runs/{run.pk}/").status_code == 303
    assert RuleRun.objects.get().state == "running"
    assert root.post(f"{HOME}runs/{run.pk}/").status_code == 409
    for address in (HOME, f"{HOME}runs/", f"{HOME}runs/{run.pk}/", "/settings/templates/"):
        assert alice.get(address).status_code == 403


def test_why_a_wait_failed_is_no_moment() -> None:
    assert editor.trail_text({"do": "wait", "state": "failed", "text": "没有工作时间"}) == "没有工作时间"
    assert "2026" in editor.trail_text({"do": "wait", "state": "done", "text": "2026-11-27T10:00:00+00:00"})


def test_a_template_is_written_and_previewed(browse: Any, cast: Any, gadget: Gadget) -> None:
    client = browse("root")
    form = {"name_zh": "通知", "name_en": "Notice", "entity": "fakes.gadget", "channel": "mail", "active": "1", "subject_zh": "关于 {{ name }}",
            "body_zh": "{{ owner.name }} 您好，{{ name }}：{{ state }}", "body_en": "Dear {{ owner.name }}", "sample": str(gadget.pk)}  # fmt: skip
    page = client.post("/settings/templates/new/", {**form, "do": "preview"}).content.decode()
    assert "关于 泵" in page
    assert (
        page.index("{{ name }}")
        < page.index("{{ me.name }}")
        < page.index("{{ owner.name }}")
        < page.index("{{ created_at }}")
    )
    assert "{{ created_by.name }}" not in page
    assert 'formaction="#preview"' in page
    assert "林爱丽 您好，泵" in page
    assert client.post("/settings/templates/new/", {**form, "do": "save"}).status_code == 303
    row = MessageTemplate.objects.get()
    assert row.key == "notice"
    bad = client.post("/settings/templates/notice/", {**form, "body_en": "{{ nothing }}", "do": "save"})
    assert bad.status_code == 422
    assert client.post("/settings/templates/notice/", {**form, "body_en": "{% if %}", "do": "save"}).status_code == 422
    assert (
        client.post(
            "/settings/snippets/new/", {"name_zh": "问候", "name_en": "Greeting", "text_zh": "您好"}
        ).status_code
        == 303
    )
    assert Snippet.objects.get().key == "greeting"
    for address in ("/settings/templates/", "/settings/templates/notice/", "/settings/snippets/greeting/"):
        assert client.get(address).status_code == 200
    assert client.post("/settings/templates/notice/", {"do": "delete", "entity": "fakes.gadget"}).status_code == 303


def test_merge_fields_say_only_what_the_sender_may_see(cast: Any, make: Any) -> None:
    theirs = make("fakes.gadget", owner=cast.charlie_user, name="别人的")
    mine = make("fakes.gadget", owner=cast.alice_user, name="我的", parent=theirs, secret="S-1234567")
    text = "{{ name }}|{{ parent.name }}|{{ parent }}|{{ secret }}|{{ me.name }}"
    seen = merge_fields.fill(cast.alice, mine, text, language="en").split("|")
    assert seen[0] == "我的"
    assert seen[1:3] == ["", ""]
    assert "1234567" not in seen[3]
    assert seen[4] == "林爱丽"
    assert User.objects.filter(name="林爱丽").exists()
    with pytest.raises(Invalid):
        merge_fields.fill(
            cast.alice, mine, "{% for a in (1..100000) %}{% for b in (1..100000) %}x{% endfor %}{% endfor %}"
        )
