"""Work of reports for the queue: mails whose time has come."""

from __future__ import annotations

import datetime as dt

from guanxi.core.automation.queue import every
from guanxi.core.reporting.schedules import send_due


@every("*/5 * * * *")
def reports_mail(now: dt.datetime) -> None:
    """Every five minutes: reports and boards whose time has come."""
    send_due(now)
