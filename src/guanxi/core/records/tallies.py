"""Sums kept beside the records: how many there are, and of what value, by a few fields (``Entity.tally``).

A tally is a model with the fields it goes by under the names they have on the record, dates as the first of their month
(or as their day: ``DayField``), ``number``, and amounts that are summed. A statement trigger adds a row with what each
change added and took away, so nobody waits for anybody; ``settle`` puts rows of equal keys together. Days of moments are
those of the workspace's time zone. What the tally cannot say is asked of the records.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Coalesce, NullIf

from guanxi.core.access.rules import condition, only_by_owner
from guanxi.core.kernel.actor import Actor
from guanxi.core.models.tally import DAY_OF_MOMENT, MONTH, MONTH_OF_MOMENT, DayField, adding, counted
from guanxi.core.records.query import compile_tree
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities

NUMBER = "number"
_NAUGHT = Value(0, output_field=models.BigIntegerField())


def _fields(entity: Entity) -> Iterable[Any]:
    return [one for one in entity.tally._meta.concrete_fields if one.name not in ("id", NUMBER)] if entity.tally else ()


def goes_by(entity: Entity) -> frozenset[str]:
    """Fields a tally can be narrowed and grouped by."""
    sums = (models.DecimalField, models.DateField)
    return frozenset(one.name for one in _fields(entity) if not isinstance(one, sums))


def finest(entity: Entity, name: str, zone: str) -> str:
    """By what a tally has a date: ``day`` or ``month`` of a time zone; '' where it cannot tell."""
    how = _dates(entity).get(name)
    if how is None or (how != MONTH and zone != settings.TIME_ZONE):
        return ""
    return "day" if how == DAY_OF_MOMENT else "month"


def _dates(entity: Entity) -> dict[str, str]:
    """How each date of a record stands in its tally."""
    found = {}
    for one in _fields(entity):
        if isinstance(one, models.DateField):
            moment = isinstance(entity.model._meta.get_field(one.name), models.DateTimeField)
            found[one.name] = DAY_OF_MOMENT if isinstance(one, DayField) else MONTH_OF_MOMENT if moment else MONTH
    return found


def within(entity: Entity, name: str, first: dt.date | None, last: dt.date | None, zone: str) -> Q | None:
    """The rows of a tally for the records with a date from ``first`` to ``last``, days of a time zone; ``None`` if it cannot tell."""
    known = finest(entity, name, zone)
    if not known or (known == "month" and not _whole_months(first, last)):
        return None
    limits = {f"{name}__gte": first, f"{name}__lte": last}
    return Q(**{key: day for key, day in limits.items() if day is not None}) & Q(**{f"{name}__isnull": False})


def _whole_months(first: dt.date | None, last: dt.date | None) -> bool:
    return (first is None or first.day == 1) and (last is None or (last + dt.timedelta(days=1)).day == 1)


def sums(entity: Entity) -> frozenset[str]:
    """Amounts a tally has the sums of."""
    return frozenset(one.name for one in _fields(entity) if isinstance(one, models.DecimalField))


def says(entity: Entity, tree: Any) -> bool:
    """Whether a tally can be narrowed by a filter."""
    if not tree:
        return True
    if not isinstance(tree, Mapping):
        return False
    for word in ("all", "any"):
        if tree.keys() == {word}:
            return isinstance(tree[word], Sequence) and all(says(entity, one) for one in tree[word])
    if tree.keys() == {"not"}:
        return says(entity, tree["not"])
    return tree.keys() <= {"field", "op", "value"} and tree.get("field") in goes_by(entity)


def tells(actor: Actor, entity: Entity, *trees: Mapping[str, Any] | None) -> bool:
    """Whether a tally can tell of the records in the actor's reach that fit the filters."""
    return entity.tally is not None and only_by_owner(entity, actor) and all(says(entity, one) for one in trees)


