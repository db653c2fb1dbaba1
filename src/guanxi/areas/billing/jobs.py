"""Work of the area for the queue: reminders of instalments due and contracts ending."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.utils.translation import gettext_noop

from guanxi.areas.billing.models import Contract
from guanxi.areas.billing.models.documents import SIGNED
from guanxi.areas.billing.selectors import owed
from guanxi.core.automation.notify import field_told, notify
from guanxi.core.automation.queue import every
from guanxi.core.kernel import clock

DUE = gettext_noop("Instalment due on %(day)s: %(record)s")
ENDING = gettext_noop("Contract ends on %(day)s: %(record)s")
#: So many days before an instalment is due its owner is told.
AHEAD = 3


@every("10 0 * * *")
def reminders_send(_now: dt.datetime) -> None:
    """Every morning at ten past eight in China."""
    reminders_due()


def reminders_due() -> int:
    """Tell owners of instalments that fall due and contracts that end soon, once each; returns how many were told."""
    today, told = clock.today(settings.TIME_ZONE), 0
    rows = owed().filter(
        due_on__lte=today + dt.timedelta(days=AHEAD), due_on__gte=today - dt.timedelta(days=30), owner__isnull=False
    )
    for row in rows.order_by("due_on", "pk"):
        once = f"instalment:{row.pk}:{row.due_on}"
        day = {"day": field_told("due_on")}
        told += bool(notify([row.owner_id or 0], "reminder", DUE, day, record=row, once=once))
    contracts = Contract.objects.filter(
        status=SIGNED, ends_on__gte=today, remind_days__isnull=False, owner__isnull=False
    )
    for contract in contracts.order_by("ends_on", "pk"):
        if contract.ends_on is not None and contract.ends_on - dt.timedelta(days=contract.remind_days or 0) <= today:
            once = f"contract-end:{contract.pk}:{contract.ends_on}"
            day = {"day": field_told("ends_on")}
            told += bool(notify([contract.owner_id or 0], "reminder", ENDING, day, record=contract, once=once))
    return told
