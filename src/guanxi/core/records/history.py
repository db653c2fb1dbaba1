"""What happened to a record, from the audit, as an actor may read it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from guanxi.core.access import allowed, field_level, require
from guanxi.core.kernel import masking
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.models import AuditEntry
from guanxi.core.records import display, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: Rows of a record and of its lines written so near one another by the same person belong to one step.
TOGETHER = dt.timedelta(seconds=3)
LINE_ACTIONS = {"create": "added", "restore": "added", "trash": "removed", "destroy": "removed"}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after, as stored; masked where the actor sees it masked."""

    field: Field
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class LineChange:
    """What happened to one line of a record. ``action``: added, changed, removed; ``key`` and ``label`` name the sort of lines."""

    key: str
    label: Text
    id: int
    name: str
    action: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One audited change of a record and its lines. ``action``: create, update, trash, restore, destroy."""

    id: int
    at: dt.datetime
    actor_id: int | None
    actor_name: str
    via: str
    action: str
    fields: tuple[FieldChange, ...]
    operation_id: int | None
    lines: tuple[LineChange, ...] = ()


def action_of(action: str, changes: Mapping[str, Any] | None) -> str:
    """An entry's action, telling the trash and back from other updates."""
    moved = (changes or {}).get("deleted_at")
    if action == "update" and moved:
        return "trash" if moved[1] else "restore"
    return action


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


def field_changes(actor: Actor, entity: Entity, changes: Mapping[str, Any] | None) -> tuple[FieldChange, ...]:
    """Changes of an entry in fields the actor may see."""
    by_column = shape.by_column(entity.key)
    found = []
    for column, before, after in _pairs(changes or {}):
        field = by_column.get(column)
        level = field_level(actor, entity, field.name) if field else "hidden"
        if field is None or level == "hidden" or field.name == "deleted_at":
            continue
        if level == "masked":
            found.append(
                FieldChange(
                    field,
                    *(
                        masking.mask(field.mask, one) if one not in (None, "", [], {}) else one
                        for one in (before, after)
                    ),
                )
            )
        elif field.custom:
            found.append(_custom(field, before, after))
        else:
            found.append(FieldChange(field, before, after))
    return tuple(found)


def _custom(field: Field, before: Any, after: Any) -> FieldChange:
    """A change of a custom value; one of an earlier kind of the field that the present one cannot read, as it was written."""
    told = [values.lively(field, one) for one in (before, after)]
    if any(one is None and kept is not None for one, kept in zip(told, (before, after), strict=True)):
        return FieldChange(replace(field, kind="text"), *(None if one is None else str(one) for one in (before, after)))
    return FieldChange(field, *told)


def history(actor: Actor, record: Any, *, before: dt.datetime | None = None, limit: int = 100) -> list[Change]:
    """Changes of a record and of its lines, newest first. Raises NotFound if the actor may not see it.

    One of nothing he may see did not happen for him.
    """
    entity = entity_of(record)
    require(actor, "view", record)
    entries = AuditEntry.objects.filter(entity=entity.table, record_id=record.pk)
    if before is not None:
        entries = entries.filter(at__lt=before)
    own = list(entries.order_by("-at", "-id")[:limit])
    since = own[-1].at - TOGETHER if len(own) == limit else None
    told = {entry.pk: said for entry in own if _tells(entry, said := _change(actor, entity, entry))}
    alone: list[Change] = []
    for entry, change in _of_lines(actor, entity, record, since, before):
        beside = next((one for one in own if one.pk in told and _together(one, entry)), None)
        if beside is not None:
            told[beside.pk] = replace(told[beside.pk], lines=(*told[beside.pk].lines, change))
        elif alone and alone[-1].actor_id == entry.actor_id and abs(alone[-1].at - entry.at) <= TOGETHER:
            alone[-1] = replace(alone[-1], lines=(*alone[-1].lines, change))
        else:
            alone.append(replace(_change(actor, entity, entry), action="update", fields=(), lines=(change,)))
    if not told and not alone and len(own) == limit:
        return history(actor, record, before=own[-1].at, limit=limit)
    return sorted([*told.values(), *alone], key=lambda one: (one.at, one.id), reverse=True)[:limit]


def _tells(entry: AuditEntry, change: Change) -> bool:
    """Whether there is something to tell; of what an erasure emptied, that it was."""
    return bool(change.fields) or change.action != "update" or not entry.changes


def _change(actor: Actor, entity: Entity, entry: AuditEntry) -> Change:
    return Change(
        entry.pk,
        entry.at,
        entry.actor_id,
        entry.actor_name,
        entry.via,
        action_of(entry.action, entry.changes),
        field_changes(actor, entity, entry.changes) if entry.entity == entity.table else (),
        entry.operation_id,
    )


def _together(one: AuditEntry, other: AuditEntry) -> bool:
    """Whether two rows were written by one and the same step."""
    same = (one.actor_id, one.request_id, one.operation_id) == (other.actor_id, other.request_id, other.operation_id)
    return same and abs(one.at - other.at) <= TOGETHER


def _of_lines(
    actor: Actor, entity: Entity, record: Any, since: dt.datetime | None, before: dt.datetime | None
) -> Iterator[tuple[AuditEntry, LineChange]]:
    """Changes of the lines an actor may see, those gone included; two queries per sort of lines."""
    for spec in entity.lines:
        child = entity_of(spec.entity)
        if not allowed(actor, "view", child):
            continue
        rows = {row.pk: row for row in child.model._base_manager.filter(**{f"{spec.field}_id": record.pk})}
        entries = AuditEntry.objects.filter(entity=child.table, record_id__in=list(rows))
        if since is not None:
            entries = entries.filter(at__gte=since)
        if before is not None:
            entries = entries.filter(at__lt=before)
        for entry in entries.order_by("at", "id") if rows else ():
            shown = tuple(one for one in field_changes(actor, child, entry.changes) if one.field.name in spec.columns)
            action = LINE_ACTIONS.get(action_of(entry.action, entry.changes), "changed")
            if shown or action != "changed":
                name = display.title_of(child, rows[entry.record_id], actor)
                yield entry, LineChange(spec.key, spec.label, entry.record_id, name, action, shown)
