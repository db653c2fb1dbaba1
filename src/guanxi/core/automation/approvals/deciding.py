"""What people do with a request: send, approve, reject, return, transfer, add a signer, copy, recall, remind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from guanxi.core import access
from guanxi.core.access import actors
from guanxi.core.automation.approvals import flows, path, running
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound, RuleBroken
from guanxi.core.models import Approval, ApprovalFlow, ApprovalTurn, User
from guanxi.core.records import saving
from guanxi.core.records.writing import writing
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

REMIND = gettext_noop("%(by)s reminds you to decide: %(record)s")
HANDED = gettext_noop("%(by)s passed an approval on to you: %(record)s")


class _Undone(Exception):
    """Takes a trial back."""


def attempt(
    actor: Actor, entity: str, record_id: int | None, action: str, values: Mapping[str, Any]
) -> tuple[ApprovalFlow | None, tuple[path.Step, ...], dict[str, Any]]:
    """What an action would need, found by trying it and taking it back: the flow, the path, what it would change.

    Raises what the action itself raises: values nobody may set, rights the actor has not.
    """
    result: tuple[ApprovalFlow | None, tuple[path.Step, ...], dict[str, Any]] = (None, (), {})
    declared = entity_of(entity)
    applicant = saving.user_of(actor)
    try:
        with transaction.atomic(), running.passing():
            record = saving.locked(actor, declared, record_id) if record_id is not None else None
            if record is None and action not in running.DOERS:
                raise NotFound
            running.require_right(actor, declared, action, record)
            _require_known(declared, action, values)
            before: dict[str, Any] = {}
            if action == "change":
                old = {name: record_value(record, name) for name in values}
                record = saving.update(actor, record, values)
                before = {name: value for name, value in old.items() if value != record_value(record, name)}
            flow = flows.needed(actor, entity, record_id, action, tuple(before))
            steps = path.plan(actor, flow, applicant, entity, record) if flow is not None else ()
            result = (flow, steps, before)
            raise _Undone
    except _Undone:
        return result


def _require_known(entity: Entity, action: str, values: Mapping[str, Any]) -> None:
    """An action of the entity is given what it asks for and nothing else."""
    doing = next((one for one in entity.actions if one.key == action), None)
    if doing is None or flows.registered(entity.key, action) is not None:
        return
    for name in values:
        if name not in {one.name if hasattr(one, "name") else str(one) for one in doing.fields}:
            raise Invalid(_("There is no field “%(name)s”.") % {"name": name}, code="field.unknown", field=name)


def record_value(record: Any, name: str) -> Any:
    """A field's value as JSON."""
    value = (
        (record.custom or {}).get(name.removeprefix("custom."))
        if name.startswith("custom.")
        else getattr(record, f"{name}_id" if hasattr(record, f"{name}_id") else name, None)
    )
    return kinds.json_of(value)


def submit(
    actor: Actor,
    entity: str,
    record_id: int | None,
    action: str,
    values: Mapping[str, Any] | None = None,
    comment: str = "",
) -> Approval:
    """Send an action to those who decide. Raises RuleBroken when it needs no approval, or another one is under way."""
    given = dict(values or {})
    flow, steps, before = attempt(actor, entity, record_id, action, given)
    if flow is None:
        raise RuleBroken(_("This needs no approval; it can be done at once."), code="approval.not_needed")
    return start(actor, flow, steps, entity, record_id, action, given, before, comment)


