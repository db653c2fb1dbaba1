"""Tasks as people work with them, reminders, and the work of the day."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guanxi.areas.activities import jobs, selectors, services
from guanxi.areas.activities.models import Task
from guanxi.core import records
from guanxi.core.automation import notify, outbox
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken
from guanxi.core.models import Notification, User
from guanxi.core.records import together
from guanxi.core.records.timeline import timeline
from tests.areas.activities.noon import DAY, HOUR, NOON, Make, customer_of_alice, dates, noon  # noqa: F401 - fixtures
from tests.factories.cast import Cast

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
        (
            {"due_at": "2026-03-01T23:30:00Z", "repeat": "daily", "repeat_until": "2026-03-01"},
            "repeat_until",
        ),  # the 2nd here
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
