"""Rules of campaigns and their costs."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.campaigns.models import Campaign, CampaignCost
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import User

Changes = MutableMapping[str, list[Any]]
#: So deep may campaigns lie within campaigns.
DEEPEST = 10


def campaign_clean(_actor: Actor, record: Campaign, changes: Changes) -> None:
    """It ends after it begins, costs what can be paid, and is no part of itself; its department is its owner's, if none is said."""
    if record.begins_on and record.ends_on and record.ends_on < record.begins_on:
        raise Invalid(_("It cannot end before it begins."), code="campaign.ends", field="ends_on")
    for name in ("budget", "expected_revenue"):
        amount = getattr(record, name)
        if amount is not None and amount < 0:
            raise Invalid(_("The amount cannot be less than zero."), code="campaign.amount", field=name)
    if record._state.adding and record.department_id is None and record.owner_id is not None:
        record.department_id = User.everything.filter(pk=record.owner_id).values_list("department", flat=True).first()
    if "parent" in changes:
        _above(record)


def _above(record: Campaign) -> None:
    """Raise Invalid when the campaign would contain itself."""
    above, steps = record.parent_id, 0
    while above is not None:
        steps += 1
        if above == record.pk or steps > DEEPEST:
            raise Invalid(_("A campaign cannot be a part of itself."), code="campaign.circle", field="parent")
        above = Campaign.everything.filter(pk=above).values_list("parent_id", flat=True).first()


def cost_clean(_actor: Actor, record: CampaignCost, _changes: Changes) -> None:
    """Something was paid."""
    if record.amount is not None and record.amount <= 0:
        raise Invalid(_("The amount must be more than zero."), code="campaign.cost", field="amount")
