"""``COPY`` into tables: many rows at once, in PostgreSQL's text format."""

from __future__ import annotations

import datetime as dt
import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from functools import cache, lru_cache
from itertools import compress
from typing import Any

import orjson
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models.base import ModelState


class Blank:
    """Makes records of a model with all defaults, much quicker than its constructor. No signal is sent."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        held = model().__dict__
        self.held = {name: value for name, value in held.items() if name != "_state"}
        self.loose = tuple(name for name, value in self.held.items() if isinstance(value, list | dict))

    def copy(self) -> Any:
        """A new, unsaved record; its lists and dicts are its own."""
        record = self.model.__new__(self.model)
        held = self.held.copy()
        for name in self.loose:
            held[name] = held[name].copy()
        held["_state"] = ModelState()
        record.__dict__ = held
        return record


class Lines:
    """Makes the lines of new records of one model."""

    def __init__(self, model: type[models.Model]) -> None:
        self.table = model._meta.db_table
        self.names, writers = _columns(model)
        held = Blank(model).held
        self._columns = [name for name, _writer in writers]
        self._values = operator.itemgetter(*self._columns)
        self._held = self._values(held)
        self._writers = [writer for _name, writer in writers]
        self._places = range(len(writers))
        self.usual = [writer(held[name]) for name, writer in writers]

    def place(self, name: str) -> int:
        """Where the cell of a column of the model stands."""
        return self._columns.index(name)

    def ids(self, count: int) -> list[int]:
        """So many new ids, in order."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT string_agg(nextval(kept)::text, ',') FROM (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS kept"
                " OFFSET 0) one, generate_series(1, %s)",
                [self.table, count],
            )
            return [int(number) for number in cursor.fetchone()[0].split(",")]

    def cells(self, record: Any) -> list[str]:
        """The cells of one record, in the order of ``names``."""
        values, cells = self._values(record.__dict__), self.usual.copy()
        for at in compress(self._places, map(operator.is_not, values, self._held)):
            value = values[at]
            if value != self._held[at]:
                cells[at] = self._writers[at](value)
        return cells


def copy_records(records: Sequence[Any]) -> None:
    """Insert new records of one model with ``COPY``, giving them their ids."""
    made = Lines(type(records[0]))
    for record, number in zip(records, made.ids(len(records)), strict=True):
        record.pk = number
        record._state.adding = False
        record._state.db = connection.alias
    copy_lines(made.table, made.names, ["\t".join(made.cells(record)) for record in records])


