"""A formula checked while it is typed, and tried on a record; the list of what it may use."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.cel import FUNCTIONS, FormulaError
from guanxi.core.kernel.cel.checking import type_words
from guanxi.core.kernel.cel.functions import GROUPS
from guanxi.core.records import display, formula, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.web.shaping.common import page, shaped_entity, shaper
from guanxi.core.web.views.common import page_view


@page_view("GET", "POST")
def check(request: HttpRequest, path: str) -> HttpResponseBase:
    """POST: is the formula right, and what it gives on a record (``record``, or the one changed last). GET: the help."""
    actor, entity = shaper(request), shaped_entity(path)
    if request.method != "POST":
        fields = [
            (name, str(one.label), str(type_words(formula.field_type(one))))
            for name, one in shape.fields_of(entity).items()
        ]
        groups = [
            (str(label), [one for one in FUNCTIONS.values() if one.group == key]) for key, label in GROUPS.items()
        ]
        return page(request, "shaping/formula_help.jinja", {"title": entity.plural, "fields": fields, "groups": groups})
    source = request.POST.get(request.GET.get("name", ""), "").strip()
    context: dict[str, object] = {"source": source}
    if source:
        try:
            checked = formula.check(entity, source, wanted=(request.GET.get("wanted") or "any",))
            context["type"] = type_words(checked.type)
            context |= _tried(actor, entity, source, request.POST.get("record", ""))
        except FormulaError as error:
            context |= {
                "error": str(error.message),
                "place": error.placed(source),
                "line": _marked(source, error.position),
            }
    return render(request, "shaping/formula_answer.jinja", context, using="jinja2")


def _marked(source: str, position: int) -> tuple[str, str]:
    """The line of a mistake, cut where it stands."""
    start = source.rfind("\n", 0, position) + 1
    end = source.find("\n", position)
    line = source[start : end if end >= 0 else len(source)]
    return line[: position - start], line[position - start :] or "…"


def _tried(actor: Actor, entity: Entity, source: str, chosen: str) -> dict[str, object]:
    record = records.get(actor, entity, int(chosen)) if chosen.isdecimal() else None
    if record is None:
        found = records.select(actor, entity, limit=1, count=False).items
        record = found[0] if found else None
    if record is None:
        return {}
    outcome = formula.evaluate(source, record, actor=actor)
    return {
        "value": formula.shown(outcome.value),
        "warnings": outcome.warnings,
        "record": display.title_of(entity, record, actor),
    }
