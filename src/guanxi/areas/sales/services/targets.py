"""Forecasts are submitted, and the pipeline is kept as it is at the beginning of each day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from guanxi.areas.sales.models import ForecastEntry, Opportunity, OpportunitySnapshot
from guanxi.areas.sales.selectors import targets as read
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid

ENTRY = "sales.forecastentry"


def forecast_submit(
    actor: Actor, *, owner: int, month: dt.date, adjusted: Any = None, comment: str = ""
) -> ForecastEntry:
    """Say what is expected of somebody's month; what the opportunities say then is kept beside it.

    One submits one's own, a manager that of his people. Raises Invalid for a month that is over.
    """
    month = month.replace(day=1)
    reach = actor.rights.of(ENTRY, "create")
    if owner != actor.user_id and not reach.covers(owner):
        raise Denied
    require(actor, "create", ENTRY)
    if read.month_after(month) <= clock.today(settings.TIME_ZONE):
        raise Invalid(_("This month is over; its forecast is closed."), code="month.closed", field="month")
    amount = Decimal(str(adjusted)) if adjusted not in (None, "") else None
    if amount is not None and amount < 0:
        raise Invalid(_("An amount cannot be negative."), code="amount.negative", field="adjusted")
    said = read.sums(owner, month)
    values = {
        "owner": owner,
        "month": month,
        "submitted_at": clock.now(),
        "adjusted": amount if amount is not None else said["closed"] + said["commit"],
        "comment": comment.strip(),
        **{name: said[name] for name in ("closed", "commit", "best_case", "pipeline")},
    }
    with records.writing(actor):
        made: ForecastEntry = records.create(actor, ENTRY, values, trusted=True)
        forecasts_settle([owner])
        made.refresh_from_db()
    return made


#: Which entry of a person's month is the last, and what he has won in it by now.
_SETTLED = """
    UPDATE sales_forecastentry f SET latest = n.latest, outcome = n.outcome
    FROM (
        SELECT e.id, coalesce(won.value, 0) AS outcome, e.deleted_at IS NULL AND row_number() OVER (
            PARTITION BY e.owner_id, e.month ORDER BY e.deleted_at IS NOT NULL, e.submitted_at DESC, e.id DESC
        ) = 1 AS latest
        FROM sales_forecastentry e LEFT JOIN (
            SELECT owner_id, closed_at, sum(value) AS value FROM sales_opportunitytally
            WHERE category = 'won' AND owner_id = ANY(%(owners)s) GROUP BY owner_id, closed_at
        ) won ON won.owner_id = e.owner_id AND won.closed_at = e.month
        WHERE e.owner_id = ANY(%(owners)s)
    ) n WHERE n.id = f.id AND (f.latest, f.outcome) IS DISTINCT FROM (n.latest, n.outcome)
"""


def forecasts_settle(owners: Iterable[int]) -> None:
    """Bring up to date what became of the forecasts of some people, and which of each month is the last."""
    if people := sorted(set(owners)):
        with connection.cursor() as cursor:
            cursor.execute(_SETTLED, {"owners": people})


def snapshot_keep(day: dt.date) -> int:
    """Keep the pipeline as it stands at this moment as that of ``day``; once a day. Returns how many were kept."""
    if OpportunitySnapshot.objects.filter(day=day).exists():
        return 0
    fields = ("pk", "pipeline_id", "stage_id", "category", "value", "owner_id")
    rows = [
        OpportunitySnapshot(
            day=day, opportunity_id=number, pipeline_id=pipeline, stage_id=stage, category=category,
            value=value or Decimal(0), owner_id=owner,
        )
        for number, pipeline, stage, category, value, owner in Opportunity.objects.order_by("pk").values_list(*fields)
    ]  # fmt: skip
    OpportunitySnapshot.objects.bulk_create(rows, batch_size=2000, ignore_conflicts=True)
    return len(rows)
