"""Global search and the command palette: records, views, things to create, places to go; only what the actor may see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core import access
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.records import display, marks, savedviews
from guanxi.core.records.search.naming import Hit
from guanxi.core.records.search.query import search
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities, entity_at, entity_of
from guanxi.core.web import contributions
from guanxi.core.web.addresses import board_url, list_url, record_url
from guanxi.core.web.shell import Shell
from guanxi.core.web.views.common import actor_of, draw, page_view

#: Prefixes that limit the palette: ``>`` commands, ``#`` views.
COMMANDS, VIEWS = ">", "#"
MOST = 8
PAGE = 60


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the palette: what is shown, where it leads; ``dialog`` opens it in the dialog."""

    text: str
    url: str
    icon: str
    color: str = "slate"
    hint: str = ""
    dialog: bool = False


def _matches(words: str, *texts: str) -> bool:
    return all(any(word in text.casefold() for text in texts) for word in words.casefold().split())


def from_hit(hit: Hit) -> Found:
    """A record found by the search."""
    entity = entity_of(hit.entity)
    hint = " · ".join(part for part in (hit.reason, hit.subtitle) if part)
    return Found(hit.title, record_url(entity, hit.record_id), entity.icon, entity.color, hint)


def recent(actor: Actor) -> list[Found]:
    """The records the actor opened last."""
    return [
        Found(
            display.title_of(entity, record, actor),
            record_url(entity, record.pk),
            entity.icon,
            entity.color,
            str(entity.label),
        )
        for entity, record in marks.recents(actor, limit=MOST)
    ]


def places(actor: Actor, shell: Shell, words: str) -> Iterator[Found]:
    """Lists, boards and pages whose name fits."""
    if _matches(words, _("Today"), "today"):
        yield Found(_("Today"), "/", "home", "blue")
    for entity in shell.listed:
        if _matches(words, str(entity.plural), entity.path):
            yield Found(str(entity.plural), list_url(entity), entity.icon, entity.color, _("List"))
            if entity.board:
                yield Found(str(entity.plural), board_url(entity), "layout-kanban", entity.color, _("Board"))
    for entry in contributions.all_entries(actor):
        if _matches(words, str(entry.label), entry.key):
            yield Found(str(entry.label), entry.url, entry.icon, entry.color, dialog=entry.dialog)


def creations(shell: Shell, words: str) -> Iterator[Found]:
    """What may be created whose name fits."""
    for one in shell.creatable:
        label = _("New %(what)s") % {"what": one["label"]}
        if _matches(words, label, str(one["label"])):
            yield Found(label, one["url"], "plus", one["color"], dialog=True)


def views(actor: Actor, listed: Sequence[Entity], words: str) -> Iterator[Found]:
    """Saved views whose name fits."""
    found = savedviews.views_by_entity(actor, listed)
    for entity in listed:
        for view in found.get(entity.key, ()):
            if _matches(words, view.name):
                yield Found(
                    view.name, f"{list_url(entity)}?view={view.pk}", "bookmark", entity.color, str(entity.plural)
                )


def palette_groups(actor: Actor, shell: Shell, query: str) -> list[tuple[str, list[Found]]]:
    """The lines of the palette under their headings."""
    query = query.strip()
    mode, words = (query[0], query[1:].strip()) if query[:1] in (COMMANDS, VIEWS) else ("", query)
    groups: list[tuple[str, list[Found]]] = []
    if not mode and not words:
        groups.append((_("Opened last"), recent(actor)))
    if not mode and words:
        groups.append((_("Records"), [from_hit(hit) for hit in search(actor, words, limit=MOST)]))
    if mode != VIEWS:
        groups.append((_("Create"), list(creations(shell, words))[: MOST if words or mode else 4]))
        groups.append((_("Go to"), list(places(actor, shell, words))[: MOST * 2 if mode else MOST]))
    if words or mode == VIEWS:
        groups.append((_("Views"), list(views(actor, shell.listed, words))[:MOST]))
    return [(name, found) for name, found in groups if found]


@page_view(may_be_old=True)
def palette_results(request: HttpRequest) -> HttpResponseBase:
    """The lines for what was typed."""
    actor, query = actor_of(request), request.GET.get("q", "")[:200]
    context = {"groups": palette_groups(actor, Shell(request), query), "query": query}
    return render(request, "search/results.jinja", context, using="jinja2")


@page_view(may_be_old=True)
def show_search(request: HttpRequest) -> HttpResponseBase:
    """The page of the global search: hits by sort of record, each with why it was found."""
    actor, query = actor_of(request), request.GET.get("q", "").strip()[:200]
    only = _only(actor, request.GET.get("in", ""))
    hits = search(actor, query, entities=[only] if only else None, limit=PAGE) if query else []
    counted = {key: len(list(some)) for key, some in groupby(sorted(hit.entity for hit in hits))}
    groups: list[dict[str, Any]] = []
    for key in dict.fromkeys(hit.entity for hit in hits):
        entity = entity_of(key)
        mine = [from_hit(hit) for hit in hits if hit.entity == key]
        groups.append(
            {
                "entity": entity,
                "found": mine,
                "count": counted[key],
                "all": f"{list_url(entity)}?{urlencode({'view': 0, 'q': query})}",
            }
        )
    searchable = [one for one in entities() if one.search is not None and access.allowed(actor, "view", one)]
    context = {
        "title": _("Search: %(words)s") % {"words": query} if query else _("Search"),
        "query": query,
        "groups": groups,
        "searchable": searchable,
        "only": only.path if only else "",
        "words": ngettext("%(num)s record found", "%(num)s records found", len(hits)) % {"num": len(hits)},
        "recent": recent(actor) if not query else [],
    }
    return draw(request, "search/page.jinja", context)


def _only(actor: Actor, path: str) -> Entity | None:
    if not path:
        return None
    entity = entity_at(path)
    if entity.search is None or not access.allowed(actor, "view", entity):
        raise NotFound
    return entity
