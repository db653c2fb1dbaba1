"""Trusted bulk loads: the operator's clean file goes into a table as fast as the database takes it.

Nobody's rights, rules or duplicates are asked; PostgreSQL alone says whether a value fits its column and a reference
exists. The rows are one transaction. Their audit, match keys and search documents follow from :func:`catch_up`, in
batches that survive a crash; until then the records are there without them. No event is sent.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import psycopg
from django.db import connection, transaction
from django.db.utils import DatabaseError, DataError, IntegrityError
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.text import sort_key
from guanxi.core.models import Operation
from guanxi.core.models.audit_triggers import changes_sql
from guanxi.core.records import matching
from guanxi.core.records.copying import Lines, behind, copy_lines, escaped, plain
from guanxi.core.records.drafting import draftable
from guanxi.core.records.search import index
from guanxi.core.records.writing import operation_begin
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

SORT = "load"
#: Rows sent together, and rows of one note for the search.
CHUNK, NOTE = 5_000, 1_000
#: Records whose audit and keys are made in one transaction.
BATCH = 2_000
#: Columns that only the engine fills.
OWN = frozenset(("id", "version", "sort_key", "created_at", "updated_at", "deleted_at", "deleted_by_id"))

_NOTE = """
INSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, operation_id)
SELECT clock_timestamp(), %s, n.id, 'create', {changes}, %s, %s, 'cli', %s
FROM {table} n
WHERE n.id BETWEEN %s AND %s
  AND NOT EXISTS (SELECT FROM core_auditentry a WHERE a.entity = %s AND a.record_id = n.id AND a.action = 'create')
ORDER BY n.id RETURNING record_id
"""


class _Shape:
    """How a file's rows become lines of a table: the given columns first, then what is the same for all."""

    def __init__(self, actor: Actor, entity: Entity, header: Sequence[str], owner: int | None) -> None:
        self.entity = entity
        self.lines = Lines(entity.model)
        usual = dict(zip(self.lines.names, self.lines.usual, strict=True))
        columns = {one.name: str(one.column) for one in entity.model._meta.concrete_fields}
        given = [columns.get(name.strip(), name.strip()) for name in header]
        wrong = [name for name, column in zip(header, given, strict=True) if column not in usual or column in OWN]
        if wrong or len(set(given)) < len(given):
            known = ", ".join(sorted(set(usual) - OWN))
            message = _("The file has columns the table cannot take: %(names)s. There are: %(known)s.")
            raise Invalid(message % {"names": ", ".join(wrong or header), "known": known}, code="load.columns")
        self.size, self.given = len(given), given
        self.empty = [usual[column] for column in given]
        now = plain(clock.now())
        mine = {"created_at": now, "updated_at": now, "created_by_id": actor.user_id, "updated_by_id": actor.user_id}
        if entity.access.owner:
            mine[columns[entity.access.owner]] = owner
        fixed = {**usual, **{name: plain(value) for name, value in mine.items()}}
        rest = [name for name in self.lines.names if name not in {"id", "sort_key", *given}]
        self.title = given.index(columns[entity.title]) if entity.title in columns else None
        self.sorts = "sort_key" in usual and self.title is not None and columns[entity.title] in given
        self.kind = given.index("kind") if "kind" in given else None
        self.columns = ("id", *given, *(("sort_key",) if self.sorts else ()), *rest)
        self.tail = "\t".join(fixed[name] for name in rest)

    def line(self, number: int, row: Sequence[str]) -> str:
        """The line of one row."""
        cells = [escaped(cell) if cell else usual for cell, usual in zip(row, self.empty, strict=True)]
        if self.sorts and self.title is not None:
            kind = {"kind": row[self.kind]} if self.kind is not None else {}
            cells.append(escaped(sort_key(row[self.title], person=matching.is_person(self.entity, kind))))
        return "\t".join((str(number), *cells, self.tail))


