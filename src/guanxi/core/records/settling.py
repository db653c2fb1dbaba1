"""Amounts of records whose lines were written by themselves (list, API, import, bulk): worked out anew and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from guanxi.core.kernel.actor import Actor
from guanxi.core.records import lines
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, lined_by


def owners_of(line: Entity, row: Any, changes: Mapping[str, Sequence[Any]]) -> list[tuple[str, int]]:
    """Records (entity key, id) a line belongs to, and belonged to before ``changes``."""
    found = []
    for entity, spec in lined_by(line.key):
        ids = {getattr(row, f"{spec.field}_id"), *(changes.get(spec.field) or ())}
        found += [(entity.key, number) for number in ids if number]
    return found


def settle_records(actor: Actor, owners: Iterable[tuple[str, int]]) -> None:
    """Lines were written by themselves (list, API): settle the records they belong to; within ``writing``."""
    wanted: dict[str, set[int]] = {}
    for key, number in owners:
        wanted.setdefault(key, set()).add(number)
    for key, ids in wanted.items():
        settle_many(actor, entity_of(key), ids)


def settle_owners(actor: Actor, line: Entity, rows: Iterable[Any]) -> None:
    """The same after an import wrote these lines."""
    if lined_by(line.key):
        settle_records(actor, [one for row in rows for one in owners_of(line, row, {})])


def settle_many(actor: Actor, entity: Entity, ids: Iterable[int | None]) -> None:
    """Work out the amounts of records and of their lines from what is stored, and write what differs."""
    if not entity.lines:
        return
    model: Any = entity.model
    chosen = sorted({number for number in ids if number})
    found = list(model.objects.select_for_update(of=("self",)).filter(pk__in=chosen).order_by("pk"))
    of_each = [(spec, lines.stored_of(found, spec)) for spec in entity.lines]
    moved: list[tuple[Any, dict[str, list[Any]]]] = []
    changed: dict[str, list[tuple[Any, dict[str, list[Any]]]]] = {}
    for record in found:
        before = lines.totals_of(entity, record)
        for spec, of_record in of_each:
            rows = of_record.get(record.pk, [])
            work = lines.Prepared(spec, rows, before={row.pk: lines.columns_of(row) for row in rows})
            if spec.settle is not None:
                spec.settle(actor, record, rows)
            changed.setdefault(spec.entity, []).extend(work.changed())
        changes = {
            name: [before[name], now] for name, now in lines.totals_of(entity, record).items() if now != before[name]
        }
        if changes:
            moved.append((record, changes))
    for key, rows in changed.items():
        lines.write_changed(actor, entity_of(key), rows)
    lines.write_changed(actor, entity, moved)
