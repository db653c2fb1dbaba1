"""What an import left behind: refused rows as a file that can be corrected and brought in again; templates to fill in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any

import orjson
from django.db import connection
from django.utils.translation import gettext as _

from guanxi.core.exchange import subtables
from guanxi.core.exchange.imports import import_get
from guanxi.core.exchange.mapping import AUTHORSHIP, importable_fields
from guanxi.core.exchange.reasons import texts
from guanxi.core.exchange.writers import XlsxWriter, writer_of
from guanxi.core.kernel.actor import Actor
from guanxi.core.models.exchange import FAILED, OUTCOMES, SKIPPED, ImportRun
from guanxi.core.records import dictionaries
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of


def import_rows(
    run: ImportRun, outcomes: Sequence[int] = (FAILED,)
) -> Iterator[tuple[int, int, list[str], Any, int | None]]:
    """(row number, outcome, cells, reasons, record id) of rows with one of the outcomes, in order of the file."""
    after = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT o.position, r.number, o.outcome, r.cells, o.reasons, o.record_id FROM core_importoutcome o"
                " JOIN core_importrow r USING (run_id, position)"
                " WHERE o.run_id = %s AND o.position > %s AND o.outcome = ANY(%s) ORDER BY o.position LIMIT 1000",
                [run.pk, after, list(outcomes)],
            )
            rows = cursor.fetchall()
        for position, number, outcome, cells, reasons, record_id in rows:
            after = position
            yield number, outcome, cells, orjson.loads(reasons) if isinstance(reasons, str) else reasons, record_id
        if len(rows) < 1000:
            return


def import_write_errors(
    actor: Actor, *, run: ImportRun, out: IO[bytes], format: str = "csv", skipped: bool = False
) -> int:
    """Write the refused rows (and the skipped ones if asked) in the file's own columns, with row number and reason last.

    Returns how many. The file can be corrected and brought in again: our two columns are left out then.
    """
    import_get(actor, run_id=run.pk)
    writer = writer_of(format, out, [*run.columns, _("Row"), _("Reason")], _("Refused rows"))
    count = 0
    for number, outcome, cells, reasons, _record in import_rows(run, (FAILED, SKIPPED) if skipped else (FAILED,)):
        padded = [*cells, *[""] * (len(run.columns) - len(cells))][: len(run.columns)]
        writer.row([*padded, str(number), texts(reasons) or OUTCOMES[outcome]])
        count += 1
    writer.close()
    return count


def template_write(actor: Actor, entity: Entity | str, *, out: IO[bytes], format: str = "xlsx") -> list[str]:
    """Write an empty file with the columns an import by this actor can fill, custom fields included; returns their names.

    XLSX has a second sheet that says of each column what it takes.
    """
    declared = entity_of(entity)
    fields = [one for name, one in importable_fields(actor, declared).items() if name not in AUTHORSHIP]
    fields.sort(key=lambda one: not one.required)
    fields = [each for one in fields for each in _columns(one)]
    header = [str(one.label) for one in fields]
    writer = writer_of(format, out, header, str(declared.plural))
    if isinstance(writer, XlsxWriter):
        _explain(writer, fields)
    writer.close()
    return header


def _columns(field: Field) -> list[Field]:
    """A field as the columns of a file that fill it: a table has one for each of its own."""
    return [replace(one, label=subtables.header(field, one)) for one in field.columns] or [field]


def _explain(writer: XlsxWriter, fields: Sequence[Any]) -> None:
    sheet = writer.book.add_worksheet(_("Explanation")[:31])
    sheet.set_column(0, 3, 28)
    for column, text in enumerate((_("Column"), _("Kind"), _("Required"), _("Values"))):
        sheet.write_string(0, column, text, writer.bold)
    for row, one in enumerate(fields, 1):
        choices = (
            [choice.label for choice in dictionaries.choices_of(one) if choice.active]
            if one.kind in ("choice", "choices")
            else []
        )
        cells = (
            str(one.label),
            str(KINDS[one.kind].label),
            _("Yes") if one.required else "",
            ", ".join(choices)[:32_000] or str(one.help),
        )
        for column, text in enumerate(cells):
            sheet.write_string(row, column, text)
