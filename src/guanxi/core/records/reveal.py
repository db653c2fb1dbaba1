"""Showing a masked value in full: needs the right, is counted and noted."""

from __future__ import annotations

from typing import Any

from guanxi.core.access import field_level, require
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.models import AccessEntry
from guanxi.core.records import shape, values
from guanxi.core.records.discretion import looks_check, noted
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import entity_of

SORT = "reveal"


def reveal(actor: Actor, record: Any, name: str) -> Any:
    """The full value of a field the actor sees masked. Every look is an ``AccessEntry``.

    Raises NotFound for a hidden field or record, Denied without the right ``reveal``, TooMany when the day's looks are used up.
    """
    entity = entity_of(record)
    require(actor, "view", record)
    field = shape.readable(actor, entity).get(name)
    if field is None:
        raise NotFound
    if field_level(actor, entity, name) == "masked":
        require(actor, "reveal", record)
        with writing(actor):
            looks_check(actor)
            noted(actor, SORT, entity.key, record_id=record.pk, field=name)
    return values.current(record, field)


def reveal_count(record: Any, name: str) -> int:
    """How often a field of a record was shown in full, by whomever."""
    return AccessEntry.objects.filter(sort=SORT, entity=entity_of(record).key, record_id=record.pk, field=name).count()
