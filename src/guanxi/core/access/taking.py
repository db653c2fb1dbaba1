"""An actor as he is while figures are made for a file: of some entities he sees what he may also take out, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from guanxi.core.access.rules import by_share, carrier_key
from guanxi.core.kernel.actor import Actor, Reach
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of


def exporting(actor: Actor, *entities: Entity | str) -> Actor:
    """The actor with his sight of these entities narrowed to his right to export them; himself where that is as wide.

    Whether he may export any at all is asked with ``require``. What everybody may see stays in sight.
    """
    if actor.kind != "user" or actor.rights.everything:
        return actor
    for one in map(entity_of, entities):
        if not one.access.public and not actor.rights.of(one.key, "export").everyone:
            actor = _narrowed(actor, one)
    return actor


def _narrowed(actor: Actor, entity: Entity) -> Actor:
    sees = actor.rights.of(entity.key, "view")
    takes = _within(sees, actor.rights.of(entity.key, "export"))
    shared = _kept(actor, entity)
    pools = {} if entity.access.pool else actor.pools
    if (takes, shared, pools) == (replace(sees, sources=()), actor.shared, actor.pools):
        return actor
    reach = {**actor.rights.reach, entity.key: {**actor.rights.reach.get(entity.key, {}), "view": takes}}
    return replace(actor, rights=replace(actor.rights, reach=reach, memo={}), shared=shared, pools=pools)


def _within(sees: Reach, takes: Reach) -> Reach:
    """What lies within both."""
    owners = takes.owners if sees.everyone else sees.owners & takes.owners
    return Reach(owners=owners, unowned=sees.covers(None) and takes.unowned)


def _kept(actor: Actor, entity: Entity) -> Mapping[str, Mapping[int, Literal["read", "write"]]]:
    """What is shared with him, without what he sees of the entity by a share that does not let him take it out."""
    asked = {entity.key, carrier_key(entity)}
    return {
        key: {pk: level for pk, level in ids.items() if key not in asked or by_share(entity, level, "export")}
        for key, ids in actor.shared.items()
    }
