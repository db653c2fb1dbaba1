"""A request on its way: sending it, asking the people of a step, going on when a step is done, carrying it out."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from guanxi.core.access import actors, allowed, require
from guanxi.core.automation.approvals import flows, people
from guanxi.core.automation.approvals.path import Step, step_from
from guanxi.core.automation.notify import notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.kernel.working_time import add_working_time
from guanxi.core.models import Approval, ApprovalEntry, ApprovalTurn, Collaborator, User
from guanxi.core.records import saving, worktime
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered

logger = logging.getLogger("guanxi.approvals")

ASKED = gettext_noop("%(by)s asks you to approve: %(record)s")
COPIED = gettext_noop("For your information, approval of %(record)s")
DECIDED = {
    "approved": gettext_noop("Approved: %(record)s"),
    "rejected": gettext_noop("Rejected: %(record)s"),
    "returned": gettext_noop("Returned for change: %(record)s"),
    "failed": gettext_noop("Approved, but it could not be carried out: %(record)s"),
}
SORT = "approval"
OPEN = ("waiting", "asked")

#: How actions on no single record are carried out: ``(actor, entity key, values)``.
DOERS: dict[str, Callable[[Actor, str, Mapping[str, Any]], None]] = {}

_passing: ContextVar[bool] = ContextVar("guanxi_approved", default=False)


@contextmanager
def passing() -> Iterator[None]:
    """Within the block the gate lets every write through: it carries out, or tries, what is or would be approved."""
    token = _passing.set(True)
    try:
        yield
    finally:
        _passing.reset(token)


def is_passing() -> bool:
    """Whether a write carries out what was approved."""
    return _passing.get()


def note(approval: Approval, user_id: int | None, verb: str, comment: str = "", **details: Any) -> None:
    """Put what somebody did into the history."""
    ApprovalEntry.objects.create(
        approval=approval, entity=approval.entity, record_id=approval.record_id, at=clock.now(), user_id=user_id,
        verb=verb, comment=comment, details=details,
    )  # fmt: skip


def record_of(approval: Approval) -> Any:
    """The record it is about, ``None`` when there is none (any more)."""
    if approval.record_id is None or not is_registered(approval.entity):
        return None
    return entity_of(approval.entity).model._default_manager.filter(pk=approval.record_id).first()


def send(actor: Actor, approval: Approval, path: Iterable[Step], comment: str = "") -> None:
    """Send a request along its path, from the first step. Within ``writing``."""
    approval.path = [step.stored() for step in path]
    approval.state, approval.step, approval.sent_at, approval.decided_at = "pending", -1, clock.now(), None
    approval.note = comment
    approval.save()
    note(approval, actor.user_id, "sent" if approval.round == 1 else "sent_again", comment)
    advance(approval)


def advance(approval: Approval, start: int | None = None) -> None:
    """Go to the next step that asks somebody (or to ``start``); after the last one the request is approved."""
    number = approval.step + 1 if start is None else start
    while number < len(approval.path):
        step = step_from(approval.path[number])
        approval.step = number
        approval.save(update_fields=["step"])
        _plan_turns(approval, step)
        ask_next(approval)
        if approval.turns.filter(round=approval.round, step=number, state__in=OPEN).exists():
            return
        _copies(approval, step)
        number += 1
    finish(approval, "approved")


def _plan_turns(approval: Approval, step: Step) -> None:
    """A turn for everyone in the step; those who approved before in this round, and the applicant if so ruled, pass."""
    before = set(approval.turns.filter(round=approval.round, state="approved").values_list("user_id", flat=True))
    options = approval.flow.options if approval.flow else {}
    own = options.get("self", "superior") == "pass"
    repeat = options.get("repeat", "pass") == "pass"
    active = set(User.objects.filter(pk__in=step.users, is_active=True).values_list("pk", flat=True))
    chosen = [user for user in step.users if user in active] or (people.administrators() if step.users else [])
    for position, user_id in enumerate(chosen):
        stands = people.stand_in(user_id, clock.now(), but=approval.applicant_id)
        auto = (repeat and stands in before) or (own and stands == approval.applicant_id)
        ApprovalTurn.objects.create(
            approval=approval, round=approval.round, step=approval.step, position=position, user_id=stands,
            behalf_id=user_id if stands != user_id else None, state="auto" if auto else "waiting",
            decided_at=clock.now() if auto else None,
        )  # fmt: skip
        if auto:
            note(approval, stands, "auto")
    if step.mode == "any" and approval.turns.filter(round=approval.round, step=approval.step, state="auto").exists():
        approval.turns.filter(round=approval.round, step=approval.step, state="waiting").update(state="skipped")


def ask_next(approval: Approval) -> None:
    """Ask those of the present step whose turn it is: everybody, or the next in order."""
    step = step_from(approval.path[approval.step])
    waiting = list(approval.turns.filter(round=approval.round, step=approval.step, state="waiting"))
    if step.mode == "order":
        asked = approval.turns.filter(round=approval.round, step=approval.step, state="asked").exists()
        waiting = [] if asked else waiting[:1]
    for turn in waiting:
        ask(approval, turn, step)


def ask(approval: Approval, turn: ApprovalTurn, step: Step) -> None:
    """Ask one person: he may see the record, has a deadline in his own working time, and is told."""
    now = clock.now()
    turn.state, turn.asked_at = "asked", now
    turn.due_at = due_at(turn.user_id, now, step.hours)
    turn.save(update_fields=["state", "asked_at", "due_at"])
    let_see(approval, turn.user_id)
    tell(approval, [turn.user_id], ASKED, by=approval.applicant_id, once=f"approval:{turn.pk}")


def due_at(user_id: int, start: dt.datetime, hours: float) -> dt.datetime | None:
    """When a step's hours of the person's working time have passed; ``None`` without a deadline."""
    if not hours:
        return None
    try:
        return add_working_time(start, dt.timedelta(hours=hours), worktime.calendar_of_user(user_id))
    except GuanxiError:
        return start + dt.timedelta(hours=hours)


def hidden_from(approval: Approval, user_id: int) -> Any:
    """The record it is about where the person may not see it; ``None`` where he may, or there is none."""
    record, user = record_of(approval), User.objects.filter(pk=user_id).first()
    if record is None or user is None or allowed(actors.load(user, via="job"), "view", record):
        return None
    return record


def let_see(approval: Approval, user_id: int, *, by: int | None = None) -> None:
    """Whoever decides sees what he decides about: a share to read where he has no right of his own."""
    record = hidden_from(approval, user_id)
    if record is None:
        return
    Collaborator.objects.get_or_create(
        entity=approval.entity, record_id=record.pk, user_id=user_id,
        defaults={"level": "read", "created_by_id": by or approval.applicant_id},
    )  # fmt: skip


def tell(approval: Approval, users: Iterable[int], text: str, *, by: int | None = None, once: str = "") -> None:
    """Notify people about a request, leading to its record."""
    record = record_of(approval)
    if record is None:
        what = {"record": str(flows.action_label(approval.entity, approval.action))}
        notify(users, SORT, text, what, by=by, once=once)
        return
    notify(users, SORT, text, record=record, by=by, once=once)


def _copies(approval: Approval, step: Step) -> None:
    for user_id in step.copies:
        _turn, made = ApprovalTurn.objects.get_or_create(
            approval=approval, round=approval.round, step=approval.step, user_id=user_id, copy=True,
            defaults={"state": "skipped", "asked_at": clock.now()},
        )  # fmt: skip
        if made:
            let_see(approval, user_id)
            tell(approval, [user_id], COPIED, by=approval.applicant_id)


def step_done(approval: Approval) -> bool:
    """Whether the present step has what it needs."""
    step = step_from(approval.path[approval.step])
    turns = approval.turns.filter(round=approval.round, step=approval.step, copy=False)
    if step.mode == "any":
        return turns.filter(state__in=("approved", "auto")).exists()
    return not turns.filter(state__in=OPEN).exists()


def go_on(approval: Approval) -> None:
    """After somebody approved: ask the next in order, or leave the step when it is done."""
    if not step_done(approval):
        ask_next(approval)
        return
    close_step(approval)
    _copies(approval, step_from(approval.path[approval.step]))
    advance(approval)


def close_step(approval: Approval) -> None:
    """Nobody else of the present step is asked any more."""
    approval.turns.filter(round=approval.round, state__in=OPEN).update(state="skipped", link_digest="")


def finish(approval: Approval, state: str) -> None:
    """End a request; an approved action is carried out in the applicant's name, in the same transaction."""
    close_step(approval)
    approval.state, approval.decided_at = state, clock.now()
    if state == "approved":
        approval.error = _carry_out(approval)
        if approval.error:
            approval.state = "failed"
            note(approval, None, "failed", approval.error)
    approval.save(update_fields=["state", "decided_at", "error", "used_at"])
    if approval.state in DECIDED:
        tell(approval, [approval.applicant_id], DECIDED[approval.state])
    emit(
        system_actor("approvals"),
        "approval_decided",
        entity=approval.entity,
        record_id=approval.record_id,
        changes={"approval": [None, approval.pk], "action": [None, approval.action], "state": [None, approval.state]},
    )


