"""Who has a record open right now, and who is changing it, so that two people do not work against each other."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import models

from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Presence
from guanxi.core.records import shape
from guanxi.core.schema.registry import entity_of

#: Seconds after which somebody not heard of counts as gone; open pages say so every half of it.
GONE_AFTER = 100


@dataclass(frozen=True, slots=True)
class Present:
    """A colleague who has the record open."""

    user_id: int
    name: str
    editing: bool


def arrive(actor: Actor, record: models.Model, *, editing: bool = False) -> tuple[list[Present], bool]:
    """Note that the actor has the record open. Returns the others, and whether they should hear of it.

    Raises NotFound when he may not see the record.
    """
    require(actor, "view", record)
    mine, here = _rows(record)
    fresh = [one for one in here if one.seen_at > clock.now() - dt.timedelta(seconds=GONE_AFTER)]
    news = not any(one.user_id == actor.user_id and one.editing == editing for one in fresh)
    if actor.user_id is not None:
        row = Presence(user_id=actor.user_id, editing=editing, seen_at=clock.now(), **mine)
        Presence.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["entity", "record_id", "user"],
            update_fields=["editing", "seen_at"],
        )
    return _others(actor, fresh), news


def leave(actor: Actor, record: models.Model) -> list[Present]:
    """The actor closed the record. Returns who is still there."""
    require(actor, "view", record)
    mine, here = _rows(record)
    Presence.objects.filter(user_id=actor.user_id or 0, **mine).delete()
    return _others(actor, here)


def readers(entity: str, ids: Iterable[int]) -> set[int]:
    """Who has any of these records open; for telling their pages that something changed."""
    return set(Presence.objects.filter(entity=entity, record_id__in=list(ids)).values_list("user_id", flat=True))


def stamp(actor: Actor, record: models.Model) -> str:
    """Another one as soon as any column of the record says something else, also one nobody edits; what is hidden from the actor aside.

    Made with the workspace's secret: nobody can try values until it fits.
    """
    entity = entity_of(record)
    told = shape.readable(actor, entity)
    hidden = {field.column or name for name, field in shape.fields_of(entity).items() if name not in told}
    held = [record.__dict__.get(one.attname) for one in record._meta.concrete_fields if one.attname not in hidden]
    secret = hashlib.sha256(settings.SECRET_KEY.encode()).digest()
    return hashlib.blake2s(repr(held).encode(), digest_size=8, key=secret).hexdigest()


def _rows(record: models.Model) -> tuple[dict[str, object], Sequence[Presence]]:
    mine: dict[str, object] = {"entity": entity_of(record).key, "record_id": record.pk}
    return mine, list(Presence.objects.filter(**mine).select_related("user").order_by("pk"))


def _others(actor: Actor, rows: Sequence[Presence]) -> list[Present]:
    return [Present(one.user_id, str(one.user), one.editing) for one in rows if one.user_id != actor.user_id]
