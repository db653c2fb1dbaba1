"""Roles as a matrix: entity × action × scope, and a level per field; who holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.db.models.functions import Lower
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from guanxi.core import access
from guanxi.core.automation.notify import tell_pages
from guanxi.core.kernel.actor import LEVELS, Actor
from guanxi.core.kernel.errors import Conflict, Invalid, RuleBroken
from guanxi.core.kernel.pinyin import joined
from guanxi.core.models import Department, Operation, Role, RoleField, RoleRight, User
from guanxi.core.people.guards import WIDTH, require_no_more, require_role_givable, require_roles_right
from guanxi.core.records import saving
from guanxi.core.records.settings_registry import not_longer
from guanxi.core.records.shape import fields_of
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import entities

Right = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class RoleDraft:
    """A role as a form holds it: ``rights[(entity, action)] = (scope, departments)``, ``fields[(entity, field)] = level``."""

    name: str
    name_en: str = ""
    description: str = ""
    all_rights: bool = False
    features: tuple[str, ...] = ()
    rights: Mapping[tuple[str, str], Right] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], str] = field(default_factory=dict)


def role_draft(role: Role) -> RoleDraft:
    """The role as it is stored."""
    return RoleDraft(
        name=role.name,
        name_en=role.name_en,
        description=role.description,
        all_rights=role.all_rights,
        features=tuple(role.features),
        rights={(one.entity, one.action): (one.scope, tuple(one.departments)) for one in role.rights.all()},
        fields={(one.entity, one.field): one.level for one in role.fields.all()},
    )


def draft_check(draft: RoleDraft, *, existing: Role | None = None) -> RoleDraft:
    """The draft, cleaned. Raises ``Invalid`` for a missing or taken name, an unknown entity, action, scope, field or level."""
    errors: dict[str, list[Invalid]] = {}
    name = draft.name.strip()
    others = Role.objects.exclude(pk=existing.pk) if existing else Role.objects.all()
    if not name or len(name) > 100:
        errors["name"] = [Invalid(_("Give the role a name of at most 100 characters."), code="role.name", field="name")]
    elif others.annotate(lower=Lower("name")).filter(lower=name.lower()).exists():
        errors["name"] = [Invalid(_("Another role has this name."), code="role.name_taken", field="name")]
    known = {entity.key: entity for entity in entities()}
    departments = set(Department.objects.values_list("pk", flat=True))
    for (key, action), (scope, chosen) in draft.rights.items():
        good = key in known and action in known[key].all_actions and scope in WIDTH
        if not good or (scope == "chosen" and (not chosen or set(chosen) - departments)):
            text = _("Choose at least one department.") if good else _("This right does not exist.")
            errors.setdefault(f"right:{key}:{action}", []).append(Invalid(text, code="role.right"))
    for (key, name_of), level in draft.fields.items():
        if key not in known or name_of not in fields_of(known[key]) or level not in LEVELS:
            errors.setdefault(f"field:{key}:{name_of}", []).append(
                Invalid(_("This field does not exist."), code="role.field")
            )
    if errors:
        raise Invalid.collect(errors)
    return replace(
        draft, name=name, name_en=not_longer(draft.name_en, "name_en"), description=draft.description.strip()
    )


def draft_rows(draft: RoleDraft, role: Role) -> tuple[list[RoleRight], list[RoleField]]:
    """The rows a draft stands for, not saved."""
    rights = [
        RoleRight(
            role=role, entity=entity, action=action, scope=scope, departments=list(chosen) if scope == "chosen" else []
        )
        for (entity, action), (scope, chosen) in draft.rights.items()
    ]
    fields = [
        RoleField(role=role, entity=entity, field=name, level=level) for (entity, name), level in draft.fields.items()
    ]
    return rights, fields


def _last_with_everything(role: Role) -> bool:
    """Whether nobody active would have all rights without this role."""
    everything = Role.objects.select_for_update().filter(all_rights=True).order_by("pk")
    others = [one.pk for one in everything if one.pk != role.pk]
    return not User.objects.filter(is_active=True, roles__in=others).exists()


def _key_for(draft: RoleDraft) -> str:
    base = slugify(draft.name_en) or slugify(joined(draft.name)) or "role"
    key, number = base[:50], 1
    while Role.everything.filter(key=key).exists():
        number += 1
        key = f"{base[:50]}-{number}"
    return key


def role_save(actor: Actor, role: Role | None, draft: RoleDraft, *, version: int | None = None) -> Role:
    """Create a role, or bring one to the state of ``draft``; every holder has the new rights with his next request,
    and his open pages are drawn anew.

    Raises ``Denied`` (also for giving more than one has), ``Invalid``, ``Conflict`` when ``version`` is old,
    ``RuleBroken`` (code ``role.last_administrator``) when nobody with all rights would be left.
    """
    require_roles_right(actor, "change" if role else "create")
    draft = draft_check(draft, existing=role)
    with writing(actor):
        before = None
        if role is None:
            role = Role(key=_key_for(draft))
        else:
            role = Role.objects.select_for_update().get(pk=role.pk)
            before = role_draft(role)
            if version is not None and version != role.version:
                raise Conflict([], version=role.version)
            require_role_givable(actor, role)
            if role.all_rights and not draft.all_rights and _last_with_everything(role):
                raise RuleBroken(_("Somebody must keep all rights."), code="role.last_administrator")
        rights, fields = draft_rows(draft, role)
        require_no_more(actor, rights=rights, fields=fields, features=draft.features, everything=draft.all_rights)
        role.name, role.name_en, role.description = draft.name, draft.name_en, draft.description
        role.all_rights, role.features = draft.all_rights, list(draft.features)
        saving.save(actor, role, changes=_changes(before, draft), creating=before is None)
        _replace(role, before, draft)
        tell_pages(role.users.filter(is_active=True).values_list("pk", flat=True))
    return role


def _changes(before: RoleDraft | None, draft: RoleDraft) -> dict[str, list[object]]:
    names = ("name", "name_en", "description", "all_rights")
    found = {name: [getattr(before, name, None), getattr(draft, name)] for name in names}
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


def role_clean(actor: Actor, role: Role, changes: Mapping[str, object]) -> None:
    """What must be true of every role, however it is written: nobody switches on all rights without having them."""
    if role.all_rights and "all_rights" in changes:
        require_no_more(actor, everything=True)
    if not role.all_rights and "all_rights" in changes and role.pk and _last_with_everything(role):
        raise RuleBroken(_("Somebody must keep all rights."), code="role.last_administrator")


def _replace(role: Role, before: RoleDraft | None, draft: RoleDraft) -> None:
    """Change only the rows that differ, so that the audit tells what changed."""
    rights, fields = draft_rows(draft, role)
    old_rights = before.rights if before else {}
    old_fields = before.fields if before else {}
    for key in old_rights.keys() - draft.rights.keys():
        RoleRight.objects.filter(role=role, entity=key[0], action=key[1]).delete()
    for name in old_fields.keys() - draft.fields.keys():
        RoleField.objects.filter(role=role, entity=name[0], field=name[1]).delete()
    for right in rights:
        known = old_rights.get((right.entity, right.action))
        if known is None:
            right.save()
        elif known != draft.rights[(right.entity, right.action)]:
            RoleRight.objects.filter(role=role, entity=right.entity, action=right.action).update(
                scope=right.scope, departments=right.departments
            )
    for limit in fields:
        level = old_fields.get((limit.entity, limit.field))
        if level is None:
            limit.save()
        elif level != limit.level:
            RoleField.objects.filter(role=role, entity=limit.entity, field=limit.field).update(level=limit.level)


def role_delete(actor: Actor, role: Role, *, operation: Operation | None = None) -> Operation:
    """Put a role nobody holds into the trash. Raises ``Denied``, ``RuleBroken`` (code ``role.held``)."""
    access.require(actor, "delete", role)
    require_role_givable(actor, role)
    holders = role.users.filter(deleted_at__isnull=True).count()
    if holders:
        text = _("%(count)d people hold this role. Give them another first.") % {"count": holders}
        raise RuleBroken(text, code="role.held", details={"holders": holders})
    return saving.delete_plain(actor, role, operation=operation)
