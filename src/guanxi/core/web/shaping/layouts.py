"""Layouts: an editor by drag and keyboard, per role and type, with a preview as somebody of the role."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import override

from guanxi.core.access.actors import rights_for
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Conflict, GuanxiError, NotFound, Text
from guanxi.core.models import AuditEntry, Layout, Role, User
from guanxi.core.people.rights import role_name
from guanxi.core.records import dictionaries, layouts, reading, shape, values
from guanxi.core.schema.entity import Entity, Section
from guanxi.core.schema.registry import entities
from guanxi.core.schema.vocabulary import GROUPS
from guanxi.core.shaping import layouts as shaping
from guanxi.core.shaping.common import key_from
from guanxi.core.web import contributions, formats, tabs
from guanxi.core.web.forms import build, choosing, pick
from guanxi.core.web.lists.boardlook import as_listed
from guanxi.core.web.people.common import done, version_of
from guanxi.core.web.record import details, related
from guanxi.core.web.shaping.common import general, page, shaped_entity, shaper, shelves
from guanxi.core.web.views.common import page_view

BASE = "/settings/layouts/"
_LINE = re.compile(r"(section|tab)\.(\w+)\.(zh|en|columns|folded|field|when|key)")


def _faces() -> dict[str, Text]:
    return {
        "form": _("Form"), "detail": _("Record page"), "create": _("New record"), "list": _("List"), "card": _("Card of the board"),
        "side": _("Key facts in the head and side panel"), "panels": _("Panels and cards of the page"),
    }  # fmt: skip


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """Entities to arrange, with the number of layouts each has; menu and home page."""
    shaper(request)
    counts: dict[str, int] = {}
    for key in Layout.objects.values_list("entity", flat=True):
        counts[key] = counts.get(key, 0) + 1
    context = {"title": _("Layouts"), "shelves": shelves(counts), "base": BASE}
    return page(request, "shaping/layouts.jinja", context)


def _roles() -> list[tuple[str, str]]:
    return [("", _("everyone")), *((role.key, role_name(role)) for role in Role.objects.order_by("name"))]


def _known_role(role: str) -> str:
    """The role as asked. Raises NotFound for one that is no more: its layout must not become everybody's."""
    if role not in dict(_roles()):
        raise NotFound
    return role


def _panels(actor: Actor, entity: Entity) -> dict[str, str]:
    """Panels and cards of the record page in their usual order, by their keys."""
    found = [(one.order, one.key, str(one.label)) for one in entity.panels]
    for child, field, declared in related.relations(entity, actor):
        label = str(declared.label) if declared and declared.label else str(child.plural)
        found.append((declared.order if declared else 60, f"{child.key}.{field}", label))
    return {key: label for _order, key, label in sorted(found)}


def _usual(actor: Actor, entity: Entity, face: str) -> list[Section]:
    """What holds while there is no layout, as sections."""
    if face == "panels":
        return [Section("", tuple(_panels(actor, entity)))]
    fields = dict(shape.fields_of(entity))
    if face in ("form", "detail"):
        shown = fields if face == "detail" else build.askable(fields)
        return [
            replace(one, fields=tuple(name for name in one.fields if name in shown))
            for one in build.sections_of(entity, shown)
        ]
    names = {
        "create": entity.form.create if entity.form else (),
        "list": entity.columns or (entity.title,),
        "card": (entity.board.card or as_listed(actor, entity, entity.board.field)) if entity.board else (),
        "side": entity.facts,
    }[face]
    return [Section("", tuple(names))]


def _both(label: Text) -> dict[str, str]:
    """A name of the declaration in both languages."""
    found = {}
    for name, language in (("zh", "zh-hans"), ("en", "en")):
        with override(language):
            found[name] = str(label)
    return found


def _declared(actor: Actor, entity: Entity, face: str) -> list[dict[str, Any]]:
    """What holds while there is no layout, as the editor shows it."""
    return [
        {**_both(one.label), "fields": list(one.fields), "when": one.when, "columns": one.columns}
        for one in _usual(actor, entity, face)
    ]


def _held(definition: dict[str, Any], face: str) -> list[dict[str, Any]]:
    """What the editor shows in its order: sections, and before the first of each tab its heading."""
    if face not in ("form", "detail"):
        return [{"zh": "", "en": "", "fields": definition.get("fields", [])}]
    sections = list(definition.get("sections", ()))
    found = [one for one in sections if not one.get("tab")]
    for tab in definition.get("tabs", ()):
        found += [{**tab, "heading": True, "fields": []}, *(one for one in sections if one.get("tab") == tab["key"])]
    return found


