"""Bulk changes of selected rows: a dialog that says what and how many, then one recorded operation that can be undone.

Short ones run at once, long ones in the background; either way the answer leads to the operation's page or a toast
with Undo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core import access, records
from guanxi.core.automation.doing import action_do
from guanxi.core.automation.operations import act_begin, begun
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound, Text
from guanxi.core.models import Operation
from guanxi.core.records import bulk, doubts, shape, standing
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Action, Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS, json_of
from guanxi.core.web import formats
from guanxi.core.web.errors import text_of
from guanxi.core.web.forms import build, choosing
from guanxi.core.web.inputs import Input, raw_values
from guanxi.core.web.lists.state import read_state
from guanxi.core.web.record.doing import read_values
from guanxi.core.web.toasts import Toast, attach, keep, toast, trigger
from guanxi.core.web.views.common import actor_of, draw, entity_for, is_fragment, page_view
from guanxi.core.web.views.pages import redirect

#: From this many records on, deleting asks to type the number.
TYPED_FROM = 100
RIGHTS = {"update": "change", "assign": "assign", "tag": "change", "untag": "change", "delete": "delete"}


@dataclass(frozen=True, slots=True)
class Selection:
    """The ticked rows, or all rows of the list: ids and the query they came from."""

    ids: tuple[int, ...]
    everything: bool
    query: str


def read_selection(request: HttpRequest, actor: Actor, entity: Entity) -> Selection:
    """What is selected. Raises Invalid when nothing is."""
    query = request.POST.get("state", "")
    if request.POST.get("everything") == "1":
        state = read_state(request, actor, entity, QueryDict(query))
        ids = tuple(bulk.selected(actor, entity, filter=state.filter or None, text=state.now.text))
        return Selection(ids, everything=True, query=query)
    sent = [int(one) for one in request.POST.getlist("ids") if one.isdecimal() and len(one) < 19]
    if not sent:
        raise Invalid(_("Nothing is selected."), code="bulk.empty")
    return Selection(tuple(dict.fromkeys(sent)), everything=False, query=query)


@page_view("POST")
def bulk_dialog(request: HttpRequest, path: str, verb: str) -> HttpResponseBase:
    """The dialog of a bulk change; with ``go`` it is carried out."""
    entity, actor = entity_for(request, path), actor_of(request)
    selection = read_selection(request, actor, entity)
    if verb in ("merge", "export"):
        return _elsewhere(request, entity, selection, verb)
    if verb.startswith("do-"):
        return _act(request, actor, entity, selection, verb.removeprefix("do-"))
    if verb not in RIGHTS:
        raise NotFound
    access.require(actor, RIGHTS[verb], entity)
    error: Invalid | Denied | None = None
    if "go" in request.POST:
        try:
            return _carry_out(request, actor, entity, selection, verb)
        except (Invalid, Denied) as wrong:
            error = wrong
    return draw(
        request,
        "list/bulk.jinja",
        _dialog(request, actor, entity, selection, verb, error),
        status=422 if error else 200,
    )


def _elsewhere(request: HttpRequest, entity: Entity, selection: Selection, verb: str) -> HttpResponseBase:
    """Merging and exporting have pages of their own."""
    if verb == "merge" and not 2 <= len(selection.ids) <= 20:
        raise Invalid(_("Choose 2 to 20 records to merge."), code="merge.number")
    if selection.everything:
        address = f"/{entity.path}/{verb}/?{selection.query}"
    else:
        address = f"/{entity.path}/{verb}/?ids={','.join(str(one) for one in selection.ids)}"
    return HttpResponse(status=204, headers={"HX-Redirect": address}) if is_fragment(request) else redirect(address)


def editable_fields(actor: Actor, entity: Entity) -> list[Field]:
    """Fields a bulk edit may set: written by people, with one plain widget."""
    from_entity = shape.writable(actor, entity)
    owner = entity.access.owner
    return [
        one
        for name, one in from_entity.items()
        if KINDS[one.kind].written
        and one.kind not in ("tags", "table", "file", "image", "rich_text")
        and name != owner
        and not one.unique
    ]


def _dialog(
    request: HttpRequest, actor: Actor, entity: Entity, selection: Selection, verb: str, error: Invalid | Denied | None
) -> dict[str, Any]:
    titles = {
        "update": _("Edit %(count)s %(what)s"),
        "assign": _("Assign %(count)s %(what)s"),
        "tag": _("Tag %(count)s %(what)s"),
        "untag": _("Remove tags from %(count)s %(what)s"),
        "delete": _("Delete %(count)s %(what)s"),
    }
    count = len(selection.ids)
    fields = editable_fields(actor, entity) if verb == "update" else []
    name = request.POST.get("field", "")
    errors, general = build.errors_by_field(
        error if isinstance(error, Invalid) else None, [_field_of(entity, verb, name)]
    )
    if isinstance(error, Denied):
        general = [text_of(error)]
    return {
        "title": titles[verb] % {"count": formats.number(count), "what": entity.plural},
        "entity": entity,
        "verb": verb,
        "selection": selection,
        "count": count,
        "fields": fields,
        "field": name,
        "inputs": _inputs(actor, entity, verb, name, request, errors),
        "typed": verb == "delete" and count >= TYPED_FROM,
        "names": _names(actor, entity, selection) if verb == "delete" else [],
        "kept": len(standing.kept(entity, selection.ids)) if verb == "delete" else 0,
        "submit": {
            "update": _("Change"),
            "assign": _("Assign"),
            "tag": _("Tag"),
            "untag": _("Remove"),
            "delete": _("Delete"),
        }[verb],
        "general": general,
        "in_background": count > bulk.AT_ONCE,
    }


def _names(actor: Actor, entity: Entity, selection: Selection) -> list[str]:
    some = access.visible(entity.model._default_manager.filter(pk__in=selection.ids[:8]), actor)
    return [records.display.title_of(entity, record, actor) for record in some]


def _field_of(entity: Entity, verb: str, name: str) -> str:
    """The field a bulk change sets; ``name`` is the one chosen in the dialog of an edit."""
    return {"update": name, "assign": entity.access.owner, "tag": "tags", "untag": "tags"}.get(verb, "")


def _inputs(
    actor: Actor,
    entity: Entity,
    verb: str,
    name: str,
    request: HttpRequest,
    errors: Mapping[str, Sequence[Text]] | None = None,
) -> list[Input]:
    fields = shape.writable(actor, entity)
    wanted = _field_of(entity, verb, name)
    declared = fields.get(wanted) or shape.fields_of(entity).get(wanted)
    if declared is None:
        return []
    given = raw_values([declared], request.POST, partial=True) if "go" in request.POST else {}
    focus = next(iter(errors or ()), "")
    return [choosing.inputs(actor, entity, [declared], given, errors=errors, focus=focus)[declared.name]]


@page_view("POST")
def bulk_field(request: HttpRequest, path: str) -> HttpResponseBase:
    """The widget of the field chosen in the bulk edit."""
    entity, actor = entity_for(request, path, "change"), actor_of(request)
    inputs = _inputs(actor, entity, "update", request.POST.get("field", ""), request)
    return draw(request, "list/bulkfield.jinja", {"inputs": inputs})


def _given(actor: Actor, entity: Entity, verb: str, request: HttpRequest) -> dict[str, Any]:
    if verb == "delete":
        return {}
    name = _field_of(entity, verb, request.POST.get("field", ""))
    declared = shape.writable(actor, entity).get(name) or (
        shape.fields_of(entity).get(name) if verb == "assign" else None
    )
    if declared is None:
        raise Invalid(_("Choose what to change."), code="bulk.field", field="field")
    values = raw_values([declared], request.POST, partial=True)
    if verb == "update" and not values:  # the widget was not there yet: it comes with the answer
        raise Invalid(
            _("Enter the new value; left empty, the field is cleared."), code="bulk.value", field=declared.name
        )
    if verb in ("tag", "untag") and not values.get("tags"):
        raise Invalid(_("Choose at least one tag."), code="bulk.tags", field="tags")
    return values


def _carry_out(request: HttpRequest, actor: Actor, entity: Entity, selection: Selection, verb: str) -> HttpResponseBase:
    count = len(selection.ids)
    if verb == "delete" and count >= TYPED_FROM and request.POST.get("typed", "").strip() != str(count):
        raise Invalid(_("Type the number %(count)s to confirm.") % {"count": count}, code="bulk.confirm", field="typed")
    sort = "untag" if verb == "tag" and request.POST.get("remove") == "1" else verb
    given = _given(actor, entity, verb, request)

    def begin() -> Operation:
        operation = bulk.begin(actor, sort, entity, selection.ids, given)
        if verb == "update":
            _doubt_clearing(entity, given, count)
        return operation

    return _answer(request, entity, selection, begun(actor, begin))


def _doubt_clearing(entity: Entity, given: Mapping[str, Any], count: int) -> None:
    """Ask whether a value left empty is meant to empty the field of all the records."""
    fields = shape.fields_of(entity)
    for name, raw in given.items():
        if kinds.parse(fields[name], raw) in (None, "", [], {}):
            text = ngettext(
                "“%(field)s” is left empty: it will be cleared in %(count)s record.",
                "“%(field)s” is left empty: it will be cleared in %(count)s records.",
                count,
            )
            told = text % {"field": fields[name].label, "count": formats.number(count)}
            doubts.doubt(told, field=name, code="bulk.clears")


def _answer(request: HttpRequest, entity: Entity, selection: Selection, operation: Operation) -> HttpResponseBase:
    page = f"/operations/{operation.pk}/"
    if operation.state in ("waiting", "running"):
        return HttpResponse(status=204, headers={"HX-Redirect": page}) if is_fragment(request) else redirect(page)
    return finish(request, f"/{entity.path}/?{selection.query}", result_toast(operation))


def result_toast(operation: Operation) -> Toast:
    """What a finished bulk change did, with the way back and to the reasons."""
    result = operation.result
    done, skipped, failed = (int(result.get(key, 0)) for key in ("done", "skipped", "failed"))
    parts = [ngettext("%(count)s record done", "%(count)s records done", done) % {"count": formats.number(done)}]
    if skipped:
        parts.append(_("%(count)s unchanged") % {"count": formats.number(skipped)})
    if failed:
        parts.append(_("%(count)s failed") % {"count": formats.number(failed)})
    page = f"/operations/{operation.pk}/"
    return toast(
        ", ".join(parts),
        url=page if failed else "",
        link=_("Reasons") if failed else "",
        undo=f"{page}undo/" if done else "",
        level="error" if failed and not done else "",
    )


def finish(request: HttpRequest, address: str, *toasts: Toast) -> HttpResponseBase:
    """Close the dialog, draw the list again and say what was done; a whole page without scripts."""
    if is_fragment(request):
        response = HttpResponse(status=200, headers={"HX-Reswap": "none"})
        attach(response, *toasts)
        return trigger(response, **{"gx:close": True, "gx:refresh": True})
    keep(request, *toasts)
    return redirect(address)


def _act(request: HttpRequest, actor: Actor, entity: Entity, selection: Selection, key: str) -> HttpResponseBase:
    """An action of the entity on each selected record; many in the background, as one operation that can be undone."""
    action = next((one for one in entity.actions if one.key == key and one.bulk), None)
    if action is None:
        raise NotFound
    access.require(actor, action.right, entity)
    fields = [one for one in action.fields if isinstance(one, Field)]
    many = len(selection.ids) > bulk.AT_ONCE
    sent = "go" in request.POST or not (fields or many)
    raw = raw_values(fields, request.POST) if sent else {one.name: build.proposed(actor, one) for one in fields}
    error: Invalid | None = None
    refused, given = "", dict[str, Any]()
    if sent:
        try:
            given = read_values(fields, raw)
            if many:
                values = {name: json_of(one) for name, one in given.items()}
                step = begun(actor, lambda: act_begin(actor, entity, key, selection.ids, values))
                return _answer(request, entity, selection, step)
        except Invalid as wrong:
            error = wrong
    if sent and error is None:
        with records.writing(actor):
            done, idle, problems = _act_on_each(actor, entity, action, selection.ids, given)
        words = ngettext("%(count)s record done", "%(count)s records done", done) % {"count": formats.number(done)}
        if idle:
            words += " · " + _("%(count)s unchanged") % {"count": formats.number(idle)}
        if problems:
            words += " · " + _("%(count)s failed: %(reason)s") % {"count": len(problems), "reason": problems[0]}
        if done or idle or not fields:
            level: Literal["", "error"] = "error" if problems and not (done or idle) else ""
            return finish(request, f"/{entity.path}/?{selection.query}", toast(words, level=level))
        refused = words
    errors, general = build.errors_by_field(error, [one.name for one in fields])
    names = choosing.inputs(actor, entity, fields, raw, errors=errors, focus=next(iter(errors), ""))
    context = {
        **_dialog(request, actor, entity, selection, "assign", None),
        "title": f"{action.label} · {formats.number(len(selection.ids))} {entity.plural}",
        "verb": f"do-{key}",
        "inputs": list(names.values()),
        "general": [refused] if refused else general,
        "submit": action.label,
    }
    return draw(request, "list/bulk.jinja", context, status=422 if error or refused else 200)


def _act_on_each(
    actor: Actor, entity: Entity, action: Action, ids: Sequence[int], given: Mapping[str, Any]
) -> tuple[int, int, list[str]]:
    """Run an action record by record; how many went well, how many needed nothing, and the reasons of the others."""
    done, idle, problems = 0, 0, list[str]()
    for number in ids:
        try:
            if action_do(actor, records.get(actor, entity, number), action.key, given) is False:
                idle += 1
            else:
                done += 1
        except GuanxiError as wrong:
            problems.append(text_of(wrong))
    return done, idle, problems


@page_view("POST")
def stop_operation(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Stop a bulk change that runs in the background; what is done stays done and can be undone."""
    actor = actor_of(request)
    rows = Operation.objects.all() if actor.rights.everything else Operation.objects.filter(actor_id=actor.user_id)
    operation = rows.filter(pk=pk, sort__startswith="bulk_").first()
    if operation is None:
        raise NotFound
    bulk.cancel(actor, operation)
    return redirect(f"/operations/{pk}/")
