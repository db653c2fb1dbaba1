"""The page of settings: everything that can be set, by theme, with a line each and a box that searches."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.kernel.errors import NotFound
from guanxi.core.schema.registry import entities
from guanxi.core.web import addresses, contributions
from guanxi.core.web.views.common import actor_of, draw, page_view

#: Entries by their order: up to which place of the menu a theme reaches.
PEOPLE, SHAPE, WORK, RUNNING = 59, 99, 179, 199


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """What the person may set; for somebody who may set nothing the page does not exist."""
    actor = actor_of(request)
    tiles: list[dict[str, Any]] = [
        {
            "label": entry.label, "hint": entry.hint, "url": entry.url, "icon": entry.icon, "color": entry.color,
            "order": entry.order, "badge": entry.badge(actor) if entry.badge else 0,
        }
        for entry in contributions.entries_at("settings", actor)
    ]  # fmt: skip
    known = {one["url"] for one in tiles}
    tiles += [
        {
            "label": entity.plural, "hint": entity.description, "url": addresses.list_url(entity), "icon": entity.icon,
            "color": entity.color, "order": entity.menu.order + RUNNING, "badge": 0,
        }
        for entity in entities()
        if entity.menu.group == "settings" and access.allowed(actor, "view", entity) and addresses.list_url(entity) not in known
    ]  # fmt: skip
    if not tiles:
        raise NotFound
    tiles.sort(key=lambda one: (one["order"], str(one["label"])))
    themes = [
        (_("People and rights"), [one for one in tiles if one["order"] <= PEOPLE]),
        (_("Shape of the workspace"), [one for one in tiles if PEOPLE < one["order"] <= SHAPE]),
        (_("Rules and calendars"), [one for one in tiles if SHAPE < one["order"] <= WORK]),
        (_("Running the workspace"), [one for one in tiles if WORK < one["order"] <= RUNNING]),
        (_("Base data of the areas"), [one for one in tiles if one["order"] > RUNNING]),
    ]
    context = {"title": _("Settings"), "themes": [one for one in themes if one[1]]}
    return draw(request, "shaping/hub.jinja", context)
