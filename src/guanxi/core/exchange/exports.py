"""Taking a list out: what the actor may see of it, masked where he sees it masked, row by row in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from guanxi.core.access import actors, allowed, field_level, require, visible
from guanxi.core.exchange.subtables import header
from guanxi.core.exchange.writers import FORMATS, Apart, Writer, vcard_text, writer_of
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound
from guanxi.core.models import Operation
from guanxi.core.records import dictionaries, discretion, display, lines, paging, reading, shape, values
from guanxi.core.records.writing import operation_begin, writing
from guanxi.core.schema.entity import Entity, Lines
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

CHUNK = 500
#: Lists longer than this are better exported by a job.
LARGE = 5_000


@dataclass(frozen=True, slots=True)
class Exported:
    """How many records went out, with which columns, under which mark."""

    rows: int
    columns: tuple[str, ...]
    mark: str = ""


def export_columns(actor: Actor, entity: Entity | str, columns: Sequence[str] = ()) -> list[Field]:
    """The fields to export: the chosen ones, or all the actor may see. Raises Invalid for an unknown or hidden one."""
    declared = entity_of(entity)
    known = {name: one for name, one in shape.readable(actor, declared).items() if one.kind not in ("file", "image")}
    if not columns:
        first = [name for name in declared.columns if name in known]
        return [known[name] for name in dict.fromkeys((*first, *known))]
    for name in columns:
        if name not in known:
            raise Invalid(_("There is no field “%(name)s”.") % {"name": name}, code="field.unknown", field=name)
    return [known[name] for name in columns]


def export_write(
    actor: Actor,
    entity: Entity | str,
    *,
    out: IO[bytes],
    format: str = "xlsx",
    columns: Sequence[str] = (),
    filter: Mapping[str, Any] | None = None,
    text: str = "",
    sort: Sequence[str] = (),
    ids: Sequence[int] | None = None,
) -> Exported:
    """Write a list to a binary stream as ``xlsx``, ``csv``, ``zip`` (CSV, tables within records and lines of documents in files
    of their own) or ``vcf``, and note that it was taken out.

    Rows are those of ``records.reading.select`` with the same arguments on which the actor may do ``export``; ``ids``
    narrows them to a selection. The file carries the mark of who took it out. Raises Denied (code ``export.rights_changed``
    when his rights change meanwhile), TooMany when the day's rows are used up, Invalid.
    """
    declared = entity_of(entity)
    require(actor, "export", declared)
    if format not in FORMATS:
        raise Invalid(
            _("Choose one of: %(names)s.") % {"names": ", ".join(FORMATS)}, code="export.format", field="format"
        )
    fields = export_columns(actor, declared, columns)
    mark = discretion.mark_for(actor)
    with regional.speaking(actor.language, actor.timezone, _readable(actor)), transaction.atomic():
        taken = _Taken(actor)
        chunks = _chunks(actor, _records(actor, declared, filter=filter, text=text, sort=sort, ids=ids), taken)
        if format == "vcf":
            rows = _write_cards(actor, declared, chunks, out, mark)
        else:
            rows = _write_table(
                actor,
                declared,
                fields,
                chunks,
                taken,
                writer_of(format, out, [str(one.label) for one in fields], str(declared.plural), _shown(mark)),
                lines_of(actor, declared) if format == "zip" else [],
            )
        _note(actor, declared, taken.rows, format, [one.name for one in fields], mark, filter=filter, text=text)
    return Exported(rows, tuple(one.name for one in fields), mark.number)


def _records(
    actor: Actor,
    entity: Entity,
    *,
    filter: Mapping[str, Any] | None,
    text: str,
    sort: Sequence[str],
    ids: Sequence[int] | None,
) -> Iterator[Any]:
    rows = reading.queryset(actor, entity, filter=filter, text=text, action="export")
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    keys = paging.sort_keys(actor, entity, sort)
    return rows.order_by(*(key.order(reverse=False) for key in keys)).iterator(chunk_size=CHUNK)


def _readable(actor: Actor) -> regional.Regional:
    """Figures and names as programs read them, and an import after all; weeks as the actor's list has them."""
    return replace(actor.regional, numbers="point", names="written")


def _shown(mark: discretion.Mark) -> discretion.Mark | None:
    """The mark, where the workspace wants files marked."""
    return mark if discretion.discretion().marked else None


class _Taken:
    """How many rows go out, records and lines of documents alike, against how many the actor may still take out today."""

    def __init__(self, actor: Actor) -> None:
        self.actor, self.rows, self.left = actor, 0, discretion.rows_left(actor)

    def take(self, rows: int) -> None:
        """Count rows before they are written. Raises TooMany when the day's are used up."""
        self.rows += rows
        if self.left is not None and self.rows > self.left:
            raise discretion.rows_used_up()


