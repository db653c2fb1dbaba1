"""Text tables: CSV and its many relatives, read row by row in constant memory."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

from guanxi.core.exchange.reading.dialect import SAMPLE_LINES, TextDialect, find_dialect
from guanxi.core.exchange.reading.encoding import Encoding, Lines, bad_bytes
from guanxi.core.exchange.reading.header import Header, find_header
from guanxi.core.exchange.reading.quotes import mend
from guanxi.core.exchange.reading.ragged import Profile, profile_of
from guanxi.core.exchange.reading.source import Source
from guanxi.core.exchange.reading.table import (
    MAX_CELL,
    MAX_COLUMNS,
    Facts,
    Problem,
    Row,
    Table,
    name_columns,
    refuse,
)  # fmt: skip

csv.field_size_limit(4 * 1024**2)

#: A record that runs over more lines or characters than this has a quotation mark that was never closed.
MAX_RECORD_LINES = 400
MAX_RECORD = 1_000_000
#: After so many of them quotation marks are read line by line only.
PATIENCE = 25

_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, 65279, 8203))


class _RunawayError(Exception):
    """A record does not end."""


class _Feed:
    """Hands lines to :mod:`csv` and remembers those of the record at hand, so that they can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines
        self.held: deque[str] = deque()
        self.taken: list[str] = []
        self.size = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self.held.popleft() if self.held else next(self.lines)
        taken = self.taken
        taken.append(line)
        if len(taken) > 1:
            self.size += len(line)
            if len(taken) > MAX_RECORD_LINES or self.size > MAX_RECORD:
                raise _RunawayError
        return line

    def done(self) -> None:
        self.taken.clear()
        self.size = 0

    def give_back(self, count: int) -> None:
        """Return all lines of this record but the first ``count``."""
        self.held.extendleft(reversed(self.taken[count:]))
        self.done()


Record = tuple[list[str], str]  # cells, code of a quotation problem or ""


def records(lines: Iterator[str], dialect: TextDialect, width: int = 0) -> Iterator[Record]:
    """Records of a text table; broken quotation is mended when exactly ``width`` cells come out, else reported."""
    feed = _Feed(lines)
    options = dialect.options()
    reader = csv.reader(feed, **options)
    runaways = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _RunawayError) as error:
            runaways += isinstance(error, _RunawayError) or len(feed.taken) > 20
            yield _mended(feed, dialect, width)
            if runaways > PATIENCE:
                break
            reader = csv.reader(feed, **options)
            continue
        if width and len(feed.taken) > 1 and len(cells) != width and (len(cells) < width or _text(cells[width:])):
            single = mend(feed.taken[0].rstrip("\r\n"), dialect, width)
            if single is not None:
                feed.give_back(1)
                yield single, "row.quotes_repaired"
                continue
        feed.done()
        yield cells, ""
    for line in feed:
        cells_or_none = mend(line.rstrip("\r\n"), dialect, width or 1)
        feed.done()
        yield (cells_or_none, "row.quotes_repaired") if cells_or_none else ([line], "row.quotes_broken")


def _text(cells: list[str]) -> bool:
    return any(cell.strip() for cell in cells)


def _mended(feed: _Feed, dialect: TextDialect, width: int) -> Record:
    first = feed.taken[0].rstrip("\r\n")
    if width:
        if 1 < len(feed.taken) <= 50:
            whole = mend("".join(feed.taken).rstrip("\r\n"), dialect, width)
            if whole is not None and mend(first, dialect, width) is None:
                feed.done()
                return whole, "row.quotes_repaired"
        single = mend(first, dialect, width)
        if single is not None:
            feed.give_back(1)
            return single, "row.quotes_repaired"
    feed.give_back(1)
    return first.split(dialect.delimiter or "\x1e"), "row.quotes_broken"


