"""Writing tables out: CSV, XLSX, vCard. The one place where cells are kept from being read as formulas."""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
import zipfile
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import IO, Any, Protocol, runtime_checkable

import xlsxwriter
from django.utils.translation import gettext as _

from guanxi.core.records.discretion import Mark

#: A cell beginning with one of these is run by spreadsheet programs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: What divides cells where commas do not, as in many countries: rows that hold one are quoted throughout, or what stands
#: behind it would be a cell of its own.
_DIVIDERS = (";", "\t", "|")
#: What is longer is no number and no phone; the pattern takes the square of the length.
_LONGEST_NUMBER = 100
_HARMLESS = re.compile(r"[+\-]?[\d\s().,%/:-]*\d[\d\s().,%/:-]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
#: Rows a sheet of a workbook can hold, and characters a cell can.
SHEET_ROWS = 1_048_576
CELL = 32_767
FORMATS = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "text/csv; charset=utf-8",
           "zip": "application/zip", "vcf": "text/vcard; charset=utf-8"}  # fmt: skip


def guarded(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet program would run it. Numbers and phones stay as they are."""
    if text.startswith(_FORMULA) and not (len(text) <= _LONGEST_NUMBER and _HARMLESS.fullmatch(text)):
        return "'" + text
    return text


def unguarded(text: str) -> str:
    """The counterpart of :func:`guarded`, for files that come back."""
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA else text


class Writer(Protocol):
    """Takes rows of text one by one."""

    def row(self, cells: Sequence[str]) -> None:
        """One more row."""

    def close(self) -> None:
        """No more rows; the stream stays open."""

    def drop(self) -> None:
        """Something went wrong: what waits on disk goes at once."""


@runtime_checkable
class Apart(Protocol):
    """A writer with room for the rows of a record's tables: a sheet or a file for each table."""

    def beside(self, title: str, header: Sequence[str], cells: Sequence[str]) -> None:
        """One more row of the table called ``title``, which begins with its first."""


def free_name(title: str, taken: Container[str]) -> str:
    """What a sheet or file is called; ``taken`` are names in lower case, for no two may be alike but for case."""
    plain = re.sub(r"[\[\]:*?/\\'\"<>|]", " ", _CONTROL.sub("", title))[:28].strip() or "1"
    names = (plain, *(f"{plain} {number}" for number in range(2, 100)))
    return next(one for one in names if one.casefold() not in taken)


class CsvWriter:
    """CSV as RFC 4180 in UTF-8 with a byte order mark, which spreadsheet programs need to see Chinese."""

    def __init__(self, out: IO[bytes], header: Sequence[str]) -> None:
        self.text = TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=False)
        self.writer, self.quoted = csv.writer(self.text), csv.writer(self.text, quoting=csv.QUOTE_ALL)
        self.row(header)

    def row(self, cells: Sequence[str]) -> None:
        """One more row."""
        divided = any(sign in cell for cell in cells for sign in _DIVIDERS)
        (self.quoted if divided else self.writer).writerow([guarded(cell) for cell in cells])

    def close(self) -> None:
        """Write what is held back; the stream stays open."""
        self.text.flush()
        self.text.detach()

    def drop(self) -> None:
        """Nothing waits but what the stream holds."""
        with suppress(OSError, ValueError):
            self.text.detach()


class ZipWriter:
    """CSV files in an archive: one of the list, one of each table in it. Tables wait on disk until the list is written."""

    def __init__(self, out: IO[bytes], header: Sequence[str], title: str = "", mark: Mark | None = None) -> None:
        self.archive = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)
        if mark is not None:
            self.archive.comment = mark.line.encode()[:65_535]
        self.taken = {(name := free_name(title, ())).casefold()}
        self.entry = self.archive.open(f"{name}.csv", "w", force_zip64=True)
        self.list = CsvWriter(self.entry, header)
        self.others: dict[str, tuple[IO[bytes], CsvWriter]] = {}

    def row(self, cells: Sequence[str]) -> None:
        """One more row of the list."""
        self.list.row(cells)

    def beside(self, title: str, header: Sequence[str], cells: Sequence[str]) -> None:
        """One more row of a table."""
        if title not in self.others:
            held = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115 - closed in ``close``
            self.others[title] = (held, CsvWriter(held, header))
        self.others[title][1].row(cells)

    def close(self) -> None:
        """Put the tables behind the list; the stream stays open."""
        self.list.close()
        self.entry.close()
        for title, (held, writer) in self.others.items():
            name = free_name(title, self.taken)
            self.taken.add(name.casefold())
            writer.close()
            held.seek(0)
            with held, self.archive.open(f"{name}.csv", "w", force_zip64=True) as entry:
                shutil.copyfileobj(held, entry)
        self.archive.close()

    def drop(self) -> None:
        """Close the tables that wait, and leave the archive as it is."""
        for held, writer in self.others.values():
            writer.drop()
            held.close()
        self.list.drop()
        with suppress(OSError, ValueError):
            self.entry.close()
        self.archive.fp = None


