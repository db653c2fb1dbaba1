"""RFM: recency, frequency and monetary value of each customer, and the segment that follows.

Source: Hughes, *Strategic Database Marketing* (1994), independent quintiles; Miglautsch, “Thoughts on RFM scoring”,
Journal of Database Marketing 8 (2000), on ties, fixed bounds and weights.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
from ibis import _

from guanxi.mining.parsing import frame_of
from guanxi.mining.result import BadInput, Note, Result, Text, note, plain, words
from guanxi.mining.transactions import Transactions, summary_expression, transactions

SEGMENTS: Final[dict[str, Text]] = {
    "champion": Text("Champions", "核心客户"),
    "loyal": Text("Loyal", "忠诚客户"),
    "promising": Text("Potential loyalists", "潜力客户"),
    "new": Text("New", "新客户"),
    "attention": Text("Need attention", "需关注"),
    "sleeping": Text("About to sleep", "即将沉睡"),
    "cannot_lose": Text("Cannot lose", "不可流失"),
    "at_risk": Text("At risk", "有流失风险"),
    "hibernating": Text("Hibernating", "沉睡客户"),
    "lost": Text("Lost", "已流失"),
}
"""Segment key -> name; the grid of :func:`segment_of` covers every pair of scores."""

ADVICE: Final[dict[str, Text]] = {
    "champion": Text("Thank them, ask for referrals, offer new things first.", "致谢、请其推荐、新品优先。"),
    "loyal": Text("Offer more of what they buy, and services around it.", "围绕所购产品做加购与增值服务。"),
    "promising": Text("Invite to a second category; make buying a habit.", "引导购买第二品类，养成习惯。"),
    "new": Text("Make the first weeks good; call after delivery.", "做好首月体验，交付后回访。"),
    "attention": Text("Call with a reason before the rhythm breaks.", "在节奏中断前找理由联系。"),
    "sleeping": Text("Remind them with what they bought last.", "用上次所购产品提醒。"),
    "cannot_lose": Text("Visit in person; find out what went wrong.", "当面拜访，查明原因。"),
    "at_risk": Text("Call; offer help first, a discount last.", "致电，先帮忙，后让利。"),
    "hibernating": Text("Write cheaply; do not spend visits.", "低成本触达，不安排拜访。"),
    "lost": Text("One win-back letter, then rest.", "做一次赢回，随后搁置。"),
}


def segment_of(recency: int, frequency: int, k: int = 5) -> str:
    """The segment of a pair of scores (1 worst … ``k`` best), by the grid in which recency says how warm and frequency how loyal."""
    r, f = np.ceil(recency * 5 / k), np.ceil(frequency * 5 / k)
    if r >= 4:
        return "champion" if f >= 4 else "promising" if f >= 2 else "new"
    if r == 3:
        return "loyal" if f >= 4 else "attention" if f >= 2 else "sleeping"
    if f == 5:
        return "cannot_lose"
    if f >= 3:
        return "at_risk"
    return "hibernating" if r == 2 else "lost"


@dataclass(frozen=True, kw_only=True)
class RfmResult(Result):
    """One row per customer: ``recency_days``, ``frequency``, ``monetary``, ``r f m`` (1 worst … k best), ``score``, ``segment``."""

    def explain(self, customer: Any, language: str = "zh") -> str:
        """The customer's three figures and what to do."""
        row, k = self.row(customer), self.parameters["bins"]
        segment = str(row["segment"])
        return words(
            "{who} bought on {f} days, last {r} days ago, {m:,.2f} in all: recency {rs} of {k}, frequency {fs} of {k}, value {ms} of {k}. Segment “{s}”. {advice}",
            "{who} 共购买 {f} 天次，最近一次在 {r} 天前，累计 {m:,.2f}：近度 {rs}/{k}，频度 {fs}/{k}，金额 {ms}/{k}。属于“{s}”。{advice}",
            who=customer, f=int(row["frequency"]), r=int(row["recency_days"]), m=float(row["monetary"]), k=k,
            rs=int(row["r"]), fs=int(row["f"]), ms=int(row["m"]), s=SEGMENTS[segment].in_(language), advice=ADVICE[segment].in_(language),
        ).in_(language)  # fmt: skip

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """How many customers stand in each cell of recency × frequency."""
        k = int(self.parameters["bins"])
        counts = self.table.groupby(["r", "f"]).size()
        cells = [[int(r) - 1, int(f) - 1, int(n)] for (r, f), n in counts.items()]
        say = Text("Customers by recency and frequency", "客户数：近度 × 频度").in_(language)
        names = [str(one + 1) for one in range(k)]
        return {
            "title": {"text": say},
            "tooltip": {},
            "xAxis": {"type": "category", "name": "R", "data": names},
            "yAxis": {"type": "category", "name": "F", "data": names},
            "visualMap": {"min": 0, "max": max((one[2] for one in cells), default=1), "calculable": True},
            "series": [{"type": "heatmap", "data": cells, "label": {"show": True}}],
        }

    def segments(self) -> pd.DataFrame:
        """Customers, their share, net value and its share, per segment."""
        total = self.table.groupby("segment").agg(customers=("monetary", "size"), value=("monetary", "sum"))
        total["share"] = total["customers"] / total["customers"].sum()
        total["value_share"] = total["value"] / total["value"].sum() if total["value"].sum() else np.nan
        return total.reindex([one for one in SEGMENTS if one in total.index])


