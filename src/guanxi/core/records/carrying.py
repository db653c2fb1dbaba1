"""The owner of what a record hangs on is repeated on the record itself, so that whoever sees the one sees the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models, transaction
from django.db.models.expressions import RawSQL

from guanxi.core.models import CarryLag
from guanxi.core.records.search import index
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import carried_by, entity_of, is_registered


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

    Each change is looked at by two calls. The first notes which transactions run; a later one, when all of those have ended,
    compares what the records carry. Between the two more time must go by than anybody takes from reading an owner to writing it.
    """
    done = 0
    with transaction.atomic():
        ended = CarryLag.objects.filter(upto__lte=RawSQL("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", ()))
        for lag in ended.select_for_update(skip_locked=True).order_by("pk"):
            for child, field in carried_by(lag.entity) if is_registered(lag.entity) else ():
                owner = entity_of(lag.entity).access.owner
                rows = child.model._base_manager.filter(**{f"{field}_id__any": lag.ids})
                told = rows.values_list("pk", "carrier_owner_id", f"{field}__{owner}_id")
                late = [pk for pk, known, owned in told.iterator(2000) if known != owned]
                _repeat(child, child.model._base_manager.filter(pk__any=late))
                done += len(late)
            lag.delete()
        running = RawSQL("pg_snapshot_xmax(pg_current_snapshot())::text::bigint", ())
        CarryLag.objects.filter(upto=None).update(upto=running)
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
