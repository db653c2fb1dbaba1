"""What an actor may see and write of single fields."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from guanxi.core.access import clients
from guanxi.core.access.actors import custom_fields, default_level
from guanxi.core.kernel.actor import Actor, Level
from guanxi.core.models.stamps import current
from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

T = TypeVar("T")


def field_level(actor: Actor, entity: Entity | str, field: str) -> Level:
    """``hidden``, ``masked``, ``read`` or ``write``; the most generous of the actor's roles.

    A derived field is hidden for whoever may not see one of those it is reckoned from.
    """
    if actor.is_system or actor.rights.everything:
        return "write"
    key = entity if isinstance(entity, str) else entity.key
    if actor.kind == "client":
        return clients.level(actor, key, field)
    place = ("level", key, field, current("fields"))
    level: Level | None = actor.rights.memo.get(place)
    if level is None:
        level = actor.rights.memo[place] = _level(actor, key, field)
    return level


def reads(actor: Actor, entity: Entity | str, *fields: str) -> bool:
    """Whether the actor sees all these fields in full, so that what is made of them may be shown to him."""
    return all(field_level(actor, entity, one) in ("read", "write") for one in fields)


def by_roles(actor: Actor, place: Hashable, fields: Mapping[str, Field], make: Callable[[], T]) -> T:
    """What follows from roles and an entity's fields alone: made once for the same of both, each time for those without roles."""
    if actor.kind != "user":
        return make()
    held: tuple[Mapping[str, Field], T] | None = actor.rights.memo.get(place)
    if held is None or held[0] is not fields:
        held = actor.rights.memo[place] = (fields, make())
    return held[1]


def _level(actor: Actor, key: str, field: str) -> Level:
    stated = actor.rights.levels.get(key, {}).get(field)
    level = stated if stated is not None else default_level(key, field)
    if level != "hidden" and field.startswith("custom.") and not _sees_sources(actor, key, field):
        return "hidden"
    return level


def _sees_sources(actor: Actor, entity: str, field: str) -> bool:
    sources = custom_fields(entity).get(field, ("", ()))[1]
    return all(field_level(actor, key, name) in ("read", "write") for key, name in sources)


def readable_fields(actor: Actor, entity: Entity | str) -> dict[str, Field]:
    """Built-in fields the actor may see at all (masked ones included)."""
    return {
        name: field
        for name, field in fields_of(entity_of(entity)).items()
        if field_level(actor, entity, name) != "hidden"
    }


def writable_fields(actor: Actor, entity: Entity | str) -> dict[str, Field]:
    """Built-in fields the actor may write, given that he may change the record."""
    return {
        name: field
        for name, field in fields_of(entity_of(entity)).items()
        if not field.readonly and field_level(actor, entity, name) == "write"
    }
