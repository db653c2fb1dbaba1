"""Views of the list: the page itself, its filter builder, columns, widths, totals."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.kernel.errors import Invalid
from guanxi.core.people.preferences import preferences_remember, preferences_set
from guanxi.core.schema.entity import Entity
from guanxi.core.web.addresses import face_url, list_url, peek_url, view_url
from guanxi.core.web.jinja import with_query
from guanxi.core.web.lists import builder, faces, page
from guanxi.core.web.lists import columns as columns_of
from guanxi.core.web.lists.state import SIZES, ListState, read_state
from guanxi.core.web.lists.wording import nodes_of
from guanxi.core.web.toasts import keep, toast, trigger
from guanxi.core.web.views.common import actor_of, draw, entity_for, is_fragment, page_view
from guanxi.core.web.views.pages import redirect


@page_view(may_be_old=True)
def show_list(request: HttpRequest, path: str) -> HttpResponseBase:
    """The list of an entity; htmx gets the part below the heading."""
    entity, actor = entity_for(request, path), actor_of(request)
    try:
        state = read_state(request, actor, entity)
        if not request.GET and state.view is not None and state.base.kind != "list":
            return redirect(view_url(entity, state.view))
        context = page.list_context(request, actor, state)
    except Invalid as error:
        return _broken(request, path, error)
    response = draw(
        request,
        "list/page.jinja",
        {**context, **_side(request, state), "faces": faces.faces_of(actor, entity)},
        fragment="list/view.jinja",
    )
    if is_fragment(request):
        here = urlsplit(request.headers.get("HX-Current-URL", ""))
        same = state.url() == (f"{here.path}?{here.query}" if here.query else here.path)
        response.headers["HX-Push-Url"] = "false" if same else state.url()
    return response


def _broken(request: HttpRequest, path: str, error: Invalid) -> HttpResponseBase:
    """A broken filter or sort in the address: say so and show the plain list; the address was not typed by hand only."""
    if not request.GET:
        raise error
    keep(request, toast(_("This address could not be read: %(reason)s") % {"reason": str(error)}, level="error"))
    response = redirect(f"{list_url(entity_for(request, path))}?view=0")
    if is_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": response.url})
    return response


def _side(request: HttpRequest, state: ListState) -> dict[str, Any]:
    """The side panel of a full page: fetched from the record's own view when the page stands."""
    if not state.peek or is_fragment(request):
        return {"side_open": False, "side_html": ""}
    return {"side_open": True, "side_html": f"{peek_url(state.entity, state.peek)}?{state.query(peek=None)}"}


def carried(request: HttpRequest) -> QueryDict:
    """The list's query a dialog carries along as ``state``."""
    return QueryDict(request.POST.get("state", "") or request.GET.get("state", ""))


def lead_to(request: HttpRequest, entity: Entity, address: str) -> HttpResponseBase:
    """Lead from a dialog to a list's address: drawn in place when that list stands behind the dialog."""
    if not is_fragment(request):
        return redirect(address)
    behind = urlsplit(request.headers.get("HX-Current-URL", "")).path
    if behind != list_url(entity) or urlsplit(address).path != behind:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return trigger(HttpResponse(status=204), **{"gx:show": {"url": address}, "gx:close": True})


@page_view("GET", "POST")
def edit_filter(request: HttpRequest, path: str) -> HttpResponseBase:
    """The filter builder (a dialog, or a page without scripts); sending it leads to the filtered list."""
    entity, actor = entity_for(request, path), actor_of(request)
    if request.method == "POST":
        state = read_state(request, actor, entity, carried(request))
        tree = builder.read_builder(entity, request.POST)
        try:
            filters_checked(actor, state, tree)
        except Invalid as error:
            return draw(request, "list/filter.jinja", _builder(request, state, tree, error), status=422)
        back = face_url(entity, state.now.kind)
        return lead_to(request, entity, with_query(state.url(filter=tree, path=back), **state.given))
    state = read_state(request, actor, entity)
    return draw(request, "list/filter.jinja", _builder(request, state, state.now.filter, None))


def filters_checked(actor: Any, state: ListState, tree: dict[str, Any]) -> None:
    """Raise Invalid for a filter that cannot be asked."""
    if tree:
        records.compile_tree(actor, state.entity, tree)


