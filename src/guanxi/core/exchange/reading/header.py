"""Finding the header row among the first rows of a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from guanxi.core.exchange.reading.shapes import DATA_SHAPES, shape

#: How many rows are looked at.
LOOK = 60
_PLAIN = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Header:
    """``index`` of the header among the sample rows (-1: none), how many rows after it repeat it, where data begin."""

    index: int
    cells: list[str]
    repeats: int = 0
    first: int = 0


def find_header(rows: Sequence[Sequence[str]]) -> Header:
    """The header of a sample of rows, blank ones included (they keep the numbering). Rows hold stripped cells."""
    filled = [i for i, row in enumerate(rows[:LOOK]) if any(row)]
    if not filled:
        return Header(-1, [])
    width = _width([rows[i] for i in filled])
    start = _after_preamble(rows, filled, width)
    cells = list(rows[start])
    body = [list(rows[i]) for i in filled if i > start and not _alike(cells, rows[i])]
    if not _is_header(cells, body):
        return Header(-1, [""] * max(width, len(cells)), first=start)
    repeats = 0
    following = [i for i in filled if i > start]
    for i in following[:3]:
        if not _repeats(cells, rows[i]):
            break
        repeats += 1
    first = following[repeats] if len(following) > repeats else len(rows)
    return Header(start, _trimmed(cells, body[repeats:]), repeats, first)


def plain(text: str) -> str:
    """Lower case, letters and digits only: how two spellings of a column name are compared."""
    return _PLAIN.sub("", text).casefold()


def _width(rows: Sequence[Sequence[str]]) -> int:
    """The commonest number of cells, wider ones winning a tie."""
    counts = Counter(len(row) for row in rows)
    return max(counts, key=lambda width: (counts[width], width))


def _after_preamble(rows: Sequence[Sequence[str]], filled: Sequence[int], width: int) -> int:
    """The first row that is no title, comment or instruction above the table."""
    for place, i in enumerate(filled):
        row = rows[i]
        count = sum(map(bool, row))
        later = [sum(map(bool, rows[j])) for j in filled[place + 1 : place + 6]]
        if not later:
            break
        typical = sorted(later)[len(later) // 2]
        comment = row[0].startswith("#") and (count < max(2, typical) or len(row) < width)
        title = count == 1 and width > 1 and later[0] >= 2 and max(later[1:] or [0]) >= 2
        title = title or (count == 1 and width > 1 and max(later) > 2 and later[0] <= 1)
        sparse = width >= 4 and count * 3 <= typical and max(later) >= typical
        if not (comment or title or sparse):
            return i
    return filled[0]


def _is_header(cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Votes column by column: names above data of another shape speak for a header, data above alike data against."""
    vote = 0.0
    named = [cell for cell in cells if cell]
    if not named:
        return False
    for index, cell in enumerate(cells):
        own = shape(cell)
        below = [shape(row[index]) for row in body[:40] if index < len(row) and row[index]]
        common, count = Counter(below).most_common(1)[0] if below else ("", 0)
        usual = common in DATA_SHAPES and count * 3 >= len(below) * 2
        if own in DATA_SHAPES:
            year = own == "number" and re.fullmatch(r"(?:19|20)\d\d", cell) is not None
            vote += 0.2 if year and not _years(body, index) else -1.0
        elif own in ("text", "code"):
            vote += 1.0 if usual else 0.0
            repeated = cell in [row[index] for row in body[:40] if index < len(row)]
            vote += -0.5 if repeated else 0.15 if len(cell) <= 60 else -0.1
            vote -= 0.3 if own == "code" and not usual and _codes(below) else 0.0
    if len(set(named)) < len(named):
        vote -= 0.2
    return vote > 0


def _alike(header: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a row says most of the header again."""
    named = [index for index, cell in enumerate(header) if cell]
    same = sum(index < len(row) and row[index] == header[index] for index in named)
    return len(named) > 1 and same * 2 > len(named)


def _years(body: Sequence[Sequence[str]], index: int) -> bool:
    values = [row[index] for row in body[:40] if index < len(row) and row[index]]
    return bool(values) and all(re.fullmatch(r"(?:19|20)\d\d", value) for value in values)


def _codes(below: Sequence[str]) -> bool:
    return bool(below) and below.count("code") * 3 >= len(below) * 2


def _repeats(header: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a row says the header again, literally or as the technical names of the same columns."""
    pairs = [(plain(name), plain(cell)) for name, cell in zip(header, row, strict=False) if name or cell]
    if len(pairs) < 2 or any(cell.strip() for cell in row[len(header) :]):
        return False
    return all(cell == name or cell == name + "c" or (cell and cell.startswith(name[:12])) for name, cell in pairs)


def _trimmed(cells: list[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Without nameless columns at the end that hold nothing."""
    end = len(cells)
    while end > 1 and not cells[end - 1] and not any(len(row) >= end and row[end - 1] for row in body):
        end -= 1
    return cells[:end]
