"""Delivery of facts: each one is told to its subscribers at least once, in order for each record.

A fact is claimed with a row lock, told, and marked in one transaction: if we die in between, it is told again. What a
subscriber writes to the database leaves in that same transaction, so writing there is exactly-once; anything slow or
outside belongs into a job the subscriber defers.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Min

from guanxi.core.kernel import clock
from guanxi.core.kernel.events import Event, Subscriber, subscribers_of
from guanxi.core.models import OutboxEvent, stamps
from guanxi.runtime.failpoints import reach

logger = logging.getLogger("guanxi.outbox")

#: Facts claimed in one transaction.
BATCH = 100
#: After so many failures (about a day and a half) a fact is given up: marked, with its error.
ATTEMPTS = 12
_FIRST_PAUSE, _LONGEST_PAUSE = 10, 4 * 3600

# Only the oldest waiting fact of a record is a candidate; that keeps the order whoever delivers.
_CLAIM = """
SELECT o.id FROM core_outboxevent o
WHERE o.delivered_at IS NULL AND (o.not_before IS NULL OR o.not_before <= %s)
  AND NOT EXISTS (SELECT 1 FROM core_outboxevent e WHERE e.delivered_at IS NULL
                  AND e.entity = o.entity AND e.record_id = o.record_id AND e.id < o.id)
ORDER BY o.id LIMIT %s FOR UPDATE OF o SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one batch came to: told, to be tried again, given up."""

    told: int = 0
    failed: int = 0
    given_up: int = 0

    def __bool__(self) -> bool:
        return bool(self.told or self.failed or self.given_up)


def deliver(limit: int = BATCH) -> Delivery:
    """Tell one batch of waiting facts. Several processes may do so at once; none tells what another has claimed."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [clock.now(), limit])
            claimed = [row[0] for row in cursor.fetchall()]
        if claimed:
            stamps.refresh()  # what was set up before a fact holds for it, were it saved a moment ago elsewhere
        told = failed = given_up = 0
        done: list[int] = []
        for row in OutboxEvent.objects.filter(pk__in=claimed).order_by("pk"):
            error = _tell(row)
            if not error:
                done.append(row.pk)
                told += 1
            elif _postpone(row, error):
                failed += 1
            else:
                given_up += 1
        OutboxEvent.objects.filter(pk__in=done).update(delivered_at=clock.now(), error="")
        if claimed:
            reach("outbox.before_commit")
    if claimed:
        reach("outbox.after_commit")
    return Delivery(told, failed, given_up)


def deliver_all(*, stopping: Callable[[], bool] = lambda: False) -> Delivery:
    """Tell batch after batch until nothing is left that may be told now, or until ``stopping()``."""
    told = failed = given_up = 0
    while not stopping():
        batch = deliver()
        told, failed, given_up = told + batch.told, failed + batch.failed, given_up + batch.given_up
        if not batch:
            break
    return Delivery(told, failed, given_up)


def seconds_to_next(longest: float) -> float:
    """Seconds until a postponed fact may be told again, at most ``longest``."""
    waiting = OutboxEvent.objects.filter(delivered_at__isnull=True, not_before__isnull=False)
    first = waiting.aggregate(first=Min("not_before"))["first"]
    if first is None:
        return longest
    return float(min(max((first - clock.now()).total_seconds(), 0.05), longest))


def waiting_count() -> int:
    """How many facts wait to be told."""
    return OutboxEvent.objects.filter(delivered_at__isnull=True).count()


def _tell(row: OutboxEvent) -> str:
    """Tell every subscriber, each in a savepoint of his own; the errors, '' if all went well."""
    event = Event(
        id=row.pk,
        name=row.name,
        entity=row.entity,
        record_id=row.record_id,
        changes=row.changes,
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        at=row.at,
        origin=row.origin,
    )
    return "\n".join(filter(None, (_tell_one(subscriber, event) for subscriber in subscribers_of(event.name))))


def _tell_one(subscriber: Subscriber, event: Event) -> str:
    name = f"{subscriber.__module__}.{subscriber.__qualname__}"
    try:
        with transaction.atomic():
            subscriber(event)
    except Exception as error:  # one subscriber's fault must not keep the others from hearing
        logger.warning(
            "a subscriber failed", extra={"event": event.name, "number": event.id, "subscriber": name}, exc_info=error
        )
        return f"{name}: {type(error).__name__}: {error}"
    return ""


def _postpone(row: OutboxEvent, error: str) -> bool:
    """Try again later; False when it was the last time."""
    row.attempts += 1
    row.error = error[:4000]
    last = row.attempts >= ATTEMPTS
    if last:
        row.delivered_at = clock.now()
        logger.error("an event was given up", extra={"event": row.name, "number": row.pk, "reason": row.error})
    else:
        pause = min(_FIRST_PAUSE * 3 ** (row.attempts - 1), _LONGEST_PAUSE)
        row.not_before = clock.now() + dt.timedelta(seconds=pause)
    row.save(update_fields=["attempts", "error", "delivered_at", "not_before"])
    return not last
