"""Derived values kept right: formulas and roll-ups are stored in ``custom`` and reckoned again when what they read changes.

What a record reads of itself is reckoned as it is saved (``fill``). What it reads elsewhere is watched by triggers
(``records.watching``) that note in ``core_due`` which records are due; ``settle`` reckons them at the end of the writing
that changed something, under their lock, so that two at once come out right. What was written past the application, and
more than ``AT_ONCE`` records, a job settles.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Avg, Max, Min, Sum

from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.cel import FormulaError
from guanxi.core.models import CustomField, Due
from guanxi.core.models.stamps import kept
from guanxi.core.records import columns, formula, shape
from guanxi.core.records.query import compile_tree
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of, is_registered

#: Records one writing settles by itself; a job does the rest.
AT_ONCE = 500
_ROUNDS = 8
#: ``writing.emit``, handed in by the writing that settles.
Emit = Callable[..., None]


def ordered(fields: Iterable[Field], entity: str) -> list[Field]:
    """Derived fields of one entity so that each comes after those it reads."""
    waiting = {one.name: one for one in fields}
    found: list[Field] = []
    while waiting:
        ready = [
            one
            for one in waiting.values()
            if not any(key == entity and name in waiting and name != one.name for key, name in one.reads)
        ]
        found.extend(waiting.pop(one.name) for one in ready or list(waiting.values()))
    return found


@kept("fields")
def _plan(key: str) -> tuple[Field, ...]:
    return tuple(ordered((one for one in shape.fields_of(key).values() if one.formula or one.rollup), key))


def derives(entity: Entity) -> bool:
    """Whether :func:`fill` has anything to reckon."""
    return bool(_plan(entity.key))


@kept("fields", size=1)
def any_watched() -> bool:
    """Whether any field stands on other records at all."""
    rows = CustomField.objects.filter(active=True, kind__in=shape.DERIVED).values_list("kind", "options")
    return any(kind == "rollup" or options.get("paths") or options.get("relations") for kind, options in rows)


def fill(entity: Entity, record: Any, changes: dict[str, list[Any]]) -> None:
    """Reckon the formulas of a record about to be saved, and what its roll-ups are if they were settled meanwhile."""
    plan = _plan(entity.key)
    if not plan:
        return
    if record.pk and any(one.rollup for one in plan):
        _take_over(entity, record, [one for one in plan if one.rollup])
    for field in plan:
        if field.formula:
            _put(record, field, _reckoned(field, record), changes)
        elif not record.pk and field.rollup and field.rollup.get("how") in ("count", "sum"):
            _put(record, field, Decimal(0), changes)


def _take_over(entity: Entity, record: Any, fields: Sequence[Field]) -> None:
    """Roll-ups as they are stored now: another transaction may have settled them since the record was read."""
    stored = (
        entity.model._base_manager.filter(pk=record.pk).select_for_update(no_key=True).values_list("custom", flat=True)
    )
    held = stored.first() or {}
    merged = {key: value for key, value in record.custom.items() if key not in {one.key for one in fields}}
    record.custom = {**merged, **{one.key: held[one.key] for one in fields if one.key in held}}


def _reckoned(field: Field, record: Any) -> Any:
    try:
        return fitted(field, formula.evaluate(field.formula, record).value)
    except FormulaError:
        return None


def fitted(field: Field, value: Any) -> Any:
    """A result in the form its field stores: rounded to its places, a moment as a day where a day is wanted."""
    if value is None or isinstance(value, list | dict):
        return None
    if field.kind in ("text", "long_text", "choice"):
        return formula.shown(value)[: field.max_length or 500] if not isinstance(value, str) else value[:5000]
    if field.kind == "boolean":
        return bool(value)
    if field.kind == "date" and isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, Decimal):
        places = 0 if field.kind == "integer" else field.places
        return round(value, places) if field.kind != "integer" else Decimal(int(value))
    return value


def _put(record: Any, field: Field, value: Any, changes: dict[str, list[Any]]) -> bool:
    stored = float(value) if isinstance(value, Decimal) else kinds.json_of(value)
    if field.kind == "integer" and isinstance(stored, float):
        stored = int(stored)
    before = record.custom.get(field.key)
    if before == stored:
        return False
    held = {key: one for key, one in record.custom.items() if key != field.key}
    record.custom = held if stored is None else {**held, field.key: stored}
    changes[field.name] = [before, stored]
    return True


def rolled_up(entity: Entity, field: Field, ids: Sequence[int]) -> dict[int, Any]:
    """A roll-up of several records, reckoned from what is stored now: by id."""
    given: Mapping[str, Any] = field.rollup or {}
    child, reference = columns.relation(entity, str(given.get("relation", "")))
    how, name = str(given.get("how", "count")), str(given.get("field", ""))
    if child is None or reference is None:
        return {}
    condition = compile_tree(system_actor(), child, given.get("filter"))
    found: dict[int, Any] = {}
    for number in ids:
        rows = child.model._default_manager.filter(columns.points_to(reference, [number])).filter(condition).order_by()
        found[number] = _aggregate(rows, child, how, name)
    return found


def _aggregate(rows: Any, child: Entity, how: str, name: str) -> Any:
    if how == "count":
        return Decimal(rows.count())
    field = shape.fields_of(child).get(name)
    if field is None:
        return None
    maker = {"sum": Sum, "min": Min, "max": Max, "avg": Avg}[how]
    value = rows.aggregate(n=maker(columns.typed(field, name)))["n"]
    if value is None:
        return Decimal(0) if how == "sum" else None
    return Decimal(str(value)) if KINDS[field.kind].cast == "numeric" else value


def settle(actor: Actor, emit: Emit) -> None:
    """Reckon what this transaction made due, until nothing is; called by ``writing`` before it ends."""
    if not any_watched():
        return
    done: dict[str, set[int]] = {}
    for _round in range(_ROUNDS):
        due = _take(AT_ONCE, "transaction = pg_current_xact_id()::text::bigint")
        if not due:
            return
        for key in sorted(due):
            fresh = sorted(due[key])
            if len(done.setdefault(key, set()) | set(fresh)) > AT_ONCE:
                mark_due(key, fresh)
                return
            done[key] |= set(fresh)
            _settle_records(actor, key, fresh, emit)


def _take(limit: int, where: str) -> dict[str, set[int]]:
    """Take noted records out of ``core_due``: ids by entity key."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {Due._meta.db_table} WHERE id IN (SELECT id FROM {Due._meta.db_table} WHERE {where}"  # noqa: S608
            " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING entity, record_id",
            [limit],
        )
        found: dict[str, set[int]] = {}
        for key, number in cursor.fetchall():
            found.setdefault(key, set()).add(number)
    return found


