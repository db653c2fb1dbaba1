"""The area as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SalesConfig(AppConfig):
    """Registers the area's entities, base data and subscribers at start."""

    name = "guanxi.areas.sales"
    label = "sales"
    verbose_name = _("Sales")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from guanxi.areas.sales import entities, pages, reports, seeds, subscribers, tiles  # noqa: F401, PLC0415 - need models
        from guanxi.areas.sales.panels import home  # noqa: F401, PLC0415 - the same
