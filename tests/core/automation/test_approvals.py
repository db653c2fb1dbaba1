"""Approvals: who is asked, what is held back and locked meanwhile, every decision, deadlines, people away and gone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.access import allowed
from guanxi.core.automation import approvals, outbox
from guanxi.core.automation.approvals import deciding, flows, history, watch
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import (
    Approval,
    ApprovalEntry,
    ApprovalFlow,
    ApprovalTurn,
    AuditEntry,
    Notification,
    OutboxEvent,
    Role,
    User,
)
from guanxi.core.people import users
from guanxi.core.records import bulk, timeline, worktime_edit
from tests.core.automation.approving import (
    BOB,
    CHARLIE,
    CN,
    ask,
    asked,
    flow,
    price,
    priced_gadget,  # noqa: F401 - a fixture
    step,
)
from tests.fakes.models import Gadget
from tests.signing import browser


def test_a_large_change_is_held_back_and_a_small_one_not(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    records.update(cast.alice, gadget, {"price": "999"})
    with pytest.raises(approvals.ApprovalNeeded) as caught:
        records.update(cast.alice, gadget, {"price": "2000"})
    assert [one.users for one in caught.value.steps] == [(cast.bob_user.pk,)]
    assert {name: float(value) for name, value in caught.value.values.items()} == {"price": 2000.0}
    assert price(gadget) == 999
    assert not Approval.objects.exists()


def test_approved_it_is_done_in_the_name_of_the_applicant(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    assert (approval.state, price(gadget), asked(approval)) == ("pending", 10, ["bob"])
    with pytest.raises(Denied):
        deciding.approve(cast.charlie, approval.pk)
    done = deciding.approve(cast.bob, approval.pk, "可以")
    assert (done.state, price(gadget)) == ("approved", 2000)
    assert Gadget.objects.get(pk=gadget.pk).updated_by_id == cast.alice_user.pk
    assert OutboxEvent.objects.filter(name="fakes.gadget.approval_decided").get().changes["state"] == [None, "approved"]
    with pytest.raises(RuleBroken):
        deciding.approve(cast.bob, approval.pk)


def test_meanwhile_the_record_is_locked_except_free_fields(cast: Any, gadget: Gadget) -> None:
    flow(cast, free_fields=["note"])
    ask(cast, gadget)
    records.update(cast.alice, gadget, {"note": "自由"})
    for attempt in (
        lambda: records.update(cast.alice, gadget, {"name": "别名"}),
        lambda: records.delete(cast.alice, gadget),
        lambda: ask(cast, gadget, price="3000"),
    ):
        with pytest.raises(RuleBroken):
            attempt()
    fresh = Gadget.objects.get(pk=gadget.pk)
    assert (fresh.name, fresh.note, fresh.deleted_at) == ("泵", "自由", None)
    result = bulk.change(cast.alice, "update", "fakes.gadget", [gadget.pk], {"name": "别名"}).result
    assert (result["failed"], result["problems"][0]["code"]) == (1, "approval.locked")


def test_the_steps_of_a_first_and_second_check(cast: Any, gadget: Gadget) -> None:
    flow(cast, step(BOB, CHARLIE, mode="any"), step(CHARLIE, {"kind": "people", "users": ["root"]}, mode="all"))
    approval = ask(cast, gadget)
    assert asked(approval) == ["bob", "charlie"]
    deciding.approve(cast.charlie, approval.pk)
    assert asked(approval) == ["root"], "who approved before passes by himself"
    assert ApprovalTurn.objects.get(approval=approval, step=1, user=cast.charlie_user).state == "auto"
    deciding.approve(cast.root, approval.pk)
    assert price(gadget) == 2000
    view = history.path_of(cast.bob, Approval.objects.get(pk=approval.pk))
    assert [one.state for one in view] == ["done", "done"]


def test_one_after_the_other(cast: Any, gadget: Gadget) -> None:
    flow(cast, step(CHARLIE, BOB, mode="order"))
    approval = ask(cast, gadget)
    assert asked(approval) == ["charlie"]
    deciding.approve(cast.charlie, approval.pk)
    assert asked(approval) == ["bob"]


@pytest.mark.parametrize("who", [
    [{"kind": "superior"}], [{"kind": "department_head"}], [{"kind": "field", "field": "keeper"}],
    [{"kind": "role", "role": "checker"}], [{"kind": "superior", "level": 2}],
])  # fmt: skip
def test_how_people_are_found(cast: Any, gadget: Gadget, who: list[dict[str, Any]]) -> None:
    User.objects.filter(pk=cast.alice_user.pk).update(superior=cast.bob_user)
    role = Role.objects.create(key="checker", name="审核员")
    expected = {"superior": "bob", "department_head": "charlie", "field": "root", "role": "dave"}[who[0]["kind"]]
    if who[0].get("level") == 2:
        User.objects.filter(pk=cast.bob_user.pk).update(superior=cast.dave_user)
        expected = "dave"
    cast.south.head = cast.charlie_user
    cast.south.save()
    cast.dave_user.roles.add(role)
    Gadget.objects.filter(pk=gadget.pk).update(keeper=cast.root_user)
    flow(cast, step(*who))
    assert asked(ask(cast, gadget)) == [expected]


def test_when_nobody_is_found(cast: Any, gadget: Gadget) -> None:
    row = flow(cast, step({"kind": "superior"}, nobody="skip"), step(BOB))
    approval = ask(cast, gadget)
    assert (approval.step, asked(approval)) == (1, ["bob"])
    deciding.recall(cast.alice, approval.pk)
    ApprovalFlow.objects.filter(pk=row.pk).update(steps=[step({"kind": "superior"}, nobody="admin")])
    flows.known.clear()
    approval = ask(cast, gadget)
    assert asked(approval) == ["root"]
    shown = browser(cast.root_user).get(f"/approvals/{approval.pk}/").content.decode()
    assert "nobody was found; the administrators are asked" in shown, "the path says why an administrator decides"
    deciding.recall(cast.alice, approval.pk)
    ApprovalFlow.objects.filter(pk=row.pk).update(steps=[step({"kind": "superior"}, nobody="stop")])
    flows.known.clear()
    with pytest.raises(RuleBroken) as caught:
        ask(cast, gadget)
    assert caught.value.code == "approval.nobody"
    ApprovalFlow.objects.filter(pk=row.pk).update(steps=[step({"kind": "superior"}, nobody="skip")])
    flows.known.clear()
    with pytest.raises(RuleBroken):
        ask(cast, gadget)
    assert price(gadget) == 10


def test_a_step_with_a_condition_is_left_out(cast: Any, gadget: Gadget) -> None:
    huge = {"all": [{"field": "price", "op": "gte", "value": 100000}]}
    flow(cast, step(BOB), step(CHARLIE, when=huge))
    assert len(ask(cast, gadget).path) == 1
    Approval.objects.all().delete()
    assert len(ask(cast, gadget, price="200000").path) == 2


def test_rejected_to_the_start_and_to_an_earlier_step(cast: Any, gadget: Gadget) -> None:
    flow(cast, step(BOB), step(CHARLIE))
    approval = ask(cast, gadget)
    deciding.approve(cast.bob, approval.pk)
    with pytest.raises(Invalid):
        deciding.reject(cast.charlie, approval.pk, "  ")
    deciding.reject(cast.charlie, approval.pk, "数据不对", to=0)
    assert asked(approval) == ["bob"]
    assert Approval.objects.get(pk=approval.pk).round == 2
    deciding.reject(cast.bob, approval.pk, "不行")
    assert (Approval.objects.get(pk=approval.pk).state, price(gadget)) == ("rejected", 10)
    records.update(cast.alice, gadget, {"name": "又可改"})


def test_returned_changed_and_sent_again(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    deciding.send_back(cast.bob, approval.pk, "请补充")
    again = ask(cast, gadget, price="1500")
    assert (again.pk, again.round, again.state, asked(again)) == (approval.pk, 2, "pending", ["bob"])
    deciding.approve(cast.bob, approval.pk)
    assert price(gadget) == 1500


def test_passed_on_and_one_more_signer(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    deciding.transfer(cast.bob, approval.pk, cast.charlie_user, "您来看")
    assert asked(approval) == ["charlie"]
    assert allowed(cast.actor(cast.charlie_user), "view", gadget), "who decides sees the record"
    deciding.add_signer(cast.charlie, approval.pk, cast.dave_user, first=True)
    assert asked(approval) == ["dave"]
    deciding.approve(cast.actor(cast.dave_user), approval.pk)
    assert asked(approval) == ["charlie"]
    deciding.add_signer(cast.charlie, approval.pk, cast.root_user, "再签", first=False)
    assert asked(approval) == ["root"]
    deciding.approve(cast.root, approval.pk)
    assert price(gadget) == 2000


def test_recall_copy_and_remind(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    with pytest.raises(Denied):
        deciding.recall(cast.bob, approval.pk)
    deciding.copy_to(cast.alice, approval.pk, cast.charlie_user)
    assert [one.pk for one in history.seen_by(cast.charlie, copies=True)] == [approval.pk]
    with pytest.raises(NotFound):
        deciding.copy_to(cast.actor(cast.dave_user), approval.pk, cast.bob_user)
    assert deciding.remind(cast.alice, approval.pk) == 1
    assert deciding.remind(cast.alice, approval.pk) == 0, "not twice within the hour"
    deciding.recall(cast.alice, approval.pk)
    assert Approval.objects.get(pk=approval.pk).state == "recalled"
    assert asked(approval) == []


def test_the_deputy_decides_while_somebody_is_away(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    now = clock.now()
    worktime_edit.absence_save(
        cast.bob, cast.bob_user, begins_at=now - dt.timedelta(hours=1), ends_at=now + dt.timedelta(days=2),
        deputy=cast.charlie_user,
    )  # fmt: skip
    approval = ask(cast, gadget)
    turn = ApprovalTurn.objects.get(approval=approval, state="asked")
    assert (turn.user_id, turn.behalf_id) == (cast.charlie_user.pk, cast.bob_user.pk)


def away(cast: Any, user: User, deputy: User | None) -> None:
    now = clock.now()
    worktime_edit.absence_save(
        cast.root, user, begins_at=now - dt.timedelta(hours=1), ends_at=now + dt.timedelta(days=9), deputy=deputy
    )


@pytest.mark.parametrize("rule", ["superior", "pass", "ask"])
def test_nobody_decides_his_own_request_as_a_deputy(cast: Any, gadget: Gadget, rule: str) -> None:
    flow(cast, options={"self": rule})
    away(cast, cast.bob_user, cast.alice_user)
    assert asked(ask(cast, gadget)) == ["bob"]


def test_a_late_request_passes_over_who_is_away(cast: Any, gadget: Gadget) -> None:
    """The superior's deputy is who was late: it goes one higher, to his deputy who is there."""
    User.objects.filter(pk=cast.bob_user.pk).update(superior=cast.charlie_user)
    User.objects.filter(pk=cast.charlie_user.pk).update(superior=cast.root_user)
    flow(cast, step(BOB, hours=1, late="superior"))
    approval = ask(cast, gadget)
    away(cast, cast.charlie_user, cast.bob_user)
    away(cast, cast.root_user, cast.dave_user)
    ApprovalTurn.objects.filter(approval=approval).update(due_at=clock.now())
    watch.late_do(clock.now())
    assert asked(approval) == ["dave"]
    fresh = ApprovalTurn.objects.get(approval=approval, state="asked")
    assert fresh.due_at is not None, "whoever is asked next has the step's hours too"


