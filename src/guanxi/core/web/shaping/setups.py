"""One built-in field: its names, its help, and when it is shown, must be filled, may be changed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.records.rules import CONDITIONS
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.shaping import setups as shaping
from guanxi.core.shaping import uses
from guanxi.core.web.people.common import done, version_of
from guanxi.core.web.shaping.common import ask, general, inputs, page, shaped_entity, shaper
from guanxi.core.web.views.common import page_view

#: Names of the texts said when a condition is not met.
MESSAGES = ("message_zh", "message_en")


def _questions(field: Field) -> list[Field]:
    asked = [
        ask("label_zh", "text", _("Chinese name"), max_length=100, help=_("Empty: as it came.")),
        ask("label_en", "text", _("English name"), max_length=100),
        ask("help_zh", "text", _("Help in Chinese"), max_length=300),
        ask("help_en", "text", _("Help in English"), max_length=300),
    ]
    if not field.required and not field.readonly and field.kind != "boolean":
        asked.append(ask("required", "boolean", _("Must be filled")))
    return asked


@page_view("GET", "POST")
def edit(request: HttpRequest, path: str, name: str) -> HttpResponseBase:
    """A built-in field of an entity set up, or put back as it came."""
    actor, entity = shaper(request), shaped_entity(path)
    field = shaping.built_in(entity).get(name)
    if field is None:
        raise NotFound
    row, back = shaping.row_of(entity, name), f"/settings/fields/{entity.path}/"
    error: GuanxiError | None = None
    given: dict[str, Any] = _held(row)
    if request.method == "POST":
        sent = request.POST
        try:
            if sent.get("do") == "reset":
                shaping.setup_reset(actor, entity, name)
                return done(request, back, _("The field is as it came."))
            given = {one: sent.get(one, "").strip() for one in ("label_zh", "label_en", "help_zh", "help_en")}
            given["required"] = sent.get("required") not in (None, "", "0")
            rules = {one: sent.get(f"rule_{one}", "").strip() for one in (*CONDITIONS, *MESSAGES)}
            given["rules"] = {one: text for one, text in rules.items() if text}
            shaping.setup_save(actor, entity, name, given, version=version_of(request))
            return done(request, back, _("Saved."))
        except GuanxiError as found:
            error = found
    questions = _questions(field)
    known = [*questions, *(ask(one, "text", "") for one in CONDITIONS)]
    context = {
        "title": capfirst(str(field.label)),
        "entity": entity,
        "name": name,
        "row": row,
        "kind_label": KINDS[field.kind].label,
        "common": inputs(questions, given, error),
        "rules": given.get("rules", {}),
        "open": not field.readonly,
        "uses": uses.uses_of(entity.key, name),
        "general": general(error, known),
    }
    return page(request, "shaping/setup.jinja", context, error)


def _held(row: Any) -> dict[str, Any]:
    return {one: getattr(row, one) for one in shaping.NAMES} if row is not None else {}
