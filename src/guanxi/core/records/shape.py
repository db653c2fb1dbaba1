"""The fields of an entity as they are now: built-in ones and those an administrator added."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from django.utils.functional import lazy
from django.utils.text import capfirst
from django.utils.translation import get_language

from guanxi.core.access import allowed, by_roles, field_level, reads
from guanxi.core.kernel.actor import LEVELS, Actor, Level
from guanxi.core.kernel.errors import Text
from guanxi.core.models import CustomField, Dictionary, FieldSetup
from guanxi.core.models.stamps import kept
from guanxi.core.records import segments
from guanxi.core.schema import derive
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field, Personal
from guanxi.core.schema.registry import beside, entity_of, is_registered


def spoken(zh: str, en: str) -> str:
    """The one of two names that fits the present language; the other one if it is empty."""
    chinese = (get_language() or "zh").startswith("zh")
    return (zh or en) if chinese else (en or zh)


_spoken_later = lazy(spoken, str)


#: Options of a row that are attributes of the field itself.
OPTIONS = (
    "max_length", "places", "minimum", "maximum", "default", "unique", "currency", "readonly", "plain", "year", "within",
)  # fmt: skip
#: Kinds whose values the house reckons; the field is a read-only one of the kind they give.
DERIVED = ("formula", "rollup")


def declared(row: CustomField) -> Field:
    """The field a row describes."""
    given = {name: value for name, value in row.options.items() if name in OPTIONS}
    kind = row.kind
    if kind in DERIVED:
        kind = row.options.get("result") or "decimal"
        given["readonly"] = True
    if kind == "serial":
        given["readonly"] = True
    return Field(
        name=f"custom.{row.key}",
        kind=kind,
        label=_spoken_later(row.label_zh, row.label_en),
        help=_spoken_later(row.help_zh, row.help_en),
        required=row.required and row.kind not in DERIVED,
        dictionary=row.dictionary,
        target=row.target,
        personal=cast("Personal", row.personal),
        custom=True,
        formula=row.options.get("formula", "") if row.kind == "formula" else "",
        rollup=row.options.get("rollup") if row.kind == "rollup" else None,
        rules={name: text for name, text in row.rules.items() if text} or None,
        reads=tuple((str(entity), str(name)) for entity, name in row.options.get("reads", ())),
        columns=tuple(_column(one) for one in row.options.get("columns", ())),
        group=_spoken_later(row.options.get("group_zh", ""), row.options.get("group_en", "")),
        **given,
    )


def _column(given: Mapping[str, Any]) -> Field:
    """One column of a sub-table."""
    return Field(
        name=given["key"],
        kind=given.get("kind", "text"),
        label=_spoken_later(given.get("label_zh", ""), given.get("label_en", "")),
        required=bool(given.get("required")),
        dictionary=given.get("dictionary", ""),
    )


@kept("fields")
def _custom(key: str) -> dict[str, Field]:
    return {f"custom.{row.key}": declared(row) for row in CustomField.objects.filter(entity=key, active=True)}


def set_up(field: Field, row: FieldSetup) -> Field:
    """A built-in field as an administrator set it: his names and help, and conditions besides what the field itself asks."""
    rules = {name: text for name, text in row.rules.items() if text} or None
    return replace(
        field,
        label=_spoken_later(row.label_zh, row.label_en) if row.label_zh or row.label_en else field.label,
        help=_spoken_later(row.help_zh, row.help_en) if row.help_zh or row.help_en else field.help,
        required=field.required or (row.required and not field.readonly),
        rules=rules,
    )


@kept("fields")
def _built_in(key: str) -> dict[str, Field]:
    fields = dict(derive.fields_of(key))
    for row in FieldSetup.objects.filter(entity=key):
        if row.field in fields:
            fields[row.field] = set_up(fields[row.field], row)
    return fields


#: What narrows a dictionary that is narrowed by regions: no dictionary, but the regions themselves.
REGIONS = "@regions"


@kept("fields", size=1)
def _narrowed() -> Mapping[str, str]:
    return dict(Dictionary.objects.exclude(narrowed_by="").values_list("key", "narrowed_by"))


def _around(fields: Mapping[str, Field], field: Field) -> str:
    """The field whose value narrows a choice: the one it names, else the first one with the values that narrow its own."""
    by = _narrowed().get(field.dictionary)
    fitting = [name for name, one in fields.items() if by and narrows(one, by) and name != field.name]
    return field.within if field.within in fitting else (fitting[0] if fitting else "")


def narrows(field: Field, by: str) -> bool:
    """Whether a field holds values of the dictionary, or regions where ``by`` says so."""
    return field.kind == "region" if by == REGIONS else field.kind in ("choice", "choices") and field.dictionary == by


def _within(fields: Mapping[str, Field]) -> dict[str, Field]:
    """The fields of one record, or columns of one table, choices with the field that narrows them."""
    return {
        name: replace(field, within=_around(fields, field))
        if field.kind in ("choice", "choices") and field.dictionary
        else replace(field, columns=tuple(_within({one.name: one for one in field.columns}).values()))
        if field.columns
        else field
        for name, field in fields.items()
    }


@kept("fields")
def _all(key: str) -> dict[str, Field]:
    fields = {**_built_in(key), **_custom(key)}
    return _within(fields) if _narrowed() else fields


def fields_of(what: str | Entity) -> Mapping[str, Field]:
    """All fields by name; custom ones are named ``custom.<key>``."""
    return _all(what if isinstance(what, str) else what.key)


@kept("fields")
def by_column(key: str) -> dict[str, Field]:
    """All fields of an entity by the column that holds them; custom ones by their name."""
    return {field.column or field.name: field for field in _all(key).values()}


def step(entity: Entity, name: str) -> Entity | None:
    """The entity one step of a path leads to: over a reference, or to the one record that stands beside this one."""
    field = fields_of(entity).get(name)
    if field is not None:
        return entity_of(field.target) if is_registered(field.target) else None
    found = beside(entity.key).get(name)
    return found[0] if found else None


def steps(actor: Actor, entity: Entity) -> Iterator[tuple[str, Text, Entity]]:
    """Where paths may lead for the actor: the step's name, what it is called, the entity it leads to."""
    for name, field in fields_of(entity).items():
        if field.kind not in ("reference", "user") or not is_registered(field.target) or field.custom:
            continue
        if reads(actor, entity, name) and allowed(actor, "view", entity_of(field.target)):
            yield name, field.label, entity_of(field.target)
    for name, (other, _field) in beside(entity.key).items():
        if allowed(actor, "view", other):
            yield name, other.label, other


