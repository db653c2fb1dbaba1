"""Quotes: limits of discounts, sending, accepting, new versions, conversion."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from guanxi.areas.billing.models import (
    Contract,
    DiscountLimit,
    Order,
    Quote,
    QuoteLine,
)
from guanxi.areas.billing.models.documents import (
    ACCEPTED,
    DECLINED,
    DRAFT,
    REPLACED,
    SENT,
)
from guanxi.areas.billing.services import making
from guanxi.areas.billing.services.making import CONTRACT, ORDER, QUOTE, ZERO
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.automation import approvals
from guanxi.core.automation.approvals import flows
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.schema.registry import entity_of


def discount_limit(actor: Actor) -> Decimal | None:
    """How much the actor may grant without asking: the most generous limit of his roles; ``None`` for no limit."""
    if actor.is_system or actor.rights.everything or actor.user_id is None:
        return None
    rows = DiscountLimit.objects.all()
    if not rows.exists():
        return None
    found: Decimal | None = rows.filter(role__users=actor.user_id).aggregate(most=Max("percent"))["most"]
    return found if found is not None else ZERO


def over_limit(actor: Actor, quote: Quote) -> Decimal | None:
    """The limit a quote goes beyond, ``None`` when the actor may grant what it grants."""
    limit = discount_limit(actor)
    off = quote.off or ZERO
    if limit is None or off <= max(limit, quote.off_granted or ZERO):
        return None
    return limit


def quote_ask(actor: Actor, record: Quote, *, note: str = "") -> Any:
    """Ask those who decide for the discount of a quote."""
    if over_limit(actor, record) is None:
        raise RuleBroken(_("This needs no approval; it can be done at once."), code="approval.not_needed")
    if (QUOTE, "discount") not in flows.known():
        raise RuleBroken(
            _("There is no approval flow for discounts. Ask somebody with a higher limit to send this quote."),
            code="discount.no_flow",
        )
    return approvals.require(actor, record, "discount", {"off": str(record.off)}, comment=note)


def discount_grant(actor: Actor, record: Quote, values: Mapping[str, Any]) -> None:
    """The discount was approved: the quote may be sent with it."""
    require(actor, "change", record)
    records.update(actor, record, {"off_granted": values.get("off", record.off)}, trusted=True)


def quote_check(actor: Actor, quote: Quote) -> None:
    """Raise where a quote cannot go out: nothing in it, over, beyond the limit of who sends it."""
    if not quote.lines.filter(deleted_at__isnull=True, sort="item").exists():
        raise Invalid(_("A quote without lines offers nothing."), code="quote.empty", field="lines")
    if quote.valid_until is not None and quote.valid_until < clock.today(actor.timezone):
        raise Invalid(
            _("This quote is no longer valid. Set another day first."), code="quote.over", field="valid_until"
        )
    limit = over_limit(actor, quote)
    if limit is not None:
        approvals.check(actor, entity_of(QUOTE), quote, "discount", {"off": quote.off})
        raise RuleBroken(
            _("This quote grants %(off)s%% off; you may grant %(limit)s%%. Ask for approval first.")
            % {"off": f"{quote.off:f}", "limit": f"{limit.normalize():f}"},
            code="discount.limit",
        )


def quote_send(actor: Actor, record: Quote) -> Quote:
    """Mark a quote as sent; from now on its amounts stand."""
    require(actor, "change", record)
    if record.status not in (DRAFT, SENT):
        raise RuleBroken(_("This quote is closed already."), code="quote.state")
    quote_check(actor, record)
    sent: Quote = making.step(actor, record, status=SENT, sent_at=record.sent_at or clock.now())
    return sent


def quote_revise(actor: Actor, record: Quote) -> Quote:
    """A new version as a draft, at the same prices; the former one is replaced."""
    require(actor, "change", record)
    if record.status == REPLACED:
        raise RuleBroken(_("There is a newer version of this quote."), code="quote.replaced")
    with records.writing(actor):
        step = records.operation_begin(actor, "update", QUOTE, total=2, progress=2)
        base = record.number.partition("-V")[0]
        values = {"revision": record.revision + 1, "revises": record.pk, "number": f"{base}-V{record.revision + 1}"}
        made: Quote = making.made(actor, QUOTE, record, values, optional=True, step=step)
        if record.status != ACCEPTED:
            records.update(actor, record, {"status": REPLACED}, trusted=True, operation=step)
        made.operation_id = step.pk  # type: ignore[attr-defined]
    return made


def _from_books(line: QuoteLine) -> bool:
    """Whether a line's price came from the price books, and still may."""
    return bool(line.price_source) and line.product is not None and line.product.deleted_at is None


