"""Users: making them, changing them, their roles and passwords, and ending what they have open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.core.automation.notify import tell_pages
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken, Text, TooMany
from guanxi.core.kernel.text import sort_key
from guanxi.core.models import AuditEntry, OneTimeLink, Operation, Role, User, stamps
from guanxi.core.people import passwords, throttle
from guanxi.core.people.guards import require_administrator, require_as_much, require_not_above, require_role_givable
from guanxi.core.people.sessions import sessions_drop
from guanxi.core.records import saving
from guanxi.core.records.discretion import noted
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.registry import entity_of

_NAME = re.compile(r"[\w.@+-]+\Z")


def user_clean(_actor: Actor, user: User, _changes: Mapping[str, Any]) -> None:
    """What must be true of every user. Raises ``Invalid`` by field.

    The login name is free of spaces and unlike any other name or e-mail; nobody is his own superior over any number of steps.
    """
    errors: dict[str, list[Invalid]] = {}
    user.username = passwords.normal(user.username).strip()
    others = User.everything.exclude(pk=user.pk)
    if not _NAME.match(user.username):
        text = _("Use letters, digits and . @ + - _ for the login name.")
        errors["username"] = [Invalid(text, code="user.username", field="username")]
    elif others.filter(Q(username__iexact=user.username) | Q(email__iexact=user.username)).exists():
        errors["username"] = [
            Invalid(_("Somebody else signs in with this name."), code="user.username_taken", field="username")
        ]
    if user.email and others.filter(Q(email__iexact=user.email) | Q(username__iexact=user.email)).exists():
        errors["email"] = [Invalid(_("Somebody else has this e-mail."), code="user.email_taken", field="email")]
    if _is_own_superior(user):
        errors["superior"] = [
            Invalid(_("Nobody can stand above himself."), code="user.superior_cycle", field="superior")
        ]
    if errors:
        raise Invalid.collect(errors)
    user.sort_key = sort_key(user.name, person=True)[:200]


def _is_own_superior(user: User) -> bool:
    seen, above = {user.pk}, user.superior_id
    while above is not None:
        if above in seen:
            return user.pk is not None
        seen.add(above)
        above = User.everything.filter(pk=above).values_list("superior_id", flat=True).first()
    return False


def user_create(
    actor: Actor, *, values: Mapping[str, Any], operation: Operation | None = None, trusted: bool = False
) -> User:
    """Make a user without a password; an invitation lets him choose one. Raises ``Denied``, ``Invalid``."""
    with writing(actor):
        user: User = saving.create_plain(actor, entity_of("core.user"), values, operation=operation, trusted=trusted)
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def user_update(
    actor: Actor,
    user: User,
    *,
    values: Mapping[str, Any],
    version: int | None = None,
    original: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
) -> User:
    """Change a user; switching ``is_active`` off or on does what deactivating and reactivating do. With another login
    name or address his unused links end: they went to the former one.

    Raises what ``records.update`` raises, ``Denied`` for an administrator above the actor, and ``RuleBroken``.
    """
    require_not_above(actor, user)
    with writing(actor):
        before = _locked(user)
        if any(name in values and values[name] != getattr(before, name) for name in ("username", "email")):
            require_as_much(actor, before)  # links to a new password go there
        changed: User = saving.update_plain(
            actor, user, values, version=version, original=original, operation=operation
        )
        if before.is_active and not changed.is_active:
            _check_deactivation(actor, before)
            stamp_bump(changed)
        elif (before.username, before.email) != (changed.username, changed.email):
            links_end(changed)
    return changed


def user_deactivate(actor: Actor, user: User) -> None:
    """The user can no longer sign in; his sessions and tokens end at once. His records stay his.

    Raises ``Denied``, ``RuleBroken`` (codes ``user.self``, ``user.last_administrator``).
    """
    require_administrator(actor, "change", user)
    with writing(actor):
        user = _locked(user)
        if not user.is_active:
            return
        _check_deactivation(actor, user)
        user.is_active = False
        saving.save(actor, user, changes={"is_active": [True, False]}, verb="deactivated")
        stamp_bump(user)


def user_reactivate(actor: Actor, user: User) -> None:
    """The user can sign in again with his password; ended sessions and tokens stay ended. Raises ``Denied``."""
    require_administrator(actor, "change", user)
    with writing(actor):
        user = _locked(user)
        if not user.is_active:
            user.is_active = True
            saving.save(actor, user, changes={"is_active": [False, True]}, verb="reactivated")


def can_deactivate(user: User) -> bool | Text:
    """Whether deactivating makes sense, else why not."""
    return user.is_active or _("The user is not active.")


def can_reactivate(user: User) -> bool | Text:
    """Whether activating again makes sense, else why not."""
    return not user.is_active or _("The user is active.")


def _check_deactivation(actor: Actor, user: User) -> None:
    if user.pk == actor.user_id:
        raise RuleBroken(_("You cannot deactivate yourself."), code="user.self")
    _keep_an_administrator(user)


def _locked(user: User) -> User:
    """The user as stored, locked."""
    return User.objects.select_for_update().get(pk=user.pk)


def _keep_an_administrator(user: User, *, roles: Iterable[Role] = ()) -> None:
    """Raise unless somebody active with all rights stays when ``user`` holds only ``roles``.

    Locks the roles with all rights, so that two administrators cannot remove each other at the same moment.
    """
    list(Role.objects.select_for_update().filter(all_rights=True).order_by("pk"))
    if (
        any(role.all_rights for role in roles)
        or not user.roles.filter(all_rights=True, deleted_at__isnull=True).exists()
    ):
        return
    administrators = User.objects.filter(is_active=True, roles__all_rights=True, roles__deleted_at__isnull=True)
    if not administrators.exclude(pk=user.pk).exists():
        raise RuleBroken(_("Somebody must keep all rights."), code="user.last_administrator")


def stamp_bump(user: User, *, but_key: str = "") -> None:
    """End the sessions (but for the one with ``but_key``), tokens, unused links and devices of a user. Belongs in the
    transaction that is the reason.
    """
    user.security_stamp += 1
    User.everything.filter(pk=user.pk).update(security_stamp=user.security_stamp)
    sessions_drop(user, but_key=but_key)
    links_end(user)
    stamps.bump("rights")
    tell_pages([user.pk])


def links_end(user: User) -> None:
    """The user's unused links, whatever they are for, stop working."""
    now = clock.now()
    OneTimeLink.objects.filter(user=user, used_at__isnull=True, expires_at__gt=now).update(expires_at=now)


