"""Triggers that keep a tally (see ``records.tallies``): each statement adds what it added to the sums and took from them."""

from __future__ import annotations

from collections.abc import Sequence

import pgtrigger


def adding(table: str, keys: Sequence[str], months: Sequence[str], amounts: Sequence[str], source: str) -> str:
    """The statement that adds the rows of ``source``, each with its ``sign``, to a tally; those in the trash do not count."""
    values = [f"date_trunc('month', {key}::timestamp)::date" if key in months else key for key in keys]
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
    table: str, keys: Sequence[str], months: Sequence[str], amounts: Sequence[str]
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
            func=f"{adding(table, keys, months, amounts, source)}; RETURN NULL;",
        )
        for name, operation, referencing, source in sorts
    ]
