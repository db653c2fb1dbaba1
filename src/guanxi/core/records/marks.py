"""A person's own marks on records: follows it, starred it, pinned it, muted it, saw it last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from django.db import connection, models

from guanxi.core.access import require, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied
from guanxi.core.models import Mark
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
    rows = Mark.objects.filter(user_id=actor.user_id or 0, entity=entity_of(record).key, record_id=record.pk)
    return frozenset(rows.values_list("sort", flat=True))


def users_with(sort: Sort, entity: str, record_id: int) -> set[int]:
    """Ids of the people with such a mark on a record."""
    return set(Mark.objects.filter(sort=sort, entity=entity, record_id=record_id).values_list("user_id", flat=True))


def touch_recent(actor: Actor, record: models.Model) -> None:
    """The actor opened the record."""
    if actor.user_id is None:
        return
    table = Mark._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (user_id, sort, entity, record_id, at) VALUES (%s, 'recent', %s, %s, %s)"  # noqa: S608 - our own table name
            " ON CONFLICT (user_id, sort, entity, record_id) DO UPDATE SET at = excluded.at",
            [actor.user_id, entity_of(record).key, record.pk, clock.now()],
        )
        cursor.execute(
            f"DELETE FROM {table} WHERE user_id = %s AND sort = 'recent' AND at <"  # noqa: S608
            f" (SELECT at FROM {table} WHERE user_id = %s AND sort = 'recent' ORDER BY at DESC OFFSET %s LIMIT 1)",
            [actor.user_id, actor.user_id, RECENTS - 1],
        )


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
