"""Work of the area for the queue: asking for reports that were not sent."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_noop

from guanxi.areas.diary import selectors
from guanxi.areas.diary.models import DAY, DRAFT, WorkReport
from guanxi.core.automation.notify import notify
from guanxi.core.automation.queue import every
from guanxi.core.kernel.working_time import is_working_day
from guanxi.core.models import User
from guanxi.core.records import worktime

MISSING = gettext_noop("Your daily report of %(day)s has not been sent yet.")


@every("5 * * * *")
def reports_ask(now: dt.datetime) -> None:
    """Every hour: remind those whose evening has come and whose daily report is missing."""
    missing_remind(now)


def missing_remind(now: dt.datetime) -> int:
    """Remind everybody once for whom it is the reminder's hour of a working day; returns how many were told."""
    told = 0
    people = User.objects.filter(is_active=True, roles__key__in=selectors.writing_roles()).distinct()
    for user in people:
        local = now.astimezone(ZoneInfo(user.timezone))
        day = local.date()
        if local.hour != selectors.reminder_hour():
            continue
        if not is_working_day(day, worktime.calendar_of_user(user.pk)):
            continue
        sent = WorkReport.objects.filter(owner=user, period=DAY, day=day).exclude(status=DRAFT).exists()
        if not sent:
            once = f"workreport:{user.pk}:{day.isoformat()}"
            told += len(notify([user.pk], "reminder", MISSING, {"day": day.isoformat()}, once=once))
    return told
