"""Pages of the area that belong to no single record."""

from guanxi.areas.sales.pages import figures, moving

__all__ = ["figures", "moving"]
