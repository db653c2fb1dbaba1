"""Reports, figures of the home page and what counts as done, about quotes, contracts, receipts and what is owed."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import selectors
from guanxi.core.reporting import builtin, doings, tiles

CONTRACTS, RECEIPTS, INSTALMENTS, QUOTES = "billing.contract", "billing.receipt", "billing.instalment", "billing.quote"
SIGNED = {"field": "status", "op": "in", "value": ["signed", "completed", "ended"]}
#: Without frameworks, and without amendments that reduce: what these change is in the contracts under them.
AGREED = {"all": [SIGNED, {"field": "open", "op": "not_empty"}]}
RECEIVED = {"field": "sort", "op": "eq", "value": "in"}
OWED = selectors.OWED
MINE = {"field": "owner", "op": "eq", "value": "@me"}


def _sum(field: str, zh: str, en: str) -> dict[str, Any]:
    """The sum of an amount, in the workspace's currency."""
    return {"how": "sum", "field": field, "label_zh": zh, "label_en": en}


CONTRACT_FIGURES = [
    _sum("total", "合同金额", "Contract amount"),
    {"how": "count", "label_zh": "合同数", "label_en": "Contracts"},
    _sum("received", "已回款", "Received"),
    _sum("open", "未回款", "Still open"),
    {"how": "ratio", "a": 2, "b": 0, "unit": "percent", "label_zh": "回款率", "label_en": "Received, %"},
]
builtin.report(
    "contracts-by-person", "员工合同统计", "Contracts by person",
    {"dataset": CONTRACTS, "rows": [{"field": "owner"}], "measures": CONTRACT_FIGURES, "filter": AGREED, "date": "signed_on",
     "period": "this_year", "compare": "year", "chart": "bar", "sort": "value", "top": 30},
    group="billing", position=10,
    about=("每人签订的合同金额、已回款和未回款，与去年比较。", "Contracts signed by each person: amount, received, still open, beside last year."),
)  # fmt: skip
builtin.report(
    "contracts-by-month", "合同签订趋势", "Contracts by month",
    {"dataset": CONTRACTS, "rows": [{"field": "signed_on", "grain": "month"}], "measures": CONTRACT_FIGURES[:2],
     "filter": AGREED, "date": "signed_on", "period": "this_year", "compare": "year", "chart": "column"},
    group="billing", position=20,
    about=("每月签订的合同金额，与去年同月比较。", "Amount of contracts signed in each month, beside the same month last year."),
)  # fmt: skip
_RECEIPT_FIGURES = [
    _sum("amount", "回款金额", "Received") | {"where": RECEIVED},
    {"how": "count", "label_zh": "笔数", "label_en": "Receipts", "where": RECEIVED},
    _sum("amount", "退款金额", "Paid back") | {"where": {"field": "sort", "op": "eq", "value": "out"}},
]
builtin.report(
    "receipts-by-customer", "客户回款统计", "Receipts by customer",
    {"dataset": RECEIPTS, "rows": [{"field": "customer"}], "measures": [*_RECEIPT_FIGURES, {"how": "share", "a": 0}],
     "date": "received_on", "period": "this_year", "chart": "bar", "sort": "value", "top": 30},
    group="billing", position=30,
    about=("各客户本期的回款金额、笔数、退款和占比。", "Money received from each customer and paid back, number and share."),
)  # fmt: skip
builtin.report(
    "receipts-by-person", "员工回款统计", "Receipts by person",
    {"dataset": RECEIPTS, "rows": [{"field": "owner"}], "columns": [{"field": "received_on", "grain": "month"}],
     "measures": _RECEIPT_FIGURES[:1], "filter": RECEIVED, "date": "received_on", "period": "this_year", "chart": "stacked"},
    group="billing", position=40,
    about=("每人每月的回款金额。", "Money received by each person, by month."),
)  # fmt: skip
builtin.report(
    "debts-by-age", "应收账龄", "Ageing of what is owed",
    {"dataset": INSTALMENTS, "rows": [{"field": "due_on", "grain": "age", "bands": [1, 31, 61, 91, 181]}],
     "measures": [_sum("open", "未回款", "Still open"), {"how": "count", "label_zh": "期数", "label_en": "Instalments"}],
     "filter": OWED, "chart": "column"},
    group="billing", position=50,
    about=("未回款按逾期天数分段；“今天或以后”是未到期的。", "What is still open by days overdue; “today or later” is not overdue."),
)  # fmt: skip
builtin.report(
    "debts-by-customer", "客户欠款", "Owed by customer",
    {"dataset": INSTALMENTS, "rows": [{"field": "customer"}],
     "columns": [{"field": "due_on", "grain": "age", "bands": [1, 31, 61, 91]}],
     "measures": [_sum("open", "未回款", "Still open")], "filter": OWED, "chart": "table", "sort": "value", "top": 50},
    group="billing", position=60,
    about=("各客户未回款，按逾期天数。", "What each customer still owes, by days overdue."),
)  # fmt: skip
builtin.report(
    "receipts-planned", "回款计划与实际", "Instalments due and paid",
    {"dataset": INSTALMENTS, "rows": [{"field": "due_on", "grain": "month"}],
     "measures": [_sum("amount", "应回款", "Due"), _sum("received", "已回款", "Received"), _sum("open", "未回款", "Still open")],
     "date": "due_on", "period": "this_year", "chart": "column"},
    group="billing", position=70,
    about=("按到期月份：应回、已回和未回。", "By the month they fall due: due, received and still open."),
)  # fmt: skip
builtin.add_tiles("team", builtin.tile("contracts-by-person", 2), builtin.tile("debts-by-age"))
builtin.add_tiles("sales", builtin.tile("receipts-planned", 2), builtin.tile("contracts-by-month"))

