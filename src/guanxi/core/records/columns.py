"""Fields as database expressions: a built-in field is a column, a custom one a path into ``custom``."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from guanxi.core.records import shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entities, entity_of, is_registered

_CASTS: dict[str, Any] = {
    "numeric": lambda: models.DecimalField(max_digits=30, decimal_places=10),
    "date": models.DateField,
    "timestamptz": models.DateTimeField,
    "time": models.TimeField,
    "boolean": models.BooleanField,
    "bigint": models.BigIntegerField,
}


def typed(field: Field, path: str) -> Any:
    """The field's value in its own SQL type, for sums, groups and comparisons between columns."""
    if not field.custom:
        return F(path.replace(".", "__"))
    before, _custom, key = path.rpartition("custom.")
    text = KeyTextTransform(key, f"{before.replace('.', '__')}custom")
    cast = _CASTS.get(KINDS[field.kind].cast)
    return Cast(text, cast()) if cast else text


def index_name(table: str, key: str, sort: str) -> str:
    """The name of an index on a custom field, the same every time, at most 63 characters; ``uq`` is the unique one."""
    digest = hashlib.sha256(f"{table}.{key}".encode()).hexdigest()[:8]
    return f"gx_{sort}_{table[:24]}_{key[:18]}_{digest}"


def points_to(reference: Field, ids: list[int]) -> Q:
    """The condition that a reference, single or many, built-in or custom, points to one of the records."""
    if not reference.custom:
        return Q(**{f"{reference.name}_id__any": ids})
    found = Q()
    for one in ids:
        found |= Q(custom__contains={reference.key: [one] if reference.kind == "references" else one})
    return found or Q(pk__isnull=True)


def relation(entity: Entity, path: str) -> tuple[Entity | None, Field | None]:
    """The entity and reference of ``<entity>.<reference>`` if it points to ``entity``, else twice ``None``."""
    for name in (path.rpartition(".")[2], f"custom.{path.rpartition('.')[2]}"):
        key = path.removesuffix(f".{name}")
        if key == path or not is_registered(key):
            continue
        child = entity_of(key)
        field = shape.fields_of(child).get(name)
        target = "core.user" if field is not None and field.kind == "user" else field.target if field else ""
        if field is not None and target == entity.key:
            return child, field
    return None, None


def relations(entity: Entity) -> list[tuple[Entity, Field]]:
    """Every reference of any entity that points here."""

    return [
        (child, field)
        for child in entities()
        for field in shape.fields_of(child).values()
        if field.kind in ("reference", "references") and field.target == entity.key
    ]
