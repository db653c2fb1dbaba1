"""Reports and boards about leads and opportunities."""

from __future__ import annotations

from typing import Any

from guanxi.core.reporting import builtin, rebuilding

DEALS, LEADS = "sales.opportunity", "sales.lead"
OPEN = {"field": "category", "op": "eq", "value": "open"}
WON = {"field": "category", "op": "eq", "value": "won"}
LOST = {"field": "category", "op": "eq", "value": "lost"}
CLOSED = {"field": "category", "op": "in", "value": ["won", "lost"]}
#: Of lines: in an open opportunity; counted in its amount.
LINE_OPEN = {"field": "opportunity.category", "op": "eq", "value": "open"}
COUNTED = {"field": "optional", "op": "eq", "value": False}
rebuilding.add_states(
    DEALS,
    rebuilding.States(
        "sales_opportunitystate",
        "opportunity_id",
        ("pipeline_id", "stage_id", "category", "value", "probability", "close_on", "owner_id", "forecast"),
        unknown=("stage_since", "stale_on"),
        derived=(("weighted", "round(s.value * coalesce(s.probability, 0) / 100, 2)"),),
    ),
)


def _value(zh: str, en: str, where: dict[str, Any] | None = None, field: str = "value") -> dict[str, Any]:
    """The sum of an amount over some deals."""
    return {"how": "sum", "field": field, "where": where or {}, "label_zh": zh, "label_en": en}


def _number(zh: str, en: str, where: dict[str, Any] | None = None) -> dict[str, Any]:
    """The number of some deals."""
    return {"how": "count", "where": where or {}, "label_zh": zh, "label_en": en}


#: Won amount, number won and lost, how many of the decided were won, how large and how long a won deal is.
RESULTS = [
    _value("成交金额", "Won amount", WON),
    _number("赢单数", "Won", WON),
    _number("输单数", "Lost", LOST),
    {**_number("已决商机", "Decided"), "hidden": True},
    {"how": "ratio", "a": 1, "b": 3, "unit": "percent", "label_zh": "赢单率", "label_en": "Win rate"},
    {"how": "ratio", "a": 0, "b": 1, "label_zh": "平均单额", "label_en": "Average won deal"},
    {
        "how": "days", "field": "closed_at", "weight": "created_at", "where": WON,
        "label_zh": "平均成交天数", "label_en": "Average days to win",
    },
]  # fmt: skip


def _results(key: str, zh: str, en: str, rows: list[dict[str, str]], position: int, top: int = 0) -> None:
    """What became of the deals decided this year, by something."""
    builtin.report(
        key,
        zh,
        en,
        {
            "dataset": DEALS,
            "rows": rows,
            "measures": RESULTS,
            "filter": CLOSED,
            "date": "closed_at",
            "period": "this_year",
            "chart": "bar",
            "sort": "value",
            "top": top,
        },
        group="sales",
        position=position,
        about=(
            "本期已决商机的成交金额、赢单率、平均单额和成交周期。",
            "Won amount, win rate, size and days to win of the deals decided in the period.",
        ),
    )