def test_who_leaves_hands_on_to_the_superior(
    cast: Any, gadget: Gadget, django_capture_on_commit_callbacks: Any
) -> None:
    User.objects.filter(pk=cast.bob_user.pk).update(superior=cast.charlie_user)
    flow(cast)
    approval = ask(cast, gadget)
    users.user_deactivate(cast.root, User.objects.get(pk=cast.bob_user.pk))
    outbox.deliver_all()
    assert asked(approval) == ["charlie"]
    users.user_deactivate(cast.root, User.objects.get(pk=cast.charlie_user.pk))
    outbox.deliver_all()
    assert asked(approval) == ["root"]


@pytest.mark.parametrize(("late", "result"), [
    ("pass", ("approved", [])), ("reject", ("rejected", [])), ("superior", ("pending", ["charlie"])), ("remind", ("pending", ["bob"])),
])  # fmt: skip
def test_a_deadline_in_working_time(cast: Any, gadget: Gadget, late: str, result: tuple[str, list[str]]) -> None:
    User.objects.filter(pk=cast.bob_user.pk).update(superior=cast.charlie_user)
    flow(cast, step(BOB, hours=8, late=late))
    with clock.moved_to(dt.datetime(2026, 2, 13, 17, tzinfo=CN)):
        approval = ask(cast, gadget)
    turn = ApprovalTurn.objects.get(approval=approval)
    assert turn.due_at == dt.datetime(2026, 2, 14, 17, tzinfo=CN), "a make-up working day counts"
    assert watch.late_do(dt.datetime(2026, 2, 14, 16, tzinfo=CN)) == 0
    watch.late_do(dt.datetime(2026, 2, 24, 9, tzinfo=CN))
    assert (Approval.objects.get(pk=approval.pk).state, asked(approval)) == result
    reminded = Notification.objects.filter(sort="approval", text=watch.LATE).count()
    assert reminded == (1 if late == "remind" else 0)
    watch.late_do(dt.datetime(2026, 2, 24, 10, tzinfo=CN))
    assert Notification.objects.filter(sort="approval", text=watch.LATE).count() == reminded


