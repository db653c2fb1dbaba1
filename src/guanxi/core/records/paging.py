"""Keyset pages: a stable order, a cursor that holds the last row's place, cost by rows shown and not by rows stored."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import OrderBy
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import shape
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of, is_registered

#: Bytes of proof in front of a cursor.
SEAL = 12


@dataclass(frozen=True, slots=True)
class Key:
    """One sort key: the column's path in Django's words, its direction, whether it may be null."""

    column: str
    descending: bool
    nullable: bool

    def order(self, *, reverse: bool) -> OrderBy:
        down = self.descending is not reverse
        if not self.nullable:
            return F(self.column).desc() if down else F(self.column).asc()
        empty_last = not reverse
        options = {"nulls_last": True} if empty_last else {"nulls_first": True}
        return F(self.column).desc(**options) if down else F(self.column).asc(**options)


def sort_keys(actor: Actor, entity: Entity, sort: Sequence[str]) -> tuple[Key, ...]:
    """Keys for field names with ``-`` for descending; the id comes last. Raises Invalid for what cannot be sorted."""
    keys: list[Key] = []
    for name in sort or entity.sort:
        path = name.lstrip("-")
        field = shape.field_at(entity, path)
        if not sort and not _told(actor, entity, path):
            continue
        if path in ("id", "pk"):
            keys.append(Key("id", name.startswith("-"), nullable=False))
            continue
        if field is None and path in {column.name for column in entity.model._meta.concrete_fields} and not sort:
            keys.append(Key(path, name.startswith("-"), nullable=_nullable(entity, path)))
            continue
        if field is None or not _told(actor, entity, path):
            raise Invalid(_("There is no field “%(path)s”.") % {"path": path}, code="sort.field", field=path)
        if not KINDS[field.kind].sortable:
            raise Invalid(_("“%(field)s” cannot be sorted by.") % {"field": field.label}, code="sort.kind", field=path)
        column = _column(entity, path)
        nullable = field.custom or "__" in column or _nullable(entity, column)
        keys.append(Key(column, name.startswith("-"), nullable))
    if not any(key.column == "id" for key in keys):
        keys.append(Key("id", keys[-1].descending if keys else True, nullable=False))
    return tuple(keys)


def _told(actor: Actor, entity: Entity, path: str) -> bool:
    """Whether an order by a field tells the actor nothing he may not see: neither its value nor the name of what it points to."""
    field = shape.field_at(entity, path)
    if field is None:  # the order of names goes by a column of their own
        return path != "sort_key" or shape.title_level(actor, entity) in ("read", "write")
    if shape.path_level(actor, entity, path) in ("hidden", "masked"):
        return False
    pointing = field.kind in ("reference", "user") and is_registered(field.target or "core.user")
    target = entity_of(field.target or "core.user") if pointing else None
    return target is None or shape.title_level(actor, target) in ("read", "write")


def _nullable(entity: Entity, column: str) -> bool:
    return bool(entity.model._meta.get_field(column).null)


def _has(model: type[models.Model], name: str) -> bool:
    return any(column.name == name for column in model._meta.concrete_fields)


def _column(entity: Entity, path: str) -> str:
    """The column to sort by: names by their pinyin key, references by the name of what they point to."""
    if path == entity.title and _has(entity.model, "sort_key"):
        return "sort_key"
    if path.startswith("custom."):
        return path.replace(".", "__", 1)
    name, _dot, rest = path.partition(".")
    if not rest and shape.fields_of(entity)[name].kind not in ("reference", "user"):
        return name
    target = shape.step(entity, name)
    if target is None:
        return name
    return f"{name}__{_column(target, rest or target.title)}"


def after(keys: Sequence[Key], values: Sequence[Any], *, reverse: bool) -> Q:
    """The condition for rows that come after the row with these key values (before it, when reversed)."""
    down = {key.descending is not reverse for key in keys}
    if len(down) == 1 and not any(key.nullable for key in keys):
        lookup = TupleLessThan if down == {True} else TupleGreaterThan
        return Q(lookup(Tuple(*(F(key.column) for key in keys)), tuple(values)))
    found, same = Q(), Q()
    for key, value in zip(keys, values, strict=True):
        found |= same & _beyond(key, value, reverse=reverse)
        same &= Q(**{f"{key.column}__isnull": True}) if value is None else Q(**{key.column: value})
    return found


def _beyond(key: Key, value: Any, *, reverse: bool) -> Q:
    """Rows whose key lies strictly beyond ``value``; nulls lie at the end (at the beginning when reversed)."""
    if value is None:
        return Q(**{f"{key.column}__isnull": False}) if reverse else Q(pk__isnull=True)
    lookup = "lt" if key.descending is not reverse else "gt"
    found = Q(**{f"{key.column}__{lookup}": value})
    return found | Q(**{f"{key.column}__isnull": True}) if key.nullable and not reverse else found


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"d": str(value)}
    if isinstance(value, dt.datetime):
        return {"t": value.isoformat()}
    if isinstance(value, dt.date | dt.time):
        return {"t": value.isoformat(), "k": type(value).__name__}
    return value


def _lively(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "d" in value:
        return Decimal(value["d"])
    if value.get("k") == "time":
        return dt.time.fromisoformat(value["t"])
    return (dt.date if value.get("k") == "date" else dt.datetime).fromisoformat(value["t"])


def cursor_for(keys: Sequence[Key], values: Sequence[Any], *, reverse: bool = False) -> str:
    """An opaque text that names a place in this order."""
    spelled = [f"{'-' if key.descending else ''}{key.column}" for key in keys]
    packed = orjson.dumps(
        [
            int(reverse),
            spelled,
            [_plain(kinds.json_of(value) if isinstance(value, list) else value) for value in values],
        ]
    )
    return base64.urlsafe_b64encode(_seal(packed) + packed).rstrip(b"=").decode()


def _seal(packed: bytes) -> bytes:
    """Proof that we made the cursor: nobody else can put values into it that a column cannot be compared with."""
    return salted_hmac("guanxi.records.paging", packed, algorithm="sha256").digest()[:SEAL]


def read_cursor(keys: Sequence[Key], cursor: str) -> tuple[list[Any], bool]:
    """The values and direction a cursor holds. Raises Invalid if it is not one of this order."""
    try:
        sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        packed = sealed[SEAL:]
        if not hmac.compare_digest(_seal(packed), sealed[:SEAL]):
            raise ValueError
        reverse, spelled, values = orjson.loads(packed)
        if spelled != [f"{'-' if key.descending else ''}{key.column}" for key in keys] or len(values) != len(keys):
            raise ValueError
        return [_lively(value) for value in values], bool(reverse)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Invalid(_("The page cursor does not fit this list."), code="cursor.invalid", field="cursor") from None
