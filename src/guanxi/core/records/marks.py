"""A person's own marks on records: follows it, starred it, pinned it, muted it, saw it last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from django.db import models

from guanxi.core.access import require, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied
from guanxi.core.models import Mark
from guanxi.core.models.fixed import LIGHTLY, Fixed, ask
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered

Sort = Literal["follow", "star", "pin", "recent", "mute"]
#: So many records seen last are remembered per person.
RECENTS = 50


def mark(actor: Actor, record: models.Model, sort: Sort, *, on: bool = True) -> None:
    """Set or take away a mark of the actor. Raises NotFound if he may not see the record, Denied for no person."""
    require(actor, "view", record)
    if actor.user_id is None:
        raise Denied
    key = {"user_id": actor.user_id, "sort": sort, "entity": entity_of(record).key, "record_id": record.pk}
    if on:
        Mark.objects.bulk_create([Mark(**key, at=clock.now())], ignore_conflicts=True)
    else:
        Mark.objects.filter(**key).delete()


def follow(actor: Actor, record: models.Model, *, on: bool = True) -> None:
    """Be told, or no longer told, what others do to the record."""
    mark(actor, record, "follow", on=on)


def star(actor: Actor, record: models.Model, *, on: bool = True) -> None:
    """Keep the record among one's favourites."""
    mark(actor, record, "star", on=on)


def pin(actor: Actor, record: models.Model, *, on: bool = True) -> None:
    """Keep the record in one's navigation."""
    mark(actor, record, "pin", on=on)


def mute(actor: Actor, record: models.Model, *, on: bool = True) -> None:
    """Hear nothing of the record except what is meant for oneself."""
    mark(actor, record, "mute", on=on)


def marks_of(actor: Actor, record: models.Model) -> frozenset[str]:
    """The actor's marks on a record."""
    return frozenset(sort for (sort,) in _MARKS.rows(actor.user_id or 0, entity_of(record).key, record.pk))


_MARKS = Fixed(
    lambda user_id, entity, pk: Mark.objects.filter(user_id=user_id, entity=entity, record_id=pk).values_list("sort"),
    [-1, "\0", -2],
)


def users_with(sort: Sort, entity: str, record_id: int) -> set[int]:
    """Ids of the people with such a mark on a record."""
    return set(Mark.objects.filter(sort=sort, entity=entity, record_id=record_id).values_list("user_id", flat=True))


def touch_recent(actor: Actor, record: models.Model) -> None:
    """The actor opened the record."""
    if actor.user_id is None:
        return
    key = {"user": actor.user_id, "entity": entity_of(record).key, "record": record.pk, "now": clock.now()}
    ask(_TOUCH, {**key, "kept": RECENTS - 1})


_TOUCH = f"""
WITH seen AS (
  INSERT INTO {Mark._meta.db_table} (user_id, sort, entity, record_id, at)
  SELECT %(user)s::bigint, 'recent', %(entity)s::text, %(record)s::bigint, %(now)s::timestamptz FROM {LIGHTLY}
  ON CONFLICT (user_id, sort, entity, record_id) DO UPDATE SET at = excluded.at
  RETURNING id, xmax = 0 AS new
)
DELETE FROM {Mark._meta.db_table} m USING seen
WHERE seen.new AND m.id <> seen.id AND m.user_id = %(user)s AND m.sort = 'recent' AND m.at < (
  SELECT at FROM {Mark._meta.db_table} WHERE user_id = %(user)s AND sort = 'recent' AND id <> seen.id
  ORDER BY at DESC OFFSET %(kept)s - 1 LIMIT 1
)
"""  # noqa: S608 - our own table name


def marked(actor: Actor, sort: Sort, *, entity: str = "", limit: int = 20) -> list[tuple[Entity, Any]]:
    """Records the actor marked and still may see, latest mark first; one query per entity."""
    rows = Mark.objects.filter(user_id=actor.user_id or 0, sort=sort).order_by("-at", "-id")
    if entity:
        rows = rows.filter(entity=entity)
    wanted = list(rows.values_list("entity", "record_id")[: limit * 2])
    found = visible_records(actor, wanted)
    return [(entity_of(key), found[key, number]) for key, number in wanted if (key, number) in found][:limit]


def recents(actor: Actor, *, entity: str = "", limit: int = 10) -> list[tuple[Entity, Any]]:
    """Records the actor opened last and still may see."""
    return marked(actor, "recent", entity=entity, limit=limit)


def visible_records(actor: Actor, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Any]:
    """Those of the records (entity key, id) the actor may see; one query per entity."""
    ids: dict[str, set[int]] = {}
    for key, number in wanted:
        if number and is_registered(key):
            ids.setdefault(key, set()).add(number)
    found: dict[tuple[str, int], Any] = {}
    for key, numbers in ids.items():
        for record in visible(entity_of(key).model._default_manager.filter(pk__in=numbers), actor):
            found[key, record.pk] = record
    return found
