"""Layouts: an editor by drag and keyboard, per role and type, with a preview as somebody of the role."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.access.actors import rights_for
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, NotFound, Text
from guanxi.core.models import Layout, Role, User
from guanxi.core.people.rights import role_name
from guanxi.core.records import dictionaries, layouts, reading, shape
from guanxi.core.schema.entity import Entity, Section
from guanxi.core.schema.registry import entities
from guanxi.core.schema.vocabulary import GROUPS
from guanxi.core.shaping import layouts as shaping
from guanxi.core.web import contributions
from guanxi.core.web.forms import build
from guanxi.core.web.people.common import done
from guanxi.core.web.record import related
from guanxi.core.web.shaping.common import general, page, shapeable, shaped_entity, shaper, version_of
from guanxi.core.web.views.common import page_view

BASE = "/settings/layouts/"
_LINE = re.compile(r"section\.(\w+)\.(zh|en|columns|folded|field)")


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
    context = {"title": _("Layouts"), "rows": [(one, counts.get(one.key, 0)) for one in shapeable()], "base": BASE}
    return page(request, "shaping/layouts.jinja", context)


def _roles() -> list[tuple[str, str]]:
    return [("", _("everyone")), *((role.key, role_name(role)) for role in Role.objects.order_by("name"))]


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
        "card": entity.board.card if entity.board else (),
        "side": entity.facts,
    }[face]
    return [Section("", tuple(names))]


def _held(definition: dict[str, Any], face: str) -> list[dict[str, Any]]:
    if face in ("form", "detail"):
        return list(definition.get("sections", ()))
    return [{"zh": "", "en": "", "fields": definition.get("fields", [])}]


def _sent(data: QueryDict, face: str) -> dict[str, Any]:
    """The sections as sent, in the order they stand on the page."""
    found: dict[str, dict[str, Any]] = {}
    for name in data:
        match = _LINE.fullmatch(name)
        if match:
            one = found.setdefault(match[1], {"zh": "", "en": "", "fields": []})
            if match[2] == "field":
                one["fields"] = data.getlist(name)
            elif match[2] == "columns":
                one["columns"] = {"1": 1, "2": 2, "3": 3}.get(data.get(name, ""), 0)
            else:
                one[match[2]] = data.get(name, "").strip()
    listed = list(found.values())
    if face == "panels":
        return {"fields": [name for one in listed for name in one["fields"]], "hidden": data.getlist("rest")}
    return (
        {"sections": listed}
        if face in ("form", "detail")
        else {"fields": [name for one in listed for name in one["fields"]]}
    )


@page_view("GET", "POST")
def edit(request: HttpRequest, path: str) -> HttpResponseBase:
    """The editor of one face: ``?face=&role=&kind=``."""
    actor, entity = shaper(request), shaped_entity(path)
    face, role, kind = (request.GET.get(name, "") for name in ("face", "role", "kind"))
    face = face if face in layouts.FACES else "form"
    row = shaping.row_of(entity, face, role, kind)
    error: GuanxiError | None = None
    held = row.definition if row else None
    if request.method == "POST":
        held = _sent(request.POST, face)
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
        {**_context(actor, entity, face, role, kind, held), "row": row, "general": general(error)},
        error,
    )


def _context(
    actor: Actor, entity: Entity, face: str, role: str, kind: str, held: dict[str, Any] | None
) -> dict[str, Any]:
    fields = shape.fields_of(entity)
    usual = _usual(actor, entity, face)
    sections = (
        _held(held, face)
        if held is not None
        else [{"zh": str(one.label), "en": "", "fields": list(one.fields)} for one in usual]
    )
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
        if by
        else [],
        "sections": sections,
        "several": face in ("form", "detail"),
        "rest": [name for name in offered if name not in used and name != "id"],
        "labels": labels,
        "required": {name for name, one in fields.items() if one.required} if face != "panels" else set(),
        "preview": _preview(actor, entity, role, sections) if face in ("form", "detail", "create") else None,
        "stored": Layout.objects.filter(entity=entity.key),
    }


def _preview(actor: Actor, entity: Entity, role: str, sections: list[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """The form as somebody who holds only this role sees it (the administrator himself without a role)."""
    seer = actor
    if role:
        user = User.everything.get(pk=actor.user_id or 0)
        roles = Role.objects.filter(key=role).prefetch_related("rights", "fields")
        seer = replace(actor, rights=rights_for(user, roles))
    readable = shape.readable(seer, entity)
    titles = [shape.spoken(one["zh"], one["en"]) for one in sections]
    record = next(iter(reading.select(actor, entity, limit=1, count=False).items), None)
    shown: dict[str, Any] = {}
    if record is not None:
        shown = {one.field.name: one for one in build.edit_form(seer, record).inputs} if entity.form else {}
    return [
        (title, [shown[name] for name in one["fields"] if name in shown and name in readable])
        for title, one in zip(titles, sections, strict=True)
        if set(one["fields"]) & set(readable)
    ]


@page_view("GET", "POST")
def own(request: HttpRequest, face: str) -> HttpResponseBase:
    """Menu or home page: order and what is hidden, for everyone or a role."""
    actor = shaper(request)
    if face not in layouts.OWN_FACES:
        raise NotFound
    role = request.GET.get("role", "")
    row = shaping.row_of(None, face, role)
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            if request.POST.get("do") == "reset":
                shaping.layout_reset(actor, None, face, role=role)
            else:
                sent = {"order": request.POST.getlist("shown"), "hidden": request.POST.getlist("hidden")}
                shaping.layout_save(actor, None, face, sent, role=role, version=version_of(request))
            return done(request, request.get_full_path(), _("Saved. It counts from the next page."))
        except GuanxiError as found:
            error = found
    known = dict(_entries(face))
    definition = row.definition if row else {}
    hidden = [key for key in definition.get("hidden", ()) if key in known]
    order = {key: place for place, key in enumerate(definition.get("order", ()))}
    shown = sorted((key for key in known if key not in hidden), key=lambda key: order.get(key, len(order)))
    context = {
        "title": _("Menu") if face == "menu" else _("Home page"),
        "face": face, "role": role, "roles": _roles(), "row": row, "known": known, "shown": shown, "hidden": hidden,
        "general": general(error),
    }  # fmt: skip
    return page(request, "shaping/own_layout.jinja", context, error)


def _entries(face: str) -> list[tuple[str, str]]:
    if face == "home":
        return [(one.key, str(one.label)) for one in contributions.all_cards()]
    found = [
        (list(GROUPS).index(one.menu.group), one.menu.order, one.key, str(one.plural))
        for one in entities()
        if one.menu.group and one.menu.group != "settings"
    ]
    return [(key, label) for _group, _order, key, label in sorted(found)]
