"""A flow, a record it is about, and asking for a change of it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from guanxi.core.automation import approvals
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.models import (
    Approval,
    ApprovalFlow,
    ApprovalTurn,
)
from tests.fakes.models import Gadget

CN = ZoneInfo("Asia/Shanghai")
ALICE = {"kind": "people", "users": ["alice"]}
BOB = {"kind": "people", "users": ["bob"]}
CHARLIE = {"kind": "people", "users": ["charlie"]}
LARGE = {"all": [{"field": "price", "op": "gte", "value": 1000}]}


def step(*who: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name_zh": "审核", "name_en": "Check", "who": list(who), **more}


def flow(cast: Any, *steps: dict[str, Any], **values: Any) -> ApprovalFlow:
    given = {
        "name_zh": "改价审批",
        "name_en": "Price",
        "entity": "fakes.gadget",
        "action": "change",
        "condition": LARGE,
    }
    return flow_save(cast.root, None, FlowDraft(**{**given, "steps": steps or (step(BOB),), **values}))


@pytest.fixture(name="gadget")
def priced_gadget(make: Any, cast: Any) -> Gadget:
    return make("fakes.gadget", owner=cast.alice_user, name="泵", price="10")  # type: ignore[no-any-return]


def ask(cast: Any, gadget: Gadget, **values: Any) -> Approval:
    return approvals.submit(cast.alice, "fakes.gadget", gadget.pk, "change", values or {"price": "2000"}, "请批准")


def asked(approval: Approval) -> list[str]:
    turns = ApprovalTurn.objects.filter(approval=approval, state="asked").order_by("position")
    return list(turns.values_list("user__username", flat=True))


def price(gadget: Gadget) -> int:
    return int(Gadget.objects.get(pk=gadget.pk).price or 0)
