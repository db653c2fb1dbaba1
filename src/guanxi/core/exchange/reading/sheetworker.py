"""The process that opens a workbook, apart from ours: a hostile file can at worst end this one.

Run as ``python sheetworker.py PATH SHEET MEMORY SECONDS``; it imports nothing of Guanxi, limits its own memory and
time, and writes frames (four bytes length, then a :mod:`marshal` dump) to standard output: first a dict of facts or of an
error, then lists of rows of text, then ``None``. A cell is text, or ``(text, code)`` when something is odd about it.
"""

from __future__ import annotations

import datetime as dt
import marshal
import resource
import struct
import sys
from typing import Any

BATCH = 500
#: A sheet of more cells than this is refused before memory is asked for it.
MAX_CELLS = 60_000_000


def send(value: Any) -> None:
    """Write one frame."""
    data = marshal.dumps(value)
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)


def text_of(value: Any) -> Any:
    """A cell as people see it: whole numbers without ``.0``, dates in ISO form."""
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e21:
            text = str(int(value))
            return (text, "row.digits_lost") if len(text.lstrip("-")) > 15 else text
        return f"{value:.15g}"
    if isinstance(value, int):
        text = str(value)
        return (text, "row.digits_lost") if len(text.lstrip("-")) > 15 else text
    if isinstance(value, dt.datetime):
        if value.time() == dt.time(0):
            return value.date().isoformat()
        return value.replace(microsecond=0).isoformat(sep=" ")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.replace(microsecond=0).isoformat()
    if isinstance(value, dt.timedelta):
        seconds = int(value.total_seconds())
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return "" if value is None else str(value)


def filled(sheet: Any) -> dict[tuple[int, int], tuple[int, int]]:
    """For each cell below the first of a merge, in its first column: the cell that holds the value. At most 200,000."""
    origin: dict[tuple[int, int], tuple[int, int]] = {}
    for (top, left), (bottom, _right) in sheet.merged_cell_ranges or ():
        if bottom - top + len(origin) <= 200_000:
            origin.update({(row, left): (top, left) for row in range(top + 1, bottom + 1)})
    return origin


def serve(path: str, wanted: str) -> None:
    """Send the facts and the rows of one sheet."""
    from python_calamine import CalamineError, PasswordError, SheetTypeEnum, SheetVisibleEnum, load_workbook  # noqa: PLC0415 - after the limits are set

    try:
        book = load_workbook(path)
        sheets = [s for s in book.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
        shown = [s.name for s in sheets if s.visible == SheetVisibleEnum.Visible] or [s.name for s in sheets]
        if wanted and wanted not in book.sheet_names:
            send({"error": "file.no_sheet", "sheets": shown})
            return
        names = [wanted] if wanted else shown
        sheet = None
        for name in names:
            sheet = book.get_sheet_by_name(name)
            if sheet.height:
                break
        if sheet is None:
            send({"error": "file.no_rows"})
            return
        merged = filled(sheet)
    except PasswordError:
        send({"error": "file.encrypted"})
        return
    except CalamineError as error:
        send({"error": "file.encrypted" if "ncrypt" in str(error) or "assword" in str(error) else "file.broken"})
        return
    if sheet.height * sheet.width > MAX_CELLS:
        send({"error": "file.bomb"})
        return
    send({"sheets": shown, "sheet": sheet.name, "merged": len(merged)})
    send_rows(sheet, merged)


def send_rows(sheet: Any, merged: dict[tuple[int, int], tuple[int, int]]) -> None:
    """Send all rows of the sheet from its first row on, in batches, then ``None``."""
    origins = set(merged.values())
    held: dict[tuple[int, int], Any] = {}
    batch: list[list[Any]] = []
    for row, cells in enumerate(sheet.iter_rows()):
        values = [text_of(cell) for cell in cells]
        if merged:
            for column, value in enumerate(values):
                place = (row, column)
                if place in origins:
                    held[place] = value
                elif place in merged and value == "":
                    values[column] = held.get(merged[place], "")
        batch.append(values)
        if len(batch) >= BATCH:
            send(batch)
            batch = []
    if batch:
        send(batch)
    send(None)


def main() -> None:
    """Limit this process, then serve."""
    path, wanted, memory, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        serve(path, wanted)
    except BaseException as error:  # noqa: BLE001 - also the panics of the library end here
        send({"error": "file.broken", "reason": type(error).__name__})
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
