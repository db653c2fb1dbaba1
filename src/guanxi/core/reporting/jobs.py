"""Work of reports for the queue: mails whose time has come, sums kept beside the records."""

from __future__ import annotations

import datetime as dt

from guanxi.core.automation.queue import LONG, every, job
from guanxi.core.records import tallies
from guanxi.core.reporting import schedules
from guanxi.core.schema.registry import entities


@every("*/5 * * * *")
def reports_mail(now: dt.datetime) -> None:
    """Every five minutes: reports and boards whose time has come."""
    schedules.send_due(now)


@job(name=schedules.JOB, queue=LONG)
def report_mail(schedule_id: int, user_id: int) -> None:
    """A report or board to one of its recipients."""
    schedules.send(schedule_id, user_id)


@every("7-59/10 * * * *")
def tallies_settle(_now: dt.datetime) -> None:
    """Every ten minutes: rows of tallies with equal keys are put together where there are many."""
    for entity in entities():
        tallies.settle(entity)
