"""API tokens: a secret shown once, stored as a hash, with scopes, an end date and the time of its last use."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from guanxi.core.access import actors
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, Via
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import ApiToken, User
from guanxi.core.models.fixed import Fixed
from guanxi.core.people.guards import require_administrator, require_as_much
from guanxi.core.records.writing import writing

PREFIX = "gx_"
SCOPES = {"read": _("read"), "write": _("write")}
#: The last use is stored at most this often, in seconds.
USED_EVERY = 60
LONGEST_YEARS = 5


def digest_of(secret: str) -> str:
    """What is stored of a secret: SHA-256 suffices for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _may_manage(actor: Actor, user: User) -> None:
    if actor.user_id != user.pk:
        require_administrator(actor, "change", user)
    if actor.scopes is not None:
        raise Denied(_("Tokens are made by people, not by tokens."), code="token.by_token")


def token_create(
    actor: Actor, user: User, *, name: str, scopes: Iterable[str] = ("read",), expires_at: dt.datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token for ``user``; returns it with its secret, which cannot be read again.

    People make their own; administrators make them for others. ``expires_at`` is aware, in the future and within
    five years; ``None`` means no end. Raises ``Denied``, ``Invalid``.
    """
    _may_manage(actor, user)
    require_as_much(actor, user)
    wanted = sorted(set(scopes), key=list(SCOPES).index) if set(scopes) <= set(SCOPES) else []
    errors: dict[str, list[Invalid]] = {}
    if not name.strip() or len(name.strip()) > 100:
        errors["name"] = [
            Invalid(_("Give the token a name of at most 100 characters."), code="token.name", field="name")
        ]
    if not wanted:
        errors["scopes"] = [Invalid(_("Choose read, write or both."), code="token.scopes", field="scopes")]
    now = clock.now()
    if expires_at is not None and not now < expires_at <= now + dt.timedelta(days=366 * LONGEST_YEARS):
        errors["expires_at"] = [
            Invalid(_("Choose a day after today, within five years."), code="token.expires", field="expires_at")
        ]
    if not user.is_active:
        errors[""] = [Invalid(_("The user is not active."), code="user.inactive")]
    if errors:
        raise Invalid.collect(errors)
    secret = PREFIX + secrets.token_urlsafe(32)
    with writing(actor):
        token = ApiToken.objects.create(
            user=user,
            name=name.strip(),
            prefix=secret[:8],
            digest=digest_of(secret),
            scopes=wanted,
            expires_at=expires_at,
            created_at=now,
            security_stamp=user.security_stamp,
        )
    return token, secret


_OPEN = Fixed(
    lambda digest, now: ApiToken.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        revoked_at__isnull=True,
        digest=digest,
        user__is_active=True,
        user__deleted_at__isnull=True,
    ).select_related("user"),
    ["\0", dt.datetime(1, 1, 2, tzinfo=dt.UTC)],
)


def token_authenticate(secret: str, *, via: Via = "api", address: str = "", request_id: str = "") -> Actor | None:
    """The actor a secret stands for, limited to the token's scopes; ``None`` when it is unknown or no longer valid.

    A token ends with its date, when it is revoked, and when its user is deactivated or sets a new password.
    """
    if not secret.startswith(PREFIX) or len(secret) > 100:
        return None
    token = next(iter(_OPEN.rows(digest_of(secret), now := clock.now())), None)
    if token is None or token.security_stamp != token.user.security_stamp:
        return None
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() >= USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return actors.load(token.user, via=via, address=address, request_id=request_id, scopes=frozenset(token.scopes))


def token_revoke(actor: Actor, token: ApiToken) -> None:
    """End a token at once: one's own, or anybody's for an administrator. Raises ``NotFound`` for other people's."""
    try:
        _may_manage(actor, token.user)
    except Denied:
        raise NotFound from None
    if token.revoked_at is None:
        with writing(actor):
            token.revoked_at = clock.now()
            token.save(update_fields=["revoked_at"])


def tokens_of(actor: Actor, user: User | None = None) -> QuerySet[ApiToken]:
    """Tokens of a user (``None``: of everybody), newest first; of others for administrators only."""
    if user is None or user.pk != actor.user_id:
        require_administrator(actor, "change", user)
    found = ApiToken.objects.select_related("user").order_by("-created_at", "-id")
    return found if user is None else found.filter(user=user)


def token_state(token: ApiToken) -> str:
    """``active``, ``revoked``, ``expired`` or ``ended`` (its user was deactivated or set a new password)."""
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is not None and token.expires_at <= clock.now():
        return "expired"
    return "active" if token.user.is_active and token.security_stamp == token.user.security_stamp else "ended"
