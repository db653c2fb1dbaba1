"""A mail server of its own to read from: a real IMAP server in a process beside the tests, empty before each."""

from __future__ import annotations

import contextlib
import datetime as dt
import imaplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

USER, PASSWORD = "service", "post"
_STARTS = 30.0
#: The server without the half million rounds its check of a password takes: tests sign in often.
_SERVER = (
    "from pysasl.hashing import BuiltinHash; BuiltinHash.__init__.__kwdefaults__['rounds'] = 1;"
    "from pymap.main import main; main()"
)


@dataclass(slots=True)
class Postbox:
    """A mailbox on the server: what a test puts in, the worker reads."""

    port: int
    process: subprocess.Popen[bytes]

    def connect(self) -> imaplib.IMAP4:
        """Signed in."""
        connection = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        connection.login(USER, PASSWORD)
        return connection

    def put(self, raw: bytes, folder: str = "INBOX", at: dt.datetime | None = None) -> None:
        """A mail arrives, now or at a moment."""
        connection = self.connect()
        connection.append(folder, "", imaplib.Time2Internaldate(at or time.time()), raw)
        connection.logout()

    def empty(self) -> None:
        """Everything is taken out."""
        connection = self.connect()
        connection.select("INBOX")
        connection.store("1:*", "+FLAGS", "\\Deleted")
        connection.expunge()
        connection.logout()

    def settings(self, **further: Any) -> dict[str, Any]:
        """How an administrator would write it down."""
        return {
            "name": "客服邮箱", "channel": "mail", "address": "service@guanxi.test", "host": "127.0.0.1", "port": str(self.port),
            "security": "none", "username": USER, "password": PASSWORD, "folder": "INBOX", "active": "1", **further,
        }  # fmt: skip


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def _imap_server() -> Iterator[Postbox]:
    port = _free_port()
    command = [sys.executable, "-c", _SERVER, "--no-service", "managesieve", "--no-service", "admin", "--host", "127.0.0.1", "--port", str(port), "--no-tls", "dict", "--demo-data", "--demo-user", USER, "--demo-password", PASSWORD]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    box = Postbox(port, process)
    until = time.monotonic() + _STARTS
    while True:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            box.connect().logout()
            break
        assert process.poll() is None, "the mail server ended"
        assert time.monotonic() < until, "the mail server does not answer"
        time.sleep(0.1)
    yield box
    process.terminate()
    process.wait(10)


@pytest.fixture
def postbox(_imap_server: Postbox) -> Postbox:
    """An empty mailbox on a running server."""
    _imap_server.empty()
    return _imap_server