def quote_reprice(actor: Actor, record: Quote) -> Operation | bool:
    """Prices that came from the price books come from them anew, as of today; those written by hand stay. ``False`` when
    all are as they were."""
    require(actor, "change", record)
    with records.writing(actor):
        quote: Quote = records.locked(actor, entity_of(QUOTE), record.pk)
        before = quote.total, list(quote.lines.order_by("pk").values_list("price", "base_price"))
        stored = quote.lines.filter(deleted_at__isnull=True).select_related("product").order_by("position", "pk")
        rows = [{"id": one.pk, "price": None} if _from_books(one) else {"id": one.pk} for one in stored]
        step = records.operation_begin(actor, "update", QUOTE, total=1, progress=1, parameters={"ids": [quote.pk]})
        changed: Quote = records.update(actor, quote, {"lines": rows}, operation=step)
        after = changed.total, list(changed.lines.order_by("pk").values_list("price", "base_price"))
        if after == before:
            step.delete()
            return False
    return step


def quote_accept(actor: Actor, record: Quote, *, by: str = "", answer: str = "") -> Quote:
    """The customer accepts; who and when is noted."""
    if record.status not in (DRAFT, SENT):
        raise RuleBroken(_("This quote is closed already."), code="quote.state")
    if record.valid_until is not None and record.valid_until < clock.today(actor.timezone):
        raise RuleBroken(_("This quote is no longer valid."), code="quote.over")
    if record.status == DRAFT:
        quote_check(actor, record)
    accepted: Quote = making.step(
        actor,
        record,
        status=ACCEPTED,
        accepted_at=clock.now(),
        accepted_by=by.strip()[:100],
        answer=answer.strip()[:500],
    )
    return accepted


def quote_decline(actor: Actor, record: Quote, *, answer: str = "") -> Quote:
    """The customer declines."""
    if record.status not in (DRAFT, SENT):
        raise RuleBroken(_("This quote is closed already."), code="quote.state")
    declined: Quote = making.step(actor, record, status=DECLINED, answer=answer.strip()[:500])
    return declined


def _usable(actor: Actor, quote: Quote) -> None:
    if quote.status in (DECLINED, REPLACED):
        raise RuleBroken(_("Nothing can be made of a quote that was declined or replaced."), code="quote.state")
    limit = over_limit(actor, quote)
    if quote.status == DRAFT and limit is not None:
        quote_check(actor, quote)


def quote_to_contract(actor: Actor, record: Quote, *, kind: str = "sale") -> Contract:
    """A contract on the terms of the quote, as a draft; once."""
    with records.writing(actor):
        record = records.locked(actor, entity_of(QUOTE), record.pk)
        _usable(actor, record)
        if record.contracts.filter(deleted_at__isnull=True).exists():
            raise RuleBroken(_("There is a contract of this quote already."), code="quote.converted")
        values = {"quote": record.pk, "kind": kind or "sale"}
        made: Contract = making.made(actor, CONTRACT, record, values, optional=False, step=None)
    return made


def quote_to_order(actor: Actor, record: Quote) -> Order:
    """An order of what was quoted, as a draft; once."""
    with records.writing(actor):
        record = records.locked(actor, entity_of(QUOTE), record.pk)
        _usable(actor, record)
        if record.orders.filter(deleted_at__isnull=True).exists():
            raise RuleBroken(_("There is an order of this quote already."), code="quote.converted")
        made: Order = making.made(actor, ORDER, record, {"quote": record.pk}, optional=False, step=None)
    return made
