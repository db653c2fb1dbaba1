"""Mending one record whose quotation marks are not balanced."""

from __future__ import annotations

import math

from guanxi.core.exchange.reading.dialect import TextDialect

#: Records of more pieces than this are not mended.
MAX_PIECES = 120


def mend(text: str, dialect: TextDialect, width: int) -> list[str] | None:
    """The cells of ``text`` if it can be cut into exactly ``width`` of them with the fewest irregular quotation marks.

    The text is cut at every delimiter and neighbouring pieces are joined again where a quoted cell may span them.
    ``None`` when no cut gives that many cells.
    """
    if not dialect.delimiter:
        return [text] if width == 1 else None
    pieces = text.split(dialect.delimiter)
    count = len(pieces)
    if not width <= count <= MAX_PIECES:
        return None
    costs: list[list[float]] = [[math.inf] * (width + 1) for _ in range(count + 1)]
    came: list[list[int]] = [[-1] * (width + 1) for _ in range(count + 1)]
    costs[0][0] = 0.0
    for start in range(count):
        if not any(cost < math.inf for cost in costs[start]):
            continue
        for end in range(start + 1, min(count, start + count - width + 1) + 1):
            cost = _cost(pieces, start, end, dialect)
            if cost == math.inf:
                continue
            for cells in range(width):
                total = costs[start][cells] + cost
                if total < costs[end][cells + 1]:
                    costs[end][cells + 1] = total
                    came[end][cells + 1] = start
    if costs[count][width] == math.inf:
        return None
    return _cells(pieces, came, width, dialect)


def _cost(pieces: list[str], start: int, end: int, dialect: TextDialect) -> float:
    """How irregular it is to take these pieces as one cell."""
    quote = dialect.quote or '"'
    if end - start == 1:
        piece = pieces[start].strip()
        quoted = len(piece) > 1 and piece[0] == quote and piece[-1] == quote
        if quoted:
            return 0.0 if _regular(piece[1:-1], dialect) else 0.5
        return 1.0 if piece[:1] == quote or piece[-1:] == quote else 0.0
    first, last = pieces[start].lstrip(), pieces[end - 1].rstrip()
    if not (first[:1] == quote and last[-1:] == quote):
        return math.inf
    inner = dialect.delimiter.join(pieces[start:end]).strip()[1:-1]
    return 0.1 if _regular(inner, dialect) else 2.0


def _regular(inner: str, dialect: TextDialect) -> bool:
    quote = dialect.quote or '"'
    return quote not in inner.replace((dialect.escape or quote) + quote, "")


def _cells(pieces: list[str], came: list[list[int]], width: int, dialect: TextDialect) -> list[str]:
    found: list[str] = []
    end = len(pieces)
    quote = dialect.quote or '"'
    for cells in range(width, 0, -1):
        start = came[end][cells]
        cell = dialect.delimiter.join(pieces[start:end])
        bare = cell.strip()
        if len(bare) > 1 and bare[0] == quote and bare[-1] == quote:
            cell = bare[1:-1].replace((dialect.escape or quote) + quote, quote)
        found.append(cell)
        end = start
    return found[::-1]
