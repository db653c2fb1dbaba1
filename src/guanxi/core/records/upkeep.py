"""What follows a write in the same transaction: the carrier's owner, search documents, match keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import models

from guanxi.core.models.stamps import bump
from guanxi.core.records import matching
from guanxi.core.records.search import index
from guanxi.core.records.search.declared import searched
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import carried_by, entity_of

#: Models whose change makes something cached outdated.
STAMPS: Mapping[str, str] = {
    "core.user": "rights",
    "core.department": "rights",
    "core.role": "rights",
    "core.position": "people",
    "core.tag": "tags",
}


def stamp_of(entity: Entity) -> str:
    """The stamp a change of such a record makes new, '' for none."""
    return entity.stamp or STAMPS.get(entity.key, "")


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
    """After owners changed: repeat them on everything the records carry, in one statement per entity."""
    owner = f"{entity.access.owner}_id"
    for child, field in carried_by(entity.key):
        new = entity.model._base_manager.filter(pk=models.OuterRef(f"{field}_id")).values(owner)[:1]
        rows = child.model._base_manager.filter(**{f"{field}_id__any": list(ids)})
        if rows.update(carrier_owner_id=models.Subquery(new)) and child.search is not None:
            _index_again(child, rows)


def after_save(entity: Entity, records: Sequence[Any], changes: Mapping[str, Any] | None = None) -> None:
    """Bring search documents, match keys and stamps up to date with stored records.

    ``changes`` limits the work to what changed; ``None`` means anything may have.
    """
    if changes is None or touches_search(entity, changes):
        index.index_records(entity, records)
    if entity.match_keys and (changes is None or {key.field for key in entity.match_keys} & set(changes)):
        matching.index_keys(entity, records)
    if stamp := stamp_of(entity):
        bump(stamp)


def touches_search(entity: Entity, changes: Iterable[str]) -> bool:
    """Whether one of the changed fields is found by the search."""
    search = searched(entity)
    if search is None:
        return False
    named = {
        *search.names,
        *search.numbers,
        *search.phones,
        *search.emails,
        *search.text,
        *search.subtitle,
        entity.title,
        entity.access.owner,
        entity.access.carried_by,
    }
    return bool(named & set(changes))


def after_trash(entity: Entity, ids: Sequence[int]) -> None:
    """Records in the trash are neither found nor matched."""
    if entity.search is not None:
        index.remove(entity, list(ids))
    if entity.match_keys:
        matching.remove_keys(entity, list(ids))
    if stamp := stamp_of(entity):
        bump(stamp)


def after_restore(entity: Entity, ids: Sequence[int]) -> None:
    """Records back from the trash, or put back by an undo, are found again."""
    for start in range(0, len(ids), 500):
        records = list(entity.model._default_manager.filter(pk__in=ids[start : start + 500]))
        if records:
            after_save(entity, records)


def carry_again(entity: Entity, ids: Sequence[int]) -> None:
    """After records were moved to another carrier past ``save``: repeat its owner, in one statement."""
    field = entity.access.carried_by
    parent = entity_of(entity.model._meta.get_field(field).related_model)  # type: ignore[arg-type]
    owner = parent.model._base_manager.filter(pk=models.OuterRef(f"{field}_id")).values(f"{parent.access.owner}_id")[:1]
    rows = entity.model._base_manager.filter(pk__in=list(ids))
    rows.update(carrier_owner_id=models.Subquery(owner))
    if entity.search is not None:
        _index_again(entity, rows)


def _index_again(entity: Entity, rows: models.QuerySet[Any]) -> None:
    """Search documents name their owners; write them anew in batches."""
    ids = list(rows.values_list("pk", flat=True))
    for start in range(0, len(ids), 500):
        index.index_records(entity, entity.model._base_manager.filter(pk__in=ids[start : start + 500]))
