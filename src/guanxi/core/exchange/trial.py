"""What a dry run makes and changes, for the rows further down that mean it: nothing of it is in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from typing import Any

from guanxi.core.exchange.rows import RowKeys, Staged
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import carrying, many
from guanxi.core.schema.entity import Entity

#: What a record stands under: the kind and the text of a key.
Place = tuple[str, str]
#: Records kept at most; those made or changed the longest ago go first.
KEPT = 10_000
#: Records under one key that a row is compared with, as in the database.
MOST_ALIKE = 20


class Trial:
    """Records as the rows of a dry run leave them, found by what their ``heads`` stand under as those of the database are.

    One that is not stored has the position of its row, below zero, for an id.
    """

    def __init__(self, entity: Entity, heads: Collection[str], keys_of: Callable[[Any], RowKeys]) -> None:
        self.entity = entity
        self._heads = heads
        self._keys_of = keys_of
        self._records: dict[int, tuple[Any, RowKeys]] = {}
        self._under: dict[Place, list[int]] = {}

    def add(self, made: Iterable[tuple[Staged, Any]]) -> None:
        """Keep the records that rows would make."""
        new = list(made) if self._heads else []
        carrying.carry_many(self.entity, [record for _row, record in new])
        for row, record in new:
            record.pk, record._row = -row.position, row.number
            record._state.adding = False
            record.__dict__.pop("_changes", None)
            self._keep(record)

    def change(self, actor: Actor, record: Any, given: Mapping[str, Any]) -> tuple[Any, bool]:
        """What ``many.update_many`` says of a change, and whether other rows than before may mean the record now.

        A record that is not stored is held to the same, but for what is found by its id alone: what a gate says once
        the change is stored (an approval it needs), and whatever follows a new record by itself (its number, an approval
        that begins, rules that run).
        """
        result: Any
        before = self._keys_of(record)
        if record.pk > 0:
            [result] = many.update_many(actor, self.entity, [(record, given)], write=False)
        else:
            changes = many.amend(actor, self.entity, record, given)
            result = changes if isinstance(changes, Invalid) else bool(changes)
        return result, result is True and self._keep(record) != before

    def latest(self, ids: Iterable[int]) -> dict[int, Any]:
        """Those of the records that are kept, by id: copies, since what is refused keeps what was put on it."""
        found = {number: copy(self._records[number][0]) for number in ids if number in self._records}
        for record in found.values():
            record.__dict__.pop("_doubts", None)
        return found

    def join(self, rows: Mapping[int, RowKeys], hits: dict[Place, list[int]], theirs: dict[int, RowKeys]) -> set[int]:
        """Add what rows may mean here to what was found in the database; the positions of those rows."""
        places = {position: self._places(keys) & self._under.keys() for position, keys in rows.items()}
        numbers = set(theirs)
        for place in set().union(*places.values()):
            alike = self._under[place][:MOST_ALIKE]
            hits[place] = [*hits.get(place, ()), *alike]
            numbers.update(alike)
        theirs.update({number: self._records[number][1] for number in numbers if number in self._records})
        return {position for position, shared in places.items() if shared}

    def _keep(self, record: Any) -> RowKeys:
        """Keep a record as it is now; its keys."""
        keys = self._keys_of(record)
        self._drop(record.pk)
        self._records[record.pk] = record, keys
        for place in self._places(keys):
            self._under.setdefault(place, []).append(record.pk)
        if len(self._records) > KEPT:
            self._drop(next(iter(self._records)))
        return keys

    def _drop(self, number: int) -> None:
        for place in self._places(self._records.pop(number, (None, {}))[1]):
            self._under[place].remove(number)
            if not self._under[place]:
                del self._under[place]

    def _places(self, keys: RowKeys) -> set[Place]:
        return {key[:2] for name in self._heads for key in keys.get(name, ())}
