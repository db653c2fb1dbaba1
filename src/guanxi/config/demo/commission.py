"""Commission of the demo: plans by achievement, by product and by margin, statements of three months, one corrected."""

from __future__ import annotations

import datetime as dt
from typing import Any

from guanxi.areas.billing.models import CommissionPlan, CommissionStatement, Receipt
from guanxi.areas.billing.services import commission, ledger
from guanxi.areas.catalog.models import Category
from guanxi.core import records
from guanxi.core.kernel.actor import Actor

PLAN = "billing.commissionplan"


def commission_add(actor: Actor, today: dt.date) -> None:
    """The plans with the statements of the last quarter month by month; money taken back in between shows as a correction."""
    services = Category.objects.filter(name__contains="服务").first() or Category.objects.order_by("pk").first()
    plans: list[dict[str, Any]] = [
        {
            "name": "年度回款提成", "base": "received", "target": "300000",
            "rules": [
                {"from_achievement": 0, "rate": "1.5", "note": "基础"},
                {"from_achievement": 100, "rate": "2", "note": "完成目标"},
                {"from_achievement": 150, "rate": "2.5", "note": "超额"},
            ],
        },
        {
            "name": "服务签约奖励", "base": "signed",
            "rules": [
                {"rate": "3", "category": services.pk if services else None, "note": "服务类产品"},
                {"rate": "0.5", "note": "其他产品"},
            ],
        },
        {"name": "毛利提成", "base": "margin", "rules": [{"rate": "4", "note": "按签约毛利"}]},
    ]  # fmt: skip
    made = [CommissionPlan.objects.get(pk=records.create(actor, PLAN, values).pk) for values in plans]
    months = _months(today, 3)
    for plan in made:
        _reckoned(actor, plan, months[0], approve=True)
    _taken_back(actor, made[0])
    for month in months[1:]:
        for plan in made:
            _reckoned(actor, plan, month, approve=month == months[1] and plan == made[0])


def _months(today: dt.date, count: int) -> list[tuple[dt.date, dt.date]]:
    """The first and last days of the months before this one, the earliest first."""
    found, last = [], today.replace(day=1) - dt.timedelta(days=1)
    for _one in range(count):
        found.append((last.replace(day=1), last))
        last = last.replace(day=1) - dt.timedelta(days=1)
    return found[::-1]


def _reckoned(actor: Actor, plan: CommissionPlan, month: tuple[dt.date, dt.date], *, approve: bool) -> None:
    commission.commission_propose(actor, plan, first_day=month[0], last_day=month[1])
    if approve:
        for one in CommissionStatement.objects.filter(plan=plan, first_day=month[0], status="proposed"):
            commission.commission_approve(actor, one)


def _taken_back(actor: Actor, plan: CommissionPlan) -> None:
    """The smallest payment in an approved statement was booked on the wrong customer, and is free again."""
    statement = CommissionStatement.objects.filter(plan=plan, pay__gt=0).order_by("-pay").first()
    item = statement.items.order_by("base").first() if statement else None
    if item is None:
        return
    receipt = Receipt.objects.filter(allocations=int(item.source.partition(":")[2])).first()
    if receipt is not None:
        ledger.receipt_release(actor, receipt)
