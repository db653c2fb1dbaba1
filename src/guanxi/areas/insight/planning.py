"""Contacts planned for many customers in one go, spread over working days, each for the customer's owner."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from guanxi.areas.activities.models import FollowUpPlan
from guanxi.areas.activities.services import contact_dates_refresh
from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.access import visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.working_time import is_working_day
from guanxi.core.models import Operation
from guanxi.core.records import bulk
from guanxi.core.records.worktime import calendar

PLAN = "activities.followupplan"
MOST = 500


def contacts_plan(
    actor: Actor, customers: Sequence[int], *, kind: str, purpose: str, start: dt.date, a_day: int
) -> Operation:
    """Plan one contact with each customer, in the given order, at most ``a_day`` for one owner and working day, from ``start`` on at nine.

    Customers without an owner are the actor's. One operation, which can be undone; its result counts who had an open plan already (left out).
    Raises Invalid without customers or with more than :data:`MOST`, Denied where he may not plan for others.
    """
    if not customers or len(customers) > MOST:
        raise Invalid(_("Choose between 1 and %(most)d customers.") % {"most": MOST}, code="plan.customers")
    owners = dict(visible(Customer.objects.filter(pk__in=customers), actor).values_list("pk", "owner_id"))
    planned = set(
        FollowUpPlan.objects.filter(customer_id__in=owners, status="open").values_list("customer_id", flat=True)
    )
    zone, days = ZoneInfo(actor.timezone or settings.TIME_ZONE), _Days(start, max(1, a_day))
    rows = []
    for key in dict.fromkeys(customers):
        if key in owners and key not in planned:
            owner = owners[key] or actor.user_id
            moment = dt.datetime.combine(days.next_for(owner), dt.time(9), zone)
            rows.append({"customer": key, "owner": owner, "kind": kind, "subject": purpose, "planned_at": moment})
    with records.writing(actor):
        step = records.operation_begin(actor, "create", PLAN, total=len(rows), progress=len(rows))
        made = bulk.create_many(actor, PLAN, rows, operation=step)
        for one in made:
            if isinstance(one, Invalid):
                raise one
        contact_dates_refresh([one.customer_id for one in made], [])
        step.result = {"done": len(made), "skipped": len(planned)}
        step.save(update_fields=["result"])
    return step


def next_working_day(day: dt.date) -> dt.date:
    """The first working day after a day."""
    known = calendar()
    day += dt.timedelta(days=1)
    while not is_working_day(day, known):
        day += dt.timedelta(days=1)
    return day


class _Days:
    """The next free working day of each owner."""

    def __init__(self, start: dt.date, a_day: int) -> None:
        self.start, self.a_day, self.calendar = start, a_day, calendar()
        self.taken: Counter[tuple[int | None, dt.date]] = Counter()

    def next_for(self, owner: int | None) -> dt.date:
        day = self.start
        while not is_working_day(day, self.calendar) or self.taken[owner, day] >= self.a_day:
            day += dt.timedelta(days=1)
        self.taken[owner, day] += 1
        return day
