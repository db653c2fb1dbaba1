"""What counts as done in a work report, and reports about work reports and expenses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.core.reporting import builtin, doings

doings.source("customers", _("New customers"), "customers.customer", person="created_by", order=10)
doings.source(
    "visits",
    _("Visits"),
    "activities.activity",
    at="occurred_at",
    filter={"field": "kind", "op": "eq", "value": "visit"},
    order=20,
)
doings.source(
    "follow-ups",
    _("Other follow-ups"),
    "activities.activity",
    at="occurred_at",
    filter={"field": "kind", "op": "not_in", "value": ["visit", "note"]},
    order=30,
)
doings.source("tasks", _("Tasks done"), "activities.task", at="completed_at", order=80)

builtin.report(
    "diary-sent",
    "日报提交情况",
    "Work reports sent",
    {
        "dataset": "diary.workreport",
        "rows": [{"field": "owner"}],
        "columns": [{"field": "period"}],
        "filter": {"field": "status", "op": "ne", "value": "draft"},
        "date": "day",
        "period": "this_month",
        "chart": "stacked",
    },
    group="activities",
    position=70,
    about=("每人已提交的日报、周报、月报数量。", "Daily, weekly and monthly reports each person has sent."),
)
builtin.report(
    "expenses-by-person",
    "费用统计",
    "Expenses by person",
    {
        "dataset": "diary.expense",
        "rows": [{"field": "owner"}],
        "columns": [{"field": "kind"}],
        "measures": [{"how": "sum", "field": "amount"}],
        "filter": {"field": "status", "op": "in", "value": ["approved", "paid"]},
        "date": "spent_on",
        "period": "this_year",
        "chart": "stacked",
    },
    group="activities",
    position=80,
    about=(
        "每人已批准的费用，按类型，折算为本位币。",
        "Approved expenses of each person by kind, in the workspace's currency.",
    ),
)
