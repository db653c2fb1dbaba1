"""Left column of a record page: the fields by section, and changing one of them in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Conflict, Denied, Invalid, NotFound, Text
from guanxi.core.records import layouts, shape, values
from guanxi.core.records.reveal import reveal as reveal_value
from guanxi.core.records.reveal import reveal_count
from guanxi.core.schema.entity import Entity, Section, Tab
from guanxi.core.schema.fields import Field
from guanxi.core.web import tabs, toasts
from guanxi.core.web.cells import Names
from guanxi.core.web.forms import build, choosing, saving
from guanxi.core.web.record import gate
from guanxi.core.web.record.common import find
from guanxi.core.web.record.editing import saved_toast
from guanxi.core.web.record.header import path_field
from guanxi.core.web.record.shown import Shown, names_of, plain, shown
from guanxi.core.web.views.common import draw, page_view


@dataclass(frozen=True, slots=True)
class Block:
    """One section of the details: its fields as shown; ``filled`` says whether any has a value."""

    title: Text
    key: str
    fields: list[Shown]
    filled: bool
    folded: bool = False
    columns: int = 0
    tab: Tab | None = None


def blocks(actor: Actor, entity: Entity, record: Any, sections: Sequence[Section] | None = None) -> tabs.Sorted[Block]:
    """The sections of a record the actor may read, by tab; one bound to a value only where it applies.

    ``sections`` are those of a layout that is being tried.
    """
    readable = shape.readable(actor, entity)
    change, reveal = access.allowed(actor, "change", record), access.allowed(actor, "reveal", record)
    names = names_of(actor, record, readable.values())
    found = []
    if sections is None:
        sections = build.sections_of(entity, readable, actor, record, "detail")
    told = _told(actor, entity, record)
    for number, section in enumerate(sections):
        if not _applies(entity, record, section):
            continue
        fields = [
            shown(actor, entity, record, readable[name], change=change, reveal=reveal, names=names)
            for name in section.fields
            if name in readable and name not in told
        ]
        if fields:
            key = f"{entity.key}.{section.key or number}"
            found.append(
                Block(
                    section.label,
                    key,
                    fields,
                    any(not one.empty for one in fields),
                    section.folded,
                    section.columns,
                    section.tab,
                )
            )
    found.append(_system_block(actor, entity, record, readable, names))
    return tabs.sort(one for one in found if one.fields)


def _told(actor: Actor, entity: Entity, record: Any) -> frozenset[str]:
    """Fields shown elsewhere on the page: tags at its head, those of panels the actor sees."""
    shows = [one for one in entity.panels if one.shows and access.allowed(actor, one.right, record)]
    hidden = layouts.panels_hidden(actor, entity, record) if shows else frozenset()
    return frozenset({"tags"}.union(*(one.shows for one in shows if one.key not in hidden)))


def _applies(entity: Entity, record: Any, section: Section) -> bool:
    """Whether the value a section is bound to is the record's."""
    if section.when is None:
        return True
    field = shape.fields_of(entity).get(section.when[0])
    held = values.current(record, field) if field is not None else getattr(record, section.when[0], "")
    return str(held if held is not None else "") == section.when[1]


def _system_block(actor: Actor, entity: Entity, record: Any, readable: dict[str, Field], known: Names) -> Block:
    names = ("created_at", "created_by", "updated_at", "updated_by")
    fields = [
        shown(actor, entity, record, readable[name], change=False, reveal=False, names=known)
        for name in names
        if name in readable
    ]
    return Block(_("Record"), f"{entity.key}.record", fields, filled=False)


def _field(actor: Actor, entity: Entity, record: Any, name: str) -> Field:
    """A field the actor may change on this record."""
    field = shape.readable(actor, entity).get(name)
    if field is None:
        raise NotFound
    access.require(actor, "change", record)
    if name not in build.askable(shape.writable(actor, entity)):
        raise Denied(_("You may read this field but not change it."))
    return field


