"""What people do with work reports and expenses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from guanxi.areas.diary import selectors
from guanxi.areas.diary.models import (
    APPROVED,
    DAY,
    DRAFT,
    MONTH,
    PAID,
    PERIODS,
    READ,
    REJECTED,
    SENT,
    SUBMITTED,
    WEEK,
    Expense,
    WorkReport,
)
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation.approvals import running
from guanxi.core.automation.notify import notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken
from guanxi.core.models import Role, User
from guanxi.core.records.workspace import preference_store
from guanxi.core.reporting.doings import done

REPORT, EXPENSE = selectors.REPORT, "diary.expense"
LAST_HOUR = 23
REPORT_SENT = gettext_noop("%(by)s sent a work report: %(record)s")
MISSING = {
    DAY: gettext_noop("Your daily report of %(day)s has not been sent yet."),
    WEEK: gettext_noop("Your weekly report from %(day)s on has not been sent yet."),
    MONTH: gettext_noop("Your monthly report from %(day)s on has not been sent yet."),
}
REPORT_READ = gettext_noop("%(by)s has read your work report %(record)s")
EXPENSE_SUBMITTED = gettext_noop("%(by)s submitted an expense: %(record)s")
EXPENSE_DECIDED = {
    APPROVED: gettext_noop("%(by)s approved your expense %(record)s"),
    REJECTED: gettext_noop("%(by)s rejected your expense %(record)s"),
    PAID: gettext_noop("Your expense %(record)s has been paid"),
}


def superiors(user_id: int | None) -> set[int]:
    """Who a person reports to: his superior, else the head of his department or of the one above; who has left is passed over."""
    user = User.objects.filter(pk=user_id or 0).select_related("department", "superior").first()
    if user is None:
        return set()
    if user.superior is not None and user.superior.is_active:
        return {user.superior.pk}
    department = user.department
    while department is not None:
        head = department.head
        if head is not None and head.is_active and head.pk != user.pk:
            return {head.pk}
        department = department.parent
    return set()


# -- work reports ------------------------------------------------------------------------------------------------------


def work_report_write(actor: Actor, *, period: str, day: dt.date, values: Mapping[str, Any]) -> WorkReport:
    """Write one's own report of a period: the draft there is, or a new one. Raises RuleBroken when it was sent."""
    if actor.user_id is None:
        raise Denied
    given = {name: values[name] for name in ("summary", "plan", "trouble") if name in values}
    with records.writing(actor):
        held = selectors.report_of(actor.user_id, period, day)
        if held is None:
            made: WorkReport = records.create(actor, REPORT, {"period": period, "day": day, **given})
            return made
        changed: WorkReport = records.update(actor, held, given)
    return changed


def work_report_send(actor: Actor, record: WorkReport) -> WorkReport:
    """Send one's report: what the house knows was done is kept with it, and the superior is told."""
    _own(actor, record)
    if record.status != DRAFT:
        raise RuleBroken(_("This report has been sent."), code="workreport.sent")
    days = selectors.window(record.period, record.day)
    facts = [
        {"what": str(one.source.label), "number": one.number, "names": "；".join(one.names)}
        for one in done(actor, record.owner_id or 0, days)
    ]
    with records.writing(actor):
        values = {"status": SENT, "sent_at": clock.now(), "facts": facts}
        sent: WorkReport = records.update(actor, record, values, trusted=True)
        notify(superiors(record.owner_id), "change", REPORT_SENT, record=sent, by=actor.user_id)
    return sent


def work_report_recall(actor: Actor, record: WorkReport) -> WorkReport:
    """Take back one's own report as long as nobody has read it."""
    _own(actor, record)
    if record.status != SENT:
        raise RuleBroken(_("Only a sent report that nobody has read can be taken back."), code="workreport.recall")
    back: WorkReport = records.update(actor, record, {"status": DRAFT, "sent_at": None, "facts": []}, trusted=True)
    return back


def work_report_read(actor: Actor, record: WorkReport) -> WorkReport:
    """Note that somebody else has read a sent report; its author is told."""
    require(actor, "view", record)
    if record.owner_id == actor.user_id or record.status != SENT:
        raise RuleBroken(_("Only somebody else's sent report can be marked as read."), code="workreport.read")
    with records.writing(actor):
        values = {"status": READ, "read_at": clock.now(), "read_by": actor.user_id}
        seen: WorkReport = records.update(actor, record, values, trusted=True)
        notify([record.owner_id or 0], "change", REPORT_READ, record=seen, by=actor.user_id)
    return seen


