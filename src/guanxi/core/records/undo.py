"""Taking back a recorded operation, from the audit: each row gets its old values again, unless changed since."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.utils.translation import gettext as _

from guanxi.core.access import allowed
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, NotFound, RuleBroken
from guanxi.core.models import AuditEntry, Operation, Record
from guanxi.core.models.stamps import bump
from guanxi.core.records import carrying, gates, standing, upkeep
from guanxi.core.records.settings_registry import stamps_of
from guanxi.core.records.still import Row, Still, may_still
from guanxi.core.records.writing import emit_many, operation_begin, writing
from guanxi.core.schema.registry import entity_of, is_registered, made_entities


@dataclass
class UndoResult:
    """How many rows were put back, and which could not be, with the reason in the present language."""

    undone: int = 0
    skipped: list[dict[str, Any]] = field(default_factory=list)
    operation: Operation | None = None


def can_undo(actor: Actor, operation: Operation) -> bool:
    """Whether the operation can still be taken back by this actor: his own, or any for those with all rights."""
    if operation.undone_at or operation.sort == "undo" or operation.state in ("waiting", "running"):
        return False
    if operation.undo_until is not None and operation.undo_until < clock.now():
        return False
    if actor.is_system or actor.rights.everything:
        return True
    return operation.actor_id == actor.user_id and may_still(actor, operation)


def undo(actor: Actor, operation_id: int) -> UndoResult:
    """Take an operation back, where it is still the actor's to do so. Raises NotFound, Denied, RuleBroken when it is over."""
    with writing(actor):
        operation = Operation.objects.select_for_update().filter(pk=operation_id).first()
        if operation is None:
            raise NotFound
        mine = operation.actor_id == actor.user_id and may_still(actor, operation)
        if not (mine or actor.is_system or actor.rights.everything):
            raise Denied
        if not can_undo(actor, operation):
            raise RuleBroken(_("This can no longer be undone."), code="undo.over")
        step = operation_begin(actor, "undo", operation.entity, undoes=operation, total=operation.total)
        result = UndoResult(operation=step)
        with writing(actor, operation=step):
            done = _rows(operation)
            still = Still(actor, operation, done)
            for rows in _together(done):
                _put_back_all(still, rows, result)
            for table in _touched(operation):
                if table in _kept_tables():
                    _trash_made(still, _models()[table], result)
        operation.undone_at, operation.undone_by_id = clock.now(), actor.user_id
        operation.state = "undone"
        operation.save(update_fields=["undone_at", "undone_by", "state"])
        step.progress, step.result = (
            result.undone,
            {"done": result.undone, "skipped": len(result.skipped), "problems": result.skipped},
        )
        step.save(update_fields=["progress", "result"])
    return result


#: The audit of an operation, with how often it touched the record.
_DONE = """
    SELECT e.*, count(*) OVER (PARTITION BY e.entity, e.record_id) AS times
    FROM core_auditentry e WHERE e.operation_id = %s AND e.at >= %s
"""
#: Made records of a table as they are now: gone, in the trash, and the columns changed or filled since.
_NOW = """
    SELECT a.record_id, t.id IS NULL, t.deleted_at IS NOT NULL, ARRAY(
        SELECT k.key FROM jsonb_each(a.changes) k WHERE r.now -> k.key IS DISTINCT FROM k.value -> 1
        UNION SELECT k FROM core_auditentry u, jsonb_object_keys(u.changes) k
        WHERE u.entity = a.entity AND u.record_id = a.record_id AND u.at >= a.at AND u.id > a.id AND u.action = 'update'
        AND k NOT IN ('deleted_at', 'deleted_by_id') AND NOT coalesce(a.changes, '{{}}') ? k
        AND r.now -> k NOT IN ('null', '""', '[]', '{{}}'))
    FROM core_auditentry a LEFT JOIN "{table}" t ON t.id = a.record_id CROSS JOIN LATERAL (SELECT to_jsonb(t) AS now OFFSET 0) r
    WHERE a.operation_id = %s AND a.at >= %s AND a.entity = %s AND a.record_id = ANY(%s)
"""
CHUNK = 1000


def _trash_made(still: Still, model: type[models.Model], result: UndoResult) -> None:
    """Records the operation made go to the trash, many at a time; not those that were changed since."""
    actor, operation = still.actor, still.operation
    table, since = model._meta.db_table, operation.created_at
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT record_id FROM ({_DONE} AND e.entity = %s) d WHERE action = 'create' AND times = 1 ORDER BY 1 DESC",  # noqa: S608
            [operation.pk, since, table],
        )
        ids = [number for (number,) in cursor.fetchall()]
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT FROM "{table}" WHERE id = ANY(%s) ORDER BY id FOR UPDATE', [part])
            cursor.execute(_NOW.format(table=table), [operation.pk, since, table, part])
            states = cursor.fetchall()
        living = []
        resting = standing.held(entity_of(model), part, besides=operation.pk)
        lost = still.lost(model, [Row(table, number, created=True) for number in part])
        for number, gone, trashed, changed in states:
            row = Row(table, number)
            if gone:
                _skip(result, row, _("It no longer exists."))
            elif number in lost and not trashed:
                _skip(result, row, _("It is not yours any more."))
            elif not trashed and (reason := _held(actor, model, number, resting)):
                _skip(result, row, reason)
            elif changed and not trashed:
                _skip(result, row, _("Changed since: %(fields)s.") % {"fields": _labels(model, changed)})
            else:
                result.undone += 1
                living += [] if trashed else [number]
        _trash(actor, model, living)


