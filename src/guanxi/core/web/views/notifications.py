"""The bell: what happened that concerns me, by record; read and unread; the numbers open pages ask for."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from guanxi.core.automation import channels, notify
from guanxi.core.automation.notify import Note
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web.addresses import record_url
from guanxi.core.web.views.common import actor_of, draw, is_fragment, page_view
from guanxi.core.web.views.pages import back_to, redirect


def target(note: Note) -> str:
    """Where a notification leads: its record, else the page of its sort or the list of notifications."""
    if note.record_id and is_registered(note.entity):
        return record_url(entity_of(note.entity), note.record_id)
    sort = channels.SORTS.get(note.sort)
    return "/operations/" if note.sort == "operation" else (sort and sort.url) or "/notifications/"


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """One's notifications, newest first; ``sort`` and ``unread`` narrow them, ``before`` leads to older ones."""
    actor = actor_of(request)
    sort, unread = request.GET.get("sort", ""), request.GET.get("unread") == "1"
    before = request.GET.get("before", "")
    found = notify.notifications(
        actor, sort=sort if sort in channels.SORTS else "", unread=unread, before=int(before) if _number(before) else 0
    )
    context = {
        "title": _("Notifications"),
        "notes": [(note, target(note)) for note in found.notes],
        "sorts": [(key, one.label) for key, one in channels.SORTS.items()],
        "sort": sort,
        "unread": unread,
        "older": found.next,
        "count": notify.unread_count(actor),
    }
    return draw(request, "pages/notifications.jinja", context)


def _number(text: str) -> bool:
    return text.isdecimal() and len(text) < 19


@page_view("POST")
def mark(request: HttpRequest) -> HttpResponseBase:
    """Mark one (``id``) or all read, or one unread again (``unread=1``)."""
    given = request.POST.get("id", "")
    ids = [int(given)] if _number(given) else None
    notify.mark_read(actor_of(request), ids, read=request.POST.get("unread") != "1")
    if is_fragment(request):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect(back_to(request, "/notifications/"))


@page_view("POST")
def follow(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Mark it read and go where it leads."""
    actor = actor_of(request)
    to = _lead(actor, pk)
    notify.mark_read(actor, [pk])
    return redirect(to)


def _lead(actor: Actor, pk: int) -> str:
    found: Any = notify.notifications(actor, before=pk + 1, limit=1).notes
    if not found or found[0].id != pk:
        raise NotFound(code="page.unknown")
    return target(found[0])


@page_view()
def live(request: HttpRequest) -> HttpResponseBase:
    """Unread count and the latest notification's id, for pages without a live stream."""
    return JsonResponse(notify.live_state(actor_of(request)))
