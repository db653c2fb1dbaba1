"""Making an :class:`Actor` from a user: his roles added up, his departments, what is shared with him."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from django.conf import settings
from django.db.models import Q

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import LEVELS, NOWHERE, Actor, Level, Reach, Rights, Via
from guanxi.core.kernel.errors import Denied
from guanxi.core.kernel.regional import Regional
from guanxi.core.models import Collaborator, CustomField, Department, Role, User
from guanxi.core.models.fixed import Fixed
from guanxi.core.models.stamps import kept
from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.registry import is_registered

#: What a role that says nothing about a field gives, by the field's personal class.
DEFAULT_LEVELS: Mapping[str, Level] = {"identity": "masked"}


@kept("fields")
def custom_fields(entity: str) -> Mapping[str, tuple[str, tuple[tuple[str, str], ...]]]:
    """Fields an administrator added, by name: why they are personal, and which fields (entity, name) they are derived from."""
    rows = CustomField.objects.filter(entity=entity).values_list("key", "personal", "options")
    return {
        f"custom.{key}": (personal, tuple((one[0], one[1]) for one in options.get("reads", ())))
        for key, personal, options in rows
    }


def default_level(entity: str, field: str) -> Level:
    """The level of a field no role mentions."""
    if field.startswith("custom."):
        return DEFAULT_LEVELS.get(custom_fields(entity).get(field, ("", ()))[0], "write")
    declared = fields_of(entity).get(field) if is_registered(entity) else None
    return DEFAULT_LEVELS.get(declared.personal, "write") if declared else "write"


@kept("rights")
def department_tree(department_id: int) -> tuple[int, ...]:
    """Ids of a department and all below it."""
    found = Department.everything.filter(pk=department_id).values_list("path", flat=True).first()
    if not found:
        return () if found is None else (department_id,)
    return tuple(
        Department.objects.filter(Q(path__startswith=found) | Q(pk=department_id))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


@kept("rights")
def _members(departments: tuple[int, ...]) -> frozenset[int]:
    return frozenset(User.everything.filter(department_id__in=departments).values_list("pk", flat=True))


def _reach(scope: str, departments: Iterable[int], user: User, source: tuple[str, str]) -> Reach:
    """The reach of one scope for one user; whoever has no department reaches only his own."""
    own = frozenset({user.pk})
    if scope == "all":
        return Reach(everyone=True, unowned=True, sources=(source,))
    if scope == "own" or (scope != "chosen" and user.department_id is None):
        return Reach(owners=own, sources=(source,))
    if scope == "department":
        chosen: tuple[int, ...] = (user.department_id or 0,)
    elif scope == "department_below":
        chosen = department_tree(user.department_id or 0)
    else:
        chosen = tuple(sorted({below for one in departments for below in department_tree(one)}))
    return Reach(owners=_members(chosen) | own, sources=(source,))


def rights_for(user: User, roles: Iterable[Role]) -> Rights:
    """Rights of ``user`` if he held exactly ``roles``; also used to preview a change."""
    reach: dict[str, dict[str, Reach]] = {}
    stated: dict[int, dict[str, dict[str, Level]]] = {}
    viewing: dict[str, set[int]] = {}
    held = list(roles)
    everything = any(role.all_rights for role in held)
    for role in held:
        for right in role.rights.all():
            actions = reach.setdefault(right.entity, {})
            given = _reach(right.scope, right.departments, user, (role.key, right.scope))
            actions[right.action] = actions.get(right.action, NOWHERE) | given
            if right.action == "view":
                viewing.setdefault(right.entity, set()).add(role.pk)
        for limit in role.fields.all():
            stated.setdefault(role.pk, {}).setdefault(limit.entity, {})[limit.field] = cast("Level", limit.level)
    return Rights(
        reach=reach,
        levels=_levels(stated, viewing),
        features=frozenset(feature for role in held for feature in role.features),
        everything=everything,
        roles=frozenset(role.key for role in held),
    )


def _levels(
    stated: Mapping[int, Mapping[str, Mapping[str, Level]]], viewing: Mapping[str, set[int]]
) -> dict[str, dict[str, Level]]:
    """The most generous level per field over the roles that let the entity be seen."""
    mentioned = {(entity, field) for limits in stated.values() for entity, fields in limits.items() for field in fields}
    levels: dict[str, dict[str, Level]] = {}
    for entity, field in mentioned:
        default = default_level(entity, field)
        roles = viewing.get(entity, set()) | {
            role for role, limits in stated.items() if field in limits.get(entity, {})
        }
        given = [stated.get(role, {}).get(entity, {}).get(field, default) for role in roles]
        levels.setdefault(entity, {})[field] = max(given, key=LEVELS.index, default=default)
    return levels


@kept("rights")
def _rights(user_id: int) -> Rights:
    user = User.everything.select_related("department").get(pk=user_id)
    roles = list(user.roles.filter(deleted_at__isnull=True).prefetch_related("rights", "fields"))
    return replace(rights_for(user, roles), memo=_memo(tuple(sorted(role.pk for role in roles))))


@kept("rights")
def _memo(_roles: tuple[int, ...]) -> dict[Hashable, Any]:
    return {}


_SHARED = Fixed(
    lambda user_id, day: (
        Collaborator.objects.filter(user_id=user_id)
        .filter(Q(until__isnull=True) | Q(until__gte=day))
        .values_list("entity", "record_id", "level")
    ),
    [-1, dt.date(1, 1, 1)],
)


def _shares(user_id: int) -> dict[str, dict[int, Literal["read", "write"]]]:
    found: dict[str, dict[int, Literal["read", "write"]]] = {}
    for entity, record_id, level in _SHARED.rows(user_id, clock.today(settings.TIME_ZONE)):
        found.setdefault(entity, {})[record_id] = cast("Literal['read', 'write']", level)
    return found


Place = Literal["member", "admin"]
_memberships: list[Callable[[int, int | None], Mapping[int, Place]]] = []


def add_membership(find: Callable[[int, int | None], Mapping[int, Place]]) -> None:
    """Whoever keeps pools says which a person belongs to: ``find(user id, department id)``, kept under the stamp ``pools``."""
    _memberships.append(find)


@kept("pools")
def _pools(user_id: int, department_id: int | None) -> Mapping[int, Place]:
    found: dict[int, Place] = {}
    for find in _memberships:
        found.update(find(user_id, department_id))
    return found


def load(
    user: User,
    *,
    via: Via = "web",
    address: str = "",
    request_id: str = "",
    scopes: frozenset[str] | None = None,
) -> Actor:
    """The actor for a user. One query for his shares; rights come from the cache while their stamp holds."""
    return Actor(
        kind="user",
        user_id=user.pk,
        name=user.name or user.username,
        rights=_rights(user.pk),
        shared=_shares(user.pk),
        department_id=user.department_id,
        departments=department_tree(user.department_id) if user.department_id else (),
        pools=_pools(user.pk, user.department_id),
        language=user.language,
        timezone=user.timezone,
        regional=Regional.of(user.preferences),
        via=via,
        scopes=scopes,
        address=address,
        request_id=request_id,
    )


def renewed(actor: Actor) -> Actor:
    """For long work: the actor with the rights he has now, the same object while they are the same.

    Raises ``Denied`` (code ``actor.ended``) once he is no longer active. As current as the stamps: at most a second old.
    """
    if actor.user_id is None or _rights(actor.user_id) is actor.rights:
        return actor
    user = User.objects.select_related("department").filter(pk=actor.user_id, is_active=True).first()
    if user is None:
        raise Denied(code="actor.ended")
    now = load(user, via=actor.via, address=actor.address, request_id=actor.request_id, scopes=actor.scopes)
    same = (now.rights, now.shared, now.departments) == (actor.rights, actor.shared, actor.departments)
    return replace(actor, rights=now.rights) if same else replace(now, language=actor.language, timezone=actor.timezone)


def fingerprint(actor: Actor) -> str:
    """A short text that changes when the actor's roles, or what they give, change."""
    if actor.user_id is None:
        return actor.kind
    return _fingerprint(actor.user_id)


@kept("rights")
def _fingerprint(user_id: int) -> str:
    roles = Role.objects.filter(users=user_id).order_by("pk").values_list("pk", "version")
    department = User.everything.filter(pk=user_id).values_list("department_id", flat=True).first()
    return f"{department or 0}:" + ",".join(f"{key}.{version}" for key, version in roles)
