"""What is done to a record besides changing fields: declared actions, marks, sharing, why it is seen, the trash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.automation import approvals
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.models import Operation, Record, User
from guanxi.core.people import shares
from guanxi.core.records import dictionaries, doubts, marks, shape, standing, together
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Action, Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import children_of, entity_at, entity_of, going_along
from guanxi.core.web import addresses, formats, toasts
from guanxi.core.web.forms import build, choosing
from guanxi.core.web.inputs import raw_values
from guanxi.core.web.record import header
from guanxi.core.web.record.common import done, find
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, into_dialog, page_view

LISTED = 10


def _action(actor: Actor, entity: Entity, record: Any, key: str) -> Action:
    action = next((one for one in entity.actions if one.key == key), None)
    if action is None:
        raise NotFound
    access.require(actor, action.right, record)
    reason = header.why_not(action, record)
    if reason or reason is None:
        raise RuleBroken(reason or None)
    return action


@page_view("GET", "POST")
def act(request: HttpRequest, path: str, pk: int, key: str) -> HttpResponseBase:
    """Do a declared action; one with fields asks for them first, a dangerous one asks whether it is meant.

    An address may name values the form begins with.
    """
    actor, entity, record = find(request, path, pk)
    action = _action(actor, entity, record, key)
    fields = [one for one in action.fields if isinstance(one, Field)]
    raw: dict[str, Any] = {one.name: build.proposed(actor, one) for one in fields if one.default is not None}
    if request.method == "GET":
        raw |= action.begin(actor, record) if action.begin else {}
        raw |= raw_values(fields, request.GET, partial=True)
    error: Invalid | None = None
    if request.method == "POST":
        raw = raw_values(fields, request.POST)
        try:
            given = read_values(fields, raw)
            approvals.check(actor, entity, record, action.key, given)
            result = action.do(actor, record, given)
        except Invalid as found:
            if not fields and not action.danger:  # nothing was asked, so there is no form to show it in
                raise
            error = found
        else:
            return _acted(request, actor, entity, record, action, result)
    errors, general = build.errors_by_field(error, [one.name for one in fields])
    names = choosing.inputs(
        actor, entity, fields, raw, errors=errors, focus=next(iter(errors), ""), record=record, asked=key
    )
    context = {
        "title": action.label,
        "record_title": choosing.title_of(entity, record, actor),
        "entity_action": action,
        "inputs": list(names.values()),
        "problems": [build.Problem(one.id, one.field.label, text) for one in names.values() for text in one.errors],
        "general": general,
        "doubtful": isinstance(error, doubts.Doubtful),
        "action": request.path,
        "back": addresses.record_url(entity, pk),
        **(action.panel.context(actor, record) if action.panel else {}),
        "values": raw,
    }
    return draw(
        request, "record/action_page.jinja", context, status=422 if error else 200, fragment="record/action.jinja"
    )


def read_values(fields: list[Field], raw: dict[str, Any]) -> dict[str, Any]:
    """Values of a small form read by kind; Invalid with one error per field."""
    found: dict[str, Any] = {}
    errors: dict[str, list[Invalid]] = {}
    for one in fields:
        try:
            found[one.name] = kinds.parse(one, raw.get(one.name))
            if found[one.name] is None and one.required:
                raise Invalid(
                    _("“%(label)s” must be filled.") % {"label": one.label}, code="value.required", field=one.name
                )
        except Invalid as error:
            errors.setdefault(error.field or one.name, []).append(error)
    if errors:
        raise Invalid.collect(errors)
    return found


def _acted(
    request: HttpRequest, actor: Actor, entity: Entity, record: Any, action: Action, result: Any
) -> HttpResponseBase:
    """After an action: on to the record it made, its text to be copied, or this record drawn anew."""
    if isinstance(result, str):
        context = {"title": action.label, "text": result, "back": addresses.record_url(entity, record.pk)}
        answer = into_dialog(draw(request, "record/told_page.jinja", context, fragment="record/told.jinja"))
        toasts.trigger(answer, **{"gx:refresh": {}})
        return answer
    if _another(actor, record, result):
        made = entity_of(result)
        shown = toast(
            _("%(entity)s “%(name)s” was made.")
            % {"entity": str(made.label), "name": choosing.title_of(made, result, actor)}
        )
        return done(request, shown, go=addresses.record_url(made, result.pk))
    undo = f"/operations/{result.pk}/undo/" if isinstance(result, Operation) else ""
    shown = toast(
        _("%(action)s: “%(name)s”, nothing had to be changed.")
        % {"action": str(action.label), "name": choosing.title_of(entity, record, actor)}
        if result is False
        else _("%(action)s: “%(name)s”, done.")
        % {"action": str(action.label), "name": choosing.title_of(entity, record, actor)},
        undo=undo,
    )
    return done(request, shown, go=addresses.record_url(entity, record.pk), events={"gx:close": {}, "gx:refresh": {}})


def _another(actor: Actor, record: Any, result: Any) -> bool:
    """Whether an action made another record, which the actor may see."""
    if not isinstance(result, Record):
        return False
    same = type(result) is type(record) and result.pk == record.pk
    return not same and access.allowed(actor, "view", result)


@page_view("POST")
def mark(request: HttpRequest, path: str, pk: int, sort: str) -> HttpResponseBase:
    """Follow, star or pin the record, or no longer."""
    actor, entity, record = find(request, path, pk)
    if sort not in ("follow", "star", "pin", "mute"):
        raise NotFound
    on = sort not in marks.marks_of(actor, record)
    together.mark(actor, record, sort, on=on)  # type: ignore[arg-type]
    context = {"marks": marks.marks_of(actor, record), "here": addresses.record_url(entity, pk)}
    if "HX-Request" in request.headers:
        return draw(request, "record/marks.jinja", context)
    return done(request, go=addresses.record_url(entity, pk))


@page_view("GET", "POST")
def share(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """Who else may see or change the record, until when; give it to a colleague or take it back."""
    actor, entity, record = find(request, path, pk)
    fields = [
        Field(name="user", kind="user", label=_("Colleague"), target="core.user", required=True),
        Field(
            name="level",
            kind="choice",
            label=_("May"),
            choices=(("read", _("read")), ("write", _("read and write"))),
            required=True,
        ),
        Field(name="until", kind="date", label=_("Until (inclusive)"), help=_("Empty: without an end.")),
    ]
    raw: dict[str, Any] = {"level": "read"}
    error: Invalid | None = None
    if request.method == "POST":
        try:
            shown = _share_change(actor, record, fields, request)
        except Invalid as found:
            error, raw = found, raw_values(fields, request.POST)
        else:
            if "HX-Request" not in request.headers:
                return done(request, shown, go=f"{addresses.record_url(entity, pk)}share/")
            return toasts.attach(_draw_share(request, actor, entity, record, fields, {"level": "read"}, None), shown)
    return _draw_share(request, actor, entity, record, fields, raw, error)


def _share_change(actor: Actor, record: Any, fields: list[Field], request: HttpRequest) -> toasts.Toast:
    if "remove" in request.POST:
        user = (
            User.objects.filter(pk=int(request.POST["remove"] or 0)).first()
            if request.POST["remove"].isdecimal()
            else None
        )
        if user is None:
            raise NotFound
        shares.share_remove(actor, record, user)
        return toast(_("No longer shared with %(name)s.") % {"name": user.name})
    values = read_values(fields, raw_values(fields, request.POST))
    user = User.objects.filter(pk=values["user"], is_active=True).first()
    if user is None:
        raise Invalid(_("Choose an entry from the list."), code="reference.format", field="user")
    shares.share_set(actor, record, user, level=values["level"], until=values["until"])
    return toast(_("Shared with %(name)s.") % {"name": user.name})


def _draw_share(
    request: HttpRequest,
    actor: Actor,
    entity: Entity,
    record: Any,
    fields: list[Field],
    raw: dict[str, Any],
    error: Invalid | None,
) -> HttpResponseBase:
    errors, general = build.errors_by_field(error, [one.name for one in fields])
    names = choosing.inputs(actor, entity, fields, raw, errors=errors)
    may = shares.may_share(actor, record)
    context = {
        "title": _("Share %(name)s") % {"name": choosing.title_of(entity, record, actor)},
        "shares": shares.shares_of(actor, record),
        "carried": shares.carried_labels(record),
        "inputs": list(names.values()) if may else [],
        "problems": [build.Problem(one.id, one.field.label, text) for one in names.values() for text in one.errors],
        "general": general,
        "me": actor.user_id,
        "may": may,
        "action": request.path,
        "back": addresses.record_url(entity, record.pk),
    }
    return draw(
        request, "record/share_page.jinja", context, status=422 if error else 200, fragment="record/share.jinja"
    )


@page_view()
def why(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """“Why can I see this?”: the roles, scopes and shares that decide, per action, and for a field if one is named."""
    actor, entity, record = find(request, path, pk)
    name = request.GET.get("field", "")
    field = records.fields_of(entity).get(name)
    actions = ("view", "change", "delete", "assign", "share", "merge", "export", "reveal")
    context = {
        "title": _("Why can I see this?"),
        "record_title": choosing.title_of(entity, record, actor),
        "field": field,
        "lines": [
            (
                entity.all_actions.get(action, action),
                access.explain(actor, record, action=action, field=name if action == "view" else ""),
            )
            for action in (("view", "change") if field else actions)
        ],
        "back": addresses.record_url(entity, pk),
    }
    return draw(request, "record/why_page.jinja", context, fragment="record/why.jinja")


@page_view("GET", "POST")
def delete(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """Put the record in the trash. Asked first with what goes along and what still points to it."""
    actor, entity, record = find(request, path, pk)
    access.require(actor, "delete", record)
    title = choosing.title_of(entity, record, actor)
    if request.method == "POST" and "retire" in request.POST:
        return _retire(request, actor, entity, record)
    if request.method == "POST":
        operation = records.delete(actor, record)
        shown = toast(
            _("“%(name)s” is in the trash.") % {"name": title},
            undo=f"/operations/{operation.pk}/undo/",
        )
        if request.headers.get("X-Requested-With") == "fetch":
            toasts.keep(request, shown)
            return HttpResponse(status=204)
        return done(request, shown, go=addresses.list_url(entity))
    held = standing.resting(entity, [record.pk])
    if held:
        return _stays(request, actor, entity, record, held)
    context = {
        "title": _("Delete %(name)s?") % {"name": title},
        "along": _counts(actor, record, going_along(entity.key)),
        "pointing": _counts(
            actor, record, [one for one in children_of(entity.key) if one not in going_along(entity.key)]
        ),
        "action": request.path,
        "back": addresses.record_url(entity, pk),
    }
    return draw(request, "record/delete_page.jinja", context, fragment="record/delete.jinja")


def _stays(
    request: HttpRequest, actor: Actor, entity: Entity, record: Any, held: Sequence[standing.Resting]
) -> HttpResponseBase:
    """The answer to who wants to delete what stays: why, with the documents as links, and what he can do instead."""
    own = any(one.entity == entity and record.pk in one.ids for one in held)
    known = [] if own else [one for one in held if access.allowed(actor, "view", one.entity)]
    found = [_listed(actor, one.entity, standing.seen(actor, one)) for one in known]
    value = _retired(actor, entity, record)
    context = {
        "title": _("%(name)s stays") % {"name": choosing.title_of(entity, record, actor)},
        "why": standing.why(actor, entity, record.pk, held),
        "found": [one for one in found if one],
        "retire": _("Set %(field)s to “%(value)s”") % {"field": value[0].label, "value": value[1].label}
        if value
        else "",
        "action": request.path,
        "back": addresses.record_url(entity, record.pk),
    }
    return draw(request, "record/stays_page.jinja", context, fragment="record/stays.jinja")


def _retired(actor: Actor, entity: Entity, record: Any) -> tuple[Field, dictionaries.Choice] | None:
    """The field and value by which the actor can put a record aside, unless it is put aside already."""
    name, key = entity.retire or ("", "")
    field = shape.writable(actor, entity).get(name)
    if field is None or getattr(record, name) == key or not access.allowed(actor, "change", record):
        return None
    return next(((field, one) for one in dictionaries.choices_of(field) if one.key == key and one.active), None)


def _retire(request: HttpRequest, actor: Actor, entity: Entity, record: Any) -> HttpResponseBase:
    """Put a record aside that cannot go to the trash."""
    found = _retired(actor, entity, record)
    if found is None:
        raise RuleBroken
    field, value = found
    saved = records.update(actor, record, {field.name: value.key})
    shown = toast(
        _("%(field)s of “%(name)s” is now “%(value)s”.")
        % {"field": field.label, "name": choosing.title_of(entity, record, actor), "value": value.label},
        undo=f"/operations/{saved.operation_id}/undo/",
    )
    return done(request, shown, go=addresses.record_url(entity, record.pk))


def _counts(actor: Actor, record: Any, links: Any) -> list[dict[str, Any]]:
    """How many records of each kind point here, as far as the actor may see them, with the first ones as links."""
    found = []
    for child, field in links:
        declared = records.fields_of(child).get(field)
        if declared is None or declared.readonly or not access.allowed(actor, "view", child):
            continue
        rows = records.queryset(actor, child).filter(**{f"{field}_id": record.pk})
        found.append(_listed(actor, child, rows))
    return [one for one in found if one]


def _listed(actor: Actor, entity: Entity, rows: Any) -> dict[str, Any]:
    """How many records there are, with the first ones as links; empty when there are none."""
    number, exact = records.counted(rows)
    if not number:
        return {}
    first = rows.order_by("-pk")[:LISTED]
    return {
        "label": entity.plural,
        "count": f"{formats.number(number)}{'' if exact else '+'}",
        "first": [(choosing.title_of(entity, one, actor), addresses.record_url(entity, one.pk)) for one in first],
        "more": number > LISTED,
    }


@page_view("POST")
def restore(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """Take the record, and what went with it, out of the trash."""
    actor, entity = actor_of(request), entity_at(path)
    records.restore(actor, entity, [pk])
    record = records.get(actor, entity, pk)
    shown = toast(
        _("“%(name)s” is back.") % {"name": choosing.title_of(entity, record, actor)},
        url=addresses.record_url(entity, pk),
    )
    if request.headers.get("X-Requested-With") == "fetch" or "HX-Request" in request.headers:
        return done(request, shown, events={"gx:refresh": {}})
    return done(request, shown, go=addresses.record_url(entity, pk))
