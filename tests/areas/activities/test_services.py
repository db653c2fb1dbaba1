"""Follow-ups, plans and tasks as people work with them, and the dates of customers that follow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guanxi.areas.activities import jobs, policies, selectors, services
from guanxi.areas.activities.models import Activity, FollowUpPlan, Task
from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.automation import notify, outbox
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import Notification, User
from guanxi.core.records import together
from guanxi.core.records.timeline import timeline
from tests.factories.cast import Cast

Make = Callable[..., Any]
NOON = dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC)  # Monday 12:00 in Shanghai
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _now(db: None) -> Iterator[None]:
    with clock.moved_to(NOON):
        yield


@pytest.fixture
def customer(make: Make) -> Any:
    """A customer of Alice's."""
    return make("customers.customer", name="华为技术有限公司")


def dates(customer: Any) -> tuple[Any, Any, Any]:
    fresh = Customer.everything.get(pk=customer.pk)
    return fresh.first_contact_at, fresh.last_contact_at, fresh.next_plan_at


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


# -- tasks -------------------------------------------------------------------------------------------------------------


def task_of(cast: Cast, **values: Any) -> Task:
    made: Task = records.create(cast.alice, "activities.task", {"subject": "周报", "due_at": NOON + DAY, **values})
    return made


def test_a_done_task_of_a_series_brings_the_next_one(cast: Cast, customer: Any) -> None:
    steps = [{"text": "写", "done": True}, {"text": "发", "done": False}]
    task = task_of(
        cast, customer=customer.pk, repeat="weekly", repeat_weekdays=["2", "4"], repeat_count=3, checklist=steps
    )
    done = services.task_complete(cast.alice, task)
    assert (done.status, done.completed_at, done.next_reminder_at) == ("done", NOON, None)
    following = Task.objects.get(series=task)
    assert following.due_at == NOON + 3 * DAY  # Tuesday → Thursday
    assert (following.occurrence, following.owner_id, following.customer_id) == (2, cast.alice_user.pk, customer.pk)
    assert [step["done"] for step in following.checklist] == [False, False]
    assert following.next_reminder_at == following.due_at
    services.task_complete(cast.alice, done)
    services.task_complete(cast.alice, services.task_reopen(cast.alice, done))
    assert Task.objects.filter(series=task).count() == 1
    third = services.task_complete(cast.alice, following)
    assert Task.objects.get(occurrence=3).due_at == NOON + 8 * DAY
    services.task_complete(cast.alice, Task.objects.get(occurrence=3))
    assert Task.objects.count() == 3  # three times was asked
    assert third.series_id == task.pk


def test_a_series_goes_on_whichever_way_its_task_was_done(cast: Cast) -> None:
    task = task_of(cast, repeat="monthly", due_at=dt.datetime(2026, 3, 31, 1, 0, tzinfo=dt.UTC))
    operation = records.bulk.change(cast.alice, "update", "activities.task", [task.pk], {"status": "done"})
    assert operation.result["done"] == 1
    following = Task.objects.get(series=task)
    assert following.due_at == dt.datetime(2026, 4, 30, 1, 0, tzinfo=dt.UTC)
    records.undo(cast.alice, operation.pk)
    assert not Task.objects.filter(series=task).exists()
    assert Task.objects.get(pk=task.pk).status == "open"


def test_a_repeated_task_needs_a_day(cast: Cast) -> None:
    for values, field in (
        ({"due_at": None, "repeat": "daily"}, "due_at"),
        ({"repeat": "daily", "repeat_interval": 0}, "repeat_interval"),
        ({"repeat": "daily", "repeat_until": "2026-03-01"}, "repeat_until"),
        ({"repeat": "hourly"}, "repeat"),
        ({"reminders": ["7"]}, "reminders"),
    ):
        with pytest.raises(Invalid) as caught:
            task_of(cast, **values)
        assert field in caught.value.errors
    assert Task.objects.count() == 0


def test_handing_a_task_over(cast: Cast) -> None:
    task = task_of(cast)
    handed = services.task_delegate(cast.alice, task, to=cast.charlie_user.pk, note="请你处理")
    assert (handed.owner_id, handed.description) == (cast.charlie_user.pk, "请你处理")
    outbox.deliver_all()
    assert list(Notification.objects.values_list("user__username", "sort")) == [("charlie", "assigned")]
    alice = cast.actor(cast.alice_user)
    assert records.get(alice, "activities.task", task.pk) == task  # she may go on reading it
    with pytest.raises(Denied):
        services.task_complete(alice, handed)
    with pytest.raises(Invalid):
        services.task_delegate(cast.charlie, handed, to=cast.charlie_user.pk)
    User.objects.filter(pk=cast.dave_user.pk).update(is_active=False)
    with pytest.raises(Invalid) as caught:
        services.task_delegate(cast.charlie, handed, to=cast.dave_user.pk)
    assert caught.value.field == "to"
    assert Task.objects.get().owner_id == cast.charlie_user.pk


