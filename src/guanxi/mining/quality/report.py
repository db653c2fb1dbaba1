"""Gaps and oddities of a table: what is missing, constant, doubled, out of range, and where the series has holes.

Tukey, *Exploratory Data Analysis* (1977), for far-out values (beyond three interquartile ranges, on logarithms where all are positive and skewed).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from guanxi.mining.amounts import numbers
from guanxi.mining.parsing import frame_of, texts
from guanxi.mining.result import BadInput, Note, Result, Text, note


class QualityResult(Result):
    """One row per column: ``kind filled distinct constant unique far_out low high`` (shares 0…1; bounds are Tukey's outer fences)."""

    SAYS = Text("{who}: {kind}, {filled:.0%} filled, {distinct} different values, {far_out:.1%} far out.", "{who}：{kind}，填写率 {filled:.0%}，{distinct} 个不同取值，{far_out:.1%} 为异常值。")  # fmt: skip
    TITLE = Text("Filled", "填写率")
    DRAWN = "filled"
    WORDS: ClassVar = {"number": Text("numbers", "数字"), "text": Text("text", "文本")}


class HoleResult(Result):
    """One row per day without rows: ``usual`` (median rows on that weekday)."""

    SAYS = Text("On {who:%Y-%m-%d} there is nothing; usual are {usual:.0f} rows.", "{who:%Y-%m-%d} 没有数据，通常有 {usual:.0f} 行。")  # fmt: skip
    TITLE = Text("Days without rows, usual number", "缺数据的日期及通常行数")


def quality(data: Any) -> QualityResult:
    """Gaps and oddities of each column, and rows that repeat another. Raises :class:`BadInput` for an empty table. O(cells)."""
    frame = frame_of(data)
    if not len(frame.columns) or frame.empty:
        raise BadInput("empty", "The table has no rows.", "表中没有数据。")
    rows, notes = [], list[Note]()
    for name in frame.columns:
        column = frame[name] if pd.api.types.is_numeric_dtype(frame[name]) else texts(frame[name])
        number, said = _number(column)
        notes += [one for one in said if one.code == "amount.infinite"]
        filled = column.dropna()
        numeric = len(filled) > 0 and int(number.notna().sum()) >= 0.95 * len(filled)
        far, low, high = _far_out(number.dropna().to_numpy(dtype=float)) if numeric else (0.0, np.nan, np.nan)
        rows.append(
            (
                str(name),
                "number" if numeric else "text",
                len(filled) / max(1, len(column)),
                filled.nunique(),
                filled.nunique() <= 1,
                filled.is_unique and len(filled) > 1,
                far,
                low,
                high,
            )
        )
    table = pd.DataFrame(
        rows, columns=["column", "kind", "filled", "distinct", "constant", "unique", "far_out", "low", "high"]
    ).set_index("column")
    copies = int(frame.astype(str).duplicated().sum())
    return QualityResult(
        model="quality", table=table, diagnostics={"rows": len(frame), "columns": len(table), "copies": copies}, notes=(*notes, *_noticed(table, copies))
    )  # fmt: skip


def _number(column: pd.Series) -> tuple[pd.Series, list[Note]]:
    """The column as numbers, missing where it holds something else, and what was noticed."""
    try:
        return numbers(column, name=str(column.name))
    except BadInput:
        return pd.Series(np.nan, index=column.index), []


def _noticed(table: pd.DataFrame, copies: int) -> tuple[Note, ...]:
    """What somebody should look at."""
    found = []
    if copies:
        found.append(note("rows.copies", "{count} rows are exact copies of another row.", "{count} 行与其他行完全相同。", count=copies))  # fmt: skip
    for code, chosen, en, zh in (
        ("column.empty", table["filled"] == 0, "Empty: {names}.", "全部为空：{names}。"),
        ("column.gaps", (table["filled"] < 0.8) & (table["filled"] > 0), "Less than 80% filled: {names}.", "填写率不足 80%：{names}。"),
        ("column.constant", table["constant"] & (table["filled"] > 0), "The same everywhere: {names}.", "取值全部相同：{names}。"),
        ("column.far_out", table["far_out"] > 0.001, "With values far out: {names}.", "含异常值：{names}。"),
    ):  # fmt: skip
        if bool(chosen.any()):
            found.append(note(code, en, zh, names=", ".join(map(str, table.index[chosen]))))
    return tuple(found)


def _far_out(values: Any) -> tuple[float, float, float]:
    if len(values) < 8:
        return 0.0, float("nan"), float("nan")
    logs = bool((values > 0).all()) and float(pd.Series(values).skew()) > 1
    seen = np.log(values) if logs else values
    q1, q3 = np.quantile(seen, [0.25, 0.75])
    low, high = q1 - 3 * (q3 - q1), q3 + 3 * (q3 - q1)
    far = float(((seen < low) | (seen > high)).mean())
    return far, float(np.exp(low) if logs else low), float(np.exp(high) if logs else high)


def holes(days: Any) -> HoleResult:
    """Days without any row between the first and the last that are unusual for their weekday: ``day usual`` (mean rows on that weekday), holidays included."""
    seen = pd.to_datetime(pd.Series(days)).dropna().dt.normalize()
    if seen.empty:
        raise BadInput("date.empty", "There are no dates.", "没有日期。")
    every = pd.date_range(seen.min(), seen.max(), freq="D")
    counts = seen.value_counts().reindex(every, fill_value=0)
    usual = counts.groupby(every.day_of_week).transform("median")
    found = counts[(counts == 0) & (usual > 0)]
    table = pd.DataFrame({"usual": usual[found.index].astype(float)}).rename_axis("day")
    return HoleResult(model="holes", table=table, diagnostics={"days": len(every), "holes": len(table)})
