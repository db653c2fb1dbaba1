"""Follow-ups and plans as people work with them, and the dates of customers that follow."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.areas.activities import policies, services
from guanxi.areas.activities.models import Activity, FollowUpPlan
from guanxi.areas.customers.models import Contact
from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.records.timeline import timeline
from tests.areas.activities.noon import DAY, HOUR, NOON, Make, customer_of_alice, dates, noon  # noqa: F401 - fixtures
from tests.factories.cast import Cast

# -- follow-ups --------------------------------------------------------------------------------------------------------


def test_a_follow_up_in_ten_seconds(cast: Cast, customer: Any) -> None:
    """What the form proposes, sent as it is with one line of text."""
    guess = policies.guess(cast.alice, customer)
    assert (guess.kind, guess.next_contact_at) == ("call", NOON + 7 * DAY - 3 * HOUR)
    made = services.activity_log(
        cast.alice,
        about=customer,
        kind=guess.kind,
        body="张总要报价\n下周回复",
        next_contact_at=guess.next_contact_at,
    )
    assert (made.customer_id, made.owner_id, made.occurred_at) == (customer.pk, cast.alice_user.pk, NOON)
    assert (made.subject, made.carrier_owner_id) == ("张总要报价", cast.alice_user.pk)
    plan = FollowUpPlan.objects.get()
    assert (plan.origin_id, plan.planned_at, plan.kind, plan.status) == (made.pk, guess.next_contact_at, "call", "open")
    assert dates(customer) == (NOON, NOON, guess.next_contact_at)
    (entry,) = timeline(cast.alice, customer, kinds=["activities.activity"]).entries
    assert (entry.title, entry.body, entry.icon, entry.variety) == ("", "张总要报价\n下周回复", "phone", "call")


def test_the_due_plan_is_proposed_and_fulfilled(cast: Cast, customer: Any, make: Make) -> None:
    contact = make("customers.contact", customer=customer)
    today = make(
        "activities.followupplan", customer=customer, contact=contact, kind="visit", planned_at=NOON - 30 * DAY
    )
    later = make("activities.followupplan", customer=customer, planned_at=NOON + 2 * DAY)
    other = make("activities.followupplan", customer=customer, planned_at=NOON, by=cast.bob_user)
    guess = policies.guess(cast.alice, customer)
    assert (guess.kind, guess.contact_id, guess.plan) == ("visit", contact.pk, today)
    made = services.activity_log(cast.alice, about=customer, kind="visit")
    today.refresh_from_db()
    assert (today.status, today.activity_id, today.closed_at, today.next_reminder_at) == ("done", made.pk, NOON, None)
    assert [FollowUpPlan.objects.get(pk=one.pk).status for one in (later, other)] == ["open", "open"]
    assert dates(customer) == (NOON, NOON, NOON)  # Bob's plan is next


def test_a_contact_brings_his_customer(cast: Cast, customer: Any, make: Make) -> None:
    contact = make("customers.contact", customer=customer)
    first = services.activity_log(cast.alice, about=contact, body="hallo")
    assert (first.customer_id, first.contact_id) == (customer.pk, contact.pk)
    second = records.create(cast.alice, "activities.activity", {"contact": contact.pk, "kind": "meeting"})
    assert second.customer_id == customer.pk
    assert Contact.objects.get(pk=contact.pk).last_contact_at == NOON
    alone = make("customers.contact")
    with pytest.raises(Invalid) as caught:
        services.activity_log(cast.alice, about=alone, body="hallo")
    assert "customer" in caught.value.errors
    assert Activity.objects.count() == 2


def test_a_note_is_no_contact(cast: Cast, customer: Any, make: Make) -> None:
    plan = make("activities.followupplan", customer=customer, planned_at=NOON)
    services.activity_log(cast.alice, about=customer, kind="note", body="听说他们换了采购")
    assert dates(customer) == (None, None, NOON)
    plan.refresh_from_db()
    assert plan.status == "open"


def test_the_future_is_no_follow_up(cast: Cast, customer: Any) -> None:
    with pytest.raises(Invalid) as caught:
        services.activity_log(cast.alice, about=customer, occurred_at=NOON + 2 * DAY)
    assert (caught.value.code, caught.value.field) == ("activity.future", "occurred_at")
    assert Activity.objects.count() == 0
    assert dates(customer) == (None, None, None)


def test_dates_follow_change_delete_restore_and_undo(cast: Cast, customer: Any, make: Make) -> None:
    elsewhere = make("customers.customer")
    first = services.activity_log(cast.alice, about=customer, occurred_at=NOON - 9 * DAY)
    second = services.activity_log(cast.alice, about=customer, occurred_at=NOON - 2 * DAY)
    assert dates(customer) == (NOON - 9 * DAY, NOON - 2 * DAY, None)
    moved = records.update(cast.alice, second, {"customer": elsewhere.pk})
    assert dates(customer) == (NOON - 9 * DAY, NOON - 9 * DAY, None)
    assert dates(elsewhere) == (NOON - 2 * DAY, NOON - 2 * DAY, None)
    records.undo(cast.alice, moved.operation_id)
    outbox.deliver_all()
    assert dates(customer) == (NOON - 9 * DAY, NOON - 2 * DAY, None)
    assert dates(elsewhere) == (None, None, None)
    records.delete(cast.alice, first)
    assert dates(customer) == (NOON - 2 * DAY, NOON - 2 * DAY, None)
    records.restore(cast.alice, "activities.activity", [first.pk])
    outbox.deliver_all()
    assert dates(customer) == (NOON - 9 * DAY, NOON - 2 * DAY, None)


def test_a_customer_comes_back_from_the_trash_with_its_dates(cast: Cast, customer: Any) -> None:
    services.activity_log(cast.alice, about=customer, occurred_at=NOON - 9 * DAY, next_contact_at=NOON + DAY)
    seen = dates(customer)
    assert seen == (NOON - 9 * DAY, NOON - 9 * DAY, NOON + DAY)
    records.delete(cast.alice, customer)
    outbox.deliver_all()
    records.restore(cast.alice, "customers.customer", [customer.pk])
    assert dates(customer) == seen, "before anybody has heard of it"
    outbox.deliver_all()
    assert dates(customer) == seen


def test_the_agreed_plan_moves_and_goes_with_its_follow_up(cast: Cast, customer: Any) -> None:
    made = services.activity_log(cast.alice, about=customer, next_contact_at=NOON + 5 * DAY)
    made = records.update(cast.alice, made, {"next_contact_at": NOON + 6 * DAY})
    plan = FollowUpPlan.objects.get()
    assert (plan.planned_at, dates(customer)[2]) == (NOON + 6 * DAY, NOON + 6 * DAY)
    records.update(cast.alice, made, {"next_contact_at": None})
    plan.refresh_from_db()
    assert (plan.status, dates(customer)[2]) == ("cancelled", None)
    records.update(cast.alice, Activity.objects.get(), {"next_contact_at": NOON + 7 * DAY})
    assert FollowUpPlan.objects.count() == 1  # a closed plan is not opened behind one's back


def test_imported_history_makes_no_plans_that_are_over(cast: Cast, customer: Any) -> None:
    """Many at once, past the writer: the events bring everything right."""
    rows = [
        {"customer": customer.pk, "occurred_at": NOON - 200 * DAY, "next_contact_at": NOON - 190 * DAY},
        {"customer": customer.pk, "occurred_at": NOON - 20 * DAY, "next_contact_at": NOON - 15 * DAY},
        {"customer": customer.pk, "occurred_at": NOON - 10 * DAY, "next_contact_at": NOON + 3 * DAY},
    ]
    records.bulk.create_many(cast.alice, "activities.activity", [{"kind": "call", **row} for row in rows])
    assert dates(customer) == (None, None, None)
    assert outbox.deliver_all().failed == 0
    assert dates(customer) == (NOON - 200 * DAY, NOON - 10 * DAY, NOON + 3 * DAY)
    assert [plan.planned_at for plan in FollowUpPlan.objects.all()] == [NOON + 3 * DAY]
    outbox.OutboxEvent.objects.update(delivered_at=None)
    assert outbox.deliver_all().failed == 0
    assert FollowUpPlan.objects.count() == 1


def test_a_merge_carries_the_dates(cast: Cast, make: Make, customer: Any) -> None:
    twin = make("customers.customer", name="华为")
    services.activity_log(cast.root, about=customer, occurred_at=NOON - 9 * DAY)
    services.activity_log(cast.root, about=twin, occurred_at=NOON - 2 * DAY)
    step = records.merge(cast.root, "customers.customer", customer.pk, [twin.pk])
    outbox.deliver_all()
    assert dates(customer)[:2] == (NOON - 9 * DAY, NOON - 2 * DAY)
    records.undo(cast.root, step.pk)
    outbox.deliver_all()
    assert dates(customer)[:2] == (NOON - 9 * DAY, NOON - 9 * DAY)
    assert dates(twin)[:2] == (NOON - 2 * DAY, NOON - 2 * DAY)


def test_who_sees_the_customer_sees_his_follow_ups(cast: Cast, customer: Any) -> None:
    made = services.activity_log(cast.root, about=customer, body="vom Chef")
    assert records.get(cast.bob, "activities.activity", made.pk) == made  # carried by Alice's customer
    for wrong in (
        lambda: records.get(cast.charlie, "activities.activity", made.pk),
        lambda: records.update(cast.charlie, made, {"body": "x"}),
    ):
        with pytest.raises(NotFound):
            wrong()
    with pytest.raises(Denied):
        records.update(cast.bob, made, {"body": "x"})
    with pytest.raises(Invalid):  # a customer he cannot see does not exist for him
        services.activity_log(cast.charlie, about=customer, body="x")
    assert Activity.objects.get().body == "vom Chef"


def test_a_pinned_follow_up_stands_first(cast: Cast, customer: Any) -> None:
    old = services.activity_log(cast.alice, about=customer, body="wichtig", occurred_at=NOON - 90 * DAY)
    services.activity_log(cast.alice, about=customer, body="neu")
    services.activity_pin(cast.alice, old)
    entries = timeline(cast.alice, customer, kinds=["activities.activity"]).entries
    assert [(entry.body, entry.pinned) for entry in entries] == [("wichtig", True), ("neu", False)]
    services.activity_pin(cast.alice, Activity.objects.get(pk=old.pk))
    entries = timeline(cast.alice, customer, kinds=["activities.activity:call"]).entries
    assert [entry.body for entry in entries] == ["neu", "wichtig"]
    assert timeline(cast.alice, customer, kinds=["activities.activity:visit"]).entries == ()


# -- plans -------------------------------------------------------------------------------------------------------------


def test_a_plan_becomes_a_follow_up(cast: Cast, customer: Any, make: Make) -> None:
    plan = make("activities.followupplan", customer=customer, kind="visit", subject="送样品", planned_at=NOON + 3 * DAY)
    made = services.plan_convert(cast.alice, plan, body="已送达", result="interested", next_contact_at=NOON + 9 * DAY)
    assert (made.kind, made.subject, made.body, made.result) == ("visit", "送样品", "已送达", "interested")
    plan.refresh_from_db()
    assert (plan.status, plan.activity_id) == ("done", made.pk)
    assert dates(customer) == (NOON, NOON, NOON + 9 * DAY)
    with pytest.raises(RuleBroken):
        services.plan_convert(cast.alice, plan, body="again")
    assert Activity.objects.count() == 1


def test_putting_off_and_cancelling_a_plan(cast: Cast, customer: Any) -> None:
    plan = records.create(cast.alice, "activities.followupplan", {"customer": customer.pk, "planned_at": NOON + HOUR})
    assert dates(customer)[2] == NOON + HOUR
    plan = services.plan_snooze(cast.alice, plan, span="tomorrow")
    assert plan.planned_at == NOON + 21 * HOUR  # 9:00 in Shanghai
    assert plan.next_reminder_at == plan.planned_at
    plan = services.plan_snooze(cast.alice, plan, until=NOON + 4 * DAY)
    assert dates(customer)[2] == NOON + 4 * DAY
    with pytest.raises(Invalid):
        services.plan_snooze(cast.alice, plan, span="someday")
    with pytest.raises(Denied):
        services.plan_cancel(cast.bob, plan)
    plan = services.plan_cancel(cast.alice, plan)
    assert (plan.status, plan.closed_at, dates(customer)[2]) == ("cancelled", NOON, None)
    with pytest.raises(RuleBroken):
        services.plan_snooze(cast.alice, plan)
    reopened = records.update(cast.alice, plan, {"status": "open"})
    assert (reopened.closed_at, dates(customer)[2]) == (None, NOON + 4 * DAY)