def _carry_out(approval: Approval) -> str:
    """Do what was approved; why not, if it cannot be done any more ('' when it was)."""
    actor = actors.load(approval.applicant, via="job")
    try:
        with transaction.atomic(), passing(), writing(actor):
            if perform(actor, approval.entity, approval.record_id, approval.action, approval.values):
                approval.used_at = clock.now()
    except GuanxiError as error:
        logger.info("an approved action failed", extra={"approval": approval.pk, "reason": str(error)})
        return str(error)
    return ""


def require_right(actor: Actor, entity: Entity, action: str, record: Any) -> None:
    """Ask for the right an action takes, when it is sent and again when it is carried out.

    A change is left to the write path, which asks by field. Who made a record sends it, whosever it is.
    """
    if action == "change":
        return
    own = action == "create" and Approval.objects.filter(
        entity=entity.key, record_id=getattr(record, "pk", None), action="create", applicant_id=actor.user_id
    )
    require(actor, flows.right_of(entity.key, action), entity if record is None or (own and own.exists()) else record)


def perform(actor: Actor, entity: str, record_id: int | None, action: str, values: Mapping[str, Any]) -> bool:
    """Carry out an action on a record; whether there was anything to do (areas may do theirs on the event)."""
    declared = entity_of(entity)
    record = saving.locked(actor, declared, record_id) if record_id is not None else None
    require_right(actor, declared, action, record)
    own = flows.registered(entity, action)
    if own is not None:
        if own.apply is None:
            return False
        own.apply(actor, record, values)
        return True
    if action == "change":
        saving.update(actor, record, values)
        return True
    if action == "delete":
        saving.delete(actor, record)
        return True
    if record_id is None and action in DOERS:
        DOERS[action](actor, entity, values)
        return True
    doing = next((one for one in declared.actions if one.key == action), None)
    if doing is None:
        return False
    doing.do(actor, record, values)
    return True
