"""Processes: fields that may be one, and the rules of one, step by step."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.kernel.pinyin import initials
from guanxi.core.models import Process, Role
from guanxi.core.people.rights import role_name
from guanxi.core.records import dictionaries, shape
from guanxi.core.records.process import OWNER, SUPERIOR
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.shaping import processes as shaping
from guanxi.core.web.people.common import done, version_of
from guanxi.core.web.shaping.common import general, page, shapeable, shaped_entity, shaper
from guanxi.core.web.views.common import page_view

BASE = "/settings/processes/"


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """The processes there are; below them, folded by entity, the choice fields that may become one."""
    shaper(request)
    active = set(Process.objects.filter(active=True).values_list("entity", "field"))
    rows: list[tuple[Entity, str, str]] = []
    rest: list[tuple[Entity, list[tuple[str, str]]]] = []
    for entity in shapeable():
        others = []
        for field in shaping.candidates(entity):
            label = capfirst(str(field.label))
            if (entity.key, field.name) in active:
                rows.append((entity, field.name, label))
            else:
                others.append((field.name, label))
        if others:
            rest.append((entity, others))
    return page(request, "shaping/processes.jinja", {"title": _("Processes"), "rows": rows, "rest": rest})


def _field(entity: Entity, name: str) -> Field:
    found = next((one for one in shaping.candidates(entity) if one.name == name), None)
    if found is None:
        raise NotFound
    return found


def _lines(text: str) -> list[dict[str, Any]]:
    """A checklist as typed: one line each, ``中文 | English``; a line that begins with ? may stay open."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        words = line.strip()
        needed = not words.startswith(("?", "？"))
        zh, _bar, en = words.lstrip("?？ ").replace("｜", "|").partition("|")
        if zh.strip():
            key = "".join(mark for mark in initials(zh).lower() if mark.isalnum())[:20] or "x"
            taken = {one["key"] for one in found}
            number = next(n for n in range(1, 1000) if (key if n == 1 else f"{key}{n}") not in taken)
            found.append(
                {
                    "key": key if number == 1 else f"{key}{number}",
                    "zh": zh.strip(),
                    "en": en.strip(),
                    "required": needed,
                }
            )
    return found


def _typed(items: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{'' if one.get('required', True) else '? '}{one.get('zh', '')}{' | ' + one['en'] if one.get('en') else ''}"
        for one in items
    )


def _sent(data: QueryDict, field: Field) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    for one in dictionaries.choices_of(field):
        name = f"step.{one.key}."
        steps[one.key] = {
            "who": data.getlist(f"{name}who"),
            "required": data.getlist(f"{name}required"),
            "checklist": _lines(data.get(f"{name}checklist", "")),
            "runs": data.getlist(f"{name}runs"),
            "sets": {
                key: value
                for key, value in zip(data.getlist(f"{name}set"), data.getlist(f"{name}to"), strict=False)
                if key and value
            },
            "ending": data.get(f"{name}ending", ""),
            "help_zh": data.get(f"{name}help_zh", ""),
            "help_en": data.get(f"{name}help_en", ""),
        }
    moves = []
    if data.get("limited"):
        for pair in data.getlist("move"):
            source, _arrow, target = pair.partition(">")
            moves.append({"source": source, "target": target})
    return {"steps": steps, "moves": moves}


@page_view("GET", "POST")
def edit(request: HttpRequest, path: str, name: str) -> HttpResponseBase:
    """The rules of one field."""
    actor, entity = shaper(request), shaped_entity(path)
    field, row = _field(entity, name), shaping.row_of(entity, name)
    definition: dict[str, Any] = row.definition if row else {}
    error: GuanxiError | None = None
    if request.method == "POST":
        definition = _sent(request.POST, field)
        try:
            active = request.POST.get("do") != "off"
            shaping.process_save(actor, entity, name, definition, active=active, version=version_of(request))
            return done(request, BASE if not active else f"{BASE}{path}/{name}/", _("Saved."))
        except GuanxiError as found:
            error = found
    steps = [one for one in dictionaries.choices_of(field) if one.active]
    context = {
        "title": f"{entity.label} · {capfirst(str(field.label))}",
        "entity": entity,
        "field": field,
        "row": row,
        "steps": [(one, definition.get("steps", {}).get(one.key, {}), _typed(definition.get("steps", {}).get(one.key, {}).get("checklist", []))) for one in steps],
        "moves": {f"{one['source']}>{one['target']}" for one in definition.get("moves", ())},
        "people": [(OWNER, _("the owner")), (SUPERIOR, _("the owner’s superior"))] + [(role.key, role_name(role)) for role in Role.objects.order_by("name")],
        "fields": [(key, capfirst(str(one.label))) for key, one in shape.fields_of(entity).items() if not one.readonly and key != name and KINDS[one.kind].written],
        "actions": [(one.key, str(one.label)) for one in entity.actions if not one.fields],
        "general": general(error),
    }  # fmt: skip
    return page(request, "shaping/process.jinja", context, error)
