"""What happened to a record, from the audit, as an actor may read it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from guanxi.core.access import field_level, require
from guanxi.core.kernel import masking
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import AuditEntry
from guanxi.core.records import shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after, as stored; masked where the actor sees it masked."""

    field: Field
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One audited change of a record. ``action``: create, update, trash, restore, destroy."""

    id: int
    at: dt.datetime
    actor_id: int | None
    actor_name: str
    via: str
    action: str
    fields: tuple[FieldChange, ...]
    operation_id: int | None


def action_of(entry: AuditEntry) -> str:
    """The entry's action, telling the trash and back from other updates."""
    moved = (entry.changes or {}).get("deleted_at")
    if entry.action == "update" and moved:
        return "trash" if moved[1] else "restore"
    return entry.action


def _pairs(changes: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Columns that changed; custom values one by one."""
    for column, (before, after) in changes.items():
        if column != "custom":
            yield column, before, after
            continue
        old, new = before or {}, after or {}
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield f"custom.{key}", old.get(key), new.get(key)


def field_changes(actor: Actor, entity: Entity, entry: AuditEntry) -> tuple[FieldChange, ...]:
    """The entry's changes in fields the actor may see."""
    by_column = {field.column or field.name: field for field in shape.fields_of(entity).values()}
    found = []
    for column, before, after in _pairs(entry.changes or {}):
        field = by_column.get(column)
        level = field_level(actor, entity, field.name) if field else "hidden"
        if field is None or level == "hidden" or field.name == "deleted_at":
            continue
        if level == "masked":
            found.append(
                FieldChange(field, *(masking.mask(field.mask, value) if value else value for value in (before, after)))
            )
        else:
            found.append(FieldChange(field, before, after))
    return tuple(found)


def history(actor: Actor, record: Any, *, before: dt.datetime | None = None, limit: int = 100) -> list[Change]:
    """Changes of a record, newest first. Raises NotFound if the actor may not see it."""
    entity = entity_of(record)
    require(actor, "view", record)
    entries = AuditEntry.objects.filter(entity=entity.table, record_id=record.pk)
    if before is not None:
        entries = entries.filter(at__lt=before)
    return [
        Change(
            entry.pk,
            entry.at,
            entry.actor_id,
            entry.actor_name,
            entry.via,
            action_of(entry),
            field_changes(actor, entity, entry),
            entry.operation_id,
        )
        for entry in entries.order_by("-at", "-id")[:limit]
    ]
