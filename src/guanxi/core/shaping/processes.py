"""Choice fields as processes: which moves, for whom, what on the way, what follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Process, Role
from guanxi.core.models.stamps import bump
from guanxi.core.records import dictionaries, shape
from guanxi.core.records.process import ANY, NEW, OWNER, SUPERIOR, value_set
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping.common import check_version, require_shaper


def candidates(entity: Entity) -> list[Field]:
    """Fields that may be a process: flat choices."""
    return [
        one
        for one in shape.fields_of(entity).values()
        if one.kind == "choice" and not any(choice.parent for choice in dictionaries.choices_of(one))
    ]


def row_of(entity: Entity, field: str) -> Process | None:
    """The stored process of a field."""
    return Process.objects.filter(entity=entity.key, field=field).first()


def process_save(
    actor: Actor,
    entity: Entity | str,
    field: str,
    definition: Mapping[str, Any],
    *,
    active: bool = True,
    version: int | None = None,
) -> Process:
    """Store the rules of a field; with ``active`` false it is no process. Raises Invalid, Conflict."""
    require_shaper(actor)
    declared = entity_of(entity)
    cleaned = process_check(actor, declared, field, definition)
    with writing(actor):
        row = Process.objects.select_for_update().filter(entity=declared.key, field=field).first()
        if row is None:
            row = Process(entity=declared.key, field=field, version=0)
        else:
            check_version(row, version, {"definition": cleaned}, {"definition": _("Process")})
        row.definition, row.active, row.version = cleaned, active, row.version + 1
        row.save()
        bump("processes")
    return row


def process_check(actor: Actor, entity: Entity, field: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition as it is stored. Raises Invalid for a field that is not there or is no flat choice, or a value that does not fit."""
    if field not in {one.name for one in candidates(entity)}:
        raise Invalid(_("There is no field “%(name)s”.") % {"name": field}, code="field.unknown", field="field")
    return _cleaned(actor, entity, field, definition)


def _sets(actor: Actor, fields: Mapping[str, Field], key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What entering a step writes; a value the field cannot hold would stop everybody who moves there."""
    for name, raw in given.items():
        try:
            value_set(actor, fields[name], raw) if name in fields else None
        except Invalid as error:
            words = {"name": str(fields[name].label), "error": str(error)}
            raise Invalid(_("%(name)s: %(error)s") % words, code=error.code, field=f"{key}.sets") from error
    return {name: value for name, value in given.items() if name in fields}


def _cleaned(actor: Actor, entity: Entity, field: str, given: Mapping[str, Any]) -> dict[str, Any]:
    fields = shape.fields_of(entity)
    keys = {one.key for one in dictionaries.choices_of(fields[field])}
    people = {OWNER, SUPERIOR, *Role.objects.values_list("key", flat=True)}
    actions = {one.key for one in entity.actions if not one.fields}
    steps: dict[str, Any] = {}
    for key, step in dict(given.get("steps", {})).items():
        if key not in keys:
            continue
        unknown = set(step.get("required", ())) - set(fields)
        if unknown:
            raise Invalid(
                _("There is no field “%(name)s”.") % {"name": min(unknown)},
                code="field.unknown",
                field=f"{key}.required",
            )
        cleaned = {
            "who": [one for one in step.get("who", ()) if one in people],
            "required": list(step.get("required", ())),
            "checklist": [one for one in step.get("checklist", ()) if one.get("zh") or one.get("en")],
            "runs": [one for one in step.get("runs", ()) if one in actions],
            "sets": _sets(actor, fields, key, step.get("sets", {})),
            "ending": step.get("ending", "") if step.get("ending") in ("good", "bad") else "",
            "help_zh": str(step.get("help_zh", ""))[:500],
            "help_en": str(step.get("help_en", ""))[:500],
        }
        steps[key] = {name: value for name, value in cleaned.items() if value}
    moves = [
        {"source": one["source"], "target": one["target"]}
        for one in given.get("moves", ())
        if one.get("target") in {*keys, ANY}
        and one.get("source") in {*keys, ANY, NEW}
        and one["source"] != one["target"]
    ]
    # A value of the process itself may be set, but never the field that is moved.
    for step in steps.values():
        step.get("sets", {}).pop(field, None)
    return {"steps": {key: step for key, step in steps.items() if step}, "moves": moves}
