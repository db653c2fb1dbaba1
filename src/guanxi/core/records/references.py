"""What a value may point to: records the actor sees, people who are active, tags for such records."""

from __future__ import annotations

from collections.abc import Collection

from guanxi.core.access import visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models import Tag, User
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered


def known(actor: Actor, target: str, ids: set[int]) -> set[int]:
    """Those of the records the actor may point to; people must be active."""
    if target == "core.user":
        return _active(ids)
    return seen(actor, target, ids) if is_registered(target) else ids


@asked_once(lambda ids: (frozenset(ids),))
def _active(ids: set[int]) -> set[int]:
    return set(User.objects.filter(pk__in=ids, is_active=True).values_list("pk", flat=True))


@asked_once(lambda actor, target, ids: (actor.user_id, target, frozenset(ids)))
def seen(actor: Actor, target: str, ids: set[int]) -> set[int]:
    """Those of the records the actor may see."""
    rows = entity_of(target).model._default_manager.filter(pk__in=ids)
    return set(visible(rows, actor).values_list("pk", flat=True))


@asked_once(lambda entity, ids: (entity.key, frozenset(ids)))
def tags(entity: Entity, ids: Collection[int]) -> set[int]:
    """Those of the tags that are for records of the entity."""
    return set(Tag.objects.filter(pk__in=ids, entity__in=("", entity.key)).values_list("pk", flat=True))
