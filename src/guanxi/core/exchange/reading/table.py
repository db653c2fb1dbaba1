"""What every reader hands on: columns, rows as text, and what was odd about them.

A :class:`Table` can be read several times; each reading streams and needs constant memory. Readers never raise for
something *in* a row: the row carries its :class:`Problem` and whoever imports it refuses that row with that reason.
A file that cannot be read at all is refused with :class:`guanxi.core.kernel.errors.Invalid`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Invalid, Text

#: Longest cell that is read, in characters (a spreadsheet allows 32,767).
MAX_CELL = 100_000
#: Most columns that are read (a spreadsheet's own limit).
MAX_COLUMNS = 16_384
#: Largest file after unpacking, in bytes.
MAX_BYTES = 2 * 1024**3

PROBLEMS: dict[str, Text] = {
    "row.short": _("This row has %(found)d cells, the header has %(expected)d."),
    "row.short_filled": _("This row ends after %(found)d of %(expected)d cells; the rest is taken as empty."),
    "row.long": _("This row has %(found)d cells, the header has only %(expected)d."),
    "row.quotes_repaired": _("The quotation marks in this row were not balanced; it was read as %(expected)d cells."),
    "row.quotes_broken": _("The quotation marks in this row are not balanced, so its cells cannot be told apart."),
    "row.bad_bytes": _("This row holds bytes that are not text in the encoding %(encoding)s."),
    "row.control_characters": _("Invisible control characters were left out."),
    "row.cell_too_long": _("A cell has %(length)d characters; at most %(limit)d are allowed."),
    "row.repeats_header": _("This row repeats the header."),
    "row.digits_lost": _(
        "“%(value)s” has more than 15 digits; the spreadsheet program stored it as a number and lost the last ones. "
        "Format the column as text and enter it again."
    ),
    "row.cell_error": _("The cell holds the spreadsheet error %(value)s; it is taken as empty."),
    "row.card_unreadable": _("This card cannot be read: %(reason)s"),
    "row.not_a_record": _("This entry is not a record with named values."),
    "row.json_broken": _("From here on the file is not valid JSON: %(reason)s"),
    "row.file_ends": _("The file is damaged from here on and could not be read to its end."),
    "file.encoding_guessed": _("The encoding was guessed as %(encoding)s. Check the text, or choose the encoding."),
    "file.no_header": _("No header row was found; the columns are numbered."),
    "file.preamble_skipped": _("%(count)d lines above the header were left out."),
    "file.header_repeated": _("%(count)d repeated header lines were left out."),
    "file.blank_header": _("%(count)d columns have no name in the header."),
    "file.duplicate_columns": _("Several columns are called “%(name)s”; they were numbered."),
    "file.merged_filled": _("%(count)d merged cells were filled with their value."),
    "file.properties_left_out": _("Left out: %(names)s."),
}

REFUSALS: dict[str, Text] = {
    "file.empty": _("The file is empty."),
    "file.no_rows": _("The file holds no table."),
    "file.too_large": _("The file has more than %(limit)d MB when unpacked."),
    "file.bomb": _("The file unpacks to far more than its size; it was not opened."),
    "file.broken": _("The file is damaged, or is not what its name says."),
    "file.encrypted": _("The file is protected with a password. Save it without one and try again."),
    "file.unknown": _("This kind of file cannot be read. Use XLSX, XLS, ODS, CSV, vCard or JSON."),
    "file.web_page": _(
        "This is a web page or XML file, not a spreadsheet. Open it in a spreadsheet program and save it as XLSX."
    ),
    "file.no_sheet": _("There is no sheet “%(name)s”. There are: %(names)s."),
    "file.choose_member": _("The archive holds several files. Choose one of: %(names)s."),
    "file.no_member": _("The archive holds no file “%(name)s”."),
    "file.encoding_unknown": _("The encoding of the text could not be found out. Choose it."),
    "file.encoding_wrong": _("The text is not in the encoding %(encoding)s."),
    "file.encoding_unheard": _("There is no encoding called %(encoding)s."),
    "file.too_many_columns": _("The table has more than %(limit)d columns."),
    "file.not_records": _("The JSON file holds no list of records."),
    "file.not_found": _("There is no file %(name)s."),
    "file.unreadable": _("The file %(name)s cannot be opened: %(reason)s"),
}


def refuse(code: str, **params: Any) -> Invalid:
    """The error that refuses a whole file; raise what it returns."""
    text = REFUSALS[code]
    return Invalid(str(text) % params if params else text, code=code, details=params)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something odd about a row or a file: a stable ``code`` with ``params``, and the column index if it is one cell.

    ``fatal``: the row's values cannot be trusted, so it must not be imported.
    """

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    column: int | None = None
    fatal: bool = False

    def __str__(self) -> str:
        text = str(PROBLEMS[self.code])
        return text % self.params if self.params else text


@dataclass(slots=True)
class Row:
    """One row of text cells, as many as the table has columns. ``number`` is the row's number in the file, from 1."""

    number: int
    values: list[str]
    problems: tuple[Problem, ...] = ()

    @property
    def fatal(self) -> Problem | None:
        """The first problem that forbids importing this row."""
        return next((problem for problem in self.problems if problem.fatal), None)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its place from 0, its name as written (made unique), whether the name was made up by us."""

    index: int
    name: str
    named: bool = True


@dataclass(slots=True)
class Facts:
    """What was found out about the file. ``header_row`` is its row number (0: none)."""

    format: str
    encoding: str = ""
    encoding_sure: bool = True
    delimiter: str = ""
    quote: str = ""
    escape: str = ""
    sheets: tuple[str, ...] = ()
    sheet: str = ""
    header_row: int = 1
    size: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain data, for storing and for faces."""
        return {
            "format": self.format,
            "encoding": self.encoding,
            "encoding_sure": self.encoding_sure,
            "delimiter": self.delimiter,
            "quote": self.quote,
            "escape": self.escape,
            "sheets": list(self.sheets),
            "sheet": self.sheet,
            "header_row": self.header_row,
            "size": self.size,
        }


@dataclass(slots=True)
class Table:
    """A table that can be read. ``rows()`` starts a new reading; blank rows are not among them."""

    name: str
    columns: tuple[Column, ...]
    facts: Facts
    problems: tuple[Problem, ...]
    start: Callable[[], Iterator[Row]]

    def rows(self) -> Iterator[Row]:
        """A fresh reading from the first data row to the last."""
        return self.start()

    def __iter__(self) -> Iterator[Row]:
        return self.start()


def name_columns(header: list[str], numbered: Callable[[int], str]) -> tuple[tuple[Column, ...], list[Problem]]:
    """Columns with unique names from header cells; blank ones are named by ``numbered(position from 1)``."""
    seen: dict[str, int] = {}
    columns: list[Column] = []
    problems: list[Problem] = []
    blank = 0
    for index, cell in enumerate(header):
        name = " ".join(cell.split())[:200]
        named = bool(name)
        if not named:
            blank += 1
            name = numbered(index + 1)
        count = seen.get(name, 0) + 1
        seen[name] = count
        if count == 2:
            problems.append(Problem("file.duplicate_columns", {"name": name}))
        unique = name
        while count > 1 and (unique := f"{name} ({count})") in seen:
            count += 1
        if unique != name:
            seen[unique] = 1
        columns.append(Column(index, unique, named))
    if blank:
        problems.append(Problem("file.blank_header", {"count": blank}))
    return tuple(columns), problems
