"""Work of the area for the queue: reminders."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from guanxi.areas.activities import policies
from guanxi.areas.activities.models import FollowUpPlan, Task
from guanxi.core.automation.notify import field_told, notify
from guanxi.core.automation.queue import every
from guanxi.core.kernel import clock

TASK_REMINDER = gettext_noop("Task due: %(record)s")
PLAN_REMINDER = gettext_noop("Follow-up planned: %(title)s")
_BATCH = 500


@every("* * * * *")
def reminders_send(_now: dt.datetime) -> None:
    """Every minute: the reminders whose time has come."""
    reminders_due()


def reminders_due() -> int:
    """Give every reminder whose time has come, once; returns how many were given.

    Owners are told on the page and, if they want, by mail. Two workers never give the same reminder.
    """
    given = 0
    for model, moment in ((Task, "due_at"), (FollowUpPlan, "planned_at")):
        while True:
            count, found = _batch(model, moment)
            given += count
            if found < _BATCH:
                break
    return given


def _batch(model: Any, moment: str) -> tuple[int, int]:
    now = clock.now()
    with transaction.atomic():
        rows = model.objects.select_for_update(skip_locked=True, of=("self",)).filter(next_reminder_at__lte=now)
        chosen = list(rows.select_related("customer").order_by("next_reminder_at", "pk")[:_BATCH])
        return sum(_remind(record, getattr(record, moment), now) for record in chosen), len(chosen)


def _remind(record: Any, moment: dt.datetime, now: dt.datetime) -> bool:
    at = record.next_reminder_at
    following = policies.reminder_next(moment, record.reminders, now)
    type(record).objects.filter(pk=record.pk).update(next_reminder_at=following)
    if record.owner_id is None:
        return False
    text, values = TASK_REMINDER, dict[str, Any]()
    if isinstance(record, FollowUpPlan):
        text, values = PLAN_REMINDER, {"title": field_told("subject" if record.subject else "customer")}
    once = f"reminder:{record._meta.label_lower}:{record.pk}:{at.isoformat()}"
    return bool(notify([record.owner_id], "reminder", text, values, record=record, once=once))
