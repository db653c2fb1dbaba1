"""A run on its drawing, the tasks of a person, beginning one from a record."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.access.features import may_settings
from guanxi.core.automation.workflows import drawing, running, store
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models import User, WorkflowRun, WorkflowTask
from guanxi.core.records import display, shape, values
from guanxi.core.schema.registry import entity_at, entity_of
from guanxi.core.web import addresses
from guanxi.core.web.forms import choosing, saving
from guanxi.core.web.people.common import done, errors_of, show
from guanxi.core.web.record.common import done as answered
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, page_view
from guanxi.core.web.workflows.words import drawn

COLORS = {"running": "blue", "done": "green", "failed": "red", "stopped": "slate"}
SHOWN = 100
ON_CARD = 6


@asked_once(lambda actor: actor.user_id)
def waiting_count(actor: Actor) -> int:
    """How many tasks of workflows wait for the actor."""
    return running.waiting_count(actor)


def lines(actor: Actor, most: int) -> list[dict[str, Any]]:
    """The actor's tasks with what they are about."""
    return [
        {"task": task, "about": _about(actor, task.run)[0], "flow": store.name_of(task.run.workflow)}
        for task in running.mine(actor)[:most]
    ]


def card(actor: Actor) -> dict[str, Any] | None:
    """The card of Today; nobody sees it for whom nothing waits."""
    waiting = waiting_count(actor)
    return {"lines": lines(actor, ON_CARD), "count": waiting} if waiting else None


def strip(actor: Actor, record: Any) -> list[dict[str, Any]]:
    """What is under way on a record, for its page."""
    entity = entity_of(record)
    if not store.known_about(entity.key):
        return []
    rows = WorkflowRun.objects.filter(entity=entity.key, record_id=record.pk).exclude(state="stopped")
    open_first = rows.select_related("workflow").order_by("finished_at", "-id").prefetch_related("tasks")[:3]
    mine = actor.user_id or 0
    return [
        {
            "run": run,
            "name": store.name_of(run.workflow),
            "color": COLORS[run.state],
            "tasks": [
                (task, _names(task.people), mine in task.people) for task in run.tasks.all() if task.state == "open"
            ],
        }
        for run in open_first
    ]


def _names(ids: list[int]) -> str:
    return _(", ").join(User.everything.filter(pk__in=ids[:5]).values_list("name", flat=True))


def _seen(actor: Actor, run: WorkflowRun) -> Any:
    """The record a run is about; ``None`` when it is gone, or not for the actor."""
    record = running.record_of(run)
    return record if record is not None and access.allowed(actor, "view", record) else None


def _about(actor: Actor, run: WorkflowRun) -> tuple[str, str]:
    """The record a run is about, and its address; only a number for who may not see it."""
    record = _seen(actor, run)
    if record is None:
        return f"#{run.record_id}", ""
    entity = entity_of(run.entity)
    return display.title_of(entity, record, actor), addresses.record_url(entity, record.pk)


@page_view()
def tasks(request: HttpRequest) -> HttpResponseBase:
    """What waits for me in workflows."""
    actor = actor_of(request)
    return show(request, "workflows/tasks.jinja", {"title": _("Tasks of workflows"), "lines": lines(actor, SHOWN)})


@page_view("GET", "POST")
def task(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One task: what to know, the fields it asks for, a button for each way it may end."""
    actor = actor_of(request)
    found = running.task_for(actor, pk)
    asked = drawing.shapes(found.run.xml)[found.element]
    record = _seen(actor, found.run)
    error: GuanxiError | None = None
    if request.method == "POST":
        entity = entity_of(found.run.entity)
        try:
            sent = saving.sent(actor, entity, request.POST, names=asked.fields)
            running.task_done(actor, pk, sent.values, request.POST.get("outcome", ""))
            return done(request, _after(actor, found), _("“%(name)s” is done.") % {"name": found.title})
        except GuanxiError as caught:
            error = caught
    about, address = _about(actor, found.run)
    context = {
        "title": found.title,
        "task": found,
        "shape": asked,
        "flow": store.name_of(found.run.workflow),
        "about": about,
        "address": address,
        "inputs": _inputs(request, actor, record, asked, error) if record is not None else (),
        "hidden": record is None and bool(asked.fields),
        "problem": error.message if error is not None and not (isinstance(error, Invalid) and error.errors) else "",
        "over": found.state != "open",
    }
    return show(request, "workflows/task.jinja", context, error)


def _after(actor: Actor, found: WorkflowTask) -> str:
    following = running.mine(actor).filter(run_id=found.run_id).first()
    if following is not None:
        return f"/workflows/tasks/{following.pk}/"
    return _about(actor, found.run)[1] or "/workflows/tasks/"


def _inputs(
    request: HttpRequest, actor: Actor, record: Any, asked: drawing.Shape, error: GuanxiError | None
) -> list[Any]:
    """The fields of the task that the actor may write, as they stand or were typed."""
    entity = entity_of(record)
    fields = {name: one for name, one in shape.writable(actor, entity).items() if name in asked.fields}
    held = {name: values.current(record, one) for name, one in fields.items()}
    if error is not None:
        held |= dict(saving.sent(actor, entity, request.POST, names=asked.fields).values)
    made = choosing.inputs(
        actor, entity, list(fields.values()), held, errors=errors_of(error) if error else {}, record=record
    )
    return [made[name] for name in asked.fields if name in made]


@page_view("GET", "POST")
def run(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One run, coloured on its drawing; ended or tried again by who may."""
    actor = actor_of(request)
    found = WorkflowRun.objects.select_related("workflow", "by").filter(pk=pk).first()
    if found is None or not running.may_see(actor, found):
        raise NotFound
    if request.method == "POST":
        if request.POST.get("do") == "again" and may_settings(actor):
            running.again(actor, found)
            return done(request, request.path, _("It is tried again."))
        running.stop(actor, found)
        return done(request, request.path, _("The run was ended."))
    about, address = _about(actor, found)
    record = running.record_of(found)
    engine = running.engine()
    marks = engine.marks(engine.restored(found.state_data, record)) if found.state_data else {}
    context = {
        "title": f"{store.name_of(found.workflow)}: {about}",
        "run": found,
        "name": store.name_of(found.workflow),
        "about": about,
        "address": address,
        "color": COLORS[found.state],
        "marks": marks,
        "xml": drawing.spoken(found.xml),
        "tasks": [(one, _names(one.people)) for one in found.tasks.select_related("done_by").order_by("made_at", "pk")],
        "labels": {
            name: {each.key: each.text for each in one.outcomes} for name, one in drawing.shapes(found.xml).items()
        },
        "may_stop": found.state in ("running", "failed") and (may_settings(actor) or found.by_id == actor.user_id),
        "may_again": found.state == "failed" and may_settings(actor),
    }
    return drawn(show(request, "workflows/run.jinja", context))


@page_view("POST")
def begin(request: HttpRequest, key: str, path: str, pk: int) -> HttpResponseBase:
    """Begin a workflow from a record's menu."""
    actor, entity = actor_of(request), entity_at(path)
    record = records.get(actor, entity, pk)
    made = running.start_by_hand(actor, key, record)
    text = _("“%(name)s” has begun.") % {"name": store.name_of(made.workflow)}
    return answered(
        request, toast(text), go=addresses.record_url(entity, pk), events={"gx:close": {}, "gx:refresh": {}}
    )
