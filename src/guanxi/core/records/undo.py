"""Taking back a recorded operation, from the audit: each row gets its old values again, unless changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.apps import apps
from django.db import connection, models, transaction
from django.utils.translation import gettext as _

from guanxi.core.access import allowed
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, NotFound, RuleBroken
from guanxi.core.models import AuditEntry, Operation, Record
from guanxi.core.records import upkeep
from guanxi.core.records.writing import emit, operation_begin, writing
from guanxi.core.schema.registry import entity_of, is_registered


@dataclass
class UndoResult:
    """How many rows were put back, and which could not be, with the reason in the present language."""

    undone: int = 0
    skipped: list[dict[str, Any]] = field(default_factory=list)
    operation: Operation | None = None


@dataclass
class _Row:
    """All that an operation did to one row: net before and after per column."""

    table: str
    record_id: int
    created: bool = False
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def can_undo(actor: Actor, operation: Operation) -> bool:
    """Whether the operation can still be taken back by this actor: his own, or any for those with all rights."""
    if operation.undone_at or operation.sort == "undo" or operation.state in ("waiting", "running"):
        return False
    if operation.undo_until is not None and operation.undo_until < clock.now():
        return False
    return actor.is_system or actor.rights.everything or operation.actor_id == actor.user_id


def undo(actor: Actor, operation_id: int) -> UndoResult:
    """Take an operation back. Raises NotFound, Denied, or RuleBroken when it was undone or is too old."""
    with writing(actor):
        operation = Operation.objects.select_for_update().filter(pk=operation_id).first()
        if operation is None:
            raise NotFound
        if operation.actor_id != actor.user_id and not (actor.is_system or actor.rights.everything):
            raise Denied
        if not can_undo(actor, operation):
            raise RuleBroken(_("This can no longer be undone."), code="undo.over")
        step = operation_begin(actor, "undo", operation.entity, undoes=operation, total=operation.total)
        result = UndoResult(operation=step)
        with writing(actor, operation=step):
            for row in _rows(operation):
                _put_back(actor, row, result)
        operation.undone_at, operation.undone_by_id = clock.now(), actor.user_id
        operation.state = "undone"
        operation.save(update_fields=["undone_at", "undone_by", "state"])
        step.progress, step.result = (
            result.undone,
            {"done": result.undone, "skipped": len(result.skipped), "problems": result.skipped},
        )
        step.save(update_fields=["progress", "result"])
    return result


def _rows(operation: Operation) -> list[_Row]:
    """What the operation did, row by row, the last touched first."""
    found: dict[tuple[str, int], _Row] = {}
    since = operation.created_at
    for entry in AuditEntry.objects.filter(operation_id=operation.pk, at__gte=since).order_by("id").iterator():
        row = found.setdefault((entry.entity, entry.record_id), _Row(entry.entity, entry.record_id))
        row.created = row.created or entry.action == "create"
        for column, (before, after) in (entry.changes or {}).items():
            row.before.setdefault(column, before)
            row.after[column] = after
    return list(reversed(found.values()))


def _models() -> Mapping[str, type[models.Model]]:
    return {model._meta.db_table: model for model in apps.get_models()}


def _put_back(actor: Actor, row: _Row, result: UndoResult) -> None:
    model = _models().get(row.table)
    if model is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT to_jsonb(t) FROM "{row.table}" t WHERE id = %s FOR UPDATE', [row.record_id])  # noqa: S608
        found = cursor.fetchone()
    if found is None:
        _skip(result, row, _("It no longer exists."))
        return
    now = orjson.loads(found[0]) if isinstance(found[0], str | bytes) else found[0]
    if row.created:
        _take_away(actor, model, row, now, result)
        return
    changed = [column for column, after in row.after.items() if now.get(column) != after]
    back = {
        column: before for column, before in row.before.items() if column not in changed and now.get(column) != before
    }
    if changed:
        _skip(result, row, _("Changed since: %(fields)s.") % {"fields": _labels(model, changed)})
    if back:
        _write(actor, model, row.record_id, back)
        result.undone += 1


def _labels(model: type[models.Model], columns: Iterable[str]) -> str:
    names = {column.column: str(column.verbose_name) for column in model._meta.concrete_fields}
    return ", ".join(names.get(column, column) for column in columns)


def _skip(result: UndoResult, row: _Row, reason: str) -> None:
    model = _models().get(row.table)
    key = model._meta.label_lower if model else row.table
    result.skipped.append({"entity": key, "id": row.record_id, "reason": reason})


def _take_away(actor: Actor, model: type[models.Model], row: _Row, now: Mapping[str, Any], result: UndoResult) -> None:
    """A row the operation made goes to the trash, or away if it has no place there; not if it was changed since."""
    changed = [column for column, after in row.after.items() if now.get(column) != after]
    if changed and now.get("deleted_at") is None and issubclass(model, Record):
        _skip(result, row, _("Changed since: %(fields)s.") % {"fields": _labels(model, changed)})
        return
    if not issubclass(model, Record):
        with transaction.atomic():
            model._base_manager.filter(pk=row.record_id).delete()
    elif now.get("deleted_at") is None:
        model._base_manager.filter(pk=row.record_id).update(
            deleted_at=clock.now(), deleted_by_id=actor.user_id, updated_at=clock.now(), version=models.F("version") + 1
        )
        if is_registered(model):
            upkeep.after_trash(entity_of(model), [row.record_id])
            emit(actor, "deleted", entity=model._meta.label_lower, record_id=row.record_id)
    result.undone += 1


def _write(actor: Actor, model: type[models.Model], record_id: int, back: Mapping[str, Any]) -> None:
    table = model._meta.db_table
    columns = ", ".join(f'"{column}" = r."{column}"' for column in back)
    extra = ", version = t.version + 1, updated_at = now()" if issubclass(model, Record) else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{table}" t SET {columns}{extra} FROM jsonb_populate_record(NULL::"{table}", %s::jsonb) r WHERE t.id = %s',  # noqa: S608
            [orjson.dumps(dict(back)).decode(), record_id],
        )
    if not is_registered(model):
        return
    entity = entity_of(model)
    if f"{entity.access.owner}_id" in back:
        upkeep.carry_down(entity, [record_id])
    if entity.access.carried_by and f"{entity.access.carried_by}_id" in back:
        upkeep.carry_again(entity, [record_id])
    alive = model._default_manager.filter(pk=record_id).exists()
    (upkeep.after_restore if alive else upkeep.after_trash)(entity, [record_id])
    emit(actor, "restored" if "deleted_at" in back else "updated", entity=entity.key, record_id=record_id)


def may_see(actor: Actor, operation: Operation) -> bool:
    """Whether the operation concerns records of an entity the actor may see at all."""
    return not operation.entity or not is_registered(operation.entity) or allowed(actor, "view", operation.entity)
