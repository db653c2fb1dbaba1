"""Work of the area for the queue: the figures kept beside campaigns."""

from __future__ import annotations

import datetime as dt

from guanxi.areas.campaigns.models import Campaign
from guanxi.areas.marketing import services
from guanxi.core.automation.queue import every, job


@job(name=services.JOB)
def campaign_settle(campaign_id: int) -> None:
    """Bring the figures of one campaign up to date."""
    services.campaign_settle(campaign_id)


@every("41 19 * * *")
def campaigns_settle(_now: dt.datetime) -> None:
    """Every night (of China): all of them, and what members said about marketing; whatever was loaded past the events."""
    services.members_renew()
    for number in Campaign.objects.order_by("pk").values_list("pk", flat=True).iterator():
        services.campaign_settle(number)