builtin.report(
    "win-cohorts", "商机成交同期群", "Deals by age when won",
    {
        "dataset": DEALS, "rows": [{"field": "created_at", "grain": "quarter"}], "columns": [{"field": "closed_at", "grain": "after"}],
        "measures": [{"how": "count"}], "filter": WON, "chart": "table",
    },
    group="sales",
    about=("每季度新建的商机，在之后第几个季度成交。", "In which quarter after they were found the deals of each quarter were won."),
    position=75,
)  # fmt: skip
builtin.report(
    "sales-total",
    "销售总额（与去年比较）",
    "Sales total, beside last year",
    {
        "dataset": DEALS,
        "rows": [{"field": "closed_at", "grain": "month"}],
        "measures": [
            _value("成交金额", "Won amount"),
            _number("赢单数", "Won"),
            {"how": "running", "a": 0, "label_zh": "累计", "label_en": "Running total"},
        ],
        "filter": WON,
        "date": "closed_at",
        "period": "this_year",
        "compare": "year",
        "chart": "column",
    },
    group="sales",
    position=10,
    about=("每月赢单金额，与去年同月比较。", "Won amount of each month, beside the same month last year."),
)
builtin.report(
    "sales-summary",
    "销售汇总",
    "Sales summary",
    {
        "dataset": DEALS,
        "rows": [{"field": "owner.department", "grain": "second"}],
        "columns": [{"field": "closed_at", "grain": "month"}],
        "measures": [_value("成交金额", "Won amount")],
        "filter": WON,
        "date": "closed_at",
        "period": "this_year",
        "chart": "table",
    },
    group="sales",
    position=20,
    about=(
        "各部门（含下级）每月的赢单金额；标“（本级）”的只计该部门本身。",
        "Won amount of each department and those below it, by month. “(own)” marks a department that counts only itself, as those below it have rows of their own.",
    ),
)
builtin.report(
    "sales-ranking",
    "销售排行",
    "Sales ranking",
    {
        "dataset": DEALS,
        "rows": [{"field": "owner"}],
        "measures": [_value("成交金额", "Won amount"), _number("赢单数", "Won")],
        "filter": WON,
        "date": "closed_at",
        "period": "this_month",
        "compare": "previous",
        "chart": "bar",
        "sort": "value",
        "top": 30,
    },
    group="sales",
    position=30,
    about=("每人本月的赢单金额，与上月比较。", "Won amount of each person this month, beside the month before."),
)
builtin.report(
    "sales-funnel",
    "销售漏斗",
    "Sales funnel",
    {
        "dataset": DEALS,
        "rows": [{"field": "stage"}],
        "measures": [
            _value("商机金额", "Value"),
            _number("商机数", "Deals"),
            _value("加权金额", "Weighted value", field="weighted"),
        ],
        "filter": OPEN,
        "chart": "funnel",
    },
    group="sales",
    position=40,
    about=("进行中的商机在各阶段的金额和数量。", "Value and number of open deals in each stage."),
)
builtin.report(
    "sales-forecast",
    "销售预测",
    "Forecast by month of close",
    {
        "dataset": DEALS,
        "rows": [{"field": "close_on", "grain": "month"}],
        "measures": [
            _value("已成交", "Won", WON),
            _value("承诺", "Commit", {"all": [OPEN, {"field": "forecast", "op": "eq", "value": "commit"}]}),
            _value("加权预测", "Weighted forecast", OPEN, "weighted"),
            _value("进行中总额", "All open", OPEN),
        ],
        "date": "close_on",
        "period": "this_year",
        "chart": "column",
    },
    group="sales",
    position=50,
    about=(
        "按预计成交月份：已成交、承诺、加权预测和进行中的金额。",
        "By the month of expected close: won, committed, weighted and all open.",
    ),
)
builtin.report(
    "forecast-kept", "预测与实际", "Forecast and fact",
    {
        "dataset": "sales.forecastentry", "rows": [{"field": "month", "grain": "month"}],
        "measures": [
            _value("提交的预测", "Forecast submitted", field="adjusted"), _value("实际成交", "Won in the month", field="outcome"),
            {"how": "ratio", "a": 1, "b": 0, "unit": "percent", "label_zh": "实现率", "label_en": "Came true, %"},
        ],
        "filter": {"field": "latest", "op": "eq", "value": True}, "date": "month", "period": "this_year", "chart": "column",
    },
    group="sales", position=52,
    about=("每月最后一次提交的预测，与本人当月实际赢单金额比较。", "What was submitted last for each month, beside what those people won in it."),
)  # fmt: skip
_results("sales-by-source", "各来源转化与周期", "Conversion and cycle by source", [{"field": "source"}], 60)
_results("sales-by-person", "各员工转化与周期", "Conversion and cycle by person", [{"field": "owner"}], 62, 30)
_results("sales-by-kind", "各商机类型转化与周期", "Conversion and cycle by type of deal", [{"field": "kind"}], 64)
_results(
    "sales-by-industry",
    "各行业转化与周期",
    "Conversion and cycle by industry",
    [{"field": "customer.industry", "grain": "top"}],
    66,
)
_IN_WON = {"field": "opportunity.category", "op": "eq", "value": "won"}
_IN_LOST = {"field": "opportunity.category", "op": "eq", "value": "lost"}


