"""What keeps approvals moving: deadlines, people who leave, and the link in the mail with which one decides."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import secrets
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from guanxi.core.automation import mailing
from guanxi.core.automation.approvals import deciding, gate, history, people, running
from guanxi.core.automation.approvals.path import step_from
from guanxi.core.automation.notify import Note
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.apart import apart
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.kernel.events import Event, subscribe
from guanxi.core.kernel.working_time import is_working_day
from guanxi.core.models import Approval, ApprovalTurn, User
from guanxi.core.records import worktime
from guanxi.core.records.writing import writing
from guanxi.runtime.environment import environment

__all__ = ["gate", "history"]

logger = logging.getLogger("guanxi.approvals")

LATE = gettext_noop("An approval is overdue: %(record)s")
LINK_DAYS = 14
#: Overdue turns of one look; one that is reminded of stays overdue, so the others come with the next looks.
MOST = 500


# -- deadlines ---------------------------------------------------------------------------------------------------------


def late_do(now: dt.datetime) -> int:
    """Do what the flow says to turns whose deadline has passed, those not looked at for longest first; returns to how many."""
    due = ApprovalTurn.objects.filter(state="asked", due_at__lte=now)
    late = list(due.order_by(F("looked_at").asc(nulls_first=True), "due_at", "pk").values_list("pk", flat=True)[:MOST])
    for number in late:
        with apart(logger, "an overdue approval could not be dealt with", turn=number):
            ApprovalTurn.objects.filter(pk=number).update(looked_at=now)
            with writing(system_actor("approvals")):
                _late(number, now)
    return len(late)


def _open_turn(number: int) -> ApprovalTurn | None:
    """The turn while it is open, with its approval locked."""
    rows = Approval.objects.select_for_update(of=("self",)).select_related("flow", "applicant")
    approval = rows.filter(pk__in=ApprovalTurn.objects.filter(pk=number).values("approval_id")).first()
    turn = ApprovalTurn.objects.filter(pk=number, state="asked").select_related("user").first()
    if approval is None or turn is None or approval.state != "pending":
        return None
    turn.approval = approval
    return turn


def _late(number: int, now: dt.datetime) -> None:
    turn = _open_turn(number)
    if turn is None:
        return
    rule = step_from(turn.approval.path[turn.step]).late
    above = people.late_superior(turn.user, now, turn.approval.applicant_id) if rule == "superior" else None
    if rule in ("pass", "reject"):
        turn.state, turn.decided_at, turn.link_digest = ("auto" if rule == "pass" else "rejected"), now, ""
        turn.save(update_fields=["state", "decided_at", "link_digest"])
        running.note(turn.approval, turn.user_id, "late_pass" if rule == "pass" else "late_reject")
        (running.go_on if rule == "pass" else partial(running.finish, state="rejected"))(turn.approval)
    elif above is not None:
        deciding.hand_on(turn, above, "late_superior")
    else:
        _remind(turn, now)


def _remind(turn: ApprovalTurn, now: dt.datetime) -> None:
    """Remind once each working day."""
    plain = worktime.calendar_of_user(turn.user_id)
    today = now.astimezone(plain.zone).date()
    if not is_working_day(today, plain):
        return
    if turn.reminded_at is not None and turn.reminded_at.astimezone(plain.zone).date() == today:
        return
    turn.reminded_at = now
    turn.save(update_fields=["reminded_at"])
    running.tell(turn.approval, [turn.user_id], LATE, once=f"approval-late:{turn.pk}:{today}")


# -- people who leave --------------------------------------------------------------------------------------------------


@subscribe("core.user.deactivated", "core.user.deleted")
def approver_left(event: Event) -> None:
    """What waits for somebody who left goes to his superior, else to an administrator. Safe to hear twice."""
    turns = ApprovalTurn.objects.filter(user_id=event.record_id or 0, state__in=running.OPEN, approval__state="pending")
    for number in turns.values_list("pk", flat=True):
        with writing(system_actor("approvals")):
            turn = _open_turn(number)
            if turn is not None:
                to = people.after(turn.user)
                if to is not None:
                    deciding.hand_on(turn, to, "left")


# -- the link in the mail ----------------------------------------------------------------------------------------------


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def link_make(turn: ApprovalTurn) -> str:
    """The address with which the person decides without signing in; earlier ones of the turn stop working."""
    secret = secrets.token_urlsafe(32)
    ApprovalTurn.objects.filter(pk=turn.pk).update(link_digest=_digest(secret))
    return f"{environment().url}/approvals/link/{secret}/"


def link_read(secret: str) -> ApprovalTurn:
    """The turn a link is for, while it is open and the link is not too old. Raises NotFound."""
    turn = (
        ApprovalTurn.objects.select_related("user", "approval", "approval__flow", "approval__applicant")
        .filter(link_digest=_digest(secret), state="asked", approval__state="pending")
        .first()
    )
    if turn is None or not turn.user.is_active or _too_old(turn):
        raise NotFound(_("This was decided already, or the link is too old. Sign in to see it."), code="link.gone")
    return turn


def _too_old(turn: ApprovalTurn) -> bool:
    return turn.asked_at is None or turn.asked_at < clock.now() - dt.timedelta(days=LINK_DAYS)


def link_decide(secret: str, verb: str, comment: str) -> Approval:
    """Approve or reject with a link, which is used up by it. Raises NotFound, or Invalid for a no without a reason."""
    with transaction.atomic():
        turn = link_read(secret)
        actor = deciding.actor_for(turn.user)
        work = deciding.approve if verb == "approve" else deciding.reject
        return work(actor, turn.approval_id, comment)


def _line(user: User, note: Note) -> str:
    """What a mail about an approval says further: the link to decide with."""
    turn = ApprovalTurn.objects.filter(
        user=user,
        state="asked",
        approval__state="pending",
        approval__entity=note.entity,
        approval__record_id=note.record_id,
    ).first()
    if turn is None:
        return ""
    try:
        return _("Decide at once, without signing in: %(address)s") % {"address": link_make(turn)}
    except GuanxiError:
        return ""


mailing.FURTHER_LINES[running.SORT] = _line
