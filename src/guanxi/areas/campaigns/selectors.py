"""What is read of campaigns: those below one."""

from __future__ import annotations

from guanxi.areas.campaigns.models import Campaign

CAMPAIGN, COST = "campaigns.campaign", "campaigns.campaigncost"


def branch(campaign_id: int) -> list[int]:
    """The campaign and all below it, one query a level."""
    found, level = [campaign_id], [campaign_id]
    while level:
        level = list(Campaign.objects.filter(parent_id__in=level).exclude(pk__in=found).values_list("pk", flat=True))
        found += level
    return found
