"""The grid of a record's lines in a form: drawing it, reading it back, and working it out while somebody types."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, Text
from guanxi.core.kernel.money import rounded
from guanxi.core.models import Record
from guanxi.core.records import dictionaries, display, lines, shape
from guanxi.core.records.values import current
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity, Lines
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import formats
from guanxi.core.web.forms import choosing
from guanxi.core.web.inputs import Input, Option, raw_values

#: Empty rows a form without scripts gets when it asks for more.
MORE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: its number in the form, the stored id, its sort, inputs by column, texts of what is worked out."""

    number: int | str
    id: str = ""
    sort: str = ""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[Text] = ()
    source: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the line is a heading or a text."""
        return self.sort not in ("", "item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The lines of a form, ready to be drawn; ``blanks`` are templates of new lines by sort, ``totals`` label and text."""

    spec: Lines
    columns: Sequence[Field]
    sorts: Sequence[Option]
    rows: Sequence[Row]
    blanks: Sequence[Row]
    totals: Sequence[tuple[Field, str]]
    marks: str = ""
    check_url: str = ""
    note: Text = ""


def columns_of(actor: Actor, spec: Lines) -> list[Field]:
    """The columns the actor sees in full: one of stars says nothing beside the others."""
    fields = shape.fields_of(entity_of(spec.entity))
    return [fields[name] for name in spec.columns if name in fields and access.reads(actor, spec.entity, name)]


def source_of(actor: Actor, spec: Lines) -> str:
    """The field that says where a line's price comes from, if there is one the actor may read."""
    return spec.source if spec.source and access.reads(actor, spec.entity, spec.source) else ""


def _open(actor: Actor, spec: Lines) -> dict[str, Field]:
    """Fields of a line the actor may fill in: columns, the sort, custom ones."""
    writable = shape.writable(actor, entity_of(spec.entity))
    names = [*spec.columns, spec.sort, *(name for name, one in writable.items() if one.custom)]
    return {name: writable[name] for name in names if name in writable}


# -- reading -----------------------------------------------------------------------------------------------------------


def read(actor: Actor, spec: Lines, data: QueryDict) -> list[dict[str, Any]] | None:
    """Rows of a sent form in their order, ``None`` if it held no such grid. Blank rows are left out."""
    return [row for _number, row in numbered(actor, spec, data)] if f"{spec.key}.sent" in data else None


def numbered(actor: Actor, spec: Lines, data: QueryDict) -> list[tuple[int, dict[str, Any]]]:
    """The same with the number each row has in the form."""
    found = {int(match[1]) for name in data if (match := re.match(rf"{re.escape(spec.key)}\.(\d{{1,5}})\.", name))}
    fields = _open(actor, spec)
    rows: list[tuple[int, dict[str, Any]]] = []
    for number in sorted(found):
        prefix = f"{spec.key}.{number}."
        row = raw_values(fields.values(), data, prefix=prefix, partial=True)
        for name, one in fields.items():
            if one.kind == "reference" and f"{prefix}{name}.text" in data:
                row[name] = (row.get(name), str(data[f"{prefix}{name}.text"]).strip())
        row["id"] = data.get(f"{prefix}id", "")
        if spec.source:
            row[spec.source] = data.get(f"{prefix}{spec.source}", "")
        if row["id"] or not _blank(fields, row):
            rows.append((number, row))
    _find_named(actor, fields, [row for _number, row in rows])
    return rows


def _blank(fields: Mapping[str, Field], row: Mapping[str, Any]) -> bool:
    """Whether nobody has written anything into a row: what it holds is what a new one holds."""
    for name, one in fields.items():
        value = row.get(name)
        if one.kind in ("choice", "boolean") or value in (None, "", False, ("", ""), (None, ""), one.default):
            continue
        if one.kind in ("integer", "decimal", "money") and str(value) == str(one.default):
            continue
        return False
    return True


def _find_named(actor: Actor, fields: Mapping[str, Field], rows: Sequence[dict[str, Any]]) -> None:
    """References written as text (typed, pasted) become ids: by title or number, exact, or the only one found."""
    for name, one in fields.items():
        if one.kind != "reference":
            continue
        entity = entity_of(one.target)
        ids = [
            int(row[name][0])
            for row in rows
            if isinstance(row.get(name), tuple) and str(row[name][0] or "").isdecimal()
        ]
        titles = display.names_of(actor, {entity.key: ids}).get(entity.key, {})
        known: dict[str, str] = {}
        for row in rows:
            if isinstance(row.get(name), tuple):
                chosen, text = row[name]
                kept = str(chosen or "").isdecimal() and (not text or text in (titles.get(int(chosen)), f"#{chosen}"))
                if not text:
                    row[name] = ""
                elif kept or (str(chosen or "").isdecimal() and int(chosen) not in titles):
                    row[name] = chosen
                else:
                    row[name] = known.setdefault(text, _named(actor, entity, text))


