"""Follow-ups, plans and tasks for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from guanxi.core.kernel import clock
from tests.factories import Make, factory


@factory("activities.activity")
def activity(number: int, make: Make) -> dict[str, Any]:
    """A call with a new customer, just now."""
    return {"customer": lambda: make("customers.customer"), "kind": "call", "body": f"电话沟通{number}"}


@factory("activities.followupplan")
def plan(number: int, make: Make) -> dict[str, Any]:
    """A plan for tomorrow with a new customer."""
    return {
        "customer": lambda: make("customers.customer"),
        "subject": f"回访{number}",
        "planned_at": clock.now() + dt.timedelta(days=1),
    }


@factory("activities.task")
def task(number: int, _make: Make) -> dict[str, Any]:
    """A task due tomorrow."""
    return {"subject": f"准备资料{number}", "due_at": clock.now() + dt.timedelta(days=1)}


@factory("activities.participant")
def participant(_number: int, make: Make) -> dict[str, Any]:
    """A contact of the follow-up's customer who took part in it."""
    customer = make("customers.customer")
    return {
        "activity": make("activities.activity", customer=customer),
        "contact": make("customers.contact", customer=customer),
    }
