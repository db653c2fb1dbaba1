"""Work reports of the last days, some of them missing, and expenses in every state."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping

from guanxi.areas.activities.models import Activity
from guanxi.areas.diary import services
from guanxi.areas.diary.models import DAY
from guanxi.core import records
from guanxi.core.access import actors, allowed
from guanxi.core.kernel import clock
from guanxi.core.kernel.working_time import add_working_days
from guanxi.core.models import User
from guanxi.core.records import worktime

DAYS, MISSING = 5, 0.15
SUMMARIES = (
    "今天重点跟进了意向客户，两家明确了预算，一家需要再约高层。",
    "上午拜访，下午整理方案；客户对交付周期比较关心。",
    "电话回访为主，联系上的客户反馈不错，有一家愿意介绍同行。",
    "竞争对手在压价，需要准备一份总成本对比。",
    "Two good calls today; the pilot customer wants a reference visit.",
)
TROUBLES = ("", "", "", "希望技术同事支持一次现场演示。", "样品还没有到，请帮忙催一下。")
EXPENSES = (("travel", "打车到客户现场", 30, 120), ("meal", "客户午餐", 120, 600), ("hotel", "出差住宿", 280, 620),
            ("gift", "中秋礼品", 100, 400), ("material", "打印与装订方案", 20, 90))  # fmt: skip


def fill(users: Mapping[str, User], chance: random.Random, now: dt.datetime) -> None:
    """Enter both for everybody who writes work reports."""
    members = [one for one in users.values() if one.roles.filter(key__in=("member", "trainee")).exists()]
    today = now.astimezone(dt.UTC).date()
    for user in members:
        actor = actors.load(user, via="job")
        for back in range(1, DAYS + 1):
            if chance.random() < MISSING:
                continue
            day = add_working_days(today, -back, worktime.calendar())
            evening = clock.day_start(day, user.timezone) + dt.timedelta(hours=18, minutes=chance.randint(0, 50))
            with clock.moved_to(evening):
                values = {"summary": chance.choice(SUMMARIES), "trouble": chance.choice(TROUBLES)}
                services.work_report_send(actor, services.work_report_write(actor, period=DAY, day=day, values=values))
        _expenses(user, chance, now)


def _expenses(user: User, chance: random.Random, now: dt.datetime) -> None:
    """Some of the person's visits cost something."""
    actor = actors.load(user, via="job")
    visits = Activity.objects.filter(owner=user, kind__in=("visit", "meal"), occurred_at__lt=now - dt.timedelta(days=1))
    for visit in visits.order_by("-occurred_at")[:6]:
        kind, name, low, high = chance.choice(EXPENSES)
        values = {
            "name": name,
            "kind": kind,
            "spent_on": visit.occurred_at.date(),
            "amount": str(chance.randint(low, high)),
            "customer": visit.customer_id,
            "activity": visit.pk,
        }
        expense = records.create(actor, services.EXPENSE, values)
        if chance.random() < 0.8:
            expense = services.expense_submit(actor, expense)
            above = [actors.load(one, via="job") for one in User.objects.filter(pk__in=services.superiors(user.pk))]
            boss = next((one for one in above if allowed(one, "approve", expense)), None)
            if boss is not None and chance.random() < 0.7:
                services.expense_approve(boss, expense)
