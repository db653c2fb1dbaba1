"""What pickers ask while somebody types: records, people, regions and tags, at most twenty, under the actor's rights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.automation import templates
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Tag
from guanxi.core.records import dictionaries
from guanxi.core.records.search.query import search
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_at, entity_of
from guanxi.core.web.forms import choosing, offers
from guanxi.core.web.views.common import actor_of, page_view

LIMIT = 20
#: Where looking through regions begins; other countries are found by name.
HOME = "CN"


def items(offered: list[dict[str, str]]) -> HttpResponseBase:
    """The answer a picker waits for: the first of what is offered."""
    return JsonResponse({"items": offered[:LIMIT]}, json_dumps_params={"ensure_ascii": False})


@page_view()
def pick_snippets(request: HttpRequest) -> HttpResponseBase:
    """Snippets of everybody and one's own whose name or text holds the words; ``value`` is the text."""
    words = request.GET.get("q", "").strip().casefold()[:40]
    return items([
        {"value": text, "text": name, "hint": " ".join(text.split())[:60]}
        for one, name, text in templates.snippets(actor_of(request))
        if not words or words in f"{name} {text} {one.key}".casefold()
    ])  # fmt: skip


@page_view()
def pick_records(request: HttpRequest, path: str) -> HttpResponseBase:
    """Records found by the words of the global search (any characters, pinyin, initials, phone, number).

    What fits best stands first: Enter takes it. The most recently changed ones when nothing is typed;
    ``{"items": [{"value", "text", "hint"}]}``.
    """
    actor, entity = actor_of(request), entity_at(path)
    access.require(actor, "view", entity)
    words = request.GET.get("q", "").strip()[:100]
    if "asked" in request.GET:
        return items(offers.items(actor, entity, request.GET["asked"], words))
    found = _fitting(actor, entity, _narrowed(request, actor, entity), words)
    hints = _hints(actor, entity, found)
    told = [
        {"value": str(one.pk), "text": choosing.title_of(entity, one, actor), "hint": hints.get(one.pk, "")}
        for one in found
    ]
    if entity.key == "core.user" and not words and actor.user_id:
        mine = [one for one in told if one["value"] == str(actor.user_id)]
        told = (mine or [{"value": str(actor.user_id), "text": actor.name, "hint": _("me")}]) + [
            one for one in told if one not in mine
        ]
    return items(told)


def _fitting(actor: Actor, entity: Entity, offered: Mapping[str, Any] | None, words: str) -> list[Any]:
    """Records a picker offers for the words, the best first; then those that fit nearly, in the order of lists."""
    best = [hit.record_id for hit in search(actor, words, entities=[entity], limit=LIMIT)] if words else []
    rows = records.queryset(actor, entity, filter=offered).filter(pk__in=best) if best else ()
    fitting = sorted(rows, key=lambda row: best.index(row.pk))
    if len(fitting) == LIMIT:
        return fitting
    near = records.select(actor, entity, filter=offered, text=words, limit=LIMIT, count=False).items
    return (fitting + [row for row in near if row.pk not in best])[:LIMIT]


def _narrowed(request: HttpRequest, actor: Any, entity: Entity) -> Mapping[str, Any] | None:
    """What pickers of the entity offer, and of that only what belongs to the record chosen around (``within``, ``of``)."""
    name, value = request.GET.get("within", ""), request.GET.get("of", "")
    if name not in records.shape.readable(actor, entity) or not value.isdecimal():
        return entity.pickable
    belongs = {"field": name, "op": "eq", "value": int(value)}
    return {"all": [belongs, entity.pickable]} if entity.pickable else belongs


def _hints(actor: Any, entity: Entity, found: list[Any]) -> dict[int, str]:
    """A second line per record: the subtitle of its search entry, so that equal names can be told apart."""
    readable = records.shape.readable(actor, entity)
    names = [name for name in (entity.search.subtitle if entity.search else ()) if name in readable][:2]
    return {
        one.pk: " · ".join(filter(None, (records.display.value_text(actor, entity, one, name) for name in names)))
        for one in found
    }


@page_view()
def pick_regions(request: HttpRequest) -> HttpResponseBase:
    """Regions whose name holds the typed words; with nothing typed those below ``under`` (provinces at first)."""
    words = request.GET.get("q", "").strip()[:60]
    if words:
        found = dictionaries.regions_named(words, LIMIT)
    else:
        under = request.GET.get("under", "") or HOME
        below = dictionaries.regions(under)
        found = [*(dictionaries.region_path(under)[-1:] if under != HOME else []), *below]
        return JsonResponse({"items": [_region(one.key) for one in found]}, json_dumps_params={"ensure_ascii": False})
    return items([_region(one.key) for one in found])


def _region(code: str) -> dict[str, str]:
    return {"value": code, "text": dictionaries.region_label(code), "hint": ""}


@page_view()
def pick_tags(request: HttpRequest) -> HttpResponseBase:
    """Tags for records of the entity named by ``for``, and those for all."""
    actor = actor_of(request)
    words, sort = request.GET.get("q", "").strip()[:60], request.GET.get("for", "")
    tags = access.visible(Tag.objects.filter(entity__in=["", sort], name__icontains=words), actor).order_by("name")
    return items([{"value": str(tag.pk), "text": tag.name, "hint": ""} for tag in tags[:LIMIT]])


@page_view("POST")
def new_tag(request: HttpRequest) -> HttpResponseBase:
    """Make a tag from its name, or find the one there is; answers as one picker item."""
    actor = actor_of(request)
    name = request.POST.get("name", "").strip()
    if not name:
        raise Invalid(_("Type a name first."), code="tag.name", field="name")
    found = access.visible(Tag.objects.filter(name__iexact=name), actor).first()
    tag = found or records.create(actor, entity_of("core.tag"), {"name": name})
    return JsonResponse({"value": str(tag.pk), "text": tag.name}, json_dumps_params={"ensure_ascii": False})
