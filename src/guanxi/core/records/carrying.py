"""The owner of what a record hangs on is repeated on the record itself, so that whoever sees the one sees the other."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, models, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL

from guanxi.core.kernel import clock
from guanxi.core.models import CarryLag
from guanxi.core.records.search import index
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import carried_by, entity_of, is_registered

logger = logging.getLogger("guanxi.records")
#: Longer than anybody takes from reading an owner to writing it; and than any transaction lasts, where the numbers of
#: transactions are those of another server, as after a restore.
GAP, LONGEST = dt.timedelta(seconds=30), dt.timedelta(days=1)


def carry(entity: Entity, record: Any) -> None:
    """Repeat the owner of the record this one hangs on."""
    if not entity.access.carried_by:
        return
    parent_id = getattr(record, f"{entity.access.carried_by}_id")
    if parent_id is None:
        record.carrier_owner_id = None
        return
    parent = entity_of(entity.model._meta.get_field(entity.access.carried_by).related_model)  # type: ignore[arg-type]
    owner = f"{parent.access.owner}_id"
    record.carrier_owner_id = parent.model._base_manager.filter(pk=parent_id).values_list(owner, flat=True).first()


def carry_many(entity: Entity, records: Sequence[Any]) -> None:
    """``carry`` for many records with one query."""
    if not entity.access.carried_by:
        return
    column = f"{entity.access.carried_by}_id"
    parent = entity_of(entity.model._meta.get_field(entity.access.carried_by).related_model)  # type: ignore[arg-type]
    ids = {getattr(record, column) for record in records} - {None}
    rows = parent.model._base_manager.filter(pk__in=ids).values_list("pk", f"{parent.access.owner}_id")
    owners: dict[int, int | None] = dict(rows)
    for record in records:
        record.carrier_owner_id = owners.get(getattr(record, column))


def carry_down(entity: Entity, ids: Sequence[int]) -> None:
    """After owners changed: repeat them on everything the records carry, in one statement per entity.

    What somebody hangs on them at this moment is not seen, and tells the former owner: ``carry_late`` finds it.
    """
    children = carried_by(entity.key)
    for child, field in children:
        _repeat(child, child.model._base_manager.filter(**{f"{field}_id__any": list(ids)}))
    if children:
        CarryLag.objects.create(entity=entity.key, ids=list(ids))


def carry_late() -> int:
    """Repeat changed owners on what was hung on their records while they changed; returns on how many.

    Each change is looked at by two calls. The first notes which transactions run; a later one, when all of those have ended
    and nobody can still be between reading an owner and writing it, compares what the records carry.
    """
    now = clock.now()
    ended = Q(upto__lte=RawSQL("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", ()), noted_at__lte=now - GAP)
    done = 0
    for number in (
        CarryLag.objects.filter(ended | Q(noted_at__lte=now - LONGEST)).order_by("pk").values_list("pk", flat=True)
    ):
        try:
            done += _compared(number)
        except DatabaseError:  # looked at again; the others do not wait for it
            logger.exception("what records carry could not be compared", extra={"lag": number})
    running = RawSQL("pg_snapshot_xmax(pg_current_snapshot())::text::bigint", ())
    CarryLag.objects.filter(noted_at=None).update(upto=running, noted_at=now)
    return done


@transaction.atomic
def _compared(number: int) -> int:
    """On how many records the owner of one change had to be repeated; the change is done with then."""
    lag = CarryLag.objects.select_for_update(skip_locked=True).filter(pk=number).first()
    if lag is None:
        return 0
    done = 0
    for child, field in carried_by(lag.entity) if is_registered(lag.entity) else ():
        owner = entity_of(lag.entity).access.owner
        rows = child.model._base_manager.filter(**{f"{field}_id__any": lag.ids})
        told = rows.values_list("pk", "carrier_owner_id", f"{field}__{owner}_id")
        late = [pk for pk, known, owned in told.iterator(2000) if known != owned]
        _repeat(child, child.model._base_manager.filter(pk__any=late))
        done += len(late)
    lag.delete()
    return done


def carry_again(entity: Entity, ids: Sequence[int]) -> None:
    """After records were moved to another carrier past ``save``: repeat its owner, in one statement."""
    _repeat(entity, entity.model._base_manager.filter(pk__in=list(ids)))


def _repeat(entity: Entity, rows: models.QuerySet[Any]) -> None:
    """Give each row the owner of its carrier as it is now."""
    field = entity.access.carried_by
    parent = entity_of(entity.model._meta.get_field(field).related_model)  # type: ignore[arg-type]
    owner = parent.model._base_manager.filter(pk=models.OuterRef(f"{field}_id")).values(f"{parent.access.owner}_id")[:1]
    if rows.update(carrier_owner_id=models.Subquery(owner)) and entity.search is not None:
        _index_again(entity, rows)


def _index_again(entity: Entity, rows: models.QuerySet[Any]) -> None:
    """Search documents name their owners; write them anew in batches."""
    ids = list(rows.values_list("pk", flat=True))
    for start in range(0, len(ids), 500):
        index.index_records(entity, entity.model._base_manager.filter(pk__in=ids[start : start + 500]))
