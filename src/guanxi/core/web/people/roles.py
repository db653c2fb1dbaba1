"""Roles: the list, and the matrix in which one is edited with a preview of what would change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.access.actors import default_level
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import Department, Role
from guanxi.core.models.people import FIELD_LEVELS, SCOPES
from guanxi.core.people.guards import require_roles_right
from guanxi.core.people.preview import role_preview
from guanxi.core.people.rights import FEATURES, role_description, role_name
from guanxi.core.people.roles import RoleDraft, role_delete, role_draft, role_save
from guanxi.core.records.shape import fields_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities
from guanxi.core.schema.vocabulary import GROUPS
from guanxi.core.web.people.common import done, show, version_of
from guanxi.core.web.views.common import actor_of, page_view


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """All roles with the number of people who hold them."""
    actor = actor_of(request)
    access.require(actor, "view", "core.role")
    holders = Count("users", filter=Q(users__is_active=True, users__deleted_at__isnull=True), distinct=True)
    rows = access.visible(Role.objects.all(), actor).annotate(holders=holders).order_by("-all_rights", "name", "pk")
    context = {
        "title": _("Roles"),
        "rows": [(role, role_name(role), role_description(role)) for role in rows],
        "may_create": access.allowed(actor, "create", "core.role"),
    }
    return show(request, "people/roles.jinja", context)


def _role(request: HttpRequest, role_id: int) -> Role:
    role = Role.objects.filter(pk=role_id).first()
    if role is None or not access.allowed(actor_of(request), "view", role):
        raise NotFound
    return role


def draft_from(data: QueryDict) -> RoleDraft:
    """The draft a sent matrix stands for: ``right:<entity>:<action>`` = scope, ``in:…`` = departments, ``field:…`` = level."""
    rights: dict[tuple[str, str], tuple[str, tuple[int, ...]]] = {}
    fields: dict[tuple[str, str], str] = {}
    for name, value in data.items():
        sort, _colon, rest = name.partition(":")
        entity, _colon, what = rest.partition(":")
        if sort == "right" and value:
            chosen = data.getlist(f"in:{entity}:{what}") if value == "chosen" else []
            rights[(entity, what)] = (str(value), tuple(int(one) for one in chosen if one.isdecimal()))
        elif sort == "field" and value:
            fields[(entity, what)] = str(value)
    return RoleDraft(
        name=data.get("name", ""),
        name_en=data.get("name_en", ""),
        description=data.get("description", ""),
        all_rights=data.get("all_rights") == "1",
        features=tuple(data.getlist("features")),
        rights=rights,
        fields=fields,
    )


def _matrix(draft: RoleDraft) -> list[dict[str, Any]]:
    """What the template draws: one entry per entity with its actions and its fields worth a line."""
    return [
        {
            "entity": entity,
            "actions": [
                {
                    "name": f"{entity.key}:{action}",
                    "label": label,
                    "scope": draft.rights.get((entity.key, action), ("", ()))[0],
                    "chosen": draft.rights.get((entity.key, action), ("", ()))[1],
                    "scopes": _scopes(entity, action),
                    "public": entity.access.public and action == "view",
                }
                for action, label in entity.all_actions.items()
            ],
            "fields": _field_rows(entity, draft),
            "stated": sum(1 for key, _name in draft.fields if key == entity.key),
        }
        for entity in sorted(entities(), key=lambda one: not one.access.owner)
    ]


def _scopes(entity: Entity, action: str) -> list[tuple[str, str]]:
    """A record without an owner is in nobody's own scope: there the right is given for all or not at all."""
    known = [(key, str(label)) for key, label in SCOPES]
    narrow = bool(entity.access.owner) and action not in ("create", "import")
    return known if narrow else [one for one in known if one[0] == "all"]


