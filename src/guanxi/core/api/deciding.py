"""Approvals and tasks of workflows over the API: what waits for the caller, sending, deciding, doing."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Body, NinjaAPI, Schema
from pydantic import Field

from guanxi.core import records
from guanxi.core.api import answers, routes
from guanxi.core.automation.approvals import deciding, history
from guanxi.core.automation.workflows import drawing, running, store
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Approval, User, WorkflowRun, WorkflowTask
from guanxi.core.schema.registry import entity_of

Answering = Callable[..., HttpResponse]
MOST = 200
Verb = Literal["approve", "reject", "return", "transfer", "add", "add-after", "copy", "recall", "remind"]


class ApprovalIn(Schema):
    """An action to send for approval; without a record for one on many, such as an export."""

    entity: str
    record: int | None = None
    action: str = Field(description="change, delete, export, or an action of the entity")
    values: dict[str, Any] = Field(default_factory=dict)
    comment: str = ""


class DecisionIn(Schema):
    """What to say with a decision; ``user`` is a username, for transfer, add and copy; ``to`` a step to go back to."""

    comment: str = ""
    user: str = ""
    to: int | None = None


class TaskIn(Schema):
    """How a task ended, and the fields it asks for."""

    values: dict[str, Any] = Field(default_factory=dict)
    outcome: str = ""


class BeginIn(Schema):
    """The record a workflow begins on."""

    record: int


def _approval(actor: Actor, one: Approval, *, whole: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": one.pk,
        "entity": one.entity,
        "record": one.record_id,
        "title": history.title_of(actor, one),
        "action": one.action,
        "flow": one.flow.key if one.flow else None,
        "state": one.state,
        "applicant": one.applicant.username,
        "changes": [
            {"field": label, "before": old, "after": new} for label, old, new in history.changes_of(actor, one)
        ],
    }
    if whole:
        found["entries"] = [
            {
                "verb": each.verb,
                "user": each.user.username if each.user else None,
                "comment": each.comment,
                "at": each.at,
            }
            for each in history.entries_of(actor, one)
        ]
    return found


def _user(name: str) -> User:
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise Invalid(_("Choose a person."), code="value.required", field="user")
    return found


def _decide(actor: Actor, number: int, verb: str, sent: DecisionIn) -> None:
    doings: Mapping[str, Callable[[], Any]] = {
        "approve": lambda: deciding.approve(actor, number, sent.comment),
        "reject": lambda: deciding.reject(actor, number, sent.comment, to=sent.to),
        "return": lambda: deciding.send_back(actor, number, sent.comment),
        "transfer": lambda: deciding.transfer(actor, number, _user(sent.user), sent.comment),
        "add": lambda: deciding.add_signer(actor, number, _user(sent.user), sent.comment, first=True),
        "add-after": lambda: deciding.add_signer(actor, number, _user(sent.user), sent.comment, first=False),
        "copy": lambda: deciding.copy_to(actor, number, _user(sent.user)),
        "recall": lambda: deciding.recall(actor, number),
        "remind": lambda: deciding.remind(actor, number),
    }
    doings[verb]()


def _run(run: WorkflowRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "workflow": run.workflow.key,
        "version": run.version,
        "entity": run.entity,
        "record": run.record_id,
        "state": run.state,
        "error": run.error,
        "started_at": run.started_at,
        "due_at": run.due_at,
    }


def _task(task: WorkflowTask) -> dict[str, Any]:
    asked = drawing.shapes(task.run.xml)[task.element]
    return {
        "id": task.pk,
        "name": task.title,
        "help": asked.about,
        "state": task.state,
        "fields": list(asked.fields),
        "outcomes": [{"key": each.key, "label": each.text} for each in asked.outcomes],
        "outcome": task.outcome,
        "made_at": task.made_at,
        "run": _run(task.run),
    }


def _routes(api: NinjaAPI, tag: str) -> Callable[..., Callable[[Answering], Answering]]:
    def route(path: str, name: str, summary: str, *, post: bool = False) -> Callable[[Answering], Answering]:
        method = api.post if post else api.get
        decorate: Callable[[Answering], Answering] = method(
            path, response={200: dict, **routes.PROBLEMS}, operation_id=name, summary=summary, tags=[tag]
        )
        return decorate

    return route


def add_deciding(api: NinjaAPI) -> None:
    """Routes of approvals, and of the runs and tasks of workflows."""
    _add_approvals(_routes(api, "approvals"))
    _add_tasks(_routes(api, "workflows"))


def _add_approvals(route: Callable[..., Callable[[Answering], Answering]]) -> None:
    @route("/approvals", "approval_list", "What waits for the caller, or was sent, decided by him or copied to him")
    def listing(request: HttpRequest, show: Literal["waiting", "sent", "done", "copies"] = "waiting") -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            if show == "waiting":
                found = [turn.approval for turn in history.waiting_for(actor)[:MOST]]
            elif show == "sent":
                found = list(history.sent_by(actor)[:MOST])
            else:
                found = list(history.seen_by(actor, copies=show == "copies")[:MOST])
            return answers.reply({"items": [_approval(actor, one) for one in found]})

        return routes.guarded(request, handler)

    @route("/approvals", "approval_send", "Send an action for approval", post=True)
    def send(request: HttpRequest, payload: Body[ApprovalIn]) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            entity = entity_of(payload.entity)
            if payload.record is not None:
                records.get(actor, entity, payload.record)
            made = deciding.submit(actor, entity.key, payload.record, payload.action, payload.values, payload.comment)
            return answers.reply(_approval(actor, made, whole=True))

        return routes.guarded(request, handler)

    @route("/approvals/{int:number}", "approval_get", "One request with everything that was said")
    def one(request: HttpRequest, number: int) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            return answers.reply(_approval(actor, history.get(actor, number), whole=True))

        return routes.guarded(request, handler)

    @route(
        "/approvals/{int:number}/{verb}",
        "approval_decide",
        "Decide, pass on, take back or remind",
        post=True,
    )
    def decide(request: HttpRequest, number: int, verb: Verb, payload: Body[DecisionIn]) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            history.get(actor, number)
            _decide(actor, number, verb, payload)
            return answers.reply(_approval(actor, Approval.objects.get(pk=number), whole=True))

        return routes.guarded(request, handler)


def _add_tasks(route: Callable[..., Callable[[Answering], Answering]]) -> None:
    @route("/workflow-tasks", "workflow_task_list", "Tasks that wait for the caller")
    def tasks(request: HttpRequest) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            return answers.reply({"items": [_task(each) for each in running.mine(actor)[:MOST]]})

        return routes.guarded(request, handler)

    @route("/workflow-tasks/{int:number}/done", "workflow_task_done", "Finish a task", post=True)
    def finish(request: HttpRequest, number: int, payload: Body[TaskIn]) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            running.task_done(actor, number, payload.values, payload.outcome)
            found = WorkflowTask.objects.select_related("run__workflow").get(pk=number)
            return answers.reply(_task(found))

        return routes.guarded(request, handler)

    @route("/workflows/{key}/begin", "workflow_begin", "Begin a workflow on a record", post=True)
    def begin(request: HttpRequest, key: str, payload: Body[BeginIn]) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            record = records.get(actor, entity_of(store.entity_for(key)), payload.record)
            return answers.reply(_run(running.start_by_hand(actor, key, record)))

        return routes.guarded(request, handler)
