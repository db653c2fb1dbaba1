"""The area as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    """Registers the area's entities and base data at start."""

    name = "guanxi.areas.customers"
    label = "customers"
    verbose_name = _("Customers")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from guanxi.areas.customers import entities, reports, seeds, subscribers  # noqa: F401, PLC0415 - declarations need loaded models
