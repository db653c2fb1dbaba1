"""Tables of baskets as pairs of basket and item, however they are written: long, lists in a cell, a column for each item."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from guanxi.mining.parsing import NULLS, texts
from guanxi.mining.result import Note, note, require_columns

#: What stands between the items of a list in one cell, the likelier first.
SEPARATORS: Final = ("\n", "|", ";", "；", "、", "，", ",")
_SAYS: Final = frozenset(
    {"0", "1", "0.0", "1.0", "true", "false", "t", "f", "yes", "no", "y", "n", "是", "否", "x", "?"}
)
_NOT: Final = frozenset({"0", "0.0", "false", "f", "no", "n", "否", "?"}) | NULLS


def pairs_of(frame: pd.DataFrame, basket: str, items: Sequence[str]) -> tuple[pd.DataFrame, list[Note]]:
    """The columns ``basket`` and ``item`` (text, missing where empty) and what was noticed. Raises :class:`BadInput` for unknown columns."""
    require_columns(frame.columns, *([basket] if basket else []), *items)
    ids = texts(frame[basket]) if basket else pd.Series(np.arange(len(frame)), index=frame.index).astype("string")
    if len(items) > 1:
        return _wide(frame, ids, items)
    column = frame[items[0]]
    lists = _lists(column, single=not ids.duplicated().any())
    if lists is None:
        return pd.DataFrame({"basket": ids, "item": texts(column)}), []
    long = pd.DataFrame({"basket": ids, "item": lists}).explode("item")
    long["item"] = texts(long["item"])
    said = note(
        "basket.lists",
        "The column {name} holds lists; each was taken apart into its items.",
        "{name} 列是清单，已逐项拆开。",
        name=items[0],
        warning=False,
    )
    return long.reset_index(drop=True), [said]


def _lists(column: pd.Series, *, single: bool) -> pd.Series | None:
    """The cells as lists of items, where they are such; text is only taken apart where each row is a basket of its own."""
    filled = column.dropna()
    if not filled.empty and filled.map(lambda one: isinstance(one, list | tuple | set | np.ndarray)).all():
        return column.map(lambda one: list(one) if isinstance(one, list | tuple | set | np.ndarray) else [])
    written = column.astype("string").str.strip()
    bracketed = written.dropna()
    if not bracketed.empty and bool(bracketed.str.fullmatch(r"[\[{(].*[\])}]").all()):
        return written.fillna("").map(_unbracketed)
    if not single:
        return None
    for sign in SEPARATORS:
        if bool(written.str.contains(sign, regex=False).fillna(False).mean() > 0.25):
            return written.fillna("").map(lambda one, sign=sign: [part.strip() for part in one.split(sign)])
    return None


def _unbracketed(text: str) -> list[Any]:
    """``["a", "b"]``, ``{a,b}`` or ``('a', 'b')`` as a list."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, list):
        return [str(one.get("name", one)) if isinstance(one, dict) else one for one in found]
    return [re.sub(r"""^['"]|['"]$""", "", one.strip()) for one in text[1:-1].split(",")]


def _wide(frame: pd.DataFrame, ids: pd.Series, items: Sequence[str]) -> tuple[pd.DataFrame, list[Note]]:
    """Several columns: of items, or one for each item that says yes, or how many."""
    written = pd.DataFrame({name: frame[name].astype("string").str.strip().str.lower() for name in items})
    known = {one for name in items for one in written[name].dropna().unique()} - NULLS
    numbers = all(re.fullmatch(r"\d+(?:\.\d+)?", one) for one in known)
    if known and (known <= _SAYS or numbers):
        held = ~written.isin(list(_NOT)) & written.notna()
        held &= ~written.apply(lambda one: pd.to_numeric(one, errors="coerce").eq(0)).fillna(False)
        place, column = np.nonzero(held.to_numpy(dtype=bool))
        pairs = pd.DataFrame({"basket": ids.to_numpy()[place], "item": np.asarray(items, dtype=object)[column]})
        return pairs, [] if known <= _SAYS else [_counted()]
    parts = [pd.DataFrame({"basket": ids, "item": texts(frame[name])}).dropna(subset=["item"]) for name in items]
    return pd.concat(parts, ignore_index=True), []


def _counted() -> Note:
    return note(
        "basket.counts",
        "The columns hold numbers: they were read as how many of the item the column is called by.",
        "各列均为数字，按列名所指商品的数量读取。",
        warning=False,
    )
