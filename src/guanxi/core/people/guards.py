"""Who administers people, and the rule that nobody gives, or takes for himself, what he does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core import access
from guanxi.core.access.actors import default_level
from guanxi.core.kernel.actor import LEVELS, NOWHERE, Actor, Level
from guanxi.core.kernel.errors import Denied
from guanxi.core.models import Role, RoleField, RoleRight, User
from guanxi.core.records import shape
from guanxi.core.schema.registry import entity_of, is_registered

#: Scopes from narrow to wide. ``chosen`` departments may be any, so only ``all`` stands above it.
WIDTH = {"own": 0, "department": 1, "department_below": 2, "chosen": 3, "all": 4}


def is_administrator(actor: Actor) -> bool:
    """Whether the actor administers users: may change every one of them."""
    return actor.is_system or (
        access.allowed(actor, "change", "core.user") and actor.rights.of("core.user", "change").everyone
    )


def require_administrator(actor: Actor, action: str = "change", target: models.Model | None = None) -> None:
    """Raise ``Denied`` unless the actor administers users.

    Whoever has not every right himself may not touch one who has: no password link, no role, no token for him.
    """
    if not is_administrator(actor) or not access.allowed(actor, action, "core.user"):
        raise Denied(code="people.not_administrator")
    if isinstance(target, User):
        require_not_above(actor, target)


def require_not_above(actor: Actor, user: User) -> None:
    """Raise ``Denied`` when the user has every right and the actor, another person, has not."""
    if actor.is_system or actor.rights.everything or actor.user_id == user.pk:
        return
    if user.roles.filter(all_rights=True, deleted_at__isnull=True).exists():
        raise Denied(_("Only somebody with all rights may do this to an administrator."), code="people.above")


def require_as_much(actor: Actor, user: User) -> None:
    """Raise ``Denied`` when another person has what the actor has not: whoever can sign in as him would have it too."""
    if actor.is_system or actor.rights.everything or actor.user_id == user.pk:
        return
    try:
        for role in user.roles.filter(deleted_at__isnull=True).prefetch_related("rights", "fields"):
            require_role_givable(actor, role)
    except Denied:
        raise Denied(
            _("Only somebody who has all the rights of this person may do this."), code="people.above"
        ) from None


def _widest(actor: Actor, entity: str, action: str) -> int:
    reach = actor.rights.of(entity, action)
    if reach.everyone:
        return WIDTH["all"]
    return max((WIDTH.get(scope, -1) for _role, scope in reach.sources if scope != "chosen"), default=-1)


def require_no_more(
    actor: Actor,
    *,
    rights: Iterable[RoleRight] = (),
    fields: Iterable[RoleField] = (),
    features: Iterable[str] = (),
    everything: bool = False,
) -> None:
    """Raise ``Denied`` (code ``role.more_than_own``) when something would be given that the actor does not have."""
    if actor.is_system or actor.rights.everything:
        return
    given = list(rights)
    more = (
        everything
        or bool(set(features) - actor.rights.features)
        or any(_exceeds(actor, right) for right in given)
        or any(_shows_more(actor, *one) for one in _levels(given, fields))
    )
    if more:
        raise Denied(_("Nobody can give rights he does not have himself."), code="role.more_than_own")


def _levels(rights: Iterable[RoleRight], fields: Iterable[RoleField]) -> Iterator[tuple[str, str, str]]:
    """Entity, field and level of all a role shows: what it says of fields, and what it gives by saying nothing of them."""
    shown: dict[tuple[str, str], str] = {}
    for key in {one.entity for one in rights if one.action == "view" and is_registered(one.entity)}:
        shown |= {(key, name): str(default_level(key, name)) for name in shape.fields_of(key)}
    shown |= {(one.entity, one.field): one.level for one in fields}
    for (key, name), level in shown.items():
        yield key, name, level


def _shows_more(actor: Actor, entity: str, field: str, level: str) -> bool:
    return LEVELS.index(cast("Level", level)) > LEVELS.index(access.field_level(actor, entity, field))


def _exceeds(actor: Actor, right: RoleRight) -> bool:
    if actor.rights.of(right.entity, right.action) == NOWHERE:
        return True
    return WIDTH[right.scope] > _widest(actor, right.entity, right.action)


def require_role_givable(actor: Actor, role: Role) -> None:
    """Raise ``Denied`` unless the actor himself has all that the role gives."""
    require_no_more(
        actor, rights=role.rights.all(), fields=role.fields.all(), features=role.features, everything=role.all_rights
    )


def require_roles_right(actor: Actor, action: str = "change") -> None:
    """Raise ``Denied`` unless the actor may do this to roles."""
    access.require(actor, action, entity_of("core.role"))
