"""Leave: when one is away, and who decides meanwhile."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.access.features import may_settings
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.models import Absence, User
from guanxi.core.records import worktime_edit
from guanxi.core.web import days
from guanxi.core.web.people.common import done, me, show
from guanxi.core.web.views.common import actor_of, page_view


def _context(request: HttpRequest) -> dict[str, Any]:
    actor = actor_of(request)
    rows = Absence.objects.select_related("user", "deputy").filter(ends_at__gt=clock.now() - dt.timedelta(days=90))
    everyone = may_settings(actor)
    return {
        "title": _("Leave and deputy"),
        "rows": rows if everyone else rows.filter(user=me(request)),
        "everyone": everyone,
        "me": me(request),
        "now": clock.now(),
        "users": User.objects.filter(is_active=True).order_by("sort_key")[:1000],
        "filled": {name: request.POST.get(name, "") for name in ("user", "begins_at", "ends_at", "reason", "deputy")},
    }


def _moment(request: HttpRequest, name: str) -> dt.datetime:
    try:
        found = days.read_moment(request.POST.get(name))
    except ValueError:
        raise Invalid(_("This is no moment."), code="value.datetime", field=name) from None
    return found.replace(tzinfo=ZoneInfo(me(request).timezone))


def _user(request: HttpRequest, name: str) -> User | None:
    chosen = request.POST.get(name, "")
    if not chosen:
        return None
    found = User.objects.filter(pk=int(chosen)).first() if chosen.isdecimal() and len(chosen) < 18 else None
    if found is None:
        raise Invalid(_("Choose somebody else who is active."), code="absence.deputy", field=name)
    return found


@page_view("GET", "POST")
def index(request: HttpRequest) -> HttpResponseBase:
    """One's own leave (everybody's for those who keep the settings), and a form for more."""
    if request.method != "POST":
        return show(request, "worktime/leave.jinja", _context(request))
    try:
        worktime_edit.absence_save(
            actor_of(request),
            _user(request, "user") or me(request),
            begins_at=_moment(request, "begins_at"),
            ends_at=_moment(request, "ends_at"),
            reason=request.POST.get("reason", ""),
            deputy=_user(request, "deputy"),
        )
    except GuanxiError as error:
        return show(request, "worktime/leave.jinja", _context(request), error)
    return done(request, "/leave/", _("The leave was noted."))


@page_view("POST")
def end(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a leave back, or end it now."""
    row = Absence.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound
    worktime_edit.absence_end(actor_of(request), row)
    return done(request, "/leave/", _("The leave has ended."))
