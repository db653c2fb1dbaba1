"""Links by which a customer sees one document without signing in, answers it, and leaves his name and the time."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from guanxi.areas.billing.models import Delivery, PublicLink, Quote
from guanxi.areas.billing.models.documents import DRAFT, REPLACED, RETURNED, SENT, SHIPPED
from guanxi.areas.billing.services import orders, papers, quotes
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.automation.notify import notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.kernel.machines import register_machines
from guanxi.core.people import throttle
from guanxi.core.schema.registry import entity_of

#: How long a link lives at most; a quote's ends with the quote.
LIFETIME = dt.timedelta(days=60)
ACCEPTED_TEXT = gettext_noop("%(by)s accepted the quote %(record)s")
DECLINED_TEXT = gettext_noop("%(by)s declined the quote %(record)s")
CONFIRMED_TEXT = gettext_noop("%(by)s confirmed the delivery %(record)s")
register_machines({"customer": gettext_lazy("Customer")})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def link_make(actor: Actor, record: Quote | Delivery) -> str:
    """A new link for a quote (which counts as sent) or a delivery; earlier links of it end. Returns its whole address."""
    require(actor, "change", record)
    papers.require_open(actor, record)
    key, now, secret = entity_of(record).key, clock.now(), secrets.token_urlsafe(32)
    with records.writing(actor):
        if isinstance(record, Quote):
            quotes.quote_send(actor, record)
        PublicLink.objects.filter(entity=key, record_id=record.pk, ended_at__isnull=True).update(ended_at=now)
        ends = now + LIFETIME
        valid = getattr(record, "valid_until", None)
        if valid is not None:
            ends = min(ends, clock.day_start(valid + dt.timedelta(days=1), settings.TIME_ZONE))
        PublicLink.objects.create(
            digest=_digest(secret), entity=key, record_id=record.pk, created_at=now, expires_at=ends
        )
        records.emit(actor, "link_made", record)
    return f"{settings.CSRF_TRUSTED_ORIGINS[0]}/p/{secret}/"


def link_end(actor: Actor, record: Quote | Delivery) -> None:
    """All links of a record stop working."""
    require(actor, "change", record)
    with records.writing(actor):
        rows = PublicLink.objects.filter(entity=entity_of(record).key, record_id=record.pk, ended_at__isnull=True)
        rows.update(ended_at=clock.now())
        records.emit(actor, "link_ended", record)


def link_open(secret: str, *, address: str) -> tuple[PublicLink, Any]:
    """The document behind a link. Wrong secrets are counted per address and slowed down.

    Raises NotFound alike for links that never were, have ended, or whose document is gone; TooMany for who keeps guessing.
    """
    key = f"link:{throttle.network(address)}"
    link = PublicLink.objects.filter(digest=_digest(secret), ended_at__isnull=True, expires_at__gt=clock.now()).first()
    record = None
    if link is not None:
        model: Any = entity_of(link.entity).model
        record = model.objects.filter(pk=link.record_id).first()
    if link is None or record is None:
        throttle.attempt_take(key)
        raise NotFound(_("This link does not exist or has ended."), code="link.unknown")
    PublicLink.objects.filter(pk=link.pk).update(opened=F("opened") + 1)
    if isinstance(record, Quote) and record.seen_at is None and record.status == SENT:
        with records.writing(_guest()):
            records.update(_guest(), record, {"seen_at": clock.now()}, trusted=True)
    return link, record


def _guest(name: str = "") -> Actor:
    return system_actor(name or "customer", via="web")


def link_answer(record: Any, *, by: str, accepts: bool, words: str = "") -> Any:
    """The customer accepts or declines a quote, or confirms a delivery. His name is needed and kept with the time."""
    name = " ".join(by.split())[:100]
    if len(name) < 2:
        raise Invalid(_("Please write your name."), code="answer.name", field="by")
    actor = _guest(name)
    with records.writing(actor):
        if isinstance(record, Quote):
            fresh = records.locked(actor, entity_of(record), record.pk)
            if accepts:
                done: Any = quotes.quote_accept(actor, fresh, by=name, answer=words)
            else:
                done = quotes.quote_decline(actor, fresh, answer=f"{name}: {words}".strip(": "))
            _tell(record, ACCEPTED_TEXT if accepts else DECLINED_TEXT, name)
        else:
            done = orders.delivery_confirm(actor, record, by=name)
            _tell(record, CONFIRMED_TEXT, name)
    return done


def _tell(record: Any, text: str, by: str) -> None:
    if record.owner_id:
        notify([record.owner_id], "change", text, {"by": by}, record=record)


def answerable(record: Any) -> bool:
    """Whether the customer can still answer."""
    if isinstance(record, Quote):
        return record.status in (DRAFT, SENT) and not _over(record)
    return bool(record.status == SHIPPED)


def _over(quote: Quote) -> bool:
    return quote.valid_until is not None and quote.valid_until < clock.today(settings.TIME_ZONE)


def closed_text(record: Any) -> str:
    """Why the customer can no longer answer, in words for him."""
    if isinstance(record, Quote) and record.status == REPLACED:
        return _("This quote has been replaced by a newer one. Please ask for it.")
    if isinstance(record, Quote) and _over(record):
        return _("This quote was valid until %(day)s. Please ask for a new one.") % {"day": record.valid_until}
    if isinstance(record, Delivery) and record.status == RETURNED:
        return _("This delivery came back to us.")
    return _("This can no longer be answered here.")
