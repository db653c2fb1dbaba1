"""Rules of work reports and expenses."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.diary import selectors
from guanxi.areas.diary.models import DRAFT, REJECTED, Expense, WorkReport
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken

Changes = MutableMapping[str, list[Any]]
#: What the author writes himself.
WRITTEN = frozenset({"period", "day", "summary", "plan", "trouble"})


def work_report_clean(actor: Actor, record: WorkReport, changes: Changes) -> None:
    """One report of a period, which has begun, begins with its first day; a sent one stays as it is."""
    if record.pk is not None and record.status != DRAFT and WRITTEN & set(changes):
        raise RuleBroken(_("A sent report stays as it is. Take it back first."), code="workreport.sent")
    record.day = selectors.first_day(record.period, record.day)
    if "day" in changes and record.day > clock.today(actor.timezone):
        raise Invalid(_("This day has not come yet."), code="workreport.future", field="day")
    record.name = record.name or f"{record.owner.name if record.owner else ''} {record.day.isoformat()}".strip()
    same = WorkReport.objects.filter(owner_id=record.owner_id, period=record.period, day=record.day)
    if same.exclude(pk=record.pk).exists():
        raise Invalid(_("There is a report of this period already."), code="workreport.twice", field="day")


def expense_clean(actor: Actor, record: Expense, changes: Changes) -> None:
    """Money was spent, not owed to us; a decided expense stays as it is."""
    if record.amount is not None and record.amount <= 0:
        raise Invalid(_("The amount must be more than zero."), code="expense.amount", field="amount")
    if record.spent_on and record.spent_on > clock.today(actor.timezone):
        raise Invalid(_("This day has not come yet."), code="expense.future", field="spent_on")
    told = {"name", "kind", "spent_on", "amount", "currency", "campaign", "receipt"}
    if (
        record.pk is not None
        and "status" not in changes
        and record.status not in (DRAFT, REJECTED)
        and told & set(changes)
    ):
        raise RuleBroken(_("A submitted expense stays as it is."), code="expense.submitted")
    if record.activity_id is not None and record.customer_id is None and record.activity is not None:
        record.customer_id = record.activity.customer_id