def path_label(entity: Entity, path: str) -> str:
    """The name of a path: ``Customer › Region``; of what stands beside the record the last part alone."""
    fields = fields_of(entity)
    if path in fields:
        return str(capfirst(str(fields[path].label)))
    if path == segments.PATH:
        return str(segments.field(entity).label)
    name, _dot, rest = path.partition(".")
    target = step(entity, name)
    if target is None or not rest:
        return path
    if name not in fields:
        return path_label(target, rest)
    return f"{capfirst(str(fields[name].label))} › {path_label(target, rest)}"


def field_at(entity: Entity, path: str) -> Field | None:
    """The field a path such as ``customer.region`` ends at, ``None`` if there is none."""
    fields = fields_of(entity)
    if path in fields:
        return fields[path]
    name, _dot, rest = path.partition(".")
    target = step(entity, name) if rest else None
    return None if target is None else field_at(target, rest)


def asked_at(entity: Entity, path: str) -> Field | None:
    """What a filter may ask about by a path: its field, or the segments of the record it leads to; nobody else knows these."""
    before, _dot, last = path.rpartition(".")
    if last != segments.PATH:
        return field_at(entity, path)
    target = led_to(entity, before)
    return segments.field(target) if target else None


def led_to(entity: Entity, path: str) -> Entity | None:
    """The entity a path of references leads to: an empty one to itself; ``None`` where it leads nowhere."""
    target: Entity | None = entity
    for name in path.split(".") if path else ():
        target = step(target, name) if target else None
    return target


def path_level(actor: Actor, entity: Entity, path: str) -> str:
    """The level at which the actor sees the field at the end of a path; ``hidden`` if any step is hidden."""
    fields = fields_of(entity)
    if path in fields:
        return field_level(actor, entity, path)
    if path == segments.PATH:
        return "read"
    name, _dot, rest = path.partition(".")
    target = step(entity, name)
    if target is None or (name in fields and field_level(actor, entity, name) in ("hidden", "masked")):
        return "hidden"
    if name not in fields and not allowed(actor, "view", target):
        return "hidden"
    return path_level(actor, target, rest)


def title_level(actor: Actor | None, entity: Entity) -> Level:
    """What somebody may see of what records are called: the least of all steps that lead to the title; the house sees all."""
    level: Level = "write"
    here: Entity | None = entity if actor is not None else None
    for name in entity.title.split("."):
        if here is None or actor is None:
            break
        level = min(level, field_level(actor, here, name), key=LEVELS.index)
        here = step(here, name)
    return level


def readable(actor: Actor, entity: Entity) -> dict[str, Field]:
    """All fields the actor may see at all."""
    return _at_level(actor, entity, "readable", _seen)


def writable(actor: Actor, entity: Entity) -> dict[str, Field]:
    """All fields the actor may write."""
    return _at_level(actor, entity, "writable", _written)


def unmasked(actor: Actor, entity: Entity) -> dict[str, Field]:
    """All fields the actor reads as they are."""
    return _at_level(actor, entity, "unmasked", _open)


def _open(actor: Actor, entity: Entity, field: Field) -> bool:
    return reads(actor, entity, field.name)


def _seen(actor: Actor, entity: Entity, field: Field) -> bool:
    return field_level(actor, entity, field.name) != "hidden"


def _written(actor: Actor, entity: Entity, field: Field) -> bool:
    return not field.readonly and field_level(actor, entity, field.name) == "write"


def _at_level(
    actor: Actor, entity: Entity, word: str, fits: Callable[[Actor, Entity, Field], bool]
) -> dict[str, Field]:
    """The fields that fit, worked out once for the same roles and the same fields; for those without roles each time."""
    fields = fields_of(entity)
    return dict(
        by_roles(
            actor,
            (word, entity.key),
            fields,
            lambda: {name: field for name, field in fields.items() if fits(actor, entity, field)},
        )
    )
