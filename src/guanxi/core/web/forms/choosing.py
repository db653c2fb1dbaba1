"""What a field may be chosen from: options of dictionaries, names of the chosen records, addresses of the pickers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Text
from guanxi.core.models import Tag
from guanxi.core.records import dictionaries, display, narrowing, reading, shape
from guanxi.core.records.values import current
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web.forms import offers
from guanxi.core.web.inputs import FEW, Input, Option

PICK = "/pick"


def inputs(
    actor: Actor,
    entity: Entity,
    fields: Sequence[Field],
    values: Mapping[str, Any],
    *,
    errors: Mapping[str, Sequence[Text]] | None = None,
    focus: str = "",
    locked: Mapping[str, Text] | None = None,
    record: Any = None,
    prefix: str = "",
    asked: str = "",
) -> dict[str, Input]:
    """One input per field by name, with everything its widget needs; ``asked`` is the key of the action of ``record`` that asks."""
    found = {}
    open_here = {one.name for one in fields} - set(locked or {})
    for field in fields:
        value = values.get(field.name)
        lock = (locked or {}).get(field.name, "")
        here = bool(field.dictionary) and field.within in open_here
        found[field.name] = Input(
            field=_with_choices(field),
            value=value,
            prefix=prefix,
            options=() if lock else options(field, value, among(entity, field, record, here=here)),
            around=f"{prefix}{field.within}" if here else "",
            chosen=() if lock else offers.chosen(actor, field, value) if field.offers else chosen(actor, field, value),
            errors=tuple((errors or {}).get(field.name, ())),
            locked=lock,
            search_url=search_url(entity, field) + (offers.asking(entity, record, asked, field) if asked else ""),
            create_url=create_url(actor, field),
            currency=_currency(field, values, record),
            autofocus=field.name == focus,
        )
    return found


@dataclass(frozen=True, slots=True)
class Among:
    """The field that narrows a choice, and what it holds; ``None`` where the form itself asks for it."""

    around: Field
    chosen: Any = None


def among(entity: Entity, field: Field, record: Any, *, here: bool = False) -> Among | None:
    """What narrows a choice in a form: another field of the form (``here``), or the value of the record as it is."""
    around = shape.fields_of(entity).get(field.within) if field.dictionary and field.within else None
    if around is None or (record is None and not here):
        return None
    return Among(around, None if here else current(record, around))


def options(field: Field, value: Any = None, within: Among | None = None) -> tuple[Option, ...]:
    """The choices of a choice field as a tree in its order; retired ones, and those elsewhere than what narrows it, only while they are chosen."""
    if field.kind not in ("choice", "choices"):
        return ()
    held = {str(one) for one in value} if isinstance(value, list | tuple) else {str(value)}
    fits = narrowing.fitting(within.around, within.chosen) if within else lambda _one: True
    known = [one for one in dictionaries.choices_of(field) if (one.active and fits(one)) or one.key in held]
    drawn = (
        _tree(known) if any(one.parent for one in known) else [Option(one.key, one.label, one.color) for one in known]
    )
    if within is None or within.chosen is not None:
        return tuple(drawn)
    under = {one.key: " ".join(narrowing.under(within.around, one)) for one in known}
    return tuple(replace(one, of=under[one.key]) for one in drawn)


def _with_choices(field: Field) -> Field:
    """A table whose columns know what may be chosen."""
    if not any(one.dictionary for one in field.columns):
        return field
    columns = (
        replace(one, choices=tuple((each.key, each.label) for each in dictionaries.choices_of(one) if each.active))
        if one.dictionary
        else one
        for one in field.columns
    )
    return replace(field, columns=tuple(columns))


def _tree(known: Sequence[dictionaries.Choice]) -> Iterable[Option]:
    below: dict[str, list[dictionaries.Choice]] = {}
    keys = {one.key for one in known}
    for one in known:
        below.setdefault(one.parent if one.parent in keys else "", []).append(one)

    def walk(parent: str, depth: int) -> Iterable[Option]:
        for one in below.get(parent, ()):
            yield Option(one.key, one.label, one.color, depth)
            if depth < FEW:
                yield from walk(one.key, depth + 1)

    return walk("", 0)


def chosen(actor: Actor, field: Field, value: Any) -> tuple[Option, ...]:
    """The present value of a picker with its name; a record the actor may not see is named only as such."""
    if value in (None, "", []):
        return ()
    if field.kind == "references":
        listed = value if isinstance(value, list | tuple) else [value]
        return tuple(Option(str(one), record_name(actor, field.target, str(one))) for one in listed)
    if field.kind in ("reference", "user"):
        key = str(getattr(value, "pk", value))
        return (Option(key, record_name(actor, field.target, key)),)
    if field.kind == "region":
        return (Option(str(value), dictionaries.region_label(str(value))),)
    if field.kind == "tags" and isinstance(value, list | tuple):
        keys = [int(one) for one in value if str(one).isdecimal() and len(str(one)) < 19]
        names = {tag.pk: tag for tag in access.visible(Tag.objects.filter(pk__in=keys), actor)}
        return tuple(Option(str(key), names[key].name, names[key].color) for key in keys if key in names)
    return ()


def record_name(actor: Actor, target: str, key: str) -> str:
    """The title of a record the actor may see; else a sentence that says there is one."""
    if not is_registered(target) or not key.isdecimal():
        return key
    entity = entity_of(target)
    try:
        record = reading.get(actor, entity, int(key))
    except GuanxiError:
        return _("a record you may not see")
    return title_of(entity, record, actor)


def title_of(entity: Entity, record: Any, actor: Actor | None = None) -> str:
    """What a record is called for who reads it; one without a name by its sort and number."""
    text = display.title_of(entity, record, actor)
    return text if text and not text.startswith("#") else f"{entity.label} #{record.pk}"


def search_url(entity: Entity, field: Field) -> str:
    """Where the picker of a field looks for options."""
    if field.kind in ("reference", "references", "user") and is_registered(field.target):
        return f"{PICK}/{entity_of(field.target).path}/"
    if field.kind in ("region", "addresses"):
        return f"{PICK}/regions/"
    if field.kind == "tags":
        return f"{PICK}/tags/?for={entity.key}"
    return ""


def create_url(actor: Actor, field: Field) -> str:
    """Where the picker makes a new option from the typed name: tags only; other records have a form of their own."""
    if field.kind == "tags" and access.allowed(actor, "create", "core.tag"):
        return f"{PICK}/tags/new/"
    return ""


def _currency(field: Field, values: Mapping[str, Any], record: Any) -> str:
    if field.kind != "money" or not field.currency:
        return ""
    held = values.get(field.currency) or getattr(record, field.currency, "")
    return str(held or "")
