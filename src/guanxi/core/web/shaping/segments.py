"""The list of segments, and the editor of one: who belongs to it, how many those are, and where it is used."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import Segment
from guanxi.core.records import segments
from guanxi.core.records.query import compile_tree, is_empty
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_at, entity_of, is_registered
from guanxi.core.shaping import segments as store
from guanxi.core.shaping.segments import SegmentDraft
from guanxi.core.web import editors
from guanxi.core.web.addresses import list_url
from guanxi.core.web.jinja import with_query
from guanxi.core.web.lists.state import parse_tree
from guanxi.core.web.lists.wording import describe
from guanxi.core.web.people.common import done, show, version_of
from guanxi.core.web.shaping.common import shaper
from guanxi.core.web.views.common import page_view

HOME = "/settings/segments/"
#: Up to so many are counted exactly.
EXACT = 100_000


@page_view("GET")
def index(request: HttpRequest) -> HttpResponseBase:
    """All segments with their conditions in words, how many are in each, and where they are used."""
    actor = shaper(request)
    rows = []
    for one in segments.every().values():
        entity = entity_of(one.entity) if is_registered(one.entity) else None
        words = describe(actor, entity, one.condition) if entity else ""
        rows.append(
            (
                one,
                store.name_of(one),
                entity,
                words,
                _size(actor, one.entity, one.condition),
                store.uses_of(one.key),
                _list(one),
            )
        )
    return show(request, "shaping/segments.jinja", {"title": _("Segments"), "rows": rows})


def _list(one: Segment) -> str:
    """The list of those in a segment."""
    if not is_registered(one.entity):
        return ""
    return members_url(one.entity, {"field": segments.PATH, "op": "has_any", "value": [one.key]})


def members_url(entity: str, tree: Any) -> str:
    """The list of the records that fit a tree."""
    return with_query(list_url(entity_of(entity)), f=json.dumps(tree, ensure_ascii=False), view="0")


def _size(actor: Actor, entity: str, tree: Any) -> int | None:
    """How many the person asking sees in it; ``None`` where it cannot be told."""
    if not is_registered(entity) or is_empty(tree):
        return None
    try:
        return records.queryset(actor, entity_of(entity), filter=tree).order_by()[:EXACT].count()
    except GuanxiError:
        return None


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str = "") -> HttpResponseBase:
    """One segment, or a new one; a list hands its filter over as ``entity`` and ``f``."""
    actor = shaper(request)
    row = Segment.objects.filter(key=key).first() if key else None
    if key and row is None:
        raise NotFound
    if request.method == "POST":
        return _post(request, actor, row)
    if row is not None:
        draft = SegmentDraft(
            name_zh=row.name_zh, name_en=row.name_en, description=row.description, entity=row.entity,
            condition=row.condition, position=row.position,
        )  # fmt: skip
        return show(request, "shaping/segment.jinja", _context(actor, row, draft))
    path = request.GET.get("entity", "")
    found = entity_at(path).key if path else editors.first_choice()
    tree = _given(actor, entity_of(found), request.GET.get("f", ""))
    return show(
        request, "shaping/segment.jinja", _context(actor, None, SegmentDraft(name_zh="", entity=found, condition=tree))
    )


def _given(actor: Actor, entity: Entity, text: str) -> dict[str, Any]:
    """The filter a list hands over; nothing where it means nothing."""
    try:
        tree = parse_tree(text)
        compile_tree(actor, entity, tree)
    except GuanxiError:
        return {}
    return tree


def _post(request: HttpRequest, actor: Actor, row: Segment | None) -> HttpResponseBase:
    if request.POST.get("do") == "delete" and row is not None:
        try:
            store.segment_delete(actor, row)
        except GuanxiError as error:
            return show(request, "shaping/segment.jinja", _context(actor, row, _draft(request)), error)
        return done(request, HOME, _("“%(name)s” was removed.") % {"name": store.name_of(row)})
    draft = _draft(request)
    if request.POST.get("do") == "save":
        try:
            saved = store.segment_save(actor, row, draft, version=version_of(request))
        except GuanxiError as error:
            return show(request, "shaping/segment.jinja", _context(actor, row, draft), error)
        words = _("The segment “%(name)s” was saved.") % {"name": store.name_of(saved)}
        return done(request, f"{HOME}{saved.key}/", words)
    return show(request, "shaping/segment.jinja", _context(actor, row, draft))


def _draft(request: HttpRequest) -> SegmentDraft:
    data, key = request.POST, request.POST.get("entity", "")
    return SegmentDraft(
        name_zh=data.get("name_zh", ""), name_en=data.get("name_en", ""), description=data.get("description", ""), entity=key,
        condition=editors.condition_from(data, key),
        position=editors.position_from(data),
    )  # fmt: skip


def _context(actor: Actor, row: Segment | None, draft: SegmentDraft) -> dict[str, Any]:
    size = _size(actor, draft.entity, draft.condition)
    words = ngettext("%(num)d belongs to it now", "%(num)d belong to it now", size or 0) % {"num": size or 0}
    context = {
        "title": store.name_of(row) if row else _("New segment"),
        "row": row,
        "draft": draft,
        **editors.about(actor, draft.entity, draft.condition),
        "size": size,
        "words": words,
        "members": members_url(draft.entity, draft.condition) if size is not None else "",
        "uses": store.uses_of(row.key) if row else [],
    }
    if row and len(segments.of(draft.entity)) < 2:  # none but itself, which it cannot contain
        context["offers"] = [one for one in context["offers"] if one.path != segments.PATH]
    return context
