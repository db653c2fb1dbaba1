"""A mail server of its own for tests that follow a message from the one who sends it to the one who reads it."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller


@dataclass(slots=True)
class Letters:
    """What arrived, oldest first, as (receiver, message)."""

    arrived: list[tuple[str, EmailMessage]] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - of the protocol
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.arrived += [(receiver, message) for receiver in envelope.rcpt_tos]
        return "250 taken"

    def last(self, receiver: str) -> EmailMessage:
        """The latest message to an address."""
        return next(message for address, message in reversed(self.arrived) if address == receiver)


class _Server(Controller):
    """On any free port, which is known once it listens."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def letters(settings: Any) -> Iterator[Letters]:
    """Mail goes over SMTP to a server on this machine while the test runs."""
    kept = Letters()
    server = _Server(kept, hostname="127.0.0.1", port=0)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    try:
        yield kept
    finally:
        server.stop()
