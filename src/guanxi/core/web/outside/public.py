"""Public pages: looking a number up, answering a questionnaire. Staff see the same pages under their own rights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from guanxi.core.access import allowed
from guanxi.core.automation.confirming import agreed_by_form
from guanxi.core.kernel.actor import ANONYMOUS, Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.models import PublicPage
from guanxi.core.models.outside import LOOKUP
from guanxi.core.outside import lookups, pages, questions
from guanxi.core.people.signin import address_of
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import addresses
from guanxi.core.web.inputs import Input, Option, raw_values
from guanxi.core.web.middleware import ask_for_factor
from guanxi.core.web.people.common import errors_of, show
from guanxi.core.web.views.common import actor_of, page_view


def asker(request: HttpRequest) -> Actor:
    """Whoever asks: staff signed in, or nobody with his address."""
    actor = actor_of(request)
    return actor if actor.kind == "user" else replace(ANONYMOUS, address=address_of(request))


def inputs(fields: list[Any], values: dict[str, Any], errors: dict[str, list[str]]) -> list[Input]:
    """Form fields from plain fields: no picker, no search over our records."""
    return [
        Input(
            field=one, value=values.get(one.name), errors=tuple(errors.get(one.name, ())),
            options=tuple(Option(key, str(label)) for key, label in one.choices),
        )
        for one in fields
    ]  # fmt: skip


@login_not_required
@never_cache
@page_view("GET", "POST")
def page(request: HttpRequest, key: str) -> HttpResponseBase:
    """A public page. Unknown ones, and those for staff only, do not exist for strangers."""
    if (held_up := ask_for_factor(request)) is not None:
        return held_up
    found, actor = pages.page_of(key), asker(request)
    inside = not found.definition.get("public", True)
    if inside and actor.kind != "user":
        raise NotFound
    if found.kind == LOOKUP and actor.kind == "user" and not allowed(actor, "view", found.entity):
        raise NotFound
    work = _lookup if found.kind == LOOKUP else _questions
    return work(request, found, actor)


def _frame(found: PublicPage, actor: Actor) -> dict[str, Any]:
    return {
        "title": pages.name_of(found), "about": pages.about_of(found), "page": found, "staff": actor.kind == "user",
    }  # fmt: skip


def _lookup(request: HttpRequest, found: PublicPage, actor: Actor) -> HttpResponseBase:
    field = lookups.factor_field(found)
    entity = pages.entity_for(found)
    number_field = lookups.number_field(found)
    tail = lookups.asks_for_tail(found)
    sent = request.POST if request.method == "POST" else {}
    number = str(sent.get("number") or (request.GET.get("number", "") if actor.kind == "user" else ""))
    context = {
        **_frame(found, actor), "number": number, "number_label": number_field.label, "entity": entity,
        "factor_label": _("Last 4 digits of the phone left with us") if tail else (field.label if field else ""),
        "tail": tail, "sheet": None,
    }  # fmt: skip
    if request.method != "POST" and not (number and actor.kind == "user"):
        return show(request, "outside/lookup.jinja", context)
    try:
        sheet = lookups.find(found, actor, number, str(sent.get("factor") or ""))
    except GuanxiError as error:
        return show(request, "outside/lookup.jinja", context, error)
    return show(request, "outside/lookup.jinja", {**context, "sheet": sheet})


def _questions(request: HttpRequest, found: PublicPage, actor: Actor) -> HttpResponseBase:
    asked = questions.questions(found)
    fields = [one.field for one in asked]
    definition = found.definition
    context = {
        **_frame(found, actor), "conditions": {one.field.name: one.when for one in asked}, "done": None,
        "consent": pages.said(definition, "consent"), "marketing": pages.said(definition, "marketing"), "record_url": "",
    }  # fmt: skip
    if request.method != "POST":
        return show(request, "outside/questions.jinja", {**context, "inputs": inputs(fields, {}, {})})
    raw = raw_values(fields, request.POST)
    try:
        if request.POST.get("website"):
            raise Invalid(_("Leave the last field empty."), code="questions.trap")
        if context["consent"] and actor.kind != "user" and request.POST.get("consent") != "1":
            raise Invalid(_("Please agree first."), code="questions.consent", field="consent")
        done = questions.answer(found, actor, raw)
    except GuanxiError as error:
        kept = {
            "agreed": request.POST.get("consent") == "1",
            "wanted": request.POST.get("marketing") == "1",
            "raw": raw,
        }
        drawn = inputs(fields, raw, errors_of(error))
        return show(request, "outside/questions.jinja", {**context, **kept, "inputs": drawn}, error)
    confirming = False
    if context["marketing"] and actor.kind != "user" and request.POST.get("marketing") == "1":
        proof = f"{pages.name_of(found)}: {context['marketing']} ({actor.address})"
        confirming = agreed_by_form(actor, done.record, proof=proof, language=get_language() or "zh-hans")
    made = addresses.record_url(entity_of(done.record), done.record.pk) if _sees(actor, done.record) else ""
    thanks = pages.said(definition, "thanks")
    return show(
        request,
        "outside/questions.jinja",
        {**context, "done": done, "thanks": thanks, "record_url": made, "confirming": confirming},
    )


def _sees(actor: Actor, record: Any) -> bool:
    return actor.kind == "user" and allowed(actor, "view", record)