def _trash(actor: Actor, model: type[models.Model], ids: list[int]) -> None:
    if not ids:
        return
    now = clock.now()
    model._base_manager.filter(pk__in=ids).update(
        deleted_at=now, deleted_by_id=actor.user_id, updated_at=now, version=models.F("version") + 1
    )
    if is_registered(model):
        entity = entity_of(model)
        upkeep.after_trash(entity, ids)
        emit_many(actor, entity, "deleted", [(number, {}) for number in ids])


def _rows(operation: Operation) -> list[Row]:
    """What the operation did, row by row, the last touched first; without records it only made."""
    found: dict[tuple[str, int], Row] = {}
    for entry in _entries(operation, list(_kept_tables())):
        row = found.setdefault((entry.entity, entry.record_id), Row(entry.entity, entry.record_id))
        row.created = row.created or entry.action == "create"
        row.removed = entry.action == "destroy"
        for column, (before, after) in (entry.changes or {}).items():
            row.before.setdefault(column, before)
            row.after[column] = after
    return list(reversed(found.values()))


def _entries(operation: Operation, tables: list[str]) -> Iterable[AuditEntry]:
    """The operation's audit in order, without the records of these tables it made and did not touch again."""
    statement = f"""
        SELECT * FROM ({_DONE}) d WHERE NOT (action = 'create' AND times = 1 AND entity = ANY(%s)) ORDER BY id
    """  # noqa: S608 - our own text
    return AuditEntry.objects.raw(statement, [operation.pk, operation.created_at, tables]).iterator()


def _touched(operation: Operation) -> list[str]:
    """Tables the operation wrote to, by name."""
    entries = AuditEntry.objects.filter(operation_id=operation.pk, at__gte=operation.created_at)
    return sorted(entries.values_list("entity", flat=True).distinct().order_by())


def _kept_tables() -> frozenset[str]:
    """Tables of registered records: what was made in them goes to the trash."""
    return frozenset(table for table, model in _models().items() if issubclass(model, Record) and is_registered(model))


@cache
def _built_in() -> Mapping[str, type[models.Model]]:
    return {model._meta.db_table: model for model in apps.get_models()}


def _models() -> Mapping[str, type[models.Model]]:
    """Every table with its model, those of custom objects included."""
    return {**_built_in(), **{one.table: one.model for one in made_entities()}}


