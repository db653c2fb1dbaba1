"""New records as the lines ``COPY`` takes, made before their ids are known, so that another process can make them.

A record is drafted from clean values alone: whatever its rules had to ask the database refuses the draft, since what
they would be told may change before the record is stored. It is then made by ``many.insert_many`` like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Operation
from guanxi.core.records import gates, many, matching, numbering, upkeep
from guanxi.core.records.copying import Lines, copy_lines, escaped, json_text
from guanxi.core.records.search import index
from guanxi.core.records.writing import emit_lines, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, lined_by

#: A new record without its id: its line of the table up to the serial number and what follows that (``None`` when it has
#: one already); what it changes, as the event tells it; the lines of its match keys, ``_ID`` for its id. Plain, for it is sent.
Draft = tuple[str, str | None, str, str]
_ID = "\0"


def draftable(entity: Entity | str) -> bool:
    """Whether records of an entity can be drafted: nothing else is told of them than search, keys, audit and events."""
    declared = entity_of(entity)
    return not (
        declared.access.carried_by
        or declared.lines
        or lined_by(declared.key)
        or gates.watched(declared)
        or upkeep.stamp_of(declared)
        or len(numbering.fields_of(declared)) > 1
        or any(name.startswith("custom.") for name in numbering.fields_of(declared))
    )


class Drafter:
    """Makes drafts of one entity; make a new one for each batch, since it holds what is usual now."""

    def __init__(self, actor: Actor, entity: Entity | str) -> None:
        self.entity = entity_of(entity)
        self.plan = many.Plan(actor, self.entity)
        self.lines = Lines(self.entity.model)
        self.number = next((self.lines.place(name) for name in numbering.fields_of(self.entity)), None)
        self.empty = self.lines.usual[self.number] if self.number is not None else ""
        fields = [key.field for key in self.entity.match_keys]
        self._own = set(fields) <= set(self.plan.blank.held)
        self._asked = 0

    def draft(self, row: Mapping[str, Any]) -> Draft | Invalid | None:
        """The draft of clean values, or why there can be no such record; ``None`` when its rules asked the database
        or doubted something.

        Only within :meth:`watching`.
        """
        before = self._asked
        made = self.plan.built(row)
        return None if self._asked != before or many.doubts_of(made) else self.drafted(made)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within the block it is noticed when a rule asks the database."""
        with connection.execute_wrapper(self._counted):
            yield

    def drafted(self, made: Any) -> Draft | Invalid:
        """The draft of a record that is built already, or the Invalid that stands in its place."""
        if isinstance(made, Invalid):
            return made
        cells = self.lines.cells(made)[1:]
        at = None if self.number is None else self.number - 1
        rest = None
        if at is not None and cells[at] == self.empty:
            cells, rest = cells[:at], "\t".join(cells[at + 1 :])
        values = made.__dict__ if self._own else made
        before = f"{_ID}\t{self.entity.key}"
        keys = [f"{before}\t{kind}\t{escaped(value)}" for kind, value in matching.key_values(self.entity, values)]
        return "\t".join(cells), rest, json_text(made._changes), "\n".join(keys)

    def _counted(self, execute: Any, *arguments: Any) -> Any:
        self._asked += 1
        return execute(*arguments)


def insert_drafts(
    actor: Actor,
    entity: Entity | str,
    rows: Sequence[tuple[Mapping[str, Any], Draft | None]],
    *,
    operation: Operation | None = None,
    quiet: bool = False,
    doubted: Callable[[int, list[Invalid]], None] = lambda _at, _found: None,
) -> list[int | Invalid]:
    """Make records of drafts; per row, in order, the id or the Invalid that refused it.

    A row is its clean values and their draft, ``None`` for one that is to be built now; ``doubted`` is told the place of one
    whose values are rarely meant. The search documents are left to ``index.catch_up``.
    """
    declared = entity_of(entity)
    drafter = Drafter(actor, declared)

    def built(at: int, row: Mapping[str, Any]) -> Draft | Invalid:
        record = drafter.plan.built(row)
        if many.doubts_of(record):
            doubted(at, many.doubts_of(record))
        return drafter.drafted(record)

    made = [draft or built(at, row) for at, (row, draft) in enumerate(rows)]
    drafts = [one for one in made if not isinstance(one, Invalid)]
    if not drafts:
        return [one for one in made if isinstance(one, Invalid)]
    with writing(actor, operation=operation, savepoint=False):
        ids = drafter.lines.ids(len(drafts))
        _copy(declared, drafter, drafts, ids)
        if not quiet:
            emit_lines(actor, declared, "created", zip(ids, [one[2] for one in drafts], strict=True))
    given = iter(ids)
    return [next(given) if not isinstance(one, Invalid) else one for one in made]


def _copy(entity: Entity, drafter: Drafter, drafts: Sequence[Draft], ids: Sequence[int]) -> None:
    numbers = iter(numbering.numbers_for(entity, sum(rest is not None for _head, rest, _changes, _keys in drafts)))
    lines = [
        f"{number}\t{head}" if rest is None else f"{number}\t{head}\t{escaped(next(numbers))}\t{rest}"
        for number, (head, rest, _changes, _keys) in zip(ids, drafts, strict=True)
    ]
    copy_lines(entity.table, drafter.lines.names, lines)
    index.later(entity, ids)
    lines = [one[3].replace(_ID, str(number)) for number, one in zip(ids, drafts, strict=True) if one[3]]
    copy_lines("core_match_key", ("record_id", "entity", "kind", "value"), lines)