def open_text(
    source: Source,
    encoding: Encoding,
    delimiter: str | None,
    numbered: Callable[[int], str],
    header_row: int | None = None,
) -> Table:
    """A table over a text file. ``header_row``: its number in the file, 0 for none, ``None`` to find it."""
    sample_lines = list(islice(Lines(source, encoding), SAMPLE_LINES))
    if not sample_lines or not any(line.strip() for line in sample_lines):
        raise refuse("file.empty")
    dialect = find_dialect(sample_lines, delimiter)
    skip = 1 if sample_lines[0].startswith("sep=") and len(sample_lines[0].strip()) <= 5 else 0
    sample = [_clean(cells) for cells, _ in records(iter(sample_lines[skip:]), dialect)]
    header = _header(sample, header_row - skip if header_row else header_row)
    if header.index < 0 and not header.cells:
        raise refuse("file.no_rows")
    if len(header.cells) > MAX_COLUMNS:
        raise refuse("file.too_many_columns", limit=MAX_COLUMNS)
    columns, problems = name_columns(header.cells, numbered)
    facts = Facts(
        format="csv",
        encoding=encoding.name,
        encoding_sure=encoding.sure,
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        escape=dialect.escape,
        header_row=header.index + 1 + skip if header.index >= 0 else 0,
    )
    problems = [*_file_problems(header, sample, encoding), *problems]
    profile = profile_of(sample[header.first :], len(columns))

    def start() -> Iterator[Row]:
        return _rows(Lines(source, encoding), dialect, header, profile, skip)

    return Table(source.name, columns, facts, tuple(problems), start)


def _header(sample: list[list[str]], header_row: int | None) -> Header:
    if header_row is None:
        return find_header(sample)
    if header_row == 0:
        first = next((i for i, row in enumerate(sample) if any(row)), 0)
        return Header(-1, [""] * max(map(len, sample)), first=first)
    index = min(max(header_row, 1), len(sample)) - 1
    return Header(index, sample[index], first=index + 1)


def _file_problems(header: Header, sample: list[list[str]], encoding: Encoding) -> list[Problem]:
    found: list[Problem] = []
    if not encoding.sure:
        found.append(Problem("file.encoding_guessed", {"encoding": encoding.name}))
    if header.index < 0:
        found.append(Problem("file.no_header"))
    above = header.index if header.index >= 0 else header.first
    skipped = sum(any(row) for row in sample[:above])
    if skipped:
        found.append(Problem("file.preamble_skipped", {"count": skipped}))
    if header.repeats:
        found.append(Problem("file.header_repeated", {"count": header.repeats}))
    return found


def _clean(cells: list[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def _rows(lines: Lines, dialect: TextDialect, header: Header, profile: Profile, skip: int) -> Iterator[Row]:
    width = len(header.cells)
    stream = records(islice(lines, skip, None), dialect, width)
    number = skip
    for cells, fault in stream:
        number += 1
        if number - skip <= header.first:
            continue
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        if not fault and len(values) == width and not lines.bad and max(map(len, values)) < MAX_CELL:
            if dialect.quote in (joined := "".join(values)) and profile.torn(values, dialect.quote):
                yield Row(number, values, (Problem("row.quotes_broken", fatal=True),))
            elif values == header.cells:
                yield Row(number, values, (Problem("row.repeats_header", fatal=True),))
            elif joined.isprintable():
                yield Row(number, values)
            else:
                yield _checked(number, values, [], lines)
            continue
        yield _odd(number, values, fault, profile, lines)
    if lines.damaged:
        yield Row(number + 1, [""] * width, (Problem("row.file_ends", fatal=True),))


def _odd(number: int, values: list[str], fault: str, profile: Profile, lines: Lines) -> Row:
    """A row that is not as wide as the header, has quotation faults, bad bytes or huge cells."""
    width = profile.width
    problems: list[Problem] = []
    if fault == "row.quotes_broken":
        problems.append(Problem(fault, fatal=True))
    elif fault:
        problems.append(Problem(fault, {"expected": width}))
    if len(values) > width:
        if any(values[width:]) or not (profile.overlong or profile.fits(values[:width])):
            problems.append(Problem("row.long", {"found": len(values), "expected": width}, fatal=True))
        else:
            values = values[:width]
    elif len(values) < width:
        counts = {"found": len(values), "expected": width}
        if profile.may_end_early(values):
            problems.append(Problem("row.short_filled", counts))
        else:
            problems.append(Problem("row.short", counts, fatal=True))
        values = values + [""] * (width - len(values))
    return _checked(number, values, problems, lines)


def _checked(number: int, values: list[str], problems: list[Problem], lines: Lines) -> Row:
    for index, value in enumerate(values):
        if len(value) > MAX_CELL:
            params = {"length": len(value), "limit": MAX_CELL}
            problems.append(Problem("row.cell_too_long", params, index, fatal=True))
            values[index] = value[:200]
        elif lines.bad and bad_bytes(value):
            problems.append(Problem("row.bad_bytes", {"encoding": lines.encoding.name}, index, fatal=True))
            values[index] = "".join("\ufffd" if "\udc80" <= char <= "\udcff" else char for char in value)
    cleaned = [value.translate(_CONTROL).strip() for value in values]
    if cleaned != values:
        problems.append(Problem("row.control_characters"))
    return Row(number, cleaned, tuple(problems))