def _sent(data: QueryDict, face: str) -> dict[str, Any]:
    """The sections as sent, in the order they stand on the page."""
    found: dict[str, dict[str, Any]] = {}
    for name in data:
        if match := _LINE.fullmatch(name):
            one = found.setdefault(
                f"{match[1]}.{match[2]}", {"zh": "", "en": "", "fields": [], "heading": match[1] == "tab"}
            )
            if match[3] == "field":
                one["fields"] = data.getlist(name)
            elif match[3] == "columns":
                one["columns"] = {"1": 1, "2": 2, "3": 3}.get(data.get(name, ""), 0)
            elif match[3] == "when":
                bound, _sep, value = data.get(name, "").partition("=")
                one["when"] = [bound, value] if bound else None
            else:
                one[match[3]] = data.get(name, "").strip()
    if face in ("form", "detail"):
        return _by_tab(list(found.values()))
    listed = [name for one in found.values() for name in one["fields"]]
    return {"fields": listed, "hidden": data.getlist("rest")} if face == "panels" else {"fields": listed}


def _by_tab(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Sections belong to the tab whose heading stands before them."""
    tabs, sections, now = list[dict[str, Any]](), list[dict[str, Any]](), ""
    for one in listed:
        if not one.pop("heading"):
            sections.append({**one, "tab": now})
            continue
        taken = {tab["key"] for tab in tabs}
        now = one.get("key") or key_from("", one["en"] or one["zh"], taken)
        tabs.append({"key": now, "zh": one["zh"], "en": one["en"]})
    return {"sections": sections, "tabs": tabs}


@page_view("GET", "POST")
def edit(request: HttpRequest, path: str) -> HttpResponseBase:
    """The editor of one face: ``?face=&role=&kind=``."""
    actor, entity = shaper(request), shaped_entity(path)
    face, role, kind = (request.GET.get(name, "") for name in ("face", "role", "kind"))
    face = face if face in layouts.FACES else "form"
    row = shaping.row_of(entity, face, _known_role(role), kind)
    error: GuanxiError | None = None
    held = row.definition if row else None
    if request.method == "POST":
        held = _sent(request.POST, face)
        if request.POST.get("do") == "preview":
            shown = _context(actor, entity, face, role, kind, held)
            return page(request, "shaping/preview.jinja", shown)
        try:
            if request.POST.get("do") == "reset":
                shaping.layout_reset(actor, entity, face, role=role, kind=kind)
                return done(request, request.get_full_path(), _("As it was before."))
            shaping.layout_save(actor, entity, face, held, role=role, kind=kind, version=version_of(request))
            return done(request, request.get_full_path(), _("The layout was saved. It counts from now on."))
        except GuanxiError as found:
            error = found
    return page(
        request,
        "shaping/layout.jinja",
        {**_context(actor, entity, face, role, kind, held), "row": row, "general": _told(entity, row, held, error)},
        error,
    )


def _by_whom(row: Layout) -> Text:
    """Who saved meanwhile, when, and what to do about it."""
    last = AuditEntry.objects.filter(entity=Layout._meta.db_table, record_id=row.pk).order_by("-at", "-id").first()
    return _(
        "%(name)s saved this layout %(when)s. Yours stands below and is not saved yet: "
        "save again to put it in the place of theirs, or reload the page to go on from theirs."
    ) % {"name": last.actor_name if last else "—", "when": formats.relative_time(last.at) if last else ""}


def _told(entity: Entity, row: Layout | None, held: Mapping[str, Any] | None, error: GuanxiError | None) -> list[Text]:
    """What is wrong; where somebody saved meanwhile: who and when, and in what theirs differs."""
    if not isinstance(error, Conflict) or row is None:
        return general(error)
    told: list[Text] = [_by_whom(row)]
    mine, theirs = layouts.all_names(held or {}), layouts.all_names(row.definition)
    for text, one, other in (
        (_("Only in theirs: %(names)s."), theirs, mine),
        (_("Only in yours: %(names)s."), mine, theirs),
    ):
        if only := [name for name in one if name not in other]:
            told.append(text % {"names": ", ".join(str(shape.path_label(entity, name)) for name in only)})
    return told


def _context(
    actor: Actor, entity: Entity, face: str, role: str, kind: str, held: dict[str, Any] | None
) -> dict[str, Any]:
    fields = shape.fields_of(entity)
    sections = _held(held, face) if held is not None else _declared(actor, entity, face)
    used = {name for one in sections for name in one["fields"]}
    labels = {name: capfirst(str(one.label)) for name, one in fields.items()}
    offered: Collection[str] = build.askable(dict(fields)) if face in ("form", "create") else fields
    if face == "panels":
        labels = _panels(actor, entity)
        offered = labels
        hidden = set((held or {}).get("hidden", ()))
        listed = [name for name in sections[0]["fields"] if name in labels]
        listed += [name for name in labels if name not in hidden and name not in listed]
        sections, used = [{"zh": "", "en": "", "fields": listed}], set(listed)
    for name in used - set(labels):
        found = shape.field_at(entity, name)
        labels[name] = capfirst(str(found.label)) if found else name
    by = layouts.type_field(entity)
    return {
        "title": _("Layout of %(entity)s") % {"entity": entity.plural},
        "entity": entity,
        "face": face,
        "faces": list(_faces().items()),
        "role": role,
        "roles": _roles(),
        "kind": kind,
        "kinds": [("", _("all records")), *((one.key, one.label) for one in dictionaries.choices_of(fields[by]))]
        if by and face != "list"
        else [],
        "whens": dict(_whens(entity, retired=True)),
        "sections": sections,
        "several": face in ("form", "detail"),
        "rest": [name for name in offered if name not in used and name != "id"],
        "labels": labels,
        "required": {name for name, one in fields.items() if one.required} if face != "panels" else set(),
        "preview": _preview(actor, entity, face, role, held if held is not None else {"sections": sections}),
        "stored": Layout.objects.filter(entity=entity.key),
    }


def _whens(entity: Entity, *, retired: bool = False) -> list[tuple[str, str]]:
    """Values of choice fields a section may be bound to: “kind=person” and how it is said; fields of few values first."""
    offered = [
        (name, capfirst(str(one.label)), dictionaries.choices_of(one))
        for name, one in shape.fields_of(entity).items()
        if one.kind == "choice"
    ]
    offered.sort(key=lambda one: len(one[2]))
    return [
        (f"{name}={choice.key}", f"{label}: {choice.label}")
        for name, label, choices in offered
        for choice in choices
        if choice.active or retired
    ]


@page_view()
def whens(request: HttpRequest, path: str) -> HttpResponseBase:
    """What the picker of *Shown when* offers for the words typed: values that hold each of them, in their name or their field's."""
    shaper(request)
    words = request.GET.get("q", "").casefold().split()
    return pick.items([
        {"value": key, "text": label}
        for key, label in _whens(shaped_entity(path))
        if all(word in label.casefold() for word in words)
    ])  # fmt: skip


def _seer(actor: Actor, role: str) -> Actor:
    """Somebody who holds only this role; the administrator himself without one."""
    if not role:
        return actor
    user = User.everything.get(pk=actor.user_id or 0)
    roles = Role.objects.filter(key=role).prefetch_related("rights", "fields")
    return replace(actor, rights=rights_for(user, roles))


def _preview(actor: Actor, entity: Entity, face: str, role: str, held: dict[str, Any]) -> dict[str, Any] | None:
    """The face as the role sees it: parts of a form, blocks of a record page, ``None`` for faces without a preview."""
    if face not in ("form", "detail", "create"):
        return None
    seer = _seer(actor, role)
    sections = (
        [Section("", tuple(layouts.names(held)) or tuple(held["sections"][0]["fields"]))]
        if face == "create"
        else layouts.sections(held)
    )
    record = next(iter(reading.select(actor, entity, limit=1, count=False).items), None) or entity.model()
    if face == "detail":
        return {"blocks": details.blocks(seer, entity, record, sections), "record": record}
    fields = build.askable(shape.readable(seer, entity))
    kept = {name: values.current(record, one) for name, one in fields.items()} if face == "form" and record.pk else {}
    inputs = choosing.inputs(seer, entity, list(fields.values()), kept, prefix="preview.")
    return {"form": tabs.sort(build.parts_of(sections, inputs))}


@page_view("GET", "POST")
def own(request: HttpRequest, face: str) -> HttpResponseBase:
    """Menu or home page: order and what is hidden, for everyone or a role."""
    actor = shaper(request)
    if face not in layouts.OWN_FACES:
        raise NotFound
    role = _known_role(request.GET.get("role", ""))
    row = shaping.row_of(None, face, role)
    error: GuanxiError | None = None
    definition = row.definition if row else {}
    if request.method == "POST":
        try:
            if request.POST.get("do") == "reset":
                shaping.layout_reset(actor, None, face, role=role)
                return done(request, request.get_full_path(), _("As it was before."))
            definition = {"order": request.POST.getlist("shown"), "hidden": request.POST.getlist("hidden")}
            shaping.layout_save(actor, None, face, definition, role=role, version=version_of(request))
            return done(request, request.get_full_path(), _("Saved. It counts from the next page."))
        except GuanxiError as found:
            error = found
    known = dict(_entries(face))
    hidden = [key for key in definition.get("hidden", ()) if key in known]
    order = {key: place for place, key in enumerate(definition.get("order", ()))}
    shown = sorted((key for key in known if key not in hidden), key=lambda key: order.get(key, len(order)))
    context = {
        "title": _("Menu") if face == "menu" else _("Home page"),
        "face": face, "role": role, "roles": _roles(), "row": row, "known": known, "shown": shown, "hidden": hidden,
        "general": [_by_whom(row)] if row and isinstance(error, Conflict) else general(error),
    }  # fmt: skip
    return page(request, "shaping/own_layout.jinja", context, error)


def _entries(face: str) -> list[tuple[str, str]]:
    if face == "home":
        return [(one.key, str(one.label)) for one in contributions.all_cards()]
    groups = [key for key in GROUPS if key != "settings"]
    found = [
        (groups.index(one.menu.group), one.menu.order, one.key, str(one.plural))
        for one in entities()
        if one.menu.group in groups
    ]
    found += [(groups.index(one.place), one.order, one.key, str(one.label)) for one in contributions.entries_in(groups)]
    return [(key, label) for _group, _order, key, label in sorted(found)]