def _together(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in their order, those of one table that follow each other and were only changed in lists of ``CHUNK`` at most."""
    waiting: list[Row] = []
    for row in rows:
        apart = row.created or row.removed
        if waiting and (apart or row.table != waiting[0].table or len(waiting) == CHUNK):
            yield waiting
            waiting = []
        if apart:
            yield [row]
        else:
            waiting.append(row)
    if waiting:
        yield waiting


def _put_back_all(still: Still, rows: Sequence[Row], result: UndoResult) -> None:
    """Put rows of one table back; several at once where they were only changed."""
    actor, operation = still.actor, still.operation
    model = _models().get(rows[0].table)
    if model is None:
        return
    ids = sorted(row.record_id for row in rows)
    with connection.cursor() as cursor:
        statement = f'SELECT id, to_jsonb(t) FROM "{rows[0].table}" t WHERE id = ANY(%s) ORDER BY id FOR UPDATE'  # noqa: S608
        cursor.execute(statement, [ids])
        stored = {
            number: orjson.loads(now) if isinstance(now, str | bytes) else now for number, now in cursor.fetchall()
        }
    backs: list[tuple[int, dict[str, Any]]] = []
    lost = still.lost(model, rows)
    stays = still.holds(model, [row.record_id for row in rows])
    for row in rows:
        if row.record_id in lost and (row.removed or row.record_id in stored):
            _skip(result, row, _("It is not yours any more."))
            continue
        if row.record_id in stays:
            _skip(result, row, stays[row.record_id])
            continue
        back = _back(actor, operation, model, row, stored.get(row.record_id), result)
        if back:
            backs.append((row.record_id, back))
            result.undone += 1
    _write(actor, model, backs)


def _back(
    actor: Actor,
    operation: Operation,
    model: type[models.Model],
    row: Row,
    now: dict[str, Any] | None,
    result: UndoResult,
) -> dict[str, Any]:
    """The columns of a row to write again; of one that was made or removed, or has to stay, nothing: that is done or said here."""
    if now is None and row.removed and not row.created and not issubclass(model, Record):
        _make_again(model, row, result)
        return {}
    if now is None:
        _skip(result, row, _("It no longer exists."))
        return {}
    resting = _resting(model, row, operation)
    if reason := _held(actor, model, row.record_id, resting):
        _skip(result, row, reason)
        return {}
    if row.created:
        _take_away(actor, model, row, now, result)
        return {}
    changed = [column for column, after in row.after.items() if now.get(column) != after]
    if changed:
        _skip(result, row, _("Changed since: %(fields)s.") % {"fields": _labels(model, changed)})
    return {
        column: before for column, before in row.before.items() if column not in changed and now.get(column) != before
    }


def _make_again(model: type[models.Model], row: Row, result: UndoResult) -> None:
    """A row of the settings that the operation removed, such as a value merged into another, stands there again."""
    columns = model._meta.concrete_fields
    held = {one.attname: one.to_python(row.before[one.column]) for one in columns if one.column in row.before}
    try:
        with transaction.atomic():
            model(**{**held, "pk": row.record_id}).save(force_insert=True)
    except IntegrityError:
        _skip(result, row, _("Something else has taken its place."))
        return
    result.undone += 1
    for stamp in stamps_of(model):
        bump(stamp)


def _resting(model: type[models.Model], row: Row, operation: Operation) -> set[int]:
    """The row itself, when the operation made it and documents in force rest on it now."""
    if not row.created or not is_registered(model):
        return set()
    return standing.held(entity_of(model), [row.record_id], besides=operation.pk)


def _held(actor: Actor, model: type[models.Model], record_id: int, resting: Container[int]) -> str:
    """Why a row has to stay as it is for now, '' if nothing holds it. ``resting`` are those that documents in force rest on."""
    if not is_registered(model):
        return ""
    try:
        gates.held(actor, entity_of(model), record_id)
    except RuleBroken as error:
        return str(error)
    return _("Documents in force rest on it.") if record_id in resting else ""


def _labels(model: type[models.Model], columns: Iterable[str]) -> str:
    names = {column.column: str(column.verbose_name) for column in model._meta.concrete_fields}
    return ", ".join(names.get(column, column) for column in columns)


def _skip(result: UndoResult, row: Row, reason: str) -> None:
    model = _models().get(row.table)
    key = model._meta.label_lower if model else row.table
    result.skipped.append({"entity": key, "id": row.record_id, "reason": reason})


def _take_away(actor: Actor, model: type[models.Model], row: Row, now: Mapping[str, Any], result: UndoResult) -> None:
    """A row the operation made goes to the trash, or away if it has no place there; not if it was changed since."""
    changed = [column for column, after in row.after.items() if now.get(column) != after]
    if changed and now.get("deleted_at") is None and issubclass(model, Record):
        _skip(result, row, _("Changed since: %(fields)s.") % {"fields": _labels(model, changed)})
        return
    if not issubclass(model, Record):
        with transaction.atomic():
            model._base_manager.filter(pk=row.record_id).delete()
    elif now.get("deleted_at") is None:
        _trash(actor, model, [row.record_id])
    result.undone += 1


def _write(actor: Actor, model: type[models.Model], backs: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Write columns of rows again, those with the same columns in one statement, and bring up to date what follows from them.

    One by one in their order where only so no two hold at any time what one alone may hold.
    """
    groups: dict[tuple[str, ...], list[tuple[int, dict[str, Any]]]] = {}
    for number, back in backs:
        groups.setdefault(tuple(sorted(back)), []).append((number, back))
    try:
        with transaction.atomic():
            for columns, group in groups.items():
                _write_alike(actor, model, columns, group)
    except IntegrityError:
        for number, back in backs:
            _write_alike(actor, model, tuple(back), [(number, back)])


def _write_alike(
    actor: Actor, model: type[models.Model], columns: Sequence[str], group: Sequence[tuple[int, dict[str, Any]]]
) -> None:
    table, ids = model._meta.db_table, [number for number, _back in group]
    sets = ", ".join(f'"{column}" = r."{column}"' for column in columns)
    extra = ", version = t.version + 1, updated_at = now()" if issubclass(model, Record) else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{table}" t SET {sets}{extra} FROM jsonb_populate_recordset(NULL::"{table}", %s::jsonb) r WHERE t.id = r.id',  # noqa: S608
            [orjson.dumps([{**back, "id": number} for number, back in group]).decode()],
        )
    if not is_registered(model):
        return
    entity = entity_of(model)
    if f"{entity.access.owner}_id" in columns:
        carrying.carry_down(entity, ids)
    if entity.access.carried_by and f"{entity.access.carried_by}_id" in columns:
        carrying.carry_again(entity, ids)
    alive = set(model._default_manager.filter(pk__in=ids).values_list("pk", flat=True))
    upkeep.after_restore(entity, [number for number in ids if number in alive])
    if gone := [number for number in ids if number not in alive]:
        upkeep.after_trash(entity, gone)
    emit_many(actor, entity, "restored" if "deleted_at" in columns else "updated", [(number, {}) for number in ids])


def may_see(actor: Actor, operation: Operation) -> bool:
    """Whether the operation concerns records of an entity the actor may see at all."""
    return not operation.entity or not is_registered(operation.entity) or allowed(actor, "view", operation.entity)
