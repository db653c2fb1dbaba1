"""Market activities of the demo organisation: exhibitions, webinars, mailings, with members, answers, costs and what came of them."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from guanxi.areas.campaigns.models import Campaign
from guanxi.areas.customers.models import Contact
from guanxi.areas.diary import services as diary
from guanxi.areas.marketing import selectors, services
from guanxi.areas.marketing.models import Member
from guanxi.areas.sales.models import Lead, Opportunity
from guanxi.core import records
from guanxi.core.access import actors, allowed
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import User
from guanxi.core.shaping.segments import SegmentDraft, segment_save

Made = Callable[[str, list[dict[str, Any]]], list[int]]


class Plan(NamedTuple):
    """One campaign: first day from today and how many days, members wanted and the share that answers, sources of its leads."""

    key: str
    name: str
    kind: str
    status: str
    owner: str
    begins: int
    days: int
    place: str
    goal: str
    budget: int
    expected: tuple[int, int, int]
    members: int = 0
    answers: float = 0.0
    sources: tuple[str, ...] = ()
    region: str = "south"
    parent: str = ""
    currency: str = "CNY"
    costs: tuple[tuple[str, str, str, int], ...] = ()


PLANS = (
    Plan("shows", "年度展会计划", "exhibition", "running", "wuqian", -250, 380, "", "用三场展会带来全年四成新客户", 30_000, (400, 90, 6_000_000)),
    Plan("south", "华南智能制造展", "exhibition", "finished", "wuqian", -170, 4, "深圳国际会展中心 12 号馆", "现场演示边缘网关，收集有项目的客户",
         180_000, (160, 40, 3_000_000), 130, 0.46, ("exhibition",), "south", "shows",
         costs=(("venue", "展位费", "会展服务公司", 68_000), ("building", "展台搭建", "搭建商", 52_000), ("gifts", "小礼品与资料", "印刷厂", 9_600))),
    Plan("east", "长三角工业互联网展", "exhibition", "running", "wuqian", -6, 14, "上海新国际博览中心 N3", "以能耗监测方案打开华东市场",
         90_000, (120, 30, 2_000_000), 90, 0.3, ("exhibition",), "east", "shows",
         costs=(("venue", "展位费", "会展服务公司", 46_000), ("building", "展台搭建", "搭建商", 38_500))),
    Plan("energy", "能耗监测线上研讨会", "webinar", "finished", "wuqian", -95, 1, "线上", "讲清三种节能改造的投资回收期",
         12_000, (90, 20, 800_000), 150, 0.38, ("social", "website"), costs=(("agency", "直播平台", "直播服务商", 6_800), ("advertising", "朋友圈广告", "媒体", 3_500))),
    Plan("visit", "佛山标杆工厂参观日", "event", "finished", "zhangwei", -60, 1, "佛山南海", "请二十家客户看一条真实产线",
         26_000, (25, 6, 900_000), 34, 0.62, ("referral",), costs=(("hospitality", "午餐与茶歇", "酒店", 8_200), ("travel", "大巴", "租车公司", 4_600))),
    Plan("search", "搜索与行业媒体广告", "advertising", "running", "wuqian", -120, 180, "", "稳定获取官网线索",
         150_000, (0, 80, 1_500_000), 0, 0, ("search", "website"), costs=(("advertising", "搜索推广", "搜索引擎", 74_000), ("advertising", "行业媒体", "行业网站", 28_000))),
    Plan("referral", "老客户转介绍", "referral", "running", "linyating", -140, 300, "", "每位老客户介绍一位同行",
         30_000, (40, 25, 1_200_000), 60, 0.33, ("referral", "partner"), costs=(("gifts", "感谢礼品", "礼品公司", 7_400),)),
    Plan("renewal", "年度运维续约邮件", "mail", "planned", "wuqian", 12, 20, "", "提前两个月提醒续约", 3_000, (80, 0, 600_000), 80, 0.0, ()),
    Plan("europe", "Factory Efficiency Webinar", "webinar", "running", "james", -20, 40, "Online", "Win five pilot plants in Europe",
         6_000, (40, 10, 150_000), 46, 0.35, ("website", "social"), "abroad", "", "EUR", (("agency", "Streaming", "Stream Ltd", 1_900),)),
    Plan("salon", "东莞行业沙龙", "event", "cancelled", "zhangwei", -30, 1, "东莞松山湖", "与模具协会合办", 8_000, (30, 5, 200_000)),
)  # fmt: skip
#: Where those who answered stand, where the others do, by the state of the campaign.
ANSWERED = ("attended", "attended", "registered", "interested", "responded")
SILENT = {
    "finished": ("sent", "sent", "sent", "declined", "absent", "unreachable"),
    "running": ("sent", "sent", "planned", "declined"),
}
EXPENSES = (
    ("travel", "布展打车", 86),
    ("hotel", "参展住宿", 980),
    ("meal", "展会期间客户晚餐", 1_260),
    ("material", "展板加印", 640),
)
SEGMENT = SegmentDraft(
    key="people-of-key-customers", name_zh="重点客户联系人", name_en="People of key customers", entity="customers.contact",
    description="A 级客户的联系人，展会和研讨会优先邀请", condition={"field": "customer.level", "op": "eq", "value": "a"},
)  # fmt: skip


def fill(actor: Actor, users: Mapping[str, User], made: Made, chance: random.Random, now: dt.datetime) -> None:
    """Enter all campaigns with what belongs to them, a segment to invite, and a rule that adds leads of the running show."""
    found: dict[str, Campaign] = {}
    taken: set[int] = set()
    for plan in PLANS:
        campaign = _campaign(actor, users, plan, found, now)
        found[plan.key] = campaign
        begin = now + dt.timedelta(days=plan.begins)
        leads = _leads(plan, campaign, begin, chance, taken)
        _deals(plan, campaign, begin, chance)
        made(selectors.MEMBER, [*_people(plan, campaign, begin, chance, users), *_own(leads, campaign, plan)])
        _costs(plan, campaign, begin, made, now)
    _expenses(users, found, now)
    services.influence_settle(set(Member.objects.exclude(customer=None).values_list("customer_id", flat=True)))
    for campaign in found.values():
        services.campaign_settle(campaign.pk)
    segment_save(actor, None, SEGMENT)
    rule_save(actor, None, RuleDraft(
        key="lead-of-the-show", name_zh="展会线索加入市场活动", name_en="Leads of the show join the campaign", entity="sales.lead", active=True,
        trigger={"on": "created"}, condition={"all": [{"field": "source", "op": "eq", "value": "exhibition"}]},
        steps=({"do": "campaign", "campaign": found["east"].number, "state": "interested"},),
    ))  # fmt: skip


def _campaign(
    actor: Actor, users: Mapping[str, User], plan: Plan, found: Mapping[str, Campaign], now: dt.datetime
) -> Campaign:
    """The campaign itself."""
    first = (now + dt.timedelta(days=plan.begins)).date()
    values = {
        "name": plan.name, "kind": plan.kind, "status": plan.status, "owner": users[plan.owner].pk, "place": plan.place, "goal": plan.goal,
        "begins_on": first, "ends_on": first + dt.timedelta(days=plan.days), "budget": plan.budget, "currency": plan.currency,
        "expected_responses": plan.expected[0] or None, "expected_leads": plan.expected[1] or None, "expected_revenue": plan.expected[2],
        "parent": found[plan.parent].pk if plan.parent else None, "department": users[plan.owner].department_id,
    }  # fmt: skip
    made: Campaign = records.create(actor, selectors.CAMPAIGN, values)
    return made


def _leads(plan: Plan, campaign: Campaign, begin: dt.datetime, chance: random.Random, taken: set[int]) -> list[Lead]:
    """Leads of its sources that came from its first days on, some of them."""
    rows = Lead.objects.filter(source__in=plan.sources, created_at__gte=begin - dt.timedelta(days=2)).order_by("pk")
    chosen = [one for one in rows if one.pk not in taken and chance.random() < 0.6][: plan.expected[1] + 8]
    taken.update(one.pk for one in chosen)
    Lead.objects.filter(pk__in=[one.pk for one in chosen]).update(campaign=campaign)
    return chosen


def _deals(plan: Plan, campaign: Campaign, begin: dt.datetime, chance: random.Random) -> None:
    """Opportunities of its sources that began within four months."""
    rows = Opportunity.objects.filter(
        source__in=plan.sources, campaign=None, created_at__range=(begin, begin + dt.timedelta(days=120))
    ).order_by("pk")
    chosen = [one.pk for one in rows if chance.random() < (0.9 if one.category == "won" else 0.35)][:14]
    Opportunity.objects.filter(pk__in=chosen).update(campaign=campaign)


def _people(
    plan: Plan, campaign: Campaign, begin: dt.datetime, chance: random.Random, users: Mapping[str, User]
) -> list[dict[str, Any]]:
    """Contacts of customers, some of whom answer."""
    if not plan.members:
        return []
    abroad = [users["james"].pk, users["emma"].pk]
    rows = Contact.objects.filter(customer__isnull=False, owner__isnull=False, created_at__lt=begin)
    rows = rows.filter(owner__in=abroad) if plan.region == "abroad" else rows.exclude(owner__in=abroad)
    people = list(rows.order_by("pk"))
    found = []
    for person in chance.sample(people, min(plan.members, len(people))):
        joined = begin - dt.timedelta(days=chance.randint(8, 25), hours=chance.randint(0, 9))
        joined = min(max(joined, person.created_at), begin)
        row: dict[str, Any] = {
            "campaign": campaign.pk, "contact": person.pk, "owner": person.owner_id, "joined_at": joined, "created_at": joined,
            "created_by": users[plan.owner].pk, "state": "planned",
        }  # fmt: skip
        if plan.status in SILENT and chance.random() < plan.answers:
            row |= {"state": chance.choice(ANSWERED), "responded_at": begin + dt.timedelta(hours=chance.randint(1, 60))}
        elif plan.status in SILENT:
            row["state"] = chance.choice(SILENT[plan.status])
        found.append(row)
    return found


def _own(leads: list[Lead], campaign: Campaign, plan: Plan) -> list[dict[str, Any]]:
    """Its leads are members too, who answered when they came."""
    if not plan.members:
        return []
    return [
        {
            "campaign": campaign.pk, "lead": one.pk, "customer": one.customer_id, "owner": one.owner_id, "state": "interested",
            "joined_at": one.created_at, "responded_at": one.created_at, "created_at": one.created_at,
        }
        for one in leads
    ]  # fmt: skip


def _costs(plan: Plan, campaign: Campaign, begin: dt.datetime, made: Made, now: dt.datetime) -> None:
    """What was paid for it, before it began or today."""
    rows = [
        {
            "campaign": campaign.pk, "kind": kind, "name": name, "supplier": supplier, "amount": amount, "currency": plan.currency,
            "spent_on": min(begin - dt.timedelta(days=5), now).date(), "owner": campaign.owner_id,
        }
        for kind, name, supplier, amount in plan.costs
    ]  # fmt: skip
    made(selectors.COST, rows)


def _expenses(users: Mapping[str, User], found: Mapping[str, Campaign], now: dt.datetime) -> None:
    """Claims of those who were there: approved for the show that is over; for the running one some wait for a decision."""
    for who, key, back, decided in (
        ("zhangwei", "south", 165, True),
        ("wangfang", "south", 166, True),
        ("sunlei", "east", 4, False),
    ):
        actor = actors.load(users[who], via="job")
        for kind, name, amount in EXPENSES:
            values = {
                "name": name,
                "kind": kind,
                "amount": amount,
                "spent_on": (now - dt.timedelta(days=back)).date(),
                "campaign": found[key].pk,
            }
            expense = diary.expense_submit(actor, records.create(actor, diary.EXPENSE, values))
            bosses = [actors.load(one, via="job") for one in User.objects.filter(pk__in=diary.superiors(users[who].pk))]
            boss = next((one for one in bosses if allowed(one, "approve", expense)), None)
            if boss is not None and (decided or kind == "hotel"):
                diary.expense_approve(boss, expense)
