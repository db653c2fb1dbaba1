"""How an answer finds the message it answers: by our Message-ID, or by the ``+`` part of the address it was sent to.

Both carry the number of the message with a signature, so that nobody outside can put a mail on a record by guessing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings

from guanxi.core.models import Mailbox, OutboundMessage
from guanxi.runtime.environment import environment

_OURS = re.compile(r"gx\.(\d{1,18})\.([0-9a-f]{16})@", re.IGNORECASE)
_PLUS = re.compile(r"\+gx(\d{1,18})-([0-9a-f]{16})@", re.IGNORECASE)


def _sign(number: int) -> str:
    return hmac.new(f"thread:{settings.SECRET_KEY}".encode(), str(number).encode(), hashlib.sha256).hexdigest()[:16]


def _domain() -> str:
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return address.rpartition("@")[2] or urlsplit(environment().url).hostname or "guanxi.localhost"


def message_id(row: OutboundMessage) -> str:
    """The Message-ID a mail of ours goes out with; it stays the same when it is sent again."""
    return f"<gx.{row.pk}.{_sign(row.pk)}@{_domain()}>"


def reply_address(row: OutboundMessage) -> str:
    """Where answers to a mail of ours shall go; '' for the sender's address."""
    box = Mailbox.objects.filter(channel="mail", active=True, replies=True).exclude(address="").first()
    if box is None:
        return ""
    name, _at, domain = box.address.rpartition("@")
    return f"{name}+gx{row.pk}-{_sign(row.pk)}@{domain}" if box.plus else box.address


def answered(ids: Iterable[str], addresses: Iterable[str]) -> OutboundMessage | None:
    """The message of ours that is answered, by the ids a mail refers to (the nearest first) and the addresses it went to."""
    found = [match for one in addresses for match in _PLUS.finditer(one)]
    found += [match for one in ids for match in _OURS.finditer(one)]
    for match in found:
        number = int(match[1])
        if hmac.compare_digest(_sign(number), match[2].lower()):
            row = OutboundMessage.objects.filter(pk=number).first()
            if row is not None:
                return row
    return None
