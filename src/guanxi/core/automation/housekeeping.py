"""What is thrown away or laid out ahead, so that the house keeps its size. Each step may run at any time."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from django.contrib.sessions.models import Session
from django.db import connection, models

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.apart import apart
from guanxi.core.models import (
    Draft,
    KeptAnswer,
    Notification,
    OneTimeLink,
    OutboxEvent,
    PortalKey,
    Presence,
    RateWindow,
)
from guanxi.core.models.record import Record
from guanxi.core.records import files
from guanxi.core.records.purging import purge
from guanxi.core.records.writing import UNDO_FOR
from guanxi.core.schema.registry import entities

logger = logging.getLogger("guanxi.housekeeping")

DELIVERED_DAYS, GIVEN_UP_DAYS = 3, 60
ANSWER_HOURS = 24
DRAFT_DAYS = 30
LINK_DAYS = 7
READ_DAYS, NOTIFICATION_DAYS = 90, 365
FAILED_JOB_DAYS = 30
MONTHS_AHEAD = 3
_BATCH = 5000


def run_all() -> dict[str, int]:
    """Every step; what each one removed or made. A step that fails is logged and does not stop the others."""
    done: dict[str, int] = {}
    for step in STEPS:
        with apart(logger, "a housekeeping step failed", step=step.__name__):
            done[step.__name__] = step()
    logger.info("housekeeping done", extra={name: number for name, number in done.items() if number})
    return done


def _ago(**span: float) -> dt.datetime:
    return clock.now() - dt.timedelta(**span)


def _delete(rows: models.QuerySet[models.Model]) -> int:
    """Delete in batches, each in a transaction of its own, without loading anything."""
    total = 0
    while True:
        some = list(rows.values_list("pk", flat=True)[:_BATCH])
        if not some:
            return total
        total += rows.model._base_manager.filter(pk__in=some)._raw_delete(rows.db)


def outbox_forget() -> int:
    """Facts told three days ago, and those given up two months ago."""
    told = OutboxEvent.objects.filter(delivered_at__lt=_ago(days=DELIVERED_DAYS), error="")
    given_up = OutboxEvent.objects.filter(delivered_at__lt=_ago(days=GIVEN_UP_DAYS)).exclude(error="")
    return _delete(told) + _delete(given_up)


def answers_forget() -> int:
    """Answers kept for repeated requests, after 24 hours."""
    return _delete(KeptAnswer.objects.filter(created_at__lt=_ago(hours=ANSWER_HOURS)))


def drafts_forget() -> int:
    """Drafts nobody touched for 30 days."""
    return _delete(Draft.objects.filter(updated_at__lt=_ago(days=DRAFT_DAYS)))


def presence_forget() -> int:
    """Who had a record open hours ago and never said that he left."""
    return _delete(Presence.objects.filter(seen_at__lt=_ago(hours=12)))


def links_forget() -> int:
    """Invitations and resets that ran out a week ago."""
    return _delete(OneTimeLink.objects.filter(expires_at__lt=_ago(days=LINK_DAYS)))


def notifications_forget() -> int:
    """Notifications read three months ago or a year old."""
    old = models.Q(read_at__lt=_ago(days=READ_DAYS)) | models.Q(created_at__lt=_ago(days=NOTIFICATION_DAYS))
    return _delete(Notification.objects.filter(old))


def sessions_forget() -> int:
    """Sessions that ran out."""
    return _delete(Session.objects.filter(expire_date__lt=clock.now()))


def attempts_forget() -> int:
    """Counters of attempts and doings: the longest is needed for an hour. Those of the API count in minutes and are one a person."""
    before = int(_ago(days=1).timestamp())
    return _delete(RateWindow.objects.filter(window__lt=before).exclude(key__startswith="api:"))


def client_keys_forget() -> int:
    """Links and sessions of clients that are over."""
    return _delete(PortalKey.objects.filter(expires_at__lt=clock.now()))


def jobs_forget() -> int:
    """Jobs that failed or were cancelled a month ago; those that went well are removed at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs j WHERE j.status IN ('failed', 'cancelled', 'aborted', 'succeeded')"
            " AND NOT EXISTS (SELECT 1 FROM procrastinate_events e WHERE e.job_id = j.id AND e.at >= %s)",
            [_ago(days=FAILED_JOB_DAYS)],
        )
        return int(cursor.rowcount)


def trash_purge() -> int:
    """Records that lay in the trash for 30 days are removed for good, children first."""
    actor = system_actor("housekeeping")
    before = clock.now() - UNDO_FOR
    removed = 0
    for entity in reversed(list(entities())):
        if not issubclass(entity.model, Record):
            continue
        old = entity.model.everything.filter(deleted_at__lt=before).order_by("pk")
        while some := list(old.values_list("pk", flat=True)[:500]):
            gone = purge(actor, entity, some)
            removed += gone
            if gone < len(some):
                break
    return removed


def files_sweep() -> int:
    """Contents no file refers to any more."""
    return files.sweep()


def audit_partitions() -> int:
    """Partitions of the audit for this month and the next ones, made if they are missing. Returns how many were."""
    first = clock.now().date().replace(day=1)
    made = 0
    for ahead in range(MONTHS_AHEAD + 1):
        index = first.year * 12 + first.month - 1 + ahead
        with connection.cursor() as cursor:
            cursor.execute("SELECT guanxi_audit_partition(%s)", [dt.date(index // 12, index % 12 + 1, 1)])
            made += cursor.fetchone()[0]
    return made


STEPS: tuple[Callable[[], int], ...] = (
    audit_partitions,
    outbox_forget,
    answers_forget,
    drafts_forget,
    presence_forget,
    links_forget,
    notifications_forget,
    sessions_forget,
    attempts_forget,
    client_keys_forget,
    jobs_forget,
    trash_purge,
    files_sweep,
)