def copy_lines(table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
    """``COPY table (columns)`` of lines in PostgreSQL's text format."""
    if not lines:
        return
    quoted = ", ".join(f'"{name}"' for name in columns)
    statement = f'COPY "{table}" ({quoted}) FROM STDIN'
    data = ("\n".join(lines) + "\n").encode("utf-8")
    line = _line.get()
    if line is not None:
        line.add(statement, data)
        return
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        copy.write(data)


def say(statement: str) -> None:
    """Execute a statement that has no answer, in its turn among the copies that wait to be sent."""
    line = _line.get()
    if line is not None:
        line.add(statement, None)
        return
    with connection.cursor() as cursor:
        cursor.execute(statement)


class _Line:
    """Copies waiting to be sent, in order, by a thread of their own over the connection of the one that queued them."""

    def __init__(self) -> None:
        connection.ensure_connection()
        self._raw: Any = connection.connection
        self._pool = ThreadPoolExecutor(1, "copy")
        self._sent: deque[Future[None]] = deque()
        self._broken = False

    def add(self, statement: str, data: bytes | None) -> None:
        """Send it when those before it are through."""
        self._sent.append(self._pool.submit(self._send, statement, data))

    def _send(self, statement: str, data: bytes | None) -> None:
        if self._broken:
            return
        try:
            with self._raw.cursor() as cursor:
                if data is None:
                    cursor.execute(statement)
                    return
                with cursor.copy(statement) as copy:
                    copy.write(data)
        except BaseException:
            self._broken = True
            raise

    def settle(self) -> None:
        """Wait until all is written. Raises what the database refused, as Django's errors."""
        while self._sent:
            with connection.wrap_database_errors:
                self._sent.popleft().result()

    def first(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        """Before any other statement: all that was queued (an execute wrapper)."""
        self.settle()
        return execute(*arguments)

    def close(self) -> None:
        """Drop what has not begun and wait for the rest."""
        self._broken = True
        self._pool.shutdown(wait=True, cancel_futures=True)


_line: ContextVar[_Line | None] = ContextVar("guanxi_copies", default=None)


@contextmanager
def behind() -> Iterator[None]:
    """Copies inside are sent by a thread while this one goes on; any other statement waits for them.

    For use within a transaction: at the end all are written, or the first that failed raises. One thread at a time
    uses the connection, so the order of statements is the order of the code.
    """
    line = _Line()
    token = _line.set(line)
    try:
        with connection.execute_wrapper(line.first):
            yield
            line.settle()
    finally:
        _line.reset(token)
        line.close()


def copy_rows(
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    writers: Mapping[int, Callable[[Any], str]] | None = None,
) -> None:
    """The same for rows of plain values (text, numbers, moments, ``None``); ``writers`` for places that hold others."""
    if writers:
        use = [writers.get(place, plain) for place in range(len(columns))]
        lines = ["\t".join([write(value) for write, value in zip(use, row, strict=True)]) for row in rows]
    else:
        lines = ["\t".join([plain(value) for value in row]) for row in rows]
    copy_lines(table, columns, lines)


def escaped(text: str) -> str:
    """A text in PostgreSQL's text format; ``str.translate`` would take ten times as long for Chinese."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if not text.isprintable():
        text = text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "")
    return text


def plain(value: Any) -> str:
    """A value in PostgreSQL's text format."""
    if type(value) is str:
        return value if value.isprintable() and "\\" not in value else escaped(value)
    if value is None:
        return "\\N"
    if type(value) is int:
        return str(value)
    if value is True or value is False:
        return "t" if value else "f"
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dt.datetime):
        return _moment(value, value.fold)  # the two of a doubled hour are equal
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


@lru_cache(maxsize=64)
def _moment(value: dt.datetime, _fold: int) -> str:
    return value.isoformat()


def json_text(value: Any) -> str:
    """A JSON value in the text format."""
    if value is None:
        return "\\N"
    if value == []:
        return "[]"
    if value == {}:
        return "{}"
    return orjson.dumps(value, default=str).decode().replace("\\", "\\\\")


def array_text(value: Any) -> str:
    """A list of numbers or texts in the text format."""
    if value is None:
        return "\\N"
    if not value:
        return "{}"
    return escaped(array_literal(value))


def array_literal(value: Iterable[Any]) -> str:
    """A list of numbers or texts as PostgreSQL writes it: one parameter, much quicker made than a list's."""
    value = list(value)
    if value and isinstance(value[0], str):
        plainly = '","'.join(value)
        if "\\" not in plainly and plainly.count('"') == 2 * len(value) - 2:
            return f'{{"{plainly}"}}'
    quoted = [
        str(one) if isinstance(one, int) else '"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in value
    ]
    return "{" + ",".join(quoted) + "}"


@cache
def _columns(model: type[models.Model]) -> tuple[tuple[str, ...], tuple[tuple[str, Callable[[Any], str]], ...]]:
    writers: list[tuple[str, Callable[[Any], str]]] = []
    names: list[str] = []
    for column in model._meta.concrete_fields:
        if column.generated:
            continue
        writer = (
            json_text
            if isinstance(column, models.JSONField)
            else array_text
            if isinstance(column, ArrayField)
            else plain
        )
        writers.append((column.attname, writer))
        names.append(str(column.column))
    return tuple(names), tuple(writers)
