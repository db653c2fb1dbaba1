"""Results as files: a workbook with numbers that can be added up and a chart of its own, CSV, and the picture as SVG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import xlsxwriter
from django.utils import timezone
from django.utils.translation import gettext as _

from guanxi.core.exchange.writers import CsvWriter, guarded, marked
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import discretion, writing
from guanxi.core.reporting.charts import draw
from guanxi.core.reporting.charts.series import series_of
from guanxi.core.reporting.naming import day_words
from guanxi.core.reporting.results import Result, Row, Unit

FORMATS: Mapping[str, str] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "svg": "image/svg+xml",
}
_CHARTS: Mapping[str, Mapping[str, str]] = {
    "column": {"type": "column"},
    "stacked": {"type": "column", "subtype": "stacked"},
    "bar": {"type": "bar"},
    "funnel": {"type": "bar"},
    "line": {"type": "line"},
    "area": {"type": "area"},
    "pie": {"type": "doughnut"},
}


def content(actor: Actor, result: Result, format_name: str, *, title: str, chart: str = "") -> bytes:
    """The file; empty for the picture of a report without one. Noted as a look worth remembering."""
    mark = discretion.mark_for(actor)
    with writing(actor):
        discretion.rows_take(actor, len(result.rows))
        _note(actor, result, format_name, mark)
    if format_name == "svg":
        found = draw(result, chart=chart, width=960, height=380, title=title).encode()
    elif format_name == "csv":
        found = _csv(result)
    else:
        found = workbook([(title, result)], chart=chart, mark=mark if discretion.discretion().marked else None)
    return found


def taken(actor: Actor, parts: Sequence[tuple[str, Result]]) -> bytes:
    """A workbook of several results that goes to the actor by mail, marked and noted like one he fetched."""
    mark = discretion.mark_for(actor)
    with writing(actor):
        discretion.rows_take(actor, sum(len(result.rows) for _title, result in parts))
        for _title, result in parts:
            _note(actor, result, "xlsx", mark)
    return workbook(parts, mark=mark if discretion.discretion().marked else None)


def header(result: Result) -> list[str]:
    """Names of all columns of the table."""
    names = [*(result.dimensions or ("",))]
    for column in result.columns:
        names.append(column.label + (f" ({column.unit.currency})" if column.unit.currency else ""))
        if result.compared:
            names += [_("%(name)s before") % {"name": column.label}, _("Change %")]
    return names


def _names(result: Result, row: Row) -> list[str]:
    wide = max(len(result.dimensions), 1)
    names = [head.label for head in row.heads][:wide]
    return names + [""] * (wide - len(names))


def _figures(result: Result, row: Row) -> list[Any]:
    found: list[Any] = []
    for cell in row.cells:
        found.append(cell.value)
        if result.compared:
            found += [cell.before, None if cell.change is None else round(cell.change, 1)]
    return found


def _lines(result: Result) -> list[Row]:
    return [*result.rows, result.total] if result.spec.rows else [result.total]


def _csv(result: Result) -> bytes:
    out = io.BytesIO()
    writer = CsvWriter(out, header(result))
    for row in _lines(result):
        writer.row([*_names(result, row), *("" if one is None else str(one) for one in _figures(result, row))])
    writer.close()
    return out.getvalue()


def _number_format(unit: Unit) -> str:
    places = unit.places if unit.places is not None else 2
    digits = "#,##0" + (f".{'0' * places}" if places else "")
    return f'{digits}"%"' if unit.kind == "percent" else digits


def workbook(parts: Sequence[tuple[str, Result]], *, chart: str = "", mark: discretion.Mark | None = None) -> bytes:
    """A workbook with a sheet per result: what it is about, the table with real numbers, a chart."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    taken: set[str] = set()
    for title, result in parts:
        _sheet(book, _sheet_name(title, taken), title, result, chart)
    if mark is not None:
        marked(book, mark)
    book.close()
    return out.getvalue()


def _sheet_name(title: str, taken: set[str]) -> str:
    plain = "".join(" " if one in "[]:*?/\\'" else one for one in title).strip()[:31].strip() or "Report"
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain[:27]} {number}"
    taken.add(name.casefold())
    return name


def _sheet(book: Any, name: str, title: str, result: Result, chart: str) -> None:
    sheet = book.add_worksheet(name)
    bold, grey = book.add_format({"bold": True}), book.add_format({"font_color": "#566172"})
    sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 14}))
    at = timezone.localtime(result.at)
    told = [str(result.entity.plural), f"{at:%Y-%m-%d %H:%M}"]
    if result.day is not None:
        told.append(day_words(result))
    if result.window is not None:
        told.append(f"{result.date_label}: {result.window.text()}")
    sheet.write_string(1, 0, " · ".join([*told, *result.notes]), grey)
    top = 3
    names = header(result)
    for column, one in enumerate(names):
        sheet.write_string(top, column, one, book.add_format({"bold": True, "bottom": 1, "text_wrap": True}))
    wide = max(len(result.dimensions), 1)
    per = 3 if result.compared else 1
    formats = [book.add_format({"num_format": _number_format(column.unit)}) for column in result.columns]
    totals = [
        book.add_format({"num_format": _number_format(column.unit), "bold": True, "top": 1})
        for column in result.columns
    ]
    subtotals = [book.add_format({"num_format": _number_format(one.unit), "bold": True}) for one in result.columns]
    change = book.add_format({"num_format": '0.0"%"'})
    lines = _lines(result)
    for place, row in enumerate(lines):
        line = top + 1 + place
        for column, text in enumerate(_names(result, row)):
            sheet.write_string(line, column, guarded(text), bold if row.sort in ("total", "subtotal") else None)
        for number, value in enumerate(_figures(result, row)):
            if isinstance(value, int | float | Decimal):
                chosen = {"total": totals, "subtotal": subtotals}.get(row.sort, formats)
                sheet.write_number(line, wide + number, value, change if number % per == 2 else chosen[number // per])
            elif value is not None:
                sheet.write_string(line, wide + number, str(value))
    sheet.set_column(0, wide - 1, 24)
    sheet.set_column(wide, wide + len(names), 15)
    sheet.freeze_panes(top + 1, wide)
    _chart(book, sheet, name, title, result, chart or result.spec.chart, top, wide, per)


def _chart(
    book: Any, sheet: Any, name: str, title: str, result: Result, chart: str, top: int, wide: int, per: int
) -> None:  # fmt: skip
    """The workbook's own chart below the table; one for a pivot has a series per column."""
    if chart not in _CHARTS or not result.rows or not result.spec.rows or result.spec.subtotals:
        return
    drawn = book.add_chart(dict(_CHARTS[chart]))
    shown = {one.name for one in series_of(result)}
    last = top + len(result.rows)
    for number, column in enumerate(result.columns):
        if column.label not in shown or (result.spec.columns and column.head is None):
            continue
        at = wide + number * per
        drawn.add_series(
            {
                "name": [name, top, at],
                "categories": [name, top + 1, 0, last, wide - 1],
                "values": [name, top + 1, at, last, at],
            }
        )
    drawn.set_title({"name": title, "name_font": {"size": 12}})
    if chart in ("bar", "funnel"):
        drawn.set_y_axis({"reverse": True})
    drawn.set_size({"width": 760, "height": 340})
    sheet.insert_chart(last + 3, 0, drawn)


def _note(actor: Actor, result: Result, format_name: str, mark: discretion.Mark) -> None:
    discretion.noted(
        actor, "export", result.entity.key, rows=len(result.rows), format=format_name, report=True, mark=mark.number,
        filter=dict(result.spec.filter),
    )  # fmt: skip
