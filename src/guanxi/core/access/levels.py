"""What an actor may see and write of single fields."""

from __future__ import annotations

from guanxi.core.access.actors import default_level
from guanxi.core.kernel.actor import Actor, Level
from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of


def field_level(actor: Actor, entity: Entity | str, field: str) -> Level:
    """``hidden``, ``masked``, ``read`` or ``write``; the most generous of the actor's roles."""
    if actor.is_system or actor.rights.everything:
        return "write"
    key = entity if isinstance(entity, str) else entity.key
    stated = actor.rights.levels.get(key, {}).get(field)
    return stated if stated is not None else default_level(key, field)


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