def start(
    actor: Actor, flow: ApprovalFlow, steps: tuple[path.Step, ...], entity: str, record_id: int | None, action: str,
    values: Mapping[str, Any], before: Mapping[str, Any], comment: str = "",
) -> Approval:  # fmt: skip
    """Store and send a request. One at a time per record."""
    stored = {name: kinds.json_of(value) for name, value in values.items()}
    with writing(actor):
        if (
            record_id is not None
            and Approval.objects.filter(entity=entity, record_id=record_id, state="pending").exists()
        ):
            raise RuleBroken(_("Another approval of this record is under way."), code="approval.pending")
        draft = Approval.objects.filter(
            entity=entity, record_id=record_id, action=action, state__in=("draft", "returned"), applicant_id=actor.user_id
        ).order_by("-id").first() if record_id is not None else None  # fmt: skip
        approval = draft or Approval(entity=entity, record_id=record_id, action=action, applicant=saving.user_of(actor))
        if draft is not None and draft.state == "returned":
            approval.round += 1
        approval.flow, approval.values, approval.before = flow, stored, dict(before)
        try:
            with transaction.atomic():
                running.send(actor, approval, steps, comment.strip()[:2000])
        except IntegrityError:
            raise RuleBroken(_("Another approval of this record is under way."), code="approval.pending") from None
    return approval


def require(
    actor: Actor, record: Any, action: str, values: Mapping[str, Any] | None = None, comment: str = ""
) -> Approval | None:
    """Ask whether an action of an area may be done now: ``None`` when it needs no approval or has it, else the request.

    The request is sent if there was none with the same values. An approved one serves once. When it is decided, the
    registered ``apply`` has run and ``<entity>.approval_decided`` is announced.
    """
    if running.is_passing() or actor.user_id is None:
        return None
    entity = entity_of(record)
    stored = {name: kinds.json_of(value) for name, value in (values or {}).items()}
    known = Approval.objects.filter(entity=entity.key, record_id=record.pk, action=action, values=stored)
    granted = known.filter(state="approved", used_at__isnull=True)
    for number in granted.order_by("-id").values_list("pk", flat=True):
        if granted.filter(pk=number).update(used_at=clock.now()):  # by nobody else in the meantime
            return None
    pending = known.filter(state="pending").first()
    if pending is not None:
        return pending
    flow = flows.needed(actor, entity.key, record.pk, action, tuple(stored))
    if flow is None:
        return None
    steps = path.plan(actor, flow, saving.user_of(actor), entity.key, record)
    return start(actor, flow, steps, entity.key, record.pk, action, stored, {}, comment)


# -- decisions ---------------------------------------------------------------------------------------------------------


def _locked(approval_id: int) -> Approval:
    found = (
        Approval.objects.select_for_update(of=("self",))
        .select_related("flow", "applicant")
        .filter(pk=approval_id)
        .first()
    )
    if found is None:
        raise NotFound
    if found.state != "pending":
        raise RuleBroken(_("This approval has been decided already."), code="approval.decided")
    return found


def turn_of(approval: Approval, user_id: int | None) -> ApprovalTurn:
    """The open turn of a person. Raises Denied when it is not his to decide."""
    turn = approval.turns.filter(round=approval.round, step=approval.step, user_id=user_id or 0, state="asked").first()
    if turn is None:
        raise Denied(_("It is not your turn to decide this."), code="approval.not_yours")
    return turn


def _decide(actor: Actor, approval_id: int, state: str, comment: str, then: Callable[[Approval], None]) -> Approval:
    with writing(actor):
        approval = _locked(approval_id)
        turn = turn_of(approval, actor.user_id)
        turn.state, turn.comment, turn.decided_at, turn.link_digest = state, comment, clock.now(), ""
        turn.save(update_fields=["state", "comment", "decided_at", "link_digest"])
        running.note(approval, actor.user_id, state, comment, **({"behalf": turn.behalf_id} if turn.behalf_id else {}))
        then(approval)
    return approval


def approve(actor: Actor, approval_id: int, comment: str = "") -> Approval:
    """Say yes; the request goes on, or is carried out after the last yes."""
    return _decide(actor, approval_id, "approved", comment.strip()[:2000], running.go_on)


