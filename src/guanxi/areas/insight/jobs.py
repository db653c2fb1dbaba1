"""The nightly calculation, and one on demand."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_lazy as _

from guanxi.areas.insight import services
from guanxi.areas.insight.models import RUNNING, WAITING, Calculation
from guanxi.core.automation import channels
from guanxi.core.automation.queue import LONG, every, job
from guanxi.core.kernel.actor import system_actor

channels.register_sort(
    channels.Sort("insight", _("Customer insight"), "chart-dots", mutable=True, url="/insight/runs/")
)


@job(lock="insight", queue=LONG)
def calculation_do(calculation_id: int) -> None:
    """Run a calculation that waits. One found running lost its worker, for the lock lets no two run: it begins anew."""
    found = Calculation.objects.filter(pk=calculation_id, state__in=(WAITING, RUNNING)).first()
    if found is not None:
        services.calculation_run(found)


@every("40 17 * * *", queue=LONG)
def calculation_nightly(_now: dt.datetime) -> None:
    """Every night (01:40 in China), when there is something to compute."""
    calculation_do.defer(calculation_id=services.calculation_ask(system_actor("insight", via="job")).pk)
