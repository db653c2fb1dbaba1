"""Lines of a record: as they stand on its page, and what a form's lines come to while somebody types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from markupsafe import Markup

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound, Text
from guanxi.core.records import lines, shape
from guanxi.core.records.values import current
from guanxi.core.schema.entity import Entity, Lines
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_at, entity_of
from guanxi.core.web import addresses
from guanxi.core.web.forms import build, grid, saving
from guanxi.core.web.inputs import input_text
from guanxi.core.web.lists import rows
from guanxi.core.web.record.shown import written
from guanxi.core.web.views.common import actor_of, page_view


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One line on the page: its cells as (markup, title), or a heading."""

    number: int
    cells: Sequence[tuple[Any, str]]
    heading: str = ""
    is_text: bool = False
    sort: str = ""
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Lined:
    """The lines of a record on its page."""

    label: Text
    columns: Sequence[Field]
    rows: Sequence[ReadRow]
    totals: Sequence[tuple[Field, Any]]
    note: Text


def lined(actor: Actor, entity: Entity, record: Any) -> list[Lined]:
    """The lines of a record with the columns the actor may see; two queries and one per sort of record named."""
    found = []
    for spec in entity.lines:
        if not access.allowed(actor, "view", spec.entity):
            continue
        columns, stored = grid.columns_of(actor, spec), lines.stored(record, spec)
        columns = [
            one
            for one in columns
            if one.kind == "boolean" or any(current(row, one) not in (None, "") for row in stored)
        ]
        columns = [one for one in columns if one.kind != "boolean" or any(current(row, one) for row in stored)]
        if any(one.name == spec.text for one in columns):  # the text names the record chosen, and leads to it
            columns = [one for one in columns if one.kind != "reference"]
        totals = [
            (one, written(record, one, value, rows.names_for(actor, [])))
            for one in grid.totals_of(actor, entity, spec)
            if (value := current(record, one)) is not None
        ]
        if stored or totals:
            found.append(
                Lined(
                    spec.label,
                    columns,
                    _rows(actor, spec, columns, stored),
                    totals,
                    spec.note_of(record) if stored else "",
                )
            )
    return found


def _rows(actor: Actor, spec: Lines, columns: Sequence[Field], stored: Sequence[Any]) -> list[ReadRow]:
    names = rows.names_for(actor, [(one, [current(row, one) for row in stored]) for one in columns])
    leads, gone = _leads(actor, spec, stored)
    source = grid.source_of(actor, spec)
    sorted_ = bool(spec.sort) and access.reads(actor, spec.entity, spec.sort)
    optional = access.reads(actor, spec.entity, "optional")
    found, number = [], 0
    for row in stored:
        sort = getattr(row, spec.sort) if sorted_ else ""
        if sort not in ("", "item"):
            text = str(getattr(row, spec.text)) if access.reads(actor, spec.entity, spec.text) else ""
            found.append(ReadRow(0, (), text, is_text=True, sort=sort))
            continue
        number += 1
        cells = []
        for one in columns:
            value = current(row, one)
            title = str(getattr(row, source)) if one.name == spec.sourced and source else ""
            empty = value in (None, "") or (one.kind == "boolean" and not value)
            if one.name == spec.text and row.pk in leads:
                text = Markup('<a href="{}">{}</a>').format(leads[row.pk], value)
            elif one.name == spec.text and row.pk in gone:
                text = Markup('{} <small class="text-secondary">{}</small>').format(value, gone[row.pk])
            elif one.kind == "money" and not empty:
                text = grid.cell_text(one, row)
            else:
                text = Markup("") if empty else written(row, one, value, names)
            cells.append((text, title))
        found.append(ReadRow(number, cells, faint=optional and bool(getattr(row, "optional", False))))
    return found


def _leads(actor: Actor, spec: Lines, stored: Sequence[Any]) -> tuple[dict[int, str], dict[int, str]]:
    """Where the texts of lines lead: to the record chosen in the first column, when he may see it; by the line's id. And what is said of those chosen that are in the trash."""
    field = next((one for one in grid.columns_of(actor, spec) if one.name == spec.columns[0]), None)
    if field is None or field.kind != "reference" or not spec.text:
        return {}, {}
    wanted = {row.pk: getattr(row, field.column) for row in stored if getattr(row, field.column)}
    target = entity_of(field.target)
    if not wanted:
        return {}, {}
    chosen = target.model._base_manager.filter(pk__in=set(wanted.values()))
    seen: dict[int, Any] = dict(access.visible(chosen, actor).values_list("pk", "deleted_at"))
    found = {key: number for key, number in wanted.items() if number in seen}
    gone = {key: grid.deleted(target) for key, number in found.items() if seen[number] is not None}
    return {key: addresses.record_url(target, number) for key, number in found.items() if key not in gone}, gone


@page_view("POST")
def check(request: HttpRequest, path: str, key: str) -> HttpResponseBase:
    """What the lines of a form come to: texts, values that follow and errors per row, totals; nothing is saved.

    ``_changed`` names the cell that was just filled; values that follow from it come back as ``values``.
    """
    actor, entity = actor_of(request), entity_at(path)
    spec = next((one for one in entity.lines if one.key == key), None)
    number = request.GET.get("record", "")
    record = records.get(actor, entity, int(number)) if number.isdecimal() and len(number) < 19 else None
    access.require(actor, "create" if record is None else "change", entity if record is None else record)
    if spec is None:
        raise NotFound
    form = saving.sent(actor, entity, request.POST, names=tuple(build.askable(shape.writable(actor, entity))))
    given = grid.numbered(actor, spec, request.POST)
    tried = grid.work_out(actor, entity, record, spec, [row for _number, row in given], form.values)
    answer = {
        "rows": {str(place): _answered(actor, spec, tried, number) for number, (place, _row) in enumerate(given)},
        "totals": {one.name: text or "—" for one, text in tried.totals},
        "general": [str(text) for text in tried.general],
    }
    return JsonResponse(answer, json_dumps_params={"ensure_ascii": False})


def _answered(actor: Actor, spec: Lines, tried: grid.Tried, number: int) -> dict[str, Any]:
    row = tried.rows[number]
    errors = {name: [str(text) for text in found] for name, found in tried.errors.get(number, {}).items()}
    if row is None:
        return {"errors": errors, "texts": {}, "values": {}}
    child = entity_of(spec.entity)
    values = {
        name: input_text(one.kind, current(row, one))
        for name, one in shape.writable(actor, child).items()
        if name in spec.columns and one.kind != "reference"
    }
    source = str(getattr(row, name, "")) if (name := grid.source_of(actor, spec)) else ""
    return {"errors": errors, "texts": tried.texts[number], "values": values, "source": source}
