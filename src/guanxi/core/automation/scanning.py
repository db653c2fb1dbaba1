"""Looking through the whole base for records that may be the same, in the background."""

from __future__ import annotations

from django.db import transaction

from guanxi.core.access import require
from guanxi.core.automation.queue import LONG, job
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Operation
from guanxi.core.records import doubles
from guanxi.core.records.writing import operation_begin, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

#: So many groups are kept; who has more cleans up the first ones first.
MOST = 2000
SORT = "scan"


def scan_begin(actor: Actor, entity: Entity | str) -> Operation:
    """Order a scan of an entity; it runs as a job. Needs the right to merge. One that is under way is returned."""
    declared = entity_of(entity)
    require(actor, "merge", declared)
    with writing(actor):
        waiting = Operation.objects.filter(sort=SORT, entity=declared.key, state__in=("waiting", "running")).first()
        if waiting is not None:
            return waiting
        step = operation_begin(actor, SORT, declared.key, state="waiting", undo_until=clock.now())
        duplicates_scan.defer(operation_id=step.pk)
    return step


@job(queue=LONG)
def duplicates_scan(operation_id: int) -> None:
    """Run an ordered scan and keep its groups in the operation; may be run again."""
    operation = Operation.objects.filter(pk=operation_id, sort=SORT, state__in=("waiting", "running")).first()
    if operation is None:
        return
    Operation.objects.filter(pk=operation_id).update(state="running")
    groups: list[dict[str, list[int] | list[str]]] = []
    found = records = 0
    for group in doubles.scan(entity_of(operation.entity)):
        found += 1
        records += len(group.record_ids)
        if len(groups) < MOST:
            groups.append({"ids": list(group.record_ids), "reasons": list(group.reasons)})
    with transaction.atomic():
        operation.state, operation.finished_at = "done", clock.now()
        operation.total = operation.progress = records
        operation.result = {"groups": groups, "found": found, "records": records}
        operation.save(update_fields=["state", "finished_at", "total", "progress", "result"])


def last_scan(entity: Entity) -> Operation | None:
    """The newest scan of an entity, finished or not."""
    return Operation.objects.filter(sort=SORT, entity=entity.key).order_by("-pk").first()
