"""Hits of a search by name: title, subtitle and by which field they were found, as the actor may see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.access import sight, visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.masking import mask
from guanxi.core.kernel.phones import format_phone
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import dictionaries
from guanxi.core.records.search import judge
from guanxi.core.records.shape import field_at, fields_of, path_level
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import text_of
from guanxi.core.schema.registry import entity_of, generation, is_registered

#: Verdict, moment of the last change, entity, id, and the values it is judged and named by (``paths_of``).
Found = tuple[judge.Verdict, float, Entity, int, Mapping[str, Any]]


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


_TITLES = Shaped(
    lambda actor, target, ids: visible(target.model._default_manager.filter(pk__any=ids), actor).values_list(
        "pk", target.title.replace(".", "__")
    ),
    [[-7003]],
)


def paths_of(entity: Entity) -> dict[str, str]:
    """The fields a hit is named by, and the column of each; of references the id."""
    paths = (entity.title, *(entity.search.subtitle if entity.search else ()))
    return {path: f"{path}_id" if _points(entity, path) else path.replace(".", "__") for path in paths}


def _points(entity: Entity, path: str) -> bool:
    field = field_at(entity, path)
    return field is not None and "." not in path and bool(field.target) and field.kind in ("reference", "user")


def name_hits(actor: Actor, found: Sequence[Found]) -> list[Hit]:
    """Name the records: one query per sort of reference in a subtitle."""
    named: dict[tuple[str, int], dict[str, str]] = {}
    for entity in {one[2].key: one[2] for one in found}.values():
        mine = {pk: values for _verdict, _at, other, pk, values in found if other.key == entity.key}
        paths = tuple(paths_of(entity))
        texts = [_texts(actor, entity, path, mine.values()) for path in paths]
        for pk, row in zip(mine, zip(*texts, strict=True), strict=True):
            named[entity.key, pk] = dict(zip(paths, row, strict=True))
    return [_hit(named[entity.key, pk], verdict, entity, pk) for verdict, _at, entity, pk, _values in found]


def _hit(texts: Mapping[str, str], verdict: judge.Verdict, entity: Entity, pk: int) -> Hit:
    """A hit by its texts. What it was found by is said once: as the reason, not beside it."""
    beside = [text for path, text in texts.items() if text and path not in (entity.title, verdict.field)]
    return Hit(
        entity.key, pk, texts[entity.title] or f"#{pk}", " · ".join(beside), _reason(entity, verdict), verdict.rank
    )


def _texts(actor: Actor, entity: Entity, path: str, rows: Collection[Mapping[str, Any]]) -> list[str]:
    """A field of each hit as text for the actor: '' if hidden, masked if masked; references by their titles."""
    if _points(entity, path):
        names = _reference_names(actor, entity, path, {row[path] for row in rows} - {None})
        return [names.get(row[path], "") for row in rows]
    field, level = field_at(entity, path), path_level(actor, entity, path)
    return ["" if level == "hidden" else _shown(field, row[path], masked=level == "masked") for row in rows]


def _reference_names(actor: Actor, entity: Entity, path: str, ids: Collection[int]) -> Mapping[int, str]:
    """Titles of the records a reference in the subtitle points to, as far as the actor may see them."""
    target = fields_of(entity)[path].target
    if path_level(actor, entity, path) not in ("read", "write") or not is_registered(target):
        return {}
    named = entity_of(target)
    if path_level(actor, named, named.title) not in ("read", "write"):
        return {}
    sees = sight(actor)
    return dict(_TITLES.rows(sees and (named.key, generation(), sees), (actor, named), sorted(ids)))


def _shown(field: Field | None, value: Any, *, masked: bool) -> str:
    if value in (None, ""):
        return ""
    if field is None:
        return str(value)
    if field.kind in ("choice", "region"):
        value = dictionaries.label_of(field, str(value))
    elif not masked:
        value = text_of(field, value)
    return str(mask(field.kind if field.kind in ("phone", "email") else "name", value)) if masked else value


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
