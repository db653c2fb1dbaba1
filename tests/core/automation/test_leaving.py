"""What somebody who leaves leaves behind: where he is named, and who gets what waits for him."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.automation.leaving import left_by
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.automation.workflows.drawing import BPMN, OURS
from guanxi.core.models import Workflow

pytestmark = pytest.mark.django_db


def test_flows_rules_and_drawings_that_name_somebody_are_told(cast: Any) -> None:
    name = cast.bob_user.username
    assert left_by(cast.bob_user).named == ()
    steps = [{"name_zh": "初审", "who": [{"kind": "people", "users": [name]}]}]
    flow_save(
        cast.root, None, FlowDraft(name_zh="改价", entity="fakes.gadget", action="change", steps=steps, active=True)
    )
    rule = {"entity": "fakes.gadget", "trigger": {"on": "created"}, "steps": ({"do": "stop"},), "active": True}
    rule_save(cast.root, None, RuleDraft(name_zh="以他的权限", run_as="person", person=name, **rule))
    rule_save(cast.root, None, RuleDraft(name_zh="与他无关", **rule))
    for key, whom in (("his", f"owner, people:{name}"), ("anothers", f"people:{name}-2")):
        task = f'<bpmn:process id="p"><bpmn:userTask id="t" name="{name}" gx:who="{whom}"/></bpmn:process>'
        xml = f'<bpmn:definitions xmlns:bpmn="{BPMN[1:-1]}" xmlns:gx="{OURS[1:-1]}">{task}</bpmn:definitions>'
        Workflow.objects.create(key=key, name_zh=key, entity="fakes.gadget", xml=xml, active=True)
    found = left_by(cast.bob_user)
    assert [one.name for one in found.named] == ["改价", "以他的权限", "his"]
    assert (found.waiting, found.to) == (0, None)
    assert left_by(cast.charlie_user).named == ()
