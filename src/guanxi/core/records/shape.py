"""The fields of an entity as they are now: built-in ones and those an administrator added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from django.utils.functional import lazy
from django.utils.translation import get_language

from guanxi.core.access import field_level
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import CustomField
from guanxi.core.models.stamps import kept
from guanxi.core.schema import derive
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field, Personal
from guanxi.core.schema.registry import entity_of, is_registered


def spoken(zh: str, en: str) -> str:
    """The one of two names that fits the present language; the other one if it is empty."""
    chinese = (get_language() or "zh").startswith("zh")
    return (zh or en) if chinese else (en or zh)


_spoken_later = lazy(spoken, str)


def _declared(row: CustomField) -> Field:
    options = {
        name: value
        for name, value in row.options.items()
        if name in ("max_length", "places", "minimum", "maximum", "default", "unique", "currency")
    }
    return Field(
        name=f"custom.{row.key}",
        kind=row.kind,
        label=_spoken_later(row.label_zh, row.label_en),
        help=_spoken_later(row.help_zh, row.help_en),
        required=row.required,
        dictionary=row.dictionary,
        target=row.target,
        personal=cast("Personal", row.personal),
        custom=True,
        **options,
    )


@kept("fields")
def _custom(key: str) -> dict[str, Field]:
    return {f"custom.{row.key}": _declared(row) for row in CustomField.objects.filter(entity=key, active=True)}


@kept("fields")
def _all(key: str) -> dict[str, Field]:
    return {**derive.fields_of(key), **_custom(key)}


def fields_of(what: str | Entity) -> Mapping[str, Field]:
    """All fields by name; custom ones are named ``custom.<key>``."""
    return _all(what if isinstance(what, str) else what.key)


def field_at(entity: Entity, path: str) -> Field | None:
    """The field a path such as ``customer.region`` ends at, ``None`` if there is none."""
    fields = fields_of(entity)
    if path in fields:
        return fields[path]
    name, _dot, rest = path.partition(".")
    field = fields.get(name)
    if field is None or not rest or not is_registered(field.target):
        return None
    return field_at(entity_of(field.target), rest)


def path_level(actor: Actor, entity: Entity, path: str) -> str:
    """The level at which the actor sees the field at the end of a path; ``hidden`` if any step is hidden."""
    fields = fields_of(entity)
    if path in fields:
        return field_level(actor, entity, path)
    name, _dot, rest = path.partition(".")
    field = fields.get(name)
    if field is None or not is_registered(field.target) or field_level(actor, entity, name) in ("hidden", "masked"):
        return "hidden"
    return path_level(actor, entity_of(field.target), rest)


def readable(actor: Actor, entity: Entity) -> dict[str, Field]:
    """All fields the actor may see at all."""
    return {name: field for name, field in fields_of(entity).items() if field_level(actor, entity, name) != "hidden"}


def writable(actor: Actor, entity: Entity) -> dict[str, Field]:
    """All fields the actor may write."""
    return {
        name: field
        for name, field in fields_of(entity).items()
        if not field.readonly and field_level(actor, entity, name) == "write"
    }
