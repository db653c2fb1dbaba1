"""The fields of an entity as they are now: built-in ones and those an administrator added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

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


#: Options of a row that are attributes of the field itself.
OPTIONS = ("max_length", "places", "minimum", "maximum", "default", "unique", "currency", "readonly", "plain")
#: Kinds whose values the house reckons; the field is a read-only one of the kind they give.
DERIVED = ("formula", "rollup")


def declared(row: CustomField) -> Field:
    """The field a row describes."""
    given = {name: value for name, value in row.options.items() if name in OPTIONS}
    kind = row.kind
    if kind in DERIVED:
        kind = row.options.get("result") or "decimal"
        given["readonly"] = True
    if kind == "serial":
        given["readonly"] = True
    return Field(
        name=f"custom.{row.key}",
        kind=kind,
        label=_spoken_later(row.label_zh, row.label_en),
        help=_spoken_later(row.help_zh, row.help_en),
        required=row.required and row.kind not in DERIVED,
        dictionary=row.dictionary,
        target=row.target,
        personal=cast("Personal", row.personal),
        custom=True,
        formula=row.options.get("formula", "") if row.kind == "formula" else "",
        rollup=row.options.get("rollup") if row.kind == "rollup" else None,
        rules={name: text for name, text in row.rules.items() if text} or None,
        reads=tuple((str(entity), str(name)) for entity, name in row.options.get("reads", ())),
        columns=tuple(_column(one) for one in row.options.get("columns", ())),
        group=_spoken_later(row.options.get("group_zh", ""), row.options.get("group_en", "")),
        **given,
    )


def _column(given: Mapping[str, Any]) -> Field:
    """One column of a sub-table."""
    return Field(
        name=given["key"],
        kind=given.get("kind", "text"),
        label=_spoken_later(given.get("label_zh", ""), given.get("label_en", "")),
        required=bool(given.get("required")),
        dictionary=given.get("dictionary", ""),
    )


@kept("fields")
def _custom(key: str) -> dict[str, Field]:
    return {f"custom.{row.key}": declared(row) for row in CustomField.objects.filter(entity=key, active=True)}


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
