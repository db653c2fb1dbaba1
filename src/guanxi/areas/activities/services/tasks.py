"""Tasks: done, put off, handed over, ticked; a series makes its next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.activities import policies
from guanxi.areas.activities.models import TASK_DONE, TASK_OPEN, TASK_UNFINISHED, Task
from guanxi.areas.activities.services.plans import put_off
from guanxi.core import records
from guanxi.core.access import allowed, require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Collaborator, Operation, User
from guanxi.core.schema.registry import entity_of

TASK = "activities.task"


def task_update(
    actor: Actor,
    record: Task,
    *,
    values: Mapping[str, Any],
    version: int | None = None,
    original: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
) -> Task:
    """Change a task; one that becomes done in a series makes the next one."""
    with records.writing(actor):
        before = record.status
        stored: Task = records.update_plain(
            actor, record, values, version=version, original=original, operation=operation
        )
        if stored.status == TASK_DONE and before != TASK_DONE:
            with records.writing(actor, operation=operation or getattr(stored, "operation_id", None)):
                _task_repeat(actor, stored)
    return stored


def _task_repeat(actor: Actor, task: Task) -> Task | None:
    """The next task of a series, if there is to be one and it is not there yet."""
    owner = User.everything.filter(pk=task.owner_id or 0).only("timezone").first()
    due = policies.due_next(task, clock.now(), owner.timezone if owner else actor.timezone)
    first = task.series_id or task.pk
    if due is None or Task.everything.filter(series_id=first, occurrence=task.occurrence + 1).exists():
        return None
    names = (
        "subject", "description", "priority", "reminders", "repeat", "repeat_interval", "repeat_weekdays",
        "repeat_until", "repeat_count",
    )  # fmt: skip
    following = Task(
        **{name: getattr(task, name) for name in names},
        customer_id=task.customer_id,
        contact_id=task.contact_id,
        owner_id=task.owner_id,
        tags=list(task.tags),
        custom=dict(task.custom),
        checklist=[{**step, "done": False} for step in task.checklist],
        due_at=due,
        repeat_day=task.repeat_day,
        series_id=first,
        occurrence=task.occurrence + 1,
    )
    records.save(actor, following, creating=True)
    return following


def task_complete(actor: Actor, record: Task) -> Task:
    """The task is done; of a series the next one appears. Doing it twice changes nothing."""
    if record.status == TASK_DONE:
        return record
    changed: Task = records.update(actor, record, {"status": TASK_DONE})
    return changed


def task_reopen(actor: Actor, record: Task) -> Task:
    """The task is not done after all."""
    if record.status in TASK_UNFINISHED:
        return record
    changed: Task = records.update(actor, record, {"status": TASK_OPEN})
    return changed


def task_snooze(actor: Actor, record: Task, *, span: str = "tomorrow", until: Any = None) -> Task:
    """Put a task off: to ``until``, or by a ``span`` of :data:`SPANS` from now."""
    if record.status not in TASK_UNFINISHED:
        raise RuleBroken(_("This task is closed already."), code="task.closed")
    moment = put_off(actor, span, until)
    changed: Task = records.update(actor, record, {"due_at": moment})
    return changed


def task_delegate(actor: Actor, record: Task, *, to: Any, note: str = "") -> Task:
    """Hand a task one may change to a colleague, who is told; whoever handed it over may go on reading it."""
    number = int(getattr(to, "pk", to) or 0)
    if number == record.owner_id:
        raise Invalid(_("It is this colleague's task already."), code="task.same_owner", field="to")
    with records.writing(actor):
        task: Task = records.locked(actor, entity_of(TASK), record.pk)
        require(actor, "change", task)
        values: dict[str, Any] = {"owner": number}
        if note.strip():
            values["description"] = f"{task.description}\n\n{note.strip()}".strip()
        try:
            changed: Task = records.update(actor, task, values, trusted=True)
        except Invalid as error:
            raise Invalid(error.message, code=error.code, field="to") from None
        if actor.user_id is not None and not allowed(actor, "view", changed):
            Collaborator.objects.get_or_create(
                entity=TASK,
                record_id=changed.pk,
                user_id=actor.user_id,
                defaults={"level": "read", "created_by_id": actor.user_id},
            )
    return changed


def task_tick(actor: Actor, record: Task, *, step: int, done: bool = True) -> Task:
    """Tick one step of the checklist (counted from 0), or untick it."""
    if not 0 <= int(step) < len(record.checklist):
        raise Invalid(_("There is no such step."), code="task.step", field="step")
    steps = [{**row, "done": done} if number == int(step) else row for number, row in enumerate(record.checklist)]
    changed: Task = records.update(actor, record, {"checklist": steps})
    return changed
