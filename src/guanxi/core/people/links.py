"""One-use links: the invitation, the reset of a password, and the first administrator."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from guanxi.core.access import actors
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import OneTimeLink, Role, User
from guanxi.core.people.guards import require_administrator, require_as_much
from guanxi.core.people.passwords import password_check
from guanxi.core.people.users import password_store, user_create
from guanxi.core.records.writing import writing

Purpose = Literal["invite", "reset", "admin"]
LIFETIME: dict[Purpose, dt.timedelta] = {
    "invite": dt.timedelta(days=7),
    "reset": dt.timedelta(hours=2),
    "admin": dt.timedelta(days=1),
}
ADMINISTRATOR_ROLE = "administrator"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def address_of_link(secret: str) -> str:
    """The full address of a link."""
    return f"{settings.CSRF_TRUSTED_ORIGINS[0]}/account/link/{secret}/"


def _make(purpose: Purpose, user: User | None) -> str:
    """A new link; unused earlier ones of the same person and purpose stop working. Returns its secret."""
    now, secret = clock.now(), secrets.token_urlsafe(32)
    with transaction.atomic():
        OneTimeLink.objects.filter(purpose=purpose, user=user, used_at__isnull=True).update(expires_at=now)
        OneTimeLink.objects.create(
            purpose=purpose, user=user, digest=_digest(secret), created_at=now, expires_at=now + LIFETIME[purpose]
        )
    return secret


def link_create(actor: Actor, user: User, purpose: Literal["invite", "reset"]) -> str:
    """The address of a link with which ``user`` sets a password; administrators only. Shown once, stored as a hash."""
    require_administrator(actor, "change", user)
    require_as_much(actor, user)
    if not user.is_active:
        raise Invalid(_("The user is not active."), code="user.inactive")
    return address_of_link(_make(purpose, user))


def link_send_secret(user: User, purpose: Literal["invite", "reset"]) -> str:
    """The address of a link for a mail to the user himself; called by jobs."""
    return address_of_link(_make(purpose, user))


def _administered() -> bool:
    return User.objects.filter(is_active=True, roles__all_rights=True, roles__deleted_at__isnull=True).exists()


def admin_link() -> str | None:
    """The address that creates the administrator on a first start; ``None`` when there is a user with all rights already."""
    if _administered():
        return None
    return address_of_link(_make("admin", None))


def _find(secret: str, *, lock: bool = False) -> OneTimeLink:
    found = OneTimeLink.objects.filter(digest=_digest(secret))
    if lock:  # the person first, as whatever ends his links does
        list(User.everything.select_for_update().filter(pk__in=found.values("user_id")))
        found = found.select_for_update(of=("self",))
    link = found.filter(used_at__isnull=True, expires_at__gt=clock.now()).first()
    if link is None or (link.user is not None and not (link.user.is_active and link.user.deleted_at is None)):
        raise _gone()
    if link.purpose == "admin" and _administered():  # somebody came in by the command line meanwhile
        raise _gone()
    return link


def _gone() -> NotFound:
    return NotFound(_("This link was used already, or it is too old. Ask for a new one."), code="link.gone")


def link_read(secret: str) -> OneTimeLink:
    """The link while it works. Raises ``NotFound`` (code ``link.gone``). Looking does not use it up."""
    return _find(secret)


def link_use(secret: str, password: str, *, address: str = "", request_id: str = "") -> User:
    """Set the password with an invitation or reset link and use the link up.

    Every session and token of the user ends. Raises ``NotFound``, or ``Invalid`` for a refused password (the link still works).
    """
    with transaction.atomic():
        link = _find(secret, lock=True)
        user = link.user
        if user is None:
            raise NotFound(code="link.gone")
        password_check(password, user)
        actor = actors.load(user, address=address, request_id=request_id)
        with writing(actor):
            password_store(actor, user, password)
            link.used_at = clock.now()
            link.save(update_fields=["used_at"])
    return user


def admin_link_use(
    secret: str, *, username: str, name: str, email: str, password: str, language: str = "zh-hans"
) -> User:
    """Create the first administrator with the link printed at the first start. Raises ``NotFound``, ``Invalid``."""
    actor = system_actor("first start", via="web")
    with transaction.atomic():
        link = _find(secret, lock=True)
        if link.purpose != "admin":
            raise NotFound(code="link.gone")
        draft = User(username=username, name=name, email=email)
        password_check(password, draft)
        with writing(actor):
            values = {"username": username, "name": name, "email": email, "language": language}
            user = user_create(actor, values=values, trusted=True)
            role, _made = Role.objects.get_or_create(
                key=ADMINISTRATOR_ROLE, defaults={"name": "管理员", "name_en": "Administrator", "all_rights": True}
            )
            if not role.all_rights:
                role = Role.objects.create(
                    key="first-administrator", name="管理员", name_en="Administrator", all_rights=True
                )
            user.roles.add(role)
            password_store(actor, user, password)
            link.used_at = clock.now()
            link.save(update_fields=["used_at"])
    return user
