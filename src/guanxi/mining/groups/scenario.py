"""What if: profit of the coming years when price, retention or acquisition change.

Blattberg and Deighton, “Manage marketing by the customer equity test”, HBR 74 (1996), in its simplest form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from guanxi.mining.churn.model import purchase_days
from guanxi.mining.result import BadInput, Note, Result, Text, note
from guanxi.mining.transactions import Transactions


class WhatIfResult(Result):
    """One row a year: ``customers profit discounted``. ``diagnostics``: ``total`` (discounted), ``break_even_cost`` of winning a customer."""

    SAYS = Text("Year {who}: {customers:,.0f} customers, profit {profit:,.0f}, worth {discounted:,.0f} today.", "第 {who} 年：客户 {customers:,.0f} 位，利润 {profit:,.0f}，折现 {discounted:,.0f}。")  # fmt: skip
    TITLE = Text("Profit of the coming years", "未来各年利润")
    DRAWN, KIND = "profit", "line"


def what_if(
    customers: float,
    margin: float,
    retention: float,
    acquired: float,
    cost: float = 0.0,
    *,
    price: float = 0.0,
    elasticity: float = 0.0,
    years: int = 5,
    discount: float = 0.1,
) -> WhatIfResult:
    """Profit of the coming years when price (share), retention or acquisition change. ``margin`` a customer and year, ``cost`` of winning one.

    Demand a customer moves by ``elasticity × price``; margin gains the price. One row a year: ``customers profit discounted``. Blattberg and Deighton, HBR (1996).
    """
    if years < 1 or discount <= -1 or customers < 0 or acquired < 0:
        raise BadInput("what_if.bounds", "Years, customers and customers won must not be negative, the discount above −100 %.", "年数、客户数与新增客户数不得为负，折现率须大于 −100%。")  # fmt: skip
    if not 0 <= retention <= 1:
        raise BadInput("what_if.retention", "Retention is a share between 0 and 1.", "留存率须在 0 与 1 之间。")
    each, there, rows = (margin + price) * (1 + elasticity * price / max(margin, 1e-12)), customers, []
    for year in range(1, years + 1):
        there = there * retention + acquired
        profit = there * each - acquired * cost
        rows.append((year, there, profit, profit / (1 + discount) ** year))
    table = pd.DataFrame(rows, columns=["year", "customers", "profit", "discounted"]).set_index("year")
    # A customer won now brings each · retention^(k−1) in year k, for ever.
    worth = each * (1 + discount) / (1 + discount - retention) if retention < 1 + discount else float("inf")
    notes = []
    if cost > worth:
        notes.append(note("what_if.loss", "Winning a customer costs {cost:,.0f} and brings {worth:,.0f}.", "获取一位客户成本 {cost:,.0f}，仅带来 {worth:,.0f}。", cost=cost, worth=worth))  # fmt: skip
    return WhatIfResult(
        model="what_if", table=table, notes=tuple(notes), diagnostics={"total": float(table["discounted"].sum()), "break_even_cost": worth},
        parameters={"customers": customers, "margin": margin, "retention": retention, "acquired": acquired, "cost": cost, "price": price, "elasticity": elasticity, "discount": discount},
    )  # fmt: skip


def what_if_sales(
    sales: Transactions, *, margin: float = 1.0, told: Mapping[str, float] | None = None, **scenario: Any
) -> WhatIfResult:
    """The same from purchases: what the last 365 days up to ``as_of`` say of customers, profit a customer, retention, acquisition.

    ``told`` holds those of ``customers profit retention acquired`` that are known otherwise; ``margin`` is the share of the
    turnover that stays. Raises :class:`BadInput` for a history of less than two years, where retention cannot be read. O(n log n).
    """
    days = purchase_days(sales)
    told = dict(told or {})
    end = pd.Timestamp(sales.as_of)
    year, before = end - pd.Timedelta(days=365), end - pd.Timedelta(days=730)
    first = days.groupby("customer")["day"].min()
    active = set(days.loc[days["day"] > year, "customer"])
    earlier = set(days.loc[(days["day"] > before) & (days["day"] <= year), "customer"])
    if "retention" not in told and (days["day"].min() > before + pd.Timedelta(days=31) or not earlier):
        raise BadInput(
            "what_if.short",
            "Two years of purchases are needed to see who stays; these begin on {first}. Give the retention yourself.",
            "须有两年的购买记录才能看出留存；数据从 {first} 开始。请自行给出留存率。",
            first=f"{days['day'].min():%Y-%m-%d}",
        )
    if not active:
        raise BadInput("what_if.nobody", "Nobody bought in the year up to {day}.", "截至 {day} 的一年内无人购买。", day=str(sales.as_of))  # fmt: skip
    turnover = float(days.loc[days["day"] > year, "value"].sum())
    read = {
        "customers": float(len(active)),
        "profit": margin * turnover / len(active),
        "retention": len(active & earlier) / max(1, len(earlier)),
        "acquired": float((first > year).sum()),
    }
    used = {name: told.get(name, value) for name, value in read.items()}
    result = what_if(used["customers"], used["profit"], used["retention"], used["acquired"], **scenario)
    notes: list[Note] = [*sales.notes, *result.notes]
    if days["day"].min() > year + pd.Timedelta(days=31):
        notes.append(note("what_if.part", "Purchases begin on {first} only: less than a year of turnover is read, and everybody counts as new.", "购买记录从 {first} 才开始：营业额不足一年，且所有客户都按新客户计。", first=f"{days['day'].min():%Y-%m-%d}"))  # fmt: skip
    if not sales.has_amount:
        notes.append(note("what_if.amounts", "No amount is given: each purchase counts 1.", "未给金额：每次购买按 1 计。"))  # fmt: skip
    return WhatIfResult(
        model=result.model, as_of=sales.as_of, table=result.table, parameters=result.parameters,
        diagnostics={**result.diagnostics, "read": read}, notes=tuple(notes),
    )  # fmt: skip
