"""The one way out over HTTP: to public addresses only, bounded in time and size, without following anywhere else.

The name is looked up once, every address it has must be public, and the connection goes to the address that was
checked, so that a name cannot turn to a private one in between.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Invalid, Unavailable

#: How long to wait for the next sign of life, and for everything together: who sends a byte now and then is silent, too.
SECONDS = 10.0
MOST_SECONDS = 30.0
MOST_BYTES = 64_000
PORTS = (80, 443, 8080, 8443)
#: Where a network that knows IPv6 alone keeps all of IPv4 (RFC 6052); in 64:ff9b:1::/48 (RFC 8215) each as it likes.
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status and the beginning of the text."""

    status: int
    text: str


def check_address(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address one may send to. Raises Invalid (code ``outbound.address``)."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise _refused(url) from None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password or port not in PORTS:
        raise _refused(url)
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host:
            raise _refused(url) from None
    else:
        if not public(str(literal)):
            raise _refused(url)
    return parts.scheme, host, port


def _refused(url: str) -> Invalid:
    return Invalid(
        _("Only public web addresses can be called: %(url)s") % {"url": url[:200]}, code="outbound.address", field="url"
    )


def public(address: str) -> bool:
    """Whether an address lies in the public network, also behind the IPv6 address it is written as."""
    found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in TRANSLATED:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            return public(str(inner))
        if found.is_site_local:
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def resolved(host: str, port: int) -> str:
    """One address of a host, all of which are public. Raises Invalid, or Unavailable when it has none."""
    try:
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise Unavailable(_("There is no host “%(host)s”.") % {"host": host[:100]}, code="outbound.host") from None
    if not found or not all(public(one) for one in found):
        raise _refused(host)
    return found[0]


def send(
    url: str,
    payload: Mapping[str, Any] | bytes,
    headers: Mapping[str, str] | None = None,
    *,
    good: Collection[int] = (),
) -> Answer:
    """POST JSON, or bytes as they are. Statuses in ``good`` are answers like 2xx. Raises Invalid for an address that is not public, Unavailable for no or a bad answer."""
    scheme, host, port = check_address(url)
    address = resolved(host, port)
    parts = urlsplit(url)
    literal = f"[{address}]" if ":" in address else address
    target = f"{scheme}://{literal}:{port}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    named = host if port in (80, 443) else f"{host}:{port}"
    content = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False, default=str).encode()
    asked = {"Content-Type": "application/json", "User-Agent": "Guanxi", **(headers or {}), "Host": named}
    try:
        with (
            _watched() as watch,
            httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", target, content=content, headers=asked, extensions={"sni_hostname": host, "trace": watch}
            ) as response,
        ):
            text = b""
            for chunk in response.iter_bytes():
                text += chunk
                if len(text) > MOST_BYTES:
                    break
            answer = Answer(response.status_code, text[:2000].decode("utf-8", "replace"))
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(
            _("“%(host)s” does not answer: %(reason)s") % {"host": host, "reason": str(error)[:200]},
            code="outbound.silent",
        ) from None
    if answer.status >= 300 and answer.status not in good:
        raise Unavailable(
            _("“%(host)s” answered with %(status)d.") % {"host": host, "status": answer.status}, code="outbound.status"
        )
    return answer


@contextmanager
def _watched() -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """Within the block a connection ends after ``MOST_SECONDS``; its body is told what the client does (its ``trace``)."""
    held: list[socket.socket] = []

    def watch(name: str, info: Mapping[str, Any]) -> None:
        if name.endswith("connect_tcp.complete"):
            held.append(info["return_value"].get_extra_info("socket").dup())  # outlives what TLS makes of it

    def end() -> None:
        for one in held:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(MOST_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        for one in held:
            one.close()
