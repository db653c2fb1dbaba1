"""From an entity and the actor's rights to the inputs of a form."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.records import display, layouts, narrowing, rules, shape
from guanxi.core.records.values import current
from guanxi.core.schema.entity import Entity, Lines, Section, Tab, sections_fields
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import tabs
from guanxi.core.web.forms import choosing
from guanxi.core.web.forms.grid import Grid, grids
from guanxi.core.web.inputs import Input, input_text


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a form: ``when`` is (field name, value) that shows it, ``key`` remembers whether it is folded."""

    title: Text
    inputs: tuple[Input, ...]
    key: str = ""
    when: tuple[str, str] | None = None
    columns: int = 0
    folded: bool = False
    tab: Tab | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the summary above a form."""

    id: str
    label: Text
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class FormView:
    """A form ready to be drawn.

    ``parts`` stand open, ``more`` behind “more fields”; ``typed`` names the field on whose value its layout depends. ``version`` and ``original`` (JSON) are those the editing
    started from; ``token`` makes a second sending of the same form harmless; a ``doubtful`` one asks whether its values are meant; ``draft_key`` names the kept draft.
    """

    entity: Entity
    record: Any = None
    parts: tuple[Part, ...] = ()
    more: tuple[Part, ...] = ()
    problems: tuple[Problem, ...] = ()
    general: tuple[Text, ...] = ()
    version: int | None = None
    original: str = ""
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    draft_key: str = ""
    grids: tuple[Grid, ...] = ()
    typed: str = ""
    doubtful: bool = False

    @property
    def shown(self) -> tabs.Sorted[Part]:
        """The open parts by tab; the first tab with an error is open."""
        return tabs.sort(self.parts, _wrong)

    @property
    def shown_more(self) -> tabs.Sorted[Part]:
        """The parts behind “more fields” by tab."""
        return tabs.sort(self.more, _wrong)

    @property
    def conditions(self) -> str:
        """Where a form asks for the state of its fields with conditions, '' when it has none."""
        if not rules.ruled(self.entity.key):
            return ""
        return f"/{self.entity.path}/conditions/{f'?record={self.record.pk}' if self.record else ''}"

    @property
    def inputs(self) -> list[Input]:
        """All inputs in their order."""
        return [one for part in (*self.parts, *self.more) for one in part.inputs]

    @property
    def before_texts(self) -> int:
        """How many parts come before the lines: those before the first with long texts and before the tabs, but what the record is
        comes first.
        """
        parts = self.shown.before
        long = (
            number
            for number, part in enumerate(parts)
            if any(one.field.kind in ("long_text", "rich_text") for one in part.inputs)
        )
        return max(1, next(long, len(parts)))

    @property
    def failed(self) -> bool:
        """Whether something has to be put right."""
        return bool(self.problems or self.general)


def _wrong(part: Part) -> int:
    return sum(1 for one in part.inputs if one.errors)


def sections_of(
    entity: Entity,
    fields: Mapping[str, Field],
    actor: Actor | None = None,
    record: Any = None,
    face: str = "form",
    *,
    kind: str = "",
) -> list[Section]:
    """The sections of the administrator's layout as they are, else those of the declaration, then the custom fields by
    their group, then the tags. A record page without a layout of its own follows the form's; ``kind`` is the type of a
    record that is not there yet.
    """
    if actor is not None:
        found = layouts.layout_of(actor, entity, face, record, kind=kind)
        if found is None and face == "detail":
            found = layouts.layout_of(actor, entity, "form", record)
        if found is not None:
            return layouts.sections(found)
    declared = list(entity.form.sections) if entity.form else [Section("", tuple(_plain(fields)))]
    placed = set(sections_fields(declared))
    groups: dict[str, list[str]] = {}
    for name, one in fields.items():
        if one.custom and name not in placed:
            groups.setdefault(str(one.group), []).append(name)
    sections = declared + [
        Section(group or _("Further details"), tuple(names), key=f"custom-{group}") for group, names in groups.items()
    ]
    if "tags" in fields and "tags" not in placed:
        last = sections[0] if sections else Section("", ())
        sections[:1] = [replace(last, fields=(*last.fields, "tags"))]
    return sections


def _plain(fields: Mapping[str, Field]) -> list[str]:
    return [name for name, one in fields.items() if not one.readonly and not one.custom and name != "tags"]


def askable(fields: Mapping[str, Field]) -> dict[str, Field]:
    """The fields a person can fill in: neither read-only nor computed."""
    return {name: one for name, one in fields.items() if not one.readonly and KINDS[one.kind].written}


def errors_by_field(
    error: Invalid | None, names: Iterable[str], lines: Sequence[Lines] = ()
) -> tuple[dict[str, list[Text]], list[Text]]:
    """Messages by field name, and those that belong to no field of the form.

    An error at ``phones.2.value`` belongs to ``phones``; its place is said in front.
    """
    known, found, general = set(names), dict[str, list[Text]](), list[Text]()
    if error is None:
        return found, general
    for place, errors in (error.errors or {"": [error]}).items():
        name = place if place in known else _owner(place, known)
        spec = next((one for one in lines if place.startswith(f"{one.key}.")), None)
        for one in errors:
            if spec is not None:
                general.append(_in_line(spec, place, one.message))
            elif not name:
                general.append(one.message)
            elif name == place:
                found.setdefault(name, []).append(one.message)
            else:
                line = place[len(name) + 1 :].partition(".")[0]
                text = (
                    _("Row %(number)d: %(error)s") % {"number": int(line) + 1, "error": one.message}
                    if line.isdigit()
                    else one.message
                )
                found.setdefault(name, []).append(text)
    return found, general


def _in_line(spec: Lines, place: str, message: Text) -> str:
    number = place.split(".")[1]
    values = {"lines": spec.label, "number": int(number) + 1 if number.isdigit() else 0, "error": message}
    return _("%(lines)s, line %(number)d: %(error)s") % values


def _owner(place: str, known: set[str]) -> str:
    while "." in place:
        place = place.rpartition(".")[0]
        if place in known:
            return place
    return ""


def original_of(record: Any, fields: Iterable[Field]) -> str:
    """The stored values as the form shows them, as JSON to be sent back with it."""
    return json.dumps({one.name: _shown(one, current(record, one)) for one in fields}, ensure_ascii=False, default=str)


def _shown(field: Field, value: Any) -> Any:
    return value if isinstance(value, bool | list | dict) else input_text(field.kind, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What stands in the fields: values by name, errors by name, the name that takes the focus."""

    values: Mapping[str, Any]
    errors: Mapping[str, Sequence[Text]] = field(default_factory=dict)
    focus: str = ""