def _field_rows(entity: Entity, draft: RoleDraft) -> list[dict[str, Any]]:
    words = {key: str(label) for key, label in FIELD_LEVELS}
    return [
        {
            "name": f"{entity.key}:{name}",
            "label": field.label,
            "level": draft.fields.get((entity.key, name), ""),
            "usual": words[default_level(entity.key, name)],
            "personal": field.personal,
        }
        for name, field in fields_of(entity).items()
        if name != "id"
    ]


def _features() -> list[tuple[str, str]]:
    """Every feature known or named by a role, with its words."""
    named = {feature for role in Role.objects.all() for feature in role.features}
    return [(key, str(FEATURES.get(key, key))) for key in sorted(named | FEATURES.keys())]


def _context(request: HttpRequest, role: Role | None, draft: RoleDraft) -> dict[str, Any]:
    return {
        "title": role_name(role) if role else _("New role"),
        "role": role,
        "draft": draft,
        "matrix": _matrix(draft),
        "words": {key: str(label) for key, label in SCOPES},
        "levels": [(key, str(label)) for key, label in FIELD_LEVELS],
        "departments": [
            ("　" * (one.path.count("/") - 2) + one.name, one.pk) for one in Department.objects.order_by("path")
        ],
        "features": _features(),
        "groups": GROUPS,
        "may_change": access.allowed(actor_of(request), "change" if role else "create", "core.role"),
        "holders": list(role.users.filter(is_active=True, deleted_at__isnull=True).order_by("sort_key"))
        if role
        else [],
    }


@page_view("GET", "POST")
def edit(request: HttpRequest, role_id: int) -> HttpResponseBase:
    """The matrix of one role."""
    role = _role(request, role_id)
    if request.method != "POST":
        return show(request, "people/role.jinja", _context(request, role, _spoken(role)))
    return _save(request, role)


@page_view("GET", "POST")
def create(request: HttpRequest) -> HttpResponseBase:
    """A new role, empty or as a copy (``?copy=<id>``)."""
    require_roles_right(actor_of(request), "create")
    if request.method == "POST":
        return _save(request, None)
    copied = request.GET.get("copy", "")
    draft = role_draft(_role(request, int(copied))) if copied.isdecimal() else RoleDraft(name="")
    name = _("%(name)s (copy)") % {"name": draft.name} if draft.name else ""
    fresh = RoleDraft(name=name, rights=draft.rights, fields=draft.fields, features=draft.features)
    return show(request, "people/role.jinja", _context(request, None, fresh))


def _spoken(role: Role) -> RoleDraft:
    """The role as its form shows it: the description of a default role in the reader's language."""
    return replace(role_draft(role), description=role_description(role))


def _save(request: HttpRequest, role: Role | None) -> HttpResponseBase:
    draft = draft_from(request.POST)
    if role is not None and draft.description.strip() == role_description(role):
        draft = replace(draft, description=role.description)  # left as it was: it goes on speaking both languages
    try:
        saved = role_save(actor_of(request), role, draft, version=version_of(request))
    except GuanxiError as error:
        return show(request, "people/role.jinja", _context(request, role, draft), error)
    return done(request, f"/people/roles/{saved.pk}/", _("The role was saved. It counts from now on."))


@page_view("POST")
def preview(request: HttpRequest, role_id: int) -> HttpResponseBase:
    """What the matrix as sent would change, in numbers of records."""
    role = _role(request, role_id)
    try:
        found = role_preview(actor_of(request), role, draft_from(request.POST))
    except GuanxiError as error:
        return show(request, "people/preview.jinja", {"preview": None}, error)
    words = {key: str(label) for key, label in FIELD_LEVELS}
    return show(request, "people/preview.jinja", {"preview": found, "words": words})


@page_view("POST")
def delete(request: HttpRequest, role_id: int) -> HttpResponseBase:
    """A role nobody holds goes into the trash."""
    role = _role(request, role_id)
    try:
        role_delete(actor_of(request), role)
    except GuanxiError as error:
        return show(request, "people/role.jinja", _context(request, role, _spoken(role)), error)
    return done(request, "/people/roles/", _("“%(name)s” was put into the trash.") % {"name": role_name(role)})
