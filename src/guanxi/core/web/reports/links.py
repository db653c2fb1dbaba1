"""Showing a report or board outside: the dialog that makes links, the list of them, and the page they open."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt

from guanxi.core.access import exporting
from guanxi.core.kernel import regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.models import ReportLink
from guanxi.core.people.signin import address_of
from guanxi.core.reporting import datasets, links, stored
from guanxi.core.reporting.spec import read
from guanxi.core.reporting.stored import Setup, Sort
from guanxi.core.web.errors import text_of
from guanxi.core.web.inputs import Option
from guanxi.core.web.lists.viewing import lead
from guanxi.core.web.middleware import ask_for_factor, ask_to_sign_in
from guanxi.core.web.reports.boards import tiles_of
from guanxi.core.web.reports.scope import narrowing_of
from guanxi.core.web.reports.shown import shown
from guanxi.core.web.reports.views import WIDE, answer, width_sent
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.runtime.environment import environment

#: How long a new link lasts unless told.
USUAL_DAYS = 30


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 5 else 0


@page_view("GET", "POST")
def share(request: HttpRequest, sort: Any, key: str) -> HttpResponseBase:
    """GET: the links there are, and a form for one more. POST: make it."""
    actor = actor_of(request)
    held = stored.setup(actor, sort, key)
    if not links.may_share(actor):
        raise NotFound
    sent, trouble = request.POST, ""
    if request.method == "POST":
        try:
            links.link_make(
                actor, sort=sort, key=key, name=sent.get("name", ""), audience=sent.get("audience", ""),
                days=_whole(sent.get("days", "")), code=sent.get("code", ""),
                query=sent.get("query", "") if sent.get("narrowed") else "",
            )  # fmt: skip
            sent = QueryDict()
        except GuanxiError as error:
            trouble = text_of(error)
    known = dict(ReportLink._meta.get_field("audience").choices or ())
    context = {
        "title": _("Show outside"),
        "held": held,
        "links": [_line(one) for one in links.links_of(actor, sort, key)],
        "audiences": [Option(one, str(label)) for one, label in known.items()],
        "sent": sent,
        "query": sent.get("query", request.GET.urlencode()[:500]),
        "days": sent.get("days", str(USUAL_DAYS)),
        "frames": environment().frames,
        "trouble": trouble,
        "action": f"{held.url}share/",
    }
    return draw(request, "reports/share.jinja", context, status=422 if trouble else 200)


def _line(link: ReportLink) -> dict[str, Any]:
    address = links.address_of(link)
    frame = f'<iframe src="{address}" title="{_("Report")}" width="100%" height="600" loading="lazy"></iframe>'
    return {"link": link, "address": address, "frame": frame, "audience": link.get_audience_display()}


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """Every link one may end; none for who never made one."""
    actor = actor_of(request)
    sorts: tuple[Sort, ...] = ("report", "board")
    held: dict[tuple[str, str], Setup] = {(sort, one.key): one for sort in sorts for one in stored.setups(actor, sort)}
    found = [(_line(one), held.get((one.sort, one.key))) for one in links.links_all(actor)]
    return draw(request, "reports/shared_index.jinja", {"title": _("Shown outside"), "links": found})


@page_view("POST")
def end(request: HttpRequest, link_id: int) -> HttpResponseBase:
    """A link works no more."""
    link = links.link_end(actor_of(request), link_id)
    return lead(request, "/reports/shared/", _("The link for “%(name)s” has ended.") % {"name": link.name})


# -- the page a link opens ---------------------------------------------------------------------------------------------


@login_not_required
@never_cache
@csrf_exempt
@xframe_options_exempt
@page_view("GET", "POST")
def opened(request: HttpRequest, secret: str) -> HttpResponseBase:
    """What a link shows. Nothing is changed here, so a frame of another site may send the code without our cookie."""
    link = links.link_open(secret, address=address_of(request))
    if link.audience == "people":
        held_up = ask_for_factor(request) if actor_of(request).kind == "user" else ask_to_sign_in(request)
        if held_up is not None:
            return held_up
    if link.audience == "code":
        if request.method != "POST":
            return _code_asked(request)
        try:
            links.code_check(link, request.POST.get("code", ""), address=address_of(request))
        except Invalid as error:
            return _code_asked(request, text_of(error))
    actor = links.sharer(link)
    if "tile" not in request.GET:
        links.link_seen(link)
    with regional.speaking(get_language() or actor.language, zoneinfo.ZoneInfo(actor.timezone), actor.regional):
        return _framed(_page(request, link, actor))


def _code_asked(request: HttpRequest, trouble: str = "") -> HttpResponse:
    context = {"title": _("Report"), "trouble": trouble}
    return _framed(draw(request, "reports/shared_code.jinja", context, status=422 if trouble else 200))


def _page(request: HttpRequest, link: ReportLink, actor: Actor) -> HttpResponse:
    """The whole page; with ``tile`` and ``w`` the one picture, as wide as it stands on a small screen."""
    held = links.setup_of(link, actor)
    parts = _parts(actor, held)
    alone = request.GET.get("tile", "")
    if alone:
        if not alone.isdecimal() or int(alone[:3]) >= len(parts):
            raise NotFound
        one, _wide, chart = parts[int(alone[:3])]
        return HttpResponse(_drawn(actor, link, one, chart, width_sent(request, WIDE), 240).get("picture", ""))
    tiles = [{"name": one.name, **_drawn(actor, link, one, chart, width, 300)} for one, width, chart in parts]
    fits = f"{request.path}?" if link.audience != "code" else ""
    context = {"title": held.name, "held": held, "tiles": tiles, "link": link, "fits": fits}
    return draw(request, "reports/shared.jinja", context)


def _drawn(actor: Actor, link: ReportLink, one: Setup, chart: str, width: int, height: int) -> dict[str, Any]:
    """What one report draws, or why it does not."""
    try:
        now = narrowing_of(QueryDict(link.query))
        result = answer(exporting(actor, datasets.dataset(actor, read(one.definition).dataset)), one, now)
        return dict(shown(actor, result, chart=chart or now.chart, width=width, height=height, links=False))
    except GuanxiError as error:
        return {"trouble": text_of(error)}


def _parts(actor: Actor, held: Setup) -> list[tuple[Setup, int, str]]:
    if held.sort == "report":
        return [(held, WIDE, "")]
    known = {one.key: one for one in links.parts_of(actor, held)}
    tiles = [tile for tile in tiles_of(held) if tile.get("report") in known]
    return [(known[str(one["report"])], WIDE, str(one.get("chart", ""))) for one in tiles]


def _framed(response: HttpResponse) -> HttpResponse:
    """Pages of the settings may show it in a frame; no search engine keeps it; the address is told to nobody."""
    response.policy = {"frame-ancestors": " ".join(environment().frames) or "'none'"}  # type: ignore[attr-defined]
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
