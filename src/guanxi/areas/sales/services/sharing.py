"""Handing out records without an owner by rules."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.areas.customers.models import ASSIGN
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import sharing
from guanxi.areas.sales.services import pools
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.kernel.machines import register_machines
from guanxi.core.schema.registry import entity_of

register_machines({"assignment": gettext_lazy("Assignment")})


def hand_out(record: Any, actor: Actor | None = None) -> int | None:
    """Give a record nobody owns to whom the rules name; returns the owner's id, ``None`` when no rule has anybody."""
    house = system_actor("assignment")
    with records.writing(actor or house):
        fresh: Any = records.locked(actor or house, entity_of(record), record.pk)
        if actor is not None:
            require(actor, "assign", fresh)
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


def by_rules(actor: Actor, record: Any) -> Any:
    """Hand out one record now. Raises RuleBroken when no rule has anybody for it."""
    if hand_out(record, actor) is None:
        raise RuleBroken(_("No assignment rule has anybody for it now."), code="assign.nobody")
    return record


#: So many waiting records are looked at in a turn, and so many of those somebody may take are tried.
LOOKED_AT, TRIED = 5000, 300


def waiting_hand_out() -> int:
    """Try the rules again for new records that found nobody: somebody came to work, came back, or has room again.

    Returns how many found their owner.
    """
    found = 0
    for subject in (read.CUSTOMER, read.LEAD):
        if rules := sharing.rules_free(subject):
            rows = list(sharing.waiting(subject)[:LOOKED_AT])
            wanted = {one.pk for rule in rules for one in sharing.fitting(rule, rows)}
            tried = [one for one in rows if one.pk in wanted][:TRIED]
            found += sum(hand_out(record) is not None for record in tried)
    return found
