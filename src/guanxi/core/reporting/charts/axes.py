"""Charts with a scale: columns beside or upon each other, lines, areas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from guanxi.core.reporting.charts.canvas import Canvas, clipped, text_width
from guanxi.core.reporting.charts.series import Series, category, length, told, words
from guanxi.core.reporting.results import Result, Unit

TOP, BOTTOM, RIGHT = 12.0, 26.0, 8.0


def ticks(low: float, high: float, number: int = 5) -> list[float]:
    """Round values of a scale that holds both ends, nought among them."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    rough = (high - low) / number
    power = 10 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= rough * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    return [one * step for one in range(first, last + 1)]


class Plot:
    """The frame of a chart: scale at the left, the names of categories below."""

    def __init__(
        self, canvas: Canvas, names: Sequence[str], unit: Unit, low: float, high: float, *, top: float = 0, target: Any = None
    ) -> None:  # fmt: skip
        self.canvas, self.names, self.unit, self.target = canvas, names, unit, target
        marks = ticks(low, max(high, length(target)))
        if unit.kind == "number" and unit.places == 0:
            marks = [one for one in marks if one == int(one)] or [0, 1]
        scale = [words(unit, one, short=True) for one in marks]
        self.left = max(text_width(name, 11) for name in scale) + 10
        self.top, self.bottom = top + TOP, canvas.height - BOTTOM
        self.low, self.high = marks[0], marks[-1]
        for mark, name in zip(marks, scale, strict=True):
            y = self.y(mark)
            canvas.add(canvas.line(self.left, y, canvas.width - RIGHT, y))
            canvas.add(canvas.text(self.left - 6, y + 4, name, anchor="end", size=11))
        self.step = (canvas.width - RIGHT - self.left) / max(len(names), 1)
        self._categories()

    def y(self, value: float) -> float:
        """The height of a value."""
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def x(self, place: int) -> float:
        """The middle of a category."""
        return self.left + self.step * (place + 0.5)

    def _categories(self) -> None:
        widest = max((text_width(name, 11) for name in self.names), default=0) + 10
        every = max(1, math.ceil(min(widest, 96) / self.step)) if self.names else 1
        for place, name in enumerate(self.names):
            if place % every == 0:
                middle, half = self.x(place), self.step * every / 2 - 2
                low, high = max(middle - half, 2.0), min(middle + half, self.canvas.width - 2)
                shown = clipped(name, high - low, 11)
                wide = text_width(shown, 11) / 2
                x = min(max(middle, low + wide), high - wide)
                self.canvas.add(self.canvas.text(x, self.bottom + 17, shown, anchor="middle", size=11))

    def finish(self) -> None:
        """The line of nought, and of the target."""
        canvas = self.canvas
        canvas.add(canvas.line(self.left, self.y(0), canvas.width - RIGHT, self.y(0), "muted"))
        if self.target is not None:
            y = self.y(length(self.target))
            canvas.add(canvas.line(self.left, y, canvas.width - RIGHT, y, "ink", "6 4"))
            shown = words(self.unit, self.target, short=True)
            canvas.add(canvas.text(canvas.width - RIGHT, y - 4, shown, anchor="end", size=11, color="ink", bold=True))


def _plot(canvas: Canvas, result: Result, low: float, high: float, top: float) -> Plot:
    names = [category(row) for row in result.rows]
    return Plot(canvas, names, result.first.unit, low, high, top=top, target=result.spec.target)


def _legend(canvas: Canvas, series: Sequence[Series], *, lines: bool) -> float:
    if len(series) < 2:
        return 0.0
    return canvas.legend([(one.name, one.color, one.place) for one in series], 2, lines=lines)


def columns(canvas: Canvas, result: Result, series: Sequence[Series], *, stacked: bool) -> None:
    """Upright columns; a dashed frame shows what was before."""
    top = _legend(canvas, series, lines=False)
    values = [[length(cell.value) for cell in one.cells] for one in series]
    befores = [length(cell.before) for one in series for cell in one.cells]
    if stacked:
        sums = [sum(max(one[at], 0) for one in values) for at in range(len(result.rows))]
        lows = [sum(min(one[at], 0) for one in values) for at in range(len(result.rows))]
        plot = _plot(canvas, result, min(lows, default=0), max(sums, default=0), top)
    else:
        every = [value for one in values for value in one] + befores
        plot = _plot(canvas, result, min(every, default=0), max(every, default=0), top)
    room = min(plot.step * 0.76, 64.0 if len(series) == 1 or stacked else 120.0)
    wide = room if stacked else room / len(series)
    for at, row in enumerate(result.rows):
        up, down = 0.0, 0.0
        for one in series:
            cell, value = one.cells[at], length(one.cells[at].value)
            start = (up if value >= 0 else down) if stacked else 0.0
            x = plot.x(at) - room / 2 + (0 if stacked else wide * one.place)
            top_y, low_y = plot.y(max(start, start + value)), plot.y(min(start, start + value))
            inner = (
                canvas.rect(x, top_y, wide * (1 if stacked else 0.94), low_y - top_y, one.color, one.place)
                if value
                else ""
            )
            if result.compared and not stacked and cell.before:
                before = length(cell.before)
                inner += canvas.frame(x - 1, plot.y(max(before, 0)), wide + 1, abs(plot.y(before) - plot.y(0)))
            if len(series) == 1 and value and plot.step > 34:
                shown = words(result.first.unit, cell.value, short=True)
                inner += canvas.text(plot.x(at), top_y - 4, shown, anchor="middle", size=11, color="ink")
            canvas.add(
                canvas.mark(
                    inner,
                    told(result, category(row), cell, result.first.unit, one.name if len(series) > 1 else ""),
                    cell.leads,
                )
            )
            up, down = (up + value, down) if value >= 0 else (up, down + value)
    plot.finish()


def lines(canvas: Canvas, result: Result, series: Sequence[Series], *, area: bool) -> None:
    """Lines with a mark per category; dashed ones show what was before."""
    top = _legend(canvas, series, lines=True)
    every = [length(cell.value) for one in series for cell in one.cells]
    befores = [length(cell.before) for one in series for cell in one.cells] if result.compared else []
    plot = _plot(canvas, result, min(every + befores, default=0), max(every + befores, default=0), top)
    for one in series:
        points = [(plot.x(at), plot.y(length(cell.value))) for at, cell in enumerate(one.cells)]
        if not points:
            continue
        drawn = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        if area:
            shape = f"{drawn}L{points[-1][0]:.1f} {plot.y(0):.1f}L{points[0][0]:.1f} {plot.y(0):.1f}Z"
            canvas.add(f'<g opacity="0.22">{canvas.path(shape, one.color, fill=True)}</g>')
        if result.compared:
            earlier = "M" + "L".join(
                f"{plot.x(at):.1f} {plot.y(length(cell.before)):.1f}" for at, cell in enumerate(one.cells)
            )
            canvas.add(canvas.path(earlier, one.color, dash="4 4", width=1.4))
        canvas.add(canvas.path(drawn, one.color))
        for at, (cell, (x, y)) in enumerate(zip(one.cells, points, strict=True)):
            name = told(result, category(result.rows[at]), cell, result.first.unit, one.name if len(series) > 1 else "")
            touch = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="11" fill="transparent"/>'
            canvas.add(canvas.mark(canvas.marker(x, y, one.color, one.place) + touch, name, cell.leads))
    plot.finish()
