"""The area as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    """Registers the area's entities, base data and subscribers at start."""

    name = "guanxi.areas.billing"
    label = "billing"
    verbose_name = _("Quotes to receipts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from guanxi.areas.billing import entities, jobs, reports, seeds, subscribers  # noqa: F401, PLC0415 - need models
