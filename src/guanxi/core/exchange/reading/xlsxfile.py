"""Spreadsheets (XLSX, XLSM, XLSB, XLS, ODS), opened by :mod:`sheetworker` in a process of its own."""

from __future__ import annotations

import marshal
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from guanxi.core.exchange.reading.header import Header, find_header
from guanxi.core.exchange.reading.source import BROKEN, Source
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

#: Largest workbook, packed and unpacked, in bytes; memory and processor seconds of the process that opens it.
MAX_PACKED = 200 * 1024**2
MAX_UNPACKED = 1024**3
MEMORY = 3 * 1024**3
SECONDS = 180
_WORKER = Path(__file__).with_name("sheetworker.py")
_ERRORS = frozenset(("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"))
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, 65279, 8203))

Frames = Iterator[Any]


def open_sheet(
    source: Source, format_name: str, sheet: str | None, numbered: Callable[[int], str], header_row: int | None = None
) -> Table:
    """A table over one sheet (by default the first visible one that holds something)."""
    _check_size(source, format_name)
    with _Frames(source, format_name, sheet or "") as frames:
        facts_frame = next(frames)
        sample = [_texts(row) for row in islice(_row_frames(frames), 100)]
    if "error" in facts_frame:
        names = ", ".join(facts_frame.get("sheets", ()))
        raise refuse(facts_frame["error"], **({"name": sheet, "names": names} if names else {}))
    header = _header(sample, header_row)
    if header.index < 0 and not header.cells:
        raise refuse("file.no_rows")
    if len(header.cells) > MAX_COLUMNS:
        raise refuse("file.too_many_columns", limit=MAX_COLUMNS)
    columns, named = name_columns(header.cells, numbered)
    facts = Facts(
        format=format_name,
        sheets=tuple(facts_frame["sheets"]),
        sheet=facts_frame["sheet"],
        header_row=header.index + 1,
    )
    problems = _problems(header, sample, facts_frame["merged"]) + named

    chosen = facts.sheet

    def start() -> Iterator[Row]:
        return _rows(source, format_name, chosen, header)

    return Table(source.name, columns, facts, tuple(problems), start)


def _header(sample: list[list[str]], header_row: int | None) -> Header:
    if header_row is None:
        return find_header(sample)
    if header_row == 0:
        first = next((i for i, row in enumerate(sample) if any(row)), 0)
        return Header(-1, [""] * max(map(len, sample), default=0), first=first)
    index = min(max(header_row, 1), len(sample)) - 1
    return Header(index, sample[index], first=index + 1)


def _problems(header: Header, sample: list[list[str]], merged: int) -> list[Problem]:
    found: list[Problem] = []
    if header.index < 0:
        found.append(Problem("file.no_header"))
    skipped = sum(any(row) for row in sample[: max(header.index, 0)])
    if skipped:
        found.append(Problem("file.preamble_skipped", {"count": skipped}))
    if header.repeats:
        found.append(Problem("file.header_repeated", {"count": header.repeats}))
    if merged:
        found.append(Problem("file.merged_filled", {"count": merged}))
    return found


def _check_size(source: Source, format_name: str) -> None:
    """Refuse what unpacks to too much before anything is unpacked."""
    if format_name == "xls":
        return
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            infos = archive.infolist()
    except BROKEN as error:
        raise refuse("file.broken") from error
    if len(infos) > 20_000 or sum(info.file_size for info in infos) > MAX_UNPACKED:
        raise refuse("file.bomb")
    if any(info.file_size > 32 * 1024**2 and info.file_size > 300 * max(1, info.compress_size) for info in infos):
        raise refuse("file.bomb")


class _Frames:
    """The frames the worker sends. As a context manager it ends the worker."""

    def __init__(self, source: Source, format_name: str, sheet: str) -> None:
        self.copy = _copy(source, format_name)
        command = [sys.executable, "-I", str(_WORKER), self.copy.name, sheet, str(MEMORY), str(SECONDS)]
        self.process = subprocess.Popen(  # noqa: S603 - our own file, no shell
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )

    def __enter__(self) -> Frames:
        return self._frames()

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.copy.close()

    def _frames(self) -> Frames:
        pipe = self.process.stdout
        ended = False
        while pipe is not None and len(size := pipe.read(4)) == 4:
            wanted = struct.unpack(">I", size)[0]
            data = pipe.read(wanted)
            if len(data) < wanted:
                break
            frame = marshal.loads(data)  # noqa: S302 - written by our own process
            ended = frame is None
            yield frame
        if not ended:
            yield {"error": "file.broken"}


def _copy(source: Source, suffix: str) -> BinaryIO:
    """A file on disk the worker can open by name."""
    copy = tempfile.NamedTemporaryFile(prefix="guanxi-sheet-", suffix="." + suffix)  # noqa: SIM115 - closed with the frames
    size = 0
    try:
        with source.open() as stream:
            while chunk := stream.read(1 << 20):
                size += len(chunk)
                if size > MAX_PACKED:
                    raise refuse("file.too_large", limit=MAX_PACKED // 1024**2)
                copy.write(chunk)
    except BROKEN as error:
        copy.close()
        raise refuse("file.broken") from error
    copy.flush()
    return copy  # type: ignore[return-value]


def _row_frames(frames: Frames) -> Iterator[list[Any]]:
    """Rows until the sheet ends; a worker that died leaves one row ``["\\0"]`` as its last word."""
    for frame in frames:
        if frame is None:
            return
        if isinstance(frame, dict):
            yield ["\0"]
            return
        yield from frame


def _texts(row: list[Any]) -> list[str]:
    return [(cell if isinstance(cell, str) else cell[0]).strip() for cell in row]


def _rows(source: Source, format_name: str, sheet: str, header: Header) -> Iterator[Row]:
    width = len(header.cells)
    with _Frames(source, format_name, sheet) as frames:
        first = next(frames)
        rows: Iterator[list[Any]] = chain([["\0"]]) if "error" in first else _row_frames(frames)
        for number, cells in enumerate(rows, 1):
            if cells == ["\0"]:
                yield Row(number, [""] * width, (Problem("row.file_ends", fatal=True),))
                return
            if number <= header.first or not any(cells):
                continue
            row = _row(number, cells, width)
            if row.values == header.cells:
                row.problems = (*row.problems, Problem("row.repeats_header", fatal=True))
            yield row


def _row(number: int, cells: list[Any], width: int) -> Row:
    values: list[str] = []
    problems: list[Problem] = []
    for index, cell in enumerate(cells):
        text, code = (cell, "") if isinstance(cell, str) else cell
        if code:
            problems.append(Problem(code, {"value": text}, index))
        value = text.strip()
        if value and not value.isprintable():
            cleaned = value.replace("_x000D_", "").translate(_CONTROL).strip()
            if cleaned != value:
                problems.append(Problem("row.control_characters", column=index))
            value = cleaned
        if value in _ERRORS:
            problems.append(Problem("row.cell_error", {"value": value}, index))
            value = ""
        if len(value) > MAX_CELL:
            problems.append(Problem("row.cell_too_long", {"length": len(value), "limit": MAX_CELL}, index, fatal=True))
            value = value[:200]
        values.append(value)
    if len(values) > width:
        if any(values[width:]):
            params = {"found": len(values), "expected": width}
            problems.append(Problem("row.long", params, fatal=True))
        values = values[:width]
    elif len(values) < width:
        values += [""] * (width - len(values))
    return Row(number, values, tuple(problems))
