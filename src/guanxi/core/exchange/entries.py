"""Small steps on the values of a row: splitting, uniting lists, telling readable entries from others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guanxi.core.exchange.reasons import Reason
from guanxi.core.kernel.errors import Invalid
from guanxi.core.schema import kinds


def later(field_name: str, text: str, label: str) -> Reason:
    """A reference to a record that may come further down in the same file; settled when all rows are in."""
    return {"code": "reference.later", "field": field_name, "values": {"field": label, "value": text[:200]}}


def split(text: str) -> list[str]:
    """Parts of a cell separated by commas or semicolons of either width."""
    return [
        part.strip() for part in text.replace("；", ";").replace("，", ",").replace(",", ";").split(";") if part.strip()
    ]


def readable(declared: Any, raw: Any) -> tuple[list[Any], list[str]]:
    """The entries that can be read, and the texts of those that cannot."""
    kept: list[Any] = []
    lost: list[str] = []
    for entry in raw if isinstance(raw, list) else [raw]:
        try:
            kinds.parse(declared, [entry])
            kept.append(entry)
        except Invalid:
            lost.append(str(entry.get("value", "")) if isinstance(entry, Mapping) else str(entry))
    return kept, lost


def united(declared: Any, now: Sequence[Any], more: Sequence[Any]) -> list[Any]:
    """The entries of both, those there first, none twice."""

    def key(entry: Mapping[str, Any]) -> Any:
        if declared.kind == "addresses":
            return tuple(entry.get(part, "") for part in ("country", "region", "street", "postcode"))
        return entry.get("value")

    known = {key(entry) for entry in now}
    return [*now, *({**entry, "primary": False} for entry in more if key(entry) not in known)][:50]
