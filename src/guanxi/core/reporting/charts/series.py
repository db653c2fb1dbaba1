"""What a chart shows of a result: categories, series of the same unit, their colours and words."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from guanxi.core.records import figures
from guanxi.core.reporting.charts.canvas import COLORS, SERIES
from guanxi.core.reporting.results import Cell, Result, Row, Unit


@dataclass(frozen=True, slots=True)
class Series:
    """One row of marks: its name, colour, place, and its cells by category."""

    name: str
    color: str
    place: int
    cells: tuple[Cell, ...]


def length(value: Decimal | float | None) -> float:
    """How long a mark is for a figure; nothing has none."""
    return float(value) if value is not None else 0.0


def words(unit: Unit, value: Any, *, short: bool = False) -> str:
    """A figure with its unit as text; '' for nothing."""
    if value is None:
        return ""
    if unit.kind == "percent":
        return figures.percent(value, unit.places)
    if unit.kind == "money":
        return figures.short_money(value, unit.currency) if short else figures.money(round(value, 2), unit.currency)
    if short:
        return figures.short_number(value)
    return figures.number(round(value, unit.places) if unit.places else value)


def change_words(cell: Cell) -> str:
    """``+12.5%`` against what was before; '' where that says nothing."""
    change = cell.change
    if change is None:
        return ""
    return f"{'+' if change > 0 else '−' if change < 0 else '±'}{figures.number(abs(round(change, 1)))}%"


def category(row: Row) -> str:
    """The name of a row."""
    return " · ".join(head.label for head in row.heads if head.label)


def color_of(name: str, place: int) -> str:
    """A colour of its own, else the next of the series."""
    return name if name in COLORS else SERIES[place % len(SERIES)]


def series_of(result: Result) -> list[Series]:
    """The series of the first figure's unit; the total column of a pivot is no series."""
    unit = result.first.unit
    found: list[Series] = []
    for at, column in enumerate(result.columns):
        running = result.spec.measures[column.measure].how == "running" and at > 0
        if column.unit != unit or running or (result.spec.columns and column.head is None):
            continue
        color = color_of(column.head.color if column.head else "", len(found))
        found.append(Series(column.label, color, len(found), tuple(row.cells[at] for row in result.rows)))
    return found


def category_colors(result: Result) -> list[str]:
    """A colour per row: its own, or by its place."""
    return [color_of(row.heads[0].color if row.heads else "", at) for at, row in enumerate(result.rows)]


def told(result: Result, name: str, cell: Cell, unit: Unit, series: str = "") -> str:
    """What a mark says on hover."""
    parts = [part for part in (name, series) if part]
    text = f"{' · '.join(parts)}: {words(unit, cell.value) or '—'}"
    if result.compared and cell.before is not None:
        text += f" ({words(unit, cell.before)}{', ' + change_words(cell) if change_words(cell) else ''})"
    return text