def _named(actor: Actor, entity: Entity, text: str) -> str:
    try:
        found = records.select(actor, entity, filter=entity.pickable, text=text, limit=10, count=False).items
    except GuanxiError:
        return text
    numbers = entity.search.numbers if entity.search else ()
    for one in found:
        if text in (display.title_of(entity, one, actor), *(str(getattr(one, name, "")) for name in numbers)):
            return str(one.pk)
    return str(found[0].pk) if len(found) == 1 else text


# -- drawing -----------------------------------------------------------------------------------------------------------


def stored_rows(actor: Actor, spec: Lines, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Stored lines as the rows a form sends."""
    fields = _open(actor, spec)
    source = [one for one in [source_of(actor, spec)] if one]
    return [
        {
            "id": str(row.pk),
            **{name: current(row, one) for name, one in fields.items()},
            **{name: getattr(row, name) for name in source},
        }
        for row in rows
    ]


def grids(
    actor: Actor,
    entity: Entity,
    record: Any,
    given: Mapping[str, Any],
    error: Invalid | None = None,
    *,
    more: int = 0,
    header: Mapping[str, Any] | None = None,
) -> tuple[Grid, ...]:
    """The grids of a form: what was typed (``given``), else what is stored; errors stand at their cells."""
    found = []
    for spec in entity.lines:
        if not access.allowed(actor, "view", spec.entity):
            continue
        there = lines.stored(record, spec) if record is not None else []
        rows = given.get(spec.key)
        if rows is None:
            rows = stored_rows(actor, spec, there)
        tried = work_out(actor, entity, record, spec, rows, header or {})
        found.append(_grid(actor, entity, record, spec, rows, tried, error, there, more))
    return tuple(found)


def _grid(
    actor: Actor,
    entity: Entity,
    record: Any,
    spec: Lines,
    rows: Sequence[Mapping[str, Any]],
    tried: Tried,
    error: Invalid | None,
    there: Sequence[Any],
    more: int,
) -> Grid:
    child, columns, fields = entity_of(spec.entity), columns_of(actor, spec), _open(actor, spec)
    names = _names(actor, columns, rows)
    sorts = choosing.options(fields[spec.sort]) if spec.sort in fields else ()
    errors, source = _errors_at(error, spec.key), source_of(actor, spec)

    def row(number: int | str, given: Mapping[str, Any]) -> Row:
        texts = tried.texts[number] if isinstance(number, int) and number < len(tried.texts) else {}
        wrong = errors.get(number, {}) if isinstance(number, int) else {}
        prefix = f"{spec.key}.{number}."
        cells = {
            one.name: _cell(child, one, given.get(one.name), prefix, names, wrong)
            for one in columns
            if one.name in fields
        }
        sort = str(given.get(spec.sort) or "") if spec.sort else ""
        other = [text for name, found in wrong.items() if name not in cells for text in found]
        return Row(
            number=number, id=str(given.get("id") or ""), sort=sort, inputs=cells, texts=texts, errors=other,
            source=str(given.get(source) or "") if source else "",
        )  # fmt: skip

    fresh = _fresh(fields)
    shown = [row(number, one) for number, one in enumerate(rows)]
    shown += [row(len(rows) + number, fresh) for number in range(more or (0 if rows else 1))]
    return Grid(
        spec=spec,
        columns=columns,
        sorts=sorts,
        rows=shown,
        blanks=[row("__n__", {**fresh, spec.sort: one.key}) for one in sorts] or [row("__n__", fresh)],
        totals=tried.totals,
        marks=lines.marks_of(there),
        note=spec.note_of(record),
        check_url=f"/{entity.path}/lines/{spec.key}/" + (f"?record={record.pk}" if record is not None else ""),
    )


def _fresh(fields: Mapping[str, Field]) -> dict[str, Any]:
    """What stands in a new row."""
    return {
        name: dictionaries.default_of(one.dictionary) if one.dictionary and not one.default else one.default
        for name, one in fields.items()
        if one.kind not in ("choice",) or one.choices
    }


def _cell(
    child: Entity, one: Field, value: Any, prefix: str, names: Mapping[str, str], wrong: Mapping[str, Sequence[Text]]
) -> Input:
    chosen: tuple[Option, ...] = ()
    if one.kind in ("reference", "user") and value not in (None, ""):
        key = str(value)
        chosen = (
            Option(key, names.get(f"{one.target}.{key}", _("a record you may not see") if key.isdecimal() else key)),
        )
    return Input(
        field=one, value=value, prefix=prefix, options=choosing.options(one, value), chosen=chosen,
        errors=tuple(wrong.get(one.name, ())), search_url=choosing.search_url(child, one), bare=True,
    )  # fmt: skip


def deleted(entity: Entity) -> str:
    """What is said of a record chosen in a line that is in the trash by now."""
    return _("%(entity)s was deleted") % {"entity": entity.label}


def _in_trash(key: str, ids: Collection[int]) -> set[int]:
    """Which of these records are in the trash."""
    model = entity_of(key).model if ids and key != "core.user" else None
    if model is None or not issubclass(model, Record):
        return set()
    return set(model._base_manager.filter(pk__in=ids, deleted_at__isnull=False).values_list("pk", flat=True))


def _names(actor: Actor, columns: Sequence[Field], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Titles of the records chosen in the rows, one query per sort of record."""
    wanted: dict[str, set[int]] = {}
    for one in columns:
        if one.kind in ("reference", "user"):
            ids = {int(row[one.name]) for row in rows if str(row.get(one.name) or "").isdecimal()}
            wanted.setdefault(one.target or "core.user", set()).update(ids)
    found = display.names_of(actor, wanted)
    for key, ids in wanted.items():
        for number in _in_trash(key, ids) & found.get(key, {}).keys():
            found[key][number] = f"{found[key][number]} ({deleted(entity_of(key))})"
    return {f"{key}.{number}": text for key, texts in found.items() for number, text in texts.items()}


def _errors_at(error: Invalid | None, key: str) -> dict[int, dict[str, list[Text]]]:
    """Messages of an error by row and column."""
    found: dict[int, dict[str, list[Text]]] = {}
    for place, errors in (error.errors if error else {}).items():
        match = re.fullmatch(rf"{re.escape(key)}\.(\d+)(?:\.(.+))?", place)
        if match:
            found.setdefault(int(match[1]), {}).setdefault(match[2] or "", []).extend(one.message for one in errors)
    return found


# -- working it out ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tried:
    """Rows worked out without saving: lines (``None`` where a row is wrong), texts and errors per row, totals."""

    rows: list[Any] = field(default_factory=list)
    texts: list[dict[str, str]] = field(default_factory=list)
    errors: dict[int, dict[str, list[Text]]] = field(default_factory=dict)
    general: list[Text] = field(default_factory=list)
    totals: list[tuple[Field, str]] = field(default_factory=list)


def work_out(
    actor: Actor,
    entity: Entity,
    record: Any,
    spec: Lines,
    given: Sequence[Mapping[str, Any]],
    header: Mapping[str, Any],
) -> Tried:
    """What the lines would come to. Wrong rows are named and left out of the sums; nothing is stored."""
    document = _imagined(entity, record, header)
    tried = Tried(rows=[None] * len(given), texts=[{} for _one in given])
    use = list(range(len(given)))
    for _attempt in range(3):
        try:
            work = lines.prepared(actor, document, spec, [given[number] for number in use])
            lines.settle(actor, document, work)
        except Invalid as error:
            wrong = _errors_at(error, spec.key)
            if not wrong:
                tried.general.append(error.message)
                break
            for place, messages in wrong.items():
                tried.errors.setdefault(use[place], {}).update(messages)
            use = [number for place, number in enumerate(use) if place not in wrong]
        except GuanxiError as error:
            tried.general.append(error.message)
            break
        else:
            for number, row in zip(use, work.rows, strict=True):
                tried.rows[number] = row
            break
    fields = shape.fields_of(entity_of(spec.entity))
    told = [*columns_of(actor, spec), *(fields[name] for name in (source_of(actor, spec),) if name in fields)]
    for number, row in enumerate(tried.rows):
        if row is not None:
            tried.texts[number] = {one.name: cell_text(one, row) for one in told}
    tried.totals = [(one, cell_text(one, document)) for one in totals_of(actor, entity, spec)]
    return tried


def totals_of(actor: Actor, entity: Entity, spec: Lines) -> list[Field]:
    """The totals of lines the actor sees in full."""
    fields = shape.fields_of(entity)
    return [fields[name] for name in spec.totals if name in fields and access.reads(actor, entity, name)]


def cell_text(one: Field, record: Any) -> str:
    """A value of a line or a total as people read it."""
    value = current(record, one)
    if value is None:
        return ""
    if one.kind == "money":
        currency = str(getattr(record, one.currency, "") or "")
        fine = value != rounded(value, currency)
        return formats.number(value.normalize()) if fine else formats.money(value, currency)
    if one.kind == "decimal":
        return formats.number(value)
    return display.shown(one, value) + ("%" if one.kind == "percent" and value != "" else "")


def _imagined(entity: Entity, record: Any, header: Mapping[str, Any]) -> Any:
    """The record as it would be with the values of the form, as far as they can be read."""
    document = entity.model() if record is None else entity.model._base_manager.get(pk=record.pk)
    fields = shape.fields_of(entity)
    for name, raw in header.items():
        one = fields.get(name)
        if one is None or one.custom or one.readonly:
            continue
        try:
            value = kinds.parse(one, raw)
        except Invalid:
            continue
        if value is not None or raw == "":
            attribute = one.column if one.kind in ("reference", "user", "file", "image") else one.name
            empty = "" if one.kind in ("choice", "text", "long_text") else None
            setattr(document, attribute, empty if value is None else value)
    return document
