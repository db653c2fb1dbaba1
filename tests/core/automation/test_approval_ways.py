"""Approvals by link and several at once, what they took, flows that make no sense, the plan before sending."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.automation.approvals import deciding, flows, history, path, watch
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import (
    ApprovalFlow,
    ApprovalTurn,
)
from tests.core.automation.approving import (
    ALICE,
    BOB,
    CN,
    ask,
    flow,
    price,
    priced_gadget,  # noqa: F401 - a fixture
    step,
)
from tests.fakes.models import Gadget


def test_a_link_decides_once(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    turn = ApprovalTurn.objects.get(approval=approval)
    secret = watch.link_make(turn).rstrip("/").rpartition("/")[2]
    assert watch.link_read(secret).pk == turn.pk
    with pytest.raises(NotFound):
        watch.link_read("nothing")
    watch.link_decide(secret, "approve", "")
    assert price(gadget) == 2000
    with pytest.raises(NotFound):
        watch.link_decide(secret, "approve", "")


def test_durations_are_counted_in_working_time(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    with clock.moved_to(dt.datetime(2026, 2, 13, 17, tzinfo=CN)):
        approval = ask(cast, gadget)
    with clock.moved_to(dt.datetime(2026, 2, 24, 11, tzinfo=CN)):
        deciding.approve(cast.bob, approval.pk)
        found = history.durations(dt.datetime(2026, 2, 1, tzinfo=CN))
    assert [(one.count, one.average) for one in found["flow"]] == [(1, 11.0)]


def test_several_at_once(cast: Any, make: Any) -> None:
    flow(cast)
    ids = []
    for number in range(3):
        one = make("fakes.gadget", owner=cast.alice_user, name=f"泵{number}", price="10")
        ids.append(ask(cast, one).pk)
    done, problems = deciding.decide_many(cast.bob, [*ids, 10**9], "approve")
    assert (done, len(problems)) == (3, 1)


@pytest.mark.parametrize(("change", "field"), [
    ({"name_zh": ""}, "name_zh"), ({"entity": "no.such"}, "entity"), ({"action": "fly"}, "action"),
    ({"condition": {"field": "nothing"}}, "condition"), ({"fields": ["nothing"]}, "fields"), ({"steps": ()}, "steps"),
    ({"steps": (step(),)}, "steps.0"), ({"steps": (step(BOB), step({"kind": "wizard"}))}, "steps.1"),
    ({"steps": (step({"kind": "role", "role": "nothing"}),)}, "steps.0"),
    ({"steps": (step({"kind": "people", "users": ["ghost"]}),)}, "steps.0"),
    ({"steps": (step({"kind": "field", "field": "name"}),)}, "steps.0"),
    ({"steps": (step(BOB, mode="coin"),)}, "steps.0"), ({"steps": (step(BOB, hours=-1),)}, "steps.0"),
    ({"steps": (step(BOB, when={"field": "nothing"}),)}, "steps.0"),
    ({"condition": {"all": [{"field": "owner", "op": "eq", "value": "@me"}]}}, "condition"),
    ({"steps": (step(BOB, when={"field": "owner", "op": "in", "value": ["@my_departments"]}),)}, "steps.0"),
])  # fmt: skip
def test_bad_flows_are_refused_at_the_place(cast: Any, change: dict[str, Any], field: str) -> None:
    given = {"name_zh": "审批", "entity": "fakes.gadget", "action": "change", "steps": (step(BOB),), **change}
    with pytest.raises(Invalid) as caught:
        flow_save(cast.root, None, FlowDraft(**given))
    assert caught.value.field == field
    with pytest.raises(Denied):
        flow_save(
            cast.alice, None, FlowDraft(name_zh="审批", entity="fakes.gadget", action="change", steps=(step(BOB),))
        )
    assert not ApprovalFlow.objects.filter(entity="fakes.gadget").exists()


def test_without_flows_a_write_asks_nothing_more(cast: Any, gadget: Gadget, django_assert_num_queries: Any) -> None:
    assert "fakes.gadget" not in flows.watched()
    with django_assert_num_queries(0):
        records.gates.before(
            cast.alice, records.saving.entity_of("fakes.gadget"), gadget, {"name": ["a", "b"]}, creating=False
        )
        records.gates.after(
            cast.alice, records.saving.entity_of("fakes.gadget"), gadget, {"name": ["a", "b"]}, creating=False
        )


def test_the_plan_is_shown_before_sending(cast: Any, gadget: Gadget) -> None:
    flow(cast, step(BOB), step(ALICE), options={"self": "pass"})
    found, steps, before = deciding.attempt(cast.alice, "fakes.gadget", gadget.pk, "change", {"price": "2000"})
    assert found is not None
    assert [one.users for one in steps] == [(cast.bob_user.pk,), (cast.alice_user.pk,)]
    assert path.step_from(steps[0].stored()) == steps[0]
    assert set(before) == {"price"}
    assert price(gadget) == 10
    approval = ask(cast, gadget)
    deciding.approve(cast.bob, approval.pk)
    assert price(gadget) == 2000, "the applicant passes by himself where the flow says so"
