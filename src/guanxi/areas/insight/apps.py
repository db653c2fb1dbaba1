"""The area as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InsightConfig(AppConfig):
    """Registers the area's entities, base data and jobs at start."""

    name = "guanxi.areas.insight"
    label = "insight"
    verbose_name = _("Customer insight")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from guanxi.areas.insight import entities  # noqa: F401, PLC0415 - declarations need loaded models
