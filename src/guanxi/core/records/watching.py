"""Triggers that note which records are due when something they read elsewhere changes.

They are made from the rows of derived fields: ``install`` writes one function and trigger per watched table and verb, and
drops those nothing needs any more. Seen by the application's own writes, by undo, by import and by hand alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection

from guanxi.core.models import CustomField
from guanxi.core.records import columns, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered

_VERBS = ("insert", "update", "delete")


@dataclass(frozen=True, slots=True)
class Watch:
    """One thing to watch: rows of ``table``; ``told`` says, as the door ``guanxi_door_due`` reads it, whose records are due by them."""

    table: str
    told: str
    verbs: tuple[str, ...]


def _named(field: Field) -> dict[str, str]:
    return {"custom": field.key} if field.custom else {"column": str(field.column)}


def _of_relation(entity: Entity, child: Entity, reference: Field) -> Watch:
    told = {"entity": entity.key, "reference": _named(reference), "many": reference.kind == "references"}
    return Watch(child.table, json.dumps(told), _VERBS)


def _of_path(entity: Entity, path: str) -> list[Watch]:
    """One watch per step of ``customer.region``: the record at its end changes, or one on the way points elsewhere."""
    found: list[Watch] = []
    here = entity
    passed: list[dict[str, str]] = []
    names = steps(path)
    for place, name in enumerate(names[:-1]):
        field = shape.fields_of(here).get(name)
        target = (
            "core.user" if field is not None and field.kind == "user" else field.target if field is not None else ""
        )
        if field is None or field.kind not in ("reference", "user") or not is_registered(target):
            return found
        here = entity_of(target)
        watched = shape.fields_of(here).get(names[place + 1])
        if watched is None:
            return found
        told = {
            "entity": entity.key,
            "table": entity.table,
            "steps": list(passed),
            "reference": _named(field),
            "watched": _named(watched),
        }
        found.append(Watch(here.table, json.dumps(told), ("update",)))
        passed.append({**_named(field), "table": here.table})
    return found


def steps(path: str) -> list[str]:
    """A path as names of fields: ``customer.custom.score`` has two, ``customer`` and ``custom.score``."""
    parts, names = path.split("."), []
    while parts:
        one = parts.pop(0)
        names.append(f"custom.{parts.pop(0)}" if one == "custom" and parts else one)
    return names


def watches() -> list[Watch]:
    """Everything the derived fields there are stand on."""
    found: dict[Watch, None] = {}
    for row in CustomField.objects.filter(active=True, kind__in=shape.DERIVED):
        if not is_registered(row.entity):
            continue
        entity = entity_of(row.entity)
        relations = [row.options.get("rollup", {}).get("relation", "")] if row.kind == "rollup" else []
        relations += [one[0] for one in row.options.get("relations", ())]
        for path in relations:
            child, reference = columns.relation(entity, path)
            if child is not None and reference is not None:
                found[_of_relation(entity, child, reference)] = None
        for path in row.options.get("paths", ()):
            found.update(dict.fromkeys(_of_path(entity, path)))
    return list(found)


def install() -> None:
    """Bring the triggers in line with the derived fields; within the transaction that changed those, or after a migration."""
    wanted: dict[tuple[str, str], list[Any]] = {}
    for watch in watches():
        for verb in watch.verbs:
            wanted.setdefault((watch.table, verb), []).append(json.loads(watch.told))
    told = [{"table": table, "verb": verb, "watches": listed} for (table, verb), listed in sorted(wanted.items())]
    with connection.cursor() as cursor:
        cursor.execute("SELECT guanxi_door_due(%s::jsonb)", [json.dumps(told)])
