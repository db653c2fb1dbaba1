"""Reports, boards and figures of the home page about customers."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.core.reporting import builtin, tiles

CUSTOMERS = "customers.customer"


def _by(key: str, zh: str, en: str, field: str, chart: str, position: int, grain: str = "", top: int = 0) -> None:
    """A report of how many customers there are by one field."""
    row = {"field": field, "grain": grain}
    definition = {"dataset": CUSTOMERS, "rows": [row], "measures": [{"how": "count"}, {"how": "share", "a": 0}]}
    builtin.report(
        key, zh, en, {**definition, "chart": chart, "top": top}, group="customers", position=position,
        about=("您能看到的客户数量及占比。", "How many customers you see, and their share."),
    )  # fmt: skip


_by("customers-by-source", "客户来源分析", "Customers by source", "source", "bar", 20)
_by("customers-by-region", "客户地区分布", "Customers by region", "region", "bar", 30, "top", 20)
_by("customers-by-level", "客户级别分布", "Customers by level", "level", "pie", 40)
_by("customers-by-lifecycle", "客户生命周期分布", "Customers by lifecycle stage", "lifecycle", "funnel", 50)
_by("customers-by-industry", "客户行业分布", "Customers by industry", "industry", "bar", 60, "top", 15)
_by("customers-by-owner", "员工客户数量", "Customers by owner", "owner", "bar", 70, "", 30)
builtin.report(
    "customers-new",
    "每月新增客户",
    "New customers by month",
    {
        "dataset": CUSTOMERS,
        "rows": [{"field": "created_at", "grain": "month"}],
        "measures": [{"how": "count"}, {"how": "running", "a": 0, "label_zh": "累计", "label_en": "Running total"}],
        "date": "created_at",
        "period": "this_year",
        "compare": "year",
        "chart": "column",
    },
    group="customers",
    position=10,
    about=(
        "按月统计新建的客户，并与去年同期比较。",
        "Customers created in each month, beside the same month last year.",
    ),
)
builtin.report(
    "customers-silent",
    "客户沉默时长",
    "Customers by days without contact",
    {
        "dataset": CUSTOMERS,
        "rows": [{"field": "last_contact_at", "grain": "age", "bands": [0, 8, 31, 61, 91, 181]}],
        "columns": [{"field": "level"}],
        "chart": "stacked",
    },
    group="customers",
    position=80,
    about=("距上次联系多少天，按客户级别。", "How long ago customers were last in touch, by level."),
)
builtin.report(
    "customers-by-department",
    "部门客户统计",
    "Customers by department",
    {
        "dataset": CUSTOMERS,
        "rows": [{"field": "owner.department", "grain": "second"}],
        "columns": [{"field": "lifecycle"}],
        "chart": "stacked",
    },
    group="customers",
    position=75,
    about=(
        "各部门（含下级）的客户，按生命周期阶段；标“（本级）”的只计该部门本身。",
        "Customers of each department and those below it, by lifecycle stage. “(own)” marks a department that counts only itself, as those below it have rows of their own.",
    ),
)
builtin.board(
    "overview",
    "业务总览",
    "Overview",
    [
        builtin.tile("customers-new", 2),
        builtin.tile("customers-by-level"),
        builtin.tile("customers-by-lifecycle"),
        builtin.tile("customers-by-source"),
        builtin.tile("customers-silent"),
    ],
    about=("客户和跟进的主要数字。", "The main figures of customers and follow-ups."),
    position=10,
)

_MINE = {"field": "owner", "op": "eq", "value": "@me"}
tiles.number(
    "customers-mine",
    _("My customers"),
    {"dataset": CUSTOMERS, "filter": _MINE},
    order=20,
    good=0,
    shown=tiles.works(CUSTOMERS),
)
tiles.number(
    "customers-mine-new",
    _("New this month, mine"),
    {"dataset": CUSTOMERS, "filter": _MINE, "date": "created_at", "period": "this_month", "compare": "previous"},
    order=22,
    shown=tiles.works(CUSTOMERS),
)
tiles.number(
    "customers-mine-silent",
    _("Mine, silent for 30 days"),
    {"dataset": CUSTOMERS, "filter": {"all": [_MINE, {"field": "last_contact_at", "op": "older_days", "value": 30}]}},
    order=24,
    good=-1,
    shown=tiles.works(CUSTOMERS),
)
tiles.number(
    "customers-team-new",
    _("New this month, team"),
    {"dataset": CUSTOMERS, "date": "created_at", "period": "this_month", "compare": "previous"},
    order=60,
    shown=tiles.leads(CUSTOMERS),
)