def create_form(
    actor: Actor,
    entity: Entity,
    values: Mapping[str, Any] | None = None,
    error: Invalid | None = None,
    *,
    token: str = "",
    more: int = 0,
) -> FormView:
    """The form that makes a record: required fields and those the declaration names first, the others behind “more”."""
    fields = askable(shape.writable(actor, entity))
    given = {
        **_defaults(actor, entity, fields, values or {}),
        **({entity.access.owner: actor.user_id} if entity.access.owner in fields else {}),
        **(values or {}),
    }
    errors, general = errors_by_field(error, fields, entity.lines)
    typed = layouts.type_field(entity)
    kind = str(given.get(typed) or "")
    sections = sections_of(entity, fields, actor, kind=kind)
    arranged = layouts.names(layouts.layout_of(actor, entity, "create", kind=kind))
    first_asked = arranged or (entity.form.create if entity.form else ())
    order = [name for name in dict.fromkeys((*first_asked, *sections_fields(sections))) if name in fields]
    asked = set(first_asked) if first_asked else set(order)
    asked |= {name for name in order if fields[name].required}
    first = [name for name in order if name in asked]
    focus = next((name for name in order if name in errors), next((name for name in first if not given.get(name)), ""))
    filling = Filling(values=given, errors=errors, focus=focus)
    inputs = choosing.inputs(
        actor, entity, [fields[name] for name in order], filling.values, errors=filling.errors, focus=focus
    )
    rest = parts_of([replace(one, fields=tuple(n for n in one.fields if n not in asked)) for one in sections], inputs)
    return FormView(
        entity=entity,
        parts=(Part("", tuple(inputs[name] for name in first)),) if first_asked else tuple(parts_of(sections, inputs)),
        more=tuple(rest),
        problems=_problems(errors, fields, inputs),
        general=tuple(general),
        draft_key=f"new:{entity.key}",
        token=token or uuid.uuid4().hex,
        typed=typed if layouts.kinds_of(entity, "create") | layouts.kinds_of(entity, "form") else "",
        grids=grids(actor, entity, None, given, error, more=more, header=given),
    )


