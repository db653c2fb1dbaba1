"""What a record holds: the values of its fields, those kept as JSON too, and new ones put on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from guanxi.core.schema import kinds
from guanxi.core.schema.fields import Field

#: What an empty value is, by kind; others are ``None``.
EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(("text", "long_text", "rich_text", "choice", "region", "email", "phone", "url", "serial"), ""),
    **{kind: [] for kind in ("choices", "emails", "phones", "urls", "addresses", "table", "tags", "references")},
}


#: Kinds whose JSON is the value itself.
AS_STORED = frozenset(
    kind.name for kind in kinds.KINDS.values() if kind.cast not in ("numeric", "date", "timestamptz", "time")
)


def empty_value(declared: Field) -> Any:
    """What the field holds when nothing is given."""
    found = EMPTY.get(declared.kind)
    return list(found) if isinstance(found, list) else found


def current(record: Any, declared: Field) -> Any:
    """The present value of a field on a record (ids for references)."""
    if declared.custom:
        return lively(declared, record.custom.get(declared.key))
    if declared.kind in ("reference", "user", "file", "image"):
        return getattr(record, declared.column)
    return getattr(record, declared.name)


def lively(declared: Field, value: Any) -> Any:
    """A value kept as JSON as the one it stands for: decimals, days, moments and times."""
    if value is None or isinstance(value, bool | list | dict):
        return value
    cast = kinds.KINDS[declared.kind].cast
    try:
        if cast == "numeric":
            return int(value) if declared.kind == "integer" else _decimal(declared, value)
        if cast == "date":
            return dt.date.fromisoformat(value)
        if cast == "timestamptz":
            return dt.datetime.fromisoformat(value)
        return dt.time.fromisoformat(value) if cast == "time" else value
    except (ValueError, TypeError, InvalidOperation):
        return None


def _decimal(declared: Field, value: Any) -> Decimal:
    """A JSON number with the field's places, where that loses nothing: 35.0 is 35.00."""
    number = Decimal(str(value))
    placed = number.quantize(Decimal(1).scaleb(-declared.places))
    return placed if placed == number else number


def stored(declared: Field, value: Any) -> Any:
    """Custom values are kept as JSON: decimals as numbers, dates as ISO text."""
    if not declared.custom:
        return value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    return float(value) if isinstance(value, Decimal) else kinds.json_of(value)


def assign(record: Any, fields: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Put clean values on a record; returns what changed as ``{name: [before, after]}``."""
    changes: dict[str, list[Any]] = {}
    for name, value in values.items():
        declared = fields[name]
        if declared.custom:
            held = stored(declared, value)
            before = record.custom.get(declared.key)
            held = None if held in ("", []) else held
            if before != held:
                changes[name] = [before, held]
                record.custom = {key: one for key, one in record.custom.items() if key != declared.key}
                if held is not None:
                    record.custom[declared.key] = held
            continue
        before = current(record, declared)
        if before == value:
            continue
        changes[name] = [before, value]
        if declared.kind in ("reference", "user", "file", "image"):
            setattr(record, declared.column, value)
        else:
            setattr(record, declared.name, value)
    return changes
