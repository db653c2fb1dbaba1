"""CEL over records: names are fields, members reach over references, functions count what points here.

``check`` at save, ``evaluate`` and ``truth`` afterwards. With an ``actor`` a formula sees what he sees: a field hidden or
masked for him does not exist, records out of his reach are empty. Without one the house itself reckons.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Max, Min, QuerySet, Sum
from django.utils.translation import gettext as _

from guanxi.core.access import reads, visible
from guanxi.core.kernel import cel, clock, working_time
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.cel.running import compiled
from guanxi.core.kernel.errors import Text
from guanxi.core.models import User
from guanxi.core.records import columns, dictionaries, shape, values, worktime
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered

#: The type of a kind in formulas; the others are ``text``.
KIND_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("integer", "decimal", "percent", "money", "rollup"), "number"),
    **dict.fromkeys(("choices", "tags", "emails", "phones", "urls", "addresses", "table", "references"), "list"),
    "date": "date",
    "datetime": "datetime",
    "time": "time",
    "boolean": "bool",
    "file": "any",
    "image": "any",
}
#: Names every formula knows besides the fields: the person acting.
OWN_NAMES: Mapping[str, str] = {"me": "record:core.user"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The value of a formula and why parts of it were left empty."""

    value: Any
    warnings: tuple[Text, ...] = ()


def field_type(field: Field) -> str:
    """The type of a field's value in formulas."""
    if field.kind in ("reference", "user"):
        target = "core.user" if field.kind == "user" else field.target
        return f"record:{target}" if is_registered(target) else "any"
    return KIND_TYPES.get(field.kind, "text")


class _Names:
    """What names mean for an entity, as far as the actor may see."""

    def __init__(self, entity: Entity, actor: Actor | None, extra: Mapping[str, str]) -> None:
        self.entity, self.actor, self.extra = entity, actor, extra

    def type_of(self, name: str) -> str | None:
        if name in self.extra:
            return self.extra[name]
        return OWN_NAMES.get(name) or self.member_type(f"record:{self.entity.key}", name)

    def member_type(self, of: str, name: str) -> str | None:
        sort, _colon, key = of.partition(":")
        if sort not in ("record", "custom") or not is_registered(key):
            return None
        if sort == "record" and name == "custom":
            return f"custom:{key}"
        field = shape.fields_of(key).get(f"custom.{name}" if sort == "custom" else name)
        return field_type(field) if field is not None and _sees(self.actor, key, field.name) else None

    def relation_type(self, path: str, name: str) -> str | None:
        child, reference = columns.relation(self.entity, path)
        if child is None or reference is None or not _sees(self.actor, child.key, reference.name):
            return None
        if not name:
            return "number"
        field = shape.fields_of(child).get(name)
        return field_type(field) if field is not None and _sees(self.actor, child.key, name) else None


def _sees(actor: Actor | None, entity: str, field: str) -> bool:
    return actor is None or reads(actor, entity, field)


class _Custom:
    """The custom values of a record, as the member ``custom``."""

    def __init__(self, record: Any) -> None:
        self.record = record


