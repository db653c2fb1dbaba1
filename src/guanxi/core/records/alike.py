"""The same change on many records in a few statements, where nothing sets one of them apart from the others.

A bulk change does a chunk this way first. What comes of a record is what ``saving.update`` would make of it: rights, clean values,
rules, process, audit, events, search and match keys. Whatever would differ by being done together is left to be done record by record:
a refusal or a doubt, so that it is told as there; a rule that asks the database, for it may ask about its neighbours of the chunk; a step
that runs actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, models

from guanxi.core.access import visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.kernel.memo import remembering
from guanxi.core.models import Operation
from guanxi.core.records import cleaning, derived, doubts, gates, many, process, rules, saving, shape, values
from guanxi.core.records.writing import writing
from guanxi.core.schema.derive import INTERNAL
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import lined_by

#: What a record is to hold, by field name, as somebody would write it; ``None`` where nothing is to be changed.
Given = Callable[[Any], "Mapping[str, Any] | None"]
_Changed = tuple[Any, dict[str, list[Any]], frozenset[str]]


def suits(entity: Entity) -> bool:
    """Whether records of an entity can be changed together: no service, line or gate looks at each by itself."""
    return not (entity.writer.update or entity.lines or lined_by(entity.key) or gates.watched(entity))


def change(actor: Actor, entity: Entity, ids: Sequence[int], given: Given, operation: Operation) -> dict[int, bool]:
    """Change those of the records that can be changed together, within ``writing``; by id, whether anything differed.

    A record that is not named in the answer was not touched.
    """
    if not suits(entity):
        return {}
    try:
        with writing(actor, operation=operation):
            return _changed(actor, entity, ids, given)
    except (DatabaseError, GuanxiError):
        return {}


def _changed(actor: Actor, entity: Entity, ids: Sequence[int], given: Given) -> dict[int, bool]:
    _ask_ahead(entity)
    rows = visible(entity.model._default_manager.filter(pk__in=ids), actor)
    done: dict[int, bool] = {}
    changed: list[_Changed] = []
    with remembering():  # what references may point to is not asked again for the next record
        for record in rows.order_by("pk").select_for_update(of=("self",)):
            wanted = given(record)
            one = (record, {}, frozenset()) if wanted is None else _one(actor, entity, record, wanted)
            if one is not None:
                done[record.pk] = bool(one[1])
                changed += [one] if one[1] else []
    if changed:
        columns = frozenset().union(*(names for _record, _changes, names in changed))
        pairs = [(record, changes) for record, changes, _names in changed]
        many.store_changes(actor, entity, pairs, quiet=False, columns=columns)
    return done


def _ask_ahead(entity: Entity) -> None:
    """Ask for what is kept of an entity's rules from one record to the next: while they are held nothing is asked."""
    process.held_fields(entity)
    derived.derives(entity)
    rules.bound(entity.key)


def _one(actor: Actor, entity: Entity, record: Any, given: Mapping[str, Any]) -> _Changed | None:
    """A record with its new values, what they change and the columns that differ; ``None`` for one that goes by itself."""
    before = {name: value.copy() if isinstance(value, list | dict) else value for name, value in vars(record).items()}
    try:
        saving.require_change(actor, entity, record, given)
        clean = cleaning.clean(actor, entity, given, record=record)
        changes = values.assign(record, shape.fields_of(entity), clean)
        if not changes:
            return record, changes, frozenset()
        with doubts.heard() as odd, _unasked() as asked:
            record._entered = process.hold(actor, entity, record, changes)
            if entity.clean is not None:
                entity.clean(actor, record, changes)
            derived.fill(entity, record, changes)
            rules.hold(actor, entity, record, changes)
        if odd or asked or any(step.runs for _process, step in record._entered):
            return None
        names = _differing(record, before)
        record.clean_fields(exclude=_others(record, names))
        if entity.model.clean is not models.Model.clean:
            record.clean()
    except (ValidationError, GuanxiError, _Asked):
        return None
    return record, changes, names


def _differing(record: Any, before: Mapping[str, Any]) -> frozenset[str]:
    now = vars(record)
    columns = [column for column in record._meta.concrete_fields if not column.generated]
    return frozenset(one.name for one in columns if one.attname in now and now[one.attname] != before.get(one.attname))


def _others(record: Any, names: frozenset[str]) -> set[str]:
    """Columns that need no look: those that stand as they were, and references, which were looked at already."""
    return {one.name for one in record._meta.concrete_fields if one.is_relation or one.name not in names} | INTERNAL


class _Asked(Exception):
    """A rule has a question to the database."""


@contextmanager
def _unasked() -> Iterator[list[str]]:
    """Within the block a statement raises :class:`_Asked` instead of being sent, and is noted, should a rule pass over that."""
    asked: list[str] = []

    def refused(_execute: Any, statement: str, *_arguments: Any) -> Any:
        asked.append(statement)
        raise _Asked

    with connection.execute_wrapper(refused):
        yield asked