def user_roles_set(actor: Actor, user: User, roles: Iterable[Role]) -> None:
    """The user holds exactly these roles; it counts from his next request on, in every session and token. His open
    pages are drawn anew, work in the background goes on with the new rights.

    Raises ``Denied`` (also for giving, or taking away, more than the actor has), ``RuleBroken`` (``user.last_administrator``).
    """
    require_administrator(actor, "change", user)
    wanted = {role.pk: role for role in roles}
    with writing(actor):
        user = _locked(user)
        held = {role.pk: role for role in user.roles.filter(deleted_at__isnull=True)}
        changed = [role for key, role in (wanted | held).items() if (key in wanted) != (key in held)]
        if not changed:
            return
        for role in changed:
            require_role_givable(actor, role)
        _keep_an_administrator(user, roles=wanted.values())
        user.roles.set(wanted.values())
        before, after = (sorted(role.key for role in side.values()) for side in (held, wanted))
        saving.save(actor, user, changes={"roles": [before, after]}, verb="roles_changed")
        tell_pages([user.pk])
        _noted(actor, user, "roles", before, after)


def _noted(actor: Actor, user: User, name: str, before: list[str], after: list[str]) -> None:
    """The audit of what somebody holds: these rows have no trigger, being no record of their own."""
    AuditEntry.objects.create(
        at=clock.now(),
        entity=User._meta.db_table,
        record_id=user.pk,
        action="update",
        changes={name: [before, after]},
        actor_id=actor.user_id,
        actor_name=actor.name,
        via=actor.via,
        request_id=actor.request_id,
        address=actor.address,
    )


def password_store(actor: Actor, user: User, password: str, *, but_key: str = "") -> None:
    """Store a password that was checked, and end sessions and tokens. For services of this room, inside ``writing``."""
    user.set_password(passwords.normal(password))
    user.save(update_fields=["password"])
    stamp_bump(user, but_key=but_key)
    emit(actor, "password_changed", user)


def password_change(actor: Actor, user: User, *, old: str, new: str, but_key: str = "") -> None:
    """One's own password, knowing the old one. Other sessions and all tokens end. Raises ``Denied``, ``Invalid`` by field,
    and ``TooMany`` at the old one: wrong ones count, and are noted, like those at sign-in.
    """
    if actor.user_id != user.pk or actor.scopes is not None:
        raise Denied
    key = throttle.account_key(user.username)
    try:
        throttle.attempt_take(key)
    except TooMany as error:
        noted(actor, "sign_in_throttled", "core.user", record_id=user.pk, reason="password")
        error.field = "old"
        raise
    if not user.check_password(old):
        noted(actor, "sign_in_failed", "core.user", record_id=user.pk, reason="password")
        raise Invalid(_("The password is not right."), code="password.wrong", field="old")
    throttle.attempt_forget(key)
    passwords.password_check(new, user)
    if user.check_password(new):
        raise Invalid(_("The new password is the old one."), code="password.same", field="password")
    with writing(actor):
        password_store(actor, user, new, but_key=but_key)


def second_factor_reset(actor: Actor, user: User) -> int:
    """Take away authenticator app, recovery codes and passkeys of somebody who lost them; his sessions end. Returns how many."""
    require_administrator(actor, "change", user)
    with writing(actor):
        held = sorted(user.authenticator_set.values_list("type", flat=True))
        count = user.authenticator_set.all().delete()[0]
        _noted(actor, user, "second_factor", held, [])
        stamp_bump(user)
        emit(actor, "second_factor_reset", user)
    return int(count)


def user_delete(actor: Actor, user: User, *, operation: Operation | None = None) -> Operation:
    """Into the trash: like deactivating, and out of lists. Raises ``Denied``, ``RuleBroken``."""
    require_administrator(actor, "delete", user)
    with writing(actor):
        _check_deactivation(actor, _locked(user))
        step = saving.delete_plain(actor, user, operation=operation)
        stamp_bump(user)
    return step
