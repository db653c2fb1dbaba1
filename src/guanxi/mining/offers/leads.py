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
from guanxi.mining.parsing import dates, frame_of
from guanxi.mining.result import BadInput, Result, Text, note, require_columns


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


def _ordered(column: pd.Series) -> pd.Series:
    """Text as numbers or dates where it is, so that 10 comes after 9 and February after January."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column) or column.empty:
        return column
    number = pd.to_numeric(column, errors="coerce")
    if bool(number.notna().all()):
        return number
    try:
        return dates(column)[0]
    except BadInput:
        return column


class SequenceResult(Result):
    """One row per pair, the most surprising first: ``first then customers support confidence lift``."""

    SAYS = Text("Who bought {first} later buys {then} in {confidence:.0%} of cases, {lift:.1f} times as often as others ({customers} customers).", "买过 {first} 的客户有 {confidence:.0%} 之后买 {then}，是平均的 {lift:.1f} 倍（{customers} 位客户）。")  # fmt: skip

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """The strongest pairs as arrows from first to then."""
        top = self.table.head(60)
        names = sorted({str(one) for side in ("first", "then") for one in top[side]})
        links = [{"source": str(a), "target": str(b), "value": float(lift)} for a, b, lift in zip(top["first"], top["then"], top["lift"], strict=True)]  # fmt: skip
        series = {"type": "graph", "layout": "circular", "edgeSymbol": ["none", "arrow"], "label": {"show": True}, "data": [{"name": one} for one in names], "links": links}  # fmt: skip
        return {"title": {"text": Text("Bought later", "之后购买").in_(language)}, "tooltip": {}, "series": [series]}


def sequences(data: Any, *, customer: str, item: str, order: str, min_support: float = 0.02) -> SequenceResult:
    """What is bought *after* what: pairs ``first then customers support confidence lift``, each customer counted once.

    Raises :class:`BadInput` when a column is missing or no row is usable. Agrawal and Srikant, “Mining sequential patterns”, ICDE (1995), for sequences of two. ``order`` sorts a customer's rows.
    """
    frame = frame_of(data)
    require_columns(frame.columns, customer, item, order)
    rows = len(frame)
    frame = frame[[customer, item, order]].replace("", np.nan).dropna()
    notes = []
    frame[order] = _ordered(frame[order])
    if pd.api.types.is_object_dtype(frame[order]) or pd.api.types.is_string_dtype(frame[order]):
        notes.append(note("sequence.order", "The column {name} holds neither numbers nor dates; purchases are ordered by its text.", "{name} 列既非数字也非日期，已按文字排序。", name=order))  # fmt: skip
    frame = frame.dropna()
    frame = frame.sort_values([customer, order], kind="stable")
    if frame.empty:
        raise BadInput("empty", "No usable row is left.", "没有可用的数据。")
    if len(frame) < rows:
        notes.append(note("sequence.missing", "{count} rows without customer, item or order were left out.", "{count} 行缺少客户、商品或顺序，未计入。", count=rows - len(frame)))  # fmt: skip
    firsts = frame.drop_duplicates([customer, item])
    lasts = frame.drop_duplicates([customer, item], keep="last")
    pairs = firsts.merge(lasts, on=customer, suffixes=("_a", "_b"))
    pairs = pairs[(pairs[f"{order}_a"] < pairs[f"{order}_b"]) & (pairs[f"{item}_a"] != pairs[f"{item}_b"])]
    n = frame[customer].nunique()
    counts = pairs.groupby([f"{item}_a", f"{item}_b"])[customer].nunique().reset_index(name="customers")
    owners = firsts[item].value_counts()
    counts.columns = pd.Index(["first", "then", "customers"])
    counts["customers"] = counts["customers"].astype(int)
    counts["support"] = counts["customers"] / n
    counts["confidence"] = counts["customers"] / counts["first"].map(owners).astype(float)
    counts["lift"] = counts["confidence"] / (counts["then"].map(owners).astype(float) / n)
    table = counts[counts["support"] >= min_support].sort_values("lift", ascending=False).reset_index(drop=True)
    if table.empty:
        notes.append(note("sequence.none", "No pair reaches the asked support; lower it.", "没有组合达到要求的支持度，可调低。"))  # fmt: skip
    return SequenceResult(
        model="sequences", table=table, parameters={"min_support": min_support}, diagnostics={"n": int(n), "pairs": len(counts)}, notes=tuple(notes)
    )  # fmt: skip
