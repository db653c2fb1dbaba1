"""Dictionaries: the list, one with its values, one value, merging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import Dictionary, DictionaryValue
from guanxi.core.records import dictionaries
from guanxi.core.records.dictionaries import dictionary_names
from guanxi.core.records.shape import REGIONS, spoken
from guanxi.core.schema.fields import Field
from guanxi.core.shaping import dictionaries as shaping
from guanxi.core.web import toasts
from guanxi.core.web.inputs import Input, Option
from guanxi.core.web.people.common import done, version_of
from guanxi.core.web.shaping.common import COLORS, ask, general, inputs, page, read, shaper
from guanxi.core.web.views.common import page_view

BASE = "/settings/dictionaries/"
_OWN = (
    ask("name_zh", "text", gettext_lazy("Chinese name"), required=True, max_length=100),
    ask("name_en", "text", gettext_lazy("English name"), max_length=100),
)


def _asked(key: str = "") -> tuple[Field, ...]:
    """What a dictionary is asked: its names, and what narrows it."""
    others = sorted((one for one in dictionary_names() if one[0] != key), key=lambda one: one[1])
    choices = [("", _("none")), (REGIONS, _("Regions")), *others]
    hint = _(
        "What is chosen there decides which of these values can be chosen: the region, for instance, which branches."
    )
    return (*_OWN, ask("narrowed_by", "choice", _("Narrowed by"), choices=choices, help=hint))


@page_view("GET", "POST")
def index(request: HttpRequest) -> HttpResponseBase:
    """All dictionaries; a new one."""
    actor = shaper(request)
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            row = shaping.dictionary_save(actor, request.POST.get("key", ""), read(_OWN, request.POST), new=True)
            return done(request, f"{BASE}{row.key}/", _("“%(name)s” was made.") % {"name": row.name_zh})
        except GuanxiError as found:
            error = found
    rows = [
        (row, spoken(row.name_zh, row.name_en), shaping.places(row.key))
        for row in Dictionary.objects.annotate(number=Count("values")).order_by("key")
    ]
    context = {
        "title": _("Dictionaries"),
        "rows": sorted(rows, key=lambda one: (not one[2], one[1])),
        "form": inputs(_OWN, request.POST.dict(), error),
        "general": general(error, _OWN),
    }
    return page(request, "shaping/dictionaries.jinja", context, error)


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str) -> HttpResponseBase:
    """One dictionary: its names, its values in order, where it is used."""
    actor, row = shaper(request), shaping.dictionary_for(key)
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            if request.POST.get("do") == "delete":
                shaping.dictionary_delete(actor, key)
                return done(request, BASE, _("“%(name)s” was removed.") % {"name": row.name_zh})
            shaping.dictionary_save(actor, key, read(_asked(key), request.POST), version=version_of(request))
            return done(request, f"{BASE}{key}/", _("Saved."))
        except GuanxiError as found:
            error = found
    stored = {"name_zh": row.name_zh, "name_en": row.name_en, "narrowed_by": row.narrowed_by}
    given = request.POST.dict() if error else stored
    context = {
        "title": spoken(row.name_zh, row.name_en),
        "row": row,
        "values": [(depth, one, _names(row, one.belongs_to)) for depth, one in shaping.tree(key)],
        "by": dict(_asked(key)[-1].choices).get(row.narrowed_by, ""),
        "places": shaping.places(key),
        "form": inputs(_asked(key), given, error),
        "general": general(error, _asked(key)),
    }
    return page(request, "shaping/dictionary.jinja", context, error)


@page_view("POST")
def order(request: HttpRequest, key: str) -> HttpResponseBase:
    """The values in a new order."""
    shaping.values_order(shaper(request), key, request.POST.getlist("key"))
    return toasts.attach(HttpResponse(status=204), toasts.toast(_("The order was saved.")))


def _names(row: Dictionary, keys: Sequence[str]) -> list[str]:
    """What the values are called that a value belongs to."""
    if row.narrowed_by == REGIONS:
        return [dictionaries.region_label(one) for one in keys]
    found = [dictionaries.value_of(row.narrowed_by, one) for one in keys]
    return [one.label if one else key for one, key in zip(found, keys, strict=True)]


def _belonging(row: Dictionary) -> tuple[Field, ...]:
    """The question which values of the narrowing dictionary a value belongs to."""
    if not row.narrowed_by:
        return ()
    choices = [(one.key, "　" * depth + one.label) for depth, one in shaping.tree(row.narrowed_by)]
    hint = _("Empty: it can always be chosen.")
    by = next((label for key, label in _asked(row.key)[-1].choices if key == row.narrowed_by), row.narrowed_by)
    label = _("Belongs to (%(dictionary)s)") % {"dictionary": by}
    return (ask("belongs_to", "choices", label, choices=choices, help=hint),)


def _questions(row: Dictionary, value: str) -> tuple[Field, ...]:
    key = row.key
    parents = [("", _("none"))]
    parents += [(one.key, f"{'　' * depth}{one.label}") for depth, one in shaping.tree(key) if one.key != value]
    return (
        *_OWN,
        ask("color", "choice", _("Colour"), choices=COLORS),
        ask("parent_key", "choice", _("Lies under"), choices=parents),
        *_belonging(row),
        ask(
            "active", "boolean", _("May be chosen"), help=_("Old records keep a retired value; new ones cannot use it.")
        ),
        ask("is_default", "boolean", _("Default for new records")),
    )


@page_view("GET", "POST")
def value(request: HttpRequest, key: str, name: str = "") -> HttpResponseBase:
    """One value in a dialog: names, colour, parent, in use, default; how often it is used; merge or remove."""
    actor = shaper(request)
    dictionary = shaping.dictionary_for(key)
    row = DictionaryValue.objects.filter(dictionary=dictionary, key=name).first()
    if name and row is None:
        raise NotFound
    questions = _questions(dictionary, name)
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            return _value_done(request, actor, key, name, read(questions, request.POST))
        except GuanxiError as found:
            error = found
    given = {one.name: getattr(row, one.name) for one in questions} if row else {"active": True}
    if error:
        given = {**request.POST.dict(), **{one: one in request.POST for one in ("active", "is_default")}}
        given["belongs_to"] = request.POST.getlist("belongs_to")
    context = {
        "title": spoken(row.name_zh, row.name_en) if row else _("New value"),
        "key": key,
        "row": row,
        "form": [_of_regions(one, dictionary) for one in inputs(questions, given, error)],
        "general": general(error, questions),
        "used": shaping.used(key, name) if row else [],
        "named": shaping.named(key, name) if row else [],
        "others": [(one.key, one.label) for _depth, one in shaping.tree(key) if one.key != name],
        "action": request.path,
    }
    return page(request, "shaping/value.jinja", context, error)


def _of_regions(one: Input, dictionary: Dictionary) -> Input:
    """Regions are looked up as they are typed; there are thousands."""
    if one.field.name != "belongs_to" or dictionary.narrowed_by != REGIONS:
        return one
    held = tuple(Option(key, dictionaries.region_label(key)) for key in one.keys)
    return replace(one, widget="references", chosen=held, options=(), search_url="/pick/regions/")


def _value_done(request: HttpRequest, actor: Actor, key: str, name: str, given: dict[str, object]) -> HttpResponseBase:
    do = request.POST.get("do", "")
    back = f"{BASE}{key}/"
    if do == "delete":
        shaping.value_delete(actor, key, name)
        return done(request, back, _("The value was removed."))
    if do == "merge":
        step = shaping.value_merge(actor, key, name, request.POST.get("target", ""))
        toasts.keep(
            request,
            toasts.toast(
                _("%(number)d records have the other value now.") % {"number": step.total},
                undo=f"/operations/{step.pk}/undo/",
            ),
        )
        return HttpResponse(status=204, headers={"HX-Redirect": back})
    shaping.value_save(actor, key, name or request.POST.get("key", ""), given, new=not name)
    return done(request, back, _("Saved."))
