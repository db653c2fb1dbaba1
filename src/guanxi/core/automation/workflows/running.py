"""Runs of workflows: begun, gone on with, their tasks given to people and done, their timers kept."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from django.db import OperationalError, models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from guanxi.core import access, records
from guanxi.core.access.features import may_settings
from guanxi.core.automation.approvals import people
from guanxi.core.automation.notify import notify
from guanxi.core.automation.queue import defer_once
from guanxi.core.automation.rules import running as rules
from guanxi.core.automation.workflows import drawing
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.apart import apart, told
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound, RuleBroken
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models import AutomationRule, User, Workflow, WorkflowRun, WorkflowTask
from guanxi.core.models.fixed import Fixed
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.registry import entity_of, is_registered

logger = logging.getLogger("guanxi.workflows")

JOB = "guanxi.workflow_go"
SORT = "workflow"
ASKED = gettext_noop("Your task: %(task)s (%(record)s)")
#: Rounds of one going-on; a circle with neither a person nor a timer in it ends here.
MOST_ROUNDS = 200
#: Workflows that may be under way on one record.
MOST_OPEN = 20


def engine() -> Any:
    """The library that runs drawings, loaded when the first one runs."""
    from guanxi.core.automation.workflows import engine as found  # noqa: PLC0415 - heavy, and rarely needed

    return found


# -- beginning ---------------------------------------------------------------------------------------------------------


def start_by_hand(actor: Actor, key: str, record: Any) -> WorkflowRun:
    """Begin a workflow on a record one may change. Raises NotFound, Denied, RuleBroken."""
    access.require(actor, "change", record)
    workflow = Workflow.objects.filter(key=key, active=True, entity=entity_of(record).key).first()
    if workflow is None:
        raise NotFound(_("There is no such workflow in use."), code="workflow.unknown")
    run = begin(workflow, record.pk, cause="hand", by=actor.user_id)
    if run is None:
        raise RuleBroken(_("This workflow is already under way here."), code="workflow.under_way")
    return run


def begin(
    workflow: Workflow, record_id: int, *, cause: str, by: int | None, once: str | None = None, delay: bool = False
) -> WorkflowRun | None:
    """Begin a run and go on with it, at once or by a job; ``None`` when this workflow is under way on the record, or the
    same cause began one before.
    """
    with transaction.atomic():
        Workflow.objects.select_for_update().get(pk=workflow.pk)
        under_way = WorkflowRun.objects.filter(entity=workflow.entity, record_id=record_id, state="running")
        if under_way.filter(workflow=workflow).exists() or under_way.count() >= MOST_OPEN:
            return None
        if once is not None and WorkflowRun.objects.filter(once=once).exists():
            return None
        run = WorkflowRun.objects.create(
            workflow=workflow, version=workflow.version, xml=workflow.xml, entity=workflow.entity, record_id=record_id,
            by_id=by, cause=cause[:140], once=once,
        )  # fmt: skip
        if delay:
            _soon(run.pk)
        else:
            go(run.pk)
            run.refresh_from_db()
    return run


def record_of(run: WorkflowRun) -> Any:
    """The record of a run, ``None`` when it is gone."""
    if not is_registered(run.entity):
        return None
    return entity_of(run.entity).model._default_manager.filter(pk=run.record_id).first()


# -- going on ----------------------------------------------------------------------------------------------------------


def go(run_id: int) -> str:
    """Go on with a run as far as it goes without anybody; its state afterwards. Safe to call twice.

    All or nothing: a mistake takes everything of this going-on back and leaves the run as failed, to be tried again.
    One somebody is at is left to him: whatever he does goes on as far, and what is due afterwards is asked for again.
    """
    with transaction.atomic():
        run = _locked(run_id, skip=True)
        if run is None or run.state != "running":
            return run.state if run is not None else ""
        try:
            with transaction.atomic():
                _work(run, None, "")
        except OperationalError:  # a busy or lost database: the job is tried again
            raise
        except Exception as error:  # noqa: BLE001 - a run left as running could never be tried again
            _failed(run, error)
        return run.state


def _soon(run_id: int) -> None:
    defer_once(JOB, f"workflow:{run_id}", {"run_id": run_id})


def _locked(run_id: int, *, skip: bool = False) -> WorkflowRun | None:
    rows = WorkflowRun.objects.select_for_update(of=("self",), skip_locked=skip)
    return rows.select_related("workflow", "by").filter(pk=run_id).first()


def _failed(run: WorkflowRun, error: Exception) -> None:
    about = {"workflow": run.workflow.key, "run": run.pk, "reason": str(error)}
    logger.warning("a workflow fails", extra=about, exc_info=None if isinstance(error, GuanxiError) else error)
    WorkflowRun.objects.filter(pk=run.pk).update(state="failed", error=told(error)[:2000])
    run.refresh_from_db()


def _work(run: WorkflowRun, task: WorkflowTask | None, outcome: str) -> None:
    record = record_of(run)
    if record is None:
        _end(run, "stopped", _("The record is gone."))
        return
    spiff, shapes = engine(), drawing.shapes(run.xml)
    flow = spiff.restored(run.state_data, record) if run.state_data else spiff.begin(run.xml, record, {})
    if task is not None:
        _finish(spiff, flow, task, shapes, outcome)
    waiting: list[Any] = []
    for _round in range(MOST_ROUNDS):
        waiting = spiff.go_on(flow)
        services = [one for one in waiting if shapes[one.task_spec.bpmn_id].kind == "serviceTask"]
        if not services:
            break
        for one in services:
            _serve(run, shapes[one.task_spec.bpmn_id])
            record.refresh_from_db()
            one.run()
    else:
        raise RuleBroken(_("This workflow turns in a circle."), code="workflow.circle")
    _give(run, record, waiting, shapes)
    run.state_data, run.due_at, run.error = spiff.stored(flow), spiff.next_timer(flow), ""
    if flow.is_completed():
        run.state, run.finished_at, run.due_at = "done", clock.now(), None
    run.save()


def _finish(spiff: Any, flow: Any, task: WorkflowTask, shapes: Mapping[str, drawing.Shape], outcome: str) -> None:
    found = spiff.task_of(flow, task.token)
    if found is None:
        raise RuleBroken(_("This task is over."), code="workflow.task_over")
    if shapes[task.element].outcomes:
        found.data.update({"outcome": outcome, task.element.lower(): outcome})
    found.run()


def _serve(run: WorkflowRun, shape: drawing.Shape) -> None:
    """Carry out a service task: the steps of a rule, with the rule's rights. Raises RuleBroken when they fail."""
    rule = AutomationRule.objects.filter(key=shape.rule, entity=run.entity).first()
    if rule is None:
        raise RuleBroken(_("The rule of “%(name)s” is gone.") % {"name": shape.name or shape.id}, code="workflow.rule")
    made = rules.start(rule, run.record_id, cause=f"workflow:{run.pk}", by=run.by_id, delay=False)
    if made is not None and made.state == "running":
        rules.work(made)
    if made is not None and made.state in ("failed", "stopped"):
        text = _("“%(name)s”: %(reason)s") % {"name": shape.name or rule.name_zh, "reason": made.error}
        raise RuleBroken(text, code="workflow.service")


