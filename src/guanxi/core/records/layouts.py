"""How a face of an entity is arranged, for a role or a type of record, if an administrator arranged it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Layout
from guanxi.core.models.stamps import kept
from guanxi.core.records import shape, values
from guanxi.core.records.shape import spoken
from guanxi.core.schema.entity import Entity, Section, Tab

#: Faces of an entity that can be arranged; of the workspace (empty entity).
FACES = ("form", "detail", "create", "list", "card", "side", "panels")
OWN_FACES = ("menu", "home")


@kept("layouts")
def _stored(entity: str) -> Mapping[tuple[str, str, str], Mapping[str, Any]]:
    rows = Layout.objects.filter(entity=entity)
    return {(row.face, row.role, row.kind): row.definition for row in rows}


def type_field(entity: Entity) -> str:
    """The choice field by whose value layouts may differ, '' if there is none."""
    fields = shape.fields_of(entity)
    return next(
        (
            name
            for name in ("kind", "type", "custom.kind", "custom.type")
            if name in fields and fields[name].kind == "choice"
        ),
        "",
    )


def layout_of(
    actor: Actor, entity: Entity | None, face: str, record: Any = None, *, kind: str = ""
) -> Mapping[str, Any] | None:
    """The definition that holds for the actor and record: of his role and its type, of his role, of its type, for all.

    ``kind`` says the type where there is no record yet.
    """
    stored = _stored(entity.key if entity else "")
    if not stored:
        return None
    if entity is not None and record is not None:
        kind = kind_of(entity, record)
    for role in (*sorted(actor.roles), ""):
        for one in dict.fromkeys((kind, "")):
            found = stored.get((face, role, one))
            if found is not None:
                return found
    return None


def kind_of(entity: Entity, record: Any) -> str:
    """The type of a record by which layouts differ, '' where there is none."""
    by = type_field(entity)
    return str(values.current(record, shape.fields_of(entity)[by]) or "") if by else ""


def kinds_of(entity: Entity, face: str) -> frozenset[str]:
    """The types that have a layout of this face of their own."""
    return frozenset(kind for stored, _role, kind in _stored(entity.key) if stored == face and kind)


def sections(definition: Mapping[str, Any]) -> list[Section]:
    """The sections of a form or record page, those of no tab first."""
    tabs = {
        str(one["key"]): Tab(str(one["key"]), spoken(str(one.get("zh", "")), str(one.get("en", ""))))
        for one in definition.get("tabs", ())
    }
    return [
        Section(
            spoken(str(one.get("zh", "")), str(one.get("en", ""))),
            tuple(one.get("fields", ())),
            when=(one["when"][0], one["when"][1]) if one.get("when") else None,
            key=f"layout-{number}",
            columns=int(one.get("columns") or 0),
            folded=bool(one.get("folded")),
            tab=tabs.get(one.get("tab", "")),
        )
        for number, one in enumerate(definition.get("sections", ()))
    ]


def panels_hidden(actor: Actor, entity: Entity, record: Any) -> frozenset[str]:
    """Panels and cards of a record's page an administrator took away, by their keys."""
    return frozenset((layout_of(actor, entity, "panels", record) or {}).get("hidden", ()))


def panels_place(actor: Actor, entity: Entity, record: Any) -> Mapping[str, int]:
    """Where panels and cards stand, by their keys; those it does not name come after, as declared."""
    return {key: place for place, key in enumerate(names(layout_of(actor, entity, "panels", record)))}


def names(definition: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The fields of a face that is one list: create, list, card, side."""
    return tuple(definition.get("fields", ())) if definition else ()


def all_names(definition: Mapping[str, Any]) -> list[str]:
    """Every field a definition of a face names, in its order."""
    return [*definition.get("fields", ()), *(name for one in definition.get("sections", ()) for name in one["fields"])]
