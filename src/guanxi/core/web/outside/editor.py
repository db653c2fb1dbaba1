"""Settings: what clients see of one sort of records, and public pages, made and changed without a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.models import PortalView, PublicPage
from guanxi.core.models.outside import LOOKUP, QUESTIONS
from guanxi.core.outside import portal, publishing
from guanxi.core.records import process, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities, entity_of, is_registered
from guanxi.core.web.outside import related
from guanxi.core.web.outside.asking import WORDS, drawn, results_of, sent
from guanxi.core.web.people.common import done, version_of
from guanxi.core.web.shaping.common import Choices, ask, general, inputs, page, read, shaper
from guanxi.core.web.views.common import page_view

HOME = "/settings/outside/"
_FACTORS = ("phone", "phones", "email", "emails", "text")


def _fields(entity: Entity, wanted: Callable[[Field], bool] = lambda _field: True) -> Choices:
    found = shape.fields_of(entity)
    return [(name, one.label) for name, one in found.items() if name not in ("id", "deleted_at") and wanted(one)]


def _subjects() -> Choices:
    """Whose records may sign in: those that have an address for the link."""
    return [(one.key, one.plural) for one in entities() if "emails" in shape.fields_of(one) and one.access.owner]


def _ways() -> Choices:
    """Everything that leads to whoever signs in: “Policies · of the customer”."""
    found = []
    own = _("their own data")
    for subject, label in _subjects():
        found.append((f"{subject}|{subject}|", f"{label}: {own}"))
        for way, key in publishing.ways(subject).items():
            entity, path = entity_of(key), way.partition("|")[2]
            if entity.menu.group:
                found.append((f"{subject}|{way}", f"{label}: {entity.plural} · {shape.path_label(entity, path)}"))
    return found


def _view_questions(entity: Entity | None) -> list[Field]:
    asked = [] if entity else [ask("way", "choice", _("Records"), choices=_ways(), required=True)]
    asked += [
        ask("name_zh", "text", _("Chinese name"), max_length=100, help=_("Empty: as the records are called.")),
        ask("name_en", "text", _("English name"), max_length=100),
    ]
    if entity:
        open_to = portal.ASKED
        asked += [
            ask("fields", "choices", _("Clients see"), choices=_fields(entity)),
            ask(
                "create", "choices", _("Clients fill in"),
                choices=_fields(entity, lambda one: not one.readonly and one.kind in open_to),
                help=_("With any of these they may make such a record themselves."),
            ),
            ask(
                "preset", "long_text", _("Filled in for them"),
                help=_("One line each: field = value, for example custom.state = open."),
            ),
        ]  # fmt: skip
    return [*asked, ask("position", "integer", _("Place"), minimum=0, maximum=999)]


def _lines(text: str) -> dict[str, str]:
    """``field = value``, a line each."""
    parts = [line.partition("=") for line in str(text or "").splitlines() if line.strip()]
    return {name.strip(): value.strip() for name, _sign, value in parts}


@page_view("GET", "POST")
def view_new(request: HttpRequest) -> HttpResponseBase:
    """First what, then in which fields."""
    actor, questions = shaper(request), _view_questions(None)
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            given = read(questions, request.POST)
            way = str(given.pop("way") or "").split("|")
            if len(way) != 3:
                raise Invalid(_("Choose one of the values offered."), code="value.choice", field="way")
            subject, entity, path = way
            values = {**given, "subject": subject, "entity": entity, "path": path, "fields": [entity_of(entity).title]}
            row = publishing.view_save(
                actor, None, {**values, "position": given.get("position") or 50, "active": False}
            )
            return done(request, f"{HOME}views/{row.pk}/", _("Now say what clients see, then open it."))
        except GuanxiError as found:
            error = found
    context = {
        "title": _("Open records to clients"),
        "row": None,
        "form": inputs(questions, request.POST.dict(), error),
    }
    return page(request, "outside/edit_view.jinja", {**context, "general": general(error, questions)}, error)


@page_view("GET", "POST")
def view_edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What clients see and fill in of one sort of records."""
    actor, row = shaper(request), PortalView.objects.filter(pk=pk).first()
    if row is None or not is_registered(row.entity):
        raise NotFound
    entity, error = entity_of(row.entity), None
    questions = _view_questions(entity)
    held: Mapping[str, Any] = {one.name: getattr(row, one.name) for one in questions}
    held = {**held, "preset": "\n".join(f"{name} = {value}" for name, value in row.preset.items())}
    if request.method == "POST":
        try:
            if request.POST.get("do") == "delete":
                publishing.remove(actor, row)
                return done(request, HOME, _("Clients see it no more."))
            given = read(questions, request.POST)
            held = {**held, **given}
            lists = {name: held[name] or [] for name in ("fields", "create")}
            values = {**given, **lists, "preset": _lines(given["preset"])}
            publishing.view_save(actor, row, {**values, "position": given.get("position") or 50})
            return done(request, request.path, _("Saved."))
        except GuanxiError as found:
            error = found
    name = shape.spoken(row.name_zh, row.name_en) or str(entity.plural)
    context = {
        "title": _("Clients see: %(what)s") % {"what": name}, "row": row, "entity": entity,
        "subject": entity_of(row.subject) if is_registered(row.subject) else None,
        "form": inputs(questions, held, error), "general": general(error, questions),
    }  # fmt: skip
    return page(request, "outside/edit_view.jinja", context, error)