def _give(run: WorkflowRun, record: Any, waiting: list[Any], shapes: Mapping[str, drawing.Shape]) -> None:
    """Tasks that wait become to-dos; those that wait no longer go."""
    tokens = {str(one.id): one for one in waiting}
    known = set(run.tasks.values_list("token", flat=True))
    run.tasks.filter(state="open").exclude(token__in=tokens).update(state="gone", done_at=clock.now())
    for token, one in tokens.items():
        if token in known:
            continue
        shape = shapes[one.task_spec.bpmn_id]
        task = WorkflowTask.objects.create(
            run=run,
            token=token,
            element=shape.id,
            name=shape.name,
            name_en=shape.name_en,
            people=whom(run, record, shape),
        )
        _tell(task, record)


def _tell(task: WorkflowTask, record: Any) -> None:
    said = {"task": {"zh": task.name, "en": task.name_en}}
    notify(task.people, SORT, ASKED, said, record=record, once=f"workflow:{task.run_id}:{task.token}")


def whom(run: WorkflowRun, record: Any, shape: drawing.Shape) -> list[int]:
    """Who does a task: the people its drawing names, seen from the owner of the record; nobody found: administrators."""
    entity = entity_of(run.entity)
    owner = getattr(record, entity.access.owner, None) if entity.access.owner else None
    applicant = owner or run.by or User()
    found: dict[int, None] = {}
    for one in shape.who:
        if one.get("kind") == "starter":
            if run.by is not None and run.by.is_active:
                found.setdefault(run.by.pk)
        elif applicant.pk or one.get("kind") in ("role", "people", "field"):
            for number in people.find([one], applicant, record):
                found.setdefault(number)
    now = clock.now()
    chosen = list(dict.fromkeys(people.stand_in(number, now) for number in found))
    return chosen or people.administrators()


def _end(run: WorkflowRun, state: str, reason: str = "") -> None:
    run.tasks.filter(state="open").update(state="gone", done_at=clock.now())
    run.state, run.error, run.finished_at, run.due_at = state, reason, clock.now(), None
    run.save()


# -- people ------------------------------------------------------------------------------------------------------------


