"""Rules made and carried out, for the tests about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.automation.rules import running
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.models import AutomationRule, RuleRun
from tests.fakes.models import Gadget

CN = ZoneInfo("Asia/Shanghai")
BOB = {"kind": "people", "users": ["bob"]}
CHANGED = {"on": "changed", "fields": ["state"], "to": ["broken"]}


def rule(cast: Any, *steps: Mapping[str, Any], **values: Any) -> AutomationRule:
    given = {
        "name_zh": "规则", "name_en": "Rule", "entity": "fakes.gadget", "trigger": {"on": "created"}, "active": True,
        "steps": steps or ({"do": "set", "values": {"note": "自动"}},),
    }  # fmt: skip
    return rule_save(cast.root, None, RuleDraft(**{**given, **values}))


def settle(rounds: int = 10) -> None:
    """Deliver what happened and do the runs it started, until nothing is left."""
    for _round in range(rounds):
        outbox.deliver_all()
        waiting = list(RuleRun.objects.filter(state="running").values_list("pk", flat=True))
        if not waiting:
            return
        for number in waiting:
            running.go(number)


def new(cast: Any, **values: Any) -> Gadget:
    return records.create(cast.alice, "fakes.gadget", {"name": "新泵", **values})  # type: ignore[no-any-return]


def note(gadget: Gadget) -> str:
    return Gadget.objects.get(pk=gadget.pk).note
