"""Groups of records that may all be one (撞单): a scan of the whole base, by the keys of ``records.matching``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from django.db import connection, transaction

from guanxi.core.records.matching import weights_of
from guanxi.core.schema.entity import Entity


class Group(NamedTuple):
    """Records that may all be one, by id, and the kinds that join them."""

    record_ids: tuple[int, ...]
    reasons: tuple[str, ...]


def scan(entity: Entity, *, least: int = 60, most: int = 50) -> Iterator[Group]:
    """Groups of records that may be the same, over the whole base.

    Records are joined by keys of a weight of at least ``least``, and through them (A and B by phone, B and C by name:
    one group). A value shared by more than ``most`` records joins none, and a group stops growing at ``most``. Memory
    grows with the number of records that have a double, not with the base.
    """
    kinds = [kind for kind, weight in weights_of(entity.match_keys).items() if weight >= least]
    parent: dict[int, int] = {}
    size: dict[int, int] = {}
    reasons: dict[int, set[str]] = {}

    def root(record: int) -> int:
        while parent.setdefault(record, record) != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    for kind, ids in _shared(entity, kinds, most):
        first = root(ids[0])
        for other in map(root, ids[1:]):
            if other != first and size.get(first, 1) + size.get(other, 1) <= most:
                parent[other] = first
                size[first] = size.get(first, 1) + size.get(other, 1)
                reasons.setdefault(first, set()).update(reasons.pop(other, ()), (kind,))
            elif other == first:
                reasons.setdefault(first, set()).add(kind)
    members: dict[int, list[int]] = defaultdict(list)
    for record in list(parent):
        members[root(record)].append(record)
    for first, records in sorted(members.items(), key=lambda one: min(one[1])):
        if len(records) > 1:
            yield Group(tuple(sorted(records)), tuple(sorted(reasons[first])))


def parted(group: Group, own: Mapping[int, Iterable[tuple[str, str]]]) -> list[Group]:
    """What a group falls into when its records stand under their ``own`` keys alone; the kinds are those that joined it."""
    sharing: dict[tuple[str, str], set[int]] = defaultdict(set)
    for record_id in group.record_ids:
        for key in own.get(record_id, ()):
            if key[0] in group.reasons:
                sharing[key].add(record_id)
    found: list[tuple[set[int], set[str]]] = []
    for (kind, _value), ids in sharing.items():
        if len(ids) < 2:
            continue
        touched = [one for one in found if not one[0].isdisjoint(ids)]
        found = [one for one in found if one[0].isdisjoint(ids)]
        reasons = {kind}.union(*(why for _ids, why in touched))
        found.append((ids.union(*(others for others, _why in touched)), reasons))
    return sorted(Group(tuple(sorted(ids)), tuple(sorted(reasons))) for ids, reasons in found)


def _shared(entity: Entity, kinds: Sequence[str], most: int) -> Iterator[tuple[str, list[int]]]:
    """(kind, record ids) of every value that two to ``most`` records share."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            "SELECT kind, array_agg(record_id ORDER BY record_id) FROM core_match_key"
            " WHERE entity = %s AND kind = ANY(%s) GROUP BY kind, value HAVING count(*) BETWEEN 2 AND %s"
            " ORDER BY kind, value",
            [entity.key, list(kinds), most],
        )
        while rows := cursor.fetchmany(2000):
            yield from rows
