"""The area's declarations: leads, pipelines and stages, opportunities, pools."""

from guanxi.areas.sales.entities import alerts, leads, lines, opportunities, pipelines, pools, sharing, targets

__all__ = ["alerts", "leads", "lines", "opportunities", "pipelines", "pools", "sharing", "targets"]
