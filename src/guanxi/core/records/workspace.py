"""Settings of the workspace under one key each: stored by one hand, told in the audit."""

from __future__ import annotations

from typing import Any

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import AuditEntry, Preference
from guanxi.core.models.stamps import bump
from guanxi.core.records.writing import writing

STAMP = "preferences"


def preference_store(actor: Actor, key: str, value: Any) -> None:
    """Store what the workspace says under ``key``; whoever calls has asked for the right.

    The table has no trigger, its rows having no number; the audit says what was and what is, under the key as its column.
    """
    with writing(actor):
        row = Preference.objects.select_for_update().filter(key=key).first()
        before = row.value if row else None
        if before == value:
            return
        Preference.objects.update_or_create(key=key, defaults={"value": value})
        AuditEntry.objects.create(
            at=clock.now(), entity=Preference._meta.db_table, record_id=0, action="update" if row else "create",
            changes={key: [before, value]}, actor_id=actor.user_id, actor_name=actor.name, via=actor.via,
            request_id=actor.request_id, address=actor.address,
        )  # fmt: skip
        bump(STAMP)
