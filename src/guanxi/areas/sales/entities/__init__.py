"""The area's declarations: leads, pipelines and stages, opportunities and what hangs on them."""

from guanxi.areas.sales.entities import leads, opportunities, pipelines

__all__ = ["leads", "opportunities", "pipelines"]
