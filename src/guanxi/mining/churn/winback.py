"""Win-back: who of the silent ones is worth a call, and what may be expected of it.

The chance that a customer returns after such a silence is read from what customers did before: every gap between two purchases is a silence that ended, the present one
is still open; Kaplan and Meier (1958) over all of them give P(returns within the horizon | silent for s) = 1 − S(s + h)/S(s). After Thomas, Blattberg and Fox,
“Recapturing lost customers”, Journal of Marketing Research 41 (2004), the gain is that chance times what the customer is worth when he is back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from guanxi.mining.churn.model import purchase_days
from guanxi.mining.result import BadInput, Result, bar, note, words
from guanxi.mining.transactions import Transactions


class WinBackResult(Result):
    """One row per silent customer, the greatest gain first: ``silence`` and ``gap`` (days), ``yearly`` (value of a usual year), ``chance`` of returning in the horizon, ``gain``."""

    def explain(self, customer: Any, language: str = "zh") -> str:
        """Silence, chance and gain in a sentence."""
        row = self.row(customer)
        return words(
            "{who} has been silent for {silence:.0f} days; of customers silent for so long {chance:.0%} bought again within {horizon:.0f} days. A usual year of his is worth {yearly:,.0f}: expect {gain:,.0f}.",
            "{who} 已静默 {silence:.0f} 天；同样静默的客户中有 {chance:.0%} 在 {horizon:.0f} 天内回购。正常一年价值 {yearly:,.0f}，预期收益 {gain:,.0f}。",
            who=customer, silence=row["silence"], chance=row["chance"], horizon=self.parameters["horizon"], yearly=row["yearly"], gain=row["gain"],
        ).in_(language)  # fmt: skip

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """The twenty greatest gains."""
        top = self.table.head(20)
        return bar(words("Expected gain", "预期收益").in_(language), list(top.index), top["gain"].tolist(), x="", y="")


def stay_silent(gaps: Any, still: Any) -> tuple[Any, Any]:
    """Days and the share of silences that last longer, by Kaplan and Meier from gaps that ended and silences still open. O(n log n)."""
    ended, open_ = np.asarray(gaps, dtype=float), np.asarray(still, dtype=float)
    grid, out = np.unique(ended, return_counts=True)
    every = np.sort(np.concatenate([ended, open_]))
    risk = len(every) - np.searchsorted(every, grid, side="left")
    return grid, np.cumprod(1 - out / risk)


def win_back(
    sales: Transactions, *, horizon: float = 182.0, margin: float = 1.0, cost: float = 0.0, silent: float = 2.0
) -> WinBackResult:
    """Customers silent for more than ``silent`` of their usual gaps, with the expected gain of the year after winning them back.

    gain = chance × yearly value × margin − cost. ``cost`` is that of one attempt in the data's currency; ``horizon`` in days. It is what such customers did without being asked,
    so it ranks whom to call; what a call adds only a test with a control group tells. O(n log n).
    """
    days = purchase_days(sales)
    gaps = days.groupby("customer")["day"].diff().dt.days
    known = gaps.dropna()
    if known.empty:
        raise BadInput("nobody_repeats", "No customer bought twice, so nobody can be said to return.", "没有客户复购，无从得知是否会回来。")  # fmt: skip
    grouped = days.groupby("customer")
    made = grouped.agg(purchases=("day", "size"), first=("day", "min"), last=("day", "max"), value=("value", "sum"))
    made["silence"] = (pd.Timestamp(sales.as_of) - made["last"]).dt.days.astype(float)
    usual = float(known.median())
    made["gap"] = np.where(
        made["purchases"] > 1, (made["last"] - made["first"]).dt.days / np.maximum(made["purchases"] - 1, 1), usual
    )
    grid, share = stay_silent(known, made["silence"])
    made["yearly"] = made["value"] / made["purchases"] * 365.25 / np.maximum(made["gap"], 7.0)
    # One who bought in a burst has not bought so much in a year: never more than his best year so far could have been.
    made["yearly"] = np.minimum(
        made["yearly"],
        made["value"] * np.maximum(1.0, 365.25 / np.maximum((made["last"] - made["first"]).dt.days, 365.25)),
    )
    now = _share_at(made["silence"], grid, share)
    later = _share_at(made["silence"] + horizon, grid, share)
    made["chance"] = np.where(now > 0, 1 - later / np.where(now > 0, now, 1.0), 0.0)
    made["gain"] = made["chance"] * made["yearly"] * margin - cost
    found = made[made["silence"] > silent * np.maximum(made["gap"], 7.0)]
    notes = list(sales.notes)
    if len(known) < 100:
        notes.append(
            note(
                "winback.few",
                "Only {count} gaps to learn from: chances are rough.",
                "仅有 {count} 个间隔可供学习，概率较粗。",
                count=len(known),
            )
        )
    table = found[["silence", "gap", "yearly", "chance", "gain"]].sort_values("gain", ascending=False)
    return WinBackResult(
        model="win_back", table=table, parameters={"horizon": horizon, "margin": margin, "cost": cost, "silent": silent},
        diagnostics={"n": len(table), "gain": float(table["gain"].clip(lower=0).sum()), "gaps": len(known)}, notes=tuple(notes), as_of=sales.as_of,
    )  # fmt: skip


def _share_at(days: pd.Series, grid: Any, share: Any) -> Any:
    place = np.searchsorted(grid, days.to_numpy(dtype=float), side="right")
    return np.where(place == 0, 1.0, share[np.maximum(place - 1, 0)])
