"""Which references lead to a record at all: one cheap question before many dear ones."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connection

from guanxi.core.kernel.memo import asked_once
from guanxi.core.schema.registry import children_of, entity_of


@asked_once(lambda record: (type(record), record.pk))
def present(record: Any) -> frozenset[tuple[str, str]]:
    """(entity key, field) of the references some row of which points to the record, whoever may see it, trash included.

    A page has a card, a panel or a branch of its timeline for each; most records have rows for a few.
    """
    names, statement = _statement(entity_of(record).key)
    if not names:
        return frozenset()
    with connection.cursor() as cursor:
        cursor.execute(statement, {"id": record.pk})
        return frozenset(names[row[0]] for row in cursor.fetchall())


@cache
def _statement(key: str) -> tuple[tuple[tuple[str, str], ...], str]:
    found: list[tuple[str, str]] = []
    parts: list[str] = []
    for child, field in children_of(key):
        column = child.model._meta.get_field(field)
        parts.append(
            f'SELECT {len(found)} WHERE EXISTS (SELECT 1 FROM "{child.table}" WHERE "{column.column}" = %(id)s)'  # type: ignore[union-attr]  # noqa: S608
        )
        found.append((child.key, field))
    return tuple(found), " UNION ALL ".join(parts)
