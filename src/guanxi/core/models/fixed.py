"""Queries that pages ask in the same shape: put into SQL once per process, prepared once per connection, then only run."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, Self

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import signals
from django.db.models.base import ModelState
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query import ModelIterable, get_related_populators
from django.db.models.query_utils import DeferredAttribute

#: Stands as a table in a statement of its own transaction whose loss in a crash nobody would notice: it is not waited for
#: until it is on the disk.
LIGHTLY = "(SELECT set_config('synchronous_commit', 'off', true)) lightly"


class PreparedCursor(psycopg.Cursor[Any]):
    """A cursor whose statements the database parses and plans once per connection.

    Needs a connection with a ``prepare_threshold`` (see the settings); without one statements are sent as they are.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Run a statement, preparing it when it is new."""
        try:
            return super().execute(query, params, **{"prepare": True, **options})
        finally:
            self._query = _Told(self.connection, query, params)  # type: ignore[assignment]


@dataclass(slots=True)
class _Told:
    """What Django's list of queries reads after a statement: its text with the values in it, made when somebody reads it."""

    connection: Any
    statement: str
    params: Any

    @property
    def query(self) -> bytes:
        """The text."""
        return psycopg.ClientCursor(self.connection).mogrify(self.statement, self.params).encode()


def ask(sql: str, params: Any = None, *, using: str = "default", prepared: bool = True) -> list[tuple[Any, ...]]:
    """The rows of a statement that is worth preparing: one text, asked for again and again."""
    connection = connections[using]
    if connection.queries_logged:
        with connection.cursor() as logged:
            if prepared:
                logged.cursor = PreparedCursor(connection.connection)
            logged.execute(sql, params)
            return list(logged.fetchall()) if logged.description else []
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    cursor = PreparedCursor(connection.connection) if prepared else connection.create_cursor()

    def executed(sql: str, params: Any, *_how: Any) -> None:
        connection.validate_no_broken_transaction()
        with connection.wrap_database_errors:
            cursor.execute(sql, params)

    run: Callable[..., Any] = executed
    for wrapper in reversed(connection.execute_wrappers):
        run = partial(wrapper, run)
    run(sql, params, False, {"connection": connection, "cursor": cursor})
    told = cursor.pgresult
    return cursor.fetchall() if told is not None and told.nfields else []


@dataclass(frozen=True, slots=True)
class _Ready:
    """A query in SQL: where each value goes, and how a row becomes what the caller wants."""

    sql: str
    places: tuple[int | None, ...]
    params: tuple[Any, ...]
    converters: tuple[tuple[int, Sequence[Callable[..., Any]], Any], ...]
    row: Callable[[Any], Any]

    def given(self, values: Sequence[Any]) -> list[Any]:
        """The parameters with the values in the places of the stand-ins."""
        return [self.params[at] if place is None else values[place] for at, place in enumerate(self.places)]

    def converted(self, rows: Sequence[tuple[Any, ...]], connection: Any) -> Sequence[Sequence[Any]]:
        """Rows as Django's fields make them of what the database sent."""
        if not self.converters:
            return rows
        found = [list(row) for row in rows]
        for row in found:
            for place, steps, expression in self.converters:
                for step in steps:
                    row[place] = step(row[place], expression, connection)
        return found


class Fixed:
    """A query of one shape: ``make`` builds it from stand-ins, ``rows`` runs it with the real values.

    ``make`` gets as many stand-ins as ``of`` names types for and must use each unchanged at least once; nothing else in
    the query may depend on who asks. Rows are instances (``select_related`` and annotations included) or tuples of
    ``values_list``. Not ``prepared``, the database plans it anew for its values each time: where these decide which plan
    is good.
    """

    def __init__(
        self,
        make: Callable[..., models.QuerySet[Any]],
        stand_ins: Sequence[Any],
        using: str = "default",
        *,
        prepared: bool = True,
    ) -> None:
        self._make, self._stand_ins, self._using, self._prepare = make, tuple(stand_ins), using, prepared
        self._ready: _Ready | None = None

    def _prepared(self) -> _Ready:
        if self._ready is None:
            rows = self._make(*self._stand_ins)
            compiler = rows.query.get_compiler(self._using)
            sql, params = compiler.as_sql()
            places = tuple(
                next((at for at, one in enumerate(self._stand_ins) if _stands(one, given)), None) for given in params
            )
            missing = set(range(len(self._stand_ins))) - set(places)
            if missing:
                raise ValueError(f"stand-ins {sorted(missing)} do not stand in {sql}")
            converters = compiler.get_converters([one[0] for one in compiler.select])
            steps = tuple((place, *how) for place, how in converters.items())
            row = _instances(compiler, self._using) if issubclass(rows._iterable_class, ModelIterable) else tuple
            self._ready = _Ready(sql, places, tuple(params), steps, row)
        return self._ready

    def rows(self, *values: Any) -> list[Any]:
        """The rows for these values, in the order of the stand-ins."""
        ready = self._prepared()
        found: Any = ask(ready.sql, ready.given(values), using=self._using, prepared=self._prepare)
        return [ready.row(row) for row in ready.converted(found, connections[self._using])]

    def count(self, *values: Any) -> int:
        """How many rows there are for these values."""
        ready = self._prepared()
        sql = f"SELECT count(*) FROM ({ready.sql}) counted"  # noqa: S608 - the SQL of a query set
        return int(ask(sql, ready.given(values), using=self._using, prepared=self._prepare)[0][0])


