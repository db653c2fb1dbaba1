"""A record as one person may see it, for panels and cards that draw it by hand: they name its attributes, rights hold behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.core.access import by_roles, field_level
from guanxi.core.kernel import masking
from guanxi.core.kernel.actor import Actor, Level
from guanxi.core.records import display, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of


def seen(actor: Actor, record: Any) -> Any:
    """The record with its values as the actor may see them: hidden ones are empty, of masked ones only texts are told, masked.

    It reads like the record, cannot be written, and no right can be asked of it. What is no field is the record's own.
    """
    if actor.is_system or actor.rights.everything:
        return record
    return _Seen(actor, record)


class _Seen:
    __slots__ = ("_actor", "_entity", "_record", "_veiled")

    def __init__(self, actor: Actor, record: Any) -> None:
        self._actor, self._record, self._entity = actor, record, entity_of(record)
        self._veiled = _veiled(actor, self._entity)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # rights are asked of the record itself: nobody is to take this for one
            raise AttributeError(name)
        if not self._veiled:
            return getattr(self._record, name)
        veiled = self._veiled.get(name)
        if veiled is not None:
            return self._less(name, *veiled)
        if name.startswith("get_") and name.endswith("_display") and name[4:-8] in self._veiled:
            told = getattr(self, name[4:-8])
            return getattr(self._record, name) if told == getattr(self._record, name[4:-8]) else lambda: told or ""
        return getattr(self._record, name)

    def _less(self, name: str, field: Field, level: Level) -> Any:
        """What is told of a field the actor may not read in full."""
        if name == self._entity.title:
            return str(self)
        value = getattr(self._record, name) if level == "masked" else None
        if isinstance(value, str):
            return masking.mask(field.mask, value)
        return values.empty_value(field) if name == field.name else None

    def __str__(self) -> str:
        return display.title_of(self._entity, self._record, self._actor)


def _veiled(actor: Actor, entity: Entity) -> Mapping[str, tuple[Field, Level]]:
    """The built-in fields the actor may not read in full, with what he may, by the attributes that hold them."""
    fields = shape.fields_of(entity)

    def found() -> dict[str, tuple[Field, Level]]:
        veiled: dict[str, tuple[Field, Level]] = {}
        for name, field in fields.items():
            level = "write" if field.custom else field_level(actor, entity, name)
            if level in ("hidden", "masked"):
                veiled |= dict.fromkeys((name, field.column or name, f"{name}_id"), (field, level))
        return veiled

    return by_roles(actor, ("veiled", entity.key), fields, found)
