"""Conditions of fields an administrator set: when one is shown, must be filled, may be changed, and what it must satisfy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.access import field_level
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.cel import FormulaError
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models.stamps import kept
from guanxi.core.records import formula, narrowing, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field

#: The conditions a field may have: what they are called in ``rules``.
CONDITIONS = ("visible", "required", "readonly", "check")
EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class State:
    """How a field is at present: of a form as it is filled in."""

    visible: bool = True
    required: bool = False
    readonly: bool = False


@kept("fields")
def ruled(key: str) -> tuple[Field, ...]:
    """Fields of an entity with conditions of their own."""
    return tuple(one for one in shape.fields_of(key).values() if one.rules)


def bound(key: str) -> bool:
    """Whether ``hold`` asks anything of the records of an entity."""
    return bool(ruled(key) or narrowing.narrowed(key))


def _holds(rule: str, record: Any, *, otherwise: bool) -> bool:
    if not rule:
        return otherwise
    try:
        return formula.truth(rule, record)
    except FormulaError:
        return otherwise


def state_of(field: Field, record: Any) -> State:
    """The conditions of one field for a record, saved or not."""
    rules = field.rules or {}
    visible = _holds(rules.get("visible", ""), record, otherwise=True)
    return State(
        visible=visible,
        required=visible and (field.required or _holds(rules.get("required", ""), record, otherwise=False)),
        readonly=field.readonly or _holds(rules.get("readonly", ""), record, otherwise=False),
    )


def states(entity: Entity, record: Any) -> dict[str, State]:
    """The state of every field that has conditions."""
    return {one.name: state_of(one, record) for one in ruled(entity.key)}


def hold(
    actor: Actor, entity: Entity, record: Any, changes: Mapping[str, list[Any]], *, creating: bool = False
) -> None:
    """Refuse a record about to be saved that breaks a condition, or whose choice does not go with the field that narrows
    it. Raises Invalid with one error per field.
    """
    if not bound(entity.key) or actor.is_system:
        return
    errors = {wrong.field: [wrong] for wrong in _elsewhere(actor, entity, record, changes)}
    for field in ruled(entity.key):
        found = _broken(field, record, changes, creating=creating)
        if found is not None:
            errors[field.name] = [found]
    if errors:
        raise Invalid.collect(errors)


def _elsewhere(actor: Actor, entity: Entity, record: Any, changes: Mapping[str, list[Any]]) -> Iterator[Invalid]:
    """Choices that do not go with what narrows them, where either changes; one the actor may not see is not named."""
    fields = shape.fields_of(entity)
    for field in narrowing.narrowed(entity.key):
        around = fields[field.within]
        if field.name not in changes and around.name not in changes:
            continue
        wrong = narrowing.astray(field, around, values.current(record, field), values.current(record, around))
        if wrong is None:
            continue
        for one, other in ((field, around), (around, field)):
            if one.name not in changes and field_level(actor, entity, one.name) == "hidden":
                text = _("This does not fit another field of the record that you may not see.")
                wrong = Invalid(text, code="choice.elsewhere", field=other.name)
        yield wrong


def _broken(field: Field, record: Any, changes: Mapping[str, list[Any]], *, creating: bool) -> Invalid | None:
    rules, state = field.rules or {}, state_of(field, record)
    value = values.current(record, field)
    if state.readonly and not field.readonly and field.name in changes and not creating:
        return Invalid(_("You may not change this field."), code="field.readonly", field=field.name)
    if state.required and value in EMPTY:
        return Invalid(
            _("“%(label)s” must be filled.") % {"label": field.label}, code="value.required", field=field.name
        )
    if value not in EMPTY and not _holds(rules.get("check", ""), record, otherwise=True):
        message = shape.spoken(rules.get("message_zh", ""), rules.get("message_en", ""))
        return Invalid(
            message or _("“%(label)s” does not satisfy its condition.") % {"label": field.label},
            code="field.check",
            field=field.name,
        )
    return None
