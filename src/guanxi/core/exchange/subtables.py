"""Rows of a table within a record, each from a row of the file: its columns are parts of the target, such as ``custom.items|price``.

A file says whose row it is as people do: the parent's cells repeated on each row, left empty below the first one, or the
parent's number alone on a sheet of its own. Rows of one record replace what its table held before the import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.exchange.mapping import FieldMap
from guanxi.core.exchange.rows import Ready
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Operation
from guanxi.core.models.exchange import CREATED, SKIPPED, UPDATED, ImportOutcome
from guanxi.core.schema.entries import MOST_ROWS
from guanxi.core.schema.fields import Field

#: Between a table and its column in the header of a file.
MARK = "·"


def tables_of(fields: Mapping[str, Field], mapping: FieldMap) -> frozenset[str]:
    """The tables whose rows a mapping fills."""
    return frozenset(
        one.field
        for one in mapping.targets.values()
        if one.part and one.field in fields and fields[one.field].kind == "table"
    )


def header(field: Field, column: Field) -> str:
    """What the column of a file is called that holds a column of a table."""
    return f"{field.label}{MARK}{column.label}"


def joined(field: Field, now: Sequence[Any], more: Sequence[Any]) -> list[Any]:
    """The rows of a table and further ones. Raises Invalid when they are too many."""
    if len(now) + len(more) > MOST_ROWS:
        raise Invalid(_("At most 200 rows are possible."), code="entries.too_many", field=field.name)
    return [*now, *more]


def fold(
    ready: dict[int, Ready], fields: Mapping[str, Field], tables: frozenset[str]
) -> tuple[dict[int, int], dict[int, Invalid]]:
    """Put rows that differ from the one before in their tables alone into that one; they leave ``ready``.

    Returns which row each of them went into, by position, and those a full table had no place for.
    """
    followers: dict[int, int] = {}
    refused: dict[int, Invalid] = {}
    head, rest = 0, None
    for position, one in list(ready.items()):
        mine = {name: value for name, value in one.given.items() if name not in tables}
        added = {name: one.given[name] for name in tables if one.given.get(name)}
        if rest != mine or not added:
            head, rest = position, mine
            continue
        del ready[position]
        given = ready[head].given
        try:
            given.update({name: joined(fields[name], given.get(name) or [], rows) for name, rows in added.items()})
        except Invalid as error:
            refused[position] = error
        else:
            ready[head].reasons += one.reasons
            followers[position] = head
    return followers, refused


def touched(operation: Operation | None, ids: Sequence[int]) -> set[int]:
    """Those of the records that rows of earlier batches of this import went into."""
    if operation is None or not ids:
        return set()
    rows = ImportOutcome.objects.filter(
        run__operation_id=operation.pk, record_id__in=ids, outcome__in=(CREATED, UPDATED, SKIPPED)
    )
    return {number for number in rows.values_list("record_id", flat=True) if number}


def continued(cells: Sequence[str], above: Sequence[str], own: Sequence[int], parts: Sequence[int]) -> list[str]:
    """The cells of a row with those of its record filled in from above, where it names none and has a part of a table."""

    def filled(index: int) -> bool:
        return index < len(cells) and bool(cells[index].strip())

    if not above or any(map(filled, own)) or not any(map(filled, parts)):
        return list(cells)
    found = list(cells) + [""] * (max([*own, -1]) + 1 - len(cells))
    for index in own:
        found[index] = above[index] if index < len(above) else ""
    return found
