"""Announcements between rooms: a fact that happened, and those who asked to hear of it.

Facts are written to the outbox in the transaction that made them and delivered by a job, at least once; so a
subscriber must be idempotent. Subscribing happens in ``subscribers.py`` of an area at start.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. ``name`` is ``<entity key>.<verb>``, for instance ``customers.customer.updated``.

    ``changes`` maps a field to ``[before, after]`` (JSON values); ``record_id`` is the record's id; ``origin`` the way it
    came in (``web``, ``import`` …) or the run of a rule that made it (``rule:<id>``).
    """

    id: int
    name: str
    entity: str
    record_id: int | None
    changes: Mapping[str, Any]
    actor_id: int | None
    actor_name: str
    at: dt.datetime
    origin: str = ""


Subscriber = Callable[[Event], None]
_subscribers: dict[str, list[Subscriber]] = {}


def subscribe(*names: str) -> Callable[[Subscriber], Subscriber]:
    """Ask to hear of events: exact names, ``customers.customer.*``, or ``*``. Used as a decorator."""

    def keep(subscriber: Subscriber) -> Subscriber:
        for name in names:
            known = _subscribers.setdefault(name, [])
            if subscriber not in known:
                known.append(subscriber)
        return subscriber

    return keep


def subscribers_of(name: str) -> tuple[Subscriber, ...]:
    """Everyone who asked for this event, in order of subscription."""
    entity = name.rpartition(".")[0]
    return (
        *_subscribers.get(name, ()),
        *_subscribers.get(f"{entity}.*", ()),
        *_subscribers.get("*", ()),
    )
