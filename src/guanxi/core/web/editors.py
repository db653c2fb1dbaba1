"""What the editors of flows, rules, workflows and segments ask alike: what one is about, its condition, its place, and people."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Role, User
from guanxi.core.people.rights import role_name
from guanxi.core.records import shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities, entity_of, is_registered
from guanxi.core.web.lists import builder
from guanxi.core.web.lists.wording import Tree

Choices = list[tuple[str, str]]
#: So many people a list of them holds.
PEOPLE = 1000


def choices() -> Choices:
    """Entities such a definition can be about."""
    found = ((one.key, str(one.plural)) for one in entities() if one.access.owner or one.access.carried_by)
    return sorted(found, key=lambda one: one[1])


def first_choice() -> str:
    """What a new definition is about until somebody says otherwise: the first of the customers' part of the navigation."""
    known = [key for key, _label in choices()]
    firsts = sorted(
        (one.menu.order, one.key) for one in entities() if one.menu.group == "customers" and one.key in known
    )
    return firsts[0][1] if firsts else next(iter(known), "")


def chosen(key: str) -> Entity | None:
    """What a definition is about; ``None`` for what is no more."""
    return entity_of(key) if is_registered(key) else None


def condition_from(data: QueryDict, key: str) -> dict[str, Any]:
    """The tree a sent builder means."""
    entity = chosen(key)
    return builder.read_builder(entity, data) if entity else {}


def position_from(data: QueryDict) -> int:
    """The place among others a sent form says."""
    text = data.get("position", "")
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def about(actor: Actor, key: str, tree: Tree) -> dict[str, Any]:
    """What it is about, what it could be about, and its condition in the builder."""
    entity = chosen(key)
    return {"entity": entity, "entities": choices(), **builder.asked(actor, entity, tree)}


def kind_label(kind: str) -> str:
    """A way of naming people, for a select."""
    return {
        "superior": _("superior of the applicant"),
        "department_head": _("head of the department"),
        "role": _("everybody with a role"),
        "people": _("named people"),
        "field": _("whom a field names"),
        "applicant": _("the applicant"),
    }[kind]


def fields_of(entity: Entity | None) -> Choices:
    """The fields a definition may name."""
    fields = shape.fields_of(entity) if entity else {}
    return [(name, str(one.label)) for name, one in fields.items() if name != "id"]


def people_fields(entity: Entity | None) -> Choices:
    """Fields that name a person."""
    fields = shape.fields_of(entity) if entity else {}
    return [(name, str(one.label)) for name, one in fields.items() if one.target == "core.user"]


def roles() -> Choices:
    """All roles."""
    return [(role.key, role_name(role)) for role in Role.objects.order_by("name")]


def users() -> Choices:
    """Everybody at work here, by the name he signs in with."""
    rows = User.objects.filter(is_active=True).order_by("sort_key")[:PEOPLE]
    return list(rows.values_list("username", "name"))
