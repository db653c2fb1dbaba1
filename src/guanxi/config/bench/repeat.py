"""Repeating what was made under new ids, in SQL: rows, search documents, match keys, audit and states of opportunities.

Triggers and foreign keys are off meanwhile, so what they would have written is copied too; indexes are made anew at the
end. Each table goes in a transaction of its own.
"""

# ruff: noqa: S608 - statements are made of our own tables and of numbers

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from guanxi.core.records import sealing, tallies
from guanxi.core.schema.entity import Entity

Told = Callable[[str, int], None]
#: For the one who loads: nothing is lost that could not be made again, and sorts stay in memory.
_SETTINGS = (
    "SET synchronous_commit = off; SET wal_compression = off; SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'"
)
_MOMENTS = ("created_at", "updated_at", "occurred_at")
_INDEXES = """
SELECT c.relname, pg_get_indexdef(i.indexrelid), k.conname, k.contype, pg_get_constraintdef(k.oid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
WHERE i.indrelid = %s::regclass
"""


@dataclass(frozen=True, slots=True)
class Follower:
    """A table whose rows hang on those of others, without a number of their own that matters."""

    table: str
    record: str
    rest: str
    #: Column that names the entity, and what it says for one; '' where the table belongs to one entity.
    entity: str = ""
    name: Callable[[Entity], str] = lambda entity: entity.key
    #: Entities (keys) whose rows are repeated; all if empty.
    only: tuple[str, ...] = ()
    ascending: bool = True


SEARCH = Follower("core_search_doc", "record_id", "key, spell, tsv, owner, carrier", "entity")
MATCH = Follower("core_match_key", "record_id", "kind, value", "entity", ascending=False)
AUDIT = Follower(
    "core_auditentry",
    "record_id",
    "at, action, changes, actor_id, actor_name, via, request_id, address, operation_id",
    "entity",
    lambda entity: entity.table,
    only=("customers.customer", "customers.contact", "sales.opportunity"),
)
STATES = Follower(
    "sales_opportunitystate",
    "opportunity_id",
    "at, pipeline_id, stage_id, category, value, probability, close_on, owner_id, forecast, alive",
    only=("sales.opportunity",),
)


def repeat(entities: Sequence[Entity], copies: int, told: Told) -> None:
    """Repeat all rows of ``entities`` until there are ``copies`` of each, with references to the same repetition."""
    if copies < 2:
        return
    with connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
    shifts = {entity.key: _newest(entity) for entity in entities}
    for entity in entities[:-1]:
        _records(entity, shifts, entities, copies, told)
    _follow(SEARCH, entities, shifts, copies, told)
    # The last is the largest, and nothing points at it.
    _records(entities[-1], shifts, entities, copies, told)
    for follower in (MATCH, STATES, AUDIT):
        if any(entity.key in follower.only or not follower.only for entity in entities):
            _follow(follower, entities, shifts, copies, told)
    for entity in entities:
        tallies.renew(entity)
    sealing.seal()
    sealing.seal()


def _newest(entity: Entity) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {entity.table}")
        return int(cursor.fetchone()[0])


@contextmanager
def _loading(table: str, *, ascending: bool) -> Iterator[Any]:
    """A transaction without triggers and secondary indexes; the primary key too goes where its order is not that of ids."""
    with transaction.atomic(), connection.cursor() as cursor:
        # References are settled first: a table with open ones would not let its indexes go.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        cursor.execute(_INDEXES, [table])
        again = []
        for name, definition, constraint, sort, meaning in cursor.fetchall():
            if sort == "p" and not ascending:
                cursor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{constraint}"')
                again.append(f'ALTER TABLE "{table}" ADD CONSTRAINT "{constraint}" {meaning}')
            elif constraint is None:
                cursor.execute(f'DROP INDEX "{name}"')
                again.append(definition.replace(" ON ONLY ", " ON "))
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin; SET CONSTRAINTS ALL DEFERRED")
        for statement in again:
            cursor.execute(statement)


def _records(entity: Entity, shifts: dict[str, int], among: Sequence[Entity], copies: int, told: Told) -> None:
    """The rows of an entity itself."""
    columns = [column for column in entity.model._meta.concrete_fields if not column.generated]
    names = ", ".join(f'"{column.column}"' for column in columns)
    with _loading(entity.table, ascending=True) as cursor:
        for number in range(1, copies):
            values = ", ".join(_value(column, entity, shifts, among, number) for column in columns)
            cursor.execute(
                f"INSERT INTO {entity.table} ({names}) SELECT {values} FROM {entity.table}"
                f" WHERE id <= {shifts[entity.key]} ORDER BY id"
            )
            told(entity.key, shifts[entity.key] * (number + 1))
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('{entity.table}', 'id'), (SELECT max(id) FROM {entity.table}))"
        )
        told(f"{entity.key}, indexes", 0)


def _value(column: Any, entity: Entity, shifts: dict[str, int], among: Sequence[Entity], number: int) -> str:
    """A column of a repetition: ids and references moved, moments somewhat earlier, all else as it is."""
    name = f'"{column.column}"'
    if column.primary_key:
        return f"{name} + {shifts[entity.key] * number}"
    target = getattr(column.related_model, "_meta", None) if column.is_relation else None
    moved = next((one.key for one in among if target is not None and one.model._meta is target), "")
    if moved:
        return f"{name} + {shifts[moved] * number}"
    return f"{name} - interval '{number * 7} minutes'" if column.name in _MOMENTS else name


def _follow(follower: Follower, entities: Sequence[Entity], shifts: dict[str, int], copies: int, told: Told) -> None:
    """What hangs on the rows, entity by entity."""
    chosen = [entity for entity in entities if not follower.only or entity.key in follower.only]
    names = f"{follower.record}, {follower.rest}" + (f", {follower.entity}" if follower.entity else "")
    with _loading(follower.table, ascending=follower.ascending) as cursor:
        done = 0
        for entity in chosen:
            shift, where, values = shifts[entity.key], "", []
            if follower.entity:
                where, values = f" AND f.{follower.entity} = %s", [follower.name(entity)]
            kept = ", ".join(f"f.{name.strip()}" for name in names.split(",")[1:])
            for number in range(1, copies):
                cursor.execute(
                    f"INSERT INTO {follower.table} ({names}) SELECT f.{follower.record} + {shift * number}, {kept}"
                    f" FROM {follower.table} f WHERE f.{follower.record} <= {shift}{where} ORDER BY f.{follower.record}",
                    values,
                )
                done += cursor.rowcount
                told(f"{follower.table} of {entity.key}", done)
        told(f"{follower.table}, indexes", 0)
