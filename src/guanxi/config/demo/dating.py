"""Documents of the demo organisation were entered on their own days, not all on the day the story is told."""

from __future__ import annotations

import datetime as dt

import pgtrigger
from django.db import connection, transaction

from guanxi.core.kernel.actor import Actor
from guanxi.core.schema.registry import entity_of

#: Entity → the date of the day somebody entered it.
DAYS = {
    "billing.quote": "quoted_on",
    "billing.contract": "signed_on",
    "billing.order": "ordered_on",
    "billing.delivery": "shipped_on",
    "billing.receipt": "received_on",
    "billing.invoice": "requested_on",
    "billing.allocation": "booked_on",
    "sales.lead": "",
    "sales.opportunity": "",
}
#: Some moment of the working day, another for each record.
_HOUR = "interval '1 hour' + (r.id * 7919 %% 540) * interval '1 minute'"


def fill(actor: Actor, now: dt.datetime) -> None:
    """Put the moments of documents on their days, and their history with them, as their owners' doing."""
    quiet = [f"{entity_of(key).model._meta.label}:audit_update" for key in DAYS]
    with transaction.atomic(), pgtrigger.ignore(*quiet), connection.cursor() as cursor:
        cursor.execute("SET LOCAL guanxi.audit_upkeep = 'on'")
        for key, day in DAYS.items():
            table = entity_of(key).table
            if day:
                cursor.execute(
                    f"UPDATE {table} r SET created_by_id = coalesce(r.owner_id, r.created_by_id), created_at = a.at, updated_at = a.at"  # noqa: S608 - our own names
                    f" FROM (SELECT r.id, least(r.{day} + {_HOUR}, %s) AS at FROM {table} r WHERE r.{day} IS NOT NULL) a WHERE a.id = r.id",
                    [now - dt.timedelta(minutes=20)],
                )
            cursor.execute(
                "UPDATE core_auditentry a SET at = least(r.created_at + CASE a.action WHEN 'create' THEN interval '0' ELSE interval '1 day' END, %s),"  # noqa: S608 - as above
                f" actor_id = u.id, actor_name = u.name, via = 'web' FROM {table} r JOIN core_user u ON u.id = coalesce(r.owner_id, r.created_by_id)"
                " WHERE a.entity = %s AND a.record_id = r.id AND a.actor_name = %s",
                [now, table, actor.name],
            )
        cursor.execute(
            "UPDATE billing_quote r SET accepted_at = least(r.created_at + interval '5 days', %s) WHERE r.accepted_at > r.created_at + interval '5 days'",
            [now - dt.timedelta(minutes=5)],
        )
