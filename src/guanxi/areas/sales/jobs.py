"""Work of the area for the queue: snapshots of the pipeline, recalls and warnings of pools, records that wait for an owner."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings

from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.services import pools, sharing, targets
from guanxi.core.automation.queue import every
from guanxi.core.kernel import clock
from guanxi.core.models import Preference

#: Where it is noted for which day records went back last.
LAST_DAY = "pools.day"


@every("*/10 * * * *")
def waiting_turn(_now: dt.datetime) -> None:
    """Every ten minutes: new records that found nobody are handed out to who can take them now."""
    sharing.waiting_hand_out()


@every("20 * * * *")
def pools_turn(now: dt.datetime) -> None:
    """Once a day, in its first hour or as soon after it as the machine runs: recall what is due, bring the days up to
    date, warn owners.
    """
    local = now.astimezone(ZoneInfo(settings.TIME_ZONE))
    last, today = (
        Preference.objects.filter(key=LAST_DAY).values_list("value", flat=True).first(),
        local.date().isoformat(),
    )
    if last == today:
        return
    if last is not None or local.hour == 0:  # a workspace begins with its first night
        pools_day()
    Preference.objects.update_or_create(key=LAST_DAY, defaults={"value": today})


def pools_day() -> None:
    """What happens at the beginning of a day."""
    targets.snapshot_keep(clock.today(settings.TIME_ZONE))
    pools.pools_recall()
    for subject in (read.CUSTOMER, read.LEAD):
        pools.returns_refresh(subject)
    pools.pools_warn()
