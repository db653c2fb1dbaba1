"""What people do with follow-ups, plans and tasks. Lists, forms, API and imports come here through the declaration."""

from guanxi.areas.activities.services.dates import contact_dates_refresh
from guanxi.areas.activities.services.followups import (
    ACTIVITY,
    PLAN,
    activity_create,
    activity_delete,
    activity_log,
    activity_pin,
    activity_settle,
    activity_update,
    contacts_of,
)
from guanxi.areas.activities.services.plans import (
    SPANS,
    plan_cancel,
    plan_convert,
    plan_create,
    plan_delete,
    plan_snooze,
    plan_update,
)
from guanxi.areas.activities.services.tasks import (
    TASK,
    task_complete,
    task_delegate,
    task_reopen,
    task_snooze,
    task_tick,
    task_update,
)

__all__ = [
    "ACTIVITY",
    "PLAN",
    "SPANS",
    "TASK",
    "activity_create",
    "activity_delete",
    "activity_log",
    "activity_pin",
    "activity_settle",
    "activity_update",
    "contact_dates_refresh",
    "contacts_of",
    "plan_cancel",
    "plan_convert",
    "plan_create",
    "plan_delete",
    "plan_snooze",
    "plan_update",
    "task_complete",
    "task_delegate",
    "task_reopen",
    "task_snooze",
    "task_tick",
    "task_update",
]