def _about_questions() -> list[Field]:
    return [
        ask("name_zh", "text", _("Chinese name"), required=True, max_length=100),
        ask("name_en", "text", _("English name"), max_length=100),
        ask("about_zh", "text", _("What it is for, in Chinese"), max_length=500),
        ask("about_en", "text", _("What it is for, in English"), max_length=500),
        ask("position", "integer", _("Place"), minimum=0, maximum=999),
        ask("public", "boolean", _("For everybody"), help=_("Otherwise for staff only.")),
    ]


def _factors(entity: Entity) -> Choices:
    """What only the client knows: own fields, and those of what the record points to."""
    found = [*_fields(entity, lambda one: one.kind in _FACTORS)]
    for name, one in shape.fields_of(entity).items():
        if one.kind == "reference" and not one.custom and is_registered(one.target):
            target = entity_of(one.target)
            found += [
                (f"{name}.{below}", f"{one.label} › {label}")
                for below, label in _fields(target, lambda each: each.kind in _FACTORS[:4])
            ]
    return found


def _paths(entity: Entity) -> Choices:
    fields = shape.fields_of(entity)
    return [(name, fields[name].label) for name in process.process_fields(entity) if name in fields]


def _lookup_questions(entity: Entity) -> list[Field]:
    return [
        ask(
            "number", "choice", _("Asked: the number in"), required=True,
            choices=_fields(entity, lambda one: one.kind in ("text", "serial")),
        ),
        ask(
            "factor", "choice", _("and, as a proof"), choices=_factors(entity), required=True,
            help=_("Of a phone its last four digits are asked."),
        ),
        ask("shown", "choices", _("Shown"), choices=_fields(entity)),
        ask("steps", "choice", _("Steps of"), choices=_paths(entity)),
        ask("people", "boolean", _("with the people who acted")),
    ]  # fmt: skip


def _making() -> Choices:
    return [(one.key, one.plural) for one in entities() if one.creatable and one.form is not None and one.menu.group]


@page_view("GET", "POST")
def page_new(request: HttpRequest) -> HttpResponseBase:
    """Which kind of page, about which records; the rest follows."""
    actor = shaper(request)
    kinds = [(LOOKUP, _("Look up by number")), (QUESTIONS, _("Questionnaire"))]
    questions = [
        ask("kind", "choice", _("Kind"), choices=kinds, required=True),
        ask("entity", "choice", _("Records"), choices=_making(), required=True),
        *_about_questions()[:2],
    ]
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            given = read(questions, request.POST)
            made = publishing.page_save(actor, None, {**given, "active": False, "definition": _start(given)})
            return done(request, f"{HOME}pages/{made.pk}/", _("Now say what it asks and shows, then open it."))
        except GuanxiError as found:
            error = found
    context = {"title": _("New public page"), "row": None, "form": inputs(questions, request.POST.dict(), error)}
    return page(request, "outside/edit_page.jinja", {**context, "general": general(error, questions)}, error)


