"""Signing in and out: who it is, how often one may try, what a session carries, what the access log notes."""

from __future__ import annotations

import ipaddress
from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import TooMany
from guanxi.core.models import AccessEntry, User
from guanxi.core.models.fixed import Fixed
from guanxi.core.people import factors, throttle
from guanxi.core.people.passwords import normal, password_check

#: Hours without a request after which a session ends, and days after which it ends in any case.
IDLE_SECONDS = 8 * 3600
ABSOLUTE_SECONDS = 14 * 24 * 3600
#: The time of the last request is stored at most this often.
SEEN_EVERY = 300
STAMP, STARTED, SEEN = "gx_stamp", "gx_started", "gx_seen"


def address_of(request: HttpRequest) -> str:
    """The address a request comes from; behind a proxy the last one it wrote into ``X-Forwarded-For``."""
    if settings.SECURE_PROXY_SSL_HEADER:
        forwarded = str(request.headers.get("X-Forwarded-For", "")).rpartition(",")[2].strip()
        if forwarded:
            return forwarded[:64]
    return str(request.META.get("REMOTE_ADDR") or "")[:64]


def user_find(login: str) -> User | None:
    """The user with this login name, or else the only one with this e-mail; case does not matter."""
    login = normal(login).strip()
    if not login or "\x00" in login:
        return None
    user = User.objects.filter(username__iexact=login).first()
    if user is None:
        found = list(User.objects.filter(email__iexact=login, is_active=True)[:2])
        user = found[0] if len(found) == 1 else None
    return user


_ACTIVE = Fixed(lambda pk: User.objects.select_related("department").filter(pk=pk, is_active=True), [-1])


class Backend(BaseBackend):
    """Signs in by login name or e-mail and password. Every answer costs one hash, whether the name exists or not."""

    def authenticate(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - Django passes it
        username: str | None = None,
        password: str | None = None,
        **others: Any,
    ) -> User | None:
        """The active user these credentials belong to, or ``None``."""
        login = username or others.get("email")
        if not login or password is None:
            return None
        user = user_find(login)
        if user is None or not user.has_usable_password():
            make_password(password)
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: Any) -> User | None:
        """The user of a session while he is active."""
        try:
            return next(iter(_ACTIVE.rows(int(user_id))), None)
        except (TypeError, ValueError):
            return None


def access_note(sort: str, request: HttpRequest | None, user: User | None = None, **details: Any) -> None:
    """One line in the access log: sign_in, sign_in_failed, sign_out, session_ended …"""
    AccessEntry.objects.create(
        sort=sort,
        actor_id=user.pk if user else None,
        actor_name=str(user) if user else "",
        via="web",
        request_id=str(getattr(request, "request_id", "") or "")[:64],
        address=address_of(request) if request else "",
        details={name: value for name, value in details.items() if value},
    )


def session_begin(request: HttpRequest, user: User) -> None:
    """Write into the session what :func:`session_trouble` looks at later."""
    now = int(clock.now().timestamp())
    request.session[STAMP] = user.security_stamp
    request.session[STARTED] = now
    request.session[SEEN] = now


def session_trouble(request: HttpRequest, user: User) -> str:
    """Why this session may not go on: ``stamp``, ``idle`` or ``absolute``; empty when it may. Notes that it was seen."""
    now = int(clock.now().timestamp())
    session = request.session
    if session.get(STAMP) != user.security_stamp:
        return "stamp"
    if now - int(session.get(STARTED, 0)) > ABSOLUTE_SECONDS:
        return "absolute"
    seen = int(session.get(SEEN, 0))
    if now - seen > IDLE_SECONDS:
        return "idle"
    if now - seen > SEEN_EVERY:
        session[SEEN] = now
    return ""


class AccountAdapter(DefaultAccountAdapter):
    """How allauth behaves here: nobody signs himself up, attempts are limited, sessions carry the stamp."""

    error_messages = {  # noqa: RUF012 - allauth declares it so
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _("The name or the password is not right."),
        "email_password_mismatch": _("The name or the password is not right."),
        "incorrect_password": _("The password is not right."),
        "incorrect_code": _("The code is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth passes it
        """Never: people are invited."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address the session list shows."""
        try:
            return str(ipaddress.ip_address(address_of(request)))
        except ValueError:
            return "0.0.0.0"  # noqa: S104 - a database column, not a socket

    def is_reauthentication_required(self, *, app: str, **_others: Any) -> bool:
        """Not of somebody who came in a moment ago by his password alone and must set up his first factor: he has
        nothing else to prove himself with. His codes are shown to him on the same proof.
        """
        user, request = self.request.user, self.request
        if app != "allauth.mfa" or not isinstance(user, User) or not factors.asked_of(request.actor):
            return True
        records = get_authentication_records(request, user)
        if not records or any(one["method"] != "password" for one in records):
            return True
        return bool(clock.now().timestamp() - records[-1]["at"] >= factors.FRESH_SECONDS)

    def get_login_stages(self) -> list[str]:
        """After the password: the second factor, where the user has one."""
        return ["allauth.mfa.stages.AuthenticateStage"]

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Check credentials under both limits; a form error with the time to wait when one is used up."""
        login = str(credentials.get("username") or credentials.get("email") or "")
        known = user_find(login)
        key, address = throttle.account_key(login), address_of(request)
        try:
            throttle.address_take(address)
            throttle.attempt_take(key)
        except TooMany as error:
            access_note("sign_in_throttled", request, known, login=login[:150])
            request.throttled = error.retry_after  # type: ignore[attr-defined]
            raise ValidationError(str(error.message), code="throttled") from None
        user = authenticate(request, **credentials)
        if user is None:
            access_note("sign_in_failed", request, known, login=login[:150])
            return None
        throttle.attempt_forget(key)
        throttle.address_return(address)
        return user

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Start a session for the user, with a new key and the stamp of this moment."""
        if not isinstance(user, User):
            raise TypeError(f"{user!r} is no user of ours")
        super().login(request, user)
        session_begin(request, user)
        access_note("sign_in", request, user, agent=str(request.headers.get("User-Agent", ""))[:200])

    def logout(self, request: HttpRequest) -> None:
        """End the session."""
        user = request.user if isinstance(request.user, User) else None
        super().logout(request)
        access_note("sign_out", request, user)

    def clean_password(self, password: str, user: Any = None) -> str:
        """The password in its normal form; ``ValidationError`` when it is refused."""
        password_check(password, user)
        return normal(password)

    def send_notification_mail(self, template_prefix: str, user: AbstractBaseUser, *_others: Any, **_more: Any) -> None:
        """Called after each change of a factor: no mail, a line in the access log."""
        access_note("factor_changed", context.request, cast("User", user), factor=template_prefix.rpartition("/")[2])

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Pages speak for themselves; allauth adds no messages of its own."""


class FactorAdapter(DefaultMFAAdapter):
    """How allauth behaves with second factors here: the last one of somebody who must have one stays until he has another."""

    error_messages = {  # noqa: RUF012 - allauth declares it so
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": factors.LAST_ONE,
    }

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Whether another factor stays, or none is demanded of its holder."""
        return factors.may_give_away(authenticator)
