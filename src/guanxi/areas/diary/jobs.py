"""Work of the area for the queue: asking for reports of days, weeks and months that were not sent."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from guanxi.areas.diary import selectors, services
from guanxi.core.automation.queue import every
from guanxi.core.models import User
from guanxi.core.records import worktime


@every("5 * * * *")
def reports_ask(now: dt.datetime) -> None:
    """Every hour: remind those whose evening has come and whose report is missing."""
    missing_remind(now)


def missing_remind(now: dt.datetime) -> int:
    """Remind everybody once for whom it is the reminder's hour of the last working day of a period whose report is missing.

    Returns how many were told.
    """
    told = 0
    people = User.objects.filter(is_active=True, roles__key__in=selectors.writing_roles()).distinct()
    for user in people:
        local = now.astimezone(ZoneInfo(user.timezone))
        if local.hour != selectors.reminder_hour():
            continue
        calendar = worktime.calendar_of_user(user.pk)
        for period in selectors.asked_periods():
            if selectors.is_last_working_day(period, local.date(), calendar):
                told += services.report_remind(user.pk, period, local.date())
    return told