def edit_form(
    actor: Actor,
    record: Any,
    values: Mapping[str, Any] | None = None,
    error: Invalid | None = None,
    *,
    version: int | None = None,
    original: str = "",
    more: int = 0,
) -> FormView:
    """The form that changes a record: what the actor may read, locked where he may not write."""
    entity = entity_of(record)
    fields = askable(shape.readable(actor, entity))
    open_fields = shape.writable(actor, entity)
    locked: dict[str, Text] = {
        name: _("You may read this field but not change it.") for name in fields if name not in open_fields
    }
    kept = {name: current(record, one) if name not in locked else "" for name, one in fields.items()}
    for name in locked:
        kept[name] = display.value_text(actor, entity, record, name)
    kept.update({name: value for name, value in (values or {}).items() if name in open_fields})
    errors, general = errors_by_field(error, fields, entity.lines)
    focus = next((name for name in fields if name in errors), entity.title)
    inputs = choosing.inputs(
        actor, entity, list(fields.values()), kept, errors=errors, focus=focus, locked=locked, record=record
    )
    writable = [one for name, one in fields.items() if name not in locked]
    return FormView(
        entity=entity,
        record=record,
        parts=tuple(parts_of(sections_of(entity, fields, actor, record), inputs)),
        problems=_problems(errors, fields, inputs),
        general=tuple(general),
        version=record.version if version is None else version,
        original=original or original_of(record, writable),
        draft_key=f"edit:{entity.key}:{record.pk}",
        grids=grids(actor, entity, record, values or {}, error, more=more, header=values or {}),
    )


def _defaults(actor: Actor, entity: Entity, fields: Mapping[str, Field], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a new form proposes: what would be kept if the field were not asked for, the dictionary's default too."""
    found = {name: proposed(actor, one) for name, one in fields.items()}
    known = shape.fields_of(entity)
    for name, one in fields.items():
        if one.dictionary and found[name] in (None, ""):
            found[name] = narrowing.usual(known, one, {**found, **given})
    return {name: value for name, value in found.items() if value not in (None, "")}


def proposed(actor: Actor, field: Field) -> Any:
    """What a form proposes for a field; a date may say ``@today``."""
    return clock.today(actor.timezone).isoformat() if field.default == "@today" else field.default


def parts_of(sections: Sequence[Section], inputs: Mapping[str, Input]) -> list[Part]:
    """The sections with their inputs; those with none are left out."""
    parts = []
    for number, one in enumerate(sections):
        found = tuple(inputs[name] for name in one.fields if name in inputs)
        if found:
            parts.append(Part(one.label, found, one.key or str(number), one.when, one.columns, one.folded, one.tab))
    return parts


def _problems(
    errors: Mapping[str, Sequence[Text]], fields: Mapping[str, Field], inputs: Mapping[str, Input]
) -> tuple[Problem, ...]:
    return tuple(
        Problem(inputs[name].id, fields[name].label, text)
        for name, texts in errors.items()
        if name in inputs
        for text in texts
    )