class XlsxWriter:
    """A workbook in constant memory; every cell is text, so nothing in it can run. Long tables go on in further sheets."""

    def __init__(self, out: IO[bytes], header: Sequence[str], title: str = "", mark: Mark | None = None) -> None:
        self.mark = mark
        self.folder = tempfile.mkdtemp(prefix="guanxi-rows-")  # rows wait here until the workbook is finished
        self.book = xlsxwriter.Workbook(
            out,
            {
                "tmpdir": self.folder,
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self.bold = self.book.add_format({"bold": True})
        self.header = list(header)
        self.title = free_name(title, ()) if title else ""
        self.sheets = 0
        self.others: dict[str, list[Any]] = {}
        self._next_sheet()

    def _next_sheet(self) -> None:
        self.sheets += 1
        name = self.title and (self.title if self.sheets == 1 else f"{self.title} {self.sheets}")
        self.sheet = self.book.add_worksheet(name or None)
        self.sheet.freeze_panes(1, 0)
        self.sheet.set_column(0, max(len(self.header) - 1, 0), 18)
        for column, cell in enumerate(self.header):
            self.sheet.write_string(0, column, cell, self.bold)
        self.count = 1

    def row(self, cells: Sequence[str]) -> None:
        """One more row."""
        if self.count >= SHEET_ROWS:
            self._next_sheet()
        for column, cell in enumerate(cells):
            if cell:
                self.sheet.write_string(self.count, column, _CONTROL.sub("", cell)[:CELL])
        self.count += 1

    def beside(self, title: str, header: Sequence[str], cells: Sequence[str]) -> None:
        """One more row of a further sheet, which begins with its first."""
        if title not in self.others:
            taken = {str(one.name).casefold() for one in self.book.worksheets()}
            sheet = self.book.add_worksheet(free_name(title, taken))
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, max(len(header) - 1, 0), 18)
            for column, cell in enumerate(header):
                sheet.write_string(0, column, cell, self.bold)
            self.others[title] = [sheet, 1]
        sheet, count = self.others[title]
        if count >= SHEET_ROWS:
            return
        for column, cell in enumerate(cells):
            if cell:
                sheet.write_string(count, column, _CONTROL.sub("", cell)[:CELL])
        self.others[title][1] += 1

    def close(self) -> None:
        """Finish the workbook; the stream stays open."""
        if self.mark is not None:
            marked(self.book, self.mark)
        self.book.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def drop(self) -> None:
        """Remove the rows that wait."""
        sheets: list[Any] = self.book.worksheets()
        for sheet in sheets:
            with suppress(OSError):
                sheet.row_data_fh.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def marked(book: Any, mark: Mark) -> None:
    """Write on a workbook who took it out: in its properties, at the foot of printed pages, on a last sheet."""
    book.set_properties({"author": mark.name, "comments": mark.line})
    for sheet in book.worksheets():
        sheet.set_footer("&C" + mark.line.replace("&", "&&"))
    about = book.add_worksheet(_("About this export")[:31])
    about.set_column(0, 0, 80)
    for row, text in enumerate((mark.line, _("Holds data of customers. Handle it as the rules of your firm say."))):
        about.write_string(row, 0, text)


def writer_of(
    format_name: str, out: IO[bytes], header: Sequence[str], title: str = "", mark: Mark | None = None
) -> Writer:
    """The writer of a format. A workbook and an archive carry the mark; plain CSV has no place for one."""
    if format_name == "csv":
        return CsvWriter(out, header)
    return (ZipWriter if format_name == "zip" else XlsxWriter)(out, header, title, mark)


def vcard_text(properties: Iterable[tuple[str, str | Sequence[str]]]) -> str:
    """One vCard 3.0 from (name with parameters, value or parts); empty ones are left out."""
    lines = ["BEGIN:VCARD", "VERSION:3.0"]
    for name, value in properties:
        if isinstance(value, str):
            text = _escaped(value)
        else:
            text = ";".join(_escaped(part) for part in value)
            if not text.strip(";"):
                continue
        if text:
            lines.append(_folded(f"{name}:{text}"))
    lines.append("END:VCARD")
    return "\r\n".join(lines) + "\r\n"


def _escaped(text: Any) -> str:
    plain = _CONTROL.sub("", str(text or "")).replace("\r\n", "\n")
    return plain.replace("\\", "\\\\").replace("\n", "\\n").replace(";", "\\;").replace(",", "\\,")


def _folded(line: str) -> str:
    """A line cut after at most 75 bytes, never within a character."""
    parts: list[str] = []
    part, size = "", 0
    for char in line:
        width = len(char.encode())
        if size + width > (75 if not parts else 74):
            parts.append(part)
            part, size = "", 0
        part += char
        size += width
    return "\r\n ".join([*parts, part])
