"""What customers are worth to the firm: profit each, the profit curve, tiers, share of wallet, and present against potential value.

Cooper and Kaplan, “Profit priorities from activity-based costing”, HBR (1991), for the whale curve; Peppers and Rogers, *Enterprise One to One* (1997), for most valuable, second tier and
below zero; Zeithaml, Rust and Lemon, “The customer pyramid”, California Management Review 43 (2001).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from guanxi.mining.amounts import numeric
from guanxi.mining.parsing import frame_of, texts
from guanxi.mining.result import BadInput, Result, Text, gaps, note, plain, require_columns

PYRAMID = (("platinum", 0.01), ("gold", 0.05), ("iron", 0.2), ("lead", 1.0))
"""Tier -> share of customers up to which it reaches, the most valuable first (the classical 1, 4, 15 and 80 per cent)."""


class ProfitResult(Result):
    """One row per customer, the most profitable first: ``revenue costs profit cumulative tier pyramid``."""

    SAYS = Text("{who} brings {revenue:,.0f}, costs {costs:,.0f}, leaves {profit:,.0f}: {tier}.", "{who} 收入 {revenue:,.0f}，成本 {costs:,.0f}，利润 {profit:,.0f}：{tier}。")  # fmt: skip
    WORDS: ClassVar = {
        "MVC": Text("most valuable", "最有价值客户"),
        "STC": Text("second tier", "二级客户"),
        "BZC": Text("below zero", "负值客户"),
    }

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """The whale curve: share of customers against cumulative share of profit."""
        n = len(self.table)
        at = np.unique(np.linspace(0, n - 1, min(n, 200)).astype(int))
        points = [[0.0, 0.0], *[[(i + 1) / n, plain(float(self.table["cumulative"].iloc[i]))] for i in map(int, at)]]
        return {
            "title": {"text": Text("Whale curve of profit", "利润鲸鱼曲线").in_(language)},
            "tooltip": {"trigger": "axis"},
            "xAxis": {"type": "value", "max": 1, "name": Text("customers", "客户").in_(language)},
            "yAxis": {"type": "value", "name": Text("profit", "利润").in_(language)},
            "series": [{"type": "line", "showSymbol": False, "data": points}],
        }


class WalletResult(Result):
    """One row per customer: ``ours wallet share``. ``diagnostics``: ``share`` of all known wallets, ``open`` what others sell them."""

    SAYS = Text("{who} spends {wallet:,.0f} on such goods, {share:.0%} of it with us.", "{who} 在此类商品上共支出 {wallet:,.0f}，其中我方占 {share:.0%}。")  # fmt: skip
    TITLE = Text("Share of wallet", "钱包份额")
    DRAWN = "share"


class QuadrantResult(Result):
    """One row per customer: ``current potential quadrant``."""

    SAYS = Text("{who} is worth {current:,.0f} now and may be worth {potential:,.0f}: {quadrant}.", "{who} 当前价值 {current:,.0f}，潜在价值 {potential:,.0f}：{quadrant}。")  # fmt: skip
    TITLE = Text("Present and potential value", "当前与潜在价值")
    COUNTED = "quadrant"
    WORDS: ClassVar = {
        "keep": Text("keep and invest", "保持并投入"),
        "harvest": Text("harvest", "维持收获"),
        "develop": Text("develop", "重点开发"),
        "maintain": Text("maintain at low cost", "低成本维护"),
    }


class KeyAccountResult(Result):
    """One row per key account, the most valuable first: ``value share cumulative``."""

    SAYS = Text("{who} brings {value:,.0f}, {share:.1%} of all.", "{who} 贡献 {value:,.0f}，占全部的 {share:.1%}。")
    TITLE = Text("Key accounts", "重点客户")
    DRAWN = "value"


def profitability(
    data: Any, *, customer: str, revenue: str, serve: str = "", acquire: str = "", cost: str = ""
) -> ProfitResult:
    """Profit of each customer = revenue − cost of goods − cost to serve − cost of acquisition, its tier, and the whale curve.

    One row per customer, the most profitable first: ``revenue costs profit cumulative`` (of total profit; above 1 in the middle when some lose money), ``tier`` (MVC: the fewest that bring
    80 % of the positive profit, STC: the others above zero, BZC: below zero) and ``pyramid``.
    """
    frame = frame_of(data)
    require_columns(frame.columns, customer, revenue, serve, acquire, cost)
    parts = [name for name in (cost, serve, acquire) if name]
    frame, notes = numeric(frame.assign(**{customer: texts(frame[customer])}), [revenue, *parts])
    known = frame[customer].notna() & frame[revenue].notna()
    if not known.any():
        raise BadInput("empty", "No usable row is left.", "没有可用的数据。")
    notes += gaps(int((~known).sum()), customer, revenue)
    frame = frame[known]
    for name in parts:
        lacking = int(frame[name].isna().sum())
        if lacking:
            notes.append(note("profit.gap", "{count} rows have no {name}; it counts as 0 there, so their profit is too high.", "{count} 行没有 {name}，按 0 计，利润因此偏高。", count=lacking, name=name))  # fmt: skip
    grouped = frame.groupby(customer)[[revenue, *parts]].sum()
    table = pd.DataFrame({"revenue": grouped[revenue], "costs": grouped[parts].sum(axis=1) if parts else 0.0})
    table["profit"] = table["revenue"] - table["costs"]
    table = table.sort_values("profit", ascending=False, kind="stable")
    total, gain = float(table["profit"].sum()), table["profit"].clip(lower=0)
    table["cumulative"] = table["profit"].cumsum() / total if total else np.nan
    before = gain.cumsum() - gain
    table["tier"] = np.select([table["profit"] <= 0, before < 0.8 * gain.sum() - 1e-9], ["BZC", "MVC"], "STC")
    rank = (np.arange(len(table)) + 1) / len(table)
    table["pyramid"] = np.select(
        [rank <= bound for _name, bound in PYRAMID[:-1]], [name for name, _bound in PYRAMID[:-1]], PYRAMID[-1][0]
    )
    if not parts:
        notes.append(note("profit.no_costs", "No costs were given: profit is revenue.", "未给出成本，利润即收入。"))
    loss = float(abs(table["profit"].clip(upper=0).sum()))
    detail = {
        "n": len(table),
        "profit": total,
        "lost_to_bzc": loss,
        "peak": float(gain.sum() / total) if total > 0 else None,
        "tiers": {str(k): int(v) for k, v in table["tier"].value_counts().items()},
    }
    return ProfitResult(model="profitability", table=table, diagnostics=detail, notes=tuple(notes))


def share_of_wallet(ours: Any, wallet: Any) -> WalletResult:
    """Our part of what each customer spends on such goods, 0…1; missing where the wallet is unknown, 1 where we sell more than it (noted)."""
    a, b = _pair(ours, wallet)
    table = pd.DataFrame({"ours": a, "wallet": b, "share": (a / b.where(b > 0)).clip(upper=1.0)})
    unknown, beyond = int(table["share"].isna().sum()), int((a > b.where(b > 0)).sum())
    notes = []
    if unknown:
        notes.append(note("wallet.unknown", "The wallet of {count} customers is not known.", "{count} 位客户的总支出未知。", count=unknown))  # fmt: skip
    if beyond:
        notes.append(note("wallet.small", "{count} customers buy more from us than their wallet is said to hold; their share is 1.", "{count} 位客户向我方购买的金额超过其总支出，占比按 1 计。", count=beyond))  # fmt: skip
    known = table.dropna()
    whole = float(known["ours"].sum() / known["wallet"].sum()) if len(known) else None
    open_ = float((known["wallet"] - known["ours"]).clip(lower=0).sum())
    return WalletResult(
        model="share_of_wallet", table=table, diagnostics={"n": len(known), "share": whole, "open": open_}, notes=tuple(notes)
    )  # fmt: skip


def quadrants(current: Any, potential: Any) -> QuadrantResult:
    """Present against potential value, each split at its median: ``keep`` (high, high), ``harvest`` (high, low), ``develop`` (low, high), ``maintain`` (low, low)."""
    c, p = _pair(current, potential)
    now, later = c > c.median(), p > p.median()
    kind = np.select([now & later, now & ~later, ~now & later], ["keep", "harvest", "develop"], "maintain")
    table = pd.DataFrame({"current": c, "potential": p, "quadrant": kind})
    notes = []
    if c.nunique() <= 1 or p.nunique() <= 1:
        notes.append(note("split.constant", "All customers are alike in one of the two figures; nobody stands above its middle.", "有一项数值所有客户都相同，无人高于中位数。"))  # fmt: skip
    return QuadrantResult(
        model="quadrants", table=table, parameters={"current": float(c.median()), "potential": float(p.median())},
        diagnostics={"n": len(table), **table["quadrant"].value_counts().to_dict()}, notes=tuple(notes),
    )  # fmt: skip


def key_accounts(value: Any, *, share: float = 0.5, least: int = 1) -> KeyAccountResult:
    """The fewest customers that together bring ``share`` of the positive value, at least ``least``. Raises :class:`BadInput` where nobody has a positive value."""
    if not 0 < share <= 1:
        raise BadInput("bounds", "The share must lie between 0 and 1.", "占比须在 0 与 1 之间。")
    ordered = pd.Series(value, dtype=float).dropna().sort_values(ascending=False, kind="stable")
    gain = ordered.clip(lower=0)
    whole = float(gain.sum())
    if whole <= 0:
        raise BadInput("no_value", "No customer has a positive value, so there is nothing to share out.", "没有任何客户的金额为正，无法计算占比。")  # fmt: skip
    before = gain.cumsum() - gain
    chosen = (before < share * whole - 1e-9).to_numpy() | (np.arange(len(ordered)) < least)
    table = pd.DataFrame({"value": ordered, "share": gain / whole, "cumulative": gain.cumsum() / whole})[chosen]
    return KeyAccountResult(
        model="key_accounts", table=table, parameters={"share": share, "least": least},
        diagnostics={"n": len(table), "of": len(ordered), "brings": float(table["share"].sum())},
    )  # fmt: skip


def _pair(first: Any, second: Any) -> tuple[pd.Series, pd.Series]:
    a, b = pd.Series(first, dtype=float), pd.Series(second, dtype=float)
    if len(a) != len(b) or not len(a):
        raise BadInput("pairs", "Both figures are needed for every customer.", "每位客户都需要两项数值。")
    if not a.index.equals(b.index):
        b = b.reindex(a.index) if set(a.index) == set(b.index) else b.set_axis(a.index)
    return a, b
