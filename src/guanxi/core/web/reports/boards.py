"""Boards: tiles that each show a report, under one period and one choice of people; arranged by drag or keyboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound
from guanxi.core.models import Role
from guanxi.core.records.shape import spoken
from guanxi.core.reporting import links, stored
from guanxi.core.reporting.spec import CHARTS
from guanxi.core.reporting.stored import Setup
from guanxi.core.web.errors import text_of
from guanxi.core.web.inputs import Option
from guanxi.core.web.lists.viewing import lead
from guanxi.core.web.reports.scope import Narrowing, controls, read_narrowing
from guanxi.core.web.reports.shown import leads_of, shown
from guanxi.core.web.reports.views import answer, width_sent
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.core.web.views.pages import redirect

#: Widths of tiles (columns of the board) in the picture's own units, and the height of their pictures.
WIDTHS, HEIGHT = {1: 460, 2: 940, 3: 1420}, 230
#: A tile's table shows so many rows.
TILE_ROWS = 10


def tiles_of(board: Setup) -> list[dict[str, Any]]:
    """The tiles of a board, each with its place."""
    found = board.definition.get("tiles", ())
    return [{"width": 1, **one, "place": place} for place, one in enumerate(found) if isinstance(one, Mapping)]


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """The board the reader opens with; a page that begins one where there is none."""
    board = stored.default_board(actor_of(request))
    if board is None:
        return redirect("/dashboards/new/")
    return redirect(board.url)


@page_view(may_be_old=True)
def show(request: HttpRequest, key: str) -> HttpResponseBase:
    """One board; its tiles are fetched one by one."""
    actor = actor_of(request)
    board = stored.setup(actor, "board", key)
    trouble, now = "", Narrowing()
    try:
        now = read_narrowing(request)
    except GuanxiError as error:
        trouble = text_of(error)
    known = {one.key: one for one in stored.setups(actor, "report")}
    tiles = [{**one, "of": known[one["report"]]} for one in tiles_of(board) if one.get("report") in known]
    context = {
        **controls(actor, now),
        "title": board.name,
        "board": board,
        "boards": stored.setups(actor, "board"),
        "tiles": tiles,
        "trouble": trouble,
        "action": board.url,
        "owned": True,
        "charts": None,
        "may_link": links.may_share(actor),
        "query": now.query(),
    }
    return draw(request, "reports/board.jinja", context, status=422 if trouble else 200)


@page_view(may_be_old=True)
def show_tile(request: HttpRequest, key: str, place: int) -> HttpResponseBase:
    """The inside of one tile."""
    actor = actor_of(request)
    board = stored.setup(actor, "board", key)
    tiles = tiles_of(board)
    if place >= len(tiles):
        raise NotFound
    tile = tiles[place]
    context: dict[str, Any] = {}
    trouble = ""
    try:
        report = stored.setup(actor, "report", str(tile.get("report", "")))
        result = answer(actor, report, read_narrowing(request))
        chart = str(tile.get("chart") or result.spec.chart)
        context = dict(
            shown(actor, result, chart=chart, width=width_sent(request, WIDTHS[tile["width"]]), height=HEIGHT)
        )
        context["rows"] = context["rows"][:TILE_ROWS]
        context["all_url"] = leads_of(result)(result.total.cells[0].node)
    except GuanxiError as error:
        trouble = text_of(error)
    if request.GET.get("to") == "list" and context:
        return redirect(context["all_url"])
    return draw(request, "reports/tile.jinja", {**context, "tile": tile, "trouble": trouble, "title": board.name})


# -- changing ----------------------------------------------------------------------------------------------------------


def _changed(actor: Actor, board: Setup, tiles: Sequence[Mapping[str, Any]]) -> Setup:
    if not board.may_change:
        raise Denied(_("This belongs to somebody else. Duplicate it to have your own."), code="board.foreign")
    plain = [{name: value for name, value in one.items() if name != "place"} for one in tiles]
    return stored.setup_save(
        actor, sort="board", key=board.key, name=board.name, visibility=board.visibility, definition={"tiles": plain}
    )


@page_view("POST")
def order(request: HttpRequest, key: str) -> HttpResponseBase:
    """Tiles in another order: ``order`` lists their present places."""
    actor = actor_of(request)
    board = stored.setup(actor, "board", key)
    tiles = tiles_of(board)
    wanted = [int(one) for one in request.POST.get("order", "").split(",") if one.isdecimal() and int(one) < len(tiles)]
    rest = [place for place in range(len(tiles)) if place not in wanted]
    _changed(actor, board, [tiles[place] for place in (*dict.fromkeys(wanted), *rest)])
    return HttpResponse(status=204)


@page_view("POST")
def change_tile(request: HttpRequest, key: str, place: int, verb: str) -> HttpResponseBase:
    """Make a tile wider or narrower, or take it away."""
    actor = actor_of(request)
    board = stored.setup(actor, "board", key)
    tiles = tiles_of(board)
    if place >= len(tiles) or verb not in ("wider", "narrower", "remove"):
        raise NotFound
    if verb == "remove":
        tiles.pop(place)
    else:
        tiles[place]["width"] = min(max(tiles[place]["width"] + (1 if verb == "wider" else -1), 1), 3)
    _changed(actor, board, tiles)
    return redirect(board.url)


def _visibilities(actor: Actor, held: str) -> list[Option]:
    known = {"private": _("Only me"), "team": _("My department"), "public": _("Everyone")}
    offered = [
        "private",
        *(["team"] if actor.department_id else []),
        *(["public"] if stored.may_share_with_all(actor) else []),
    ]
    return [Option(key, known[key]) for key in dict.fromkeys([*offered, held])]


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str = "") -> HttpResponseBase:
    """Name, audience and tiles of a new board or of a kept one."""
    actor = actor_of(request)
    board = stored.setup(actor, "board", key) if key else None
    if board is not None and not board.may_change:
        raise Denied(_("This belongs to somebody else. Duplicate it to have your own."), code="board.foreign")
    trouble = ""
    if request.method == "POST":
        try:
            made = _save(actor, board, request.POST)
            return lead(request, made.url, _("“%(name)s” saved.") % {"name": made.name})
        except Invalid as error:
            trouble = text_of(error)
    reports = stored.setups(actor, "report")
    names = {one.key: one.name for one in reports}
    tiles = _sent(request.POST) if request.method == "POST" else tiles_of(board) if board else []
    context = {
        "title": board.name if board else _("New board"),
        "board": board,
        "name": request.POST.get("name", board.name if board else ""),
        "visibility": request.POST.get("visibility", board.visibility if board else "private"),
        "visibilities": _visibilities(actor, board.visibility if board else "private"),
        "tiles": [{**one, "name": names[one["report"]]} for one in tiles if one.get("report") in names],
        "reports": reports,
        "charts": CHARTS,
        "roles": [Option(one.key, spoken(one.name, one.name_en)) for one in Role.objects.order_by("name")]
        if stored.may_share_with_all(actor)
        else [],
        "held_roles": request.POST.getlist("roles") if request.method == "POST" else list(board.roles) if board else [],
        "trouble": trouble,
        "action": f"/dashboards/{key}/edit/" if key else "/dashboards/new/",
    }
    return draw(request, "reports/board_edit.jinja", context, status=422 if trouble else 200)


def _sent(data: QueryDict) -> list[dict[str, Any]]:
    """Tiles as a form sends them: parallel lists in the order of the page; ``add`` names one more report."""
    keys, widths, charts = (data.getlist(name) for name in ("report", "width", "chart"))
    removed = set(data.getlist("remove"))
    found: list[dict[str, Any]] = [
        {
            "report": key,
            "width": int(width) if width in ("1", "2", "3") else 1,
            "chart": chart if chart in CHARTS else "",
        }
        for place, (key, width, chart) in enumerate(zip(keys, widths, charts, strict=False))
        if f"{place}:{key}" not in removed
    ]
    return found + [{"report": one, "width": 1} for one in data.getlist("add") if one]


def _save(actor: Actor, board: Setup | None, data: QueryDict) -> Setup:
    return stored.setup_save(
        actor,
        sort="board",
        key=board.key if board else "",
        name=data.get("name", ""),
        visibility=data.get("visibility", "private"),
        definition={"tiles": _sent(data)},
        roles=data.getlist("roles") if "roles.sent" in data else None,
    )


@page_view("GET", "POST")
def pin(request: HttpRequest, key: str) -> HttpResponseBase:
    """Put a report on a board: one's own boards, those one may change, or a new one."""
    actor = actor_of(request)
    report = stored.setup(actor, "report", key)
    boards = [one for one in stored.setups(actor, "board") if one.may_change]
    if request.method == "GET":
        context = {"title": _("Put on a board"), "report": report, "boards": boards}
        return draw(request, "reports/pin.jinja", context)
    wanted = next((one for one in boards if one.key == request.POST.get("board", "")), None)
    tile = {"report": report.key, "width": 1}
    if wanted is None:
        name = request.POST.get("name", "") or _("My board")
        made = stored.setup_save(actor, sort="board", name=name, definition={"tiles": [tile]})
    else:
        made = _changed(actor, wanted, [*tiles_of(wanted), tile])
    return lead(request, made.url, _("“%(name)s” saved.") % {"name": made.name})
