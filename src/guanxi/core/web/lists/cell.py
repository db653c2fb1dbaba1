"""Inline edit: one cell's editor, and saving it through the one write path."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Conflict, Invalid, NotFound, RuleBroken
from guanxi.core.records import display, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import json_of
from guanxi.core.web.errors import text_of
from guanxi.core.web.forms import choosing
from guanxi.core.web.inputs import raw_values
from guanxi.core.web.lists import rows
from guanxi.core.web.lists.columns import Column, lock_reason
from guanxi.core.web.toasts import attach, toast
from guanxi.core.web.views.common import actor_of, entity_for, page_view


@page_view("GET", "POST")
def edit_cell(request: HttpRequest, path: str, pk: int, name: str) -> HttpResponseBase:
    """GET: the editor of one field. POST: save it; answers the new cell, or the editor with its error (422, 409)."""
    entity, actor = entity_for(request, path), actor_of(request)
    record = records.get(actor, entity, pk)
    declared = _editable(actor, entity, record, name)
    if request.method != "POST":
        return _editor(request, actor, entity, record, declared, values.current(record, declared))
    given = raw_values([declared], request.POST, partial=True)
    if name not in given:
        raise Invalid(field=name)
    try:
        fresh = records.update(actor, record, given, **_started(request, name))
    except Conflict as error:
        return _clashed(request, actor, entity, declared, given[name], error)
    except (Invalid, RuleBroken) as error:
        return _editor(request, actor, entity, record, declared, given[name], text_of(error), error.status)
    return saved_cell(actor, entity, declared, fresh)


def _editable(actor: Actor, entity: Entity, record: Any, name: str) -> Field:
    declared = shape.fields_of(entity).get(name)
    level = shape.path_level(actor, entity, name)
    if declared is None or level == "hidden":
        raise NotFound
    access.require(actor, "assign" if name == entity.access.owner else "change", record)
    reason = lock_reason(name, declared, level)
    if reason:
        raise RuleBroken(reason, code="cell.locked")
    return declared


def _started(request: HttpRequest, name: str) -> dict[str, Any]:
    """The version and value the person began with."""
    version = request.POST.get("version", "")
    try:
        original = json.loads(request.POST.get("original", ""))
    except ValueError:
        return {"version": int(version)} if version.isdecimal() else {}
    return {"version": int(version), "original": {name: original}} if version.isdecimal() else {}


def _editor(
    request: HttpRequest,
    actor: Actor,
    entity: Entity,
    record: Any,
    declared: Field,
    value: Any,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    held = {declared.name: value, declared.currency: getattr(record, declared.currency, "")}
    errors = {declared.name: [error]} if error else {}
    made = choosing.inputs(actor, entity, [declared], held, errors=errors, record=record)[declared.name]
    context = {
        "f": replace(made, bare=True),
        "version": record.version,
        "original": json.dumps(json_of(values.current(record, declared)), ensure_ascii=False, default=str),
        "error": error,
    }
    return render(request, "list/cell.jinja", context, status=status, using="jinja2")


def _clashed(
    request: HttpRequest, actor: Actor, entity: Entity, declared: Field, mine: Any, error: Conflict
) -> HttpResponse:
    """Somebody else changed the same field: show theirs, keep mine in the editor; saving again overwrites knowingly."""
    record = records.get(actor, entity, int(request.resolver_match.kwargs["pk"]) if request.resolver_match else 0)
    theirs = display.value_text(actor, entity, record, declared.name) or "—"
    text = _("Somebody else changed this to “%(value)s”. Save again to replace it.") % {"value": theirs}
    return _editor(request, actor, entity, record, declared, mine, text, error.status)


def saved_cell(actor: Actor, entity: Entity, declared: Field, fresh: Any) -> HttpResponseBase:
    """The cell after saving, with a toast that can take it back."""
    column = Column(
        path=declared.name,
        field=declared,
        label=declared.label,
        level="write",
        width=0,
        title=declared.name == entity.title,
    )
    response = HttpResponse(rows.one_cell(actor, entity, column, fresh))
    response["X-Record-Version"] = str(fresh.version)
    operation = getattr(fresh, "operation_id", None)
    if operation:
        text = _("%(field)s of %(name)s saved.") % {
            "field": capfirst(str(declared.label)),
            "name": display.title_of(entity, fresh, actor),
        }
        attach(response, toast(text, undo=f"/operations/{operation}/undo/"))
    return response
