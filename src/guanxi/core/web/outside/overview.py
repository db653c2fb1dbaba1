"""Which public pages there are: for whoever works with them, and for administrators with switches."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.access import allowed
from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.models import PortalView, PublicPage
from guanxi.core.models.outside import LOOKUP
from guanxi.core.models.stamps import kept
from guanxi.core.outside import pages, publishing
from guanxi.core.records.shape import spoken
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web.people.common import done, show
from guanxi.core.web.views.common import actor_of, page_view


@kept("portal", size=1)
def _active() -> tuple[PublicPage, ...]:
    return tuple(PublicPage.objects.filter(active=True))


def pages_for(actor: Actor) -> list[PublicPage]:
    """The pages the actor may open as one of the house."""
    return [
        one
        for one in _active()
        if is_registered(one.entity) and allowed(actor, "view" if one.kind == LOOKUP else "create", one.entity)
    ]


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """The look-ups and questionnaires the actor may use, with their public addresses."""
    found = pages_for(actor_of(request))
    if not found:
        raise NotFound
    lines = [
        {"page": one, "name": pages.name_of(one), "about": pages.about_of(one), "url": _url(request, one)}
        for one in found
    ]
    return show(request, "outside/index.jinja", {"title": _("Look-ups and questionnaires"), "lines": lines})


def _url(request: HttpRequest, page: PublicPage) -> str:
    return request.build_absolute_uri(f"/public/{page.key}/") if page.definition.get("public", True) else ""


@page_view("GET", "POST")
def settings(request: HttpRequest) -> HttpResponseBase:
    """Everything opened to those outside, each with a switch."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    if request.method == "POST":
        sort, _colon, number = request.POST.get("what", "").partition(":")
        publishing.switch(actor, sort, int(number) if number.isdecimal() and len(number) < 18 else 0)
        return done(request, "/settings/outside/", _("Saved."))
    views = [_view_line(row) for row in PortalView.objects.order_by("subject", "position", "entity")]
    found = [
        {"page": one, "name": pages.name_of(one), "about": pages.about_of(one), "url": _url(request, one)}
        for one in PublicPage.objects.all()
    ]
    return show(
        request,
        "outside/settings.jinja",
        {"title": _("Public pages and clients’ own pages"), "pages": found, "views": views},
    )


def _view_line(row: PortalView) -> dict[str, Any]:
    label = str(entity_of(row.entity).plural) if is_registered(row.entity) else row.entity
    return {
        "row": row,
        "name": spoken(row.name_zh, row.name_en) or label,
        "subject": str(entity_of(row.subject).label) if is_registered(row.subject) else row.subject,
        "fields": publishing.labels(row.entity, row.fields),
        "create": publishing.labels(row.entity, row.create),
    }