def reject(actor: Actor, approval_id: int, comment: str = "", *, to: int | None = None) -> Approval:
    """Say no, with a reason: the request ends, or goes back to an earlier step (``to``)."""
    text = _reason(comment)

    def then(approval: Approval) -> None:
        if to is None:
            running.finish(approval, "rejected")
            return
        if not 0 <= to < approval.step:
            raise Invalid(_("Choose an earlier step."), code="approval.step", field="to")
        running.close_step(approval)
        approval.round += 1
        approval.save(update_fields=["round"])
        running.advance(approval, to)

    return _decide(actor, approval_id, "rejected", text, then)


def send_back(actor: Actor, approval_id: int, comment: str = "") -> Approval:
    """Return it to the applicant, who changes it and sends it again."""
    return _decide(
        actor, approval_id, "returned", _reason(comment), lambda approval: running.finish(approval, "returned")
    )


def _reason(comment: str) -> str:
    if not comment.strip():
        raise Invalid(_("Say why."), code="value.required", field="comment")
    return comment.strip()[:2000]


def transfer(actor: Actor, approval_id: int, user: User, comment: str = "") -> Approval:
    """Let somebody else decide in one's place."""
    if user.pk == actor.user_id:
        raise Invalid(_("Choose somebody else who is active."), code="approval.person", field="user")

    def then(approval: Approval) -> None:
        turn = _new_turn(approval, user, after=False)
        running.ask(approval, turn, path.step_from(approval.path[approval.step]))

    return _decide(actor, approval_id, "transferred", comment.strip()[:2000], then)


def add_signer(actor: Actor, approval_id: int, user: User, comment: str = "", *, first: bool = True) -> Approval:
    """Ask one more person in this step: before oneself (``first``), or after one's own yes given with it."""
    with writing(actor):
        approval = _locked(approval_id)
        mine = turn_of(approval, actor.user_id)
        stored = dict(approval.path[approval.step])
        stored["mode"] = "order"
        approval.path = [*approval.path[: approval.step], stored, *approval.path[approval.step + 1 :]]
        approval.save(update_fields=["path"])
        turn = _new_turn(approval, user, after=not first, beside=mine)
        running.note(approval, actor.user_id, "added", comment.strip()[:2000], user=user.pk)
        if first:
            mine.state, mine.due_at, mine.link_digest = "waiting", None, ""
            mine.save(update_fields=["state", "due_at", "link_digest"])
            running.ask(approval, turn, path.step_from(stored))
        else:
            mine.state, mine.comment, mine.decided_at, mine.link_digest = (
                "approved",
                comment.strip()[:2000],
                clock.now(),
                "",
            )
            mine.save()
            running.note(approval, actor.user_id, "approved", comment.strip()[:2000])
            running.go_on(approval)
    return approval


def _new_turn(approval: Approval, user: User, *, after: bool, beside: ApprovalTurn | None = None) -> ApprovalTurn:
    if not user.is_active or user.deleted_at is not None:
        raise Invalid(_("Choose somebody else who is active."), code="approval.person", field="user")
    turns = approval.turns.filter(round=approval.round, step=approval.step)
    if turns.filter(user=user, state__in=running.OPEN).exists():
        raise Invalid(_("This person is asked already."), code="approval.person", field="user")
    if beside is None:
        place = (turns.aggregate(last=Max("position"))["last"] or 0) + 1
    else:
        place = beside.position + after
        turns.filter(position__gte=place).update(position=F("position") + 1)
    return ApprovalTurn.objects.create(
        approval=approval, round=approval.round, step=approval.step, position=place, user=user
    )


