"""Records as they were at a moment, rebuilt for this connection alone: today's, but for those that changed since.

Within ``state`` the table of a dataset is hidden behind a view of the same name. What changed since the moment is found by
an index of the audit (or of a table of states) and carries the values it had; everything else is today's row. The tally of
the dataset, if it has one, is hidden likewise: today's sums, less what changed since, plus what that was. So filters, groups
and sums need not know, and cost what they cost today plus the changes since.

Columns are rebuilt when a statement first names them: a report on stages does not look at who edited a description.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import EmptyResultSet
from django.db import connection, models, transaction
from django.db.models import QuerySet

from guanxi.core.access import visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import tallies
from guanxi.core.schema.entity import Entity

#: Never changed after a row was made, though the audit does not speak of them.
STEADY = frozenset({"id", "created_at", "created_by_id"})
_CHANGED, _GONE = "guanxi_changed_since", "guanxi_gone_since"


@dataclass(frozen=True, slots=True)
class States:
    """A table that keeps what records were from a moment on, better than the audit: its columns by the record's own.

    It has columns ``at`` (with an index) and ``alive``, and one that holds the record's id. ``derived`` says of further columns
    of the record how they follow from a state ``s``. ``unknown`` are columns of whose past it tells nothing.
    """

    table: str
    record: str
    columns: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    derived: tuple[tuple[str, str], ...] = ()

    def told(self) -> dict[str, str]:
        """What each column was, in SQL over a state ``s``."""
        return {name: f's."{name}"' for name in self.columns} | dict(self.derived)


_states: dict[str, States] = {}


def add_states(entity: str, states: States) -> None:
    """Enter a table of states for an entity (its key)."""
    _states[entity] = states


def states_of(entity: Entity) -> States | None:
    """The table of states of an entity, if it has one."""
    return _states.get(entity.key)


# -- SQL ---------------------------------------------------------------------------------------------------------------

#: What the audit says records held, of the columns asked for; the earliest entry since the moment tells.
_LATER = """later AS (
    SELECT a.record_id AS id, bool_or(a.action = 'create') AS came,
           jsonb_object_agg(k.key, a.changes -> k.key -> 0 ORDER BY a.at DESC, a.id DESC) FILTER (WHERE k.key IS NOT NULL) AS held
    FROM core_auditentry a
    LEFT JOIN LATERAL unnest(%(asked)s::text[]) k (key) ON a.action <> 'create' AND a.changes ? k.key
    WHERE a.entity = %(table)s AND a.at >= %(moment)s AND ({came} OR a.action <> 'create' AND a.changes ?| %(asked)s::text[]) {seen}
    GROUP BY a.record_id
)"""
_NOT_LATER = "later AS (SELECT NULL::bigint AS id, false AS came, NULL::jsonb AS held WHERE false)"
_MOVED = """moved AS (SELECT DISTINCT s."{record}" AS id FROM "{states}" s WHERE s.at >= %(moment)s {seen})"""
_NOT_MOVED = "moved AS (SELECT NULL::bigint AS id WHERE false)"
_STATE = """LEFT JOIN LATERAL (
    SELECT s.* FROM "{states}" s WHERE s."{record}" = t.id AND s.at < %(moment)s AND m.id IS NOT NULL AND t.created_at < %(moment)s
    ORDER BY s.at DESC, s.id DESC LIMIT 1
) s ON true"""
#: ``lived`` is false where the record has no state yet; ``alive`` is of today.
_CHANGES = """CREATE TEMP TABLE {changed} ON COMMIT DROP AS WITH {later}, {moved}
SELECT t.id, {lived} AS lived, coalesce(l.came, false) AS came, t.created_at, t.deleted_at IS NULL AS alive, {columns}
FROM (SELECT id FROM later UNION SELECT id FROM moved) x JOIN {table} t ON t.id = x.id
LEFT JOIN later l ON l.id = t.id LEFT JOIN moved m ON m.id = t.id {held} {state}
WHERE {seen} {known}"""
#: The same for who sees all, where sums of columns the states tell are asked for: they know what is now, too.
_BY_STATES = """CREATE TEMP TABLE {changed} ON COMMIT DROP AS
SELECT n.of AS id, s.id IS NOT NULL AS lived, false AS came, CASE WHEN s.id IS NULL THEN 'infinity' ELSE '-infinity' END::timestamptz AS created_at,
       n.alive, {columns}
