"""Pictures of the insight pages, as SVG with links on marks; colours and fonts come from the style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from markupsafe import Markup

from guanxi.core.reporting.charts.axes import ticks
from guanxi.core.reporting.charts.canvas import Canvas, clipped, text_width

Link = Callable[[Any], str]
HEIGHT = 300.0
_width: ContextVar[float] = ContextVar("width", default=720.0)


@contextmanager
def fitting(width: float) -> Iterator[None]:
    """Within it pictures are drawn so wide, in pixels: texts keep their size, what does not fit is left out."""
    token = _width.set(width)
    try:
        yield
    finally:
        _width.reset(token)


def heat(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[int, int], tuple[float, str, Any]],
    *,
    link: Link | None = None,
    left: float = 110,
) -> Markup:
    """A grid: (row, column) -> (strength 0…1, text, filter tree). Rows from the top."""
    left = min(left, max(_width.get() * 0.28, 72.0))
    wide, high = max((_width.get() - left) / max(1, len(columns)), 27.0), 30.0
    canvas = Canvas(left + wide * len(columns), 26 + high * len(rows), link=link)
    for j, name in enumerate(columns):
        canvas.add(canvas.text(left + wide * (j + 0.5), 16, clipped(name, wide), anchor="middle"))
    for i, name in enumerate(rows):
        y = 24 + high * i
        canvas.add(canvas.text(left - 8, y + 19, clipped(name, left - 12), anchor="end"))
        for j in range(len(columns)):
            if (i, j) not in cells:
                continue
            strength, text, tree = cells[i, j]
            shape = canvas.rect(
                left + wide * j + 1,
                y + 1,
                wide - 2,
                high - 2,
                "blue",
                opacity=round(0.06 + 0.6 * min(1.0, strength), 3),
            )
            size = 12.0 if text_width(text) < wide - 2 else 10.0
            short = text if text_width(text, size) * 1.12 <= wide - 4 else text.partition(" · ")[0]
            shape += canvas.text(left + wide * (j + 0.5), y + 19, short, anchor="middle", color="ink", size=size)
            canvas.add(canvas.mark(shape, f"{name} · {columns[j]}: {text}", tree))
    return Markup(canvas.markup())  # noqa: S704 - texts are escaped by the canvas


class _Frame:
    """Axes of a chart with a numeric scale at the left."""

    def __init__(self, canvas: Canvas, low: float, high: float, spell: Callable[[float], str]) -> None:
        self.canvas = canvas
        marks = ticks(low, high)
        self.low, self.high = marks[0], marks[-1]
        self.left, self.top, self.bottom = 64.0, 10.0, canvas.height - 34
        for one in marks:
            y = self.y(one)
            named = self.high <= 1 or one == int(one)  # of counts, whole ones
            canvas.add(
                canvas.line(self.left, y, canvas.width - 4, y)
                + (canvas.text(self.left - 6, y + 4, spell(one), anchor="end") if named else "")
            )

    def y(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return self.bottom - (value - self.low) / span * (self.bottom - self.top)

    def x(self, share: float) -> float:
        return self.left + share * (self.canvas.width - 12 - self.left)


def line(
    series: Sequence[tuple[str, str, Sequence[tuple[float, float]], str]],
    labels: Sequence[tuple[float, str]],
    *,
    spell: Callable[[float], str],
    low: float = 0.0,
) -> Markup:
    """Lines over 0…1: (name, colour, points, dash). ``labels`` stand below."""
    canvas = Canvas(_width.get(), HEIGHT)
    tops = [y for _n, _c, points, _d in series for _x, y in points]
    frame = _Frame(canvas, min([low, *tops]), max([1e-9, *tops]), spell)
    taken = 0.0
    for x, text in labels:
        half = text_width(text) / 2
        if frame.x(x) - half >= taken and frame.x(x) + half <= canvas.width + 6:
            canvas.add(canvas.text(frame.x(x), canvas.height - 18, text, anchor="middle"))
            taken = frame.x(x) + half + 4
    for _name, color, points, dash in series:
        if points:
            d = "M" + "L".join(f"{frame.x(x):.1f} {frame.y(y):.1f}" for x, y in points)
            canvas.add(canvas.path(d, color, dash=dash))
    canvas.legend([(name, color, 0) for name, color, _p, _d in series if name], canvas.height - 14)
    return Markup(canvas.markup())  # noqa: S704 - as above


def columns(
    bars: Sequence[tuple[str, float, str, Any]],
    *,
    link: Link | None = None,
    spell: Callable[[float], str],
    color: str = "blue",
) -> Markup:
    """Upright bars: (label, value, what it says on hover, filter tree)."""
    canvas = Canvas(_width.get(), HEIGHT, link=link)
    frame = _Frame(canvas, 0.0, max([5.0, *[one[1] for one in bars]]), spell)
    wide = (frame.x(1) - frame.x(0)) / max(1, len(bars))
    every = max(1, math.ceil(min(max((text_width(one[0]) for one in bars), default=0) + 4, 60) / wide))
    for i, (label, value, told, tree) in enumerate(bars):
        x, y = frame.x(0) + wide * i, frame.y(value)
        canvas.add(canvas.mark(canvas.rect(x + 2, y, wide - 4, frame.bottom - y, color), told, tree))
        if i % every == 0:
            shown = clipped(label, wide * every)
            canvas.add(canvas.text(x + wide / 2, canvas.height - 16, shown, anchor="middle"))
    return Markup(canvas.markup())  # noqa: S704 - as above


def network(names: Sequence[str], links: Sequence[tuple[int, int, float, str]]) -> Markup:
    """Things on a circle and the ties between them, thick where strong: (from, to, strength 0…1, what it says)."""
    width = _width.get()
    radius = min(165.0, width / 2 - 84)
    middle = radius + 65
    canvas = Canvas(width, 2 * middle)
    turns = [2 * math.pi * i / len(names) for i in range(len(names))]
    places = [(width / 2 + radius * math.cos(turn), middle + radius * math.sin(turn)) for turn in turns]
    for a, b, strength, told in links:
        (x1, y1), (x2, y2) = places[a], places[b]
        d = f"M{x1:.1f} {y1:.1f}Q{width / 2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"
        canvas.add(canvas.mark(canvas.path(d, "blue", width=round(0.8 + 4 * strength, 2)), told, None))
    for right in (True, False):
        side = sorted((y, x, name) for (x, y), name in zip(places, names, strict=True) if (x >= width / 2) is right)
        for (y, x, name), y_text in zip(side, _apart([one[0] for one in side], 15.0), strict=True):
            x_text, room = (x + 9, width - x - 9) if right else (x - 9, x - 9)
            shown = canvas.text(x_text, y_text + 4, clipped(name, min(room, 170)), anchor="start" if right else "end", color="ink")  # fmt: skip
            canvas.add(canvas.marker(x, y, "teal", 0) + shown)
    return Markup(canvas.markup())  # noqa: S704 - as above


def _apart(places: Sequence[float], least: float) -> list[float]:
    """Ascending places moved so that none is nearer to the next than ``least``, the whole staying about where it was."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + least) if found else place)
    moved = (found[-1] - places[-1]) / 2 if found else 0.0
    return [one - moved for one in found]