def copy_to(actor: Actor, approval_id: int, user: User) -> Approval:
    """Let somebody else know of the request; he sees it and decides nothing.

    Raises NotFound where the actor does not see the record himself, Denied where it would have to be shared for this
    and he may not.
    """
    with writing(actor):
        approval = Approval.objects.filter(pk=approval_id).first()
        if approval is None or not takes_part(actor, approval):
            raise NotFound
        if approval.record_id is not None:
            record = running.record_of(approval)
            if record is None:
                raise NotFound
            access.require(actor, "view", record)
        if user.pk == actor.user_id or not user.is_active or user.deleted_at is not None:
            raise Invalid(_("Choose somebody else who is active."), code="approval.person", field="user")
        hidden = running.hidden_from(approval, user.pk)
        if hidden is not None and not access.allowed(actor, "share", hidden):
            raise Denied(
                _("%(name)s does not see this record, and you may not share it.") % {"name": user.name},
                code="approval.not_shared",
            )
        _turn, made = ApprovalTurn.objects.get_or_create(
            approval=approval, round=approval.round, step=max(approval.step, 0), user=user, copy=True,
            defaults={"state": "skipped", "asked_at": clock.now()},
        )  # fmt: skip
        if made:
            running.let_see(approval, user.pk, by=actor.user_id)
            running.tell(approval, [user.pk], running.COPIED, by=actor.user_id)
            running.note(approval, actor.user_id, "copied", user=user.pk)
    return approval


def takes_part(actor: Actor, approval: Approval) -> bool:
    """Whether the actor sent it, decides in it, was told of it, or has every right."""
    return (
        actor.rights.everything
        or approval.applicant_id == actor.user_id
        or approval.turns.filter(user_id=actor.user_id or 0).exclude(state="waiting").exists()
    )


def recall(actor: Actor, approval_id: int) -> Approval:
    """Take one's own request back while it is under way; an administrator may do so too."""
    with writing(actor):
        approval = _locked(approval_id)
        if approval.applicant_id != actor.user_id and not actor.rights.everything:
            raise Denied(_("Only who sent it can take it back."), code="approval.not_yours")
        running.note(approval, actor.user_id, "recalled")
        running.finish(approval, "recalled")
        if approval.action == "create":
            approval.state = "draft"
            approval.round += 1
            approval.save(update_fields=["state", "round"])
    return approval


def remind(actor: Actor, approval_id: int) -> int:
    """Remind those who are asked, at most once an hour each. Returns how many were told."""
    with writing(actor):
        approval = _locked(approval_id)
        if not takes_part(actor, approval):
            raise NotFound
        now = clock.now()
        due = [
            turn
            for turn in approval.turns.filter(state="asked")
            if turn.reminded_at is None or (now - turn.reminded_at).total_seconds() >= 3600
        ]
        for turn in due:
            turn.reminded_at = now
            turn.save(update_fields=["reminded_at"])
        running.tell(approval, [turn.user_id for turn in due], REMIND, by=actor.user_id)
        if due:
            running.note(approval, actor.user_id, "reminded")
    return len(due)


def decide_many(actor: Actor, ids: list[int], verb: str, comment: str = "") -> tuple[int, list[str]]:
    """Approve or reject several at once, each for itself; how many, and why the others not."""
    done, problems = 0, []
    work = {"approve": approve, "reject": reject}[verb]
    for number in ids:
        try:
            with transaction.atomic():
                work(actor, number, comment)
            done += 1
        except GuanxiError as error:
            problems.append(str(error))
    return done, problems


def hand_on(turn: ApprovalTurn, user: User, why: str) -> None:
    """Put somebody else in the place of a person who does not decide (left, or late). Within ``writing``."""
    approval = turn.approval
    turn.state, turn.decided_at, turn.link_digest = "transferred", clock.now(), ""
    turn.save(update_fields=["state", "decided_at", "link_digest"])
    running.note(approval, turn.user_id, why, user=user.pk)
    if approval.turns.filter(round=approval.round, step=approval.step, user=user, state__in=running.OPEN).exists():
        running.go_on(approval)
        return
    fresh = ApprovalTurn.objects.create(
        approval=approval,
        round=approval.round,
        step=turn.step,
        position=turn.position,
        user=user,
        behalf_id=turn.user_id,
    )
    running.ask(approval, fresh, path.step_from(approval.path[approval.step]))


def actor_for(user: User) -> Actor:
    """The actor of somebody who decides by a link in a mail."""
    return actors.load(user, via="web")
