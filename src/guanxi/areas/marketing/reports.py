"""Reports about campaigns: how they were answered, what they became, what they cost and brought."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.campaigns.models import RUNNING
from guanxi.areas.marketing.selectors import (
    ANSWERED,
    CAMPAIGN,
    CONVERTED,
    COST,
    EXPENSE,
    INFLUENCE,
    LEAD,
    MEMBER,
    OPPORTUNITY,
    STILL_OPEN,
    WAS_SPENT,
    WON,
)
from guanxi.core.kernel.actor import Actor
from guanxi.core.reporting import builtin, tiles

FROM_CAMPAIGN = {"field": "campaign", "op": "not_empty"}


def _number(zh: str, en: str, where: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"how": "count", "where": where or {}, "label_zh": zh, "label_en": en}


def _sum(zh: str, en: str, field: str, where: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"how": "sum", "field": field, "where": where or {}, "label_zh": zh, "label_en": en}


def _share(zh: str, en: str, a: int, b: int) -> dict[str, Any]:
    return {"how": "ratio", "a": a, "b": b, "unit": "percent", "label_zh": zh, "label_en": en}


#: Of campaigns: members, answers, leads, won amount and cost, and won amount for each unit of cost.
COMPARED = [
    _sum("赢单金额", "Won amount", "won_value"),
    _sum("实际费用", "Cost", "cost"),
    {"how": "ratio", "a": 0, "b": 1, "label_zh": "每元费用赢单", "label_en": "Won for each unit of cost"},
    _sum("成员", "Members", "members"),
    _sum("响应", "Responses", "responses"),
    _share("响应率", "Response rate", 4, 3),
    _sum("线索", "Leads", "leads"),
    _sum("预算", "Budget", "budget"),
]


def _compared(key: str, zh: str, en: str, rows: list[dict[str, str]], position: int) -> None:
    """Campaigns taken together by something."""
    builtin.report(
        key, zh, en,
        {
            "dataset": CAMPAIGN, "rows": rows, "measures": COMPARED, "date": "begins_on", "period": "this_year",
            "chart": "bar", "sort": "value",
        },
        group="marketing", position=position,
        about=("本年市场活动的赢单金额、费用、成员与响应。", "Won amount, cost, members and responses of this year's campaigns."),
    )  # fmt: skip


_compared("campaigns-by-kind", "各类市场活动对比", "Kinds of campaigns compared", [{"field": "kind"}], 10)
_compared(
    "campaigns-by-department",
    "各部门市场活动",
    "Campaigns by department",
    [{"field": "department", "grain": "second"}],
    12,
)
_compared("campaigns-by-parent", "各整体活动汇总", "Campaigns by what they are part of", [{"field": "parent"}], 14)
builtin.report(
    "campaign-answers", "各活动响应", "Responses by campaign",
    {
        "dataset": MEMBER, "rows": [{"field": "campaign"}],
        "measures": [_number("成员", "Members"), _number("响应", "Responses", ANSWERED), _share("响应率", "Response rate", 1, 0)],
        "date": "joined_at", "period": "this_year", "chart": "bar", "sort": "value", "top": 30,
    },
    group="marketing", position=20,
    about=("每个市场活动有多少成员、多少响应。", "How many members each campaign has, and how many answered."),
)  # fmt: skip
builtin.report(
    "campaign-states", "成员状态分布", "Members by state",
    {
        "dataset": MEMBER, "rows": [{"field": "campaign"}], "columns": [{"field": "state"}], "measures": [{"how": "count"}],
        "date": "joined_at", "period": "this_year", "chart": "stacked", "sort": "value", "top": 20,
    },
    group="marketing", position=22,
    about=("每个市场活动的成员处于什么状态。", "Where the members of each campaign stand."),
)  # fmt: skip
builtin.report(
    "campaign-leads", "各活动线索转化", "Leads by campaign",
    {
        "dataset": LEAD, "rows": [{"field": "campaign"}], "filter": FROM_CAMPAIGN,
        "measures": [
            _number("线索数", "Leads"),
            _number("已转化", "Converted", CONVERTED),
            _share("转化率", "Converted, %", 1, 0),
        ],
        "date": "created_at", "period": "this_year", "chart": "bar", "sort": "value", "top": 30,
    },
    group="marketing", position=30,
    about=("每个市场活动带来的线索，以及其中多少已转化。", "Leads each campaign brought, and how many were converted."),
)  # fmt: skip
builtin.report(
    "campaign-deals", "各活动商机与赢单", "Deals by campaign",
    {
        "dataset": OPPORTUNITY, "rows": [{"field": "campaign"}], "filter": FROM_CAMPAIGN,
        "measures": [
            _sum("赢单金额", "Won amount", "value", WON),
            _number("赢单数", "Won", WON),
            _number("商机数", "Opportunities"),
            _sum("进行中金额", "Open value", "value", STILL_OPEN),
            _share("赢单占比", "Won, %", 1, 2),
        ],
        "date": "created_at", "period": "this_year", "chart": "bar", "sort": "value", "top": 30,
    },
    group="marketing", position=32,
    about=("源自每个市场活动的商机、赢单数与赢单金额。", "Opportunities that came from each campaign, how many were won and for how much."),
)  # fmt: skip
builtin.report(
    "campaign-influence", "活动影响的商机", "Deals campaigns had a part in",
    {
        "dataset": INFLUENCE, "rows": [{"field": "campaign"}],
        "measures": [
            _sum("赢单金额", "Won amount", "won_value"), _number("商机数", "Opportunities"), _sum("商机金额", "Value", "value"),
        ],
        "chart": "bar", "sort": "value", "top": 30,
    },
    group="marketing", position=34,
    about=(
        "客户成为活动成员之后才开始、且来源不是该活动的商机。",
        "Opportunities begun after their customer became a member, which did not come from the campaign.",
    ),
)  # fmt: skip
builtin.report(
    "campaign-expenses", "活动报销", "Expenses by campaign",
    {
        "dataset": EXPENSE, "rows": [{"field": "campaign"}], "columns": [{"field": "kind"}],
        "measures": [{"how": "sum", "field": "amount"}],
        "filter": {"all": [FROM_CAMPAIGN, WAS_SPENT]},
        "date": "spent_on", "period": "this_year", "chart": "stacked",
    },
    group="marketing", position=40,
    about=("挂在市场活动上、已批准的报销。", "Approved expenses that belong to a campaign."),
)  # fmt: skip
builtin.report(
    "campaign-costs", "活动支出", "Costs by campaign",
    {
        "dataset": COST, "rows": [{"field": "campaign"}], "columns": [{"field": "kind"}],
        "measures": [{"how": "sum", "field": "amount"}], "date": "spent_on", "period": "this_year", "chart": "stacked",
    },
    group="marketing", position=42,
    about=("直接登记在市场活动上的支出，按类型。", "What was paid for each campaign beside expense claims, by kind."),
)  # fmt: skip
builtin.board(
    "marketing", "市场活动看板", "Campaigns",
    [
        builtin.tile("campaigns-by-kind", 2), builtin.tile("campaign-states"), builtin.tile("campaign-answers", 2),
        builtin.tile("campaign-leads"), builtin.tile("campaign-deals", 3),
    ],
    roles=("marketing",), about=("响应、线索、赢单与费用。", "Responses, leads, won deals and cost."), position=8,
)  # fmt: skip
_makes, _leads, _sells = tiles.may("create", CAMPAIGN), tiles.leads(CAMPAIGN), tiles.works(OPPORTUNITY)


def plans(actor: Actor) -> bool:
    """On the home of those who answer for campaigns and do not sell themselves: those who sell have their own figures."""
    return _makes(actor) and _leads(actor) and not _sells(actor)


_UNDER_WAY = {"field": "status", "op": "eq", "value": RUNNING}
_MONTH = {"period": "this_month", "compare": "previous"}
tiles.number(
    "campaigns-running",
    _("Campaigns under way"),
    {"dataset": CAMPAIGN, "filter": _UNDER_WAY},
    order=70,
    good=0,
    shown=plans,
)
tiles.number(
    "campaigns-over-budget", _("Campaigns over their budget"),
    {"dataset": CAMPAIGN, "filter": {"all": [_UNDER_WAY, {"field": "budget_left", "op": "lt", "value": 0}]}},
    order=71, good=-1, shown=plans,
)  # fmt: skip
tiles.number(
    "campaigns-responses", _("Responses this month"),
    {"dataset": MEMBER, "filter": ANSWERED, "date": "responded_at", **_MONTH}, order=72, shown=plans,
)  # fmt: skip
tiles.number(
    "campaigns-leads", _("Leads from campaigns this month"),
    {"dataset": LEAD, "filter": FROM_CAMPAIGN, "date": "created_at", **_MONTH}, order=73, shown=plans,
)  # fmt: skip
