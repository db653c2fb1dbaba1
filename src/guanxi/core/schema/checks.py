"""System checks: every error in a declaration is found at start, not on a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.entity import Entity, sections_fields
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entities, entity_of, is_registered
from guanxi.core.schema.vocabulary import GROUPS


def resolve(entity: Entity, path: str) -> Field | None:
    """The field a path such as ``customer.name`` ends at, or ``None``."""
    name, _dot, rest = path.partition(".")
    if name == "custom":
        return Field(name=path, kind="text", label=path)
    field = fields_of(entity).get(name)
    if field is None or not rest:
        return field
    if not is_registered(field.target):
        return None
    return resolve(entity_of(field.target), rest)


def _paths(entity: Entity) -> Iterator[tuple[str, str]]:
    """Every field path the declaration names, with where it stands."""
    for where in ("columns", "filters", "facts"):
        yield from ((where, path) for path in getattr(entity, where))
    yield from (("sort", path.lstrip("-")) for path in entity.sort)
    yield ("title", entity.title)
    if entity.form:
        yield from (("form", path) for path in (*sections_fields(entity.form.sections), *entity.form.create))
    if entity.board:
        yield from (
            ("board", path)
            for path in (
                entity.board.field,
                *entity.board.card,
                *filter(None, [entity.board.total, entity.board.weighted, entity.board.within, entity.board.age]),
            )
        )
    if entity.search:
        for part in ("names", "numbers", "phones", "emails", "text", "subtitle"):
            yield from ((f"search.{part}", path) for path in getattr(entity.search, part))
    yield from (("match_keys", key.field) for key in entity.match_keys)
    yield from (("alike", name) for name in entity.alike)
    if entity.timeline:
        yield from (
            ("timeline", path)
            for path in (
                *entity.timeline.on,
                entity.timeline.at,
                *filter(None, [entity.timeline.body, entity.timeline.icon_by]),
            )
        )


def _entity_errors(entity: Entity) -> Iterator[CheckMessage]:  # noqa: C901 - one line per rule
    def wrong(text: str, number: int, hint: str | None = None) -> Error:
        return Error(f"{entity.key}: {text}", hint=hint, obj=entity.model, id=f"guanxi.E{number:03d}")

    if entity.key != entity.model._meta.label_lower:
        yield wrong(f"key must be {entity.model._meta.label_lower}", 1)
    for where, path in _paths(entity):
        if resolve(entity, path) is None and not _is_column(entity.model, path):
            yield wrong(f"{where} names “{path}”, which is no field", 2, f"Fields: {', '.join(fields_of(entity))}")
    for name in entity.fields:
        if name not in fields_of(entity):
            yield wrong(f"fields overrides “{name}”, which is no field", 3)
    for field in fields_of(entity).values():
        if field.kind not in KINDS:
            yield wrong(f"field {field.name} is of the unknown kind “{field.kind}”", 4, f"Kinds: {', '.join(KINDS)}")
    if entity.access.owner and not _is_column(entity.model, entity.access.owner):
        yield wrong(f"access.owner names “{entity.access.owner}”, which is no field", 5)
    if entity.access.carried_by and not _is_column(entity.model, "carrier_owner"):
        yield wrong("access.carried_by needs a model built on CarriedRecord", 6)
    if entity.menu.group and entity.menu.group not in GROUPS:
        yield wrong(f"menu group “{entity.menu.group}” is unknown", 7, f"Groups: {', '.join(GROUPS)}")
    if entity.board and fields_of(entity)[entity.board.field].kind not in ("choice", "reference", "user"):
        yield wrong("a board stands on a choice, reference or person", 8)
    yield from _trigger_errors(entity)


def _trigger_errors(entity: Entity) -> Iterator[CheckMessage]:
    names = {getattr(trigger, "name", "") for trigger in getattr(entity.model._meta, "triggers", ())}
    if not {"audit_insert", "audit_update", "audit_delete"} <= names:
        yield Error(
            f"{entity.key}: changes are not audited",
            hint="Let Meta inherit from the abstract record's Meta.",
            obj=entity.model,
            id="guanxi.E009",
        )
    if not entity.columns:
        yield Warning(f"{entity.key}: the list has no columns", obj=entity.model, id="guanxi.W001")


def _is_column(model: type[models.Model], name: str) -> bool:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


@register("guanxi")
def check_declarations(**_options: Any) -> list[CheckMessage]:
    """All errors of all declarations."""
    return [message for entity in entities() for message in _entity_errors(entity)]
