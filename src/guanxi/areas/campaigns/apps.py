"""The area as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    """Registers the area's entities and base data at start."""

    name = "guanxi.areas.campaigns"
    label = "campaigns"
    verbose_name = _("Campaigns")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from guanxi.areas.campaigns import entities, seeds  # noqa: F401, PLC0415 - need loaded models
