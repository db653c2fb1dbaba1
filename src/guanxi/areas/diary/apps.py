"""The area as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DiaryConfig(AppConfig):
    """Registers the area's entities, pages, reports and base data at start."""

    name = "guanxi.areas.diary"
    label = "diary"
    verbose_name = _("Work reports and expenses")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from guanxi.areas.diary import entities, pages, reports, seeds  # noqa: F401, PLC0415 - need loaded models
