"""What the views of a record share: finding it under rights, and the answer after a write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme

from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_at
from guanxi.core.web import toasts
from guanxi.core.web.errors import wants_fragment
from guanxi.core.web.toasts import Toast
from guanxi.core.web.views.common import actor_of
from guanxi.core.web.views.pages import redirect


def find(request: HttpRequest, path: str, pk: int) -> tuple[Actor, Entity, Any]:
    """Actor, entity and record of an address; NotFound when the actor may not see it."""
    actor = actor_of(request)
    entity = entity_at(path)
    return actor, entity, records.get(actor, entity, pk)


def target(request: HttpRequest) -> str:
    """The id of the element htmx fills with the answer, '' for a whole page."""
    return request.headers.get("HX-Target", "") if "HX-Request" in request.headers else ""


def came_from(request: HttpRequest, fallback: str) -> str:
    """The page a form was sent from, if it is one of ours."""
    address = request.headers.get("Referer", "")
    return address if url_has_allowed_host_and_scheme(address, {request.get_host()}) else fallback


def done(
    request: HttpRequest, *shown: Toast, go: str = "", events: Mapping[str, Any] | None = None
) -> HttpResponseBase:
    """After a write: scripts get toasts and events (a dialog closes, the page refreshes); others go on to ``go``.

    With ``go`` and no events scripts go there too.
    """
    if not wants_fragment(request):
        toasts.keep(request, *shown)
        return redirect(go or came_from(request, "/"))
    if go and not events:
        toasts.keep(request, *shown)
        return HttpResponse(status=204, headers={"HX-Redirect": go})
    answer = HttpResponse(status=204)
    toasts.attach(answer, *shown)
    toasts.trigger(answer, **(dict(events) if events else {"gx:close": {}, "gx:refresh": {}}))
    return answer
