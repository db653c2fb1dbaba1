"""What every model gives back, and how it says what is wrong: bilingual texts, notes, results, refusals."""

from __future__ import annotations

import datetime as dt
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from guanxi.mining.texts import MODEL_VERSION, BadInput, Note, Text, note, words

__all__ = ["MODEL_VERSION", "BadInput", "Note", "Result", "Text", "bar", "few", "gaps", "note", "plain", "words"]


def require_columns(names: Iterable[Any], *wanted: str) -> None:
    """Raise :class:`BadInput` for a wanted column that is not there, with the one that is probably meant; '' is not wanted."""
    there = [str(one) for one in names]
    for name in wanted:
        if not name or name in there:
            continue
        folded = {one.casefold(): one for one in there}
        near = difflib.get_close_matches(name.casefold(), folded, 1, 0.6)
        inside = [one for low, one in folded.items() if low in name.casefold() or name.casefold() in low]
        meant = folded[near[0]] if near else inside[0] if inside else ""
        raise BadInput(
            "column.missing",
            "There is no column {name}.{maybe} The table has: {names}.",
            "没有 {name} 列。{maybe_zh}表中的列有：{names}。",
            name=name, names=", ".join(there) or "–", maybe=f" Did you mean {meant}?" if meant else "", maybe_zh=f"是否指 {meant}？" if meant else "",
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a model found.

    ``table`` has one row per customer (or rule, period, pair: the model's docstring says which), the customer as index.
    ``parameters`` are the fitted or chosen constants, ``diagnostics`` say how good the fit is, ``notes`` what to beware of.
    """

    model: str
    table: pd.DataFrame
    parameters: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    as_of: dt.date | None = None
    version: str = MODEL_VERSION

    SAYS: ClassVar[Text | None] = None
    """The sentence about one row: ``{who}`` and the row's columns by their names; else every column is named."""
    TITLE: ClassVar[Text | None] = None
    DRAWN: ClassVar[str] = ""
    """The column of numbers that is drawn row by row; else the first one."""
    COUNTED: ClassVar[str] = ""
    """The column whose values are counted and drawn instead."""
    KIND: ClassVar[str] = "bar"
    WORDS: ClassVar[Mapping[str, Text]] = {}
    """Values of text columns -> how they are called."""

    def explain(self, customer: Any, language: str = "zh") -> str:
        """One customer's (rule's, item's) figures in words a salesperson understands. Raises ``KeyError`` when unknown."""
        row = {str(name): self._called(value, language) for name, value in self.row(customer).items()}
        if self.SAYS is not None:
            return self.SAYS.in_(language).format(who=self._called(customer, language), **row)
        shown = ", ".join(f"{name} {_shown(value)}" for name, value in row.items())
        return words("{who}: {what}.", "{who}：{what}。", who=customer, what=shown).in_(language)

    def _called(self, value: Any, language: str) -> Any:
        return self.WORDS[value].in_(language) if isinstance(value, str) and value in self.WORDS else value

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """An ECharts option, ready for ``setOption``: the counted values, or one column of the first sixty rows. A table without numbers has no picture."""
        title = self.TITLE.in_(language) if self.TITLE else self.model
        if self.COUNTED:
            counts = self.table[self.COUNTED].value_counts()
            names = [self._called(one, language) for one in counts.index]
            return bar(title, names, counts.tolist(), x="", y=words("number", "数量").in_(language))
        numbers = self.table.select_dtypes("number")
        drawn = self.DRAWN or (str(numbers.columns[0]) if len(numbers.columns) else "")
        if not drawn:
            return {}
        rows = self.table[drawn].iloc[:60]
        names = [self._called(" · ".join(map(str, one)) if isinstance(one, tuple) else one, language) for one in rows.index]  # fmt: skip
        return bar(title, names, rows.tolist(), x=str(self.table.index.name or ""), y=drawn, kind=self.KIND)

    def row(self, customer: Any) -> pd.Series:
        """The row of a customer; numbers and text are the same id."""
        if customer in self.table.index:
            found = self.table.loc[customer]
        elif str(customer) in self.table.index:
            found = self.table.loc[str(customer)]
        else:
            raise KeyError(customer)
        return found.iloc[0] if isinstance(found, pd.DataFrame) else found

    def summary(self, language: str = "en") -> dict[str, Any]:
        """Plain data for JSON: everything but the table."""
        made: dict[str, Any] = plain(
            {
                "model": self.model,
                "version": self.version,
                "as_of": self.as_of,
                "params": dict(self.parameters),
                **dict(self.diagnostics),
                "warnings": [
                    {"code": one.code, "text": one.text.in_(language), "count": one.count} for one in self.notes
                ],
            }
        )
        return made


def _shown(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:,.4g}"
    return str(value)


def plain(value: Any) -> Any:
    """The value as JSON knows it: NumPy and dates become numbers and text, infinities and NaN become ``None``."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray | pd.Index):
        return [plain(one) for one in value]
    if value is pd.NaT:
        return None
    if isinstance(value, dt.datetime | pd.Timestamp):
        return value.isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def bar(title: str, names: list[Any], values: list[Any], *, x: str, y: str, kind: str = "bar") -> dict[str, Any]:
    """The ECharts option of one series over categories."""
    return {
        "title": {"text": title},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "name": x, "data": plain(names)},
        "yAxis": {"type": "value", "name": y},
        "series": [{"type": kind, "data": plain(values)}],
    }


def gaps(count: int, *names: str) -> tuple[Note, ...]:
    """The note that rows with a gap in one of these columns were left out; nothing where none was."""
    if not count:
        return ()
    return (note("rows.gaps", "{count} rows with a gap in {names} were left out.", "{count} 行的 {names} 有缺失，未计入。", count=count, names=", ".join(names)),)  # fmt: skip


def few(n: int, least: int = 30) -> tuple[Note, ...]:
    """The note that so few answers say little; nothing from ``least`` on."""
    if n >= least:
        return ()
    return (note("few", "Only {count} answers: the figure moves by chance.", "只有 {count} 份答卷，数字易受偶然影响。", count=n),)  # fmt: skip
