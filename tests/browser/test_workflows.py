"""A workflow in the browser: drawn and put into use, begun on a record, its task done, the run coloured on its drawing."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from guanxi.core.automation.workflows import store
from guanxi.core.models import Workflow, WorkflowRun
from tests.browsing import violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:di="http://www.omg.org/spec/DD/20100524/DI" xmlns:gx="urn:guanxi:bpmn" '
    'id="d" targetNamespace="urn:guanxi:bpmn"><bpmn:process id="p" isExecutable="true">'
)


def shape(name: str, x: int, width: int, height: int) -> str:
    return f'<bpmndi:BPMNShape id="{name}_di" bpmnElement="{name}"><dc:Bounds x="{x}" y="{200 - height // 2}" width="{width}" height="{height}"/></bpmndi:BPMNShape>'


def edge(name: str, start: int, end: int) -> str:
    return f'<bpmndi:BPMNEdge id="{name}_di" bpmnElement="{name}"><di:waypoint x="{start}" y="200"/><di:waypoint x="{end}" y="200"/></bpmndi:BPMNEdge>'


DRAWN = (
    HEAD
    + '<bpmn:startEvent id="s"/><bpmn:userTask id="check" name="核对" gx:fields="employees" gx:outcomes="ok=同意;no=不同意"/><bpmn:endEvent id="e"/>'
    '<bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="check"/><bpmn:sequenceFlow id="f2" sourceRef="check" targetRef="e"/></bpmn:process>'
    '<bpmndi:BPMNDiagram id="g"><bpmndi:BPMNPlane id="plane" bpmnElement="p">'
    + shape("s", 100, 36, 36) + shape("check", 200, 100, 80) + shape("e", 380, 36, 36) + edge("f1", 136, 200) + edge("f2", 300, 380)
    + "</bpmndi:BPMNPlane></bpmndi:BPMNDiagram></bpmn:definitions>"
)  # fmt: skip


def test_drawn_begun_done_and_seen(people: Any, cast: Any, world: Any) -> None:
    draft = store.WorkflowDraft(key="hello", name_zh="新客户核对", entity="customers.customer", xml=DRAWN)
    store.workflow_save(cast.root, None, draft)
    admin = people("root", "zh-hans")
    problems: list[str] = []
    admin.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    admin.goto("/settings/workflows/hello/")
    expect(admin.locator("form[data-workflow][data-ready]")).to_be_attached()
    admin.get_by_label("启用").check()
    admin.get_by_role("button", name="保存").click()
    expect(admin.locator(".gx-errors")).to_contain_text("核对：请说明由谁办理。")
    side = admin.locator("[data-shape]")
    expect(side).to_contain_text("由谁办理")
    side.get_by_role("button", name="添加").click()
    side.get_by_label("名称", exact=True).fill("核对资料")
    side.get_by_label("名称", exact=True).press("Tab")
    expect(admin.locator('[data-element-id="check"]')).to_contain_text("核对资料")
    assert violations(admin) == []
    admin.get_by_role("button", name="保存").click()
    expect(admin.locator("#toasts")).to_contain_text("工作流已保存")
    assert Workflow.objects.get().active
    assert not [one for one in problems if "Content Security Policy" in one and "script" in one]

    page = people("alice", "zh-hans")
    customer = world.alices[0]
    page.goto(f"/customers/{customer.pk}/")
    page.locator("#record-head").get_by_role("button", name="更多操作").click()
    page.get_by_role("menuitem", name="新客户核对").or_(page.get_by_role("button", name="新客户核对")).first.click()
    page.locator(".gx-flow-strip").get_by_role("link", name="核对资料").click()
    page.locator("input[name=employees]").fill("88")
    assert violations(page) == []
    page.get_by_role("button", name="同意", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("“核对资料”已办完")
    customer.refresh_from_db()
    assert customer.employees == 88
    page.goto(f"/workflows/runs/{WorkflowRun.objects.get().pk}/")
    expect(page.locator(".gx-flow-shown[data-ready]")).to_be_attached()
    expect(page.locator('[data-element-id="check"].gx-flow-done')).to_be_attached()
    expect(page.locator(".gx-lines")).to_contain_text("同意")
    assert violations(page) == []
