"""Work of reports for the queue: mails whose time has come, sums kept beside the records."""

from __future__ import annotations

import datetime as dt

from guanxi.core.automation.queue import every
from guanxi.core.records import tallies
from guanxi.core.reporting.schedules import send_due
from guanxi.core.schema.registry import entities


@every("*/5 * * * *")
def reports_mail(now: dt.datetime) -> None:
    """Every five minutes: reports and boards whose time has come."""
    send_due(now)


@every("7-59/10 * * * *")
def tallies_settle(_now: dt.datetime) -> None:
    """Every ten minutes: rows of tallies with equal keys are put together where there are many."""
    for entity in entities():
        tallies.settle(entity)
