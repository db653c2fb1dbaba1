"""From raw values to clean ones: parsed by kind, checked against dictionaries, rights and the records they point to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from guanxi.core.access import field_level
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import dictionaries, narrowing, references, shape, values
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import is_registered


@dataclass
class _Found:
    """What one cleaning has found so far."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, list[Invalid]] = field(default_factory=dict)
    references: dict[str, dict[str, int]] = field(default_factory=dict)
    many: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def wrong(self, name: str, error: Invalid) -> None:
        """Keep what is wrong, but not the frames it came through: with them it would hold itself and all that is at work."""
        error.__traceback__ = error.__context__ = None
        self.errors.setdefault(error.field or name, []).append(error)


#: Kinds of which many rows say the same, and whose clean values nobody can change.
_REPEATED = frozenset(("choice", "region", "boolean", "integer", "date"))


def _addresses(raw: Any, declared: Field) -> list[dict[str, Any]]:
    value: list[dict[str, Any]] = kinds.KINDS["addresses"].parse(raw, declared)
    _check_regions(value, declared)
    return value


#: Kinds whose parser is all there is to ask about a value.
_PARSED: Mapping[str, Callable[[Any, Field], Any]] = {
    name: kinds.KINDS[name].parse
    for name in ("text", "long_text", "serial", "email", "phone", "url", "phones", "emails", "urls", "money", "decimal")
} | {"addresses": _addresses}


def clean(
    actor: Actor,
    entity: Entity,
    given: Mapping[str, Any],
    *,
    record: models.Model | None = None,
    trusted: bool = False,
) -> dict[str, Any]:
    """Clean values by field name. ``record`` is the one that changes, ``None`` for a new one.

    ``trusted`` lets a service write read-only fields and fields beyond the actor's level. Raises Invalid with one list
    of errors per field. References are ids; a missing value becomes the kind's empty value.
    """
    found = _Found()
    fields = shape.fields_of(entity)
    for name, raw in given.items():
        declared = fields.get(name)
        level = "write" if trusted or declared is None else field_level(actor, entity, name)
        if declared is None or level == "hidden":
            found.wrong(
                name, Invalid(_("There is no field “%(name)s”.") % {"name": name}, code="field.unknown", field=name)
            )
            continue
        if not trusted and (declared.readonly or level != "write"):
            if not _unchanged(record, declared, raw):
                found.wrong(name, Invalid(_("You may not change this field."), code="field.readonly", field=name))
            continue
        try:
            _clean_one(found, declared, raw, record)
        except Invalid as error:
            found.wrong(name, error)
    if record is None:
        _require(found, fields, actor, entity, trusted=trusted)
    _check_references(found, actor, entity, fields, record)
    if found.errors:
        raise Invalid.collect(found.errors)
    return found.values


def clean_given(
    fields: Mapping[str, Field], given: Mapping[str, Any], known: dict[tuple[str, str], Any] | None = None
) -> dict[str, Any]:
    """Clean values of the given fields alone: parsed and checked against dictionaries, not for rights or references.

    For writers of many rows, which ask those once for all of them. ``known`` remembers clean values by field and text;
    use one as long as dictionaries stay the same. Raises Invalid.
    """
    found = _Found()
    clean = found.values
    known = {} if known is None else known
    for name, raw in given.items():
        declared, key = fields[name], None
        if type(raw) is str and declared.kind in _REPEATED:
            key = (name, raw)
            if key in known:
                clean[name] = known[key]
                continue
        elif raw and (parse := _PARSED.get(declared.kind)) is not None:
            try:
                value = parse(raw.strip() if type(raw) is str else raw, declared)
            except Invalid:
                pass  # said below, with the field's name
            else:
                if value or value == 0:
                    clean[name] = value
                    continue
        try:
            _clean_one(found, declared, raw, None)
        except Invalid as error:
            found.wrong(name, error)
        else:
            if key is not None:
                known[key] = clean[name]
    if found.errors:
        raise Invalid.collect(found.errors)
    return found.values


def clean_many(
    actor: Actor, entity: Entity, pairs: Sequence[tuple[Any, Mapping[str, Any]]], *, trusted: bool = False
) -> list[dict[str, Any]]:
    """``clean`` for many (record or ``None``, values) at once, with one query per sort of record referred to.

    What is missing is not asked for. Raises Invalid; the errors of the third pair are named ``2.<field>``.
    """
    fields = shape.fields_of(entity)
    cleaned: list[dict[str, Any]] = []
    errors: dict[str, list[Invalid]] = {}
    wanted: dict[str, set[int]] = {}
    waiting: list[tuple[int, str, str, int]] = []
    for number, (record, given) in enumerate(pairs):
        found = _Found()
        for name, raw in given.items():
            declared = fields.get(name)
            try:
                if declared is None or (not trusted and field_level(actor, entity, name) == "hidden"):
                    raise Invalid(_("There is no field “%(name)s”.") % {"name": name}, code="field.unknown")
                if declared.readonly or (not trusted and field_level(actor, entity, name) != "write"):
                    continue
                _clean_one(found, declared, raw, record)
            except Invalid as error:
                errors.setdefault(f"{number}.{error.field or name}", []).append(error)
        cleaned.append(found.values)
        for target, chosen in found.references.items():
            for name, value in chosen.items():
                if record is None or values.current(record, fields[name]) != value:
                    wanted.setdefault(target, set()).add(value)
                    waiting.append((number, name, target, value))
    known = {target: references.known(actor, target, ids) for target, ids in wanted.items()}
    for number, name, target, value in waiting:
        if value not in known[target]:
            wrong = Invalid(_("Choose an entry from the list."), code="reference.unknown", field=name)
            errors.setdefault(f"{number}.{name}", []).append(wrong)
    if errors:
        raise Invalid.collect(errors)
    return cleaned