FROM (
    SELECT DISTINCT ON (s."{record}") s.*, s."{record}" AS of FROM "{states}" s WHERE s.at >= %(moment)s
    ORDER BY s."{record}", s.at DESC, s.id DESC
) n LEFT JOIN LATERAL (
    SELECT s.* FROM "{states}" s WHERE s."{record}" = n.of AND s.at < %(moment)s ORDER BY s.at DESC, s.id DESC LIMIT 1
) s ON true"""
#: Rows destroyed since, for those who see all there is.
_DESTROYED = """CREATE TEMP TABLE {gone} ON COMMIT DROP AS
SELECT p.* FROM (
    SELECT a.record_id AS id, jsonb_object_agg(k.key, k.value -> 0 ORDER BY a.at DESC, a.id DESC) AS held
    FROM core_auditentry a CROSS JOIN LATERAL jsonb_each(a.changes) k
    WHERE a.entity = %(table)s AND a.at >= %(moment)s AND a.action <> 'create' AND a.record_id IN (
        SELECT d.record_id FROM core_auditentry d
        WHERE d.entity = %(table)s AND d.at >= %(moment)s AND d.action = 'destroy' AND {wanted}
    ) GROUP BY a.record_id
) l
JOIN LATERAL (
    SELECT min(c.at) AS at FROM core_auditentry c
    WHERE c.entity = %(table)s AND c.record_id = l.id AND c.action = 'create'
) made ON coalesce(made.at < %(moment)s, true)
CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, %(blank)s::jsonb || l.held
    || jsonb_build_object('id', l.id, 'created_at', coalesce(made.at, %(moment)s - interval '1 second'))) p
WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.id = l.id)"""
_VIEW = """CREATE TEMP VIEW {table} ({names}) AS
{now} AND NOT EXISTS (SELECT FROM {changed} c WHERE c.id = {table}.id)
UNION ALL SELECT {then} FROM {changed} c JOIN {table} t ON t.id = c.id WHERE c.lived AND c.created_at < %(moment)s
UNION ALL SELECT {names} FROM {gone}"""
#: Today's sums, less what changed since, plus what that was.
_SUMS = """CREATE TEMP VIEW {tally} ({names}) AS
{now}
UNION ALL SELECT {minus} FROM {changed} c WHERE c.alive
UNION ALL SELECT {plus} FROM {changed} c WHERE c.lived AND c.deleted_at IS NULL AND c.created_at < %(moment)s
UNION ALL SELECT {back} FROM {gone} c WHERE c.deleted_at IS NULL"""
#: How a column of today is called among the changes, beside what it was.
_NOW = "now {}"


def _blank(model: Any) -> dict[str, Any]:
    """What columns hold in a row of which nothing is known."""
    found: dict[str, Any] = {}
    for one in model._meta.concrete_fields:
        if isinstance(one, models.CharField | models.TextField):
            found[str(one.column)] = ""
        elif isinstance(one, ArrayField):
            found[str(one.column)] = []
        elif isinstance(one, models.JSONField):
            found[str(one.column)] = one.get_default() if one.has_default() else {}
    return found


def _told(states: States | None) -> dict[str, str]:
    """What each column was by a state ``s``, the trash among them."""
    return states.told() | {"deleted_at": "CASE WHEN NOT s.alive THEN %(moment)s END"} if states else {}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{one}"' for one in names)


# -- a state -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class State:
    """What an actor may see of an entity as it was before ``moment``; of the records ``only``, where they are named.

    Stands around the statements of the connection: what one of them names is made before it runs. ``gone`` are rows that
    were destroyed since.
    """

    actor: Actor
    entity: Entity
    moment: dt.datetime
    only: Sequence[int] | None = None
    gone: bool = True
    built: frozenset[str] | None = field(default=None, init=False)
    summed: bool = field(default=False, init=False)
    busy: bool = field(default=False, init=False)

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Run a statement, with what it names rebuilt."""
        if not self.busy:
            text = str(sql)
            columns, summed = self._named(text), bool(self.entity.tally) and self._tally in text
            if columns is not None and (self.built is None or not columns <= self.built or summed > self.summed):
                self.busy = True
                try:
                    self._make(columns | (self.built or frozenset()), summed=summed or self.summed)
                finally:
                    self.busy = False
        return execute(sql, params, many, context)

    @property
    def entered(self) -> int:
        """How many records came later with an earlier day of creation; where there is a table of states, none."""
        if self.built is None or states_of(self.entity):
            return 0
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {_CHANGED} WHERE came AND created_at < %s", [self.moment])  # noqa: S608 - our own name
            return int(cursor.fetchone()[0])

    def remove(self) -> None:
        """Let the tables be today's again."""
        if self.built is not None and not connection.needs_rollback:  # else they go with what is rolled back
            views = [f"pg_temp.{one}" for one in (self._table, *([self._tally] if self.summed else []))]
            self.busy = True
            with connection.cursor() as cursor:
                cursor.execute(f"DROP VIEW {', '.join(views)}; DROP TABLE pg_temp.{_CHANGED}, pg_temp.{_GONE}")
            self.busy, self.built, self.summed = False, None, False

    # -- what is asked for

    @property
    def _table(self) -> str:
        return f'"{self.entity.table}"'

    @property
    def _tally(self) -> str:
        return f'"{self.entity.tally._meta.db_table}"' if self.entity.tally else ""

    def _fields(self) -> dict[str, Any]:
        return {str(one.column): one for one in self.entity.model._meta.concrete_fields}

    def _named(self, sql: str) -> frozenset[str] | None:
        """The columns a statement names; all where the table goes by another name, ``None`` if it is not about it."""
        tables = [one for one in (self._table, self._tally) if one and one in sql]
        if not tables:
            return None
        every = self._fields().keys()
        if re.search(rf'{self._table} (?:AS )?"?[A-Z]+\d', sql):
            return frozenset(every) - STEADY
        found = {name for one in tables for name in re.findall(rf'{one}\."(\w+)"', sql)}
        if tables == [self._tally]:
            found.discard(tallies.NUMBER)
        return frozenset(found & every) - STEADY | {"deleted_at"}

    # -- making it

    def _make(self, columns: frozenset[str], *, summed: bool) -> None:
        self.remove()
        self.busy = True
        states = states_of(self.entity)
        asked = sorted(columns - (states.told().keys() | {"deleted_at"} if states else set()))
        values: dict[str, Any] = {
            "table": self.entity.table, "moment": self.moment, "asked": asked, "only": list(self.only or ()),
            "blank": orjson.dumps(_blank(self.entity.model)).decode(),
        }  # fmt: skip
        if states and summed and not asked and not visible(self._rows(), self.actor).query.where:
            changes = self._by_states(sorted(columns), states)
        else:
            changes = self._changes(sorted(columns), asked, states, summed=summed)
        made = [changes, self._destroyed()]
        made.append((f"CREATE INDEX ON {_CHANGED} (id); ANALYZE {_CHANGED}", {}))
        if summed:
            made.append(self._sums(columns))
        made.append(self._view(columns))  # the last: from then on the table's name means the view
        with connection.cursor() as cursor:
            for sql, given in made:
                cursor.execute(sql, values | given)
        self.built, self.summed = columns, summed

    def _changes(
        self, columns: Sequence[str], asked: Sequence[str], states: States | None, *, summed: bool
    ) -> tuple[str, dict[str, Any]]:
        """The rows that changed since, with what the columns held then, and for sums with what they hold now."""
        types, told = self._types(), _told(states)
        names = {"states": states.table, "record": states.record} if states else {}
        shown = []
        for one in columns:
            if one in told:
                shown.append(f'CASE WHEN m.id IS NULL THEN t."{one}" ELSE ({told[one]})::{types[one]} END AS "{one}"')
            else:
                shown.append(f'CASE WHEN l.held ? \'{one}\' THEN h."{one}" ELSE t."{one}" END AS "{one}"')
        if summed:
            shown += [f't."{one}" AS "{_NOW.format(one)}"' for one in (*columns, "created_at")]
        held = ", ".join(f'"{one}" {types[one]}' for one in asked)
        rows = visible(self._rows(), self.actor)
        seen, given = _given("{}", rows.values("pk")) if rows.query.where else ("", {})
        among = f"AND {{}} IN ({seen})" if seen else ""
        sql = _CHANGES.format(
            changed=_CHANGED, table=self._table, columns=", ".join(shown), seen=f"t.id IN ({seen})" if seen else "true",
            # Who came since takes part in sums alone: today's hold them too.
            known="" if summed else "AND t.created_at < %(moment)s",
            later=_LATER.format(seen=among.format("a.record_id"), came="false" if states else "a.action = 'create'") if asked else _NOT_LATER,
            moved=_MOVED.format(seen=among.format(f's."{states.record}"'), **names) if states else _NOT_MOVED,
            lived="m.id IS NULL OR s.id IS NOT NULL" if states else "true",
            held=f"LEFT JOIN LATERAL jsonb_to_record(coalesce(l.held, '{{}}')) h ({held}) ON true" if held else "",
            state=_STATE.format(**names) if states else "",
        )  # fmt: skip
        return sql, given

    def _by_states(self, columns: Sequence[str], states: States) -> tuple[str, dict[str, Any]]:
        types, told = self._types(), _told(states)
        then = [f'({told[one]})::{types[one]} AS "{one}"' for one in columns]
        now = [f'({told[one].replace("s.", "n.")})::{types[one]} AS "{_NOW.format(one)}"' for one in columns]
        names = {"states": states.table, "record": states.record}
        return _BY_STATES.format(changed=_CHANGED, columns=", ".join([*then, *now]), **names), {}

    def _types(self) -> dict[str, str]:
        return {name: str(one.db_type(connection)) for name, one in self._fields().items()}

    def _rows(self) -> QuerySet[Any]:
        rows = self.entity.model._base_manager.order_by()
        return rows if self.only is None else rows.filter(pk__in=self.only)

    def _destroyed(self) -> tuple[str, dict[str, Any]]:
        """Rows destroyed since, where the actor sees all there is."""
        everyone = self.actor.is_system or self.actor.rights.of(self.entity.key, "view").everyone
        if not (self.gone and everyone):
            return f"CREATE TEMP TABLE {_GONE} ON COMMIT DROP AS SELECT * FROM {self._table} WHERE false", {}  # noqa: S608 - as above
        wanted = "true" if self.only is None else "d.record_id = ANY(%(only)s)"
        return _DESTROYED.format(gone=_GONE, table=self._table, wanted=wanted), {}

    def _view(self, columns: frozenset[str]) -> tuple[str, dict[str, Any]]:
        fields = self._fields()
        rows = visible(self._rows(), self.actor).filter(created_at__lt=self.moment)
        now, given = _given("{}", rows.values_list(*(one.attname for one in fields.values())))
        then = ", ".join(f'{"c" if one in columns else "t"}."{one}"' for one in fields)
        parts = {"table": self._table, "changed": _CHANGED, "gone": _GONE}
        return _VIEW.format(names=_quoted(fields), now=now, then=then, **parts), given

    def _sums(self, columns: frozenset[str]) -> tuple[str, dict[str, Any]]:
        keys, amounts = tallies.columns(self.entity)
        names = [*keys, *amounts, tallies.NUMBER]
        now, given = _given("{}", tallies.rows(self.actor, self.entity).values_list(*names))

        def of(shape: str, sign: int, known: Iterable[str]) -> str:
            """The sums' columns of one changed row; what no statement asks for stays empty."""
            found = [how.format(f'c."{shape.format(one)}"') if one in known else "NULL" for one, how in keys.items()]
            found += [f'{sign} * coalesce(c."{shape.format(one)}", 0)' if one in known else "0" for one in amounts]
            return ", ".join([*found, str(sign)])

        known = columns | {"created_at"}
        sql = _SUMS.format(
            tally=self._tally, names=_quoted(names), now=now, changed=_CHANGED, gone=_GONE,
            minus=of(_NOW, -1, known), plus=of("{}", 1, known), back=of("{}", 1, self._fields()),
        )  # fmt: skip
        return sql, given


def _given(around: str, rows: QuerySet[Any]) -> tuple[str, dict[str, Any]]:
    """The SQL of a query within some text, its values by name."""
    try:
        sql, given = rows.query.sql_with_params()
    except EmptyResultSet:
        sql, given = rows.extra(where=["false"]).query.sql_with_params()
    values = {f"seen{at}": value for at, value in enumerate(given)}
    for name in values:
        sql = sql.replace("%s", f"%({name})s", 1)
    return around.format(sql), values


@contextmanager
def state(
    actor: Actor, entity: Entity, moment: dt.datetime, *, only: Sequence[int] | None = None, gone: bool = True
) -> Iterator[State]:
    """Within the block the entity's table, and its tally, hold what the actor may see as it was before ``moment``.

    Which rows are in reach is decided within: ask without a further condition of rights.
    """
    held = State(actor, entity, moment, only, gone)
    with transaction.atomic(), connection.execute_wrapper(held):
        yield held
        held.remove()
