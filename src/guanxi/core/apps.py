"""The engine as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    """Registers the entities of the core itself and the checks of all declarations."""

    name = "guanxi.core"
    label = "core"
    verbose_name = _("Core")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from guanxi.core import entities  # noqa: F401, PLC0415 - declarations need loaded models
        from guanxi.core.automation import subscribers, uses  # noqa: F401, PLC0415
        from guanxi.core.automation.approvals import watch  # noqa: F401, PLC0415
        from guanxi.core.automation.rules import hearing  # noqa: F401, PLC0415
        from guanxi.core.automation.workflows import store  # noqa: F401, PLC0415
        from guanxi.core.exchange import settings_models  # noqa: F401, PLC0415
        from guanxi.core.kernel import speech  # noqa: PLC0415
        from guanxi.core.models import trigger_switch  # noqa: PLC0415
        from guanxi.core.records import objects  # noqa: PLC0415
        from guanxi.core.schema import checks  # noqa: F401, PLC0415

        speech.install()
        objects.following()
        post_migrate.connect(trigger_switch.quicken, sender=self)
