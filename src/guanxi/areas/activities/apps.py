"""The area as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ActivitiesConfig(AppConfig):
    """Registers the area's entities, base data and subscribers at start."""

    name = "guanxi.areas.activities"
    label = "activities"
    verbose_name = _("Activities")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from guanxi.areas.activities import entities, reports, seeds, subscribers  # noqa: F401, PLC0415 - need loaded models