def mine(actor: Actor) -> models.QuerySet[WorkflowTask]:
    """What waits for the actor, oldest first."""
    rows = WorkflowTask.objects.filter(state="open", run__state="running", people__contains=[actor.user_id or 0])
    return rows.select_related("run__workflow").order_by("made_at", "pk")


_WAITING = Fixed(
    lambda user_id: WorkflowTask.objects.filter(
        state="open", run__state="running", people__contains=[user_id]
    ).values_list("pk")[:99],
    [-1],
)


@asked_once(lambda actor: actor.user_id)
def waiting_count(actor: Actor) -> int:
    """How many tasks wait for the actor, 99 at most; the number in the navigation of every page."""
    return len(_WAITING.rows(actor.user_id or 0))


def may_see(actor: Actor, run: WorkflowRun) -> bool:
    """Whether the actor sees the run: he sees its record, has a task in it, or keeps the settings."""
    record = record_of(run)
    if record is not None and access.allowed(actor, "view", record):
        return True
    return may_settings(actor) or run.tasks.filter(people__contains=[actor.user_id or 0]).exists()


def task_for(actor: Actor, task_id: int) -> WorkflowTask:
    """An open task of the actor's, or of anybody's for who keeps the settings. Raises NotFound."""
    task = WorkflowTask.objects.select_related("run__workflow").filter(pk=task_id).first()
    if task is None or not ((actor.user_id or 0) in task.people or actor.rights.everything):
        raise NotFound(code="workflow.task")
    return task


def task_done(actor: Actor, task_id: int, values: Mapping[str, Any], outcome: str = "") -> WorkflowTask:
    """Finish a task: write the fields it asks for, remember how it ended, go on. Raises Denied, Invalid, RuleBroken."""
    task = task_for(actor, task_id)
    with writing(actor):
        run = _locked(task.run_id)
        task = WorkflowTask.objects.select_for_update(of=("self",)).get(pk=task.pk)
        if run is None or task.state != "open" or run.state != "running":
            raise RuleBroken(_("This task is over."), code="workflow.task_over")
        shape = drawing.shapes(run.xml)[task.element]
        if shape.outcomes and outcome not in {one.key for one in shape.outcomes}:
            raise Invalid(_("Choose how it ends."), code="workflow.outcome", field="outcome")
        record = record_of(run)
        given = {name: value for name, value in values.items() if name in shape.fields}
        if given and record is not None:
            records.update(actor, record, given)
        task.state, task.done_at, task.done_by_id, task.outcome = "done", clock.now(), actor.user_id, outcome
        task.save()
        _work(run, task, outcome)
        if record is not None:
            emit(actor, "workflow_task_done", record, {"workflow": [None, run.workflow.key], "task": [None, task.name]})
    return task


def stop(actor: Actor, run: WorkflowRun) -> None:
    """End a run before its end; for who began it, and who keeps the settings. Raises Denied, RuleBroken."""
    if not (may_settings(actor) or (run.by_id is not None and run.by_id == actor.user_id)):
        raise NotFound
    with writing(actor):
        found = _locked(run.pk)
        if found is None or found.state not in ("running", "failed"):
            raise RuleBroken(_("This run is over."), code="workflow.over")
        _end(found, "stopped", _("ended by %(name)s") % {"name": actor.name})


def again(actor: Actor, run: WorkflowRun) -> None:
    """Let a failed run go on from where it stood."""
    with writing(actor):
        if not WorkflowRun.objects.filter(pk=run.pk, state="failed").update(state="running", error=""):
            raise RuleBroken(_("Only what failed can be tried again."), code="workflow.not_failed")
        _soon(run.pk)


# -- the clock ---------------------------------------------------------------------------------------------------------


def look(now: dt.datetime) -> int:
    """Go on with runs whose timer is over, and give tasks of people who left to others. Returns how many went on."""
    due = WorkflowRun.objects.filter(state="running", due_at__lte=now).order_by("due_at", "pk")
    ids = list(due.values_list("pk", flat=True)[:1000])
    for number in ids:
        _soon(number)
    _hand_on()
    return len(ids)


def _hand_on() -> None:
    """Tasks nobody of whom is active any more go to whoever would get them today."""
    active = set(User.objects.filter(is_active=True).values_list("pk", flat=True))
    rows = WorkflowTask.objects.filter(state="open", run__state="running").select_related("run__workflow", "run__by")
    for task in rows:
        if not active & set(task.people):
            with apart(logger, "a task could not be handed on", task=task.pk), transaction.atomic():
                record = record_of(task.run)
                if record is not None:
                    task.people = whom(task.run, record, drawing.shapes(task.run.xml)[task.element])
                    task.save(update_fields=["people"])
                    _tell(task, record)
