"""The toy area as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class FakesConfig(AppConfig):
    """Registers the toy entities at start."""

    name = "tests.fakes"
    label = "fakes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.fakes import entities  # noqa: F401, PLC0415