class RecordRun(cel.Run):
    """A run whose names are the fields of a record."""

    def __init__(self, record: Any, *, actor: Actor | None, extra: Mapping[str, Any]) -> None:
        self.zone = ZoneInfo(actor.timezone if actor else settings.TIME_ZONE)
        now = clock.now().astimezone(self.zone)
        super().__init__(extra, today=now.date(), now=now)
        self.record, self.actor = record, actor

    @cached_property
    def calendar(self) -> working_time.Calendar:
        return worktime.calendar()

    def name(self, name: str) -> Any:
        if name in self.own or name in self.values:
            return super().name(name)
        if name == "me":
            number = self.actor.user_id if self.actor else None
            return User.everything.filter(pk=number).first() if number else None
        return self.member(self.record, name)

    def member(self, value: Any, name: str) -> Any:
        if isinstance(value, Mapping):
            return value.get(name)
        if isinstance(value, _Custom):
            return self._field(value.record, f"custom.{name}")
        return _Custom(value) if name == "custom" else self._field(value, name)

    def _field(self, record: Any, name: str) -> Any:
        entity = entity_of(record)
        field = shape.fields_of(entity).get(name)
        if field is None or not _sees(self.actor, entity.key, name):
            return None
        if field.kind in ("reference", "user"):
            return self._pointed(record, field)
        found = values.current(record, field)
        if isinstance(found, dt.datetime):  # its day and its words are those of the zone
            return found.astimezone(self.zone)
        return None if found == "" else found

    def _pointed(self, record: Any, field: Field) -> Any:
        number = values.current(record, field)
        target = "core.user" if field.kind == "user" else field.target
        if not number or not is_registered(target):
            return None
        self.spend(20, 0)
        if not field.custom and self.actor is None:
            return getattr(record, field.name)
        rows: QuerySet[Any] = entity_of(target).model._base_manager.filter(pk=number)
        return (rows if self.actor is None else visible(rows, self.actor)).first()

    def working_days(self, first: dt.date, last: dt.date) -> Decimal:
        if abs((last - first).days) > 4000:
            return super().working_days(first, last)
        return Decimal(working_time.working_days_between(first, last, self.calendar))

    def add_working_days(self, day: dt.date, number: int) -> dt.date:
        return working_time.add_working_days(day, max(-2000, min(number, 2000)), self.calendar)

    def label(self, path: str, value: Any) -> str:
        field = shape.field_at(entity_of(self.record), path)
        return dictionaries.label_of(field, str(value)) if field is not None and value else str(value)

    def related(self, path: str, how: str, name: str) -> Any:
        return related_value(entity_of(self.record), self.record.pk, path, how, name, self.actor)


def related_value(
    entity: Entity, record_id: int | None, path: str, how: str, name: str, actor: Actor | None = None
) -> Any:
    """A figure (``count sum min max``) over the records that point to one record."""
    child, reference = columns.relation(entity, path)
    hidden = (
        child is not None
        and reference is not None
        and not all(_sees(actor, child.key, one) for one in (reference.name, name) if one)
    )
    if child is None or reference is None or record_id is None or hidden:
        return Decimal(0) if how in ("count", "sum") else None
    rows = child.model._default_manager.filter(columns.points_to(reference, [record_id])).order_by()
    rows = rows if actor is None else visible(rows, actor)
    if how == "count":
        return Decimal(rows.aggregate(n=Count("pk"))["n"])
    field = shape.fields_of(child)[name]
    aggregate = {"sum": Sum, "min": Min, "max": Max}[how]
    found = rows.aggregate(n=aggregate(columns.typed(field, name)))["n"]
    if how == "sum":
        return Decimal(str(found or 0))
    return Decimal(str(found)) if isinstance(found, int | float) and not isinstance(found, bool) else found


def check(
    entity: Entity | str,
    source: str,
    *,
    actor: Actor | None = None,
    wanted: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
) -> cel.Checked:
    """What a formula over an entity gives and reads.

    ``wanted`` are the types that will do (``bool`` for a condition), ``extra`` further names and their types (such as
    ``old: record:…``). Raises FormulaError, whose ``position`` says where.
    """
    return cel.check(cel.parse(source), _Names(entity_of(entity), actor, extra or {}), wanted)


def evaluate(
    source: str, record: Any, *, actor: Actor | None = None, extra: Mapping[str, Any] | None = None
) -> Outcome:
    """The value of a checked formula for a record. Raises FormulaError when it takes too long or grows too large."""
    run = RecordRun(record, actor=actor, extra=extra or {})
    value = compiled(source)(run)
    return Outcome(value.pk if hasattr(value, "pk") else value, tuple(run.warnings))


def truth(source: str, record: Any, *, actor: Actor | None = None, extra: Mapping[str, Any] | None = None) -> bool:
    """Whether a condition holds for a record; empty counts as no."""
    return bool(evaluate(source, record, actor=actor, extra=extra).value)


def shown(value: Any) -> str:
    """A result as people read it in a test."""
    if value is None:
        return _("empty")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return format(value, "f") if isinstance(value, Decimal) else str(value)