tiles.number(
    "instalments-mine", _("Due within 30 days, mine"),
    {"dataset": INSTALMENTS, "filter": {"all": [MINE, OWED, {"field": "due_on", "op": "next_days", "value": 30}]},
     "measures": [{"how": "sum", "field": "open"}]},
    order=5, good=0,
    shown=tiles.works(CONTRACTS),
)  # fmt: skip
tiles.number(
    "instalments-overdue-mine", _("Overdue money, mine"),
    {"dataset": INSTALMENTS, "filter": {"all": [MINE, OWED, {"field": "due_on", "op": "lt", "value": "@today"}]},
     "measures": [{"how": "sum", "field": "open"}]},
    order=6, good=-1,
    shown=tiles.works(CONTRACTS),
)  # fmt: skip
tiles.number(
    "receipts-team", _("Received this month, team"),
    {"dataset": RECEIPTS, "filter": RECEIVED, "measures": [{"how": "sum", "field": "amount"}], "date": "received_on",
     "period": "this_month", "compare": "previous"},
    order=46, shown=tiles.leads(CONTRACTS),
)  # fmt: skip

doings.source("quotes", _("Quotes made"), QUOTES, at="created_at", order=40)
doings.source("contracts", _("Contracts signed"), CONTRACTS, at="signed_on", filter=SIGNED, order=50)
doings.source("receipts", _("Money received"), RECEIPTS, at="received_on", filter=RECEIVED, order=60)
#: Those who keep the books: what is owed to the house, what waits to be issued and matched.
BOOKS = tiles.may("write_off", INSTALMENTS)
tiles.number(
    "instalments-overdue", _("Overdue money"),
    {"dataset": INSTALMENTS, "filter": {"all": [OWED, {"field": "due_on", "op": "lt", "value": "@today"}]},
     "measures": [{"how": "sum", "field": "open"}]},
    order=7, good=-1, shown=BOOKS,
)  # fmt: skip
tiles.number(
    "instalments-due", _("Due within 30 days"),
    {"dataset": INSTALMENTS, "filter": {"all": [OWED, {"field": "due_on", "op": "next_days", "value": 30}]},
     "measures": [{"how": "sum", "field": "open"}]},
    order=8, good=0, shown=BOOKS,
)  # fmt: skip
tiles.number(
    "invoices-requested", _("Invoices to issue"),
    {"dataset": "billing.invoice", "filter": {"field": "status", "op": "eq", "value": "requested"}},
    order=9, good=0, shown=BOOKS,
)  # fmt: skip
tiles.number(
    "entries-new", _("Bank entries to match"),
    {"dataset": "billing.bankentry", "filter": {"field": "status", "op": "eq", "value": "new"}},
    order=10, good=0, shown=BOOKS,
)  # fmt: skip
