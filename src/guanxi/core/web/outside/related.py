"""The related records a look-up shows below the record itself, as parts of its editor, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from guanxi.core.records import process, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities, entity_of, is_registered
from guanxi.core.web.inputs import Input
from guanxi.core.web.shaping.common import Choices, ask, inputs, read

ADD = "related.add"


def _ways(entity: Entity) -> dict[str, str]:
    """Everything that points to the record: “Claims · policy” by ``entity|field``."""
    return {
        f"{child.key}|{name}": f"{child.plural} · {field.label}"
        for child in entities()
        if child.menu.group
        for name, field in shape.fields_of(child).items()
        if field.kind == "reference" and field.target == entity.key
    }


def _questions(number: int, child: Entity) -> list[Field]:
    """What is asked about one sort of related records."""
    fields, at = shape.fields_of(child), f"related.{number}."
    shown: Choices = [(name, one.label) for name, one in fields.items() if name not in ("id", "deleted_at")]
    paths: Choices = [(name, fields[name].label) for name in process.process_fields(child) if name in fields]
    return [
        ask(f"{at}shown", "choices", _("Shown"), choices=shown),
        ask(f"{at}steps", "choice", _("Steps of"), choices=paths),
        ask(f"{at}people", "boolean", _("with the people who acted")),
        ask(f"{at}gone", "boolean", _("Show these no more")),
    ]


def _kept(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any], Entity]]:
    """The rows whose records still exist, each with its place."""
    known = [(number, one) for number, one in enumerate(rows) if is_registered(str(one.get("entity", "")))]
    return [(number, one, entity_of(str(one["entity"]))) for number, one in known]


def _adding(entity: Entity, rows: Sequence[Mapping[str, Any]]) -> Field:
    taken = {f"{one.get('entity')}|{one.get('field')}" for one in rows}
    offered = [(way, label) for way, label in _ways(entity).items() if way not in taken]
    return ask(ADD, "choice", _("Also show"), choices=offered, help=_("Which fields, you say after saving."))


def drawn(entity: Entity, rows: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[str, list[Input]]], list[Input]]:
    """The parts of the editor, each with its heading, and the question that adds one."""
    ways = _ways(entity)
    parts = []
    for number, one, child in _kept(rows):
        held = {f"related.{number}.{name}": one.get(name) for name in ("shown", "steps", "people")}
        heading = ways.get(f"{child.key}|{one.get('field')}", str(child.plural))
        parts.append((heading, inputs(_questions(number, child), held)))
    return parts, inputs([_adding(entity, rows)], {})


def sent(entity: Entity, rows: Sequence[Mapping[str, Any]], data: QueryDict) -> list[dict[str, Any]]:
    """The related records as sent: changed, taken away, one more. Raises Invalid for what cannot be read."""
    found = []
    for number, one, child in _kept(rows):
        given = read(_questions(number, child), data)
        at = f"related.{number}."
        if not given.get(f"{at}gone"):
            new = {"shown": given.get(f"{at}shown") or [], "steps": given.get(f"{at}steps") or ""}
            found.append({**one, **new, "people": bool(given.get(f"{at}people"))})
    way = str(read([_adding(entity, rows)], data).get(ADD) or "")
    if way:
        key, _sign, name = way.partition("|")
        child = entity_of(key)
        paths = process.process_fields(child)
        found.append(
            {"entity": key, "field": name, "shown": [child.title], "steps": next(iter(paths), ""), "people": False}
        )
    return found
