"""Charts of parts: level bars, a ring, a funnel."""

from __future__ import annotations

import math
from collections.abc import Sequence

from guanxi.core.records.figures import percent
from guanxi.core.reporting.charts.canvas import Canvas, clipped, text_width
from guanxi.core.reporting.charts.series import Series, category, category_colors, change_words, length, told, words
from guanxi.core.reporting.results import Result

ROW = 28.0
BAR = 13.0


def bars_height(result: Result, series: Sequence[Series]) -> float:
    """How high a chart of bars has to be."""
    return len(result.rows) * _row(series) + (24 if len(series) > 1 else 0) + 8


def _row(series: Sequence[Series]) -> float:
    """How high one category stands: each bar has room for its figure."""
    return ROW if len(series) == 1 else BAR * len(series) + 8


def bars(canvas: Canvas, result: Result, series: Sequence[Series]) -> None:
    """Level bars with their names at the left and figures at the right, one row a category."""
    top = canvas.legend([(one.name, one.color, one.place) for one in series], 2) if len(series) > 1 else 2.0
    names = [category(row) for row in result.rows]
    left = min(max((text_width(name) for name in names), default=0) + 12, canvas.width * 0.36)
    unit, most = result.first.unit, max((abs(length(c.value)) for one in series for c in one.cells), default=0) or 1
    most = max(most, max((abs(length(c.before)) for one in series for c in one.cells), default=0))
    figures_room = 96.0 if result.compared else 64.0
    room, high = canvas.width - left - figures_room, _row(series)
    target = result.spec.target
    for at, row in enumerate(result.rows):
        y = top + at * high
        canvas.add(canvas.text(left - 8, y + high / 2 + 4, clipped(names[at], left - 12), anchor="end", color="ink"))
        thick = (high - 8) / len(series)
        for one in series:
            cell = one.cells[at]
            wide = abs(length(cell.value)) / most * room
            color = one.color if len(series) > 1 else (row.heads[0].color or "blue")
            inner = canvas.rect(left, y + 4 + thick * one.place, wide, thick, color, one.place)
            if result.compared:
                inner += canvas.frame(left, y + 4 + thick * one.place, abs(length(cell.before)) / most * room, thick)
            shown = words(unit, cell.value, short=True)
            change = change_words(cell) if result.compared else ""
            inner += canvas.text(
                left + max(wide, abs(length(cell.before)) / most * room if result.compared else 0) + 6,
                y + 8 + thick * (one.place + 0.5),
                f"{shown} {change}".strip(),
                color="ink",
                size=11,
            )
            canvas.add(
                canvas.mark(inner, told(result, names[at], cell, unit, one.name if len(series) > 1 else ""), cell.leads)
            )
    if target is not None and 0 < float(target) <= most:
        x = left + float(target) / most * room
        canvas.add(canvas.line(x, top, x, top + len(names) * high, "ink", "6 4"))


def ring(canvas: Canvas, result: Result, series: Sequence[Series]) -> None:
    """A ring of shares with a list of names, figures and per cents beside it."""
    cells = series[0].cells
    values = [max(length(cell.value), 0) for cell in cells]
    total = sum(values)
    radius = min(canvas.height / 2 - 8, canvas.width * 0.22)
    cx, cy, angle = radius + 8, canvas.height / 2, -math.pi / 2
    unit, colors = result.first.unit, category_colors(result)
    lines_fit = max(int((canvas.height - 8) / 20), 1)
    for at, (row, cell, value) in enumerate(zip(result.rows, cells, values, strict=True)):
        share = value / total if total else 0
        inner = _arc(canvas, cx, cy, radius, angle, share, colors[at]) if share else ""
        if share:
            middle = angle + share * math.pi
            if share > 0.05:
                x, y = cx + math.cos(middle) * radius * 0.8, cy + math.sin(middle) * radius * 0.8
                inner += canvas.text(x, y + 4, str(at + 1), anchor="middle", size=11, color="paper", bold=True)
            angle += share * math.tau
        name = category(row)
        canvas.add(
            canvas.mark(inner, f"{told(result, name, cell, unit)} · {percent(round(share * 100, 1))}", cell.leads)
        )
        if at < lines_fit:
            y = max(14.0, cy - min(len(cells), lines_fit) * 10 + 12) + at * 20
            x = cx + radius + 20
            words_ = f"{words(unit, cell.value, short=True)} · {percent(round(share * 100, 1))}"
            canvas.add(canvas.rect(x, y - 10, 11, 11, colors[at]))
            room = canvas.width - x - 24 - text_width(words_)
            canvas.add(canvas.text(x + 17, y, clipped(f"{at + 1} {name}", room), color="ink"))
            canvas.add(canvas.text(canvas.width - 4, y, words_, anchor="end"))
    shown = words(unit, result.total.cells[0].value, short=True)
    canvas.add(canvas.text(cx, cy + 6, shown, anchor="middle", size=16, color="ink", bold=True))


def _arc(canvas: Canvas, cx: float, cy: float, radius: float, angle: float, share: float, color: str) -> str:
    inner, end = radius * 0.6, angle + min(share, 0.9999) * math.tau
    large = int(share > 0.5)
    points = [
        (cx + math.cos(a) * r, cy + math.sin(a) * r)
        for a, r in ((angle, radius), (end, radius), (end, inner), (angle, inner))
    ]
    (ax, ay), (bx, by), (ix, iy), (jx, jy) = points
    d = (
        f"M{ax:.1f} {ay:.1f}A{radius:.1f} {radius:.1f} 0 {large} 1 {bx:.1f} {by:.1f}"
        f"L{ix:.1f} {iy:.1f}A{inner:.1f} {inner:.1f} 0 {large} 0 {jx:.1f} {jy:.1f}Z"
    )
    return canvas.path(d, color, fill=True)


def funnel(canvas: Canvas, result: Result, series: Sequence[Series]) -> None:
    """Steps one below the other, each as wide as its figure, with the share that came on from the step before."""
    cells = series[0].cells
    most = max((length(cell.value) for cell in cells), default=0) or 1
    names = [category(row) for row in result.rows]
    left = min(max((text_width(name) for name in names), default=0) + 12, canvas.width * 0.34)
    room, high = canvas.width - left - 70, min((canvas.height - 4) / max(len(cells), 1), 46.0)
    unit, colors = result.first.unit, category_colors(result)
    for at, cell in enumerate(cells):
        value, y = length(cell.value), 2 + at * high
        wide = max(value / most * room, 2)
        inner = canvas.rect(left + (room - wide) / 2, y + 2, wide, high - 6, colors[at])
        inner += canvas.text(left - 8, y + high / 2 + 3, clipped(names[at], left - 12), anchor="end", color="ink")
        shown = words(unit, cell.value, short=True)
        inside = wide > text_width(shown) + 12
        x = left + room / 2 if inside else left + (room + wide) / 2 + 6
        inner += canvas.text(
            x,
            y + high / 2 + 3,
            shown,
            anchor="middle" if inside else "start",
            color="paper" if inside else "ink",
            bold=True,
        )
        if at and length(cells[at - 1].value):
            kept = percent(round(value / length(cells[at - 1].value) * 100, 1))
            inner += canvas.text(canvas.width - 4, y + high / 2 + 3, f"↓ {kept}", anchor="end", size=11)
        canvas.add(canvas.mark(inner, told(result, names[at], cell, unit), cell.leads))
