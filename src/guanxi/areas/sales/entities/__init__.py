"""The area's declarations: leads, pipelines and stages, opportunities, pools."""

from guanxi.areas.sales.entities import leads, opportunities, pipelines, pools, sharing, targets

__all__ = ["leads", "opportunities", "pipelines", "pools", "sharing", "targets"]
