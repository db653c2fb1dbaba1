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
from email.utils import formataddr, parseaddr
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import EmailValidator
from django.db import models, transaction
from django.utils.encoding import punycode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.automation import outbound
from guanxi.core.automation.incoming import threads
from guanxi.core.automation.marketing import STOPPED, footer, refused, stop_address
from guanxi.core.automation.queue import app
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import GuanxiError, Invalid, Text, Unavailable
from guanxi.core.kernel.phones import parse_phone
from guanxi.core.models import InboundMessage, OutboundMessage, Preference
from guanxi.core.schema.registry import entity_of
from guanxi.runtime.failpoints import reach

JOB = "guanxi.message_send"
#: Marks the payload of what goes to colleagues: it is about a record, but no correspondence with anybody there.
INSIDE = "inside"
#: Tries before a message is given up, and the first pause in seconds (it grows fourfold).
TRIES, PAUSE = 6, 30
_MAIL = EmailValidator(allowlist=())


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
    by: int | None = None, reply_to: InboundMessage | None = None, automatic: bool = False,
) -> OutboundMessage:  # fmt: skip
    """Write a message down and let a job send it when this transaction commits. Raises Invalid for a bad address.

    ``marketing`` goes only to those who may be written to, asked now and again at the moment of sending; held back, it is kept with
    the state ``stopped``. It ends with a way to say no in ``language``. ``by`` wrote it, ``reply_to`` is what it answers,
    ``automatic`` says that no person wrote it, so that no machine answers it.
    """
    found = CHANNELS.get(channel)
    if found is None:
        raise Invalid(_("There is no channel “%(name)s”.") % {"name": channel}, code="message.channel")
    row = OutboundMessage.objects.create(
        channel=channel, to=found.check(to), subject=subject[:300], body=body, payload=dict(payload or {}),
        entity=entity_of(record).key if record is not None else "", record_id=record.pk if record is not None else None,
        run_id=run_id, marketing=marketing, by_id=by, reply_to=reply_to, automatic=automatic,
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
            reach("messages.before_commit")
        except (GuanxiError, OSError, KeyError, ValueError) as error:
            row.error = str(error)[:2000]
            if row.attempts >= TRIES or isinstance(error, Invalid | KeyError | ValueError):
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


def mail_address(to: str) -> str:
    """An address as it will be used. Raises Invalid for what is none."""
    given = to.strip()
    name, _at, domain = given.rpartition("@")
    try:
        if any(mark in given for mark in "\r\n,;<> "):
            raise ValueError
        _MAIL(f"{name}@{punycode(domain)}")  # as it will stand in the letter
    except (ValueError, ValidationError):
        raise Invalid(_("“%(to)s” is no e-mail address.") % {"to": given[:100]}, code="message.address") from None
    return given


def _mail_send(row: OutboundMessage) -> None:
    headers = {"Message-ID": threads.message_id(row)}
    if row.marketing:  # RFC 2369 and, for one click in the reader's program, RFC 8058
        headers |= {"List-Unsubscribe": f"<{stop_address(row)}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    if row.automatic:  # RFC 3834
        headers["Auto-Submitted"] = "auto-replied" if row.reply_to_id else "auto-generated"
    if row.reply_to is not None and row.reply_to.external_id.startswith("<"):
        headers |= {"In-Reply-To": row.reply_to.external_id, "References": row.reply_to.external_id}
    subject = " ".join(row.subject.split()) or _("Message")
    answers_to = threads.reply_address(row)
    EmailMessage(
        subject=subject, body=row.body, to=[row.to], headers=headers, from_email=_from(row),
        reply_to=[answers_to] if answers_to else None,
    ).send()  # fmt: skip


def _from(row: OutboundMessage) -> str | None:
    """The workspace's address, with the name of whoever wrote it."""
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return formataddr((row.by.name, address)) if row.by is not None and row.by.name and address else None


def phone_number(to: str) -> str:
    """A number as it will be used. Raises Invalid for what is none."""
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


register_channel(Channel("mail", gettext_lazy("E-mail"), mail_address, _mail_send))
register_channel(Channel("sms", gettext_lazy("Text message"), phone_number, _sms_send))
register_channel(Channel("webhook", gettext_lazy("Webhook"), _web_address, _webhook_send))
