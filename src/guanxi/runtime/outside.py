"""What an installation leans on outside its own processes, asked now: the mail server, the certificate of its address."""

from __future__ import annotations

import datetime as dt
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from guanxi.runtime.environment import Environment
from guanxi.runtime.words import say

#: Seconds a server outside has to answer; so many days before its end a certificate is spoken of, and so many before it is wrong.
PATIENCE = 4.0
DAYS_SOON, DAYS_LATE = 21, 3
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Standing:
    """How something outside is: ``state`` is ok, warning or wrong; ``text`` says what was found."""

    state: str
    text: str


def mail(settings: Environment, translate: Callable[[str], str] = say) -> Standing:
    """Whether mail can be handed over: the server answers and lets us in, or there is none."""
    parts = urlsplit(settings.email_url)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        return Standing("warning", translate("not sent, written to %(folder)s (set EMAIL_URL)") % {"folder": folder})
    if not parts.scheme.startswith("smtp"):
        return Standing("warning", translate("not sent (%(kind)s)") % {"kind": parts.scheme})
    port = parts.port or {"smtps": 465, "smtp+tls": 587}.get(parts.scheme, 25)
    kind: Any = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    try:
        with kind(parts.hostname or "localhost", port, timeout=PATIENCE) as server:
            if parts.scheme == "smtp+tls":
                server.starttls()
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        return Standing("wrong", f"{parts.hostname}:{port}: {_reason(error)}")
    return Standing("ok", f"{parts.hostname}:{port}")


def certificate(settings: Environment, now: dt.datetime, translate: Callable[[str], str] = say) -> Standing | None:
    """How the certificate of the address people use is; ``None`` when the address is this machine's own.

    The authorities are those this machine trusts, which may be fewer or more than people's browsers do.
    """
    parts = urlsplit(settings.url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        if host in _HERE:
            return None
        return Standing(
            "warning", translate("%(url)s is not encrypted: passwords can be read on the way") % {"url": settings.url}
        )
    trusted = ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, parts.port or 443), timeout=PATIENCE) as plain,
            trusted.wrap_socket(plain, server_hostname=host) as secure,
        ):
            end = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        return Standing("wrong", f"{host}: {error.verify_message}")
    except (OSError, KeyError, ValueError) as error:
        return Standing("warning", f"{host}: {_reason(error)}")
    days = int((end - now.timestamp()) // 86_400)
    state = "ok" if days >= DAYS_SOON else "warning" if days >= DAYS_LATE else "wrong"
    return Standing(
        state, translate("the certificate of %(host)s ends in %(days)s days") % {"host": host, "days": days}
    )


def secrets_open(settings: Environment) -> list[str]:
    """Files with a secret in the data folder that others than its owner may read."""
    place = settings.data / "secret"
    return [str(place)] if place.exists() and place.stat().st_mode & 0o077 else []


def _reason(error: Exception) -> str:
    told = getattr(error, "strerror", None)
    return str(told or error) or type(error).__name__