def quadrants(points: Sequence[tuple[str, float, float, str]], *, across: str, up: str) -> Markup:
    """Things by two figures, the plane cut at the mean of each: (name, across, up, what it says on hover)."""
    width = _width.get()
    canvas = Canvas(width, 340)
    xs, ys = [one[1] for one in points], [one[2] for one in points]
    left, right, top, bottom = min(56.0, width * 0.08), width - 16, 12.0, 300.0

    def scale(value: float, values: Sequence[float], low: float, high: float) -> float:
        span = (max(values) - min(values)) or 1.0
        return low + (0.1 + 0.8 * (value - min(values)) / span) * (high - low)

    middle_x = scale(sum(xs) / len(xs), xs, left, right)
    middle_y = scale(sum(ys) / len(ys), ys, bottom, top)
    for x1, y1, x2, y2 in ((left, bottom, right, bottom), (left, top, left, bottom), (middle_x, top, middle_x, bottom), (left, middle_y, right, middle_y)):  # fmt: skip
        canvas.add(canvas.line(x1, y1, x2, y2))
    for name, x_value, y_value, told in points:
        x, y = scale(x_value, xs, left, right), scale(y_value, ys, bottom, top)
        near = x < right - 130
        shape = canvas.marker(x, y, "teal", 0) + canvas.text(
            x + (9 if near else -9), y + 4, clipped(name, 120), anchor="start" if near else "end", color="ink"
        )
        canvas.add(canvas.mark(shape, f"{name}: {told}", None))
    canvas.add(canvas.text((left + right) / 2, 322, f"{across} →", anchor="middle"))
    canvas.add(canvas.text(left + 6, top + 10, f"↑ {up}", anchor="start"))
    return Markup(canvas.markup())  # noqa: S704 - texts are escaped by the canvas
