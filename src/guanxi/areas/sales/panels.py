"""Blocks on the pages of leads and opportunities, and cards on the home page. They read; they never write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import Opportunity
from guanxi.core.kernel.actor import Actor


def course(actor: Actor, deal: Opportunity) -> Mapping[str, Any]:
    """The stages a deal went through, how long it stayed in each, and what is to be ticked now."""
    return {
        "visits": selectors.visits(deal),
        "checklist": selectors.checklist(deal),
        "stale": selectors.stale(actor, deal),
    }
