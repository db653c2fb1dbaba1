"""Gates of the write path: who may hold a write back, asked by ``saving`` and the batch writers.

A gate is entered at start by a higher floor. ``watches(entity)`` must be cheap: it is asked at every write, and only
when it says yes the others are: ``before`` (about to store ``changes``), ``after`` (stored, the transaction still open;
raising takes the write back), ``delete``, and ``held`` (the record is about to be written by other means: merged, put back).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from guanxi.core.kernel.actor import Actor
from guanxi.core.schema.entity import Entity

Changes = Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Who may hold a write back; see the module."""

    key: str
    watches: Callable[[str], bool]
    before: Callable[[Actor, Entity, Any, Changes, bool], None]
    after: Callable[[Actor, Entity, Any, Changes, bool], None]
    delete: Callable[[Actor, Entity, Any], None]
    held: Callable[[Actor, Entity, int], None]


_gates: dict[str, Gate] = {}


def add(gate: Gate) -> None:
    """Enter a gate; one with a known key replaces it."""
    _gates[gate.key] = gate


def _watching(entity: Entity) -> Iterator[Gate]:
    return (gate for gate in _gates.values() if gate.watches(entity.key))


def watched(entity: Entity) -> bool:
    """Whether any gate looks at writes of the entity; batch writers then go record by record."""
    return any(gate.watches(entity.key) for gate in _gates.values())


def before(actor: Actor, entity: Entity, record: Any, changes: Changes, *, creating: bool) -> None:
    """Ask every gate before a record is stored. Raises what they raise."""
    for gate in _watching(entity):
        gate.before(actor, entity, record, changes, creating)


def after(actor: Actor, entity: Entity, record: Any, changes: Changes, *, creating: bool) -> None:
    """Ask every gate after a record was stored; raising takes it back."""
    for gate in _watching(entity):
        gate.after(actor, entity, record, changes, creating)


def delete(actor: Actor, entity: Entity, record: Any) -> None:
    """Ask every gate before a record goes to the trash."""
    for gate in _watching(entity):
        gate.delete(actor, entity, record)


def held(actor: Actor, entity: Entity, record_id: int) -> None:
    """Ask every gate before a record is merged, or an operation on it taken back."""
    for gate in _watching(entity):
        gate.held(actor, entity, record_id)
