"""Rows that end early: left out empty cells at the end, or a lost delimiter in the middle?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guanxi.core.exchange.reading.shapes import DATA_SHAPES, shape

BLANK = frozenset(("blank",))
DATA_OR_BLANK = DATA_SHAPES | BLANK


@dataclass(frozen=True, slots=True)
class Profile:
    """What the columns of a sample hold. ``open_end``: from this column on, all later cells may be empty."""

    width: int
    shapes: tuple[frozenset[str], ...]
    open_end: int
    ragged: bool
    overlong: bool

    def may_end_early(self, values: Sequence[str]) -> bool:
        """Whether the cells that are missing may be taken as empty: such ends occur, and all cells fit their columns."""
        last = max((index + 1 for index, cell in enumerate(values) if cell), default=0)
        return (self.ragged or last >= self.open_end) and self.fits(values)

    def fits(self, values: Sequence[str]) -> bool:
        """Whether every cell, empty ones included, has a shape its column is known to hold."""
        return all(shape(value) in self.shapes[index] for index, value in enumerate(values))

    def torn(self, values: Sequence[str], quote: str) -> bool:
        """Whether a cell with a quotation mark stands where only numbers, dates and the like stand: cells ran together."""
        return any(
            quote in value and self.shapes[index] <= DATA_OR_BLANK and bool(self.shapes[index] - BLANK)
            for index, value in enumerate(values)
        )


def profile_of(sample: Sequence[Sequence[str]], width: int) -> Profile:
    """The profile of sample rows (stripped cells) under a header of ``width`` columns."""
    rows = [row for row in sample if any(row)]
    full = [row for row in rows if len(row) == width]
    shapes = tuple(frozenset(shape(row[index]) for row in full) for index in range(width))
    open_end = width
    for row in full:
        last = max((index + 1 for index, cell in enumerate(row) if cell), default=0)
        open_end = min(open_end, last)
    short = sum(len(row) < width for row in rows)
    long = sum(len(row) > width and not any(row[width:]) for row in rows)
    return Profile(
        width,
        shapes,
        open_end,
        ragged=bool(full) and short * 10 >= len(rows) and short >= 3,
        overlong=long * 10 >= len(rows) and (long >= 3 or long == len(rows)),
    )