def _chunks(actor: Actor, records: Iterator[Any], taken: _Taken) -> Iterator[list[Any]]:
    while chunk := list(islice(records, CHUNK)):
        taken.take(len(chunk))
        if actors.renewed(actor).rights != actor.rights:
            raise _outdated()
        yield chunk


def _outdated() -> Denied:
    return Denied(_("Your rights changed since. Make the export again."), code="export.rights_changed")


def lines_of(actor: Actor, entity: Entity) -> list[Lines]:
    """The lines of a document that the actor may take out with it."""
    return [spec for spec in entity.lines if allowed(actor, "export", spec.entity)]


def _write_table(
    actor: Actor,
    entity: Entity,
    fields: Sequence[Field],
    chunks: Iterator[list[Any]],
    taken: _Taken,
    writer: Writer,
    lined: Sequence[Lines] = (),
) -> int:
    plain = [field_level(actor, entity, one.name) != "masked" for one in fields]
    tables = [(one, p) for one, p in zip(fields, plain, strict=True) if one.kind == "table"]
    known = shape.readable(actor, entity)
    keys = [known[name] for name in dict.fromkeys(("number", entity.title)) if name in known]
    count = 0
    try:
        for chunk in chunks:
            names = display.names_for(actor, chunk, fields)
            for record in chunk:
                writer.row(
                    [_cell(actor, entity, one, record, names, plain=p) for one, p in zip(fields, plain, strict=True)]
                )
                if tables and isinstance(writer, Apart):
                    _write_rows(actor, entity, tables, keys, record, writer)
                count += 1
            if isinstance(writer, Apart):
                for spec in lined:
                    _write_lines(actor, spec, chunk, keys, writer, taken)
        writer.close()
    except BaseException:
        writer.drop()
        raise
    return count


def _write_rows(
    actor: Actor,
    entity: Entity,
    tables: Sequence[tuple[Field, bool]],
    keys: Sequence[Field],
    record: Any,
    writer: Apart,
) -> None:
    """The rows of a record's tables, each table on a sheet or in a file of its own, after what the record is called and numbered."""
    whose = [display.shown(one, display.masked(actor, entity, one, values.current(record, one))) for one in keys]
    for field, plain in tables:
        held = values.current(record, field) or ()
        rows = held if plain else display.masked(actor, entity, field, held)
        top = [*(str(one.label) for one in keys), *(header(field, one) for one in field.columns)]
        for row in rows if isinstance(rows, list | tuple) else ():
            cells = [display.shown(one, row.get(one.name)) for one in field.columns]
            writer.beside(str(field.label), top, [*whose, *cells])


def _write_lines(
    actor: Actor, spec: Lines, chunk: Sequence[Any], keys: Sequence[Field], writer: Apart, taken: _Taken
) -> None:
    """The lines of documents, as an import takes them: what the document is numbered, then the columns he may see."""
    child = entity_of(spec.entity)
    known = shape.readable(actor, child)
    columns = [known[one] for one in (spec.sort, *spec.columns) if one in known]
    stored = lines.stored_of(chunk, spec)
    rows = [row for record in chunk for row in stored.get(record.pk, ())]
    mine = set(visible(child.model._base_manager.filter(pk__in=[row.pk for row in rows]), actor, "export").values_list("pk", flat=True))  # fmt: skip
    rows = [row for row in rows if row.pk in mine]
    taken.take(len(rows))
    names = display.names_for(actor, rows, columns)
    plain = [field_level(actor, child, one.name) != "masked" for one in columns]
    top = [str(shape.fields_of(child)[spec.field].label), *(str(one.label) for one in columns)]
    whole = entity_of(chunk[0])
    for row in rows:
        whose = display.value_text(actor, whole, getattr(row, spec.field), keys[0].name) if keys else ""
        cells = [_cell(actor, child, one, row, names, plain=p) for one, p in zip(columns, plain, strict=True)]
        writer.beside(str(spec.label), top, [whose, *cells])


def _cell(actor: Actor, entity: Entity, field: Field, record: Any, names: display.Names, *, plain: bool) -> str:
    value = values.current(record, field)
    if not plain:
        value = display.masked(actor, entity, field, value)
    return display.shown(field, value, names)


def _write_cards(
    actor: Actor, entity: Entity, chunks: Iterator[list[Any]], out: IO[bytes], mark: discretion.Mark
) -> int:
    fields = shape.readable(actor, entity)
    if not {one.kind for one in fields.values()} & {"phones", "emails"}:
        raise Invalid(_("%(name)s cannot be written as vCards.") % {"name": entity.plural}, code="export.vcard")
    count = 0
    maker = [("PRODID", f"-//Guanxi//{mark.number}")] if _shown(mark) else []
    for chunk in chunks:
        names = display.names_for(actor, chunk, fields.values())
        for record in chunk:
            out.write(vcard_text([*maker, *_card(actor, entity, fields, record, names)]).encode("utf-8"))
            count += 1
    return count