def columns(entity: Entity) -> tuple[dict[str, str], list[str]]:
    """The columns a tally goes by, each with how the record's (``{}``) stands in it, and those it has the sums of."""
    how = _dates(entity)
    return {one: how.get(one, "{}") for one in _keys(entity)}, sorted(sums(entity))


def rows(
    actor: Actor, entity: Entity, tree: Mapping[str, Any] | None = None, *, narrowed: bool = False
) -> QuerySet[Any]:
    """The rows of a tally for the records in the actor's reach that fit a filter; only where it ``tells``.

    ``narrowed`` says that the tally holds nothing else just now (``reporting.rebuilding``).
    """
    if entity.tally is None:
        raise ValueError(f"{entity.key} has no tally")
    found = entity.tally._default_manager.order_by()
    limit = None if narrowed else condition(entity, actor)
    found = found if limit is None else found.filter(limit)
    return found.filter(compile_tree(actor, entity, tree)) if tree else found


class _AsItComes:
    """A figure that the driver made a number: Django would make one of it again in each row."""

    def get_db_converters(self, _connection: Any) -> list[Any]:
        """None."""
        return []


class _Whole(_AsItComes, Cast):
    """A number of records."""


class _Amount(_AsItComes, NullIf):
    """A sum."""


def count(where: Any = None) -> Any:
    """How many records, as an aggregate over a tally."""
    return _Whole(Coalesce(Sum(NUMBER, filter=where), _NAUGHT), models.BigIntegerField())


def total(name: str, where: Any = None) -> Any:
    """The sum of an amount, as an aggregate over a tally; nothing where it is nought."""
    return _Amount(Sum(name, filter=where), Value(0, output_field=models.DecimalField()))


# -- keeping -----------------------------------------------------------------------------------------------------------


def settle(entity: Entity, least: int = 500) -> int:
    """Put rows of equal keys together once there are ``least`` too many; how many fewer there are. Others may write meanwhile."""
    if entity.tally is None:
        return 0
    table, keys, amounts = entity.tally._meta.db_table, ", ".join(_keys(entity)), sorted(sums(entity))
    added = ", ".join([NUMBER, *amounts])
    totals = [f"sum({name})" for name in (NUMBER, *amounts)]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), count(DISTINCT ({keys})) FROM {table}")  # noqa: S608 - names of our own columns
        all_, different = cursor.fetchone() or (0, 0)
        if all_ - different < least:
            return 0
        cursor.execute(
            f"WITH gone AS (DELETE FROM {table} WHERE id = ANY(ARRAY("  # noqa: S608 - as above
            f"SELECT unnest(array_agg(id)) FROM {table} GROUP BY {keys} HAVING count(*) > 1)) RETURNING *),"
            f" made AS (INSERT INTO {table} ({keys}, {added}) SELECT {keys}, {', '.join(totals)} FROM gone GROUP BY {keys}"
            f" HAVING {' OR '.join(f'{one} <> 0' for one in totals)} RETURNING 1)"
            " SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM made)"
        )
        return int((cursor.fetchone() or (0,))[0])


def renew(entity: Entity) -> None:
    """Reckon a tally anew from the records: after a load past triggers. Writers of the records wait until it is done."""
    if entity.tally is None:
        return
    table, keys, amounts = entity.tally._meta.db_table, _keys(entity), sorted(sums(entity))
    source = counted([*keys, *amounts], entity.table, 1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {entity.table} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(f"DELETE FROM {table}; {adding(table, keys, _dates(entity), amounts, source)}")  # noqa: S608


def keep_zone() -> None:
    """Days of moments are those of the workspace's time zone: reckon the tallies anew where another was set."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT core_zone()")
        if cursor.fetchone() == (settings.TIME_ZONE,):
            return
        cursor.execute("SELECT guanxi_door_zone(%s)", [settings.TIME_ZONE])
        for entity in entities():
            renew(entity)


def _keys(entity: Entity) -> list[str]:
    amounts = sums(entity)
    return [one.column for one in _fields(entity) if one.name not in amounts]
