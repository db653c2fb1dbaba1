"""Two people changed the same record: keep what does not clash, show what does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.core.kernel.errors import Clash, Conflict, Invalid
from guanxi.core.models import AuditEntry
from guanxi.core.records import shape, values
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field


def settled(
    entity: Entity,
    stored: Any,
    mine: Mapping[str, Any],
    *,
    version: int,
    original: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """My values that may be written over the stored record, given that I started from an older version.

    A field I did not change keeps the stored value; one only I changed is mine; one both changed differently is a
    clash. Raises Conflict with all clashes.
    """
    fields = shape.fields_of(entity)
    seen = _seen(entity, stored, fields, mine, version, original)
    result: dict[str, Any] = {}
    clashes: list[Clash] = []
    for name, value in mine.items():
        theirs = values.current(stored, fields[name])
        if value in (theirs, seen[name]):
            continue
        if theirs == seen[name]:
            result[name] = value
        else:
            clashes.append(Clash(name, str(fields[name].label), value, theirs, seen[name]))
    if clashes:
        raise Conflict(clashes, version=stored.version)
    return result


def _seen(
    entity: Entity,
    stored: Any,
    fields: Mapping[str, Field],
    mine: Mapping[str, Any],
    version: int,
    original: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What each field was when I began: as sent along, else worked back from the audit."""
    changed = _changed_since(entity, stored, fields, stored.version - version)
    found = {}
    for name in mine:
        found[name] = changed.get(name, values.current(stored, fields[name]))
        if original is not None and name in original:
            try:
                parsed = kinds.parse(fields[name], original[name])
            except Invalid:
                continue
            found[name] = values.empty_value(fields[name]) if parsed is None else parsed
    return found


def _changed_since(entity: Entity, stored: Any, fields: Mapping[str, Field], steps: int) -> dict[str, Any]:
    """Values from before the last ``steps`` changes, of the fields those changed."""
    entries = AuditEntry.objects.filter(entity=entity.table, record_id=stored.pk, action="update").order_by(
        "-at", "-id"
    )
    by_column = {field.column: field for field in fields.values() if field.column}
    found: dict[str, Any] = {}
    for entry in entries[: max(steps, 0)]:
        for column, (before, _after) in (entry.changes or {}).items():
            if column == "custom":
                after = _after or {}
                for key in {*(before or {}), *after}:
                    if (before or {}).get(key) != after.get(key):
                        found[f"custom.{key}"] = (before or {}).get(key)
            elif column in by_column:
                field = by_column[column]
                parsed = before if isinstance(before, list) else kinds.parse(field, before)
                found[field.name] = values.empty_value(field) if parsed is None else parsed
    return found
