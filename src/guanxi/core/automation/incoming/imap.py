"""Reading a folder of an IMAP server: what is new since last time, each message once, bounded in size, time and number.

Messages are neither changed nor marked as read (``BODY.PEEK``): the mailbox may be somebody's own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Invalid, Unavailable

SECONDS = 20.0
#: At most so many messages are read at one look; a larger mail is taken without its contents.
MOST, MOST_BYTES = 200, 30 * 1024 * 1024
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Server:
    """How a mailbox is reached. ``security`` is ``tls``, ``starttls`` or ``none``."""

    host: str
    port: int
    security: str
    username: str
    password: str
    folder: str = "INBOX"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message as it lies in the folder. ``whole`` is False for one too large: only its head was read."""

    uid: int
    raw: bytes
    whole: bool


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a server, opened for reading."""

    connection: imaplib.IMAP4
    uid_validity: int
    next_uid: int
    count: int

    def last(self) -> int:
        """The highest UID there is, or was; what comes from now on has a higher one. Raises Unavailable."""
        return self.next_uid - 1 if self.next_uid else max(self._found("UID *"), default=0)

    def since(self, day: dt.date) -> Iterator[Fetched]:
        """Messages that arrived since a day, the oldest first. Raises Unavailable."""
        yield from self._fetched(self._found(f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}"))

    def newer(self, uid: int) -> Iterator[Fetched]:
        """Messages above a UID, the oldest first, at most ``MOST``. Raises Unavailable."""
        yield from self._fetched([one for one in self._found(f"UID {uid + 1}:*") if one > uid][:MOST])

    def _fetched(self, uids: list[int]) -> Iterator[Fetched]:
        for number in uids:
            size = self._size(number)
            wanted = "(BODY.PEEK[])" if size <= MOST_BYTES else "(BODY.PEEK[HEADER])"
            raw = next((part[1] for part in self._asked("FETCH", str(number), wanted) if isinstance(part, tuple)), b"")
            yield Fetched(number, raw, size <= MOST_BYTES)

    def _found(self, asked: str) -> list[int]:
        answer = self._asked("SEARCH", None, asked)
        return sorted({int(one) for part in answer if isinstance(part, bytes) for one in part.split()})

    def _size(self, uid: int) -> int:
        told = b" ".join(part for part in self._asked("FETCH", str(uid), "(RFC822.SIZE)") if isinstance(part, bytes))
        found = re.search(rb"RFC822\.SIZE (\d+)", told)
        return int(found[1]) if found else 0

    def _asked(self, verb: str, *given: str | None) -> list[bytes | tuple[bytes, bytes] | None]:
        with _plain_words():
            state, answer = self.connection.uid(verb, *given)  # type: ignore[arg-type]
        if state != "OK":
            raise Unavailable(_("The server does not hand out its messages."), code="imap.fetch")
        return list(answer)


@contextlib.contextmanager
def opened(server: Server) -> Iterator[Folder]:
    """The folder, opened for reading only. Raises Invalid or Unavailable in words an administrator understands."""
    connection = _connected(server)
    try:
        with _plain_words():
            try:
                connection.login(server.username, server.password)
            except imaplib.IMAP4.error as error:
                raise Invalid(
                    _("The server does not accept the user name and password: %(reason)s") % {"reason": _told(error)},
                    code="imap.login",
                    field="username",
                ) from None
            with contextlib.suppress(imaplib.IMAP4.error):  # servers of 163 and others want to know who asks
                imaplib.Commands.setdefault("ID", ("AUTH", "SELECTED"))
                connection._simple_command("ID", '("name" "Guanxi" "version" "1")')
            state, told = connection.select(_quoted(server.folder), readonly=True)
            if state != "OK":
                raise Invalid(
                    _("The server has no folder “%(name)s”.") % {"name": server.folder},
                    code="imap.folder",
                    field="folder",
                )
            yield Folder(
                connection, _number(connection, "UIDVALIDITY"), _number(connection, "UIDNEXT"), int(told[0] or 0)
            )
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            connection.logout()


def _connected(server: Server) -> imaplib.IMAP4:
    context = ssl.create_default_context()
    with _plain_words(server.host):
        if server.security == "tls":
            return imaplib.IMAP4_SSL(server.host, server.port, ssl_context=context, timeout=SECONDS)
        connection = imaplib.IMAP4(server.host, server.port, timeout=SECONDS)
        if server.security == "starttls":
            connection.starttls(context)
        return connection


@contextlib.contextmanager
def _plain_words(host: str = "") -> Iterator[None]:
    """Faults of the network and of the server in words."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        reason = _("its certificate is not valid: %(reason)s") % {"reason": error.verify_message}
        raise _silent(host, reason) from None
    except ssl.SSLError:
        raise _silent(host, _("it does not speak TLS at this port; try another port or security")) from None
    except socket.gaierror:
        raise _silent(host, _("there is no host of this name"), "host") from None
    except TimeoutError:
        raise _silent(host, _("it does not answer in time")) from None
    except ConnectionRefusedError:
        raise _silent(host, _("nothing listens at this port"), "port") from None
    except imaplib.IMAP4.error as error:
        raise _silent(host, _told(error)) from None
    except OSError as error:
        raise _silent(host, error.strerror or str(error)) from None


def _silent(host: str, reason: str, field: str = "host") -> Unavailable:
    words = (
        _("The mail server “%(host)s” cannot be read: %(reason)s")
        if host
        else _("The mail server cannot be read: %(reason)s")
    )
    return Unavailable(words % {"host": host, "reason": reason[:200]}, code="imap.silent", field=field)


def _told(error: Exception) -> str:
    given = error.args[0] if error.args else ""
    return (given.decode("utf-8", "replace") if isinstance(given, bytes) else str(given))[:200]


def _number(connection: imaplib.IMAP4, name: str) -> int:
    found = connection.response(name)[1]
    return int(found[0]) if found and found[0] else 0


def _quoted(folder: str) -> str:
    """A folder's name as IMAP writes it: UTF-7 in its own variant (RFC 3501, 5.1.3), in quotes."""
    written = ""
    for part in re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", folder):
        if part.isascii() and part.isprintable():
            written += part.replace("&", "&-")
        else:
            coded = part.encode("utf-7")[1:].rstrip(b"-").replace(b"/", b",").decode()
            written += f"&{coded}-"
    return '"' + written.replace("\\", "\\\\").replace('"', '\\"') + '"'
