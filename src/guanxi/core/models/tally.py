"""Triggers that keep a tally (see ``records.tallies``): each statement adds what it added to the sums and took from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pgtrigger
from django.db import models

#: How a date of a record stands in a tally; ``core_day`` is a moment's day in the workspace's time zone.
MONTH = "date_trunc('month', {}::timestamp)::date"
MONTH_OF_MOMENT = "date_trunc('month', core_day({})::timestamp)::date"
DAY_OF_MOMENT = "core_day({})"
#: Sets that zone.
ZONE = "CREATE OR REPLACE FUNCTION core_zone() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN %s"


class DayField(models.DateField):  # type: ignore[type-arg]
    """A date that a tally goes by day by day; other dates of a tally are the first of their month."""


def counted_reference(target: Any) -> Any:
    """A reference of a tally: it holds nobody back who is deleted."""
    return models.ForeignKey(
        target, models.DO_NOTHING, null=True, related_name="+", db_index=False, db_constraint=False
    )


def adding(table: str, keys: Sequence[str], dates: Mapping[str, str], amounts: Sequence[str], source: str) -> str:
    """The statement that adds the rows of ``source``, each with its ``sign``, to a tally; those in the trash do not count.

    ``dates`` says of some keys how they stand in the tally (``MONTH`` and the like).
    """
    values = [dates[key].format(key) if key in dates else key for key in keys]
    totals = ["sum(sign)", *(f"sum(coalesce({name}, 0) * sign)" for name in amounts)]
    places = ", ".join(str(place) for place in range(1, len(keys) + 1))
    return (
        f"INSERT INTO {table} ({', '.join([*keys, 'number', *amounts])})"  # noqa: S608 - names of our own columns
        f" SELECT {', '.join([*values, *totals])} FROM ({source}) x GROUP BY {places}"
        f" HAVING {' OR '.join(f'{one} <> 0' for one in totals)}"
    )


def counted(columns: Sequence[str], rows: str, sign: int) -> str:
    """The living among some rows, as a source of :func:`adding`."""
    return f"SELECT {', '.join(columns)}, {sign} AS sign FROM {rows} WHERE deleted_at IS NULL"  # noqa: S608 - as above


def tally_triggers(
    table: str, keys: Sequence[str], dates: Mapping[str, str], amounts: Sequence[str] = ()
) -> list[pgtrigger.Trigger]:
    """Triggers for the table whose rows are counted."""
    columns = [*keys, *amounts]
    new, old = counted(columns, "new_rows", 1), counted(columns, "old_rows", -1)
    sorts = (
        ("insert", pgtrigger.Insert, pgtrigger.Referencing(new="new_rows"), new),
        ("update", pgtrigger.Update, pgtrigger.Referencing(old="old_rows", new="new_rows"), f"{new} UNION ALL {old}"),
        ("delete", pgtrigger.Delete, pgtrigger.Referencing(old="old_rows"), old),
    )
    return [
        pgtrigger.Trigger(
            name=f"tally_{name}",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=operation,
            referencing=referencing,
            func=f"{adding(table, keys, dates, amounts, source)}; RETURN NULL;",
        )
        for name, operation, referencing, source in sorts
    ]
