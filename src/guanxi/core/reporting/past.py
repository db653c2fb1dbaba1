"""Records as they were at the end of a day, for a report that asks for it: which days, and what may be asked of them.

Who may see a record is asked of today's rights; what other records say (over references) is today's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models.audit_triggers import SILENT, Inserted
from guanxi.core.records import segments, shape
from guanxi.core.records.periods import period_days
from guanxi.core.records.query import compile_tree
from guanxi.core.reporting import rebuilding
from guanxi.core.reporting.spec import ENDS, Spec, day_checked
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.operators import VALUELESS

ONE = dt.timedelta(days=1)


def unknown(entity: Entity) -> frozenset[str]:
    """Columns whose value of a past day nobody knows."""
    states = rebuilding.states_of(entity)
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
    return frozenset(found) - rebuilding.STEADY


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


@contextmanager
def state(
    actor: Actor, entity: Entity, day: dt.date, *, only: Sequence[int] | None = None
) -> Iterator[rebuilding.State]:
    """Within the block the dataset's table holds what the actor may see as it was at the end of ``day`` (his time zone)."""
    moment = moment_of(day, actor.timezone)
    with (
        clock.moved_to(moment - dt.timedelta(microseconds=1)),
        rebuilding.state(actor, entity, moment, only=only) as held,
    ):
        yield held


def queryset(actor: Actor, entity: Entity, tree: Mapping[str, Any] | None) -> QuerySet[Any]:
    """The rows of the state, filtered; only within ``state``, which holds what the actor may see."""
    rows = entity.model._default_manager.all()
    return rows.filter(compile_tree(actor, entity, tree)) if tree else rows