def test_a_new_record_waits_for_its_own_approval(cast: Any, make: Any) -> None:
    flow(cast, action="create")
    made = records.create(cast.alice, "fakes.gadget", {"name": "新泵", "price": "5000"})
    draft = history.of_record(made)
    assert draft is not None
    assert draft.state == "draft"
    records.update(cast.alice, made, {"price": "6000"})
    sent = approvals.submit(cast.alice, "fakes.gadget", made.pk, "create")
    assert (sent.pk, sent.state, asked(sent)) == (draft.pk, "pending", ["bob"])
    with pytest.raises(RuleBroken):
        records.update(cast.alice, made, {"price": "7000"})
    deciding.approve(cast.bob, sent.pk)
    assert Approval.objects.get(pk=sent.pk).state == "approved"
    small = records.create(cast.alice, "fakes.gadget", {"name": "小泵", "price": "5"})
    assert history.of_record(small) is None


def test_an_action_and_an_area_s_own_question(cast: Any, gadget: Gadget) -> None:
    applied: list[Any] = []
    flows.register_action("fakes.gadget", "discount", "Discount", lambda *given: applied.append(given[1:]))
    flow(cast, action="discount", condition={})
    request = approvals.require(cast.alice, gadget, "discount", {"percent": 30})
    assert request is not None
    assert approvals.require(cast.alice, gadget, "discount", {"percent": 30}) == request, "asked once"
    deciding.approve(cast.bob, request.pk)
    assert [(one.pk, values) for one, values in applied] == [(gadget.pk, {"percent": 30})]
    flow(cast, action="break", condition={}, name_en="Break")
    entity = records.saving.entity_of("fakes.gadget")
    with pytest.raises(approvals.ApprovalNeeded):
        approvals.check(cast.alice, entity, gadget, "break")
    broken = approvals.submit(cast.alice, "fakes.gadget", gadget.pk, "break")
    deciding.approve(cast.bob, broken.pk)
    assert Gadget.objects.get(pk=gadget.pk).state == "broken"


