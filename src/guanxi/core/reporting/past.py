"""Records as they were at the end of a day, rebuilt from the audit, for a report that asks for it.

Within ``state`` the table of a dataset is hidden behind a view of the same name that exists for this connection alone: rows
unchanged since are those of the table, the others carry the values the audit says they had. Filters, groups and sums need
not know. Who may see a record is asked of today's rights; what other records say (over references) is today's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from guanxi.core.access import visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models.audit_triggers import SILENT, Inserted
from guanxi.core.records import segments, shape
from guanxi.core.records.periods import period_days
from guanxi.core.records.query import compile_tree
from guanxi.core.reporting.spec import ENDS, Spec, day_checked
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.operators import VALUELESS

ONE = dt.timedelta(days=1)
#: Never changed after a row was made, though the audit does not speak of them.
_STEADY = frozenset({"id", "created_at", "created_by_id"})
_CHANGED = "guanxi_changed_since"


@dataclass(frozen=True, slots=True)
class States:
    """A table that keeps what records were from a moment on, better than the audit: its columns by the record's own.

    It has columns ``at`` and ``alive``, and one that holds the record's id. ``unknown`` are columns of the record that
    follow from those and of whose past it tells nothing.
    """

    table: str
    record: str
    columns: tuple[str, ...]
    unknown: tuple[str, ...] = ()


_states: dict[str, States] = {}


def add_states(entity: str, states: States) -> None:
    """Enter a table of states for an entity (its key)."""
    _states[entity] = states


def unknown(entity: Entity) -> frozenset[str]:
    """Columns whose value of a past day nobody knows."""
    states = _states.get(entity.key)
    return _silent(entity) | frozenset(states.unknown if states else ())


def day_of(text: str, timezone: str) -> dt.date | None:
    """The day meant, as it is now in a time zone. Raises Invalid for one that has not ended."""
    if not day_checked(text):
        return None
    day = period_days(text, timezone)[1] - ONE if text in ENDS else dt.date.fromisoformat(text)
    if day >= clock.today(timezone):
        raise Invalid(_("Choose a day that is over."), code="report.as_of", field="asof")
    return day


def before(day: dt.date, how: str) -> dt.date:
    """The day to compare with: a month earlier (ends of months stay such), or a year."""
    months = 12 if how == "year" else 1
    following = (day + ONE).replace(day=1)
    index = following.year * 12 + following.month - 1 - months
    first = dt.date(index // 12, index % 12 + 1, 1)
    if (day + ONE).day == 1:
        return first - ONE
    month = day.year * 12 + day.month - 1 - months
    start = dt.date(month // 12, month % 12 + 1, 1)
    last = (start + dt.timedelta(days=31)).replace(day=1) - ONE
    return min(start + (day.day - 1) * ONE, last)


def moment_of(day: dt.date, timezone: str) -> dt.datetime:
    """The end of a day in a time zone."""
    return clock.day_start(day + ONE, timezone)


# -- what can be asked -------------------------------------------------------------------------------------------------


def _silent(entity: Entity) -> frozenset[str]:
    """Columns of whose past nothing is known. Every entity's table is audited, also those of custom objects."""
    triggers = getattr(entity.model._meta, "triggers", ())
    found = next((one.silent for one in triggers if isinstance(one, Inserted)), SILENT)
    return frozenset(found) - _STEADY


def _fields(entity: Entity, spec: Spec, further: Mapping[str, Any] | None) -> Iterator[str]:
    for one in (*spec.rows, *spec.columns):
        yield from _of_tree(entity, {"field": one.field, "op": "not_empty"})
    for measure in spec.measures:
        yield from (measure.field, measure.weight)
        yield from _of_tree(entity, measure.where)
    yield from _of_tree(entity, spec.filter)
    yield from _of_tree(entity, further or {})
    yield spec.date


