"""What may be there only once by a rule of the database over several fields, and stands twice in one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model, Q, UniqueConstraint

from guanxi.core.exchange.rows import Ready

_Key = tuple[str, tuple[Any, ...]]


class Once:
    """Remembers the new rows of a run by such rules. Rules over one field are left to the match keys and the database."""

    def __init__(self, model: type[Model]) -> None:
        self._rules = [
            one
            for one in model._meta.constraints
            if isinstance(one, UniqueConstraint) and len(one.fields) > 1 and not one.expressions
        ]
        self._first: dict[_Key, tuple[int, int]] = {}

    def earlier(self, row: Ready) -> int | None:
        """The number in the file of an earlier row that would be the same record; ``None`` when there is none."""
        found = None
        for rule in self._rules:
            values = tuple(row.given.get(name) for name in rule.fields)
            if None in values or not _holds(rule.condition, row.given):
                continue
            position, number = self._first.setdefault((rule.name, values), (row.row.position, row.row.number))
            if position < row.row.position:
                found = number
        return found


def _holds(condition: Q | None, given: Mapping[str, Any]) -> bool:
    """Whether a new row falls under a rule; one whose condition asks for more than what is empty counts as not under it."""
    if condition is None:
        return True
    if condition.connector != Q.AND or condition.negated:
        return False
    children: list[Any] = [*condition.children]
    for one in children:
        if isinstance(one, Q):
            if not _holds(one, given):
                return False
            continue
        name, wanted = one
        field, _by, how = name.partition("__")
        if how != "isnull" or (given.get(field) is None) != wanted:
            return False
    return True