def _start(given: Mapping[str, Any]) -> dict[str, Any]:
    """A definition that works, to be changed: the title and the first proof, or one question that becomes the title."""
    entity = entity_of(str(given["entity"]))
    if given["kind"] == QUESTIONS:
        first = {"key": "name", "kind": "text", "zh": "怎么称呼您", "en": "Your name", "required": True}
        return {
            "public": True,
            "questions": [first],
            "makes": {"entity": entity.key, "values": {entity.title: "=name"}},
        }
    factors = _factors(entity)
    if not factors:
        raise Invalid(
            _("These records hold nothing only a client knows: no phone, e-mail or text."),
            code="public.factor",
            field="entity",
        )
    proof = next((key for key, _label in factors if "phone" in key or "email" in key), factors[0][0])
    return {"public": True, "number": entity.title, "factor": proof, "shown": [], "steps": "", "people": False}


@page_view("GET", "POST")
def page_edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One public page: its names, what it asks and what it shows or makes."""
    actor, row = shaper(request), PublicPage.objects.filter(pk=pk).first()
    if row is None or not is_registered(row.entity):
        raise NotFound
    entity, error = entity_of(row.entity), None
    about, lookup = _about_questions(), _lookup_questions(entity) if row.kind == LOOKUP else []
    held = {**row.definition, **{one.name: getattr(row, one.name) for one in about if one.name != "public"}}
    held["public"] = bool(row.definition.get("public", True))
    definition = dict(row.definition)
    if request.method == "POST":
        try:
            if request.POST.get("do") == "delete":
                publishing.remove(actor, row)
                return done(request, HOME, _("The page was removed."))
            definition = _defined(row, request)
            held = {**request.POST.dict(), **{name: request.POST.getlist(name) for name in ("shown",)}}
            given = read(about, request.POST)
            definition = {**definition, "public": bool(given.pop("public", False)), **read(lookup, request.POST)}
            if row.kind == LOOKUP:
                below = related.sent(entity, row.definition.get("related") or (), request.POST)
                definition = {**definition, "related": below}
            values = {**given, "position": given.get("position") or 50, "definition": definition}
            publishing.page_save(actor, row, values, version=version_of(request))
            return done(request, request.path, _("Saved."))
        except GuanxiError as found:
            error = found
    context = {
        "title": shape.spoken(row.name_zh, row.name_en), "row": row, "entity": entity,
        "form": inputs(about, held, error), "lookup": inputs(lookup, held, error),
        "general": general(error, [*about, *lookup]), "url": request.build_absolute_uri(f"/public/{row.key}/"),
        **(drawn(definition, entity) if row.kind == QUESTIONS else _below(entity, definition)),
    }  # fmt: skip
    return page(request, "outside/edit_page.jinja", context, error)


def _below(entity: Entity, definition: Mapping[str, Any]) -> dict[str, Any]:
    parts, adding = related.drawn(entity, definition.get("related") or ())
    return {"related": parts, "adding": adding}


def _defined(row: PublicPage, request: HttpRequest) -> dict[str, Any]:
    """What the definition holds after what was sent; parts without an editor stay."""
    if row.kind == LOOKUP:
        return dict(row.definition)
    words = {name: request.POST.get(name, "").strip() for name in WORDS}
    makes = {"entity": row.entity, "values": _lines(request.POST.get("makes", ""))}
    return {
        **row.definition, **words, "questions": sent(request.POST), "results": results_of(request.POST), "makes": makes
    }  # fmt: skip
