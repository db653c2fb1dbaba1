"""A waterfall: from one level to another, each step beginning where the one before ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from guanxi.core.reporting.charts.axes import Plot
from guanxi.core.reporting.charts.canvas import Canvas, clipped
from guanxi.core.reporting.charts.series import words
from guanxi.core.reporting.results import Unit


@dataclass(frozen=True, slots=True)
class Part:
    """One bar: what it is called, how much. A ``level`` stands on the ground; another moves from where the last one ended."""

    label: str
    amount: Decimal
    level: bool = False
    color: str = "slate"
    about: str = ""


def waterfall(parts: Sequence[Part], unit: Unit, *, width: int = 960, height: int = 300, title: str = "") -> str:
    """The picture as SVG; '' where there is nothing to show. With a ``title`` it stands alone, with colours and font."""
    spans = _spans(parts)
    if not any(one.amount for one in parts):
        return ""
    above = 30 if title else 0
    canvas = Canvas(width, height + above, paper=bool(title))
    if title:
        canvas.add(canvas.text(8, 20, clipped(title, width - 16, 15), size=15, color="ink", bold=True))
    ends = [end for span in spans for end in span]
    plot = Plot(canvas, [one.label for one in parts], unit, min(ends), max(ends), top=above)
    wide = min(plot.step * 0.68, 64.0)
    for at, (one, (start, end)) in enumerate(zip(parts, spans, strict=True)):
        x, top, low = plot.x(at) - wide / 2, plot.y(max(start, end)), plot.y(min(start, end))
        inner = canvas.rect(x, top, wide, low - top, one.color) if one.amount else ""
        shown = words(unit, one.amount, short=True)
        if one.amount:
            inner += canvas.text(plot.x(at), top - 4, shown, anchor="middle", size=11, color="ink")
        canvas.add(
            canvas.mark(inner, " · ".join(filter(None, (f"{one.label}: {words(unit, one.amount)}", one.about))), None)
        )
        if at + 1 < len(parts):
            canvas.add(canvas.line(x + wide, plot.y(end), plot.x(at + 1) - wide / 2, plot.y(end), "muted", "3 2"))
    plot.finish()
    return canvas.markup()


def _spans(parts: Sequence[Part]) -> list[tuple[float, float]]:
    """Where each bar begins and ends."""
    found, at = [], Decimal(0)
    for one in parts:
        start = Decimal(0) if one.level else at
        at = start + one.amount
        found.append((float(start), float(at)))
    return found
