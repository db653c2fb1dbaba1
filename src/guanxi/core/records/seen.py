"""A record as one person may see it, for panels and cards that draw it by hand: they name its attributes, rights hold behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.core.access import field_level
from guanxi.core.kernel import masking
from guanxi.core.kernel.actor import Actor
from guanxi.core.models.stamps import kept
from guanxi.core.records import display, shape, values
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, generation


def seen(actor: Actor, record: Any) -> Any:
    """The record with its values as the actor may see them: hidden ones are empty, of masked ones only texts are told, masked.

    It reads like the record, cannot be written, and no right can be asked of it. What is no field is the record's own.
    """
    if actor.is_system or actor.rights.everything:
        return record
    return _Seen(actor, record)


class _Seen:
    __slots__ = ("_actor", "_key", "_record")

    def __init__(self, actor: Actor, record: Any) -> None:
        self._actor, self._record, self._key = actor, record, entity_of(record).key

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # rights are asked of the record itself: nobody is to take this for one
            raise AttributeError(name)
        if name.startswith("get_") and name.endswith("_display"):
            told = getattr(self, name[4:-8])
            return getattr(self._record, name) if told == getattr(self._record, name[4:-8]) else lambda: told or ""
        field = _fields(self._key, generation()).get(name)
        level = "write" if field is None else field_level(self._actor, self._key, field.name)
        if field is None or level in ("read", "write"):
            return getattr(self._record, name)
        if name == entity_of(self._key).title:
            return str(self)
        value = getattr(self._record, name) if level == "masked" else None
        if isinstance(value, str):
            return masking.mask(field.mask, value)
        return values.empty_value(field) if name == field.name else None

    def __str__(self) -> str:
        return display.title_of(entity_of(self._key), self._record, self._actor)


@kept("fields")
def _fields(entity: str, _generation: int) -> Mapping[str, Field]:
    """The built-in fields by the attributes that hold them."""
    found: dict[str, Field] = {}
    for name, field in shape.fields_of(entity_of(entity)).items():
        if not field.custom:
            found |= {name: field, field.column or name: field, f"{name}_id": field}
    return found
