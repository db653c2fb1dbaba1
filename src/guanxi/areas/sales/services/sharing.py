"""Handing out records without an owner by rules."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy

from guanxi.areas.customers.models import ASSIGN
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import sharing
from guanxi.areas.sales.services import pools
from guanxi.core import records
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.machines import register_machines
from guanxi.core.schema.registry import entity_of

register_machines({"assignment": gettext_lazy("Assignment")})


def hand_out(record: Any, actor: Actor | None = None) -> int | None:
    """Give a record nobody owns to whom the rules name; returns the owner's id, ``None`` when no rule has anybody."""
    house = system_actor("assignment")
    with records.writing(actor or house):
        fresh: Any = records.locked(house, entity_of(record), record.pk)
        if fresh.owner_id is not None or getattr(fresh, "converted_at", None) is not None:
            return None
        found = sharing.next_owner(fresh)
        if found is None:
            return None
        rule, owner = found
        who = actor or system_actor(rule.name)
        records.update(who, fresh, {"owner": owner}, trusted=True)
        pool = read.home_pool(entity_of(record).key, owner)
        pools.move_note(who, fresh, pool, ASSIGN, before=None, after=owner, reason=sharing.BY_RULE, note=rule.name)
        rule.last_user_id = owner
        rule.save(update_fields=["last_user"])
    return owner
