"""Searching: candidates from the documents under the actor's rights, checked, ranked and named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, cast

from django.db import models
from django.db.models.expressions import RawSQL

from guanxi.core.access import allowed
from guanxi.core.kernel.actor import Actor
from guanxi.core.records.search import judge, terms
from guanxi.core.records.search.candidates import candidates
from guanxi.core.records.search.conditions import anywhere, beginnings
from guanxi.core.records.search.declared import searched
from guanxi.core.records.search.naming import Found, Hit, name_hits
from guanxi.core.records.search.terms import PARTS, Fields
from guanxi.core.records.shape import fields_of, path_level
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities as registered
from guanxi.core.schema.registry import entity_of

M = TypeVar("M", bound=models.Model)


def searchable(actor: Actor, entity: Entity) -> Fields:
    """The fields the actor may search: those he may read in full. A masked phone cannot be found by its digits."""
    declared, now = searched(entity), fields_of(entity)
    if declared is None:
        return Fields(entity.key)
    place = ("searchable", entity.key)
    held = actor.rights.memo.get(place) if actor.kind == "user" else None
    if held is not None and held[0] is now:
        return cast("Fields", held[1])
    parts = {part: getattr(declared, part) for part in PARTS}
    found = Fields(
        entity.key,
        **{
            part: tuple(name for name in names if path_level(actor, entity, name) in ("read", "write"))
            for part, names in parts.items()
        },
    )
    if actor.kind == "user" and now.keys() >= {name for names in parts.values() for name in names}:
        actor.rights.memo[place] = (now, found)  # levels of a record's own fields follow from roles alone
    return found


def search(actor: Actor, text: str, *, entities: Iterable[str | Entity] | None = None, limit: int = 20) -> list[Hit]:
    """The records that best fit ``text`` among those the actor may see, the best first; among equals those
    called so before those found by another field, then the newest.

    ``entities`` limits it to some (keys or entities). A Chinese text is looked for as it stands first; if nothing has
    it, records with all its characters are taken. At most ``limit`` hits; [] for an empty text.
    """
    query = terms.parse(text)
    if query is None:
        return []
    chosen = [entity_of(one) for one in entities] if entities is not None else list(registered())
    reach = [
        (entity, searchable(actor, entity))
        for entity in chosen
        if entity.search is not None and allowed(actor, "view", entity)
    ]
    enough = max(limit, 20)
    found: list[Found] = []
    for loose in (False, True):
        if loose and (found or not terms.can_be_loose(query)):
            break
        for entity, fields, rows in candidates(actor, query, reach, enough=enough, loose=loose):
            for pk, at, values in rows:
                verdict = judge.judge(query, fields, values)
                if verdict.rank:
                    found.append((verdict, at, entity, pk, values))
    found.sort(key=lambda one: (-one[0].rank, one[0].field != one[2].title, -one[1], one[3]))
    return name_hits(actor, found[:limit])


def filter_by_text(actor: Actor, qs: models.QuerySet[M], entity: Entity, text: str) -> models.QuerySet[M]:
    """The rows of ``qs`` that fit what was typed into a list's search box; all rows for an empty text.

    For an entity without declared search, rows whose title contains the text. Fields the actor may not read in full are
    not searched. Digits of five or more are looked for four by four, so that a rare row may fit only nearly.
    """
    query = terms.parse(text)
    if query is None:
        return qs if not text.strip() else qs.none()
    if entity.search is None:
        if path_level(actor, entity, entity.title) not in ("read", "write"):
            return qs.none()
        return qs.filter(**{f"{entity.title.replace('.', '__')}__icontains": text.strip()})
    fields = searchable(actor, entity)
    conditions: list[str] = []
    params: list[Any] = []
    for condition, values in (
        *beginnings(entity, query, fields),
        *anywhere(actor, entity, query, fields, loose=False),
    ):
        conditions.append(f"({condition.partition(' ORDER BY ')[0]})")
        params += values
    if not conditions:
        return qs.none()
    found = RawSQL(f"SELECT d.record_id FROM core_search_doc d WHERE {' OR '.join(conditions)}", params)  # noqa: S608, S611
    return qs.filter(pk__in=found)