class Shaped:
    """Fixed queries by their shape: ``make(*shape, *stand_ins)`` builds the one of a shape when it is first asked for.

    ``key`` stands for the whole shape: everything the query depends on but the values. Without a key nothing is kept.
    Beyond ``size`` the oldest are forgotten. What ``held`` takes from the shape is kept with the query: the whole shape,
    unless the key holds the ids of less.
    """

    def __init__(
        self,
        make: Callable[..., models.QuerySet[Any]],
        stand_ins: Sequence[Any],
        size: int = 1000,
        *,
        prepared: bool = True,
        held: Callable[[Sequence[Any]], Any] = tuple,
    ) -> None:
        self._make, self._stand_ins, self._size, self._prepare = make, tuple(stand_ins), size, prepared
        self._held = held
        self._known: dict[Hashable, tuple[Any, Fixed | None]] = {}
        self._lock = Lock()

    def rows(self, key: Hashable | None, shape: Sequence[Any], *values: Any) -> list[Any]:
        """The rows for a shape and these values."""
        if key is None:
            return list(self._make(*shape, *values))
        known = self._of(key, shape)
        return known.rows(*values) if known is not None else []

    def count(self, key: Hashable | None, shape: Sequence[Any], *values: Any) -> int:
        """How many rows there are for a shape and these values."""
        if key is None:
            return int(self._make(*shape, *values).count())
        known = self._of(key, shape)
        return known.count(*values) if known is not None else 0

    def _of(self, key: Hashable, shape: Sequence[Any]) -> Fixed | None:
        known = self._known.get(key)
        if known is None:
            known = (self._held(shape), self._fixed(shape))  # parts of the key may be ids of what is in the shape
            with self._lock:
                self._known[key] = known
                while len(self._known) > self._size:
                    del self._known[next(iter(self._known))]
        return known[1]

    def _fixed(self, shape: Sequence[Any]) -> Fixed | None:
        """The query of a shape, in SQL; ``None`` where it can have no rows."""
        made = Fixed(lambda *given: self._make(*shape, *given), self._stand_ins, prepared=self._prepare)
        try:
            made._prepared()
        except EmptyResultSet:
            return None
        made._make = _made  # what it was made of is let go
        return made


def _made(*_given: Any) -> models.QuerySet[Any]:
    raise AssertionError("the query is made already")


def _instances(compiler: Any, using: str) -> Callable[[Any], Any]:
    """How a row of a compiled query becomes an instance, with what it selects beside and what was annotated."""
    info = compiler.klass_info
    places = info["select_fields"]
    first, end = places[0], places[-1] + 1
    names = [compiler.select[at][0].target.attname for at in places]
    populators = get_related_populators(info, compiler.select, using)  # type: ignore[call-arg]
    noted = tuple(compiler.annotation_col_map.items())
    model, plain = info["model"], _is_plain(info["model"])

    def make(row: Any) -> Any:
        if plain:
            made = model.__new__(model)
            state = ModelState()
            state.adding, state.db = False, using
            made.__dict__.update(zip(names, row[first:end], strict=True), _state=state)
        else:
            made = model.from_db(using, names, row[first:end])
        for populator in populators:
            populator.populate(row, made)
        for name, at in noted:
            setattr(made, name, row[at])
        return made

    return make


def _is_plain(model: type[models.Model]) -> bool:
    """Whether making an instance is no more than entering its values: Django asks each field and two signals each time."""
    quiet = not any(signal.has_listeners(model) for signal in (signals.pre_init, signals.post_init))
    made_so = model.__init__ is models.Model.__init__ and model.from_db.__func__ is models.Model.from_db.__func__  # type: ignore[attr-defined]
    held_so = all(
        field.descriptor_class in (DeferredAttribute, ForeignKeyDeferredAttribute)
        for field in model._meta.concrete_fields
    )
    return quiet and made_so and held_so


def _stands(stand_in: Any, given: Any) -> bool:
    """Whether a parameter is the stand-in; within an array the driver makes a whole number one of its own kind."""
    return type(given) is not bool and isinstance(given, type(stand_in)) and bool(given == stand_in)
