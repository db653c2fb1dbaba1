"""Making and changing a record: a dialog when a script asks, else a page; nothing typed is ever lost."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Clash, Conflict, Invalid, NotFound
from guanxi.core.records import doubts, drafts, lines, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_at, entity_of
from guanxi.core.web import addresses, toasts
from guanxi.core.web.forms import build, choosing, grid, saving
from guanxi.core.web.forms.build import FormView
from guanxi.core.web.forms.drafts import SKIPPED, restored
from guanxi.core.web.inputs import raw_values
from guanxi.core.web.record.common import done, find, target
from guanxi.core.web.record.shown import plain
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.core.web.views.pages import redirect

RESOLVE = "_resolve."


def draw_form(
    request: HttpRequest, form: FormView, title: str, *, status: int = 200, draft: Any = None
) -> HttpResponseBase:
    """Draw a form as a dialog, as the inner dialog of a picker, or as a page."""
    entity, record = form.entity, form.record
    nested = "nested" in request.GET
    part = "forms/nested.jinja" if nested else "forms/dialog.jinja"
    whole = target(request) != "dialog-body" and not nested
    context = {
        "title": title,
        "form": form,
        "entity": entity,
        "record": record,
        "action": request.get_full_path(),
        "back": addresses.record_url(entity, record.pk) if record is not None else addresses.list_url(entity),
        "draft": draft,
        "duplicates_url": f"/{entity.path}/similar/" if entity.match_keys or entity.alike else "",
        "create_urls": creating_urls(actor_of(request), form) if not nested else {},
    }
    return draw(request, "forms/page.jinja" if whole else part, context, status=status)


def _refused(request: HttpRequest, form: FormView, title: str, error: Invalid) -> HttpResponseBase:
    """The form again: with what is wrong, or with what somebody should say is meant."""
    shown = replace(form, doubtful=isinstance(error, doubts.Doubtful))
    return draw_form(request, shown, title, status=422)


def creating_urls(actor: Actor, form: FormView) -> dict[str, str]:
    """Where the form for a new related record is, for each reference whose target the actor may create."""
    found = {}
    for one in form.inputs:
        if one.field.kind == "reference" and not one.locked and one.search_url:
            entity = entity_at(one.search_url.strip("/").split("/")[1])
            if entity.creatable and access.allowed(actor, "create", entity):
                found[one.field.name] = f"{addresses.create_url(entity)}?nested=1"
    return found


def _too_narrow(request: HttpRequest, entity: Entity) -> bool:
    """A form with lines wants a page of its own, not a dialog."""
    return (
        bool(entity.lines)
        and request.method == "GET"
        and target(request) == "dialog-body"
        and "nested" not in request.GET
    )


@page_view("GET", "POST")
def create(request: HttpRequest, path: str) -> HttpResponseBase:
    """The form for a new record; query parameters fill its fields, a kept draft comes back."""
    actor, entity = actor_of(request), entity_at(path)
    access.require(actor, "create", entity)
    if not entity.creatable:
        raise NotFound
    title = _("New %(entity)s") % {"entity": str(entity.label)}
    if _too_narrow(request, entity):
        return HttpResponse(status=204, headers={"HX-Redirect": request.get_full_path()})
    if request.method == "POST":
        form = saving.sent(actor, entity, request.POST)
        if form.then == "lines":
            return draw_form(
                request, build.create_form(actor, entity, form.values, token=form.token, more=grid.MORE), title
            )
        try:
            with records.writing(actor):
                record, _new = saving.create(actor, entity, form, request)
        except Invalid as error:
            view = build.create_form(actor, entity, form.values, error, token=form.token)
            return _refused(request, view, title, error)
        drafts.drop(actor, f"new:{entity.key}")
        return _created(request, actor, entity, record, form.then, title)
    given = _given(actor, entity, request)
    kept = None if given else restored(actor, f"new:{entity.key}")
    if kept:
        fields = build.askable(shape.writable(actor, entity)).values()
        given = raw_values(fields, kept[1], partial=True)
    return draw_form(request, build.create_form(actor, entity, given), title, draft=kept[0] if kept else None)


def _given(actor: Actor, entity: Entity, request: HttpRequest) -> dict[str, Any]:
    """Values proposed by the address: ``?customer=5``."""
    fields = build.askable(shape.writable(actor, entity))
    return raw_values([one for name, one in fields.items() if name in request.GET], request.GET, partial=True)


def _created(
    request: HttpRequest, actor: Actor, entity: Entity, record: Any, then: str, title: str
) -> HttpResponseBase:
    name, url = choosing.title_of(entity, record, actor), addresses.record_url(entity, record.pk)
    if "nested" in request.GET:
        return JsonResponse({"value": str(record.pk), "text": name}, json_dumps_params={"ensure_ascii": False})
    shown = toast(
        _("%(entity)s “%(name)s” was created.") % {"entity": str(entity.label), "name": name},
        url=url,
        undo=f"{url}delete/" if access.allowed(actor, "delete", record) else "",
    )
    if then == "another":
        if target(request) != "dialog-body":
            toasts.keep(request, shown)
            return redirect(request.get_full_path())
        answer = draw_form(request, build.create_form(actor, entity, _given(actor, entity, request)), title)
        return toasts.attach(answer, shown)
    if "stay" in request.GET:
        return done(request, shown, go=url, events={"gx:close": {}, "gx:refresh": {}})
    return done(request, shown, go=url)


@page_view("GET", "POST")
def edit(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """The form that changes a record. When somebody else saved first, both versions are shown to choose from."""
    actor, entity, record = find(request, path, pk)
    access.require(actor, "change", record)
    title = _("Edit %(name)s") % {"name": choosing.title_of(entity, record, actor)}
    key = f"edit:{entity.key}:{pk}"
    if _too_narrow(request, entity):
        return HttpResponse(status=204, headers={"HX-Redirect": request.get_full_path()})
    if request.method == "POST":
        return _save(request, actor, record, title, key)
    kept = restored(actor, key)
    if kept is None:
        return draw_form(request, build.edit_form(actor, record), title)
    form = saving.sent(actor, entity, kept[1])
    view = build.edit_form(actor, record, form.values, version=form.version, original=kept[1].get("_original", ""))
    return draw_form(request, view, title, draft=kept[0])


def _save(request: HttpRequest, actor: Actor, record: Any, title: str, key: str) -> HttpResponseBase:
    entity = entity_of(record)
    form = _resolved(saving.sent(actor, entity, request.POST), request)
    original = request.POST.get("_original", "")
    if form.then == "lines":
        view = build.edit_form(actor, record, form.values, version=form.version, original=original, more=grid.MORE)
        return draw_form(request, view, title)
    try:
        with records.writing(actor):
            saved = saving.update(actor, record, form, request)
    except Conflict as conflict:
        return _draw_conflict(request, actor, record, form, conflict, title)
    except Invalid as error:
        view = build.edit_form(actor, record, form.values, error, version=form.version, original=original)
        return _refused(request, view, title, error)
    drafts.drop(actor, key)
    shown = saved_toast(actor, entity, saved)
    if form.then == "stay" and target(request) != "dialog-body":
        toasts.keep(request, shown)
        return redirect(request.get_full_path())
    url = addresses.record_url(entity, saved.pk)
    if target(request) == "dialog-body":
        return done(request, shown, go=url, events={"gx:close": {}, "gx:refresh": {}})
    return done(request, shown, go=url)


def saved_toast(actor: Actor, entity: Entity, record: Any) -> toasts.Toast:
    """What a change says: the record's name, and Undo when something was changed."""
    step = getattr(record, "operation_id", None)
    text = _("“%(name)s” was saved.") if step else _("Nothing was changed in “%(name)s”.")
    return toast(
        text % {"name": choosing.title_of(entity, record, actor)}, undo=f"/operations/{step}/undo/" if step else ""
    )


