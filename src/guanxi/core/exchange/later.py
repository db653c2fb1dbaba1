"""References to records that came further down in the same file: they wait, and are resolved when all rows are in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guanxi.core.exchange import people
from guanxi.core.exchange.batches import Batcher
from guanxi.core.exchange.reasons import Reason, of_invalid
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Operation
from guanxi.core.records import many

CODE = "reference.later"


def resolve(
    batcher: Batcher, waiting: Sequence[tuple[int, list[Reason]]], operation: Operation | None
) -> list[list[Reason]]:
    """Resolve what waits in the reasons of (record id, reasons) pairs; the reasons that remain for each."""
    entity = batcher.entity
    rows = entity.model._default_manager.select_for_update(of=("self",)).filter(pk__in=[pk for pk, _told in waiting])
    records = {one.pk: one for one in rows}
    wanted: dict[str, set[str]] = {}
    for _number, reasons in waiting:
        for one in reasons:
            if one["code"] == CODE:
                wanted.setdefault(one["field"], set()).add(one["values"]["value"])
    known = {name: people.records_named(batcher.actor, entity, texts) for name, texts in wanted.items()}
    changes: list[tuple[Any, dict[str, Any]]] = []
    remaining: list[list[Reason]] = []
    for number, reasons in waiting:
        given: dict[str, Any] = {}
        remaining.append([left for one in reasons if (left := _resolved(batcher, number, one, known, given))])
        if given and number in records:
            changes.append((records[number], batcher.merged(given, records[number])))
    results = many.update_many(batcher.actor, entity, changes, operation=operation, quiet=batcher.options.quiet)
    refused = {
        record.pk: result
        for (record, _given), result in zip(changes, results, strict=True)
        if isinstance(result, Invalid)
    }
    for (number, _reasons), stays in zip(waiting, remaining, strict=True):
        if number in refused:
            stays.extend(of_invalid(refused[number], batcher.labels))
    return remaining


def _resolved(
    batcher: Batcher, number: int, one: Reason, known: dict[str, dict[str, int]], given: dict[str, Any]
) -> Reason | None:
    """What remains of a reason; what is to be written on the record is added to ``given``."""
    if one["code"] != CODE:
        return one
    name, text = one["field"], one["values"]["value"]
    found = known[name].get(text, 0)
    if found > 0 and found != number:
        given[name] = found
        return None
    if batcher.note:
        batcher.preparer.add_note(given, name, text)
    return {**one, "code": "reference.ambiguous" if found == people.AMBIGUOUS else "reference.not_found"}
