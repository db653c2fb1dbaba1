"""Figures for the home page: each is a report without rows, so that its number is that of the list it leads to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from guanxi.core.access import allowed
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Text
from guanxi.core.kernel.memo import asked_once
from guanxi.core.reporting.engine import Scope, run
from guanxi.core.reporting.results import Result
from guanxi.core.reporting.spec import Spec, read
from guanxi.core.schema.registry import entity_of

#: So many records are counted one by one for a figure: of more it says that there are more.
MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure: ``shown(actor)`` says whose home it stands on; ``good`` whether growing is good, bad or neither (0)."""

    key: str
    label: Text
    spec: Spec
    order: int = 50
    good: int = 1
    shown: Callable[[Actor], bool]


_tiles: dict[str, Tile] = {}


def everyone(_actor: Actor) -> bool:
    """On everybody's home who may see such records."""
    return True


def may(action: str, entity: str) -> Callable[[Actor], bool]:
    """On the home of those who may do the action to such records."""
    return lambda actor: allowed(actor, action, entity)


def works(entity: str) -> Callable[[Actor], bool]:
    """On the home of those whose work such records are: who makes them, and changes whatever he sees or has some.

    Who looks up all of them and has none (service, marketing) is not told of his none.
    """

    def shown(actor: Actor) -> bool:
        seen, changed = actor.rights.of(entity, "view"), actor.rights.of(entity, "change")
        whole = changed.everyone or (not seen.everyone and seen.owners <= changed.owners)
        return allowed(actor, "create", entity) and (whole or _has(actor, entity))

    return shown


@asked_once(lambda actor, entity: (actor.user_id, entity))
def _has(actor: Actor, entity: str) -> bool:
    return bool(entity_of(entity).model._default_manager.filter(owner_id=actor.user_id or 0).exists())


def leads(entity: str) -> Callable[[Actor], bool]:
    """On the home of those who answer for others' such records, or look on without making any: it speaks of the team."""

    def shown(actor: Actor) -> bool:
        reach = actor.rights.of(entity, "change" if allowed(actor, "create", entity) else "view")
        return reach.everyone or len(reach.owners) > 1

    return shown


def number(
    key: str,
    label: Text,
    definition: Mapping[str, Any],
    *,
    order: int = 50,
    good: int = 1,
    shown: Callable[[Actor], bool] = everyone,
) -> None:
    """Enter a figure; ``definition`` is that of ``reporting.spec`` without rows. Its first measure is what is shown."""
    _tiles[key] = Tile(key=key, label=label, spec=read(definition), order=order, good=good, shown=shown)


def known() -> frozenset[str]:
    """The keys of all figures."""
    return frozenset(_tiles)


def tiles_for(actor: Actor, keys: tuple[str, ...] = ()) -> list[tuple[Tile, Result]]:
    """The figures of the actor's home, in order (or those of ``keys``); one that he may not know is left out.

    Records are counted up to ``MOST``, and one more, where no sum tells how many there are.
    """
    found = []
    for tile in sorted(_tiles.values(), key=lambda one: (one.order, one.key)):
        if keys and tile.key not in keys:
            continue
        if tile.shown(actor) and allowed(actor, "view", tile.spec.dataset):
            try:
                found.append((tile, run(actor, tile.spec, Scope(upto=MOST))))
            except GuanxiError:
                continue
    return found
