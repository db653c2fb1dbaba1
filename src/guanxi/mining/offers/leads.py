"""Lead scoring: the chance that a lead becomes a deal, with reasons, and how it fades while nothing happens.

The chance is learnt as in :mod:`guanxi.mining.churn.learning`; it halves with every ``half_life`` days of silence, which follows from the times between
first contact and deal of the leads won (median), unless given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from guanxi.mining.churn.model import ChurnResult, churn_table
from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.parsing import frame_of


def lead_scores(data: Any, *, won: str, lead: str = "") -> ChurnResult:
    """Chance of each lead: ``probability`` of ``won`` with reasons; AUC and Brier score by cross-validation. See :func:`churn_table`."""
    return churn_table(frame_of(data), label=won, customer=lead)


def half_life(days_to_win: Any) -> float:
    """Days in which a silent lead loses half of its score: the median time to win, at least one day."""
    values = np.asarray(days_to_win, dtype=float)
    values = values[np.isfinite(values) & (values >= 0)]
    return max(1.0, float(np.median(values))) if len(values) else 30.0


def decayed(score: Any, days_silent: Any, half: float) -> Array:
    """score · 2^(−days/half)."""
    return np.asarray(
        np.asarray(score, dtype=float) * 0.5 ** (np.maximum(np.asarray(days_silent, dtype=float), 0.0) / half)
    )


def sequences(data: Any, *, customer: str, item: str, order: str, min_support: float = 0.02) -> pd.DataFrame:
    """What is bought *after* what: pairs ``first then customers support confidence lift``, each customer counted once.

    Agrawal and Srikant, “Mining sequential patterns”, ICDE (1995), for sequences of two. ``order`` sorts a customer's rows.
    """
    frame = frame_of(data)[[customer, item, order]].dropna().sort_values([customer, order], kind="stable")
    firsts = frame.drop_duplicates([customer, item])
    lasts = frame.drop_duplicates([customer, item], keep="last")
    pairs = firsts.merge(lasts, on=customer, suffixes=("_a", "_b"))
    pairs = pairs[(pairs[f"{order}_a"] < pairs[f"{order}_b"]) & (pairs[f"{item}_a"] != pairs[f"{item}_b"])]
    n = frame[customer].nunique()
    counts = pairs.groupby([f"{item}_a", f"{item}_b"])[customer].nunique().reset_index(name="customers")
    owners = firsts[item].value_counts()
    counts.columns = pd.Index(["first", "then", "customers"])
    counts["support"] = counts["customers"] / n
    counts["confidence"] = counts["customers"] / counts["first"].map(owners)
    counts["lift"] = counts["confidence"] / (counts["then"].map(owners) / n)
    return counts[counts["support"] >= min_support].sort_values("lift", ascending=False).reset_index(drop=True)
