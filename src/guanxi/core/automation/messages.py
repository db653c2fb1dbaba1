"""Messages that leave the house: written down in the transaction that wants them, sent by a job over a channel.

A channel is entered with ``register_channel``: integrations bring theirs. Built in are ``mail``, ``webhook``, and ``sms`` through a
gateway that takes JSON (preference ``sms``: ``{"url", "headers"}``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.automation import outbound
from guanxi.core.automation.marketing import STOPPED, footer, refused, stop_address
from guanxi.core.automation.queue import app
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import GuanxiError, Invalid, Text, Unavailable
from guanxi.core.kernel.phones import parse_phone
from guanxi.core.models import OutboundMessage, Preference
from guanxi.core.schema.registry import entity_of

JOB = "guanxi.message_send"
#: Tries before a message is given up, and the first pause in seconds (it grows fourfold).
TRIES, PAUSE = 6, 30


@dataclass(frozen=True, slots=True)
class Channel:
    """A way out: ``check(to)`` gives the address as it will be used or raises Invalid, ``send(message)`` sends or raises."""

    key: str
    label: Text
    check: Callable[[str], str]
    send: Callable[[OutboundMessage], None]


CHANNELS: dict[str, Channel] = {}


def register_channel(channel: Channel) -> None:
    """Enter a channel; one with a known key replaces it."""
    CHANNELS[channel.key] = channel


def put(
    channel: str, to: str, *, subject: str = "", body: str = "", payload: Mapping[str, Any] | None = None,
    record: models.Model | None = None, run_id: int | None = None, marketing: bool = False, language: str = "zh-hans",
) -> OutboundMessage:  # fmt: skip
    """Write a message down and let a job send it when this transaction commits. Raises Invalid for a bad address.

    ``marketing`` goes only to those who may be written to, asked now and again at the moment of sending; held back, it is kept with
    the state ``stopped``. It ends with a way to say no in ``language``.
    """
    found = CHANNELS.get(channel)
    if found is None:
        raise Invalid(_("There is no channel “%(name)s”.") % {"name": channel}, code="message.channel")
    row = OutboundMessage.objects.create(
        channel=channel, to=found.check(to), subject=subject[:300], body=body, payload=dict(payload or {}),
        entity=entity_of(record).key if record is not None else "", record_id=record.pk if record is not None else None,
        run_id=run_id, marketing=marketing,
    )  # fmt: skip
    if marketing:
        row.body = (
            f"{body}\n\n-- \n{footer(row, language)}\n" if channel == "mail" else f"{body} {footer(row, language)}"
        )
        row.error = refused(row)
        row.state = STOPPED if row.error else row.state
        row.save(update_fields=["body", "state", "error"])
    if row.state == STOPPED:
        return row
    app.configure_task(JOB, queue="default").defer(message_id=row.pk)
    return row


def send(message_id: int) -> str:
    """Send a written message once; its state afterwards. A failure is tried again later, at most ``TRIES`` times."""
    with transaction.atomic():
        row = OutboundMessage.objects.select_for_update(skip_locked=True).filter(pk=message_id, state="waiting").first()
        if row is None:
            return ""
        row.attempts += 1
        try:
            row.error = refused(row)
            if row.error:
                row.state = STOPPED
                row.save()
                return STOPPED
            CHANNELS[row.channel].send(row)
            row.state, row.sent_at, row.error = "sent", clock.now(), ""
        except (GuanxiError, OSError, KeyError) as error:
            row.error = str(error)[:2000]
            if row.attempts >= TRIES or isinstance(error, Invalid | KeyError):
                row.state = "failed"
            else:
                pause = PAUSE * 4 ** (row.attempts - 1)
                app.configure_task(JOB, queue="default", schedule_in={"seconds": pause}).defer(message_id=row.pk)
        row.save()
    return row.state


def send_again(row: OutboundMessage) -> None:
    """Try a message that was given up once more."""
    with transaction.atomic():
        OutboundMessage.objects.filter(pk=row.pk, state="failed").update(state="waiting", attempts=0)
        app.configure_task(JOB, queue="default").defer(message_id=row.pk)


def _mail_address(to: str) -> str:
    given = to.strip()
    name, at, domain = given.rpartition("@")
    if not at or not name or "." not in domain or any(mark in given for mark in "\r\n,;<> "):
        raise Invalid(_("“%(to)s” is no e-mail address.") % {"to": given[:100]}, code="message.address")
    return given


def _mail_send(row: OutboundMessage) -> None:
    headers = {}
    if row.marketing:  # RFC 2369 and, for one click in the reader's program, RFC 8058
        headers = {"List-Unsubscribe": f"<{stop_address(row)}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    subject = " ".join(row.subject.split()) or _("Message")
    EmailMessage(subject=subject, body=row.body, to=[row.to], headers=headers).send()


def _phone(to: str) -> str:
    found = parse_phone(to)
    number = getattr(found, "e164", "") or ""
    if not number:
        raise Invalid(_("“%(to)s” is no phone number.") % {"to": to[:40]}, code="message.address")
    return str(number)


def _sms_send(row: OutboundMessage) -> None:
    gateway = Preference.objects.filter(key="sms").values_list("value", flat=True).first()
    if not isinstance(gateway, dict) or not gateway.get("url"):
        raise Unavailable(_("No gateway for text messages is set up."), code="message.no_gateway")
    outbound.send(str(gateway["url"]), {"to": row.to, "text": row.body, "id": row.pk}, gateway.get("headers") or {})


def _web_address(to: str) -> str:
    outbound.check_address(to)
    return to


def _webhook_send(row: OutboundMessage) -> None:
    """Signed after the Standard Webhooks: id, moment and body under the workspace's key."""
    stamp = str(int(clock.now().timestamp()))
    identity = f"msg_{row.pk}"
    body = json.dumps(row.payload, ensure_ascii=False, default=str)
    key = hashlib.sha256(f"webhook:{settings.SECRET_KEY}".encode()).digest()
    signed = hmac.new(key, f"{identity}.{stamp}.{body}".encode(), hashlib.sha256).digest()
    headers = {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    outbound.send(row.to, row.payload, headers)


register_channel(Channel("mail", gettext_lazy("E-mail"), _mail_address, _mail_send))
register_channel(Channel("sms", gettext_lazy("Text message"), _phone, _sms_send))
register_channel(Channel("webhook", gettext_lazy("Webhook"), _web_address, _webhook_send))