def _deals(zh: str, en: str, where: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The number of different deals some lines are in."""
    return {"how": "distinct", "field": "opportunity", "where": where, "label_zh": zh, "label_en": en, **more}


builtin.report(
    "sales-by-product",
    "各产品转化与周期",
    "Conversion and cycle by product",
    {
        "dataset": "sales.opportunityline",
        "rows": [{"field": "product"}],
        "measures": [
            _value("成交金额", "Won amount", _IN_WON),
            _deals("赢单数", "Won", _IN_WON),
            _deals("输单数", "Lost", _IN_LOST),
            _deals("已决商机", "Decided", {}, hidden=True),
            {"how": "ratio", "a": 1, "b": 3, "unit": "percent", "label_zh": "赢单率", "label_en": "Win rate"},
            {
                "how": "days", "field": "opportunity.closed_at", "weight": "opportunity.created_at", "where": _IN_WON,
                "label_zh": "平均成交天数", "label_en": "Average days to win",
            },
        ],
        "filter": {"all": [{"any": [_IN_WON, _IN_LOST]}, COUNTED, {"field": "product", "op": "not_empty"}]},
        "date": "opportunity.closed_at",
        "period": "this_year",
        "chart": "bar",
        "sort": "value",
        "top": 30,
    },
    group="sales",
    position=63,
    about=(
        "本期已决商机明细中各产品的成交金额、赢单率和成交周期（不含可选项）。",
        "Won amount, win rate and days to win of each product in the lines of the deals decided in the period, optional ones left out.",
    ),
)  # fmt: skip
builtin.report(
    "sales-reasons",
    "赢单与输单原因",
    "Why deals were won and lost",
    {
        "dataset": DEALS,
        "rows": [{"field": "close_reason"}],
        "columns": [{"field": "category"}],
        "measures": [_number("商机数", "Deals")],
        "filter": CLOSED,
        "date": "closed_at",
        "period": "this_year",
        "chart": "stacked",
    },
    group="sales",
    position=70,
    about=("本期已决商机的赢输原因。", "Reasons of the deals decided in the period."),
)
builtin.report(
    "sales-competitors",
    "输给谁",
    "Lost to whom",
    {
        "dataset": DEALS,
        "rows": [{"field": "competitor"}],
        "measures": [
            _number("输单数", "Lost", LOST),
            _number("赢单数", "Won", WON),
            _value("输单金额", "Lost value", LOST),
        ],
        "filter": CLOSED,
        "date": "closed_at",
        "period": "this_year",
        "chart": "bar",
        "sort": "value",
        "top": 15,
    },
    group="sales",
    position=72,
    about=("面对各竞争对手时的输赢。", "Deals won and lost against each competitor."),
)
builtin.report(
    "sales-stuck",
    "商机停留时长",
    "Days in stage",
    {
        "dataset": DEALS,
        "rows": [{"field": "stage_since", "grain": "age", "bands": [0, 8, 15, 31, 61, 91]}],
        "columns": [{"field": "stage"}],
        "measures": [_number("商机数", "Deals")],
        "filter": OPEN,
        "chart": "stacked",
    },
    group="sales",
    position=80,
    about=("进行中的商机在当前阶段停留了多少天。", "How long open deals have been in their stage."),
)
builtin.report(
    "leads-conversion",
    "线索转化",
    "Conversion of leads",
    {
        "dataset": LEADS,
        "rows": [{"field": "source"}],
        "measures": [
            _number("线索数", "Leads"),
            _number("已转化", "Converted", {"field": "status", "op": "eq", "value": "converted"}),
            _number("无效", "Invalid", {"field": "status", "op": "eq", "value": "invalid"}),
            {"how": "ratio", "a": 1, "b": 0, "unit": "percent", "label_zh": "转化率", "label_en": "Converted, %"},
            {
                "how": "days", "field": "converted_at", "weight": "created_at",
                "label_zh": "平均转化天数", "label_en": "Average days to conversion",
            },
        ],
        "date": "created_at",
        "period": "this_year",
        "chart": "bar",
    },
    group="sales",
    position=90,
    about=("各来源的线索有多少转化、用了多少天。", "How many leads of each source were converted, and how fast."),
)  # fmt: skip

builtin.report(
    "sales-products",
    "商机中的产品",
    "Products in the pipeline",
    {
        "dataset": "sales.opportunityline",
        "rows": [{"field": "product"}],
        "measures": [
            _value("进行中金额", "Open value", {"all": [LINE_OPEN, COUNTED]}),
            {
                "how": "sum",
                "field": "quantity",
                "where": {"all": [LINE_OPEN, COUNTED]},
                "label_zh": "进行中数量",
                "label_en": "Open quantity",
            },
            _value(
                "已成交金额",
                "Won value",
                {"all": [{"field": "opportunity.category", "op": "eq", "value": "won"}, COUNTED]},
            ),
        ],
        "chart": "bar",
        "sort": "value",
        "top": 20,
    },
    group="sales",
    position=74,
    about=(
        "商机明细中各产品的金额和数量（不含可选项），折算为本位币。",
        "Value and quantity of each product in the lines of opportunities, optional ones left out, in the house's currency.",
    ),
)
builtin.board(
    "sales",
    "销售看板",
    "Sales",
    [
        builtin.tile("sales-total", 2),
        builtin.tile("sales-funnel"),
        builtin.tile("sales-forecast", 2),
        builtin.tile("sales-reasons"),
        builtin.tile("sales-by-source"),
        builtin.tile("sales-stuck", 2),
    ],
    roles=("member", "trainee"),
    about=("成交、漏斗、预测和赢输原因。", "Won deals, funnel, forecast, reasons."),
    position=5,
)
builtin.add_tiles(
    "team", builtin.tile("sales-ranking", 2), builtin.tile("sales-funnel"), builtin.tile("sales-forecast", 3)
)
