"""Numbering: every field for numbers with its rule, and the page that changes one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import Numbering
from guanxi.core.records import numbering
from guanxi.core.schema.fields import Field
from guanxi.core.shaping import numberings as shaping
from guanxi.core.web.people.common import done, version_of
from guanxi.core.web.shaping.common import ask, general, inputs, page, read, shaped_entity, shaper
from guanxi.core.web.views.common import page_view

HOME = "/settings/numbering/"
RESETS = (
    ("never", gettext_lazy("never")),
    ("year", gettext_lazy("every year")),
    ("month", gettext_lazy("every month")),
    ("day", gettext_lazy("every day")),
)


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """All fields for numbers: what the next number is, when they start again."""
    shaper(request)
    resets = dict(RESETS)
    rows = [
        (one, shaping.examples(_held(one.rule), 1)[0] if one.rule else "", resets[one.rule.reset] if one.rule else "")
        for one in shaping.numbered()
    ]
    return page(request, "shaping/numberings.jinja", {"title": _("Numbering"), "rows": rows})


def _questions() -> list[Field]:
    return [
        ask(
            "format", "text", _("Format"), required=True, max_length=60,
            help=_("{seq:5} is the number in five digits; {yyyy}, {yy}, {mm}, {dd} are the day. Other text stays as it is."),
        ),
        ask("reset", "choice", _("Starts again"), required=True, choices=RESETS),
        ask("number", "integer", _("Next number"), required=True, help=_("With which number it goes on now.")),
        ask("start", "integer", _("Each time begins at"), required=True),
        ask(
            "gap_free", "boolean", _("Without gaps"),
            help=_("No number is ever left out, as tax offices want it; making many records at once is slower."),
        ),
    ]  # fmt: skip


def _held(rule: Numbering | None) -> dict[str, Any]:
    if rule is None:
        return {"format": "{yyyy}{seq:5}", "reset": "year", "gap_free": False, "start": 1, "number": 1}
    return {**{name: getattr(rule, name) for name in shaping.NAMES}, "number": numbering.upcoming(rule)}


@page_view("GET", "POST")
def edit(request: HttpRequest, path: str, name: str) -> HttpResponseBase:
    """How one field is numbered."""
    actor, entity = shaper(request), shaped_entity(path)
    found = shaping.numbered_field(entity, name)
    questions, given = _questions(), _held(found.rule)
    error: GuanxiError | None = None
    if request.method == "POST":
        what = request.POST.get("do", "save")
        try:
            if what == "remove":
                shaping.numbering_delete(actor, entity, name)
                return done(request, HOME, _("The number is typed from now on."))
            given = {**given, **request.POST.dict()}
            given = {**given, **read(questions, request.POST)}
            if what == "save":
                shaping.numbering_save(actor, entity, name, given, version=version_of(request))
                return done(request, HOME, _("Saved."))
        except GuanxiError as wrong:
            error = wrong
        if what == "try":
            return render(request, "shaping/numbering_examples.jinja", _examples(given, error))
    context = {
        "title": f"{entity.label} · {found.field.label}",
        "rule": found.rule,
        "may_remove": found.rule is not None and not found.field.custom,
        "form": inputs(questions, given, error),
        "general": general(error, questions),
        **_examples(given, error),
    }
    return page(request, "shaping/numbering.jinja", context, error)


def _examples(given: dict[str, Any], error: GuanxiError | None) -> dict[str, Any]:
    try:
        return {"examples": [] if error else shaping.examples(given), "wrong": error.message if error else ""}
    except GuanxiError as wrong:
        return {"examples": [], "wrong": wrong.message}