def _of_tree(entity: Entity, node: Any, within: frozenset[str] = frozenset()) -> Iterator[str]:
    if isinstance(node, Sequence) and not isinstance(node, str):
        for one in node:
            yield from _of_tree(entity, one, within)
    elif isinstance(node, Mapping):
        if "count" in node:
            raise Invalid(
                _("How many records belong to another can only be asked as of today."),
                code="report.as_of",
                field="asof",
            )
        yield str(node.get("field", ""))
        if node.get("field") == segments.PATH:
            yield from _of_segments(entity, node, within)
        for name in ("all", "any", "not"):
            yield from _of_tree(entity, node.get(name, ()), within)


def _of_segments(entity: Entity, node: Mapping[str, Any], within: frozenset[str]) -> Iterator[str]:
    """What the segments a condition names ask about in their turn."""
    value = node.get("value")
    named = value if isinstance(value, list | tuple) else [value]
    for one in segments.of(entity):
        if one.key not in within and (one.key in named or node.get("op") in VALUELESS):
            yield from _of_tree(entity, one.condition, within | {one.key})


def check(entity: Entity, spec: Spec, further: Mapping[str, Any] | None, day: dt.date, timezone: str) -> None:
    """Raises Invalid where the past of what is asked is not known: fields, or a day before the history begins."""
    silent = _silent(entity)
    fields = shape.fields_of(entity)
    for path in _fields(entity, spec, further):
        field = fields.get(path.partition(".")[0])
        if field is not None and (field.column or field.name) in silent:
            raise Invalid(
                _("No history is kept of “%(field)s”; leave it out to ask for a day of the past.")
                % {"field": field.label},
                code="report.as_of",
                field="asof",
            )
    if not _known(moment_of(day, timezone)):
        raise Invalid(
            _("The history begins on %(day)s. Choose that day or a later one.") % {"day": _begins(timezone)},
            code="report.as_of",
            field="asof",
        )


def _known(moment: dt.datetime) -> bool:
    """Whether the audit reaches back before a moment; asks the partitions before it only."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM core_auditentry WHERE at < %s LIMIT 1", [moment])
        return cursor.fetchone() is not None


def _begins(timezone: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(at) FROM core_auditentry")
        found = cursor.fetchone()[0]
    return f"{found.astimezone(ZoneInfo(timezone)):%Y-%m-%d}" if found else "—"


# -- the state of a day ------------------------------------------------------------------------------------------------

_LATER = """
CREATE TEMP TABLE {changed} ON COMMIT DROP AS
WITH later AS (
    SELECT a.record_id AS id,
           coalesce(jsonb_object_agg(k.key, k.value -> 0 ORDER BY a.at DESC, a.id DESC)
                    FILTER (WHERE k.key IS NOT NULL AND a.action <> 'create'), '{{}}') AS held
    FROM core_auditentry a LEFT JOIN LATERAL jsonb_each(a.changes) k ON true
    WHERE a.entity = %(table)s AND a.at >= %(moment)s GROUP BY a.record_id
)
SELECT p.* FROM {table} t {kind} JOIN later l ON l.id = t.id {join}
CROSS JOIN LATERAL jsonb_populate_record(t, coalesce(l.held, '{{}}') {states}) p WHERE t.id IN ({seen})
"""
#: Rows destroyed since, for those who see all there is.
_GONE = """
INSERT INTO {changed}
SELECT p.* FROM (
    SELECT a.record_id AS id,
           jsonb_object_agg(k.key, k.value -> 0 ORDER BY a.at DESC, a.id DESC) AS held
    FROM core_auditentry a CROSS JOIN LATERAL jsonb_each(a.changes) k
    WHERE a.entity = %(table)s AND a.at >= %(moment)s AND a.action <> 'create'
    GROUP BY a.record_id HAVING bool_or(a.action = 'destroy')
) l
JOIN LATERAL (
    SELECT min(c.at) AS at FROM core_auditentry c
    WHERE c.entity = %(table)s AND c.record_id = l.id AND c.action = 'create'
) made ON coalesce(made.at < %(moment)s, true)
CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, %(blank)s::jsonb || l.held
    || jsonb_build_object('id', l.id, 'created_at', coalesce(made.at, %(moment)s - interval '1 second'))) p
WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.id = l.id)
"""
_VIEW = """
CREATE TEMP VIEW {table} AS
SELECT t.* FROM {table} t WHERE t.created_at < %(moment)s AND t.id IN ({seen})
    AND NOT EXISTS (SELECT FROM {changed} c WHERE c.id = t.id)
UNION ALL SELECT c.* FROM {changed} c WHERE c.created_at < %(moment)s
"""
_ENTERED = """
SELECT count(*) FROM core_auditentry a JOIN {table} t ON t.id = a.record_id
WHERE a.entity = %(table)s AND a.at >= %(moment)s AND a.action = 'create' AND t.created_at < %(moment)s AND t.id IN ({seen})
"""


def _of_states(states: States | None) -> tuple[str, str]:
    """The join that brings a record's state and what it adds to the values held then."""
    if states is None:
        return "", ""
    named = ", ".join(f"'{name}', s.\"{name}\"" for name in states.columns)
    join = f"""CROSS JOIN LATERAL (SELECT s.* FROM "{states.table}" s WHERE s."{states.record}" = t.id AND s.at < %(moment)s
        ORDER BY s.at DESC, s.id DESC LIMIT 1) s"""  # noqa: S608 - declared names
    alive = "CASE WHEN s.alive THEN NULL ELSE %(moment)s END"
    return join, f"|| jsonb_build_object({named}, 'deleted_at', {alive})"


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


@dataclass(frozen=True, slots=True)
class Told:
    """How a state came about: ``entered`` records came later with an earlier day of creation."""

    entered: int


@contextmanager
def state(actor: Actor, entity: Entity, day: dt.date) -> Iterator[Told]:
    """Within the block the dataset's table holds what the actor may see as it was at the end of ``day`` (his time zone)."""
    moment = moment_of(day, actor.timezone)
    with transaction.atomic(), clock.moved_to(moment - dt.timedelta(microseconds=1)):
        seen, given = visible(entity.model._base_manager.all(), actor).order_by().values("pk").query.sql_with_params()
        everyone = actor.is_system or actor.rights.of(entity.key, "view").everyone
        states = _states.get(entity.key)
        join, more = _of_states(states)
        names = {f"seen{at}": value for at, value in enumerate(given)}
        for name in names:
            seen = seen.replace("%s", f"%({name})s", 1)
        parts = {
            "table": f'"{entity.table}"', "changed": _CHANGED, "seen": seen, "join": join, "states": more,
            "kind": "LEFT" if states else "",
        }  # fmt: skip
        values = {
            "table": entity.table,
            "moment": moment,
            "blank": orjson.dumps(_blank(entity.model)).decode(),
            **names,
        }
        with connection.cursor() as cursor:
            cursor.execute(_LATER.format(**parts), values)
            if everyone:
                cursor.execute(_GONE.format(**parts), values)
            cursor.execute(_ENTERED.format(**parts), values)
            told = Told(0 if states else cursor.fetchone()[0])
            cursor.execute(f"CREATE INDEX ON {_CHANGED} (id); ANALYZE {_CHANGED}")
            cursor.execute(_VIEW.format(**parts), values)
        yield told
        if not connection.needs_rollback:  # else, and where the block fails, they go with what is rolled back
            with connection.cursor() as cursor:
                cursor.execute(f'DROP VIEW pg_temp."{entity.table}"; DROP TABLE pg_temp.{_CHANGED}')


def queryset(actor: Actor, entity: Entity, tree: Mapping[str, Any] | None) -> QuerySet[Any]:
    """The rows of the state, filtered; only within ``state``, which holds what the actor may see."""
    rows = entity.model._default_manager.all()
    return rows.filter(compile_tree(actor, entity, tree)) if tree else rows
