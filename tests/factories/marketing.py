"""Members of campaigns for tests."""

from __future__ import annotations

from typing import Any

from tests.factories import Make, factory


@factory("marketing.member")
def member(_number: int, make: Make) -> dict[str, Any]:
    """A customer in a campaign of his own."""
    return {"campaign": lambda: make("campaigns.campaign"), "customer": lambda: make("customers.customer")}


@factory("marketing.influence")
def influence(_number: int, make: Make) -> dict[str, Any]:
    """An opportunity a campaign had a part in."""
    return {"campaign": lambda: make("campaigns.campaign"), "opportunity": lambda: make("sales.opportunity")}