def load(
    actor: Actor,
    *,
    entity: Entity | str,
    file: Path,
    owner: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Operation:
    """Put all rows of a UTF-8 CSV file into the table of an entity, or none. The operation is ``running`` until :func:`catch_up`.

    The first line names columns (``name``, ``owner_id``, …); an empty cell takes the column's default; lists are JSON as
    stored. For entities that tell nobody else of a new record; raises Invalid for others, and for the first row the
    database refuses.
    """
    declared = entity_of(entity)
    if not actor.is_system or not draftable(declared):
        message = _("Only the operator can load a file unchecked, and only records that stand for themselves.")
        raise Invalid(message, code="load.not_possible")
    with file.open(encoding="utf-8-sig", newline="") as stream, transaction.atomic():
        rows = csv.reader(stream)
        shape = _Shape(actor, declared, next(rows, []), owner)
        operation = operation_begin(actor, SORT, declared.key, state="running", parameters={"file": file.name[:255]})
        _without_audit(declared)
        ids: list[int] = []
        try:
            with behind():
                for chunk in _chunks(rows):
                    ids += _sent(shape, chunk, done=len(ids))
                    if progress:
                        progress(len(ids))
        except (DataError, IntegrityError) as error:
            raise Invalid(_reason(error), code="load.row") from error
        if not ids:
            raise Invalid(_("The file has no rows."), code="file.empty")
        operation.total = len(ids)
        operation.parameters = {**operation.parameters, "first": ids[0], "last": ids[-1], "next": ids[0]}
        operation.save()
    return operation


def _chunks(rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    while chunk := list(islice(rows, CHUNK)):
        yield [row for row in chunk if row]


def _sent(shape: _Shape, rows: Sequence[Sequence[str]], *, done: int) -> list[int]:
    for number, row in enumerate(rows, done + 1):
        if len(row) != shape.size:
            message = _("Row %(number)d has %(cells)d cells instead of %(wanted)d.")
            raise Invalid(message % {"number": number, "cells": len(row), "wanted": shape.size}, code="load.row")
    ids = shape.lines.ids(len(rows))
    copy_lines(shape.entity.table, shape.columns, [shape.line(one, row) for one, row in zip(ids, rows, strict=True)])
    for start in range(0, len(ids), NOTE):
        index.later(shape.entity, ids[start : start + NOTE])
    return ids


def _without_audit(entity: Entity) -> None:
    """In this transaction the table's new rows are not noted one by one: :func:`catch_up` does it."""
    model = entity.model
    names = [one.get_pgid(model) for one in getattr(model._meta, "triggers", ()) if one.name == "audit_insert"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", ["{" + ",".join(names) + "}"])


def _reason(error: DatabaseError) -> str:
    """What the database says of the row it refused, in its words."""
    told = getattr(error.__cause__, "diag", None)
    parts = (
        [told.message_primary, told.message_detail, told.context] if isinstance(told, psycopg.errors.Diagnostic) else []
    )
    return " · ".join(part for part in parts if part)[:500] or str(error)[:500]


def catch_up(progress: Callable[[int], None] | None = None) -> int:
    """Note loaded rows in the audit and make their match keys, batch by batch; returns how many.

    Any number of processes may call it, and again after a crash: a batch and how far it came are one commit.
    """
    done = 0
    while (made := _some()) is not None:
        done += made
        if progress:
            progress(done)
    return done


def _some() -> int | None:
    """One batch of a load that waits; ``None`` when there is none."""
    with transaction.atomic():
        waiting = Operation.objects.select_for_update(skip_locked=True, of=("self",))
        operation = waiting.filter(sort=SORT, state="running", parameters__has_key="next").order_by("pk").first()
        if operation is None:
            return None
        entity, at = entity_of(operation.entity), operation.parameters["next"]
        last = min(at + BATCH - 1, operation.parameters["last"])
        ids = _noted(entity, operation, at, last)
        _keyed(entity, ids)
        operation.progress += len(ids)
        operation.parameters = {**operation.parameters, "next": last + 1}
        operation.result = {"done": operation.progress, "created": operation.progress}
        if last == operation.parameters["last"]:
            operation.state, operation.finished_at = "done", clock.now()
        operation.save()
    return len(ids)


def _noted(entity: Entity, operation: Operation, first: int, last: int) -> list[int]:
    """Write the audit of the loaded rows between two ids: those of which it knows nothing."""
    table = entity.table
    statement = _NOTE.replace("{changes}", changes_sql(entity.model)).replace("{table}", f'"{table}"')
    with connection.cursor() as cursor:
        cursor.execute(statement, [table, operation.actor_id, operation.actor_name, operation.pk, first, last, table])
        return [number for (number,) in cursor.fetchall()]


def _keyed(entity: Entity, ids: Sequence[int]) -> None:
    """Make the match keys of records anew."""
    if not ids or not entity.match_keys:
        return
    records = entity.model._default_manager.filter(pk__in=ids)
    rows = matching.key_rows_for(entity, ((one.pk, one) for one in records))
    lines = [f"{key}\t{kind}\t{escaped(value)}\t{number}" for key, kind, value, number in rows]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_match_key WHERE entity = %s AND record_id = ANY(%s)", [entity.key, list(ids)])
    copy_lines("core_match_key", ("entity", "kind", "value", "record_id"), lines)
