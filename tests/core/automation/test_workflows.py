"""Workflows: what a drawing may hold, a run through people, gateways, rules, sub-processes and timers, and what goes wrong."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.automation.notify import text_of
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.automation.workflows import drawing, engine, running, store
from guanxi.core.automation.workflows.store import WorkflowDraft
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import Notification, User, Workflow, WorkflowRun, WorkflowTask
from tests.at_once import at_once
from tests.fakes.models import Gadget
from tests.signing import browser

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:gx="urn:guanxi:bpmn" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="d" targetNamespace="urn:guanxi:bpmn">'
    '<bpmn:process id="p" isExecutable="true">'
)
FOOT = "</bpmn:process></bpmn:definitions>"


def flows(*pairs: str) -> str:
    """``a>b`` and ``a>b?condition``."""
    found = ""
    for number, pair in enumerate(pairs):
        ends, _mark, condition = pair.partition("?")
        source, target = ends.split(">")
        inner = f'<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">{condition.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}</bpmn:conditionExpression>' if condition else ""  # fmt: skip
        found += f'<bpmn:sequenceFlow id="{pair.split("?")[0].replace(">", "_")}{number}" sourceRef="{source}" targetRef="{target}">{inner}</bpmn:sequenceFlow>'
    return found


def drawn(*shapes: str, joined: str) -> str:
    return HEAD + '<bpmn:startEvent id="s"/><bpmn:endEvent id="e"/>' + "".join(shapes) + flows(*joined.split()) + FOOT


CHECK = '<bpmn:userTask id="check" name="看一看" gx:who="owner" gx:fields="price" gx:outcomes="ok=可以;no=不行"/>'
SIGN = '<bpmn:userTask id="sign" name="签字" gx:who="people:bob"/>'
PLAIN = drawn(CHECK, joined="s>check check>e")
PLAIN_SIGNED = drawn(
    CHECK,
    SIGN,
    '<bpmn:exclusiveGateway id="g" default="no"/>',
    joined="s>check check>g g>sign?data.outcome=='ok'&&price>100 sign>e",
).replace("</bpmn:process>", '<bpmn:sequenceFlow id="no" sourceRef="g" targetRef="e"/></bpmn:process>')


def keep(cast: Any, xml: str, **more: Any) -> Workflow:
    given = {"name_zh": "流程", "name_en": "Flow", "entity": "fakes.gadget", "xml": xml, "active": True, **more}
    return store.workflow_save(cast.root, None, WorkflowDraft(**given))


@pytest.fixture
def gadget(make: Any, cast: Any) -> Gadget:
    return make("fakes.gadget", owner=cast.alice_user, name="泵", price="10")  # type: ignore[no-any-return]


def open_tasks(run: WorkflowRun) -> list[tuple[str, list[int]]]:
    return list(run.tasks.filter(state="open").order_by("pk").values_list("element", "people"))


def test_names_are_said_in_both_languages(cast: Any, gadget: Gadget) -> None:
    said = CHECK.replace("可以", "可以|Fine").replace(
        'name="看一看"', 'name="看一看" gx:name_en="Look" gx:help_en="With care"'
    )
    flow = keep(cast, drawn(said, joined="s>check check>e"))
    run = running.start_by_hand(cast.alice, flow.key, gadget)
    task, note = run.tasks.get(), Notification.objects.get(user=cast.alice_user, sort="workflow")
    asked = drawing.shapes(run.xml)["check"]
    for language, name, button in (("zh-hans", "看一看", "可以"), ("en", "Look", "Fine")):
        with translation.override(language):
            assert (task.title, asked.outcomes[0].text) == (name, button)
            assert f'name="{name}"' in drawing.spoken(run.xml)
            assert name in text_of(cast.alice, note, gadget)
    assert asked.outcomes[1].label_en == ""
    running.task_done(cast.alice, task.pk, {}, "ok")


def test_people_gateways_and_what_is_remembered(cast: Any, gadget: Gadget) -> None:
    flow = keep(cast, PLAIN_SIGNED)
    run = running.start_by_hand(cast.alice, flow.key, gadget)
    assert open_tasks(run) == [("check", [cast.alice_user.pk])]
    task = running.mine(cast.alice).get()
    assert Notification.objects.filter(user=cast.alice_user, sort="workflow").count() == 1
    with pytest.raises(NotFound):
        running.task_done(cast.bob, task.pk, {}, "ok")
    with pytest.raises(Invalid):
        running.task_done(cast.alice, task.pk, {"price": "200"}, "maybe")
    assert Gadget.objects.get(pk=gadget.pk).price == 10
    running.task_done(cast.alice, task.pk, {"price": "200", "name": "不许"}, "ok")
    stored = Gadget.objects.get(pk=gadget.pk)
    assert (stored.price, stored.name) == (200, "泵"), "only the fields the task asks for"
    assert open_tasks(run) == [("sign", [cast.bob_user.pk])]
    with pytest.raises(RuleBroken):
        running.task_done(cast.alice, task.pk, {}, "ok")
    running.task_done(cast.bob, running.mine(cast.bob).get().pk, {})
    run.refresh_from_db()
    assert run.state == "done"
    assert engine.marks(engine.restored(run.state_data, gadget)) == {
        "s": "done", "check": "done", "g": "done", "sign": "done", "e": "done",
    }  # fmt: skip


def test_a_run_stays_with_the_drawing_it_began_with(cast: Any, gadget: Gadget) -> None:
    flow = keep(cast, PLAIN_SIGNED)
    run = running.start_by_hand(cast.alice, flow.key, gadget)
    with pytest.raises(RuleBroken):
        running.start_by_hand(cast.alice, flow.key, gadget)
    store.workflow_save(cast.root, flow, WorkflowDraft(name_zh="新", entity="fakes.gadget", xml=PLAIN, active=True))
    running.task_done(cast.alice, running.mine(cast.alice).get().pk, {"price": "500"}, "ok")
    assert open_tasks(run) == [("sign", [cast.bob_user.pk])]
    assert (run.version, Workflow.objects.get().version) == (1, 2)
    with pytest.raises(RuleBroken):
        store.workflow_delete(cast.root, flow)
    running.stop(cast.alice, run)
    assert not WorkflowTask.objects.filter(state="open").exists()


def test_timers_sub_processes_and_parallel_ways(cast: Any, gadget: Gadget) -> None:
    sub = f'<bpmn:subProcess id="sub"><bpmn:startEvent id="s2"/>{SIGN}<bpmn:endEvent id="e2"/>{flows("s2>sign", "sign>e2")}</bpmn:subProcess>'
    wait = '<bpmn:intermediateCatchEvent id="wait"><bpmn:timerEventDefinition id="t"><bpmn:timeDuration xsi:type="bpmn:tFormalExpression">PT2H</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>'
    fork = '<bpmn:parallelGateway id="f"/><bpmn:parallelGateway id="j"/>'
    flow = keep(cast, drawn(sub, wait, fork, joined="s>f f>sub f>wait sub>j wait>j j>e"))
    run = running.start_by_hand(cast.alice, flow.key, gadget)
    run.refresh_from_db()
    assert open_tasks(run) == [("sign", [cast.bob_user.pk])]
    assert run.due_at is not None
    assert abs(run.due_at - clock.now() - dt.timedelta(hours=2)) < dt.timedelta(minutes=1)
    running.task_done(cast.bob, running.mine(cast.bob).get().pk, {})
    run.refresh_from_db()
    assert run.state == "running"
    assert running.look(clock.now()) == 0
    past = str(dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5)).replace(" ", "T")
    text = _replaced(run.state_data, run.due_at.isoformat(), past)
    WorkflowRun.objects.filter(pk=run.pk).update(state_data=text, due_at=clock.now())
    assert running.look(clock.now()) == 1
    assert running.go(run.pk) == "done"


def _replaced(data: Any, old: str, new: str) -> Any:
    text = json.dumps(data)
    assert old in text
    return json.loads(text.replace(old, new))


def test_a_service_task_runs_a_rule_and_a_failure_can_be_tried_again(cast: Any, gadget: Gadget) -> None:
    rule = RuleDraft(
        name_zh="改名", name_en="Rename", entity="fakes.gadget", trigger={"on": "button"}, steps=({"do": "set", "values": {"name": "水泵"}},),
    )  # fmt: skip
    row = rule_save(cast.root, None, rule)
    service = f'<bpmn:serviceTask id="do" name="改名" gx:rule="{row.key}"/>'
    script = '<bpmn:scriptTask id="sum" name="算"><bpmn:script>twice = price * 2</bpmn:script></bpmn:scriptTask>'
    gate = '<bpmn:exclusiveGateway id="g" default="no"/>'
    xml = drawn(service, script, gate, SIGN, joined="s>do do>sum sum>g g>sign?data.twice==20 sign>e").replace(
        "</bpmn:process>", '<bpmn:sequenceFlow id="no" sourceRef="g" targetRef="e"/></bpmn:process>'
    )
    flow = keep(cast, xml)
    row.steps = [{"do": "set", "values": {"name": ""}}]
    row.save()
    run = running.start_by_hand(cast.alice, flow.key, gadget)
    assert run.state == "failed"
    assert "改名" in run.error
    row.steps = [{"do": "set", "values": {"name": "水泵"}}]
    row.save()
    running.again(cast.root, run)
    assert running.go(run.pk) == "running"
    assert Gadget.objects.get(pk=gadget.pk).name == "水泵"
    assert open_tasks(run) == [("sign", [cast.bob_user.pk])]


def test_rules_and_new_records_begin_one(cast: Any, make: Any) -> None:
    flow = keep(cast, PLAIN, start={"on": "created", "formula": "price > 5.0"})
    records.create(cast.alice, "fakes.gadget", {"name": "小", "price": "1"})
    large = records.create(cast.alice, "fakes.gadget", {"name": "大", "price": "9"})
    outbox.deliver_all()
    assert [(run.record_id, run.cause) for run in WorkflowRun.objects.all()] == [(large.pk, "fakes.gadget.created")]
    outbox.deliver_all()
    assert WorkflowRun.objects.count() == 1
    with pytest.raises(Invalid):
        rule_save(cast.root, None, RuleDraft(name_zh="起", entity="fakes.gadget", trigger={"on": "button"}, steps=({"do": "workflow", "workflow": "none"},)))  # fmt: skip
    assert flow.key == "flow"


def test_a_circle_ends(cast: Any, gadget: Gadget) -> None:
    script = '<bpmn:scriptTask id="sum" name="算"><bpmn:script>twice = price * 2</bpmn:script></bpmn:scriptTask>'
    gate = '<bpmn:exclusiveGateway id="g" default="no"/>'
    xml = drawn(script, gate, joined="s>sum sum>g g>e?price>100").replace(
        "</bpmn:process>", '<bpmn:sequenceFlow id="no" sourceRef="g" targetRef="sum"/></bpmn:process>'
    )
    run = running.start_by_hand(cast.alice, keep(cast, xml).key, gadget)
    assert run.state == "failed"
    assert run.state_data == {}


def test_who_left_hands_his_task_on(cast: Any, gadget: Gadget) -> None:
    flow = keep(cast, drawn(SIGN, joined="s>sign sign>e"))
    run = running.start_by_hand(cast.alice, flow.key, gadget)
    User.objects.filter(pk=cast.bob_user.pk).update(is_active=False)
    running.look(clock.now())
    assert open_tasks(run) == [("sign", [cast.root_user.pk])], "nobody found: the administrators"


@pytest.mark.parametrize(
    ("xml", "word"),
    [
        ("<nothing", "workflow.xml"),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "workflow.xml"),
        (HEAD + FOOT, "workflow.incomplete"),
        (drawn('<bpmn:userTask id="u" name="谁"/>', joined="s>u u>e"), "workflow.shape"),
        (drawn('<bpmn:userTask id="u" name="谁" gx:who="role:ghost"/>', joined="s>u u>e"), "workflow.shape"),
        (drawn(CHECK.replace("price", "ghost"), joined="s>check check>e"), "workflow.shape"),
        (drawn('<bpmn:serviceTask id="u" gx:rule="ghost"/>', joined="s>u u>e"), "workflow.shape"),
        (drawn('<bpmn:businessRuleTask id="u"/>', joined="s>u u>e"), "workflow.shape"),
        (drawn(SIGN, joined="s>e"), "workflow.shape"),
        (drawn(CHECK, joined="s>check check>e?__import__('os')"), "workflow.shape"),
        (drawn('<bpmn:scriptTask id="u"><bpmn:script>import os</bpmn:script></bpmn:scriptTask>', joined="s>u u>e"), "workflow.shape"),
        (drawn('<bpmn:scriptTask id="u"><bpmn:script>x = __import__("os").system("id")</bpmn:script></bpmn:scriptTask>', joined="s>u u>e"), "workflow.shape"),
    ],
)  # fmt: skip
def test_a_drawing_that_cannot_run_is_refused(cast: Any, xml: str, word: str) -> None:
    with pytest.raises(Invalid) as caught:
        keep(cast, xml)
    assert caught.value.code == word
    assert not Workflow.objects.exists()


def test_python_has_no_door(gadget: Gadget) -> None:
    with pytest.raises(RuleBroken):
        engine.Formulas(gadget).environment.evaluate("1 + 1", {})
    assert drawing.shapes(PLAIN)["check"].outcomes == (drawing.Outcome("ok", "可以"), drawing.Outcome("no", "不行"))


def test_only_who_keeps_the_settings_draws(cast: Any, gadget: Gadget) -> None:
    with pytest.raises(Denied):
        store.workflow_save(cast.alice, None, WorkflowDraft(name_zh="甲", entity="fakes.gadget", xml=PLAIN))
    flow = keep(cast, PLAIN)
    with pytest.raises((NotFound, Denied)):
        running.start_by_hand(cast.charlie, flow.key, gadget)
    assert not WorkflowRun.objects.exists()


def test_a_task_shows_nothing_of_a_record_its_holder_may_not_see(cast: Any, gadget: Gadget) -> None:
    flow = keep(cast, PLAIN)
    running.start_by_hand(cast.alice, flow.key, gadget)
    task = running.mine(cast.alice).get()
    client, address = browser(cast.alice_user), f"/workflows/tasks/{task.pk}/"
    assert 'name="price"' in client.get(address).content.decode()
    Gadget.objects.filter(pk=gadget.pk).update(owner=cast.charlie_user, price=1234)
    shown = client.get(address).content.decode()
    assert 'name="price"' not in shown
    assert "1234" not in shown
    assert "not yours to see" in shown
    refused = client.post(address, {"outcome": "ok", "price": "5"}).content.decode()
    assert "1234" not in refused
    assert (Gadget.objects.get(pk=gadget.pk).price, running.mine(cast.alice).count()) == (1234, 1)
    assert client.post(address, {"outcome": "ok"}).status_code == 303
    assert not running.mine(cast.alice).exists()


def test_a_task_that_cannot_be_handed_on_keeps_none_of_the_others(cast: Any, gadget: Gadget, make: Any) -> None:
    flow = keep(cast, drawn(SIGN, joined="s>sign sign>e"))
    broken = running.start_by_hand(cast.alice, flow.key, gadget)
    other = make("fakes.gadget", owner=cast.alice_user, name="阀")
    run = running.start_by_hand(cast.alice, flow.key, other)
    WorkflowRun.objects.filter(pk=broken.pk).update(xml="<gone/>")
    User.objects.filter(pk=cast.bob_user.pk).update(is_active=False)
    running.look(clock.now())
    assert open_tasks(run) == [("sign", [cast.root_user.pk])]
    assert open_tasks(broken) == [("sign", [cast.bob_user.pk])]


def test_a_fault_nobody_thought_of_leaves_the_run_to_be_tried_again(
    cast: Any, gadget: Gadget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    with monkeypatch.context() as patched:
        patched.setattr(running, "_give", broken)
        run = running.start_by_hand(cast.alice, keep(cast, drawn(SIGN, joined="s>sign sign>e")).key, gadget)
    assert run.state == "failed"
    assert "division" not in run.error
    running.again(cast.root, run)
    assert running.go(run.pk) == "running"
    assert open_tasks(run) == [("sign", [cast.bob_user.pk])]


def test_a_run_that_is_due_waits_in_the_queue_once(cast: Any, gadget: Gadget) -> None:
    run = running.start_by_hand(cast.alice, keep(cast, drawn(SIGN, joined="s>sign sign>e")).key, gadget)
    WorkflowRun.objects.filter(pk=run.pk).update(due_at=clock.now())
    for _minute in range(3):
        assert running.look(clock.now()) == 1
    assert [job.args for job in ProcrastinateJob.objects.filter(task_name=running.JOB)] == [{"run_id": run.pk}]


@pytest.mark.django_db(transaction=True)
def test_a_job_leaves_a_run_to_who_is_at_it(cast: Any, gadget: Gadget) -> None:
    run = running.start_by_hand(cast.alice, keep(cast, drawn(SIGN, joined="s>sign sign>e")).key, gadget)
    with transaction.atomic():
        WorkflowRun.objects.select_for_update().get(pk=run.pk)
        assert at_once(lambda: running.go(run.pk)) == [""]
    assert running.go(run.pk) == "running"
