"""Processes an administrator made: rows, read into the dataclasses of ``records.process``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import lazy

from guanxi.core.models import Process as ProcessRow
from guanxi.core.models.stamps import kept
from guanxi.core.records import dictionaries, shape
from guanxi.core.records.process import Item, Move, Process, Step, add_general_source
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field


@kept("processes")
def _rows(entity: str) -> Mapping[str, Mapping[str, Any]]:
    return {row.field: row.definition for row in ProcessRow.objects.filter(entity=entity, active=True)}


def definition_of(entity: Entity, field: str) -> Mapping[str, Any] | None:
    """The stored definition of a field's process, ``None`` if it is none."""
    return _rows(entity.key).get(field)


def read(entity: Entity, field: Field, definition: Mapping[str, Any]) -> Process:
    """A definition as a process: one step per value of the field, in the field's order."""
    steps = definition.get("steps", {})
    return Process(
        entity=entity.key,
        field=field.name,
        steps=tuple(
            _step(field, choice, steps.get(choice.key, {}))
            for choice in dictionaries.choices_of(field)
            if choice.active
        ),
        moves=tuple(
            Move(
                source=str(one.get("source", "")),
                target=str(one.get("target", "")),
                who=tuple(one.get("who", ())),
                required=tuple(one.get("required", ())),
            )
            for one in definition.get("moves", ())
        ),
    )


_spoken = lazy(shape.spoken, str)


def _step(_field: Field, choice: dictionaries.Choice, given: Mapping[str, Any]) -> Step:
    return Step(
        key=choice.key,
        label=_spoken(choice.zh, choice.en),
        color=choice.color,
        who=tuple(given.get("who", ())),
        required=tuple(given.get("required", ())),
        checklist=tuple(
            Item(
                key=one["key"], label=_spoken(one.get("zh", ""), one.get("en", "")), required=one.get("required", True)
            )
            for one in given.get("checklist", ())
        ),
        sets=dict(given.get("sets", {})),
        runs=tuple(given.get("runs", ())),
        ending=given.get("ending", ""),
        help=_spoken(given.get("help_zh", ""), given.get("help_en", "")),
    )


def source(entity: Entity, field: str) -> Process | None:
    """The process of a choice field, if an administrator made it one."""
    stored = definition_of(entity, field)
    declared = shape.fields_of(entity).get(field)
    if stored is None or declared is None or declared.kind != "choice":
        return None
    return read(entity, declared, stored)


add_general_source(source)