def _builder(request: HttpRequest, state: ListState, tree: Any, error: Invalid | None) -> dict[str, Any]:
    actor = actor_of(request)
    return {
        "title": _("Filter"),
        "entity": state.entity,
        "state": state,
        **builder.asked(actor, state.entity, tree),
        "error": str(error.message) if error else "",
        "query": state.kept,
        "clear": with_query(state.url(filter={}, path=face_url(state.entity, state.now.kind)), **state.given),
    }


@page_view()
def filter_row(request: HttpRequest, path: str) -> HttpResponseBase:
    """One row of the builder drawn anew after its field or operator changed, or a fresh one."""
    entity, actor = entity_for(request, path), actor_of(request)
    number, group = request.GET.get("n", "0")[:6], request.GET.get("g", "0")[:3]
    if not number.isdecimal() or not group.isdecimal():
        raise Invalid(field="n")
    prefix = f"c.{number}."
    node = {"field": request.GET.get(f"{prefix}field", ""), "op": request.GET.get(f"{prefix}op", "")}
    sent = request.GET.getlist(f"{prefix}value")
    if sent and request.headers.get("HX-Trigger-Name", "").endswith(".op"):
        node["value"] = sent if len(sent) > 1 else sent[0]  # type: ignore[assignment]
    match, beside = nodes_of(builder.read_builder(entity, request.GET))
    row = builder.condition(actor, entity, number, group, node, beside if match == "all" else ())
    return draw(
        request, "list/condition.jinja", {"row": row, "entity": entity, "offers": builder.filterable(actor, entity)}
    )


@page_view("GET", "POST")
def edit_columns(request: HttpRequest, path: str) -> HttpResponseBase:
    """The column chooser: show, hide, order, pin. In the built-in view the choice is kept for the person."""
    entity, actor = entity_for(request, path), actor_of(request)
    if request.method == "POST":
        state = read_state(request, actor, entity, carried(request))
        wanted = () if "reset" in request.POST else _wanted(request)
        if state.view is None:
            preferences_remember(actor, "columns", entity.key, list(wanted) or None)
            address = state.url(columns=state.base.columns)
        else:
            address = state.url(columns=wanted or state.base.columns)
        return lead_to(request, entity, address)
    state = read_state(request, actor, entity)
    shown = page.shown_columns(request, actor, state)
    paths = {column.path for column in shown}
    others = [offer for offer in columns_of.offers(actor, entity) if offer.path not in paths]
    context = {
        "title": _("Columns"),
        "entity": entity,
        "state": state,
        "shown": shown,
        "others": others,
        "query": state.query(),
    }
    return draw(request, "list/columns.jinja", context)


def _wanted(request: HttpRequest) -> tuple[str, ...]:
    pinned = set(request.POST.getlist("pin"))
    return tuple(f"{name}!" if name in pinned else name for name in dict.fromkeys(request.POST.getlist("column")))[:60]


@page_view("POST")
def keep_widths(request: HttpRequest, path: str) -> HttpResponseBase:
    """Remember the column widths somebody dragged in this view."""
    entity, actor = entity_for(request, path), actor_of(request)
    sent = {name: str(value) for name, value in request.POST.items()}
    given = {name: int(value) for name, value in sent.items() if value.isdecimal() and len(value) < 5}
    widths = {name: min(columns_of.MOST, max(columns_of.LEAST, value)) for name, value in list(given.items())[:60]}
    view = request.GET.get("view", "0")
    preferences_remember(actor, "widths", f"{entity.key}:{view if view.isdecimal() else 0}", widths)
    return HttpResponse(status=204)


@page_view("POST")
def keep_size(request: HttpRequest, path: str) -> HttpResponseBase:
    """Remember how many rows a page has."""
    entity, actor = entity_for(request, path), actor_of(request)
    size = request.POST.get("size", "")
    if size not in {str(one) for one in SIZES}:
        raise Invalid(field="size")
    preferences_set(actor, values={"page_size": size})
    return redirect(read_state(request, actor, entity, carried(request)).url(cursor="", start=1))


@page_view(may_be_old=True)
def show_totals(request: HttpRequest, path: str) -> HttpResponseBase:
    """The footer of a long list, asked for after the page stands."""
    entity, actor = entity_for(request, path), actor_of(request)
    state = read_state(request, actor, entity)
    shown = page.shown_columns(request, actor, state)
    context = {"columns": [(column, "", "") for column in shown], "footer": page.footer(actor, state, shown, None)}
    return draw(request, "list/footer.jinja", context)
