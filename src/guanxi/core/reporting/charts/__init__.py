"""Pictures of reports as SVG, drawn on the server: the same on the page, in a file and in a mail, with links on marks."""

from guanxi.core.reporting.charts.bridge import Part, waterfall
from guanxi.core.reporting.charts.drawing import draw

__all__ = ["Part", "draw", "waterfall"]
