"""Cards of a home page that an administrator or a pack made: a list of records under a filter.

They stand in the layout ``home`` of a role as ``lists``: ``{"key", "zh", "en", "icon", "entity", "filter", "sort", "columns", "limit"}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.records import display, layouts, shape
from guanxi.core.records.shape import spoken
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import addresses
from guanxi.core.web.contributions import Card, cards
from guanxi.core.web.hints import hint

SHOWN = 8


def cards_for(actor: Actor) -> list[Card]:
    """Everything on the actor's home page in order: figures, the lists of his layout, what areas contributed."""
    found = cards(actor)
    first = [one for one in found if one.key == "figures"]
    lists = _listed(layouts.layout_of(actor, None, "home") or {})
    return [*first, *lists, *(one for one in found if one.key != "figures")]


def _listed(arranged: Mapping[str, Any]) -> list[Card]:
    """The cards a home layout names, in its order."""
    return [
        Card(
            key=f"list.{one.get('key', place)}",
            label=spoken(str(one.get("zh", "")), str(one.get("en", ""))),
            template="pages/list_card.jinja",
            context=partial(rows, given=one),
            icon=str(one.get("icon", "")),
            url=_url(one),
            order=2,
            wide=bool(one.get("wide")),
        )
        for place, one in enumerate(arranged.get("lists", ()))
        if isinstance(one, Mapping) and is_registered(str(one.get("entity", "")))
    ]


def _url(given: Mapping[str, Any]) -> str:
    address = addresses.list_url(entity_of(str(given["entity"])))
    tree = given.get("filter")
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    return f"{address}?{urlencode({'view': 0, 'f': text})}" if tree else address


def rows(actor: Actor, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first records of a list, each with a second line; hidden from whoever may see none of them."""
    entity = entity_of(str(given["entity"]))
    if not access.allowed(actor, "view", entity):
        return None
    limit = min(int(given.get("limit") or SHOWN), 20)
    try:
        page = records.select(actor, entity, filter=given.get("filter"), sort=tuple(given.get("sort", ())), limit=limit)
    except GuanxiError:
        return None
    readable = shape.readable(actor, entity)
    names = [name for name in given.get("columns", ()) if name in readable]
    known = display.names_for(actor, page.items, [readable[name] for name in names])
    lines = [
        {
            "title": display.title_of(entity, one, actor),
            "url": addresses.record_url(entity, one.pk),
            "hints": [text for name in names if (text := hint(actor, one, readable[name], known))],
        }
        for one in page.items
    ]
    return {
        "lines": lines,
        "count": page.count,
        "exact": page.count_exact,
        "more": (page.count or 0) > len(lines),
        "url": _url(given),
    }
