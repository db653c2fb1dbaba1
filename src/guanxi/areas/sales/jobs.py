"""Work of the area for the queue: snapshots of the pipeline, recalls and warnings of pools, records that wait for an owner."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings

from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.services import pools, sharing, targets
from guanxi.core.automation.queue import every
from guanxi.core.kernel import clock

#: The hour of the workspace's day in which records go back.
RECALL_HOUR = 0


@every("*/10 * * * *")
def waiting_turn(_now: dt.datetime) -> None:
    """Every ten minutes: new records that found nobody are handed out to who can take them now."""
    sharing.waiting_hand_out()


@every("20 * * * *")
def pools_turn(now: dt.datetime) -> None:
    """Once a day, in its first hour: recall what is due, bring the days up to date, warn owners."""
    if now.astimezone(ZoneInfo(settings.TIME_ZONE)).hour == RECALL_HOUR:
        pools_day()


def pools_day() -> None:
    """What happens at the beginning of a day."""
    targets.snapshot_keep(clock.today(settings.TIME_ZONE))
    pools.pools_recall()
    for subject in (read.CUSTOMER, read.LEAD):
        pools.returns_refresh(subject)
    pools.pools_warn()
