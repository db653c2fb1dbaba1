"""One transaction that carries the actor to the audit, and the outbox that leaves with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
from django.db import models, transaction
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied
from guanxi.core.models import Operation, OutboxEvent
from guanxi.core.models.fixed import ask
from guanxi.core.records import derived, doubts
from guanxi.core.records.copying import copy_lines, copy_records, escaped, json_text, plain
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of
from guanxi.runtime.failpoints import planned, reach

#: How long an operation can be taken back, and the trash keeps a record.
UNDO_FOR = timedelta(days=30)


@dataclass
class _Open:
    """The writing in progress: its audit context and the events that wait for its end."""

    context: str
    events: list[OutboxEvent] = field(default_factory=list)


_open: ContextVar[_Open | None] = ContextVar("guanxi_writing", default=None)


_origin: ContextVar[str] = ContextVar("guanxi_origin", default="")
_gathering: ContextVar[Operation | None] = ContextVar("guanxi_gathering", default=None)


@contextmanager
def gathering(operation: Operation) -> Iterator[None]:
    """Within the block all that is written belongs to ``operation``, whatever operations the services would begin:
    one step of a longer work, and one thing to take back."""
    token = _gathering.set(operation)
    try:
        yield
    finally:
        _gathering.reset(token)


@contextmanager
def coming_from(origin: str) -> Iterator[None]:
    """Within the block facts say that they come from ``origin`` (``rule:<run>``) rather than from a way in."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def origin_of(actor: Actor) -> str:
    """Where a fact written now comes from."""
    return _origin.get() or actor.via


def _context(actor: Actor, operation: Operation | int | None) -> str:
    number = operation.pk if isinstance(operation, Operation) else operation
    return orjson.dumps(
        {
            "actor": actor.user_id,
            "name": actor.name,
            "via": actor.via,
            "request": actor.request_id,
            "address": actor.address,
            "operation": number,
        }
    ).decode()


def _tell(context: str) -> None:
    ask("SELECT set_config('guanxi.context', %s, true)", [context])


@contextmanager
def writing(actor: Actor, *, operation: Operation | int | None = None, savepoint: bool = True) -> Iterator[None]:
    """All or nothing, in the name of ``actor``; events emitted inside leave with the outermost block.

    Blocks nest: an inner one may act for somebody else or under its own operation, the outer one goes on after it.
    Where who writes is asked back what is rarely meant (``doubts.asking``), the outermost block raises that at its end.
    Without a ``savepoint`` an inner block that fails takes the outer one with it: where nothing between them catches.
    Raises Denied for who holds a token that may read only, whatever he is about to do.
    """
    if actor.scopes is not None and "write" not in actor.scopes:
        raise Denied(_("This token may read only."))
    outer = _open.get()
    context = _context(actor, _gathering.get() or operation)
    mine = _Open(context, outer.events if outer else [])
    token = _open.set(mine)
    waiting = len(mine.events)
    doubted = doubts.begin(outermost=outer is None)
    try:
        with transaction.atomic(savepoint=savepoint):
            if outer is None or outer.context != context:
                _tell(context)
            yield
            if outer is None:
                doubts.settle()
                derived.settle(actor, emit)
                _flush(mine.events)
                reach("records.before_commit")
                if planned():  # the transaction may be a larger one's, which commits later
                    transaction.on_commit(partial(reach, "records.after_commit"))
            elif outer.context != context:
                _tell(outer.context)
    except BaseException:
        del mine.events[waiting:]
        doubts.forget(doubted)
        raise
    finally:
        _open.reset(token)


def _flush(events: list[OutboxEvent]) -> None:
    if len(events) > 20:
        copy_records(events)
    elif events:
        OutboxEvent.objects.bulk_create(events)


def emit(
    actor: Actor,
    verb: str,
    record: models.Model | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    entity: str = "",
    record_id: int | None = None,
) -> None:
    """Announce ``<entity>.<verb>`` with this transaction. ``changes`` maps a field to ``[before, after]``."""
    current = _open.get()
    if current is None:
        raise RuntimeError("emit() needs an open writing() block")
    key = entity or (entity_of(record).key if record is not None else "core")
    current.events.append(
        OutboxEvent(
            name=f"{key}.{verb}",
            entity=key,
            record_id=record.pk if record is not None else record_id,
            changes={name: [kinds.json_of(value) for value in pair] for name, pair in (changes or {}).items()},
            actor_id=actor.user_id,
            actor_name=actor.name,
            origin=origin_of(actor),
            at=clock.now(),
        )
    )


def emit_many(
    actor: Actor, entity: Entity, verb: str, changed: Iterable[tuple[int, Mapping[str, Sequence[Any]]]]
) -> None:
    """``emit`` for many records at once; within ``writing``."""
    emit_lines(actor, entity, verb, ((number, json_text(changes)) for number, changes in changed))


def emit_lines(actor: Actor, entity: Entity, verb: str, changed: Iterable[tuple[int, str]]) -> None:
    """The same for (record id, changes as ``json_text`` writes them)."""
    now = clock.now().isoformat()
    name = f"{entity.key}.{verb}"
    before, after = (
        f"{name}\t{entity.key}",
        f"{plain(actor.user_id)}\t{escaped(actor.name)}\t{escaped(origin_of(actor))}\t{now}\t0\t",
    )
    lines = [f"{before}\t{number}\t{changes}\t{after}" for number, changes in changed]
    columns = ("name", "entity", "record_id", "changes", "actor_id", "actor_name", "origin", "at", "attempts", "error")
    copy_lines(OutboxEvent._meta.db_table, columns, lines)


def operation_begin(actor: Actor, sort: str, entity: str = "", **values: Any) -> Operation:
    """A recorded operation that can be undone for 30 days (``undo_until`` overrides); the one being gathered for, if any."""
    if (gathered := _gathering.get()) is not None:
        return gathered
    return Operation.objects.create(
        sort=sort,
        entity=entity,
        actor_id=actor.user_id,
        actor_name=actor.name,
        **{"undo_until": clock.now() + UNDO_FOR, **values},
    )