def _own(actor: Actor, record: Any) -> None:
    require(actor, "change", record)
    if record.owner_id != actor.user_id:
        raise Denied(_("Only its author may do this."), code="diary.author")


def report_remind(user_id: int, period: str, day: dt.date) -> int:
    """Tell somebody once that his report of a period is missing; 0 when it is not, or he was told."""
    first = selectors.first_day(period, day)
    report = selectors.report_of(user_id, period, first)
    if report is not None and report.status != DRAFT:
        return 0
    known = f"{user_id}:{first.isoformat()}"
    once = f"workreport:{known}" if period == DAY else f"workreport:{period}:{known}"
    return len(notify([user_id], "reminder", MISSING[period], {"day": first.isoformat()}, once=once))


def reports_remind(actor: Actor, *, period: str, day: dt.date) -> int:
    """Ask everybody whose report the actor reads and whose report of a period that has begun is missing; each is told once. How many."""
    if selectors.first_day(period, day) > clock.today(actor.timezone):
        return 0
    missing = [one for one in selectors.standings(actor, period, day) if not one.sent]
    return sum(report_remind(one.user_id, period, day) for one in missing)


def reports_arrange(actor: Actor, *, roles: Iterable[str], periods: Iterable[str], hour: str) -> None:
    """Say who writes work reports, which ones, and the hour at which a missing one is asked for.

    Raises Denied for those who may not change settings, Invalid by field.
    """
    require_feature(actor, SETTINGS)
    known = list(Role.objects.filter(key__in=list(roles)).order_by("key").values_list("key", flat=True))
    asked = [one for one, _label in PERIODS if one in set(periods)]
    if not hour.strip().isdecimal() or int(hour) > LAST_HOUR:
        raise Invalid(_("Enter an hour from 0 to 23."), code="workreport.hour", field="hour")
    preference_store(actor, selectors.PREFERENCE, {"roles": known, "periods": asked, "hour": int(hour)})


# -- expenses ----------------------------------------------------------------------------------------------------------


def expense_submit(actor: Actor, record: Expense) -> Expense:
    """Ask for the money back. Where an approval flow stands before this, its consent approves the expense."""
    if not running.is_passing():
        _own(actor, record)
    if record.status not in (DRAFT, REJECTED):
        raise RuleBroken(_("This expense has been submitted."), code="expense.submitted")
    state = APPROVED if running.is_passing() else SUBMITTED
    decided = clock.now() if state == APPROVED else None
    with records.writing(actor):
        values = {"status": state, "reason": "", "decided_at": decided, "decided_by": None}
        sent: Expense = records.update(actor, record, values, trusted=True)
        if state == SUBMITTED:
            notify(superiors(record.owner_id), "change", EXPENSE_SUBMITTED, record=sent, by=actor.user_id)
    return sent


def expense_approve(actor: Actor, record: Expense) -> Expense:
    """Approve a submitted expense of somebody else."""
    return _decide(actor, record, APPROVED, "")


def expense_reject(actor: Actor, record: Expense, reason: str = "") -> Expense:
    """Reject a submitted expense of somebody else, with a reason."""
    if not (reason or "").strip():
        raise Invalid(_("Say why."), code="expense.reason", field="reason")
    return _decide(actor, record, REJECTED, reason.strip()[:300])


def _decide(actor: Actor, record: Expense, state: str, reason: str) -> Expense:
    require(actor, "approve", record)
    if record.owner_id == actor.user_id:
        raise Denied(_("Nobody decides about his own expenses."), code="expense.own")
    if record.status != SUBMITTED:
        raise RuleBroken(_("Only a submitted expense can be decided."), code="expense.state")
    with records.writing(actor):
        values = {"status": state, "reason": reason, "decided_at": clock.now(), "decided_by": actor.user_id}
        decided: Expense = records.update(actor, record, values, trusted=True)
        notify([record.owner_id or 0], "change", EXPENSE_DECIDED[state], record=decided, by=actor.user_id)
    return decided


def expense_pay(actor: Actor, record: Expense, paid_on: dt.date | None = None) -> Expense:
    """Note that an approved expense was paid."""
    require(actor, "pay", record)
    if record.status != APPROVED:
        raise RuleBroken(_("Only an approved expense can be paid."), code="expense.state")
    with records.writing(actor):
        values = {"status": PAID, "paid_on": paid_on or clock.today(actor.timezone)}
        paid: Expense = records.update(actor, record, values, trusted=True)
        notify([record.owner_id or 0], "change", EXPENSE_DECIDED[PAID], record=paid, by=actor.user_id)
    return paid
