"""What an erasure leaves as it is though it may name the person: records of the firm he works for, which tell of its business."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q

from guanxi.core.access import visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Comment
from guanxi.core.privacy.subjects import Subject
from guanxi.core.records import display, matching, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import children_of, entity_of, lined_by, telling_of

#: The most records that are named one by one.
MOST = 100
_TEXTS = ("text", "long_text", "rich_text")


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that stays: ``linked`` with the person, who is no longer named there; ``named`` by its own words."""

    entity: Entity
    record: Any
    title: str
    at: dt.datetime
    linked: bool
    named: bool


@dataclass(frozen=True, slots=True)
class Keeping:
    """The firm they belong to, the records the reader may see, and how many there are in all."""

    firm: str
    records: tuple[Kept, ...]
    count: int


def keeping(actor: Actor, subject: Subject) -> Keeping:
    """What stays of a person's traces with the firm that carries his record; nothing for one who stands for himself."""
    entity, record = subject.entity, subject.record
    carrier = getattr(record, entity.access.carried_by, None) if entity.access.carried_by else None
    if carrier is None or not matching.is_person(entity, record) or matching.is_person(entity_of(carrier), carrier):
        return Keeping("", (), 0)
    taken = {(child.key, field) for child, field in telling_of(entity.key)}
    linked = {child.key: field for child, field in children_of(entity.key) if (child.key, field) not in taken}
    found, count = list[Kept](), 0
    for child, rows in _rows(entity, record, carrier, linked, subject.title.strip()):
        count += rows.count()
        for row in visible(rows, actor).order_by("-pk")[:MOST]:
            tied = child.key in linked and getattr(row, f"{linked[child.key]}_id") == record.pk
            named = any(subject.title.strip() in str(getattr(row, name) or "") for name in _words(child))
            at = getattr(row, child.timeline.at, None) if child.timeline is not None else None
            moment = at if isinstance(at, dt.datetime) else row.created_at
            found.append(Kept(child, row, display.title_of(child, row, actor), moment, tied, named))
    found.sort(key=lambda one: (not one.named, -one.at.timestamp()))
    said = Comment.objects.filter(entity=entity_of(carrier).key, record_id=carrier.pk, body__icontains=subject.title)
    count += said.count() if len(subject.title.strip()) > 1 else 0
    return Keeping(display.title_of(entity_of(carrier), carrier, actor), tuple(found[:MOST]), count)


def _rows(
    entity: Entity, record: Any, carrier: Any, linked: dict[str, str], name: str
) -> Iterable[tuple[Entity, models.QuerySet[Any]]]:
    """Records beside the person that are tied to him, or belong to the firm and name him; those that are emptied are not among them."""
    emptied = {child.key: field for child, field in telling_of(entity.key)}
    of_firm = {child.key: (child, field) for child, field in children_of(entity_of(carrier).key)}
    for key in dict.fromkeys((*linked, *of_firm)):
        child = entity_of(key)
        words = _words(child)
        if key == entity.key or lined_by(key) or not words:
            continue
        wanted = Q(**{linked[key]: record}) if key in linked else Q()
        if key in of_firm and len(name) > 1:
            named = Q()
            for one in words:
                named |= Q(**{f"{one}__icontains": name})
            wanted |= Q(**{of_firm[key][1]: carrier}) & named
        if wanted:
            rows = child.model._default_manager.filter(wanted)
            yield child, rows.exclude(**{emptied[key]: record}) if key in emptied else rows


def _words(entity: Entity) -> list[str]:
    """The columns of an entity in which people write."""
    return [
        one.name
        for one in shape.fields_of(entity).values()
        if one.kind in _TEXTS and not one.custom and not one.readonly
    ]
