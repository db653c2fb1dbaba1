"""Who is told of what happens to records: people mentioned, the owner, followers. Subscribed at start."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models
from django.utils.translation import gettext_noop

from guanxi.core.automation.notify import notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.events import Event, subscribe
from guanxi.core.kernel.machines import carries
from guanxi.core.models import Notification
from guanxi.core.records import marks
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered

MENTIONED = gettext_noop("%(by)s mentioned you on %(record)s")
COMMENTED = gettext_noop("%(by)s commented on %(record)s")
ASSIGNED = gettext_noop("%(by)s gave you %(record)s")
ASSIGNED_MANY = gettext_noop("%(by)s gave you many records (%(entity)s)")
CHANGED = gettext_noop("%(by)s changed %(record)s")
SHARED = {
    "read": gettext_noop("%(by)s shared %(record)s with you to read"),
    "write": gettext_noop("%(by)s shared %(record)s with you to read and write"),
}
ADDED = gettext_noop("%(by)s added to %(record)s: %(entity)s")

#: So many hand-overs by one person within ten minutes are told one by one.
FEW = 10


@subscribe("*")
def people_tell(event: Event) -> None:
    """Turn one event into notifications. Telling the same event twice changes nothing."""
    if not event.record_id or not is_registered(event.entity):
        return
    verb = event.name.rpartition(".")[2]
    owner = entity_of(event.entity).access.owner
    if event.actor_id is None and not (verb == "updated" and owner and owner in event.changes):
        return  # what a rule of the house changed is no news, unless it gave the record to somebody
    tell = {
        "commented": _commented,
        "comment_edited": _mentioned,
        "created": _created,
        "updated": _updated,
        "shared": _shared,
    }.get(verb)
    if tell is None:
        return
    entity = entity_of(event.entity)
    record = entity.model._default_manager.filter(pk=event.record_id).first()
    if record is not None:
        tell(event, entity, record)


def _commented(event: Event, entity: Entity, record: Any) -> None:
    _mentioned(event, entity, record)
    others = marks.users_with("follow", entity.key, record.pk) | _owner(entity, record)
    notify(
        others - _newly_mentioned(event),
        "comment",
        COMMENTED,
        record=record,
        by=event.actor_id,
        once=f"comment:{event.id}",
    )


def _newly_mentioned(event: Event) -> set[int]:
    before, after = event.changes.get("mentions", [[], []])
    return set(after or ()) - set(before or ())


def _mentioned(event: Event, _entity: Entity, record: Any) -> None:
    once = f"mention:{event.id}"
    notify(_newly_mentioned(event), "mention", MENTIONED, record=record, by=event.actor_id, once=once)


def _created(event: Event, entity: Entity, record: Any) -> None:
    """A record made by hand; those loaded in bulk name no changes, and nobody is told of each."""
    if not event.changes:
        return
    _assigned(event, entity, record)
    carrier = _carrier(entity, record)
    if carrier is None:
        return
    followers = marks.users_with("follow", entity_of(carrier).key, carrier.pk)
    once = f"change:{event.id}"
    notify(followers, "change", ADDED, {"entity": entity.key}, record=carrier, by=event.actor_id, once=once)


def _updated(event: Event, entity: Entity, record: Any) -> None:
    followers = marks.users_with("follow", entity.key, record.pk)
    if entity.access.owner and entity.access.owner in event.changes:
        _assigned(event, entity, record)
        followers -= _owner(entity, record)
    if event.actor_id is not None:
        notify(followers, "change", CHANGED, record=record, by=event.actor_id, once=f"change:{event.id}")


def _shared(event: Event, _entity: Entity, record: Any) -> None:
    """``changes`` holds one entry per colleague: ``collaborator.<id>`` → [level before, level now]."""
    for name, (_before, level) in event.changes.items():
        user_id = int(name.removeprefix("collaborator."))
        notify({user_id}, "shared", SHARED[level], record=record, by=event.actor_id, once=f"shared:{event.id}")


def _assigned(event: Event, entity: Entity, record: Any) -> None:
    if carries(event.actor_name, event.actor_id):
        return
    owner = _owner_then(event, entity, record)
    by = {} if event.actor_id else {"by": event.actor_name}
    if owner and _is_flood(owner, event.actor_id):
        once = f"assigned:{event.actor_id}:{clock.now():%Y%m%d%H}"
        notify(owner, "assigned", ASSIGNED_MANY, {"entity": entity.key, **by}, by=event.actor_id, once=once)
        return
    notify(owner, "assigned", ASSIGNED, by, record=record, by=event.actor_id, once=f"assigned:{event.id}")


def _is_flood(users: set[int], by: int | None) -> bool:
    """Whether somebody handed over so much in the last minutes that more is told once, not one by one."""
    since = clock.now() - dt.timedelta(minutes=10)
    rows = Notification.objects.filter(user__in=users, sort="assigned", created_at__gte=since)
    rows = rows.filter(by_id=by) if by else rows.filter(by__isnull=True)
    return rows[:FEW].count() >= FEW


def _owner_then(event: Event, entity: Entity, record: Any) -> set[int]:
    """The owner the event speaks of; he may have changed since."""
    if not event.changes:
        return _owner(entity, record)
    owner = event.changes.get(entity.access.owner, [None, None])[1]
    return {owner} if owner else set()


def _owner(entity: Entity, record: Any) -> set[int]:
    owner = getattr(record, f"{entity.access.owner}_id", None) if entity.access.owner else None
    return {owner} if owner else set()


def _carrier(entity: Entity, record: Any) -> models.Model | None:
    """The record this one hangs on, if somebody may follow it."""
    name = entity.access.carried_by
    if not name or getattr(record, f"{name}_id") is None:
        return None
    found = entity.model._meta.get_field(name).related_model
    if found is None or isinstance(found, str) or not is_registered(found):
        return None
    return found._default_manager.filter(pk=getattr(record, f"{name}_id")).first()
