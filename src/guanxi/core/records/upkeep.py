"""What follows a write in the same transaction: search documents, match keys, stamps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from guanxi.core.models.stamps import bump
from guanxi.core.records import matching
from guanxi.core.records.search import index
from guanxi.core.records.search.declared import searched
from guanxi.core.schema.entity import Entity

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
