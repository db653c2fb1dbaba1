"""ABC analysis and concentration: who brings the money, and how unequal it is.

Sources: Pareto (1896); Dickie, “ABC inventory analysis shoots for dollars” (1951); Gini (1912). “20 % bring 80 %” is not
assumed but measured: the result says which share of customers brings 80 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _

from guanxi.mining.result import BadInput, Note, Result, Text, note, words
from guanxi.mining.transactions import Transactions


@dataclass(frozen=True, kw_only=True)
class AbcResult(Result):
    """One row per customer, the most valuable first: ``value``, ``share``, ``cumulative`` (0…1), ``rank``, ``class`` (A, B, C)."""

    def explain(self, customer: Any, language: str = "zh") -> str:
        """Rank, share and class in a sentence."""
        row = self.row(customer)
        return words(
            "{who} is number {rank} of {n} with {value:,.2f}, {share:.2%} of all sales: class {cls}.",
            "{who} 以 {value:,.2f} 排第 {rank}（共 {n} 位），占总额 {share:.2%}，属 {cls} 类。",
            who=customer, rank=int(row["rank"]), n=len(self.table), value=float(row["value"]), share=float(row["share"]), cls=row["class"],
        ).in_(language)  # fmt: skip

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """The Lorenz curve from the top: share of customers against share of value."""
        n = len(self.table)
        at = np.unique(np.linspace(0, n - 1, min(n, 200)).astype(int))
        points = [[0.0, 0.0], *[[float((i + 1) / n), float(self.table["cumulative"].iloc[i])] for i in at]]
        return {
            "title": {"text": Text("Share of value by share of customers", "客户占比与金额占比").in_(language)},
            "tooltip": {"trigger": "axis"},
            "xAxis": {"type": "value", "max": 1, "name": Text("customers", "客户").in_(language)},
            "yAxis": {"type": "value", "max": 1, "name": Text("value", "金额").in_(language)},
            "series": [{"type": "line", "showSymbol": False, "data": points}],
        }


def abc_expression(table: ibis.Table, a: float = 0.8, b: float = 0.95) -> ibis.Table:
    """Classes by cumulative share as one expression: ``customer value rank cumulative class``, the same on every engine.

    The customer who crosses a bound still belongs to the better class. Who is worth nothing or less is class C.
    """
    totals = table.group_by("customer").aggregate(value=_.amount.sum())
    order = [ibis.desc("value"), ibis.asc("customer")]
    positive = totals.mutate(gain=ibis.greatest(totals.value, 0.0))
    running = ibis.window(order_by=order, rows=(None, 0))
    ranked = positive.mutate(
        rank=ibis.row_number().over(ibis.window(order_by=order)).cast("int64") + 1,
        before=positive.gain.sum().over(running) - positive.gain,
        whole=positive.gain.sum().over(ibis.window()),
    )
    # A tolerance of 1e-9 of the whole, so that the order of adding does not move a customer over the bound.
    return ranked.select(
        "customer",
        "value",
        "rank",
        cumulative=ibis.ifelse(ranked.whole > 0, (ranked.before + ranked.gain) / ranked.whole, 0.0),
        **{
            "class": ibis.cases(
                (ranked.gain <= 0, "C"),
                (ranked.before < ranked.whole * (a - 1e-9), "A"),
                (ranked.before < ranked.whole * (b - 1e-9), "B"),
                else_="C",
            )
        },
    )


def gini(values: np.ndarray) -> float:
    """Gini coefficient of non-negative values: 0 all alike, towards 1 all with one. NaN when their sum is 0. O(n log n)."""
    ordered = np.sort(np.clip(values, 0, None))
    total = ordered.sum()
    if total <= 0:
        return float("nan")
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def abc(sales: Transactions, *, a: float = 0.8, b: float = 0.95) -> AbcResult:
    """ABC classes by share of value up to ``a`` and ``b``, value net of returns in the data's currency. O(n log n) in the engine."""
    if not sales.has_amount:
        raise BadInput("amount.needed", "ABC analysis needs a column of amounts.", "ABC 分析需要金额列。")
    if not 0 < a < b <= 1:
        raise BadInput("bounds", "The bounds must ascend between 0 and 1.", "界限须在 0 与 1 之间递增。")
    table = abc_expression(sales.table, a, b).execute().sort_values("rank").set_index("customer")
    value = table["value"].to_numpy(dtype=float)
    positive = float(np.clip(value, 0, None).sum())
    if positive <= 0:
        raise BadInput(
            "no_value",
            "No customer has a positive value, so there is nothing to share out.",
            "没有任何客户的金额为正，无法计算占比。",
        )
    table.insert(1, "share", np.clip(value, 0, None) / positive)
    return AbcResult(
        model="abc",
        table=table,
        parameters={"a": a, "b": b},
        diagnostics=_measures(table, value),
        notes=(*sales.notes, *_doubts(value)),
        as_of=sales.as_of,
    )


def _measures(table: pd.DataFrame, value: np.ndarray) -> dict[str, Any]:
    n = len(table)
    cumulative = table["cumulative"].to_numpy(dtype=float)
    shares = table["share"].to_numpy(dtype=float)
    classes = table.groupby("class").agg(customers=("value", "size"), value=("value", "sum"), share=("share", "sum"))
    return {
        "n": n,
        "value": float(value.sum()),
        "top20_share": float(shares[: max(1, round(0.2 * n))].sum()),
        "customers_for_80": float((np.searchsorted(cumulative, 0.8 - 1e-12) + 1) / n),
        "gini": gini(value),
        "classes": {str(name): row for name, row in classes.to_dict("index").items()},
    }


def _doubts(value: np.ndarray) -> list[Note]:
    below = int((value <= 0).sum())
    if not below:
        return []
    return [
        note(
            "value.not_positive",
            "{count} customers are worth nothing or less after returns; they are in class C and add 0 to the shares.",
            "{count} 位客户扣除退货后金额不为正，归入 C 类，占比按 0 计。",
            count=below,
        )
    ]
