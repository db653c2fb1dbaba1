"""Removing records for good: from the trash, with everything people left on them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models, transaction
from django.db.models import ProtectedError, RestrictedError

from guanxi.core.access import require
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Collaborator, Comment, File, InboundMessage, Mark, Notification, PortalLogin
from guanxi.core.records import upkeep
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

_LEFT_ON_RECORDS: tuple[type[models.Model], ...] = (
    Comment,
    File,
    InboundMessage,
    Mark,
    Notification,
    Collaborator,
    PortalLogin,
)


def purge(actor: Actor, entity: Entity | str, ids: Iterable[int]) -> int:
    """Remove records that lie in the trash; those still needed by others stay. Returns how many went.

    What hangs on them by a cascading foreign key goes with them. The audit keeps what they were. Raises Denied without
    the right to delete.
    """
    declared = entity_of(entity)
    gone = 0
    for number in ids:
        with writing(actor):
            trashed = declared.model._base_manager.filter(pk=number, deleted_at__isnull=False)
            record = trashed.select_for_update().first()
            if record is None:
                continue
            require(actor, "delete", record)
            gone += _remove(actor, declared, record)
    return gone


def _remove(actor: Actor, entity: Entity, record: models.Model) -> bool:
    number = record.pk
    try:
        with transaction.atomic():
            record.delete()
    except (ProtectedError, RestrictedError):
        return False
    upkeep.after_trash(entity, [number])
    came = InboundMessage.objects.filter(entity=entity.key, record_id=number).values_list("files", flat=True)
    File._base_manager.filter(pk__in=[one for ids in came for one in ids]).delete()
    for model in _LEFT_ON_RECORDS:
        model._base_manager.filter(entity=entity.key, record_id=number).delete()
    emit(actor, "purged", entity=entity.key, record_id=number)
    return True
