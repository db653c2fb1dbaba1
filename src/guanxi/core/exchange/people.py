"""Finding what a file names: colleagues by name, mail or login; records by their title or a number; tags by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from guanxi.core.access import field_level, visible
from guanxi.core.exchange import words
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.text import normalize_name
from guanxi.core.models import Tag, User
from guanxi.core.models.search import MatchValue
from guanxi.core.records import matching
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

#: A text that names several.
AMBIGUOUS = -1


def colleagues() -> dict[str, int]:
    """Active users by name, mail, login and other unique texts they are known by; ``AMBIGUOUS`` for a shared name."""
    names = {column.name for column in User._meta.concrete_fields}
    columns = [
        name for name in ("username", "email", "name", "staff_number", "number", "phone", "mobile") if name in names
    ]
    found: dict[str, int] = {}
    for row in User.objects.filter(is_active=True).values_list("pk", *columns):
        for said in {str(value).casefold().strip() for value in row[1:] if value} | {
            words.plain(str(v)) for v in row[1:] if v
        }:
            found[said] = row[0] if found.get(said, row[0]) == row[0] else AMBIGUOUS
    return found


def colleague(known: Mapping[str, int], text: str) -> int:
    """The user id a text names; 0 for nobody, ``AMBIGUOUS`` for several."""
    return known.get(text.casefold().strip(), 0) or known.get(words.plain(text), 0)


def records_named(actor: Actor, target: Entity | str, texts: Iterable[str]) -> dict[str, int]:
    """Ids of the records the actor may see by the texts that name them; ``AMBIGUOUS`` where several do.

    A text is a title as written, a number, external id or another certain key, or, for an entity with a name among its
    match keys, another spelling of the title. What is hidden from the actor names nothing. A few queries however many
    texts.
    """
    entity = entity_of(target)
    wanted = sorted({text for text in texts if text})
    if not wanted:
        return {}
    columns = {column.name for column in entity.model._meta.concrete_fields}
    columns = {name for name in columns if field_level(actor, entity, name) != "hidden"}
    rows = visible(entity.model._default_manager.all(), actor)
    found: dict[str, int] = {}
    if any(key.how == "name" and key.field == entity.title for key in entity.match_keys):
        _by_key(entity, rows, wanted, found, matching.unseen(actor, entity))
    elif entity.title in columns:
        _collect(rows.filter(**{f"{entity.title}__any": wanted}).values_list(entity.title, "pk"), found)
    certain = [key.field for key in entity.match_keys if key.how == "exact" and key.weight >= 100]
    for name in dict.fromkeys(("external_id", "number", *certain)):
        missing = [text for text in wanted if text not in found and len(text) <= 100]
        if name in columns and missing:
            _collect(rows.filter(**{f"{name}__any": missing}).values_list(name, "pk"), found)
    return found


def _collect(rows: Iterable[tuple[str, int]], found: dict[str, int]) -> None:
    for text, number in rows:
        found[text] = number if found.get(text, number) == number else AMBIGUOUS


def _by_key(entity: Entity, rows: Any, wanted: Sequence[str], found: dict[str, int], unsaid: set[str]) -> None:
    keys: dict[str, list[str]] = {}
    for text in wanted:
        keys.setdefault(normalize_name(text)[:120], []).append(text)
    hits: dict[str, set[int]] = {}
    stored = MatchValue.objects.filter(entity=entity.key, kind="name", value__in=list(keys))
    for value, number in stored.values_list("value", "record_id"):
        hits.setdefault(value, set()).add(number)
    ids = {number for numbers in hits.values() for number in numbers}
    if "name" in matching.kinds_of(entity, unsaid):
        own = matching.own_keys(entity, ids, unsaid)
        hits = {value: {one for one in held if ("name", value) in own.get(one, ())} for value, held in hits.items()}
    titles = dict(rows.filter(pk__in=ids).values_list("pk", entity.title))
    for value, numbers in hits.items():
        seen = [number for number in numbers if number in titles]
        for text in keys.get(value, ()):
            same = [number for number in seen if titles[number] == text and entity.title not in unsaid] or seen
            if same:
                found[text] = same[0] if len(same) == 1 else AMBIGUOUS


def tags_named(entity: Entity, texts: Iterable[str]) -> dict[str, int]:
    """Ids of tags for the entity by name, without regard to case."""
    rows = Tag.objects.filter(entity__in=("", entity.key)).values_list("name", "pk")
    known = {name.casefold(): number for name, number in rows}
    return {text: known[text.casefold()] for text in texts if text.casefold() in known}
