"""A yes to marketing that came without proof of who said it, where somebody said no before: it holds once it is confirmed by mail.

A form on the web may be filled in by anybody. Where the address it names said no, or its holder did, the yes is written down only when
the link in a mail to that very address is followed. A number of a phone cannot be asked this way: there the no stands.
"""

from __future__ import annotations

import datetime as dt

from django.core import signing
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from guanxi.core.automation import marketing, messages
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import OutboundMessage
from guanxi.core.records.writing import writing
from guanxi.runtime.environment import environment

#: How long a link holds, and how long the same address is not asked again.
HOLDS, AGAIN = dt.timedelta(days=14), dt.timedelta(days=1)
_SALT = "guanxi.marketing.confirm"


def agreed_by_form(actor: Actor, record: models.Model, *, proof: str, language: str) -> bool:
    """Write down what a form said for the addresses of the record it made, or ask by mail to confirm it.

    Answers whether it names an address one may be asked at: the same for one that said no before and one that did not.
    """
    told = marketing.addresses(record)
    held = [(channel, to) for channel, to in told if marketing.contradicts(channel, to)]
    with writing(actor):
        marketing.agreed(actor, record, source="form", proof=proof, leaving=held)
        for channel, to in held:
            if channel == "mail":
                _ask(record, to, proof, language)
    return any(channel == "mail" for channel, _to in told)


def _ask(record: models.Model, to: str, proof: str, language: str) -> None:
    digest = marketing.digest_of("mail", to)
    asked = OutboundMessage.objects.filter(payload__has_key="confirms", created_at__gte=clock.now() - AGAIN)
    if asked.filter(payload__confirms=digest).exists():
        return
    try:
        row = messages.put("mail", to, record=record, payload={"confirms": digest, "proof": proof})
    except Invalid:
        return
    with override(language):
        row.subject = _("Please confirm that you want news and offers from us")
        row.body = _(
            "Somebody asked on our pages for news and offers to this address, which said no to them before.\n\n"
            "If it was you, confirm it here within 14 days:\n%(address)s\n\nIf not, do nothing: you get none."
        ) % {"address": address_of(row)}
    row.save(update_fields=["subject", "body"])


def address_of(row: OutboundMessage) -> str:
    """The address of the page on which the reader of a mail confirms."""
    return f"{environment().url}/confirm/{signing.TimestampSigner(salt=_SALT).sign_object(row.pk)}/"


def read(token: str) -> OutboundMessage:
    """The mail a link came with. Raises NotFound for one we did not make, that is too old, or whose addressee was erased since."""
    try:
        number = signing.TimestampSigner(salt=_SALT).unsign_object(token, max_age=HOLDS)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotFound(code="confirm.unknown") from None
    row = OutboundMessage.objects.filter(pk=number).first()
    if row is None or not row.payload.get("confirms"):
        raise NotFound(code="confirm.unknown")
    return row


def confirmed(row: OutboundMessage) -> bool:
    """Whether it was confirmed already."""
    return bool(row.payload.get("confirmed"))


def confirm(token: str, *, address: str = "") -> OutboundMessage:
    """The yes holds from now on. Twice is the same as once: a no said in between stands. Raises NotFound."""
    with transaction.atomic():
        row = OutboundMessage.objects.select_for_update().get(pk=read(token).pk)
        if not confirmed(row):
            link, proof = system_actor("link", via="web"), f"{row.payload.get('proof', '')} · {address}"
            record = marketing.record_of(row.entity, row.record_id)
            marketing.word(link, "mail", row.to, marketing.GIVEN, source="form", proof=proof, record=record)
            row.payload = {**row.payload, "confirmed": clock.now().isoformat()}
            row.save(update_fields=["payload"])
    return row
