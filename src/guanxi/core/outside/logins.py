"""Clients' sign-in: a realm of its own beside that of the house. A link by e-mail that works once, or a password.

Nobody learns whether an address is known: asking for a link answers the same, and costs the same, either way.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext as _

from guanxi.core.access import clients, require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import AccessEntry, PortalKey, PortalLogin, User
from guanxi.core.people import throttle
from guanxi.core.people.passwords import normal, password_check
from guanxi.core.records import display
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.runtime.environment import environment

#: What a key is: a one-use link, a session opened with a password, one opened with a link.
LINK, SESSION, LINKED = "link", "session", "linked"
SESSIONS = (SESSION, LINKED)
LINK_LIFE, SESSION_LIFE, IDLE = dt.timedelta(hours=24), dt.timedelta(days=14), dt.timedelta(hours=8)
_SEEN_EVERY = dt.timedelta(minutes=5)
#: So long the link of a mail proves who he is, where otherwise the password would be asked for.
_FRESH = dt.timedelta(minutes=15)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(login: PortalLogin, sort: str, life: dt.timedelta, address: str = "") -> str:
    secret, now = secrets.token_urlsafe(32), clock.now()
    PortalKey.objects.create(
        login=login,
        sort=sort,
        digest=_digest(secret),
        created_at=now,
        seen_at=now,
        expires_at=now + life,
        address=address[:60],
    )
    return secret


def _note(sort: str, login: PortalLogin | None, address: str, **details: Any) -> None:
    AccessEntry.objects.create(
        sort=sort, actor_name=login.email if login else "", via="web", address=address[:64],
        details={**details, "realm": "client"},
    )  # fmt: skip


# -- by the house ------------------------------------------------------------------------------------------------------


def login_of(record: Any) -> PortalLogin | None:
    """The client sign-in of a record, if it has one."""
    return PortalLogin.objects.filter(entity=entity_of(record).key, record_id=record.pk).first()


def may_have(record: Any) -> bool:
    """Whether records of this sort can sign in at all."""
    return entity_of(record).key in clients.subjects()


def login_end(actor: Actor, record: Any) -> None:
    """Take the sign-in away: it and every open session of it end at once."""
    require(actor, "change", record)
    login = login_of(record)
    if login is None:
        raise NotFound
    with writing(actor):
        login.active = False
        login.save(update_fields=["active"])
        login.keys.all().delete()


# -- by the client -----------------------------------------------------------------------------------------------------


def link_mail(email: str) -> EmailMessage | None:
    """The mail with a fresh link, ``None`` for an address nobody signs in with now. Earlier links stop working."""
    login = PortalLogin.objects.filter(email=email, active=True).first()
    if login is None or _record(login) is None:
        return None
    login.keys.filter(sort=LINK).delete()
    address = f"{environment().url}/my/enter/{_key(login, LINK, LINK_LIFE)}/"
    with translation.override(login.language):
        text = _("Hello,\n\nopen your pages here; the link works once, within 24 hours:\n\n%(address)s\n") % {
            "address": address
        }
        return EmailMessage(subject=_("Your link to sign in"), body=text, to=[login.email])


def moved_mail(email: str, language: str) -> EmailMessage:
    """The mail to an address whose sign-in was given to another."""
    with translation.override(language):
        text = _(
            "Hello,\n\nyour sign-in now belongs to another address; this one no longer opens your pages. If you did not ask for it, tell us.\n"
        )
        return EmailMessage(subject=_("Your sign-in belongs to another address"), body=text, to=[email])


def _link(secret: str, *, lock: bool = False) -> PortalKey:
    rows = PortalKey.objects.select_for_update(of=("self",)) if lock else PortalKey.objects
    found = rows.filter(sort=LINK, digest=_digest(secret), expires_at__gt=clock.now(), login__active=True)
    key = found.select_related("login").first()
    if key is None:
        raise NotFound(_("This link was used already, or it is too old. Ask for a new one."), code="link.gone")
    return key


def link_read(secret: str) -> PortalLogin:
    """Whose link it is; looking does not use it up. Raises NotFound."""
    return _link(secret).login


def link_use(secret: str, *, address: str) -> str:
    """Use a link up and open a session; its secret goes into the cookie. Raises NotFound."""
    from_system = Actor(kind="client", name="client", via="web", address=address)
    with writing(from_system):
        key = _link(secret, lock=True)
        login = key.login
        key.delete()
        return _open(login, address, LINKED)


def _open(login: PortalLogin, address: str, sort: str) -> str:
    PortalLogin.objects.filter(pk=login.pk).update(last_at=clock.now())
    _note("sign_in", login, address)
    return _key(login, sort, SESSION_LIFE, address)


def password_use(email: str, password: str, *, address: str) -> str:
    """Open a session with a password. Raises Invalid (the same for an unknown address), TooMany."""
    wanted = normal(email).strip().lower()
    counter = _counter(wanted)
    throttle.address_take(address)
    throttle.attempt_take(counter)
    login = PortalLogin.objects.filter(email=wanted, active=True).first()
    if login is None or not login.password:
        make_password(password)
        fits = False
    else:
        fits = check_password(password, login.password)
    if login is None or not fits:
        _note("sign_in_failed", None, address, email=wanted[:254])
        raise Invalid(_("The address or the password is wrong."), code="portal.wrong", field="password")
    throttle.attempt_forget(counter)
    throttle.address_return(address)
    return _open(login, address, SESSION)


def _counter(email: str) -> str:
    return f"portal:account:{email[:120]}"


def password_due(secret: str) -> bool:
    """Whether the present password is asked for before another is chosen: not of who has none, or came by a link just now."""
    key = _session(secret)
    return key is not None and _due(key)


def _due(key: PortalKey) -> bool:
    return bool(key.login.password) and not (key.sort == LINKED and clock.now() - key.created_at < _FRESH)


def password_set(actor: Actor, secret: str, password: str, *, old: str = "") -> None:
    """Choose a password; every other session of his ends. Raises Invalid, TooMany for who guesses at the present one."""
    key = _session(secret)
    if key is None:
        raise NotFound
    login = key.login
    if _due(key):
        throttle.attempt_take(_counter(login.email))
        if not check_password(old, login.password):
            raise Invalid(_("The password is not right."), code="password.wrong", field="old")
        throttle.attempt_forget(_counter(login.email))
    password_check(password, User(username=login.email[:150], name=actor.name, email=login.email))
    with writing(actor):
        login.password = make_password(password)
        login.save(update_fields=["password"])
        login.keys.exclude(pk=key.pk).delete()


def _session(secret: str) -> PortalKey | None:
    now = clock.now()
    rows = PortalKey.objects.filter(
        sort__in=SESSIONS, digest=_digest(secret), expires_at__gt=now, seen_at__gt=now - IDLE, login__active=True
    )
    return rows.select_related("login").first()


def _record(login: PortalLogin) -> Any:
    """The record that signs in, ``None`` when it is gone or in the trash, or clients have no pages of theirs any more."""
    if not is_registered(login.entity) or login.entity not in clients.subjects():
        return None
    return entity_of(login.entity).model._default_manager.filter(pk=login.record_id).first()


def actor_of(secret: str, *, address: str = "", request_id: str = "") -> Actor | None:
    """Who holds a session, ``None`` when it is over, taken away, or his record is gone."""
    key = _session(secret) if secret else None
    record = _record(key.login) if key else None
    if key is None or record is None:
        return None
    login, entity, now = key.login, entity_of(record), clock.now()
    if now - key.seen_at > _SEEN_EVERY:
        PortalKey.objects.filter(pk=key.pk).update(seen_at=now)
    return Actor(
        kind="client", name=display.title_of(entity, record), subject=(entity.key, record.pk), language=login.language,
        via="web", address=address, request_id=request_id,
    )  # fmt: skip


def session_end(secret: str) -> None:
    """Sign out."""
    PortalKey.objects.filter(sort__in=SESSIONS, digest=_digest(secret)).delete()