def _card(
    actor: Actor, entity: Entity, fields: Mapping[str, Field], record: Any, names: display.Names
) -> Iterator[tuple[str, str | Sequence[str]]]:
    """The properties of one record's card, by the kinds and names of its fields."""

    def value(name: str) -> Any:
        return (
            display.masked(actor, entity, fields[name], values.current(record, fields[name]))
            if name in fields
            else None
        )

    def said(name: str) -> str:
        return display.shown(fields[name], value(name), names) if name in fields else ""

    title = display.title_of(entity, record, actor)
    organisation = value("kind") == "organisation"
    company = title if organisation else said(entity.access.carried_by)
    yield "FN", title
    yield "N", ("", "", "", "", "") if organisation else (title, "", "", "", "")
    if company:
        yield "ORG", (company, said("department"))
    yield "TITLE", said("position")
    for one in fields.values():
        for entry in value(one.name) or () if one.kind in ("phones", "emails", "urls", "addresses") else ():
            yield _entry(one.kind, entry)
    birthday = value("birthday")
    yield "BDAY", birthday.isoformat() if hasattr(birthday, "isoformat") else ""
    yield "NOTE", said("description")
    yield "UID", f"{entity.key}-{record.pk}"


def _entry(kind: str, entry: Mapping[str, Any]) -> tuple[str, str | Sequence[str]]:
    if kind == "addresses":
        region = dictionaries.region_label(entry["region"]) if entry.get("region") else ""
        return "ADR", ("", "", entry.get("street", ""), "", region, entry.get("postcode", ""), entry.get("country", ""))
    name = {"phones": "TEL", "emails": "EMAIL", "urls": "URL"}[kind]
    return name, str(entry.get("written") or entry.get("value") or "")


def _note(
    actor: Actor,
    entity: Entity,
    rows: int,
    format_name: str,
    columns: list[str],
    mark: discretion.Mark,
    *,
    filter: Mapping[str, Any] | None,
    text: str,
) -> None:
    discretion.noted(
        actor, "export", entity.key, rows=rows, format=format_name, columns=columns, mark=mark.number,
        filter=dict(filter or {}), text=text,
    )  # fmt: skip


# -- as a job --------------------------------------------------------------------------------------------------------


def export_begin(actor: Actor, entity: Entity | str, **what: Any) -> Operation:
    """Record an export to be made by a job (see ``jobs.export_make``); arguments as in ``export_write`` but ``out``."""
    declared = entity_of(entity)
    require(actor, "export", declared)
    export_columns(actor, declared, what.get("columns") or ())
    with writing(actor):
        return operation_begin(actor, "export", declared.key, state="waiting", parameters=what, undo_until=None)


def export_path(operation: Operation) -> Path:
    """Where a made export lies: ``GUANXI_DATA/exports/<id>.<format>``."""
    suffix = operation.parameters.get("format", "xlsx")
    return Path(settings.ENVIRONMENT.data) / "exports" / f"{operation.pk:d}.{suffix if suffix in FORMATS else 'xlsx'}"


def export_make(actor: Actor, operation: Operation) -> Operation:
    """Make a recorded export; may be called again after a crash."""
    path = export_path(operation)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(path.suffix + ".part")
    try:
        with draft.open("wb") as out:
            made = export_write(actor, operation.entity, out=out, **operation.parameters)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)  # half a file helps nobody, and fills a full disk
        raise
    operation.state, operation.finished_at = "done", clock.now()
    operation.progress = operation.total = made.rows
    operation.result = {
        "done": made.rows,
        "bytes": path.stat().st_size,
        "mark": made.mark,
        "rights": actors.fingerprint(actor),
    }
    operation.save(update_fields=["state", "finished_at", "progress", "total", "result"])
    return operation


def export_failed(actor: Actor, operation: Operation, error: GuanxiError) -> None:
    """Note on a recorded export why it was not made: its page says so, in the language of who asked."""
    with translation.override(actor.language):
        reason = str(error.message)
    operation.state, operation.finished_at = "failed", clock.now()
    operation.result = {"done": 0, "problems": [{"reason": reason}]}
    operation.save(update_fields=["state", "finished_at", "result"])


def export_file(actor: Actor, *, operation_id: int) -> Path:
    """The file of one's own finished export. Raises NotFound, and Denied when his rights changed since it was made."""
    operation = Operation.objects.filter(pk=operation_id, sort="export", state="done", actor_id=actor.user_id).first()
    if operation is None or not export_path(operation).is_file():
        raise NotFound
    if operation.result.get("rights", "") != actors.fingerprint(actor):
        raise _outdated()
    return export_path(operation)
