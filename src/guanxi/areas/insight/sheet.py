"""What an insight page is made of: a picture, its table, what it means, and how far to trust it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from guanxi.core.web.formats import number, short_number

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """A cell of the table and the list behind it."""

    text: str
    url: str = ""
    number: bool = True


@dataclass
class Block:
    """A further table of a page, with a title and perhaps a picture."""

    title: str
    head: list[str]
    rows: list[list[Cell]]
    picture: Any = ""


@dataclass
class Sheet:
    """One page. ``facts`` are short statements above the picture; ``trust`` says how it did on the past.

    With ``keys`` (customer ids, one a row) the rows are customers for whom contacts can be planned; ``purpose`` is what these are for.
    """

    picture: Any = ""
    more: list[Block] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    purpose: str = ""
    head: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    trust: list[str] = field(default_factory=list)
    tested: list[list[str]] = field(default_factory=list)


def drill(*conditions: tuple[str, str, Any], tree: Tree | None = None) -> str:
    """The address of the list of customers a mark stands for."""
    nodes: list[Any] = [
        {"field": name, "op": op} if op in ("empty", "not_empty") else {"field": name, "op": op, "value": value} for name, op, value in conditions
    ]  # fmt: skip
    return "/customer-values/?" + urlencode(
        {"f": json.dumps({"all": [*([tree] if tree else []), *nodes]}, ensure_ascii=False, separators=(",", ":"))}
    )


def whole(value: float) -> str:
    """Without decimals, as the reader writes numbers."""
    return number(float(value), 0)


def percent(value: float | None, places: int = 0) -> str:
    """A share in per cent; a dash when unknown."""
    return "–" if value is None else f"{value:.{places}%}"


def short(value: float) -> str:
    """A large number in short."""
    return str(short_number(value))


def link(tree: Any) -> str:
    """Marks carry the address itself."""
    return str(tree)
