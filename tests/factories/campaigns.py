"""Campaigns and their costs for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.factories import Make, factory


@factory("campaigns.campaign")
def campaign(number: int, _make: Make) -> dict[str, Any]:
    """A planned event."""
    return {"name": f"市场活动{number}", "kind": "event"}


@factory("campaigns.campaigncost")
def cost(number: int, make: Make) -> dict[str, Any]:
    """A stand."""
    return {
        "campaign": lambda: make("campaigns.campaign"),
        "name": f"展位{number}",
        "spent_on": dt.date(2026, 1, 5),
        "amount": "1000.00",
    }