def mark_due(key: str, ids: Iterable[int]) -> None:
    """Leave records to the job."""
    Due.objects.bulk_create([Due(entity=key, record_id=number, transaction=0) for number in ids], 1000)


def _settle_records(actor: Actor, key: str, ids: Sequence[int], emit: Emit) -> None:
    if not is_registered(key):
        return
    entity = entity_of(key)
    plan = _plan(key)
    records: list[Any] = list(
        entity.model._base_manager.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",))
    )
    figures = {one.name: rolled_up(entity, one, [row.pk for row in records]) for one in plan if one.rollup}
    for record in records:
        changes: dict[str, list[Any]] = {}
        for field in plan:
            value = figures[field.name].get(record.pk) if field.rollup else _reckoned(field, record)
            _put(record, field, fitted(field, value), changes)
        if changes:
            entity.model._base_manager.filter(pk=record.pk).update(custom=record.custom)
            emit(actor, "updated", record, changes)


def settle_rest(actor: Actor, emit: Emit, limit: int = 2000) -> int:
    """Settle what other writings left behind; the job calls it in a writing of its own. Returns how many."""
    due = _take(limit, "transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    for key in sorted(due):
        _settle_records(actor, key, sorted(due[key]), emit)
    return sum(len(one) for one in due.values())


def mark_all(entity: Entity) -> None:
    """Every record of an entity is due: a field was added or changed, or a new day began."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Due._meta.db_table} (entity, record_id, transaction)"  # noqa: S608 - our own table names
            f' SELECT %s, id, 0 FROM "{entity.table}"',
            [entity.key],
        )


def volatile_entities() -> list[str]:
    """Entities with a formula that reads the clock, or a roll-up whose filter does."""
    rows = CustomField.objects.filter(active=True, kind__in=shape.DERIVED).values_list("entity", "options")
    return sorted({entity for entity, options in rows if options.get("volatile")})
