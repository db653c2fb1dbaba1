"""Adding members to a campaign from a segment or a saved view: who they are and how many is shown before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _

from guanxi.areas.marketing import selectors
from guanxi.areas.marketing.selectors import CAMPAIGN, CONTACT, CUSTOMER, LEAD, MEMBER
from guanxi.core import access, records
from guanxi.core.automation.operations import act_begin, start
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.records import bulk, dictionaries, savedviews, segments
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping.segments import name_of
from guanxi.core.web import toasts
from guanxi.core.web.contributions import add_pages
from guanxi.core.web.errors import text_of
from guanxi.core.web.lists.bulk import result_toast
from guanxi.core.web.reports.shown import node_url
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.core.web.views.pages import redirect

WHO = (CONTACT, CUSTOMER, LEAD)


@dataclass(frozen=True, slots=True)
class Source:
    """A group of people who can be added: its key in the form, its name, the entity and the query tree."""

    key: str
    label: str
    entity: Entity
    tree: Mapping[str, Any]


def sources(actor: Actor) -> list[tuple[str, list[Source]]]:
    """Segments and saved views of contacts, customers and leads the actor may use, by sort of record."""
    found = []
    for key in WHO:
        if not access.allowed(actor, "view", key):
            continue
        entity = entity_of(key)
        some = [
            Source(f"segment:{one.key}", name_of(one), entity, {"field": segments.PATH, "op": "has_any", "value": [one.key]})
            for one in segments.of(entity)
        ]  # fmt: skip
        for view in savedviews.views_for(actor, entity):
            tree = view.definition.get("filter") or {}
            if tree:
                some.append(Source(f"view:{view.pk}", view.name, entity, tree))
        if some:
            found.append((str(entity.plural), some))
    return found


def _chosen(groups: list[tuple[str, list[Source]]], key: str) -> Source | None:
    return next((one for _label, some in groups for one in some if one.key == key), None)


def _size(actor: Actor, source: Source | None) -> int | None:
    """How many the actor sees in it; ``None`` where its condition means nothing any more."""
    if source is None:
        return None
    try:
        return records.queryset(actor, source.entity, filter=source.tree).order_by().count()
    except GuanxiError:
        return None


@page_view("GET", "POST")
def add_members(request: HttpRequest, pk: int) -> HttpResponseBase:
    """GET: which group, and how many it is. POST: add them, in the background when they are many."""
    actor = actor_of(request)
    campaign = records.get(actor, CAMPAIGN, pk)
    access.require(actor, "create", MEMBER)
    groups, error = sources(actor), ""
    sent = request.POST if request.method == "POST" else request.GET
    chosen = _chosen(groups, sent.get("source", ""))
    state = sent.get("state") or dictionaries.default_of(selectors.STATES)
    if "go" in request.POST:
        try:
            if chosen is None:
                raise Invalid(_("Choose a group."), code="campaign.source", field="source")
            ids = bulk.selected(actor, chosen.entity, filter=chosen.tree)
            step = start(actor, act_begin(actor, chosen.entity, "join_campaign", ids, {"campaign": pk, "state": state}))
            if step.state in ("waiting", "running"):
                return redirect(f"/operations/{step.pk}/")
            toasts.keep(request, result_toast(step))
            return redirect(f"/campaigns/{pk}/")
        except GuanxiError as wrong:
            error = text_of(wrong)
    context = {
        "title": _("Add members"),
        "campaign": campaign,
        "groups": groups,
        "chosen": chosen,
        "size": _size(actor, chosen),
        "url": node_url(chosen.entity, dict(chosen.tree)) if chosen else "",
        "background": bulk.AT_ONCE,
        "states": [one for one in dictionaries.values(selectors.STATES) if one.active],
        "state": state,
        "error": error,
    }
    return draw(request, "marketing/add_members.jinja", context, status=422 if error else 200)


add_pages(path("campaigns/<int:pk>/add-members/", add_members, name="campaign-add-members"))
