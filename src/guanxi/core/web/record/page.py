"""The record page and its side panel, and the history of every change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.kernel.machines import spoken
from guanxi.core.records import history as changes
from guanxi.core.records import passing, process, together
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_at
from guanxi.core.web import addresses
from guanxi.core.web.approvals.views import strip
from guanxi.core.web.forms import choosing
from guanxi.core.web.record import details, lining, moments, related
from guanxi.core.web.record.common import find, target
from guanxi.core.web.record.header import header, path_field
from guanxi.core.web.record.shown import plain
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.core.web.workflows.runs import strip as flowing

HISTORY = 50


def _context(request: HttpRequest, actor: Actor, entity: Entity, record: Any) -> dict[str, Any]:
    head = header(actor, entity, record)
    return {
        "title": head.title,
        "entity": entity,
        "record": record,
        "head": head,
        "blocks": details.blocks(actor, entity, record),
        "moments": moments.read(actor, record, request),
        "lined": lining.lined(actor, entity, record),
        "panels": related.panels(actor, record, request),
        "cards": related.cards(actor, record),
        "here": addresses.record_url(entity, record.pk),
        "strip": strip(actor, record),
        "passed": _passed(actor, entity, record),
        "flowing": flowing(actor, record),
    }


def _passed(actor: Actor, entity: Entity, record: Any) -> list[passing.Passed]:
    """The steps the record went through, where its path is a process an administrator made."""
    field = path_field(actor, entity)
    if field is None or field.kind != "choice" or process.process_of(entity, field.name, record) is None:
        return []
    return passing.path_of(entity, record, field.name)


@page_view()
def page(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """The page of a record: head, details, timeline, related records. One in the trash is offered back."""
    try:
        actor, entity, record = find(request, path, pk)
    except NotFound:
        return _gone(request, path, pk)
    together.touch_recent(actor, record)
    template = "record/view.jinja" if target(request) == "record-view" else "record/page.jinja"
    return draw(request, template, _context(request, actor, entity, record))


def _gone(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """A record in the trash, for those who may take it out; NotFound for everybody else."""
    actor, entity = actor_of(request), entity_at(path)
    rows = entity.model.everything.filter(pk=pk, deleted_at__isnull=False).select_related("deleted_by")  # type: ignore[attr-defined]
    record = access.visible(rows, actor, "delete").first()
    if record is None:
        raise NotFound
    context = {
        "title": choosing.title_of(entity, record, actor),
        "entity": entity,
        "record": record,
        "restore": f"{addresses.record_url(entity, pk)}restore/",
    }
    return draw(request, "record/gone.jinja", context, status=404)


@page_view()
def peek(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """The same record for the side panel; opened directly it is the whole page."""
    actor, entity, record = find(request, path, pk)
    together.touch_recent(actor, record)
    return draw(request, "record/page.jinja", _context(request, actor, entity, record), fragment="record/peek.jinja")


@page_view()
def related_all(request: HttpRequest, path: str, pk: int, key: str) -> HttpResponseBase:
    """One card with more of its records."""
    actor, _entity, record = find(request, path, pk)
    card = related.card(actor, record, key)
    if card is None:
        raise NotFound
    return draw(request, "record/card.jinja", {"card": card, "whole": True})


@page_view()
def history(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """Every change of a record: who, when, from where, before and after; with the undo of what can be undone."""
    actor, entity, record = find(request, path, pk)
    before = _moment(request.GET.get("before", ""))
    found = changes.history(actor, record, before=before, limit=HISTORY + 1)
    lines = [
        {
            "change": one,
            "words": _words(one.action),
            "way": _way(one.via),
            "who": spoken(one.actor_name, one.actor_id) or _("system"),
            "fields": [*_told(actor, one.fields), *(row for line in one.lines for row in _line_told(actor, line))],
            "operation": f"/operations/{one.operation_id}/" if one.operation_id else "",
        }
        for one in found[:HISTORY]
    ]
    context = {
        "title": _("History of %(name)s") % {"name": choosing.title_of(entity, record, actor)},
        "lines": lines,
        "next": f"?before={found[HISTORY - 1].at.isoformat().replace('+', '%2B')}" if len(found) > HISTORY else "",
        "here": addresses.record_url(entity, pk),
        "name": choosing.title_of(entity, record, actor),
        "entity": entity,
    }
    return draw(request, "record/history.jinja", context)


def _told(actor: Actor, fields: Sequence[changes.FieldChange], where: str = "") -> list[tuple[Any, str, str]]:
    """Label, before and after of each field."""
    return [
        (
            f"{where}{change.field.label}" if where else change.field.label,
            plain(actor, change.field, change.before),
            plain(actor, change.field, change.after),
        )
        for change in fields
    ]


def _line_told(actor: Actor, line: changes.LineChange) -> list[tuple[Any, str, str]]:
    """A line that came or went in one row, a changed one field by field."""
    name = f"{line.label} · {line.name}"
    if line.action == "changed":
        return _told(actor, line.fields, f"{name} · ")
    if line.action == "removed":
        return [(name, _("there"), _("removed"))]
    facts = [(label, after) for label, _before, after in _told(actor, line.fields) if after not in ("", "—")]
    return [(name, "", _("added: %(what)s") % {"what": ", ".join(f"{label} {text}" for label, text in facts)})]


def _moment(text: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _way(via: str) -> str:
    """By which way a change came."""
    return {
        "web": _("on a page"),
        "api": _("through the API"),
        "mcp": _("by an assistant"),
        "cli": _("from the command line"),
        "job": _("in the background"),
        "import": _("by an import"),
        "database": _("in the database"),
        "demo": _("by the demo"),
    }.get(via, via)


def _words(action: str) -> str:
    return {
        "create": _("created this"),
        "update": _("changed this"),
        "trash": _("put this in the trash"),
        "restore": _("took this out of the trash"),
        "destroy": _("destroyed this"),
    }.get(action, action)
