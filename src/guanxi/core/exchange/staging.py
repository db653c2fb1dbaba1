"""Putting a file's rows into the staging table, and reading them back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
from django.db import connection, transaction

from guanxi.core.exchange import subtables
from guanxi.core.exchange.mapping import FieldMap
from guanxi.core.exchange.reading.table import Row, Table
from guanxi.core.exchange.reasons import of_problem
from guanxi.core.exchange.rows import Staged
from guanxi.core.models.exchange import ImportOutcome, ImportRow, ImportRun
from guanxi.core.records import shape
from guanxi.core.records.copying import array_text, behind, copy_lines, plain
from guanxi.core.schema.registry import is_registered

CHUNK = 2000
#: Rows of a file that are brought in at most.
MOST = 2_000_000


def stage(run: ImportRun, table: Table, progress: Callable[[int], None] | None = None) -> list[list[str]]:
    """Copy all rows of a table into the staging table, replacing earlier ones; returns sample rows from all over it.

    One transaction: a broken upload leaves nothing behind. Updates the run's columns, facts, problems and total.
    """
    sample: list[list[str]] = []
    position = 0
    with transaction.atomic(), behind():
        ImportRow.objects.filter(run=run).delete()
        ImportOutcome.objects.filter(run=run).delete()
        lines: list[str] = []
        for row in table.rows():
            position += 1
            if position > MOST:
                break
            lines.append(_line(run.pk, position, row))
            if (position <= 200 or position % 97 == 0) and len(sample) < 1500 and not row.fatal:
                sample.append(row.values)
            if len(lines) >= CHUNK:
                copy_lines("core_importrow", _COLUMNS, lines)
                lines = []
                if progress:
                    progress(position)
        copy_lines("core_importrow", _COLUMNS, lines)
        run.columns = [column.name for column in table.columns]
        run.facts = table.facts.as_json()
        run.problems = [of_problem(problem) for problem in table.problems]
        run.total = position
        run.position = run.created = run.updated = run.skipped = run.failed = 0
        run.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT guanxi_door_analyze_import()")
    return sample


_COLUMNS = ("run_id", "position", "number", "cells", "problems")


def _line(run_id: int, position: int, row: Row) -> str:
    problems = [{**of_problem(problem), **({"fatal": True} if problem.fatal else {})} for problem in row.problems]
    told = plain(orjson.dumps(problems).decode()) if problems else "\\N"
    return f"{run_id}\t{position}\t{row.number}\t{_array(row.values)}\t{told}"


def _array(cells: Sequence[str]) -> str:
    """Cells as ``COPY`` takes an array; at once where nothing in them needs care."""
    plainly = '","'.join(cells)
    if cells and plainly.isprintable() and "\\" not in plainly and plainly.count('"') == 2 * len(cells) - 2:
        return f'{{"{plainly}"}}'
    return array_text([cell.encode("utf-8", "replace").decode() if not cell.isascii() else cell for cell in cells])


def staged(run: ImportRun, after: int, limit: int) -> list[Staged]:
    """The next rows behind a position, in order; those that go on with the table of the record above have its cells."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT position, number, cells, problems FROM core_importrow WHERE run_id = %s AND position > %s"
            " ORDER BY position LIMIT %s",
            [run.pk, after, limit],
        )
        found = [
            Staged(position, number, cells, orjson.loads(problems) if isinstance(problems, str) else problems)
            for position, number, cells, problems in cursor.fetchall()
        ]
    own, parts = _columns_of_tables(run)
    if parts and found:
        above = _last_named(run, after, own)
        for row in found:
            row.cells = above = subtables.continued(row.cells, above, own, parts)
    return found


def _columns_of_tables(run: ImportRun) -> tuple[list[int], list[int]]:
    """Columns that fill the record itself, and those that fill rows of its tables."""
    if not run.entity or not is_registered(run.entity):
        return [], []
    mapping = FieldMap.from_json(run.mapping)
    tables = subtables.tables_of(shape.fields_of(run.entity), mapping)
    parts = [index for index, one in mapping.targets.items() if one.field in tables]
    return [index for index in mapping.targets if index not in parts], parts


def _last_named(run: ImportRun, before: int, own: Sequence[int]) -> Sequence[str]:
    """The cells of the last row up to a position that names its record."""
    while before > 0:
        rows = ImportRow.objects.filter(run=run, position__lte=before).order_by("-position")[:CHUNK]
        for row in rows:
            if any(index < len(row.cells) and row.cells[index].strip() for index in own):
                return list(row.cells)
            before = row.position - 1
        if not rows:
            break
    return []


def every_row(run: ImportRun, chunk: int = CHUNK) -> Iterator[Staged]:
    """All staged rows, a chunk at a time."""
    after = 0
    while rows := staged(run, after, chunk):
        yield from rows
        after = rows[-1].position


def said_in(run: ImportRun, index: int, limit: int = 2000) -> list[str]:
    """The different texts a column of the staged rows holds, at most so many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT btrim(cells[%s]) FROM core_importrow WHERE run_id = %s AND btrim(cells[%s]) <> ''"
            " ORDER BY 1 LIMIT %s",
            [index + 1, run.pk, index + 1, limit],
        )
        return [text for (text,) in cursor.fetchall()]


def sample_rows(run: ImportRun, limit: int = 200) -> list[Sequence[str]]:
    """Cells of the first staged rows, for guessing and preview."""
    return [row.cells for row in staged(run, 0, limit)]


def fingerprint(columns: Sequence[str]) -> str:
    """What files with the same columns have in common."""
    return hashlib.sha256("\x1f".join(columns).encode("utf-8", "replace")).hexdigest()


def digest(content: Any) -> str:
    """SHA-256 of a file's bytes, by path or bytes."""
    sha = hashlib.sha256()
    if isinstance(content, bytes):
        sha.update(content)
        return sha.hexdigest()
    with open(content, "rb") as stream:  # noqa: PTH123 - path or text
        while chunk := stream.read(1 << 20):
            sha.update(chunk)
    return sha.hexdigest()
