"""What every view of the web face shares: signed in or sent to sign in; whole page or fragment; the actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from guanxi.core import access
from guanxi.core.kernel.actor import ANONYMOUS, Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.records import doubts
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_at
from guanxi.core.web.errors import asked_back
from guanxi.runtime.timing import drawing

View = Callable[..., HttpResponseBase]


def actor_of(request: HttpRequest) -> Actor:
    """Who is asking."""
    return cast("Actor", getattr(request, "actor", ANONYMOUS))


def page_view(*methods: str, may_be_old: bool = False) -> Callable[[View], View]:
    """A view that answers ``methods`` (GET and HEAD unless told; others get 405). The middleware asks for a sign-in.

    One that ``may_be_old`` only reads, and may read a replica that is a moment behind. Who sends something is asked back
    what is rarely meant, whichever view writes it; ``_sure`` says that it is.
    """
    allowed = list(methods or ("GET",))
    if "GET" in allowed:
        allowed.append("HEAD")

    def wrap(view: View) -> View:
        made: Any = require_http_methods(allowed)(_asking(view) if "POST" in allowed else view)
        made.may_be_old = may_be_old
        return cast("View", made)

    return wrap


def _asking(view: View) -> View:
    """The view, whose writes ask back; nobody is there to be asked where a browser sends what it kept, or outside."""

    @wraps(view)
    def asks(request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        if request.method != "POST" or actor_of(request).user_id is None or "X-Queued" in request.headers:
            return view(request, *args, **named)
        with doubts.asking(sure="_sure" in request.POST) as ear:
            response = view(request, *args, **named)
        if ear.raised is None or response.status_code < 400 or b'name="_sure"' in getattr(response, "content", b""):
            return response
        return asked_back(request, ear.raised, response)  # a form that has no place for the question

    return cast("View", asks)


def entity_for(request: HttpRequest, path: str, action: str = "view") -> Entity:
    """The entity of an address, if the actor may do the action on any of its records; else NotFound."""
    entity = entity_at(path)
    if not access.allowed(actor_of(request), "view", entity):
        raise NotFound(code="entity.unknown")
    if action != "view":
        access.require(actor_of(request), action, entity)
    return entity


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page (a boosted or restored page is a whole one)."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def draw(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200, fragment: str = ""
) -> HttpResponse:
    """Render ``template`` as a whole page, or ``fragment`` when htmx asks.

    A template that begins with ``{% extends layout %}`` serves both: ``layout`` is the shell or the bare fragment.
    """
    part = is_fragment(request)
    layout = "shell/partial.jinja" if part else "shell/base.jinja"
    name = fragment if part and fragment else template
    with drawing():
        response = render(request, name, {**context, "layout": layout, "part": part}, status=status, using="jinja2")
    response.headers["Vary"] = "Cookie, HX-Request"
    return response


def into_dialog(response: HttpResponse) -> HttpResponse:
    """Let htmx open the answer as a dialog, whatever part of the page the form that asked wanted drawn anew."""
    response["HX-Retarget"], response["HX-Reswap"], response["HX-Reselect"] = "#dialog-body", "innerHTML", "unset"
    return response
