"""Lead scoring: the chance that a lead becomes a deal, with reasons, and how it fades while nothing happens.

The chance is learnt as in :mod:`guanxi.mining.churn.learning`; it halves with every ``half_life`` days of silence, which follows from the times between
first contact and deal of the leads won (median), unless given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from guanxi.mining.churn.labelling import WON
from guanxi.mining.churn.model import ChurnResult, churn_table
from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.parsing import dates, frame_of, texts
from guanxi.mining.result import BadInput, Note, Result, Text, gaps, note, require_columns


class LeadResult(ChurnResult):
    """One row per lead: ``probability`` of being won, ``reason_1 … reason_3`` with ``effect_1 …``; ``chance`` high, middle, low."""

    SAYS = Text(
        "{who} becomes a deal with a probability of {p:.0%} (on average {base:.0%}). What speaks for it: {why}.",
        "{who} 的成交概率为 {p:.0%}（平均 {base:.0%}）。有利因素：{why}。",
    )
    TITLE = Text("Predicted and actual share won", "预测与实际成交率")
    QUESTION = WON


def lead_scores(data: Any, *, won: str, lead: str = "") -> LeadResult:
    """Chance of each lead: ``probability`` of ``won`` with reasons; AUC and Brier score by cross-validation.

    Leads that are still open (no label, or a word for it) are scored by what the closed ones teach. See :func:`churn_table`.
    """
    found = churn_table(frame_of(data), label=won, customer=lead, kind=LeadResult)
    assert isinstance(found, LeadResult)  # noqa: S101 - for the types: it is what was asked for
    return replace(found, model="leads", table=found.table.rename(columns={"risk": "chance"}))


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


def _ordered(column: pd.Series) -> tuple[pd.Series, list[Note]]:
    """Text as numbers or dates where it is, so that 10 comes after 9 and February after January."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column, []
    written = texts(column)
    number = pd.to_numeric(written, errors="coerce")
    if int(number.notna().sum()) == int(written.notna().sum()):
        return number, []
    try:
        return dates(column, name=str(column.name))
    except BadInput:
        return written, [note("sequence.order", "The column {name} holds neither numbers nor dates; purchases are ordered by its text.", "{name} 列既非数字也非日期，已按文字排序。", name=column.name)]  # fmt: skip


#: So many pairs of things of one customer are compared at once, some 4 GB.
MOST_PAIRS = 30_000_000


def _not_too_many(things: pd.Series) -> None:
    pairs = int((things.astype(float) ** 2).sum())
    if pairs > MOST_PAIRS:
        raise BadInput(
            "sequence.wide",
            "{who} has {n} different things; {pairs:,} pairs are too many to compare. Ask for a higher support, or for kinds of goods in place of single ones.",
            "{who} 有 {n} 种商品，需比较 {pairs:,} 个组合，数量过大。请提高支持度，或改用商品类别。",
            who=things.index[0], n=int(things.iloc[0]), pairs=pairs,
        )  # fmt: skip


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
    table = frame_of(data)
    require_columns(table.columns, customer, item, order)
    when, notes = _ordered(table[order])
    made = pd.DataFrame({"customer": texts(table[customer]), "item": texts(table[item]), "when": when})
    frame = made.dropna().sort_values(["customer", "when"], kind="stable")
    if frame.empty:
        raise BadInput("empty", "No usable row is left.", "没有可用的数据。")
    notes += gaps(len(made) - len(frame), customer, item, order)
    firsts = frame.drop_duplicates(["customer", "item"])
    n, owners = frame["customer"].nunique(), firsts["item"].value_counts()
    common = owners.index[owners >= min_support * n]  # both things of a pair are at least as common as the pair
    firsts = firsts[firsts["item"].isin(common)]
    lasts = frame[frame["item"].isin(common)].drop_duplicates(["customer", "item"], keep="last")
    _not_too_many(firsts["customer"].value_counts())
    pairs = firsts.merge(lasts, on="customer", suffixes=("_a", "_b"))
    pairs = pairs[(pairs["when_a"] < pairs["when_b"]) & (pairs["item_a"] != pairs["item_b"])]
    counts = pairs.groupby(["item_a", "item_b"])["customer"].nunique().reset_index(name="customers")
    counts.columns = pd.Index(["first", "then", "customers"])
    counts["customers"] = counts["customers"].astype(int)
    counts["support"] = counts["customers"] / n
    counts["confidence"] = counts["customers"] / counts["first"].map(owners).astype(float)
    counts["lift"] = counts["confidence"] / (counts["then"].map(owners).astype(float) / n)
    table = (
        counts[counts["support"] >= min_support]
        .sort_values(["lift", "customers", "first", "then"], ascending=[False, False, True, True])
        .reset_index(drop=True)
    )
    if table.empty:
        notes.append(note("sequence.none", "No pair reaches the asked support; lower it.", "没有组合达到要求的支持度，可调低。"))  # fmt: skip
    return SequenceResult(
        model="sequences", table=table, parameters={"min_support": min_support}, diagnostics={"n": int(n), "pairs": len(counts)}, notes=tuple(notes)
    )  # fmt: skip
