"""What sets a rule off: records made and changed, dates and times, buttons, approvals, and what else happens."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.automation import jobs
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.automation.rules import hearing
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import Approval, AutomationRule, Notification, RuleRun, stamps
from guanxi.core.records import many
from tests.core.automation.ruling import BOB, CHANGED, CN, new, note, rule, settle
from tests.fakes.models import Gadget


def test_a_created_record_sets_a_rule_off(cast: Any) -> None:
    rule(cast, condition={"field": "price", "op": "gte", "value": 100})
    small, large = new(cast, price="5"), new(cast, price="500")
    settle()
    assert (note(small), note(large)) == ("", "自动")
    run = RuleRun.objects.get()
    assert (run.state, run.by_id, [one["state"] for one in run.trail]) == ("done", cast.alice_user.pk, ["done"])


def test_a_change_from_one_value_to_another(cast: Any, gadget: Gadget) -> None:
    rule(cast, trigger={**CHANGED, "from": ["used"]})
    records.update(cast.alice, gadget, {"state": "broken"})
    settle()
    assert note(gadget) == ""
    records.update(cast.alice, Gadget.objects.get(pk=gadget.pk), {"state": "used"})
    records.update(cast.alice, Gadget.objects.get(pk=gadget.pk), {"state": "broken"})
    settle()
    assert note(gadget) == "自动"


def test_a_formula_compares_with_what_was_before(cast: Any, gadget: Gadget) -> None:
    rule(
        cast,
        trigger={"on": "changed"},
        formula="price > old.price * 2",
        steps=({"do": "set", "values": {"pieces": "=price + 1"}},),
    )
    records.update(cast.alice, gadget, {"price": "15"})
    settle()
    assert Gadget.objects.get(pk=gadget.pk).pieces is None
    records.update(cast.alice, Gadget.objects.get(pk=gadget.pk), {"price": "40"})
    settle()
    assert Gadget.objects.get(pk=gadget.pk).pieces == 41


def test_a_rule_saved_a_moment_ago_by_another_process_is_heard(cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hearing.listening() == {}
    known = dict(stamps._known)
    rule(cast)
    made = new(cast)
    stamps._known.clear()
    stamps._known.update(known)  # what this process read when it last looked, just now
    monkeypatch.setattr(stamps, "_read_at", time.monotonic())
    assert hearing.listening() == {}
    settle()
    assert note(made) == "自动"


def test_imports_are_muted_if_wanted(cast: Any) -> None:
    rule(cast, name_en="Muted")
    rule(cast, {"do": "set", "values": {"pieces": 7}}, name_en="Loud", muted_in_imports=False)
    made = many.insert_many(
        cast.alice.acting_via("import"), "fakes.gadget", [{"name": "导入", "owner": cast.alice_user.pk}]
    )
    settle()
    fresh = Gadget.objects.get(pk=made[0].pk)
    assert (fresh.note, fresh.pieces) == ("", 7)


def test_a_date_comes_near(cast: Any, gadget: Gadget) -> None:
    Gadget.objects.filter(pk=gadget.pk).update(made_on=dt.date(2026, 2, 24))
    rule(cast, trigger={"on": "date", "field": "made_on", "offset": -2, "unit": "working_days", "at": "09:00"})
    hearing.look(dt.datetime(2026, 2, 13, 8, tzinfo=CN))
    assert hearing.look(dt.datetime(2026, 2, 13, 8, 59, tzinfo=CN)) == 0
    assert hearing.look(dt.datetime(2026, 2, 13, 9, 1, tzinfo=CN)) == 1, "two working days before, over Spring Festival"
    assert hearing.look(dt.datetime(2026, 2, 13, 9, 2, tzinfo=CN)) == 0
    settle()
    assert note(gadget) == "自动"


def test_a_schedule(cast: Any, gadget: Gadget) -> None:
    rule(cast, trigger={"on": "schedule", "cron": "0 9 * * 1"}, condition={"field": "name", "op": "eq", "value": "泵"})
    hearing.look(dt.datetime(2026, 2, 8, 12, tzinfo=CN))
    assert hearing.look(dt.datetime(2026, 2, 9, 8, tzinfo=CN)) == 0
    assert hearing.look(dt.datetime(2026, 2, 9, 9, 0, 30, tzinfo=CN)) == 1
    settle()
    assert note(gadget) == "自动"


def test_a_button(cast: Any, gadget: Gadget) -> None:
    made = rule(cast, trigger={"on": "button"}, condition={"field": "price", "op": "lt", "value": 50})
    hearing.press(cast.alice, made.key, gadget)
    settle()
    assert note(gadget) == "自动"
    with pytest.raises(NotFound):
        hearing.press(cast.alice, "nothing", gadget)
    with pytest.raises(Denied):
        hearing.press(cast.bob, made.key, gadget)
    Gadget.objects.filter(pk=gadget.pk).update(price=99)
    with pytest.raises(RuleBroken):
        hearing.press(cast.alice, made.key, Gadget.objects.get(pk=gadget.pk))


def test_into_approval_and_on_its_result(cast: Any, gadget: Gadget) -> None:
    flow_save(cast.root, None, FlowDraft(name_zh="报废", entity="fakes.gadget", action="break", steps=[{"who": [BOB]}]))
    rule(cast, {"do": "approval", "action": "break"}, trigger={"on": "changed", "fields": ["note"]}, name_en="Ask")
    rule(
        cast, {"do": "set", "values": {"pieces": 0}}, trigger={"on": "approval", "states": ["approved"]}, name_en="Then"
    )
    records.update(cast.alice, gadget, {"note": "坏了"})
    settle()
    approval = Approval.objects.get()
    assert (approval.state, approval.action, approval.applicant_id) == ("pending", "break", cast.alice_user.pk)
    from guanxi.core.automation.approvals import deciding  # noqa: PLC0415 - only here

    deciding.approve(cast.bob, approval.pk)
    settle()
    fresh = Gadget.objects.get(pk=gadget.pk)
    assert (fresh.state, fresh.pieces) == ("broken", 0)


@pytest.mark.parametrize("event", ["commented", "scored", "deleted"])
def test_what_else_happens(cast: Any, gadget: Gadget, event: str) -> None:
    rule(cast, {"do": "notify", "whom": [BOB], "text": "看看"}, trigger={"on": "event", "event": event})
    with records.writing(cast.alice):
        records.emit(cast.alice, "merged", gadget)
    settle()
    assert not RuleRun.objects.exists()
    with records.writing(cast.alice):
        records.emit(cast.alice, event, gadget)
    settle()
    assert RuleRun.objects.get().cause == f"fakes.gadget.{event}"
    assert Notification.objects.filter(user=cast.bob_user).count() == 1


def test_a_score_changed_by_hand_is_scored(cast: Any, make: Any) -> None:
    lead = make("sales.lead", owner=cast.alice_user.pk, score=10)
    rule(
        cast, {"do": "set", "values": {"interest": "=string(score)"}}, entity="sales.lead",
        trigger={"on": "event", "event": "scored"}, formula="score > old.score",
    )  # fmt: skip
    records.update(cast.alice, lead, {"score": 80})
    settle()
    lead.refresh_from_db()
    assert lead.interest == "80"
    records.update(cast.alice, lead, {"score": 5})
    settle()
    assert RuleRun.objects.count() == 1


@pytest.mark.parametrize("cron", ["0 9 31 4 *", "0 0 30 2 *", "0 0 31 2,4,6,9,11 *"])
def test_a_day_no_year_has_is_refused(cast: Any, cron: str) -> None:
    with pytest.raises(Invalid) as refused:
        rule(cast, trigger={"on": "schedule", "cron": cron})
    assert list(refused.value.errors) == ["trigger"]
    rule(cast, trigger={"on": "schedule", "cron": "0 9 29 2 *"})


def test_a_rule_that_cannot_be_looked_at_stops_no_other(cast: Any, gadget: Gadget) -> None:
    broken = rule(cast, name_en="A", trigger={"on": "schedule", "cron": "0 9 * * *"})
    rule(cast, name_en="B", trigger={"on": "schedule", "cron": "0 9 * * *"})
    AutomationRule.objects.filter(pk=broken.pk).update(trigger={"on": "schedule", "cron": "0 9 31 4 *"})
    stamps.bump(hearing.STAMP)
    hearing.look(dt.datetime(2026, 2, 9, 8, tzinfo=CN))
    assert hearing.look(dt.datetime(2026, 2, 9, 9, 0, 30, tzinfo=CN)) == 1
    settle()
    assert note(gadget) == "自动"


def test_waiting_ends_even_when_nothing_can_be_looked_at(
    cast: Any, gadget: Gadget, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rule(cast, {"do": "wait", "hours": 1}, trigger={"on": "button"})
    hearing.press(cast.alice, made.key, gadget)
    settle()
    later = clock.now() + dt.timedelta(hours=2)

    def fall() -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(hearing, "listening", fall)
    with clock.moved_to(later), pytest.raises(ConnectionError):
        jobs.rules_look(timestamp=int(later.timestamp()))
    assert RuleRun.objects.get().state == "running"
