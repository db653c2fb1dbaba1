"""What a report answers: rows and columns of cells, each with its figure, the one it is compared with, its records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guanxi.core.reporting.folding import Head, Node
from guanxi.core.reporting.spec import Spec
from guanxi.core.reporting.windows import Window
from guanxi.core.schema.entity import Entity


@dataclass(frozen=True, slots=True)
class Unit:
    """What a figure is measured in: ``number``, ``money`` (with ``currency``) or ``percent``; digits after the point.

    ``heat`` colours a share by its size.
    """

    kind: str = "number"
    currency: str = ""
    places: int | None = None
    heat: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column of figures: a measure, within a group of the column dimension if there is one."""

    measure: int
    label: str
    unit: Unit
    head: Head | None = None


@dataclass(slots=True)
class Cell:
    """One figure. ``before`` is that of the period compared with; ``node`` the filter that lists its records, if one can."""

    value: Any = None
    before: Any = None
    node: Node | None = None

    @property
    def leads(self) -> Node | None:
        """The filter where there is something to see."""
        return None if self.value in (None, 0) else self.node

    @property
    def change(self) -> float | None:
        """How much it grew against ``before``, in per cent; ``None`` where that says nothing."""
        if self.value is None or not self.before:
            return None
        return float((self.value - self.before) / abs(self.before) * 100)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its groups and its cells. ``sort`` is '' for a group, ``others`` for what is left over."""

    heads: tuple[Head, ...]
    cells: tuple[Cell, ...]
    sort: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A whole answer. ``total`` covers all records, shown as rows or not; ``notes`` say what was left out or converted.

    ``day`` is the one whose state was asked for, ``None`` for now.
    """

    spec: Spec
    entity: Entity
    dimensions: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row
    at: dt.datetime
    date: str = ""
    date_label: str = ""
    window: Window | None = None
    window_before: Window | None = None
    notes: tuple[str, ...] = ()
    day: dt.date | None = None
    day_before: dt.date | None = None

    @property
    def compared(self) -> bool:
        """Whether cells carry the figures of another period."""
        return self.window_before is not None or self.day_before is not None

    @property
    def first(self) -> Column:
        """The main column."""
        return self.columns[0]


def as_data(result: Result) -> dict[str, Any]:
    """The answer as JSON data (for the API and for assistants)."""

    compared = result.compared

    def cell(one: Cell) -> Mapping[str, Any]:
        found: dict[str, Any] = {"value": one.value}
        if compared:
            found["before"] = one.before
        if one.node is not None:
            found["filter"] = one.node
        return found

    def line(row: Row) -> dict[str, Any]:
        return {
            "sort": row.sort or "group",
            "groups": [{"key": one.key, "label": one.label} for one in row.heads],
            "cells": [cell(one) for one in row.cells],
        }

    return {
        "dataset": result.entity.path,
        "dimensions": list(result.dimensions),
        "columns": [
            {
                "label": one.label,
                "unit": one.unit.kind,
                "currency": one.unit.currency or None,
                "group": one.head.label if one.head else None,
            }
            for one in result.columns
        ],
        "rows": [line(row) for row in result.rows],
        "total": line(result.total),
        "at": result.at,
        "date": result.date or None,
        "period": _days(result.window),
        "compared_with": _days(result.window_before),
        "as_of": result.day,
        "compared_with_as_of": result.day_before,
        "notes": list(result.notes),
    }


def _days(window: Window | None) -> Sequence[dt.date | None] | None:
    return None if window is None else [window.first, window.last]
