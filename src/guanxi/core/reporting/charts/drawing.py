"""Choosing and drawing the picture of a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from guanxi.core.reporting.charts import axes, shares
from guanxi.core.reporting.charts.canvas import Canvas, clipped
from guanxi.core.reporting.charts.series import series_of
from guanxi.core.reporting.folding import Node
from guanxi.core.reporting.results import Result

Link = Callable[[Node], str]


def draw(
    result: Result, *, chart: str = "", width: int = 720, height: int = 300, link: Link | None = None, title: str = ""
) -> str:
    """The picture of a result as SVG; '' where it has none (a single figure, a plain table, nothing to show).

    With a ``title`` it stands alone: title, colours and font are in it. ``link`` leads from a mark to its records.
    """
    chart = chart or result.spec.chart
    result = replace(result, rows=tuple(row for row in result.rows if row.sort != "subtotal"))
    series = series_of(result)
    told = any(cell.value or cell.before for one in series for cell in one.cells)
    if chart in ("table", "number") or not told or not result.spec.rows:
        return ""
    above = 30 if title else 0
    if chart == "bar":
        height = int(shares.bars_height(result, series))
    elif chart == "funnel":
        height = min(height, 46 * len(result.rows) + 4)
    canvas = Canvas(width, height, link, paper=bool(title))
    if chart == "bar":
        shares.bars(canvas, result, series)
    elif chart == "pie":
        shares.ring(canvas, result, series)
    elif chart == "funnel":
        shares.funnel(canvas, result, series)
    elif chart in ("line", "area"):
        axes.lines(canvas, result, series, area=chart == "area")
    else:
        axes.columns(canvas, result, series, stacked=chart == "stacked")
    if title:
        canvas.parts = [
            canvas.text(8, 20, clipped(title, width - 16, 15), size=15, color="ink", bold=True),
            f'<g transform="translate(0 {above})">{"".join(canvas.parts)}</g>',
        ]
        canvas.height += above
    return canvas.markup()
