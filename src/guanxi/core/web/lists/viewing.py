"""Saved views from the web: keep a set-up under a name, save it, pin it, open with it, throw it away."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import SavedView
from guanxi.core.records import savedviews
from guanxi.core.web.addresses import list_url, view_url
from guanxi.core.web.errors import text_of
from guanxi.core.web.lists.state import ListState, read_state
from guanxi.core.web.lists.views import carried
from guanxi.core.web.toasts import keep, toast
from guanxi.core.web.views.common import actor_of, draw, entity_for, is_fragment, page_view
from guanxi.core.web.views.pages import redirect


def lead(request: HttpRequest, address: str, text: str) -> HttpResponseBase:
    """Go to an address and say there what was done."""
    keep(request, toast(text))
    return HttpResponse(status=204, headers={"HX-Redirect": address}) if is_fragment(request) else redirect(address)


def _form(request: HttpRequest, state: ListState, view: SavedView | None, error: str = "") -> HttpResponseBase:
    actor = actor_of(request)
    may_share = actor.rights.everything or savedviews.SHARE_FEATURE in actor.rights.features
    choices = [("private", _("Only me")), ("team", _("My department")), ("public", _("Everyone"))]
    offered = [
        one
        for one in choices
        if one[0] == "private" or (one[0] == "team" and actor.department_id) or (one[0] == "public" and may_share)
    ]
    held = view.visibility if view else "private"
    context: dict[str, Any] = {
        "title": view.name if view else _("Save as a new view"),
        "entity": state.entity,
        "view": view,
        "state": state,
        "query": state.kept,
        "name": request.POST.get("name", view.name if view else ""),
        "visibilities": offered + [one for one in choices if one[0] == held and one not in offered],
        "held": request.POST.get("visibility", held),
        "pinned": bool(view and actor.user_id in view.pinned_by),
        "is_default": bool(view and actor.user_id in view.default_of),
        "mine": view is None or savedviews.may_change(actor, view),
        "error": error,
    }
    return draw(request, "list/savedview.jinja", context, status=422 if error else 200)


@page_view("GET", "POST")
def new_view(request: HttpRequest, path: str) -> HttpResponseBase:
    """Keep the present set-up as a view of one's own."""
    entity, actor = entity_for(request, path), actor_of(request)
    if request.method == "GET":
        return _form(request, read_state(request, actor, entity), None)
    state = read_state(request, actor, entity, carried(request))
    data = request.POST
    try:
        view = savedviews.view_create(
            actor,
            entity,
            name=data.get("name", ""),
            definition=state.definition(),
            visibility=data.get("visibility", "private"),
            pin="pin" in data,
        )
    except GuanxiError as error:
        return _form(request, state, None, text_of(error))
    if "default" in data:
        savedviews.view_mark(actor, entity, view.pk, default=True)
    return lead(request, view_url(entity, view), _("View “%(name)s” saved.") % {"name": view.name})


@page_view("GET", "POST")
def edit_view(request: HttpRequest, path: str, view_id: int) -> HttpResponseBase:
    """Name, audience, pin and default of a view."""
    entity, actor = entity_for(request, path), actor_of(request)
    view = savedviews.view_get(actor, entity, view_id)
    if request.method == "GET":
        return _form(request, read_state(request, actor, entity), view)
    state, data = read_state(request, actor, entity, carried(request)), request.POST
    try:
        if savedviews.may_change(actor, view):
            savedviews.view_update(actor, entity, view_id, name=data.get("name", ""), visibility=data.get("visibility"))
        savedviews.view_mark(actor, entity, view_id, pin="pin" in data, default="default" in data)
    except GuanxiError as error:
        return _form(request, state, view, text_of(error))
    return lead(request, view_url(entity, view), _("View “%(name)s” saved.") % {"name": data.get("name") or view.name})


@page_view("POST")
def save_view(request: HttpRequest, path: str, view_id: int) -> HttpResponseBase:
    """Write the present set-up into the view."""
    entity, actor = entity_for(request, path), actor_of(request)
    state = read_state(request, actor, entity, carried(request))
    view = savedviews.view_update(actor, entity, view_id, definition=state.definition())
    return lead(request, view_url(entity, view), _("View “%(name)s” saved.") % {"name": view.name})


@page_view("POST")
def copy_view(request: HttpRequest, path: str, view_id: int) -> HttpResponseBase:
    """A copy of a view as one's own."""
    entity, actor = entity_for(request, path), actor_of(request)
    view = savedviews.view_get(actor, entity, view_id)
    name = _("Copy of %(name)s") % {"name": view.name}
    made = savedviews.view_create(actor, entity, name=name, definition=view.definition)
    return lead(request, view_url(entity, made), _("View “%(name)s” saved.") % {"name": made.name})


@page_view("POST")
def delete_view(request: HttpRequest, path: str, view_id: int) -> HttpResponseBase:
    """Throw a view away; the records stay."""
    entity, actor = entity_for(request, path), actor_of(request)
    name = savedviews.view_get(actor, entity, view_id).name
    savedviews.view_delete(actor, entity, view_id)
    return lead(request, f"{list_url(entity)}?view=0", _("View “%(name)s” deleted.") % {"name": name})