def test_ticking_putting_off_and_opening_again(cast: Cast) -> None:
    task = task_of(cast, checklist=[{"text": "a"}, {"text": "b"}])
    task = services.task_tick(cast.alice, task, step=1)
    assert [bool(step["done"]) for step in task.checklist] == [False, True]
    with pytest.raises(Invalid):
        services.task_tick(cast.alice, task, step=2)
    task = services.task_snooze(cast.alice, task, span="week")
    assert task.due_at == NOON + 7 * DAY - 3 * HOUR
    task = services.task_complete(cast.alice, task)
    with pytest.raises(RuleBroken):
        services.task_snooze(cast.alice, task)
    task = services.task_reopen(cast.alice, task)
    assert (task.status, task.completed_at, task.next_reminder_at) == ("open", None, task.due_at)


def test_a_done_task_stands_on_the_timeline_an_open_one_ahead(cast: Cast, customer: Any) -> None:
    task = task_of(cast, customer=customer.pk)
    assert timeline(cast.alice, customer, kinds=["activities.task"]).entries == ()
    assert selectors.ahead(cast.alice, customer).tasks == (task,)
    services.task_complete(cast.alice, task)
    (entry,) = timeline(cast.alice, customer, kinds=["activities.task"]).entries
    assert (entry.id, entry.title, entry.at) == (task.pk, "周报", NOON)
    assert selectors.ahead(cast.alice, customer).tasks == ()


# -- reminders ---------------------------------------------------------------------------------------------------------


def test_reminders_come_when_it_is_time_each_once(cast: Cast, customer: Any) -> None:
    task = task_of(cast, due_at=NOON + DAY, reminders=["0", "60"])
    plan = records.create(
        cast.alice, "activities.followupplan", {"customer": customer.pk, "planned_at": NOON + DAY, "reminders": ["0"]}
    )

    def given(moment: dt.datetime) -> list[str]:
        with clock.moved_to(moment):
            jobs.reminders_due()
            jobs.reminders_due()
            page = notify.notifications(cast.alice)
        texts = [note.text for note in page.notes]
        notify.Notification.objects.all().delete()
        return texts

    assert given(NOON) == []
    assert given(NOON + DAY - HOUR - dt.timedelta(seconds=1)) == []
    assert len(given(NOON + DAY - HOUR)) == 1
    task.refresh_from_db()
    assert task.next_reminder_at == NOON + DAY
    assert len(given(NOON + DAY + dt.timedelta(minutes=3))) == 2
    task.refresh_from_db()
    plan.refresh_from_db()
    assert (task.next_reminder_at, plan.next_reminder_at) == (None, None)


def test_nobody_is_reminded_of_what_is_done_or_deleted(cast: Cast) -> None:
    done, deleted, moved = task_of(cast), task_of(cast), task_of(cast)
    services.task_complete(cast.alice, done)
    records.delete(cast.alice, deleted)
    services.task_snooze(cast.alice, moved, until=NOON + 9 * DAY)
    with clock.moved_to(NOON + 2 * DAY):
        assert jobs.reminders_due() == 0
    with clock.moved_to(NOON + 9 * DAY):
        assert jobs.reminders_due() == 1


# -- the day -----------------------------------------------------------------------------------------------------------


def test_the_work_of_the_day(cast: Cast, customer: Any) -> None:
    late = task_of(cast, subject="late", due_at=NOON - HOUR)
    due = task_of(cast, subject="due", due_at=NOON + 11 * HOUR)  # 23:00
    task_of(cast, subject="tomorrow", due_at=NOON + 12 * HOUR)
    task_of(cast, subject="some day", due_at=None)
    services.task_complete(cast.alice, task_of(cast, subject="done", due_at=NOON))

    def plan(moment: dt.datetime) -> Any:
        return records.create(cast.alice, "activities.followupplan", {"customer": customer.pk, "planned_at": moment})

    before, morning, tomorrow = plan(NOON - 13 * HOUR), plan(NOON - 12 * HOUR), plan(NOON + 12 * HOUR)
    together.comment_add(cast.bob, customer, "@alice 请看")
    outbox.deliver_all()
    today = selectors.today(cast.alice)
    assert today.tasks_late.items == (late,)
    assert today.tasks_due.items == (due,)
    assert today.plans_late.items == (before,)
    assert today.plans_due.items == (morning,)
    assert [note.record_id for note in today.mentions] == [customer.pk]
    assert today.count == 5
    assert selectors.due_count(cast.alice) == 4
    assert selectors.today(cast.bob).count == 0
    span = (NOON - 12 * HOUR, NOON + 13 * HOUR)
    titles = [(item.entity.partition(".")[2], item.record.pk) for item in selectors.calendar(cast.alice, *span)]
    assert ("followupplan", before.pk) not in titles
    assert {("followupplan", morning.pk), ("followupplan", tomorrow.pk), ("task", late.pk), ("task", due.pk)} <= set(
        titles
    )
    assert selectors.calendar(cast.charlie, *span, people=[cast.alice_user.pk]) == []
    seen = selectors.calendar(cast.bob, *span, people=[cast.alice_user.pk])
    assert len(seen) == len(titles)
