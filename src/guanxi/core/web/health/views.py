"""How the workspace is, for administrators; a backup at once; a job tried again."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.automation import health
from guanxi.core.automation.jobs import backup_now
from guanxi.core.kernel.errors import NotFound
from guanxi.core.people.guards import require_administrator
from guanxi.core.web.people.common import done, number, show
from guanxi.core.web.views.common import actor_of, page_view
from guanxi.runtime.backup import archive, making
from guanxi.runtime.environment import environment
from guanxi.runtime.trouble import Trouble

ADDRESS = "/settings/health/"
COLORS = {"ok": "green", "warning": "amber", "wrong": "red"}


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """Every part with a sentence, the backups there are, the jobs that were given up."""
    require_administrator(actor_of(request), "view")
    found = health.findings()
    context = {
        "title": _("Health"),
        "findings": found,
        "good": all(each.state == "ok" for each in found),
        "colors": COLORS,
        "states": {"ok": _("fine"), "warning": _("look at it"), "wrong": _("broken")},
        "backups": _backups(),
        "jobs": health.failed_jobs(),
    }
    return show(request, "health/health.jinja", context)


@page_view("POST")
def backup(request: HttpRequest) -> HttpResponseBase:
    """Let the worker make a backup now."""
    require_administrator(actor_of(request))
    backup_now.defer()
    return done(request, ADDRESS, _("The worker makes a backup now; it appears here when it is whole."))


@page_view("POST")
def again(request: HttpRequest, job: str) -> HttpResponseBase:
    """Put a job that was given up back into the queue."""
    require_administrator(actor_of(request))
    if not health.job_again(number(job)):
        raise NotFound
    return done(request, ADDRESS, _("The job is in the queue again."))


def _backups() -> list[dict[str, Any]]:
    """The newest backups of the folder; a file that cannot be read is told as such."""
    rows: list[dict[str, Any]] = []
    for place in reversed(making.backups(environment())[-20:]):
        try:
            head = archive.head_of(place)
            rows.append(
                {
                    "name": place.name,
                    "at": dt.datetime.fromisoformat(head["made_at"]),
                    "size": max(place.stat().st_size // (1024 * 1024), 1),
                    "sealed": bool(head["sealed"]),
                }
            )
        except (Trouble, KeyError, ValueError, OSError):
            rows.append({"name": place.name, "at": None, "size": 0, "sealed": False})
    return rows