def test_what_cannot_be_carried_out_any_more_says_so(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    Gadget.objects.filter(pk=gadget.pk).update(owner=cast.charlie_user)
    done = deciding.approve(cast.bob, approval.pk)
    assert (done.state, price(gadget)) == ("failed", 10)
    assert done.error


def test_everything_stands_on_the_timeline(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    deciding.approve(cast.bob, approval.pk, "同意")
    lines = [
        (one.label, one.by_name, one.body)
        for one in timeline.timeline(cast.alice, gadget).entries
        if one.kind == "approval"
    ]
    assert [one[1:] for one in lines] == [("鲍勃", "同意"), ("林爱丽", "请批准")]
    assert ApprovalEntry.objects.filter(approval=approval).count() == 2


def test_what_is_overdue_comes_round_and_a_fault_holds_up_no_other(
    cast: Any, gadget: Gadget, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow(cast, step(BOB, hours=1, late="remind"))
    moments = [dt.datetime(2026, 2, 24, hour, tzinfo=CN) for hour in (9, 14, 15)]
    with clock.moved_to(moments[0]):
        made = [ask(cast, one) for one in (gadget, make("fakes.gadget", owner=cast.alice_user, name="阀", price="10"))]
    first, second = ApprovalTurn.objects.order_by("pk")
    monkeypatch.setattr(watch, "MOST", 1)
    late = Notification.objects.filter(sort="approval", text=watch.LATE)
    for moment in moments[1:]:
        watch.late_do(moment)
    assert set(late.values_list("record_id", flat=True)) == {one.record_id for one in made}
    assert not AuditEntry.objects.filter(changes__has_key="looked_at").exists()
    late.delete()
    ApprovalTurn.objects.update(reminded_at=None)
    monkeypatch.setattr(watch, "MOST", 10)
    Approval.objects.filter(pk=first.approval_id).update(path=[])
    watch.late_do(moments[2])
    assert list(late.values_list("record_id", flat=True)) == [second.approval.record_id]
