"""Assignment rules, territories, and the handover of a leaver."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guanxi.areas.customers.models import Customer
from guanxi.areas.sales.models import Lead, OpportunityState
from guanxi.areas.sales.selectors import sharing as read
from guanxi.areas.sales.services import conversion, handover, pools, sharing
from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.models import Notification, RoleRight, User
from guanxi.core.models.stamps import bump
from guanxi.core.records import display
from guanxi.core.shaping.segments import SegmentDraft, segment_save
from tests.core.exchange.bringing import bring, counts
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


def _rule(make: Any, cast: Cast, *users: Any, **values: Any) -> Any:
    rule = make("sales.assignrule", **values)
    for user in users:
        make("sales.assignmember", rule=rule, user=user)
    return rule


def _given(make: Any, **values: Any) -> int | None:
    lead = make("sales.lead", owner=None, **values)
    return sharing.hand_out(lead)


def test_in_turn_by_load_and_up_to_capacity(cast: Cast, make: Any) -> None:
    rule = _rule(make, cast, cast.alice_user, cast.bob_user, source="website")
    alice, bob = cast.alice_user.pk, cast.bob_user.pk
    assert [_given(make) for _turn in range(3)] == [alice, bob, alice]
    assert _given(make, source="referral") is None
    records.update(cast.root, rule, {"method": "load"})
    assert _given(make) == bob
    for member in rule.members.all():
        records.update(cast.root, member, {"capacity": 2})
    assert _given(make) is None
    records.update(cast.root, cast.bob_user, {"is_active": False})
    records.update(cast.root, rule, {"method": "round"})
    for member in rule.members.all():
        records.update(cast.root, member, {"capacity": None})
    assert _given(make) == alice


def test_leads_of_a_file_without_an_owner_are_handed_out_by_the_rule(cast: Cast, make: Any) -> None:
    _rule(make, cast, cast.alice_user)
    run = bring(
        cast.root, "姓名,公司,负责人\n甲,甲公司,\n乙,乙公司,鲍勃\n丙,丙公司,没有此人\n丁,丁公司,-\n", "sales.lead"
    )
    assert counts(run) == (4, 0, 0, 0)
    alice, bob, root = cast.alice_user.pk, cast.bob_user.pk, cast.root_user.pk
    assert dict(Lead.objects.values_list("name", "owner_id")) == {"甲": None, "乙": bob, "丙": root, "丁": None}
    bring(cast.root, "姓名,公司\n戊,戊公司\n", "sales.lead", owner=None)
    bring(cast.root, "姓名,公司\n己,己公司\n", "sales.lead")
    outbox.deliver_all()
    assert dict(Lead.objects.values_list("name", "owner_id")) == {
        "甲": alice, "乙": bob, "丙": root, "丁": alice, "戊": alice, "己": root,
    }  # fmt: skip
    again = bring(cast.root, "姓名,公司,负责人\n甲,甲公司,\n", "sales.lead", match=("name",), mode="update")
    assert counts(again) == (0, 0, 1, 0), "a blank cell takes nobody's record away"


def test_filters_and_order_of_rules(cast: Cast, make: Any) -> None:
    _rule(make, cast, cast.bob_user, position=2)
    _rule(make, cast, cast.alice_user, position=1, least_score=80, region="CN44")
    assert _given(make, score=90, region="CN4403") == cast.alice_user.pk
    assert _given(make, score=70, region="CN4403") == cast.bob_user.pk
    assert _given(make, score=90, region="CN31") == cast.bob_user.pk


def test_a_rule_for_a_segment_hands_out_those_in_it(cast: Cast, make: Any) -> None:
    big = {"all": [{"field": "score", "op": "gte", "value": 60}, {"field": "region", "op": "under", "value": "CN44"}]}
    segment_save(cast.root, None, SegmentDraft(name_zh="好线索", key="good", entity="sales.lead", condition=big))
    _rule(make, cast, cast.alice_user, segment="good")
    assert _given(make, score=90, region="CN4403") == cast.alice_user.pk
    assert _given(make, score=50, region="CN4403") is None
    assert _given(make, score=90, region="CN31") is None
    with pytest.raises(Invalid) as error:
        _rule(make, cast, subject="customers.customer", segment="good")
    assert error.value.field == "segment"


def test_new_leads_are_handed_out_by_their_event(cast: Cast, make: Any) -> None:
    _rule(make, cast, cast.charlie_user)
    lead = make("sales.lead", owner=None)
    outbox.deliver_all()
    assert Lead.objects.get(pk=lead.pk).owner_id == cast.charlie_user.pk


def test_who_gets_a_record_is_told_and_the_record_and_the_rule_say_why(cast: Cast, make: Any) -> None:
    rule = _rule(make, cast, cast.alice_user, cast.bob_user, name="官网轮流")
    with pytest.raises(Invalid) as error:
        make("sales.assignmember", rule=rule, user=cast.alice_user)
    assert (error.value.field, error.value.code) == ("user", "assign.twice")
    lead = make("sales.lead", name="新来的线索", owner=None)
    outbox.deliver_all()
    note = Notification.objects.get(sort="assigned")
    assert (note.user_id, note.record_id, note.values) == (cast.alice_user.pk, lead.pk, {"by": "官网轮流"})
    records.update(cast.root, rule.members.get(user=cast.bob_user), {"capacity": 0})
    root = browser(cast.root_user)
    page = root.get(f"/assign-rules/{rule.pk}/").content.decode()
    assert "新来的线索" in page
    assert "holds as many as allowed" in page
    assert "by the rule “官网轮流”" in root.get(f"/leads/{lead.pk}/").content.decode()
    rule.members.update(note="")
    seen = display.names_of(cast.root, {"sales.assignmember": [one.pk for one in rule.members.all()]})
    assert set(seen["sales.assignmember"].values()) == {cast.alice_user.name, cast.bob_user.name}
    other = browser(cast.charlie_user).get(f"/assign-rules/{rule.pk}/").content.decode()
    assert "Who is next" in other
    for hidden in ("新来的线索", "holds", "Handed out lately"):
        assert hidden not in other, "what he may not see is not counted for him either"
    rule = records.update(cast.root, rule, {"working_only": True})
    with clock.moved_to(dt.datetime(2026, 3, 15, 2, tzinfo=dt.UTC)):  # a Sunday
        assert [one.why_not for one in read.candidates(rule, read.members_of(rule))] == ["off", "full"]
        assert read.in_turn(rule, read.candidates(rule, read.members_of(rule))) is None
        assert "Nobody has room now" in root.get(f"/assign-rules/{rule.pk}/").content.decode()


def test_what_found_nobody_waits_until_somebody_has_room(cast: Cast, make: Any) -> None:
    night, morning = dt.datetime(2026, 3, 15, 14, tzinfo=dt.UTC), dt.datetime(2026, 3, 16, 2, tzinfo=dt.UTC)
    rule = _rule(make, cast, cast.alice_user, name="白天轮流", working_only=True, source="website")
    with clock.moved_to(night):  # a Sunday
        lead, other = make("sales.lead", owner=None), make("sales.lead", owner=None, source="referral")
        outbox.deliver_all()
        assert Lead.objects.get(pk=lead.pk).owner_id is None
        assert (read.awaited(lead), read.awaited(other)) == (rule, None)
        root = browser(cast.root_user)
        assert "Waits to be handed out by the rule “白天轮流”" in root.get(f"/leads/{lead.pk}/").content.decode()
        assert read.why_waiting(rule, lead) == "no_room"
        assert f'href="/leads/{lead.pk}/"' in root.get(f"/assign-rules/{rule.pk}/").content.decode()
        assert sharing.waiting_hand_out() == 0
        given_back = make("sales.lead", owner=cast.bob_user)
        pools.pool_release(cast.bob, given_back, reason="other", pool=make("customers.pool", subject="sales.lead").pk)
    with clock.moved_to(morning):
        assert read.why_waiting(rule, lead) == "soon"
        assert (
            "Is about to be handed out by the rule"
            in browser(cast.root_user).get(f"/leads/{lead.pk}/").content.decode()
        )
        rule.method = "territory"
        assert read.why_waiting(rule, lead) == "nowhere"
        assert sharing.waiting_hand_out() == 1
        owners = [Lead.objects.get(pk=one.pk).owner_id for one in (lead, other, given_back)]
        assert owners == [cast.alice_user.pk, None, None], "what somebody gave back lies in the pool for all"
        late = make("sales.lead", owner=None)
    with clock.moved_to(morning + dt.timedelta(days=read.WAITS + 1)):
        assert sharing.waiting_hand_out() == 0
        sharing.by_rules(cast.root, late)
        assert Lead.objects.get(pk=late.pk).owner_id == cast.alice_user.pk
        with pytest.raises(RuleBroken) as error:
            sharing.by_rules(cast.root, other)
        assert error.value.code == "assign.nobody"
        with pytest.raises(NotFound):
            sharing.by_rules(cast.bob, given_back)
        assert Lead.objects.get(pk=given_back.pk).owner_id is None


def test_territories_and_where_they_overlap(cast: Cast, make: Any) -> None:
    guangdong = make("sales.territory", name="广东", position=2, department=cast.south)
    shenzhen = make("sales.territory", name="深圳", position=1, user=cast.bob_user)
    east = make("sales.territory", name="华东", position=3, department=cast.east)
    make("sales.territoryrule", territory=guangdong, region="CN44")
    make("sales.territoryrule", territory=shenzhen, region="CN4403", level="a")
    make("sales.territoryrule", territory=east, region="CN31")
    big = make("customers.customer", region="CN440305", level="a")
    small = make("customers.customer", region="CN440305", level="c")
    assert read.territory_of(big) == shenzhen
    assert read.territory_of(small) == guangdong
    assert read.territory_of(make("customers.customer", region="CN11")) is None
    assert [(one.other.name, one.customers) for one in read.overlaps(cast.alice, guangdong)] == [("深圳", 1)]
    assert read.overlaps(cast.alice, east) == []
    _rule(make, cast, subject="customers.customer", method="territory")
    loose = make("customers.customer", region="CN440305", level="a", owner=None)
    assert sharing.hand_out(loose) == cast.bob_user.pk
    assert "Overlaps with 深圳" in browser(cast.root_user).get(f"/territories/{guangdong.pk}/").content.decode()


def test_a_leaver_hands_over_with_undo(cast: Cast, make: Any) -> None:
    customers = [make("customers.customer") for _number in range(3)]
    make("customers.contact", customer=customers[0])
    deal = make("sales.opportunity", customer=customers[0], amount=500, close_on=dt.date(2030, 1, 1))
    make("activities.task", customer=customers[0])
    before = OpportunityState.objects.get(opportunity=deal).stage_id
    leaver = cast.alice_user.pk
    parts = {one.key: one.count for one in handover.cockpit(cast.root, leaver, str)}
    assert (parts["customers.customer"], parts["sales.opportunity"], parts["activities.task"]) == (3, 1, 1)
    to = [cast.bob_user.pk, cast.charlie_user.pk]
    step = handover.handover_run(cast.root, leaver=leaver, sort="customers.customer", to=to)
    owners = list(Customer.objects.order_by("pk").values_list("owner_id", flat=True))
    assert owners == [to[0], to[1], to[0]]
    assert customers[0].contacts.get().owner_id == to[0]
    handover.handover_run(cast.root, leaver=leaver, sort="sales.opportunity", to=to[:1])
    deal.refresh_from_db()
    assert (deal.owner_id, deal.stage_id) == (to[0], before)
    left = {one.key: one.count for one in handover.cockpit(cast.root, leaver, str)}
    assert (left["customers.customer"], left["activities.task"]) == (0, 1)
    assert records.undo(cast.root, step.pk).skipped == []
    assert set(Customer.objects.values_list("owner_id", flat=True)) == {leaver}
    for bad in ([], [leaver], [999999]):
        with pytest.raises(Invalid) as error:
            handover.handover_run(cast.root, leaver=leaver, sort="customers.customer", to=bad)
        assert error.value.field == "to"


def test_a_leader_takes_back_what_he_handed_over_or_converted(cast: Cast, make: Any) -> None:
    """Though he neither sees what went to another department, nor could make for himself what others own."""
    customer, lead = make("customers.customer"), make("sales.lead", company="新公司")
    make("customers.contact", customer=customer)
    RoleRight.objects.filter(role=cast.role, entity="customers.customer", action="assign").update(scope="department")
    RoleRight.objects.filter(role=cast.role, entity="sales.lead", action="change").update(scope="department")
    bump("rights")
    bob = cast.actor(cast.bob_user)
    to = [cast.charlie_user.pk]
    step = handover.handover_run(bob, leaver=cast.alice_user.pk, sort="customers.customer", to=to)
    with pytest.raises(NotFound):
        records.get(bob, "customers.customer", customer.pk)
    assert records.undo(bob, step.pk).skipped == []
    customer.refresh_from_db()
    assert {customer.owner_id, customer.contacts.get().owner_id} == {cast.alice_user.pk}
    done = conversion.lead_convert(bob, lead)
    made = Customer.objects.get(name="新公司")
    assert made.owner_id == cast.alice_user.pk
    assert records.undo(bob, done.pk).skipped == []
    assert not Customer.objects.filter(pk=made.pk).exists()


def test_who_reported_to_a_leaver_reports_to_somebody_else(cast: Cast) -> None:
    leaver, new = cast.alice_user, cast.bob_user
    User.objects.filter(pk=leaver.pk).update(superior=cast.root_user)
    User.objects.filter(pk__in=[new.pk, cast.charlie_user.pk]).update(superior=leaver)
    cast.south.head = leaver
    cast.south.save(update_fields=["head"])
    parts = {one.key: one.count for one in handover.cockpit(cast.root, leaver.pk, str)}
    assert (parts["core.user"], parts["core.department"]) == (2, 1)
    assert "core.user" not in {one.key for one in handover.cockpit(cast.alice, leaver.pk, str)}
    with pytest.raises(Invalid):
        handover.handover_run(cast.alice, leaver=leaver.pk, sort="core.user", to=[new.pk])
    step = handover.handover_run(cast.root, leaver=leaver.pk, sort="core.user", to=[new.pk])
    handover.handover_run(cast.root, leaver=leaver.pk, sort="core.department", to=[new.pk])
    above = dict(User.objects.filter(pk__in=[new.pk, cast.charlie_user.pk]).values_list("pk", "superior"))
    assert above == {new.pk: cast.root_user.pk, cast.charlie_user.pk: new.pk}, "nobody reports to himself"
    cast.south.refresh_from_db()
    assert cast.south.head_id == new.pk
    assert records.undo(cast.root, step.pk).skipped == []
    assert User.objects.filter(superior=leaver).count() == 2


def test_the_cockpit_is_for_those_who_assign_others(cast: Cast, make: Any) -> None:
    make("customers.customer")
    assert browser(cast.bob_user).get("/handover/").status_code == 403
    root = browser(cast.root_user)
    assert root.get(f"/handover/?leaver={cast.alice_user.pk}").status_code == 200
    body = {"leaver": cast.alice_user.pk, "sort": "customers.customer", "to": [cast.bob_user.pk]}
    assert root.post("/handover/", body).status_code == 303
    assert Customer.objects.get().owner_id == cast.bob_user.pk
    assert root.post("/handover/", body).status_code == 422


def test_records_nobody_takes_do_not_stand_in_the_way_of_others(
    cast: Cast, make: Any, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    """Older ones no rule is for, and those whose rule has nobody, are passed over; a segment is asked once for all."""
    draft = SegmentDraft(
        key="hot", name_zh="热", entity="sales.lead", condition={"field": "score", "op": "gte", "value": 50}
    )
    segment_save(cast.root, None, draft)
    nobody = [make("sales.lead", owner=None, source="referral", score=90) for _number in range(3)]
    _rule(make, cast, source="referral")
    cold = make("sales.lead", owner=None, source="website", score=10)
    hot = [make("sales.lead", owner=None, source="website", score=90) for _number in range(2)]
    rule = _rule(make, cast, cast.alice_user, source="website", segment="hot")
    with django_assert_max_num_queries(1):
        assert read.fitting(rule, [*nobody, cold, *hot]) == hot
    monkeypatch.setattr(sharing, "TRIED", 1)
    assert [sharing.waiting_hand_out() for _turn in range(3)] == [1, 1, 0]
    assert set(Lead.objects.filter(owner=cast.alice_user).values_list("pk", flat=True)) == {one.pk for one in hot}
