"""What customers are worth to the firm: profit each, the profit curve, tiers, share of wallet, and present against potential value.

Cooper and Kaplan, “Profit priorities from activity-based costing”, HBR (1991), for the whale curve; Peppers and Rogers, *Enterprise One to One* (1997), for most valuable, second tier and
below zero; Zeithaml, Rust and Lemon, “The customer pyramid”, California Management Review 43 (2001).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from guanxi.mining.parsing import frame_of
from guanxi.mining.result import Result, note, require_columns

PYRAMID = (("platinum", 0.01), ("gold", 0.05), ("iron", 0.2), ("lead", 1.0))
"""Tier -> share of customers up to which it reaches, the most valuable first (the classical 1, 4, 15 and 80 per cent)."""


def profitability(
    data: Any, *, customer: str, revenue: str, serve: str = "", acquire: str = "", cost: str = ""
) -> Result:
    """Profit of each customer = revenue − cost of goods − cost to serve − cost of acquisition, its tier, and the whale curve.

    One row per customer, the most profitable first: ``revenue costs profit cumulative`` (of total profit; above 1 in the middle when some lose money), ``tier`` (MVC: the fewest that bring
    80 % of the positive profit, STC: the others above zero, BZC: below zero) and ``pyramid``.
    """
    frame = frame_of(data)
    require_columns(frame.columns, customer, revenue, serve, acquire, cost)
    parts = [name for name in (cost, serve, acquire) if name]
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
    notes = (
        []
        if parts
        else [note("profit.no_costs", "No costs were given: profit is revenue.", "未给出成本，利润即收入。")]
    )
    loss = float(-table["profit"].clip(upper=0).sum())
    detail = {
        "n": len(table),
        "profit": total,
        "lost_to_bzc": loss,
        "peak": float(gain.sum() / total) if total > 0 else None,
        "tiers": {str(k): int(v) for k, v in table["tier"].value_counts().items()},
    }
    return Result(model="profitability", table=table, diagnostics=detail, notes=tuple(notes))


def share_of_wallet(ours: Any, wallet: Any) -> pd.Series:
    """Our part of what the customer spends on such goods, 0…1; missing where the wallet is unknown, 1 where we sell more than it."""
    a, b = pd.Series(ours, dtype=float), pd.Series(wallet, dtype=float)
    return (a / b.where(b > 0)).clip(upper=1.0)


def quadrants(current: Any, potential: Any) -> pd.Series:
    """Present against potential value, each split at its median: ``keep`` (high, high), ``harvest`` (high, low), ``develop`` (low, high), ``maintain`` (low, low)."""
    c, p = pd.Series(current, dtype=float), pd.Series(potential, dtype=float)
    now, later = c > c.median(), p > p.median()
    return pd.Series(
        np.select([now & later, now & ~later, ~now & later], ["keep", "harvest", "develop"], "maintain"), index=c.index
    )


def key_accounts(value: Any, *, share: float = 0.5, least: int = 1) -> list[Any]:
    """The fewest customers that together bring ``share`` of the positive value, at least ``least``."""
    ordered = pd.Series(value, dtype=float).sort_values(ascending=False, kind="stable")
    gain = ordered.clip(lower=0)
    before = gain.cumsum() - gain
    return list(ordered.index[(before < share * gain.sum() - 1e-9).to_numpy() | (np.arange(len(ordered)) < least)])