def _unchanged(record: models.Model | None, declared: Field, raw: Any) -> bool:
    """Whether a read-only value was merely sent back, as it is or masked."""
    if raw in (None, "", []):
        return True
    if record is None:
        return False
    now = values.current(record, declared)
    return raw == now or str(raw) in (str(now), kinds.text_of(declared, now)) or "*" in str(raw)


def _clean_one(found: _Found, declared: Field, raw: Any, record: models.Model | None) -> None:
    value = kinds.parse(declared, raw)
    if value is None or value == []:
        if declared.required and declared.kind != "boolean":
            raise Invalid(
                _("“%(label)s” must be filled.") % {"label": declared.label}, code="value.required", field=declared.name
            )
        found.values[declared.name] = False if declared.kind == "boolean" else values.empty_value(declared)
        return
    if declared.kind in ("choice", "choices", "region"):
        value = _checked_choice(declared, value, values.current(record, declared) if record else None)
    elif declared.kind == "addresses":
        _check_regions(value, declared)
    elif declared.kind == "table":
        _check_table(declared, value)
    elif declared.kind in ("reference", "user"):
        found.references.setdefault(declared.target or "core.user", {})[declared.name] = value
    elif declared.kind == "references":
        found.many.setdefault(declared.target, {})[declared.name] = value
    found.values[declared.name] = value


def _checked_choice(declared: Field, value: Any, before: Any) -> Any:
    if isinstance(value, list):
        old = set(before or ())
        return [_checked_key(declared, one, one if one in old else None) for one in value]
    return _checked_key(declared, value, before)


def _checked_key(declared: Field, value: str, before: Any) -> str:
    if declared.kind == "region":
        if not dictionaries.region_known(value):
            raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": value}, code="choice.unknown")
        return value
    if not declared.dictionary:
        return value
    key = value if dictionaries.value_of(declared.dictionary, value) else dictionaries.find(declared.dictionary, value)
    choice = dictionaries.value_of(declared.dictionary, key)
    if choice is None:
        raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": value}, code="choice.unknown")
    if not choice.active and key != before:
        raise Invalid(_("“%(value)s” is no longer in use.") % {"value": choice.label}, code="choice.retired")
    return key


def _check_regions(value: list[dict[str, Any]], declared: Field) -> None:
    for number, entry in enumerate(value):
        if entry["region"] and not dictionaries.region_known(entry["region"]):
            raise Invalid(
                _("“%(value)s” is not one of the choices.") % {"value": entry["region"]},
                code="choice.unknown",
                field=f"{declared.name}.{number}.region",
            )


def _check_table(declared: Field, rows: list[dict[str, Any]]) -> None:
    for column in declared.columns:
        if column.kind != "choice" or not column.dictionary:
            continue
        for number, row in enumerate(rows):
            if row.get(column.name):
                try:
                    row[column.name] = _checked_key(column, row[column.name], row[column.name])
                except Invalid as error:
                    raise Invalid(
                        error.message, code=error.code, field=f"{declared.name}.{number}.{column.name}"
                    ) from None
    narrowing.check_rows(declared, rows)


def _require(found: _Found, fields: Mapping[str, Field], actor: Actor, entity: Entity, *, trusted: bool) -> None:
    """A new record has its required fields; what may not be written takes its default."""
    for name, declared in fields.items():
        if name in found.values or name in found.errors or declared.readonly:
            continue
        default = narrowing.usual(fields, declared, found.values)
        if default not in (None, "", []):
            found.values[name] = default
        elif (
            declared.required
            and declared.kind != "boolean"
            and (trusted or field_level(actor, entity, name) == "write")
        ):
            found.wrong(
                name,
                Invalid(
                    _("“%(label)s” must be filled.") % {"label": declared.label}, code="value.required", field=name
                ),
            )


def _check_references(
    found: _Found, actor: Actor, entity: Entity, fields: Mapping[str, Field], record: models.Model | None
) -> None:
    """Every reference points to a record the actor may see; people must be active. One query per target."""
    for target, wanted in found.references.items():
        changed = {
            name: number
            for name, number in wanted.items()
            if record is None or values.current(record, fields[name]) != number
        }
        if not changed:
            continue
        known = references.known(actor, target, set(changed.values()))
        for name, number in changed.items():
            if number not in known:
                found.wrong(name, Invalid(_("Choose an entry from the list."), code="reference.unknown", field=name))
    _check_many(found, actor, fields, record)
    tags = found.values.get("tags")
    if tags and set(tags) - references.tags(entity, tags):
        found.wrong("tags", Invalid(_("Choose an entry from the list."), code="reference.unknown", field="tags"))


def _check_many(found: _Found, actor: Actor, fields: Mapping[str, Field], record: models.Model | None) -> None:
    """Of many references each new one points to a record the actor may see."""
    for target, wanted in found.many.items():
        for name, ids in wanted.items():
            new = set(ids) - set((values.current(record, fields[name]) or ()) if record is not None else ())
            if not new:
                continue
            if not is_registered(target) or new - references.seen(actor, target, new):
                found.wrong(name, Invalid(_("Choose an entry from the list."), code="reference.unknown", field=name))
