"""The list of reports, one report, its files; duplicating, deleting, restoring."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.reporting import builtin, datasets, files, links, stored
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.results import Result
from guanxi.core.reporting.spec import CHARTS, read
from guanxi.core.reporting.stored import Setup
from guanxi.core.web.errors import text_of
from guanxi.core.web.lists.exporting import named
from guanxi.core.web.lists.viewing import lead
from guanxi.core.web.reports.scope import Narrowing, controls, read_narrowing
from guanxi.core.web.reports.shown import shown
from guanxi.core.web.toasts import keep, toast
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.core.web.views.pages import redirect

#: Widths of pictures: the usual one of a page, the narrowest, the widest.
WIDE, LEAST, MOST = 960, 260, 1600


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """Every report the reader may use, by group, and what one may report on."""
    actor = actor_of(request)
    found = stored.offered(actor)
    words = request.GET.get("q", "").strip().casefold()[:60]
    if words:
        found = [one for one in found if words in one.name.casefold() or words in one.about.casefold()]
    groups = [
        (label, [one for one in found if (one.group if one.group in builtin.GROUPS else "") == key and not one.mine])
        for key, label in builtin.GROUPS.items()
    ]
    mine = [one for one in found if one.mine]
    context = {
        "title": pgettext("analysis", "Reports"),
        "groups": [(_("My reports"), mine), *groups],
        "words": request.GET.get("q", ""),
        "found": len(found),
        "may_link": links.may_share(actor),
        "datasets": datasets.datasets(actor),
    }
    return draw(request, "reports/index.jinja", context)


def answer(actor: Actor, report: Setup, now: Narrowing) -> Result:
    """The result of a report as its reader narrows it."""
    spec = read(report.definition)
    return run(actor, spec, now.scope(datasets.dataset(actor, spec.dataset)))


@page_view(may_be_old=True)
def show(request: HttpRequest, key: str) -> HttpResponseBase:
    """One report: filters, picture, table."""
    actor = actor_of(request)
    report = stored.setup(actor, "report", key)
    trouble, context = "", {}
    now = Narrowing()
    try:
        now = read_narrowing(request)
        result = answer(actor, report, now)
        context = dict(shown(actor, result, chart=now.chart, width=WIDE, height=340))
    except GuanxiError as error:
        if isinstance(error, NotFound):
            raise
        trouble = text_of(error)
    context = {
        **context,
        **controls(actor, now),
        "title": report.name,
        "report": report,
        "trouble": trouble,
        "may_link": links.may_share(actor),
        "charts": CHARTS,
        "formats": files.FORMATS,
        "action": report.url,
        "owned": bool(context) and bool(context["result"].entity.access.owner),
    }
    return draw(request, "reports/show.jinja", context, status=422 if trouble else 200)


def width_sent(request: HttpRequest, usual: int) -> int:
    """How wide the picture is shown, as the page says it."""
    sent = request.GET.get("w", "")
    return min(max(int(sent), LEAST), MOST) if sent.isdecimal() and len(sent) < 6 else usual


@page_view(may_be_old=True)
def picture(request: HttpRequest, key: str) -> HttpResponseBase:
    """The picture alone, drawn for the width it has on a small screen."""
    actor = actor_of(request)
    now = read_narrowing(request)
    result = answer(actor, stored.setup(actor, "report", key), now)
    found = shown(actor, result, chart=now.chart, width=width_sent(request, WIDE), height=240)
    return HttpResponse(found["picture"])


@page_view(may_be_old=True)
def export(request: HttpRequest, key: str, format_name: str) -> HttpResponseBase:
    """A report as a file, over what its reader may take out: xlsx, csv, svg."""
    actor = actor_of(request)
    report = stored.setup(actor, "report", key)
    if format_name not in files.FORMATS:
        raise NotFound
    now = read_narrowing(request)
    result = answer(datasets.taking(actor, read(report.definition).dataset), report, now)
    content = files.content(actor, result, format_name, title=report.name, chart=now.chart)
    if not content:
        raise Invalid(_("This report has no picture."), code="report.no_picture")
    response = HttpResponse(content, content_type=files.FORMATS[format_name])
    return named(response, f"{report.key}-{result.at:%Y-%m-%d}.{format_name}")


@page_view("POST")
def copy(request: HttpRequest, sort: Any, key: str) -> HttpResponseBase:
    """A copy as one's own."""
    made = stored.setup_copy(actor_of(request), sort=sort, key=key)
    return lead(request, made.url, _("“%(name)s” saved.") % {"name": made.name})


@page_view("POST")
def delete(request: HttpRequest, sort: Any, key: str) -> HttpResponseBase:
    """Put one's own into the trash; it can be taken back."""
    actor = actor_of(request)
    held = stored.setup(actor, sort, key)
    stored.setup_delete(actor, sort=sort, key=key)
    base = "/reports/" if sort == "report" else "/dashboards/"
    undo = "" if held.built_in else f"{base}{key}/restore/"
    text = _("“%(name)s” is as it came again.") if held.built_in else _("“%(name)s” deleted.")
    keep(request, toast(text % {"name": held.name}, undo=undo))
    return redirect(base)


@page_view("POST")
def restore(request: HttpRequest, sort: Any, key: str) -> HttpResponseBase:
    """Take one's own out of the trash again."""
    actor = actor_of(request)
    stored.setup_restore(actor, sort=sort, key=key)
    held = stored.setup(actor, sort, key)
    return lead(request, held.url, _("“%(name)s” is back.") % {"name": held.name})
