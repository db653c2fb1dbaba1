"""Blocks on the pages of leads and opportunities, and cards on the home page. They read; they never write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.customers.models import Pool
from guanxi.areas.customers.models.pools import GROUNDS, MOVES
from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import Opportunity, Target, Territory
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import sharing, targets
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.schema.registry import entity_of


def course(actor: Actor, deal: Opportunity) -> Mapping[str, Any]:
    """The stages a deal went through, how long it stayed in each, and what is to be ticked now."""
    return {
        "visits": selectors.visits(deal),
        "checklist": selectors.checklist(deal),
        "stale": selectors.stale(actor, deal),
    }


def pool(actor: Actor, pool: Pool) -> Mapping[str, Any]:
    """What lies in the pool, what is held from it, and what its rules will take back in the next days."""
    return read.pool_figures(actor, pool)


def holding(actor: Actor, record: Any) -> Mapping[str, Any]:
    """Whose pool it belongs to, how many days are left and why, how it came and went."""
    left = (record.returns_on - clock.today(actor.timezone)).days if record.returns_on else None
    return {
        "left": left,
        "why": dict(GROUNDS).get(record.returns_why, ""),
        "pool": record.pool,
        "moves": list(read.moves_of(entity_of(record).key, record.pk)),
        "sorts": dict(MOVES),
    }


def overlaps(_actor: Actor, territory: Territory) -> Mapping[str, Any]:
    """Where the territory and others claim the same customers."""
    return {"overlaps": sharing.overlaps(territory)}


def progress(_actor: Actor, target: Target) -> Mapping[str, Any]:
    """What was reached of a target: the year, its quarters and months."""
    spans = [(_("Year"), 1, 12)]
    spans += [(_("Quarter %(number)d") % {"number": one}, one * 3 - 2, one * 3) for one in range(1, 5)]
    spans += [(f"{target.year}-{month:02}", month, month) for month in range(1, 13)]
    lines = [(label, targets.progress(target, first, last)) for label, first, last in spans]
    return {"lines": lines, "money": target.measure != "count"}
