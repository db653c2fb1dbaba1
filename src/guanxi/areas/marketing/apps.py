"""The area as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MarketingConfig(AppConfig):
    """Registers the area's entities, pages, reports, steps of rules and base data at start."""

    name = "guanxi.areas.marketing"
    label = "marketing"
    verbose_name = _("Marketing")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from guanxi.areas.marketing import (  # noqa: PLC0415 - need loaded models
            entities,  # noqa: F401
            jobs,  # noqa: F401
            pages,  # noqa: F401
            reports,  # noqa: F401
            seeds,  # noqa: F401
            subscribers,  # noqa: F401
        )
