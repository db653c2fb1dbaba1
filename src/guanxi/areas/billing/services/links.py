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
from guanxi.core.kernel import clock, machines
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.kernel.machines import register_machines
from guanxi.core.people import throttle
from guanxi.core.schema.registry import entity_of

#: How long a link lives at most; a quote's ends with the quote.
LIFETIME = dt.timedelta(days=60)
ACCEPTED_TEXT = gettext_noop("%(by)s accepted the quote %(record)s")
DECLINED_TEXT = gettext_noop("%(by)s declined the quote %(record)s")
CONFIRMED_TEXT = gettext_noop("%(by)s confirmed the delivery %(record)s")
GUEST = "customer"
register_machines({GUEST: gettext_lazy("Customer")})
#: What a customer reads of a document and of its lines.
_READ = ("number", "name", "valid_until", "terms", "currency", "discount", "discount_amount", "net", "tax", "total")
_READ_OF_LINES = (
    "sort", "optional", "name", "specification", "quantity", "unit", "price", "discount", "tax_class", "amount", "order_line_id",
)  # fmt: skip


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def link_make(actor: Actor, record: Quote | Delivery) -> str:
    """A new link for a quote (which counts as sent) or a delivery; earlier links of it end. Returns its whole address."""
    require(actor, "change", record)
    papers.require_whole(actor, record) if isinstance(record, Quote) else papers.require_open(actor, record)
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
    """The name is what somebody typed: it never stands in the audit as if it were that of a colleague or of the house."""
    return system_actor(machines.own(GUEST, name), via="web")


def seen(record: Any) -> str:
    """A mark of all a customer reads of a document now; another one when any of it changes."""
    read = [str(getattr(record, name, "")) for name in _READ]
    for row in record.lines.filter(deleted_at__isnull=True).order_by("position", "pk"):
        read += [str(getattr(row, name, "")) for name in _READ_OF_LINES]
    return hashlib.sha256("\0".join(read).encode()).hexdigest()[:32]


def link_answer(record: Any, *, by: str, accepts: bool, words: str = "", mark: str) -> Any:
    """The customer accepts or declines a quote, or confirms a delivery. His name is needed and kept with the time.

    ``mark`` is what :func:`seen` was when he read it. Raises Invalid without a name, RuleBroken when it can no longer be
    answered or something of it was changed since.
    """
    name = " ".join(by.split())[:100]
    if len(name) < 2:
        raise Invalid(_("Please write your name."), code="answer.name", field="by")
    actor = _guest(name)
    with records.writing(actor):
        fresh = records.locked(actor, entity_of(record), record.pk)
        if answerable(fresh) and seen(fresh) != mark:
            raise RuleBroken(
                _("This was changed since you opened it. Please read it again before you answer."),
                code="answer.changed",
            )
        if not isinstance(fresh, Quote):
            done: Any = orders.delivery_confirm(actor, fresh, by=name)
        elif accepts:
            done = quotes.quote_accept(actor, fresh, by=name, answer=words)
        else:
            done = quotes.quote_decline(actor, fresh, answer=f"{name}: {words}".strip(": "))
        told = (ACCEPTED_TEXT if accepts else DECLINED_TEXT) if isinstance(fresh, Quote) else CONFIRMED_TEXT
        _tell(fresh, told, actor.name)
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