def _resolved(form: saving.Sent, request: HttpRequest) -> saving.Sent:
    """Without the fields for which the other person's value was chosen."""
    dropped = {
        name[len(RESOLVE) :] for name, value in request.POST.items() if name.startswith(RESOLVE) and value == "theirs"
    }
    return replace(form, values={name: value for name, value in form.values.items() if name not in dropped})


@dataclass(frozen=True, slots=True)
class Side:
    """One field both changed: its three values as text."""

    name: str
    label: str
    mine: str
    theirs: str
    original: str


def _draw_conflict(
    request: HttpRequest, actor: Actor, record: Any, form: saving.Sent, conflict: Conflict, title: str
) -> HttpResponseBase:
    entity = entity_of(record)
    fields = shape.readable(actor, entity)

    def said(one: Clash, value: Any) -> str:
        return plain(actor, fields[one.field], value) if one.field in fields else str(value)

    sides = [
        Side(one.field, one.label, *(said(one, value) for value in (one.mine, one.theirs, one.original)))
        for one in conflict.clashes
    ]
    original = {**form.original, **{one.field: one.theirs for one in conflict.clashes}}
    marks = {f"{spec.key}.marks": lines.marks_of(lines.stored(record, spec)) for spec in entity.lines}
    carried = [
        (name, marks.get(name, value))
        for name, values in request.POST.lists()
        if name not in SKIPPED | {"_version", "_original"} and not name.startswith(RESOLVE)
        for value in values
    ]
    context = {
        "title": title,
        "sides": sides,
        "carried": carried,
        "version": conflict.version,
        "original": json.dumps(original, ensure_ascii=False, default=str),
        "action": request.get_full_path(),
        "back": addresses.record_url(entity, record.pk),
        "who": str(getattr(record, "updated_by", None) or ""),
        "when": record.updated_at,
    }
    part = target(request) == "dialog-body"
    return draw(request, "forms/conflict_dialog.jinja" if part else "forms/conflict.jinja", context, status=409)
