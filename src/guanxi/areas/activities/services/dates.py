"""When customers and contacts were first and last in touch, and when they will be next."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from guanxi.areas.activities.models import NOTE, PLAN_OPEN
from guanxi.core import records
from guanxi.core.kernel.actor import system_actor

_CUSTOMER_DATES = """
UPDATE customers_customer c SET first_contact_at = f.first, last_contact_at = f.last, next_plan_at = f.next
FROM (
    SELECT i.id,
        (SELECT min(a.occurred_at) FROM activities_activity a
         WHERE a.customer_id = i.id AND a.deleted_at IS NULL AND a.kind <> %(note)s) AS first,
        (SELECT max(a.occurred_at) FROM activities_activity a
         WHERE a.customer_id = i.id AND a.deleted_at IS NULL AND a.kind <> %(note)s) AS last,
        (SELECT min(p.planned_at) FROM activities_followupplan p
         WHERE p.customer_id = i.id AND p.deleted_at IS NULL AND p.status = %(open)s) AS next
    FROM unnest(%(ids)s::bigint[]) i(id)
) f
WHERE c.id = f.id AND c.deleted_at IS NULL AND (c.first_contact_at, c.last_contact_at, c.next_plan_at) IS DISTINCT FROM (f.first, f.last, f.next)
"""
_CONTACT_DATES = """
UPDATE customers_contact c SET last_contact_at = f.last, next_plan_at = f.next
FROM (
    SELECT i.id,
        (SELECT max(a.occurred_at) FROM activities_activity a
         WHERE (a.contact_id = i.id OR a.id IN (SELECT t.activity_id FROM activities_participant t
                WHERE t.contact_id = i.id AND t.deleted_at IS NULL))
           AND a.deleted_at IS NULL AND a.kind <> %(note)s) AS last,
        (SELECT min(p.planned_at) FROM activities_followupplan p
         WHERE p.contact_id = i.id AND p.deleted_at IS NULL AND p.status = %(open)s) AS next
    FROM unnest(%(ids)s::bigint[]) i(id)
) f
WHERE c.id = f.id AND c.deleted_at IS NULL AND (c.last_contact_at, c.next_plan_at) IS DISTINCT FROM (f.last, f.next)
"""


def contact_dates_refresh(customers: Iterable[int | None], contacts: Iterable[int | None] = ()) -> None:
    """Work out anew when these customers and contacts were first and last in touch, and when they will be next.

    No part of the operation under way: after an undo they are worked out again. What lies in the trash keeps its dates, so that
    it has them the moment it comes back.
    """
    with records.writing(system_actor("activities")), connection.cursor() as cursor:
        for sql, wanted in ((_CUSTOMER_DATES, customers), (_CONTACT_DATES, contacts)):
            ids = sorted({number for number in wanted if number})
            if ids:
                cursor.execute(sql, {"ids": ids, "note": NOTE, "open": PLAN_OPEN})