def rfm_expression(table: ibis.Table, bins: int = 5) -> ibis.Table:
    """RFM with quantile scores as one expression: ``last frequency monetary r f m`` per customer, the same on every engine.

    A score is 1 + ⌊bins·(rank − 1)/n⌋ with the smallest rank for ties, so equal customers score alike.
    """
    raw = summary_expression(table).filter(_.purchases > 0)
    base = raw.select("customer", "last", frequency=_.purchases, monetary=_.spent + _.returned)
    every = ibis.window()

    def score(column: ibis.Column) -> ibis.Column:
        # ibis counts ranks from 0. The comparison in whole numbers keeps engines alike.
        rank = ibis.rank().over(ibis.window(order_by=column))
        return (1 + (rank.cast("int64") * bins) // base.count().over(every)).cast("int64")

    return base.mutate(r=score(base["last"]), f=score(base.frequency), m=score(base.monetary.round(6)))


def rfm(
    sales: Transactions,
    *,
    bins: int = 5,
    method: str = "quantile",
    bounds: Mapping[str, Sequence[float]] | None = None,
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> RfmResult:
    """RFM as of ``sales.as_of``.

    Recency in days since the last purchase, frequency in days with a purchase, monetary value net of returns.
    ``method``: ``quantile`` (ranks, ties alike) or ``fixed`` with ascending ``bounds`` for ``recency`` (days), ``frequency`` and
    ``monetary``, each of ``bins − 1`` values. ``score`` is the weighted mean of the three. O(n log n), in the engine of the table.
    """
    if not sales.has_amount:
        raise BadInput("amount.needed", "RFM needs a column of amounts.", "RFM 需要金额列。")
    if bins < 2 or bins > 10:
        raise BadInput("bins", "The number of classes must be between 2 and 10.", "分档数须在 2 到 10 之间。")
    table = rfm_expression(sales.table, bins).execute().set_index("customer").sort_index()
    if table.empty:
        raise BadInput(
            "no_purchases",
            "There is no purchase in the data: every amount is negative.",
            "数据中没有购买：金额全为负。",
        )
    table["last"] = pd.to_datetime(table["last"])
    table.insert(0, "recency_days", (pd.Timestamp(sales.as_of) - table["last"]).dt.days)
    if method == "fixed":
        _by_bounds(table, bounds or {}, bins)
    elif method == "quantile":
        _alike_in_the_middle(table, bins)
    else:
        raise BadInput(
            "method",
            "Unknown method {method}: quantile or fixed.",
            "未知方法 {method}：可用 quantile 或 fixed。",
            method=method,
        )
    w = np.asarray(weights, dtype=float)
    table["score"] = (table[["r", "f", "m"]].to_numpy() @ w) / w.sum()
    grid = {(r, f): segment_of(r, f, bins) for r in range(1, bins + 1) for f in range(1, bins + 1)}
    table["segment"] = [grid[int(r), int(f)] for r, f in zip(table["r"], table["f"], strict=True)]
    result = RfmResult(
        model="rfm",
        table=table,
        parameters={"bins": bins, "method": method, "weights": list(weights)},
        notes=(*sales.notes, *_doubts(table, bins)),
        as_of=sales.as_of,
    )
    found = result.segments()
    rows = plain(found.reset_index().to_dict("records"))
    object.__setattr__(
        result, "diagnostics", {"n": len(table), "value": float(table["monetary"].sum()), "segments": rows}
    )
    return result


def rfm_per_category(
    data: Any, *, category: str, customer: str, date: str, amount: str, bins: int = 5, as_of: dt.date | None = None
) -> Result:
    """RFM within each category: who buys *this* often and lately. One row per customer and category (both the index), columns as :func:`rfm`.

    All categories are looked at on one day: ``as_of``, else the last in the data. Those that cannot be scored are noted. Raises BadInput as :func:`transactions`.
    """
    frame = frame_of(data)
    whole = transactions(frame, customer=customer, date=date, amount=amount, as_of=as_of, item=category)
    parts, notes = {}, list(whole.notes)
    names = [str(one) for one in whole.table.item.name("one").as_table().distinct().execute()["one"].dropna()]
    for name in sorted(names):
        part = replace(whole, table=whole.table.filter(whole.table.item == name).drop("item"), notes=())
        try:
            found = rfm(part, bins=bins)
        except BadInput as refusal:
            notes.append(note("category.none", "{name}: {why}", "{name}：{why_zh}", name=name, why=refusal.text.en, why_zh=refusal.text.zh))  # fmt: skip
            continue
        parts[name] = found.table
    if not parts:
        raise BadInput("category.none", "No category has a purchase.", "没有任何类别有购买。")
    table = pd.concat(parts, names=["category"]).reorder_levels(["customer", "category"]).sort_index()
    counts = table.groupby(level="category").size().to_dict()
    return Result(
        model="rfm_per_category", table=table, parameters={"bins": bins}, diagnostics={"n": len(table), "categories": counts}, notes=tuple(notes), as_of=whole.as_of,
    )  # fmt: skip


def _by_bounds(table: pd.DataFrame, bounds: Mapping[str, Sequence[float]], bins: int) -> None:
    for score, column in (("r", "recency_days"), ("f", "frequency"), ("m", "monetary")):
        edges = list(bounds.get(column.removesuffix("_days"), ()))
        if len(edges) != bins - 1 or edges != sorted(edges):
            raise BadInput(
                "bounds",
                "Fixed classes of {name} need {n} ascending bounds.",
                "{name} 的固定分档需要 {n} 个递增的界限。",
                name=column,
                n=bins - 1,
            )
        place = np.searchsorted(edges, table[column].to_numpy(dtype=float), side="right" if score != "r" else "left")
        table[score] = (bins - place) if score == "r" else place + 1


def _alike_in_the_middle(table: pd.DataFrame, bins: int) -> None:
    """Where all customers are alike, nobody is worst: the middle score for everybody."""
    for score, column in (("r", "recency_days"), ("f", "frequency"), ("m", "monetary")):
        if score in table and table[column].nunique() == 1:
            table[score] = (bins + 1) // 2


def scored(figures: Sequence[tuple[float, float, float]], bounds: Mapping[str, Sequence[float]] | None) -> list[str]:
    """Segments from (recency in days, purchase days, value) of each customer: by ``bounds``, else by ranks as :func:`rfm` does. Five classes."""
    table = pd.DataFrame(figures, columns=["recency_days", "frequency", "monetary"], dtype=float)
    if bounds is not None:
        _by_bounds(table, bounds, 5)
    else:
        for score, ordered in (("r", -table["recency_days"]), ("f", table["frequency"])):
            table[score] = 1 + ((ordered.rank(method="min") - 1) * 5 // max(1, len(table))).astype(int)
        _alike_in_the_middle(table, 5)
    return [segment_of(int(r), int(f)) for r, f in zip(table["r"], table["f"], strict=True)]


def _doubts(table: pd.DataFrame, bins: int) -> list[Note]:
    found = []
    if len(table) < bins:
        found.append(
            note(
                "few",
                "Only {count} customers: scores say little.",
                "只有 {count} 位客户，评分意义不大。",
                count=len(table),
            )
        )
    for name, zh in (("frequency", "频度"), ("monetary", "金额"), ("recency_days", "近度")):
        if table[name].nunique() == 1:
            found.append(
                note(
                    "constant." + name,
                    "All customers are alike in {name}; its score is the middle one for everybody.",
                    "所有客户的{which}相同，评分均取中间值。",
                    name=name,
                    which=zh,
                )
            )
    return found
