"""Custom fields: entities, the fields of one, making and changing one, its kind, its end."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.exchange.mapping import NOT_READ
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import CustomField, FieldIndex, FieldSetup
from guanxi.core.records import display, reading
from guanxi.core.records.dictionaries import dictionary_names
from guanxi.core.records.shape import DERIVED, fields_of, spoken
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS
from guanxi.core.shaping import converting, dictionaries, setups, uses
from guanxi.core.shaping import fields as shaping
from guanxi.core.web import toasts
from guanxi.core.web.people.common import done, version_of
from guanxi.core.web.shaping import questions
from guanxi.core.web.shaping.common import (
    COLORS,
    ask,
    general,
    inputs,
    page,
    shaped_entity,
    shaper,
    shelves,
)
from guanxi.core.web.views.common import page_view

BASE = "/settings/fields/"
#: Kinds by what they are for, as the page offers them; with an icon each.
OFFERED: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("text", (("text", "letter-case"), ("long_text", "file-text"), ("rich_text", "bold"), ("serial", "hash"))),
    ("number", (("integer", "number"), ("decimal", "ruler"), ("percent", "percentage"), ("money", "cash"))),
    ("time", (("date", "calendar"), ("datetime", "calendar-time"), ("time", "clock"))),
    ("choice", (("choice", "list"), ("choices", "list-check"), ("boolean", "toggle-right"), ("region", "map-pin"))),
    ("reach", (("email", "mail"), ("emails", "mail"), ("phone", "phone"), ("phones", "phone"), ("url", "link"), ("urls", "link"), ("addresses", "map-pin"))),
    ("link", (("reference", "link"), ("references", "link"), ("user", "user"), ("table", "table"), ("image", "photo"), ("file", "paperclip"))),
    ("derived", (("formula", "variable"), ("rollup", "calculator"))),
)  # fmt: skip


def _groups() -> list[tuple[str, list[tuple[str, str, str]]]]:
    titles = {
        "text": _("Text"), "number": _("Numbers"), "time": _("Dates"), "choice": _("Choices"), "reach": _("Ways to reach somebody"),
        "link": _("Links and tables"), "derived": _("Calculated"),
    }  # fmt: skip
    return [(titles[key], [(kind, icon, str(KINDS[kind].label)) for kind, icon in listed]) for key, listed in OFFERED]


def _limits() -> dict[str, str]:
    """What cannot be done with a kind that can be done with others, by kind; '' where nothing is missing."""
    found: dict[str, str] = {}
    for name, kind in KINDS.items():
        told = []
        if not kind.sortable:
            told.append(_("Lists are neither sorted nor grouped by it."))
        if name == "serial" or name in DERIVED:
            told.append(_("Filled by the system, never typed."))
        elif name in NOT_READ:
            told.append(_("Not read from files of an import."))
        found[name] = " ".join(told)
    return found


#: Formula boxes of the form, whose errors stand at them.
_BOXES = ("formula", "columns", "rule_visible", "rule_required", "rule_readonly", "rule_check")


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """Entities, with the number of fields added to each."""
    shaper(request)
    counts: dict[str, int] = {}
    for key in CustomField.objects.filter(active=True).values_list("entity", flat=True):
        counts[key] = counts.get(key, 0) + 1
    return page(request, "shaping/entities.jinja", {"title": _("Fields"), "shelves": shelves(counts), "base": BASE})


@page_view()
def listing(request: HttpRequest, path: str) -> HttpResponseBase:
    """The fields an administrator added to one entity, in their order."""
    shaper(request)
    entity = shaped_entity(path)
    states = dict(FieldIndex.objects.filter(entity=entity.key).values_list("field", "state"))
    rows = [
        (row, spoken(row.label_zh, row.label_en), str(KINDS[row.kind].label), states.get(row.key, ""))
        for row in shaping.rows_of(entity.key)
    ]
    setups_of = {row.field: row for row in FieldSetup.objects.filter(entity=entity.key)}
    now = fields_of(entity)
    built_in = [
        (
            name,
            capfirst(str(now[name].label)),
            str(KINDS[now[name].kind].label),
            setups_of.get(name),
            now[name].required,
        )
        for name in setups.built_in(entity)
        if name in now
    ]
    title = _("Fields of %(entity)s") % {"entity": entity.plural}
    context = {"title": title, "entity": entity, "rows": rows, "built_in": built_in}
    return page(request, "shaping/fields.jinja", context)


@page_view("POST")
def order(request: HttpRequest, path: str) -> HttpResponseBase:
    """The fields in a new order."""
    shaping.fields_order(shaper(request), shaped_entity(path).key, request.POST.getlist("key"))
    return toasts.attach(HttpResponse(status=204), toasts.toast(_("The order was saved.")))


@page_view("GET", "POST")
def create(request: HttpRequest, path: str) -> HttpResponseBase:
    """A new field: first its kind, then the rest."""
    actor, entity = shaper(request), shaped_entity(path)
    kind = request.GET.get("kind", "")
    if kind not in shaping.CHOSEN:
        context = {
            "title": _("New field of %(entity)s") % {"entity": entity.plural},
            "entity": entity,
            "groups": _groups(),
            "limits": _limits(),
        }
        return page(request, "shaping/kinds.jinja", context)
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            given = questions.answers(entity, kind, request.POST, None)
            with transaction.atomic():
                _own_dictionary(actor, kind, given)
                row = shaping.field_save(actor, entity, request.POST.get("key", "").strip(), given, new=True)
            text = _("The field “%(name)s” is there, everywhere at once.") % {"name": row.label_zh}
            return done(request, f"{BASE}{entity.path}/", text)
        except GuanxiError as found:
            error = _named(found)
    return _form(request, entity, kind, None, error)


def _own_dictionary(actor: Actor, kind: str, given: dict[str, Any]) -> None:
    """A choice without a dictionary gets one of its own name, with the values written on the form. Raises Invalid."""
    lines = [one.strip() for one in str(given.pop("values", "") or "").splitlines() if one.strip()]
    if kind not in ("choice", "choices") or not given["label_zh"]:
        return
    if given["dictionary"]:
        if lines:
            raise Invalid(_("Choose a dictionary, or write new values, not both."), code="field.values", field="values")
        return
    names = {"name_zh": given["label_zh"], "name_en": given["label_en"]}
    key = given["dictionary"] = dictionaries.dictionary_save(actor, "", names, new=True).key
    colors = [color for color, _name in COLORS if color]
    for place, line in enumerate(lines):
        zh, _bar, en = (part.strip() for part in line.replace("｜", "|").partition("|"))
        value = {"name_zh": zh or en, "name_en": en, "color": colors[place % len(colors)]}
        dictionaries.value_save(actor, key, "", value, new=True)


def _named(error: GuanxiError) -> GuanxiError:
    """Errors of conditions stand at their boxes (``rule_visible``)."""
    if not isinstance(error, Invalid) or not error.errors:
        return error
    rules = ("visible", "readonly", "check")
    return Invalid.collect(
        {
            (
                f"rule_{name}"
                if name in rules or (name == "required" and any(one.code.startswith("formula") for one in found))
                else name
            ): found
            for name, found in error.errors.items()
        }
    )


def _form(
    request: HttpRequest, entity: Entity, kind: str, row: CustomField | None, error: GuanxiError | None
) -> HttpResponseBase:
    asked, more = questions.common(new=row is None), questions.of_kind(entity, kind, new=row is None)
    given: dict[str, Any] = questions.held(row) if row else {"places": 2}
    if error:
        sent = request.POST
        lists = {one.name for one in (*asked, *more) if one.kind == "choices"}
        flags = {one.name for one in (*asked, *more) if one.kind == "boolean"}
        given = {
            **given,
            **sent.dict(),
            **{name: sent.getlist(name) for name in lists},
            **{name: name in sent and sent.get(name) not in ("", "0") for name in flags},
        }
    known = [one.name for one in (*asked, *more)]
    context = {
        "title": spoken(row.label_zh, row.label_en) if row else _("New field: %(kind)s") % {"kind": KINDS[kind].label},
        "entity": entity,
        "row": row,
        "kind": kind,
        "kind_label": KINDS[kind].label,
        "limits": _limits(),
        "common": inputs(asked, given, error),
        "more": inputs(more, given, error),
        "given": given,
        "derived": kind in DERIVED,
        "columns": given.get("columns") or [],
        "cells": [(one, str(KINDS[one].label)) for one in questions.CELLS],
        "dictionaries": dictionary_names() if kind == "table" else [],
        "general": general(error, [ask(name, "text", "") for name in (*known, *_BOXES)]),
        "uses": uses.uses_of(entity.key, f"custom.{row.key}") if row else [],
        "convertible": [(one, str(KINDS[one].label)) for one in converting.CONVERTIBLE if row and one != row.kind] if row and row.kind in converting.CONVERTIBLE else [],
        "wanted": {"text": "text", "date": "date", "datetime": "datetime", "boolean": "bool"}.get(str(given.get("result")), "number"),
    }  # fmt: skip
    return page(request, "shaping/field.jinja", context, error)


@page_view("GET", "POST")
def edit(request: HttpRequest, path: str, key: str) -> HttpResponseBase:
    """One field: everything but its kind and key may change; retire it, bring it back, remove it."""
    actor, entity = shaper(request), shaped_entity(path)
    row = shaping.field_for(entity.key, key)
    if request.method != "POST":
        return _form(request, entity, row.kind, row, None)
    try:
        return _edited(request, actor, entity, row)
    except GuanxiError as found:
        return _form(request, entity, row.kind, row, _named(found))


def _edited(request: HttpRequest, actor: Actor, entity: Entity, row: CustomField) -> HttpResponseBase:
    do, back = request.POST.get("do", ""), f"{BASE}{entity.path}/"
    name = spoken(row.label_zh, row.label_en)
    if do in ("retire", "activate"):
        shaping.field_retire(actor, entity.key, row.key, active=do == "activate")
        text = _("“%(name)s” is in use again.") if do == "activate" else _("“%(name)s” was retired; its values stay.")
        return done(request, back, text % {"name": name})
    if do == "delete":
        shaping.field_delete(actor, entity, row.key)
        return done(request, back, _("“%(name)s” and its values were removed.") % {"name": name})
    given = questions.answers(entity, row.kind, request.POST, row)
    shaping.field_save(actor, entity, row.key, given, version=version_of(request))
    return done(request, back, _("Saved."))


@page_view("GET", "POST")
def kind(request: HttpRequest, path: str, key: str) -> HttpResponseBase:
    """Another kind for a field: first what converts and what would be lost, then the change."""
    actor, entity = shaper(request), shaped_entity(path)
    row = shaping.field_for(entity.key, key)
    wanted, dictionary = request.GET.get("to", ""), request.GET.get("dictionary", row.dictionary)
    error: GuanxiError | None = None
    preview: converting.Preview | None = None
    try:
        preview = converting.kind_preview(actor, entity, key, wanted, dictionary)
        if request.method == "POST":
            step = converting.kind_change(actor, entity, key, wanted, dictionary, version=version_of(request))
            text = _("%(done)d values were converted; the old ones are kept in a retired field.") % {
                "done": step.result["done"]
            }
            return done(request, f"{BASE}{entity.path}/", text)
    except GuanxiError as found:
        error = found
    context = {
        "title": _("“%(name)s” as %(kind)s") % {"name": spoken(row.label_zh, row.label_en), "kind": KINDS[wanted].label if wanted in KINDS else wanted},
        "entity": entity,
        "row": row,
        "preview": preview,
        "names": _names_of(actor, entity, [number for number, _value, _why in preview.lost] if preview else []),
        "wanted": wanted,
        "dictionary": dictionary,
        "dictionaries": dictionary_names() if wanted == "choice" else [],
        "general": general(error),
    }  # fmt: skip
    return page(request, "shaping/kind.jinja", context, error)


def _names_of(actor: Actor, entity: Entity, numbers: list[int]) -> dict[int, str]:
    """What the records are called that the actor may see."""
    return {
        one.pk: display.title_of(entity, one, actor) for one in reading.queryset(actor, entity).filter(pk__in=numbers)
    }
