"""Definitions, approvals and tasks over the API: the checks and rights of the pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from guanxi.core.automation.workflows import running, store
from guanxi.core.models import Approval, AutomationRule, Workflow, WorkflowRun
from tests.core.automation.test_workflows import PLAIN
from tests.fakes.models import Gadget

RULE = {"name_zh": "规则", "name_en": "Rule", "entity": "fakes.gadget", "trigger": {"on": "button"}, "steps": [{"do": "set", "values": {"name": "水泵"}}]}  # fmt: skip
BOB = [{"kind": "people", "users": ["bob"]}]
FLOW = {"name_zh": "改价", "name_en": "Price", "entity": "fakes.gadget", "action": "change", "fields": ["price"], "steps": [{"name_zh": "审", "who": BOB}]}  # fmt: skip


@dataclass
class Caller:
    """A client that sends and gets JSON and holds the answer to its status."""

    client: Client

    def _said(self, answer: Any, status: int) -> Any:
        assert answer.status_code == status, answer.content
        return answer.json()

    def get(self, path: str, *, status: int = 200) -> Any:
        return self._said(self.client.get(f"/api/v1{path}"), status)

    def post(self, path: str, body: Any, *, status: int = 200) -> Any:
        return self._said(self.client.post(f"/api/v1{path}", body, content_type="application/json"), status)

    def put(self, path: str, body: Any, *, status: int = 200) -> Any:
        return self._said(self.client.put(f"/api/v1{path}", body, content_type="application/json"), status)

    def delete(self, path: str, *, status: int = 200) -> Any:
        return self._said(self.client.delete(f"/api/v1{path}"), status)


@pytest.fixture(name="ask")
def asking(api: Callable[..., Client]) -> Callable[[str], Caller]:
    return lambda person: Caller(api(person))


@pytest.fixture
def gadget(make: Any, cast: Any) -> Gadget:
    return make("fakes.gadget", owner=cast.alice_user, name="泵", price="10")  # type: ignore[no-any-return]


def test_definitions_are_kept_as_their_editors_keep_them(ask: Any, gadget: Gadget) -> None:
    root = ask("root")
    made = root.post("/rules", {"definition": RULE})
    assert (made["key"], made["active"]) == ("rule", False)
    found = root.post("/rules/rehearse", {"definition": RULE})
    assert [one["record"] for one in found["items"]] == [gadget.pk]
    assert Gadget.objects.get(pk=gadget.pk).name == "泵", "a rehearsal changes nothing"
    given = {name: one for name, one in made.items() if name != "version"}
    root.put("/rules/rule", {"definition": {**given, "active": True}, "version": made["version"]})
    assert AutomationRule.objects.get().active
    root.put("/rules/rule", {"definition": given, "version": made["version"]}, status=409)
    root.post("/rules", {"definition": {**RULE, "steps": []}}, status=422)
    root.post("/rules", {"definition": {**RULE, "colour": "red"}}, status=422)
    for path in ("/rules", "/approval-flows", "/message-templates", "/workflows"):
        ask("alice").get(path, status=403)
    assert root.delete("/rules/rule") == {"removed": "rule"}
    root.get("/rules/rule", status=404)


def test_an_approval_goes_its_way(ask: Any, gadget: Gadget) -> None:
    ask("root").post("/approval-flows", {"definition": FLOW})
    sent = {"entity": "fakes.gadget", "record": gadget.pk, "action": "change", "values": {"price": "2000"}}
    made = ask("alice").post("/approvals", sent)
    assert [one["id"] for one in ask("bob").get("/approvals")["items"]] == [made["id"]]
    assert ask("alice").get("/approvals")["items"] == []
    ask("charlie").get(f"/approvals/{made['id']}", status=404)
    ask("charlie").post(f"/approvals/{made['id']}/approve", {}, status=404)
    assert Approval.objects.get().state == "pending"
    assert ask("bob").post(f"/approvals/{made['id']}/approve", {"comment": "可以"})["state"] == "approved"
    assert int(Gadget.objects.get(pk=gadget.pk).price or 0) == 2000


def test_tasks_of_workflows_are_found_and_done(ask: Any, cast: Any, gadget: Gadget) -> None:
    definition = {"name_zh": "流程", "name_en": "Flow", "entity": "fakes.gadget", "xml": PLAIN, "active": True}
    made = ask("root").post("/workflows", {"definition": definition})
    assert Workflow.objects.get().key == made["key"]
    ask("charlie").post(f"/workflows/{made['key']}/begin", {"record": gadget.pk}, status=404)
    ask("alice").post(f"/workflows/{made['key']}/begin", {"record": gadget.pk})
    [task] = ask("alice").get("/workflow-tasks")["items"]
    assert task["outcomes"] == [{"key": "ok", "label": "可以"}, {"key": "no", "label": "不行"}]
    ask("bob").post(f"/workflow-tasks/{task['id']}/done", {"outcome": "ok"}, status=404)
    done = ask("alice").post(f"/workflow-tasks/{task['id']}/done", {"values": {"price": "33"}, "outcome": "ok"})
    assert (done["state"], done["outcome"], done["run"]["state"]) == ("done", "ok", "done")
    assert int(Gadget.objects.get(pk=gadget.pk).price or 0) == 33
    assert not running.mine(cast.alice).exists()
    assert WorkflowRun.objects.get().workflow.key in {one.key for one in store.in_use()["fakes.gadget"]}
