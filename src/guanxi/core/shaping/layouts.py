"""Layouts: stored, reset to what the declaration says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Layout, Role
from guanxi.core.models.stamps import bump
from guanxi.core.records import shape
from guanxi.core.records.layouts import FACES, OWN_FACES
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.shaping.common import check_version, key_from, require_shaper


def row_of(entity: Entity | None, face: str, role: str = "", kind: str = "") -> Layout | None:
    """The stored layout, ``None`` while the declaration holds."""
    return Layout.objects.filter(entity=entity.key if entity else "", face=face, role=role, kind=kind).first()


def layout_save(
    actor: Actor,
    entity: Entity | None,
    face: str,
    definition: Mapping[str, Any],
    *,
    role: str = "",
    kind: str = "",
    version: int | None = None,
) -> Layout:
    """Store a layout. Raises Invalid for a field that is not there, Conflict when somebody saved since ``version``.

    Version 0 is that of a face nobody arranged.
    """
    require_shaper(actor)
    cleaned = layout_check(entity, face, role, definition)
    with writing(actor):
        place = {"entity": entity.key if entity else "", "face": face, "role": role, "kind": kind}
        row = Layout.objects.select_for_update().filter(**place).first() or Layout(**place, version=0)
        check_version(row, version, {"definition": cleaned}, {"definition": _("Layout")})
        row.definition, row.version = {**_arranged(row.definition), **cleaned}, row.version + 1
        row.save()
        bump("layouts")
    return row


def layout_check(entity: Entity | None, face: str, role: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition as it is stored. Raises Invalid for a face, role or field that is not there."""
    if face not in (FACES if entity else OWN_FACES):
        raise Invalid(_("There is no such layout."), code="layout.face", field="face")
    if role and not Role.objects.filter(key=role).exists():
        raise Invalid(_("There is no such role."), code="layout.role", field="role")
    return _cleaned(entity, face, definition)


def _arranged(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What a home page holds besides order and hiding: its lists and figures, which no page of settings arranges."""
    return {name: definition[name] for name in ("lists", "figures") if name in definition}


def _cleaned(entity: Entity | None, face: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if entity is None:
        return {
            "order": [str(one) for one in given.get("order", ())],
            "hidden": [str(one) for one in given.get("hidden", ())],
        }
    if face == "panels":
        return {name: [str(one)[:160] for one in dict.fromkeys(given.get(name, ()))] for name in ("fields", "hidden")}
    known = set(shape.fields_of(entity))
    if face not in ("form", "detail"):
        listed = [str(one) for one in dict.fromkeys(given.get("fields", ()))]
        _check_known(entity, known, listed)
        return {"fields": listed}
    tabs = _tabs(given)
    order = ["", *(one["key"] for one in tabs)]
    found, seen = list[dict[str, Any]](), set[str]()
    for one in given.get("sections", ()):
        listed = [name for name in dict.fromkeys(one.get("fields", ())) if name not in seen]
        _check_known(entity, known, listed)
        seen |= set(listed)
        if listed or one.get("zh") or one.get("en"):
            found.append({**_named(one), "fields": listed, **_standing(entity, one, order)})
    found.sort(key=lambda one: order.index(one.get("tab", "")))
    if face == "form":
        missing = [
            name
            for name, one in shape.fields_of(entity).items()
            if one.required and not one.readonly and name not in seen
        ]
        if missing:
            labels = ", ".join(str(shape.fields_of(entity)[name].label) for name in missing)
            raise Invalid(
                _("A form needs the fields that must be filled: %(names)s.") % {"names": labels}, code="layout.required"
            )
    return {"sections": found, **({"tabs": tabs} if tabs else {})}


def _named(one: Mapping[str, Any]) -> dict[str, str]:
    return {"zh": str(one.get("zh", ""))[:60], "en": str(one.get("en", ""))[:60]}


def _tabs(given: Mapping[str, Any]) -> list[dict[str, str]]:
    """The tabs with a key each that stays as it is once given. Raises Invalid for one without a name."""
    found, taken = list[dict[str, str]](), set[str]()
    for one in given.get("tabs", ()):
        named = _named(one)
        name = named["en"] or named["zh"]
        if not name:
            raise Invalid(_("Each tab needs a name."), code="layout.tab")
        key = str(one.get("key") or "")
        key = key if key and key not in taken else key_from("", name, taken)
        taken.add(key)
        found.append({"key": key, **named})
    return found


def _standing(entity: Entity, one: Mapping[str, Any], tabs: list[str]) -> dict[str, Any]:
    """How a section stands, as far as something was said: columns, folded, in which tab, for which value."""
    found: dict[str, Any] = {}
    if one.get("columns") in (1, 2, 3):
        found["columns"] = one["columns"]
    if one.get("folded"):
        found["folded"] = True
    if one.get("tab") and one["tab"] in tabs:
        found["tab"] = one["tab"]
    if when := one.get("when"):
        _check_known(entity, set(shape.fields_of(entity)), [str(when[0])])
        found["when"] = [str(when[0]), str(when[1])]
    return found


def _check_known(entity: Entity, known: set[str], listed: list[str]) -> None:
    unknown = [name for name in listed if name not in known and shape.field_at(entity, name) is None]
    if unknown:
        raise Invalid(_("There is no field “%(name)s”.") % {"name": unknown[0]}, code="field.unknown", field="fields")


def layout_reset(actor: Actor, entity: Entity | None, face: str, *, role: str = "", kind: str = "") -> None:
    """Back to what holds without it."""
    require_shaper(actor)
    with writing(actor):
        Layout.objects.filter(entity=entity.key if entity else "", face=face, role=role, kind=kind).delete()
        bump("layouts")
