"""Doing something once, however often it is sent: the answer is kept under a key for a day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction

from guanxi.core.kernel.actor import Actor
from guanxi.core.models import KeptAnswer
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity


def made_once(actor: Actor, key: str, entity: Entity, make: Callable[[], Any]) -> tuple[Any, bool]:
    """Make a record, or return the one an earlier sending with the same key made; says whether it was made now.

    A second sending that arrives meanwhile waits for the first. A first one that fails leaves nothing behind.
    An empty key (or an actor without a user) makes without looking.
    """
    if not key or actor.user_id is None:
        return make(), True
    with writing(actor):
        kept = _claim(actor.user_id, key, entity.key)
        if kept is None:
            earlier = KeptAnswer.objects.get(user_id=actor.user_id, key=key)
            found = entity.model._base_manager.filter(pk=earlier.headers.get("record")).first()
            if found is not None:
                return found, False
            return make(), True
        record = make()
        kept.status, kept.headers = 201, {"record": record.pk}
        kept.save(update_fields=["status", "headers"])
        return record, True


def _claim(user_id: int, key: str, fingerprint: str) -> KeptAnswer | None:
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(user_id=user_id, key=key, fingerprint=fingerprint[:64])
    except IntegrityError:
        return None
