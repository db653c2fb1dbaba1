"""A user's open sessions: listing them and ending them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from allauth.usersessions.models import UserSession

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.models import PushDevice, User
from guanxi.core.people.guards import require_administrator
from guanxi.core.records.discretion import noted

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("MicroMessenger", "WeChat"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone|iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One place where a user is signed in."""

    id: int
    device: str
    address: str
    began_at: dt.datetime
    seen_at: dt.datetime
    current: bool


def device_name(agent: str) -> str:
    """``Firefox, Windows`` from what a browser says about itself; its first word when unknown."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if re.search(sign, agent)), "")
    return ", ".join(part for part in (browser, system) if part) or agent.partition("/")[0][:40] or "?"


def _may(actor: Actor, user: User) -> None:
    if actor.user_id != user.pk:
        require_administrator(actor, "change", user)


def sessions_of(actor: Actor, user: User, *, current_key: str = "") -> list[OpenSession]:
    """Open sessions, last used first; ``current_key`` marks the one asking. Raises ``Denied`` for other people's."""
    _may(actor, user)
    return [
        OpenSession(
            id=row.pk,
            device=device_name(row.user_agent),
            address=row.ip,
            began_at=row.created_at,
            seen_at=row.last_seen_at,
            current=row.session_key == current_key,
        )
        for row in sorted(UserSession.objects.purge_and_list(user), key=lambda row: row.last_seen_at, reverse=True)
    ]


def session_end(actor: Actor, user: User, session_id: int) -> None:
    """End one session of the user; the next request made in it finds it gone. Raises ``NotFound``, ``Denied``."""
    _may(actor, user)
    row = UserSession.objects.filter(user_id=user.pk, pk=session_id).first()
    if row is None:
        raise NotFound
    row.end()
    _note(actor, user, 1)


def sessions_end(actor: Actor, user: User, *, but_key: str = "") -> int:
    """End all sessions of the user, but for the one with ``but_key``, and forget his devices; returns how many sessions."""
    _may(actor, user)
    count = sessions_drop(user, but_key=but_key)
    if count:
        _note(actor, user, count)
    return count


def sessions_drop(user: User, *, but_key: str = "") -> int:
    """The same without asking who wants it; for services that have asked."""
    rows = list(UserSession.objects.filter(user_id=user.pk).exclude(session_key=but_key))
    for row in rows:
        row.end()
    PushDevice.objects.filter(user_id=user.pk).delete()
    return len(rows)


def _note(actor: Actor, user: User, count: int) -> None:
    noted(actor, "session_ended", "core.user", record_id=user.pk, reason="ended", count=count)
