"""Text messages a gateway hands over: a POST with JSON, signed after the Standard Webhooks.

``webhook-id``, ``webhook-timestamp`` (seconds) and ``webhook-signature`` (``v1,`` and the base64 of the HMAC-SHA256 of
``id.timestamp.body`` under the key shown on the settings page); older than five minutes or taken before: refused.
The body is ``{"from": "+86138…", "text": "…", "to": "…", "id": "…", "at": "2026-11-27T10:00:00+08:00"}``; only the first two are needed.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.automation.incoming import receiving
from guanxi.core.automation.incoming.letters import Letter
from guanxi.core.automation.incoming.sealed import unseal
from guanxi.core.automation.messages import phone_number
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, Unavailable
from guanxi.core.models import Mailbox
from guanxi.core.models.incoming import SMS

MOST_BYTES = 20_000
#: How far the clock of a gateway may be apart from ours.
APART = 300
LONGEST = 2000


def accept(box_id: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Take a text message in; False for one taken before. Raises Denied for a wrong signature, Invalid.

    A number that is not there, is switched off, or whose key cannot be read is answered like a wrong signature: a
    stranger does not learn which numbers there are.
    """
    box = Mailbox.objects.filter(pk=box_id, channel=SMS, active=True).first()
    identity, stamp = headers.get("webhook-id", "")[:200], headers.get("webhook-timestamp", "")
    if not _signed(_key(box), identity, stamp, headers.get("webhook-signature", ""), body) or box is None:
        raise Denied(_("No such number, or the signature does not fit."), code="gateway.signature")
    if not identity or not stamp.isdecimal() or abs(int(stamp[:12]) - clock.now().timestamp()) > APART:
        raise Denied(_("The message is too old."), code="gateway.late")
    taken = receiving.receive(_letter(box, identity, _given(body)), mailbox=box, channel=SMS) is not None
    Mailbox.objects.filter(pk=box.pk).update(checked_at=clock.now())
    return taken


def _key(box: Mailbox | None) -> str:
    """What the gateway of a number signs with; where there is none, one that fits nothing, so that refusals take equally long."""
    if box is not None and box.secret:
        with suppress(Unavailable):
            return unseal(box.secret)
    return secrets.token_hex(32)


def _signed(key: str, identity: str, stamp: str, given: str, body: bytes) -> bool:
    wanted = hmac.new(key.encode(), f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    for one in given.split()[:10]:
        version, _comma, text = one.partition(",")
        try:
            fits = hmac.compare_digest(base64.b64decode(text, validate=True), wanted)
        except (binascii.Error, ValueError):
            continue
        if version == "v1" and fits:
            return True
    return False


def _given(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Invalid(_("This must be a JSON object."), code="gateway.json")
    return found


def _letter(box: Mailbox, identity: str, given: Mapping[str, Any]) -> Letter:
    text = given.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Invalid(_("Write a text."), code="value.required", field="text")
    try:
        at = dt.datetime.fromisoformat(str(given.get("at") or ""))
        at = min(at if at.tzinfo else at.replace(tzinfo=dt.UTC), clock.now())
    except ValueError:
        at = clock.now()
    return Letter(
        external_id=f"{box.pk}:{given.get('id') or identity}"[:255],
        sender=phone_number(str(given.get("from") or "")),
        to=(str(given.get("to") or box.address)[:100],),
        body="".join(sign for sign in text[:LONGEST] if sign == "\n" or sign.isprintable()),
        at=at,
    )
