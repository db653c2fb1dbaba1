"""Hits of a search by name: title, subtitle and by which field they were found, as the actor may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from guanxi.core.access import sight, visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.masking import mask
from guanxi.core.kernel.phones import format_phone
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import dictionaries
from guanxi.core.records.search import judge
from guanxi.core.records.shape import field_at, path_level
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import text_of
from guanxi.core.schema.registry import entity_of, generation, is_registered

Found = tuple[judge.Verdict, float, Entity, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """One record found: entity key, id, its title and subtitle as the actor may see them.

    ``reason`` says by which other field it was found ("Phone: 138 0013 8000"), '' when by its title; ``rank`` is 1 to
    100 (``judge.py``).
    """

    entity: str
    record_id: int
    title: str
    subtitle: str
    reason: str
    rank: int


_RECORDS = Shaped(lambda entity, ids: entity.model._default_manager.filter(pk__any=ids), [[-7003]])
_TITLES = Shaped(
    lambda actor, target, ids: visible(target.model._default_manager.filter(pk__any=ids), actor).values_list(
        "pk", target.title.replace(".", "__")
    ),
    [[-7003]],
)


def name_hits(actor: Actor, found: Sequence[Found]) -> list[Hit]:
    """Name the records: one query per entity, one per sort of reference in a subtitle."""
    named: dict[tuple[str, int], tuple[str, str]] = {}
    for entity in {one[2].key: one[2] for one in found}.values():
        ids = [pk for _verdict, _at, other, pk in found if other.key == entity.key]
        records = _RECORDS.rows((entity.key, generation()), (entity,), ids)
        named |= {(entity.key, record.pk): names for record, names in _named(actor, entity, records)}
    hits = []
    for verdict, _at, entity, pk in found:
        if (entity.key, pk) in named:
            title, subtitle = named[entity.key, pk]
            hits.append(Hit(entity.key, pk, title, subtitle, _reason(entity, verdict), verdict.rank))
    return hits


def _named(actor: Actor, entity: Entity, records: list[Any]) -> list[tuple[Any, tuple[str, str]]]:
    subtitle = entity.search.subtitle if entity.search else ()
    references = {path: _reference_names(actor, entity, path, records) for path in subtitle}
    found = []
    for record in records:
        parts = [
            references[path].get(getattr(record, f"{path}_id", None), "")
            if references[path] is not None
            else _shown(actor, entity, path, record)
            for path in subtitle
        ]
        title = _shown(actor, entity, entity.title, record) or f"#{record.pk}"
        found.append((record, (title, " · ".join(part for part in parts if part))))
    return found


def _reference_names(actor: Actor, entity: Entity, path: str, records: list[Any]) -> Any:
    """Titles of the records a reference in the subtitle points to, as far as the actor may see them; else ``None``."""
    field = field_at(entity, path)
    if field is None or "." in path or not field.target or field.kind not in ("reference", "user"):
        return None
    if path_level(actor, entity, path) not in ("read", "write") or not is_registered(field.target):
        return {}
    target = entity_of(field.target)
    ids = {getattr(record, f"{path}_id") for record in records} - {None}
    if path_level(actor, target, target.title) not in ("read", "write"):
        return {}
    sees = sight(actor)
    return dict(_TITLES.rows(sees and (target.key, generation(), sees), (actor, target), sorted(ids)))


def _shown(actor: Actor, entity: Entity, path: str, record: Any) -> str:
    """A field's value as text for the actor: '' if hidden, masked if masked."""
    field = field_at(entity, path)
    level = path_level(actor, entity, path)
    value: Any = record
    for name in path.split("."):
        value = getattr(value, name, None)
    if level == "hidden" or value in (None, ""):
        return ""
    if field is None or isinstance(value, models.Model):
        return str(value)
    if field.kind in ("choice", "region"):
        value = dictionaries.label_of(field, str(value))
    elif level != "masked":
        value = text_of(field, value)
    return str(mask(field.kind if field.kind in ("phone", "email") else "name", value)) if level == "masked" else value


def _reason(entity: Entity, verdict: judge.Verdict) -> str:
    if verdict.field == entity.title:
        return ""
    field = field_at(entity, verdict.field)
    if field is None:
        return ""
    value = format_phone(verdict.value) if field.kind in ("phone", "phones") else verdict.value
    value = value if len(value) <= 60 else _around(value)
    return _("%(field)s: %(value)s") % {"field": field.label, "value": value}


def _around(text: str) -> str:
    """The beginning of a long text, for a line."""
    return " ".join(text.split())[:58] + "…"
