"""Small forms one key opens anywhere (follow-up in ten seconds): declared by areas, drawn and read here."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.records import doubts, once
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.quick import QuickForm
from guanxi.core.schema.registry import entity_of, is_registered, quick_forms
from guanxi.core.web import addresses, toasts
from guanxi.core.web.errors import text_of
from guanxi.core.web.forms import build, choosing
from guanxi.core.web.inputs import raw_values
from guanxi.core.web.record.common import done
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, page_view

SUBJECT = "_subject"
#: What waited longer in a browser counts as written when it arrives.
LONGEST_AWAY = dt.timedelta(days=31)


def form_of(actor: Actor, key: str) -> QuickForm:
    """The small form of that key, if the actor may use it."""
    form = next((one for one in quick_forms() if one.key == key), None)
    if form is None:
        raise NotFound
    access.require(actor, form.right, form.entity)
    return form


def fields_of(form: QuickForm) -> list[Field]:
    """The fields a small form asks: those of the entity by name, and its own."""
    known = records.fields_of(form.entity)
    return [known[one] if isinstance(one, str) else one for one in form.fields]


def subject_field(entity: Entity) -> Field:
    """The picker of what the small form is about."""
    return Field(name=SUBJECT, kind="reference", label=entity.label, target=entity.key, required=True)


def _subject(actor: Actor, form: QuickForm, request: HttpRequest) -> tuple[Entity, Any]:
    """The entity and record the form is about, from what was sent or the page it was opened on."""
    data = request.POST if request.method == "POST" else request.GET
    key = data.get("entity", "") or data.get("_entity", "")
    if key not in form.subjects or not is_registered(key):
        key = form.subjects[0]
    entity = entity_of(key)
    number = data.get(SUBJECT, "") or data.get("id", "")
    if not number.isdecimal():
        return entity, None
    try:
        return entity, records.get(actor, entity, int(number[:18]))
    except GuanxiError:
        return entity, None


@page_view("GET", "POST")
def quick(request: HttpRequest, key: str) -> HttpResponseBase:
    """A small form: proposes values, saves by its service, says so with a link."""
    try:
        return _quick(request, key)
    except GuanxiError as error:
        if "X-Queued" not in request.headers:
            raise
        return _refused(error)


def _quick(request: HttpRequest, key: str) -> HttpResponseBase:
    actor = actor_of(request)
    form = form_of(actor, key)
    entity, subject = _subject(actor, form, request)
    fields = fields_of(form)
    if request.method == "POST":
        raw = raw_values(fields, request.POST)
        try:
            if subject is None:
                raise _nothing_to_be_about(request)
            made = _made(actor, form, subject, raw, request)
        except Invalid as error:
            if "X-Queued" in request.headers:
                return _refused(error)
            return _draw(request, actor, form, entity, subject, raw, error)
        return _saved(request, form, entity, subject, made)
    guess = dict(form.guess(actor, subject)) if form.guess else {}
    return _draw(request, actor, form, entity, subject, guess, None)


def _nothing_to_be_about(request: HttpRequest) -> Invalid:
    if request.POST.get(SUBJECT, ""):
        return Invalid(
            _("What this is about is gone, or you may not see it any more. Choose another."),
            code="quick.gone",
            field=SUBJECT,
        )
    return Invalid(_("Choose what it is about."), code="quick.subject", field=SUBJECT)


def _made(actor: Actor, form: QuickForm, subject: Any, raw: Mapping[str, Any], request: HttpRequest) -> Any:
    """What the form's service makes; the same form sent again makes nothing more. What was written offline has its time."""
    said = _written_at(form, request)

    def make() -> Any:
        return form.run(actor, about=subject, **raw, **said)

    token = request.POST.get("_token", "")[:64]
    return once.made_once(actor, f"quick:{token}" if token else "", entity_of(form.entity), make)[0]


def _written_at(form: QuickForm, request: HttpRequest) -> dict[str, Any]:
    """When it was written, for a form that keeps that; a browser's clock is believed for the past month only."""
    written = parse_datetime(request.POST.get("_written_at", "")[:40]) if form.at else None
    if written is None or written.tzinfo is None or not LONGEST_AWAY > clock.now() - written > dt.timedelta(0):
        return {}
    return {form.at: written}


def _refused(error: GuanxiError) -> HttpResponseBase:
    """The answer for what a browser sends from its outbox: why, in a sentence."""
    return JsonResponse({"message": text_of(error), "code": error.code}, status=error.status)


def _saved(request: HttpRequest, form: QuickForm, entity: Entity, subject: Any, made: Any) -> HttpResponseBase:
    text = _("%(what)s noted for “%(name)s”.") % {
        "what": str(form.label),
        "name": choosing.title_of(entity, subject, actor_of(request)),
    }
    shown = toast(
        text,
        url=addresses.record_url(entity, subject.pk),
        undo=f"{addresses.record_url(entity_of(made), made.pk)}delete/" if made is not None else "",
    )
    if "composer" in request.POST:
        return toasts.trigger(
            toasts.attach(done(request, events={"gx:timeline": {}}), shown), **{"gx:composed": {"key": form.key}}
        )
    return done(request, shown, go=addresses.record_url(entity, subject.pk), events={"gx:close": {}, "gx:timeline": {}})


def _draw(
    request: HttpRequest,
    actor: Actor,
    form: QuickForm,
    entity: Entity,
    subject: Any,
    values: Any,
    error: Invalid | None,
) -> HttpResponseBase:
    fields = fields_of(form)
    errors, general = build.errors_by_field(error, [SUBJECT, *(one.name for one in fields)])
    all_fields = fields if subject is not None else [subject_field(entity), *fields]
    first = SUBJECT if subject is None else _first_text(fields)
    names = choosing.inputs(
        actor, entity_of(form.entity), all_fields, {SUBJECT: getattr(subject, "pk", None), **values},
        errors=errors, focus=next(iter(errors), first), prefix="",
    )  # fmt: skip
    composer = "composer" in request.GET or "composer" in request.POST
    context = {
        "title": form.label,
        "form": form,
        "inputs": list(names.values()),
        "problems": [build.Problem(one.id, one.field.label, text) for one in names.values() for text in one.errors],
        "general": general,
        "doubtful": isinstance(error, doubts.Doubtful),
        "subject": subject,
        "subject_title": choosing.title_of(entity, subject, actor) if subject is not None else "",
        "subject_entity": entity,
        "action": f"/quick/{form.key}/",
        "token": request.POST.get("_token", "")[:64] or secrets.token_hex(16),
        "composer": composer,
        "back": addresses.record_url(entity, subject.pk) if subject is not None else addresses.list_url(entity),
    }
    fragment = "record/quick_inline.jinja" if composer else "record/quick.jinja"
    return draw(request, "record/quick_page.jinja", context, status=422 if error else 200, fragment=fragment)


def _first_text(fields: list[Field]) -> str:
    return next(
        (one.name for one in fields if one.kind in ("long_text", "rich_text", "text")), fields[0].name if fields else ""
    )
