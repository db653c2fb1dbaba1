"""The page of work reports: one's own, written from what was done, and who of the team has sent his."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from guanxi.areas.diary import panels, selectors, services
from guanxi.areas.diary.models import DAY, DRAFT, MONTH, PERIODS, WEEK
from guanxi.core.access import allowed
from guanxi.core.access.features import SETTINGS, has_feature, require_feature
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import Role
from guanxi.core.people.rights import role_name
from guanxi.core.web import toasts
from guanxi.core.web.contributions import Entry, add_entries, add_pages
from guanxi.core.web.errors import text_of
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.core.web.views.pages import redirect

FIELDS = ("summary", "plan", "trouble")
#: Reports are looked for in these years: beyond them calendars end.
FIRST_YEAR, LAST_YEAR = 1990, 2200


def _asked(request: HttpRequest, actor: Actor) -> tuple[str, dt.date]:
    """The period and day an address names; today's report without any, or where it is none people write reports of."""
    sent = request.POST if request.method == "POST" else request.GET
    period = sent.get("period", DAY)
    period = period if period in (DAY, WEEK, MONTH) else DAY
    try:
        day = dt.date.fromisoformat(sent.get("day", ""))
    except ValueError:
        day = clock.today(actor.timezone)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        day = clock.today(actor.timezone)
    return period, selectors.first_day(period, day)


def _step(period: str, day: dt.date, forward: bool) -> dt.date:
    window = selectors.window(period, day)
    if forward:
        return (window.last or day) + dt.timedelta(days=1)
    return selectors.first_day(period, (window.first or day) - dt.timedelta(days=1))


@page_view("GET", "POST")
def diary(request: HttpRequest) -> HttpResponseBase:
    """GET: the report of a period and the team's. POST: keep it, or send it."""
    actor = actor_of(request)
    period, day = _asked(request, actor)
    trouble = ""
    if request.method == "POST" and "remind" in request.POST:
        told = services.reports_remind(actor, period=period, day=day)
        text = ngettext("%(count)d colleague was reminded.", "%(count)d colleagues were reminded.", told) % {
            "count": told
        }
        toasts.keep(request, toasts.toast(text))
        return redirect(f"/diary/?period={period}&day={day.isoformat()}")
    if request.method == "POST":
        try:
            return _written(request, actor, period, day)
        except GuanxiError as error:
            trouble = text_of(error)
    return draw(
        request, "diary/page.jinja", _context(request, actor, period, day, trouble), status=409 if trouble else 200
    )


def _written(request: HttpRequest, actor: Actor, period: str, day: dt.date) -> HttpResponseBase:
    values = {name: request.POST.get(name, "") for name in FIELDS}
    report = services.work_report_write(actor, period=period, day=day, values=values)
    text = _("Saved")
    if "send" in request.POST:
        services.work_report_send(actor, report)
        text = _("The report has been sent.")
    toasts.keep(request, toasts.toast(text))
    return redirect(f"/diary/?period={period}&day={day.isoformat()}")


def _context(request: HttpRequest, actor: Actor, period: str, day: dt.date, trouble: str) -> dict[str, Any]:
    person = actor.user_id or 0
    report = selectors.report_of(person, period, day)
    window = selectors.window(period, day)
    held = {name: getattr(report, name, "") for name in FIELDS}
    if report is None:
        held["plan"] = selectors.plan_lines(actor, person, period, day)
        held["summary"] = selectors.told_before(person, period, day)
    today = clock.today(actor.timezone)
    return {
        "title": _("Work reports"),
        "period": period,
        "periods": [
            {"text": label, "href": f"/diary/?period={key}", "current": key == period} for key, label in PERIODS
        ],
        "day": day,
        "today": today,
        "window": window,
        "before": f"/diary/?period={period}&day={_step(period, day, False).isoformat()}",
        "after": f"/diary/?period={period}&day={_step(period, day, True).isoformat()}"
        if window.last is not None and window.last < today
        else "",
        "report": report,
        "values": {name: request.POST.get(name, held[name]) for name in FIELDS},
        "lines": panels.lines(actor, person, window),
        "open": report is None or report.status == DRAFT,
        "may_write": allowed(actor, "create", selectors.REPORT) and day <= today,
        "may_arrange": has_feature(actor, SETTINGS),
        "people": selectors.standings(actor, period, day),
        "trouble": trouble,
    }


@page_view("GET", "POST")
def arrange(request: HttpRequest) -> HttpResponseBase:
    """Who writes work reports, which ones, and when a missing one is asked for."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    errors: dict[str, list[Any]] = {}
    held: dict[str, Any] = {
        "roles": selectors.writing_roles(),
        "periods": selectors.asked_periods(),
        "hour": selectors.reminder_hour(),
    }
    if request.method == "POST":
        sent = request.POST
        held = {"roles": sent.getlist("roles"), "periods": sent.getlist("periods"), "hour": sent.get("hour", "")}
        try:
            services.reports_arrange(actor, **held)
        except Invalid as error:
            errors = {error.field: [text_of(error)]}
        else:
            toasts.keep(request, toasts.toast(_("Saved")))
            return redirect("/diary/rules/")
    roles = Role.objects.order_by("name")
    context = {
        "title": _("Who writes work reports"),
        "roles": [(one.key, role_name(one), one.key in held["roles"]) for one in roles],
        "periods": [(key, label, key in held["periods"]) for key, label in PERIODS],
        "hour": held["hour"],
        "errors": errors,
    }
    return draw(request, "diary/rules.jinja", context, status=422 if errors else 200)


add_pages(path("diary/", diary, name="diary"), path("diary/rules/", arrange, name="diary-rules"))
add_entries(
    Entry(
        key="diary",
        label=gettext_lazy("Work reports"),
        url="/diary/",
        icon="report",
        place="work",
        color="teal",
        order=40,
        shown=lambda actor: allowed(actor, "view", selectors.REPORT),
    ),
    Entry(
        key="diary.rules",
        label=gettext_lazy("Who writes work reports"),
        url="/diary/rules/",
        icon="report",
        place="settings",
        order=66,
        shown=lambda actor: has_feature(actor, SETTINGS),
        hint=gettext_lazy("Which roles, daily, weekly or monthly, and when a missing one is asked for"),
    ),
)
