"""From a model and its declaration to the fields every face sees."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered

#: Columns of the engine that are no field of anybody's form.
INTERNAL = frozenset(
    {
        "version",
        "deleted_by",
        "custom",
        "carrier_owner",
        "sort_key",
        "password",
        "last_login",
        "security_stamp",
        "preferences",
    }
)
#: Names of columns whose model gives none.
LABELS: Mapping[str, Text] = {"deleted_at": _("deleted")}
READONLY = frozenset({"id", "created_at", "updated_at", "created_by", "updated_by", "deleted_at"})

_KINDS: tuple[tuple[type[models.Field[Any, Any]], str], ...] = (
    (models.EmailField, "email"),
    (models.URLField, "url"),
    (models.CharField, "text"),
    (models.TextField, "long_text"),
    (models.DateTimeField, "datetime"),
    (models.DateField, "date"),
    (models.TimeField, "time"),
    (models.BooleanField, "boolean"),
    (models.DecimalField, "decimal"),
    (models.FloatField, "decimal"),
    (models.IntegerField, "integer"),
)


def _kind(column: models.Field[Any, Any]) -> str:
    declared = getattr(column, "kind", "")
    if declared:
        return str(declared)
    if isinstance(column, models.ForeignKey):
        return "user" if column.related_model._meta.label == "core.User" else "reference"
    if isinstance(column, ArrayField):
        return "tags" if column.name == "tags" else "choices"
    if column.choices:
        return "choice"
    for model_field, kind in _KINDS:
        if isinstance(column, model_field):
            return kind
    return ""


def _bounds(column: models.Field[Any, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if kind in ("decimal", "money", "percent") and isinstance(column, models.DecimalField):
        found["places"] = column.decimal_places
    if kind == "integer":
        positive = isinstance(
            column, models.PositiveIntegerField | models.PositiveSmallIntegerField | models.PositiveBigIntegerField
        )
        small = isinstance(column, models.SmallIntegerField | models.PositiveSmallIntegerField)
        found["minimum"] = 0 if positive else None
        found["maximum"] = 32767 if small else 2**63 - 1 if isinstance(column, models.BigIntegerField) else 2**31 - 1
    if kind in ("text", "long_text", "choice", "email", "phone", "url", "serial", "region"):
        found["max_length"] = column.max_length
    return found


def _target(column: models.Field[Any, Any]) -> str:
    related = getattr(column, "related_model", None)
    return related._meta.label_lower if related is not None and not isinstance(related, str) else ""


def _derived(column: models.Field[Any, Any]) -> Field | None:
    kind = _kind(column)
    if not kind:
        return None
    attributes: dict[str, Any] = {
        "name": column.name,
        "kind": kind,
        "column": column.column,
        "label": LABELS.get(column.name) or column.verbose_name,
        "help": column.help_text,
        "required": not column.blank and not column.has_default() and not isinstance(column, models.BooleanField),
        "unique": column.unique and not column.primary_key,
        "readonly": column.name in READONLY or not column.editable,
        "target": _target(column) if kind in ("reference", "user") else "",
        "default": column.default if column.has_default() and not callable(column.default) else None,
        **_bounds(column, kind),
        **getattr(column, "spec", {}),
    }
    if kind == "choice" and column.choices:
        attributes["choices"] = tuple((str(key), capfirst(label)) for key, label in column.flatchoices)
    return Field(**attributes)


@cache
def _fields(model: type[models.Model], key: str) -> Mapping[str, Field]:
    entity = entity_of(key)
    found: dict[str, Field] = {}
    for column in model._meta.concrete_fields:
        if column.name in INTERNAL or column.name in entity.hidden:
            continue
        field = _derived(column)
        if field is None:
            continue
        changed = dict(entity.fields.get(column.name, {}))
        found[column.name] = (
            Field(**{**{name: getattr(field, name) for name in field.__slots__}, **changed}) if changed else field
        )
    return found


def fields_of(what: str | Entity | type[models.Model]) -> Mapping[str, Field]:
    """The built-in fields of an entity by name, in the model's order. Custom fields: ``records.shape.fields_of``."""
    entity = entity_of(what)
    return _fields(entity.model, entity.key)


def forget() -> None:
    """Entities were replaced: derive their fields anew."""
    _fields.cache_clear()


def target_of(field: Field) -> Entity | None:
    """The entity a reference field points to, if it is registered."""
    return entity_of(field.target) if field.target and is_registered(field.target) else None
