"""The area's declarations: leads, pipelines and stages, opportunities, pools."""

from guanxi.areas.sales.entities import leads, lines, opportunities, pipelines, pools, sharing, targets

__all__ = ["leads", "lines", "opportunities", "pipelines", "pools", "sharing", "targets"]
