"""The customer's own rhythm: “buys every 30 ± 6 days, silent for 61”.

Gaps between purchases are taken as log-normal with a centre of each customer's own; centres of customers with few gaps are drawn
towards that of all (empirical Bayes, Efron and Morris 1975). The alarm is the predictive probability of a gap at least as long as the present silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.mining.churn.model import purchase_days
from guanxi.mining.result import BadInput, Result, Text, note, words
from guanxi.mining.transactions import Transactions


@dataclass(frozen=True, kw_only=True)
class RhythmResult(Result):
    """One row per customer with two or more purchase days: ``gap`` and ``spread`` (days), ``gaps`` (their number), ``silence`` (days),
    ``chance`` of a gap at least that long, ``alarm``."""

    def explain(self, customer: Any, language: str = "zh") -> str:
        """The rhythm and the silence."""
        row = self.row(customer)
        said = words(
            "{who} buys every {gap:.0f}±{spread:.0f} days and has been silent for {silence:.0f}.",
            "{who} 每 {gap:.0f}±{spread:.0f} 天购买一次，已静默 {silence:.0f} 天。",
            who=customer, gap=row["gap"], spread=row["spread"], silence=row["silence"],
        ).in_(language)  # fmt: skip
        if row["alarm"]:
            said += words(
                " Only {chance:.0%} of his gaps are that long.",
                "如此之长的间隔概率仅 {chance:.0%}。",
                chance=row["chance"],
            ).in_(language)
        return said

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """Silence against the usual gap."""
        shown = self.table.nlargest(500, "silence")
        return {
            "title": {"text": Text("Silence and usual gap, days", "静默天数与平均间隔").in_(language)},
            "tooltip": {},
            "xAxis": {"type": "value"},
            "yAxis": {"type": "value"},
            "series": [{"type": "scatter", "data": shown[["gap", "silence"]].round(1).to_numpy().tolist()}],
        }


def rhythm(sales: Transactions, *, level: float = 0.05) -> RhythmResult:
    """Who is silent for longer than his own rhythm allows: the chance of such a gap is below ``level``. O(n log n).

    Raises :class:`BadInput` when nobody bought twice.
    """
    days = purchase_days(sales)
    gaps = days.groupby("customer")["day"].diff().dt.days
    logs = pd.Series(np.log(gaps[gaps > 0].to_numpy(dtype=float)), index=days.loc[gaps > 0, "customer"])
    if logs.empty:
        raise BadInput(
            "nobody_repeats", "No customer bought twice, so there is no rhythm.", "没有客户复购，无从得知节奏。"
        )
    own = logs.groupby(level=0).agg(["mean", "size", "var"])
    within = float((own["var"].fillna(0) * (own["size"] - 1)).sum() / max(1, (own["size"] - 1).sum())) or 0.25
    within = max(within, 1e-4)
    between = max(float(own["mean"].var(ddof=0) - (within / own["size"]).mean()), 1e-4)
    # By what each customer tells of the middle: weighted by gaps it would be that of those who buy most often.
    centre = float(np.average(own["mean"], weights=1 / (between + within / own["size"])))
    weight = between / (between + within / own["size"])
    middle = weight * own["mean"] + (1 - weight) * centre
    total = np.sqrt(within + (1 - weight) * between)
    silence = (
        (pd.Timestamp(sales.as_of) - days.groupby("customer")["day"].max()).dt.days.reindex(own.index).astype(float)
    )
    chance = stats.norm.sf((np.log(np.maximum(silence, 0.5)) - middle) / total)
    table = pd.DataFrame(
        {
            "gap": np.exp(middle),
            "spread": np.exp(middle) * np.sqrt(np.expm1(within)),
            "gaps": own["size"].astype(int),
            "silence": silence,
            "chance": chance,
            "alarm": chance < level,
        }
    ).sort_values("chance")
    notes = list(sales.notes)
    if int(own["size"].sum()) < 30:
        notes.append(
            note(
                "rhythm.few",
                "Only {count} gaps in all: rhythms are rough.",
                "总共只有 {count} 个间隔，节奏较粗。",
                count=int(own["size"].sum()),
            )
        )
    return RhythmResult(
        model="rhythm", table=table, parameters={"level": level, "centre_days": float(np.exp(centre)), "within": within, "between": between},
        diagnostics={"n": len(table), "alarms": int(table["alarm"].sum())}, notes=tuple(notes), as_of=sales.as_of,
    )  # fmt: skip
