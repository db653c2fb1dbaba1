"""Which references lead to a record at all: one cheap question before many dear ones."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from guanxi.core.kernel.memo import asked_once, remembers
from guanxi.core.models.fixed import ask
from guanxi.core.schema.registry import children_of, entity_of, generation


def present(record: Any) -> frozenset[tuple[str, str]]:
    """(entity key, field) of the references some row of which points to the record, whoever may see it, trash included.

    A page has a card, a panel or a branch of its timeline for each; most records have rows for a few.
    """
    return _present(entity_of(record).key, record.pk)


def leads(key: str, pk: int, child: str, *fields: str) -> bool:
    """Whether rows of an entity may point to a record by one of these references; spares a page the dear question.

    A guess for the better where nothing is remembered, or where the references are not known: then it is always true.
    """
    names = _statement(key, generation())[0]
    wanted = {(child, field) for field in fields}
    return not remembers() or not wanted <= set(names) or bool(wanted & _present(key, pk))


@asked_once(lambda key, pk: (key, pk))
def _present(key: str, pk: int) -> frozenset[tuple[str, str]]:
    names, statement = _statement(key, generation())
    if not names:
        return frozenset()
    return frozenset(names[row[0]] for row in ask(statement, {"id": pk}))


@lru_cache(maxsize=512)
def _statement(key: str, _generation: int) -> tuple[tuple[tuple[str, str], ...], str]:
    found: list[tuple[str, str]] = []
    parts: list[str] = []
    for child, field in children_of(key):
        column = child.model._meta.get_field(field)
        parts.append(
            f'SELECT {len(found)} WHERE EXISTS (SELECT 1 FROM "{child.table}" WHERE "{column.column}" = %(id)s::bigint)'  # type: ignore[union-attr]  # noqa: S608
        )
        found.append((child.key, field))
    return tuple(found), " UNION ALL ".join(parts)