@page_view("GET", "POST")
def one_field(request: HttpRequest, path: str, pk: int, name: str) -> HttpResponseBase:
    """The editor of one field (GET) and its saving (POST); answers with the new value, or the editor and its error."""
    actor, entity, record = find(request, path, pk)
    field = _field(actor, entity, record, name)
    if request.method == "GET":
        if "shown" in request.GET:
            return draw_value(request, actor, entity, record, field)
        return _editor(request, actor, entity, record, field, values.current(record, field))
    form = saving.sent(actor, entity, request.POST, names=(name,))
    value = form.values.get(name)
    try:
        saved = saving.update(actor, record, form, request)
    except Conflict as conflict:
        return _editor(request, actor, entity, record, field, value, clash=conflict)
    except Invalid as error:
        return _editor(request, actor, entity, record, field, value, error=error)
    answer = draw_value(request, actor, entity, saved, field)
    if getattr(saved, "operation_id", None):
        toasts.attach(answer, saved_toast(actor, entity, saved))
        toasts.trigger(answer, **{"gx:changed": {"field": name, "version": saved.version}})
    return answer


def _editor(
    request: HttpRequest,
    actor: Actor,
    entity: Entity,
    record: Any,
    field: Field,
    value: Any,
    *,
    error: Invalid | None = None,
    clash: Conflict | None = None,
) -> HttpResponse:
    texts = error.sentences if error else []
    if clash:
        theirs = next((one.theirs for one in clash.clashes if one.field == field.name), None)
        texts = [
            _("Somebody else set this to “%(value)s” meanwhile. Save again to use your value.")
            % {"value": plain(actor, field, theirs)}
        ]
    one = choosing.inputs(
        actor,
        entity,
        [field],
        {field.name: value},
        errors={field.name: texts},
        focus=field.name,
        record=record,
        prefix="",
    )[field.name]
    record_now = records.get(actor, entity, record.pk) if clash else record
    context = {
        "input": one,
        "record": record,
        "version": record_now.version if clash or "_version" not in request.POST else request.POST["_version"],
        "original": build.original_of(record_now, [field])
        if clash or "_original" not in request.POST
        else request.POST["_original"],
        "action": request.path,
    }
    return draw(request, "record/field_form.jinja", context, status=409 if clash else 422 if error else 200)


def draw_value(request: HttpRequest, actor: Actor, entity: Entity, record: Any, field: Field) -> HttpResponse:
    """The value alone, as it stands on the page."""
    change, reveal = access.allowed(actor, "change", record), access.allowed(actor, "reveal", record)
    one = shown(actor, entity, record, field, change=change, reveal=reveal)
    answer = draw(request, "record/value.jinja", {"one": one, "record": record, "entity": entity})
    answer["X-Record-Version"] = str(record.version)
    return answer


@page_view("POST")
def stage(request: HttpRequest, path: str, pk: int, key: str) -> HttpResponseBase:
    """Move the record to a stage of its path."""
    actor, entity, record = find(request, path, pk)
    field = path_field(actor, entity)
    if field is None:
        raise NotFound
    access.require(actor, "change", record)
    asked = gate.asked(actor, record, field, key)
    if asked is not None:
        return asked
    saved = records.update(actor, record, {field.name: key})
    answer = HttpResponse(status=204)
    toasts.attach(answer, saved_toast(actor, entity, saved))
    return toasts.trigger(answer, **{"gx:refresh": {}})


@page_view("POST")
def reveal(request: HttpRequest, path: str, pk: int, name: str) -> HttpResponseBase:
    """Show a masked value in full; needs the right, is counted and audited."""
    actor, entity, record = find(request, path, pk)
    field = shape.readable(actor, entity).get(name)
    if field is None:
        raise NotFound
    value = reveal_value(actor, record, name)
    return draw(
        request,
        "record/revealed.jinja",
        {"text": plain(actor, field, value), "field": field, "count": reveal_count(record, name)},
    )
