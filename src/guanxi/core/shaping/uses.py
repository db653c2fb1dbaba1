"""Where a field is used: views, layouts, processes, formulas, roles … Other rooms say what they know (``add_finder``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Text
from guanxi.core.models import (
    CustomField,
    FieldSetup,
    Layout,
    Numbering,
    Process,
    Report,
    RoleField,
    SavedView,
    Segment,
)
from guanxi.core.records.shape import fields_of, path_label, spoken
from guanxi.core.schema.registry import entity_of


@dataclass(frozen=True, slots=True)
class Use:
    """One place a field is used: what sort of thing, its name, where to change it. ``alone``: it acts by itself, for nobody in particular."""

    sort: Text
    name: str
    url: str = ""
    alone: bool = False


#: Finders of other rooms: ``finder(entity key, field name) -> uses``.
_finders: list[Callable[[str, str], list[Use]]] = []


def add_finder(finder: Callable[[str, str], list[Use]]) -> None:
    """A room that keeps field names in its own rows says where; called when a field is to go."""
    if finder not in _finders:
        _finders.append(finder)


def _mentions(definition: object, name: str, value: str = "") -> bool:
    """Whether a stored definition names the field, as a whole name or at the end of a path, and the value if one is given."""
    text = json.dumps(definition, ensure_ascii=False)
    if value and not any(f"{mark}{value}{mark}" in text for mark in ('"', "'")):
        return False
    return any(
        f"{before}{name}{after}" in text for before in ('"', ".", "-", " ", "(") for after in ('"', "!", " ", ")", ".")
    )


def _asks(about: str, definition: object, entity: str, name: str, value: str) -> bool:
    """Whether a definition about one sort of record names the field (and value) of another, or its own, even from afar."""
    return _mentions(definition, name, value) and (about == entity or f".{name}" in json.dumps(definition))


def uses_of(entity: str, name: str) -> list[Use]:
    """Every place that names the field."""
    return [*_shared(entity, name), *_own(entity, name), *(use for finder in _finders for use in finder(entity, name))]


def uses_of_value(entity: str, name: str, value: str) -> list[Use]:
    """Places that name a value of the field: views, reports, processes, conditions; of rules and flows those that name the field."""
    found = [*_shared(entity, name, value), *_stepping(entity, name, value), *_conditions(entity, name, value)]
    return [*found, *(use for finder in _finders for use in finder(entity, name))]


def _shared(entity: str, name: str, value: str = "") -> Iterator[Use]:
    """Views, reports and segments."""
    for view in SavedView.objects.filter(deleted_at__isnull=True):
        if _asks(view.entity, view.definition, entity, name, value):
            yield Use(_("View"), view.name)
    for report in Report.objects.all():
        if _asks(str(report.definition.get("dataset", "")), report.definition, entity, name, value):
            yield Use(_("Report"), spoken(report.name_zh, report.name_en), f"/reports/{report.key}/")
    for one in Segment.objects.all():
        if _asks(one.entity, one.condition, entity, name, value):
            yield Use(_("Segment"), spoken(one.name_zh, one.name_en), f"/settings/segments/{one.key}/")


def _own(entity: str, name: str) -> Iterator[Use]:
    for layout in Layout.objects.filter(entity=entity):
        if _mentions(layout.definition, name):
            yield Use(
                _("Layout"),
                str(layout),
                f"/settings/layouts/{entity_of(entity).path}/?face={layout.face}&role={layout.role}&kind={layout.kind}",
            )
    yield from _stepping(entity, name)
    yield from _conditions(entity, name)
    for row in CustomField.objects.exclude(entity=entity, key=name.removeprefix("custom.")):
        reads = {(one[0], one[1]) for one in row.options.get("reads", ())}
        if (entity, name) in reads or (row.entity == entity and _mentions(list(row.rules.values()), name)):
            yield Use(
                _("Field"),
                spoken(row.label_zh, row.label_en),
                f"/settings/fields/{entity_of(row.entity).path}/{row.key}/",
            )
    for limit in RoleField.objects.filter(entity=entity, field=name).select_related("role"):
        yield Use(_("Role"), limit.role.name, f"/people/roles/{limit.role_id}/")
    for rule in Numbering.objects.filter(entity=entity, field=name):
        yield Use(_("Numbering"), rule.format)


def _stepping(entity: str, name: str, value: str = "") -> Iterator[Use]:
    """Processes over the field, or that name it."""
    for process in Process.objects.filter(entity=entity):
        own = process.field == name and (not value or f'"{value}"' in json.dumps(process.definition))
        if own or _mentions(process.definition, name, value):
            about = entity_of(entity)
            words = f"{about.label} · {path_label(about, process.field)}"
            yield Use(_("Process"), words, f"/settings/processes/{about.path}/{process.field}/")


def _conditions(entity: str, name: str, value: str = "") -> Iterator[Use]:
    """Conditions of built-in fields."""
    for setup in FieldSetup.objects.filter(entity=entity).exclude(field=name):
        if _mentions(list(setup.rules.values()), name, value):
            label = str(fields_of(entity)[setup.field].label) if setup.field in fields_of(entity) else setup.field
            yield Use(_("Field"), label, f"/settings/fields/{entity_of(entity).path}/built-in/{setup.field}/")
