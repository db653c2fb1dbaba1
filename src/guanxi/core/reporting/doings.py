"""What a person did in a stretch of days, by sort of record: areas say what counts, work reports are written from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guanxi.core import records
from guanxi.core.access import allowed
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.records import display
from guanxi.core.reporting.folding import Node
from guanxi.core.reporting.parts import together
from guanxi.core.reporting.windows import Window
from guanxi.core.schema.registry import entity_of, is_registered

#: So many records of a sort are named.
NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One sort of doing: records of an entity whose ``person`` it was and whose ``at`` lies in the days."""

    key: str
    label: Text
    entity: str
    at: str = "created_at"
    person: str = "owner"
    filter: Mapping[str, Any] | None = None
    order: int = 50


@dataclass(frozen=True, slots=True)
class Done:
    """What was done of one sort: how many, the names of the first, and the filter that lists them all."""

    source: Source
    number: int
    names: tuple[str, ...]
    node: Node


_sources: dict[str, Source] = {}


def source(key: str, label: Text, entity: str, **how: Any) -> None:
    """Enter a sort of doing (see :class:`Source`)."""
    _sources[key] = Source(key=key, label=label, entity=entity, **how)


def sources() -> list[Source]:
    """Every sort of doing there is, in order."""
    return sorted(_sources.values(), key=lambda each: (each.order, each.key))


def done(actor: Actor, person: int, window: Window) -> list[Done]:
    """What the person did in the days, as far as the actor may see it; two queries a sort, sorts without any left out."""
    found = []
    for one in sources():
        if not is_registered(one.entity) or not allowed(actor, "view", one.entity):
            continue
        entity = entity_of(one.entity)
        node = together({"field": one.person, "op": "eq", "value": person}, window.node(one.at), one.filter)
        page = records.select(actor, entity, filter=node, sort=(one.at,), limit=NAMED)
        if page.items:
            names = tuple(display.title_of(entity, row, actor) for row in page.items)
            found.append(Done(one, page.count or 0, names, node))
    return found
