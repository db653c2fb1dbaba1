"""From quote to delivery: sending, accepting, converting, signing, confirming, delivering."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Max, Sum
from django.utils.translation import gettext as _

from guanxi.areas.billing import selectors
from guanxi.areas.billing.models import (
    Contract,
    Delivery,
    DeliveryLine,
    DiscountLimit,
    Instalment,
    Order,
    OrderLine,
    Quote,
)
from guanxi.areas.billing.models.documents import (
    ACCEPTED,
    CANCELLED,
    COMPLETED,
    CONFIRMED,
    DECLINED,
    DELIVERED,
    DELIVERING,
    DRAFT,
    ENDED,
    REDUCE,
    REPLACED,
    RETURNED,
    SENT,
    SHIPPED,
    SIGNED,
)
from guanxi.areas.billing.services import ledger
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.automation import approvals
from guanxi.core.automation.approvals import flows
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.schema.registry import entity_of

QUOTE, CONTRACT, ORDER, DELIVERY = "billing.quote", "billing.contract", "billing.order", "billing.delivery"
ZERO = Decimal(0)
#: What a document hands on to the one made of it.
CARRIED = (
    "customer_id",
    "contact_id",
    "opportunity_id",
    "currency",
    "prices_with_tax",
    "discount",
    "discount_amount",
    "terms",
    "name",
)
LINE = (
    "sort", "product_id", "name", "specification", "quantity", "unit", "price", "discount", "tax_class", "cost", "price_source",
    "base_price", "optional",
)  # fmt: skip


def lines_of(document: Any, *, optional: bool = True) -> list[dict[str, Any]]:
    """The lines of a document as values for another one; products that are gone leave their words."""
    rows = document.lines.filter(deleted_at__isnull=True).select_related("product").order_by("position", "pk")
    found = []
    for row in rows:
        if optional or not row.optional:
            values = {name.removesuffix("_id"): getattr(row, name) for name in LINE}
            if row.product is not None and row.product.deleted_at is not None:
                values["product"] = None
            found.append({**values, "optional": row.optional if optional else False})
    return found


def _made(
    actor: Actor, entity: str, source: Any, values: Mapping[str, Any], *, optional: bool, step: Operation | None
) -> Any:
    given = {name.removesuffix("_id"): getattr(source, name) for name in CARRIED}
    given |= {"owner": source.owner_id, **values, "lines": lines_of(source, optional=optional)}
    require(actor, "create", entity)
    return records.create(actor, entity, given, operation=step, trusted=True)


def _step(actor: Actor, record: Any, **changes: Any) -> Any:
    """Change read-only columns of a record in the name of the actor, who may change it."""
    require(actor, "change", record)
    return records.update(actor, record, changes, trusted=True)


# -- quotes ------------------------------------------------------------------------------------------------------------


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
    records.update(actor, record, {"off_granted": values["off"]}, trusted=True)


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
    sent: Quote = _step(actor, record, status=SENT, sent_at=record.sent_at or clock.now())
    return sent


def quote_revise(actor: Actor, record: Quote) -> Quote:
    """A new version as a draft; the former one is replaced."""
    require(actor, "change", record)
    if record.status == REPLACED:
        raise RuleBroken(_("There is a newer version of this quote."), code="quote.replaced")
    with records.writing(actor):
        step = records.operation_begin(actor, "update", QUOTE, total=2, progress=2)
        base = record.number.partition("-V")[0]
        values = {"revision": record.revision + 1, "revises": record.pk, "number": f"{base}-V{record.revision + 1}"}
        made: Quote = _made(actor, QUOTE, record, values, optional=True, step=step)
        if record.status != ACCEPTED:
            records.update(actor, record, {"status": REPLACED}, trusted=True, operation=step)
        made.operation_id = step.pk  # type: ignore[attr-defined]
    return made


def quote_accept(actor: Actor, record: Quote, *, by: str = "", answer: str = "") -> Quote:
    """The customer accepts; who and when is noted."""
    if record.status not in (DRAFT, SENT):
        raise RuleBroken(_("This quote is closed already."), code="quote.state")
    if record.valid_until is not None and record.valid_until < clock.today(actor.timezone):
        raise RuleBroken(_("This quote is no longer valid."), code="quote.over")
    if record.status == DRAFT:
        quote_check(actor, record)
    accepted: Quote = _step(
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
    declined: Quote = _step(actor, record, status=DECLINED, answer=answer.strip()[:500])
    return declined


def _usable(actor: Actor, quote: Quote) -> None:
    if quote.status in (DECLINED, REPLACED):
        raise RuleBroken(_("Nothing can be made of a quote that was declined or replaced."), code="quote.state")
    limit = over_limit(actor, quote)
    if quote.status == DRAFT and limit is not None:
        quote_check(actor, quote)


def quote_to_contract(actor: Actor, record: Quote, *, kind: str = "sale") -> Contract:
    """A contract on the terms of the quote, as a draft; once."""
    _usable(actor, record)
    if record.contracts.filter(deleted_at__isnull=True).exists():
        raise RuleBroken(_("There is a contract of this quote already."), code="quote.converted")
    made: Contract = _made(
        actor, CONTRACT, record, {"quote": record.pk, "kind": kind or "sale"}, optional=False, step=None
    )
    return made


def quote_to_order(actor: Actor, record: Quote) -> Order:
    """An order of what was quoted, as a draft; once."""
    _usable(actor, record)
    if record.orders.filter(deleted_at__isnull=True).exists():
        raise RuleBroken(_("There is an order of this quote already."), code="quote.converted")
    made: Order = _made(actor, ORDER, record, {"quote": record.pk}, optional=False, step=None)
    return made


# -- contracts ---------------------------------------------------------------------------------------------------------


def contract_sign(
    actor: Actor, record: Contract, *, signed_on: dt.date | None = None, by: str = "", customer: str = ""
) -> Contract:
    """Both have signed: amounts stand, money is owed. Without a plan it is owed at once, as one instalment."""
    require(actor, "change", record)
    if record.status != DRAFT:
        raise RuleBroken(_("This contract is signed already."), code="contract.state")
    day = signed_on or clock.today(actor.timezone)
    if day > clock.today(actor.timezone):
        raise Invalid(_("A contract cannot be signed in the future."), code="dates.future", field="signed_on")
    with records.writing(actor):
        if not (record.amends_id and record.effect == REDUCE):
            plan_ensure(actor, record, due_on=record.starts_on or day)
        values = {"status": SIGNED, "signed_on": day, "signed_by": by or record.signed_by or actor.name}
        signed: Contract = _step(actor, record, **values, signed_for_customer=customer or record.signed_for_customer)
        if signed.amends_id and signed.effect == REDUCE:
            _reduce(actor, signed)
    return signed


def _reduce(actor: Actor, amendment: Contract) -> None:
    """An amendment that reduces writes its amount off the contract it amends, the last instalments first."""
    left = amendment.total or ZERO
    rows = Instalment.objects.filter(contract=amendment.amends, open__gt=0).order_by("-due_on", "-position", "-pk")
    if sum(rows.values_list("open", flat=True), ZERO) < left:
        raise RuleBroken(_("The contract amended does not owe so much any more."), code="amendment.too_much")
    for row in rows:
        part = min(left, row.open)
        if part:
            ledger.write_off_book(
                actor, row, amount=part, reason=_("Amendment %(number)s") % {"number": amendment.number}
            )
        left -= part


def plan_ensure(actor: Actor, document: Any, *, due_on: dt.date | None) -> None:
    """A document has instalments that come to its total; without any, one of the whole."""
    name = "contract" if isinstance(document, Contract) else "order"
    rows = list(Instalment.objects.filter(**{name: document.pk}))
    total = document.total or ZERO
    if not rows and total > 0:
        values = {
            name: document.pk,
            "name": _("Whole amount"),
            "amount": total,
            "due_on": due_on,
            "owner": document.owner_id,
        }
        records.create(actor, "billing.instalment", values, trusted=True)
    elif rows and sum((row.amount or ZERO for row in rows), ZERO) != total:
        raise Invalid(
            _("The instalments come to %(planned)s, the whole to %(total)s.")
            % {"planned": sum((row.amount or ZERO for row in rows), ZERO), "total": total},
            code="instalments.sum",
            field="instalments",
        )


def contract_amend(actor: Actor, record: Contract, *, effect: str = "add") -> Contract:
    """An amendment of the contract as a draft, to be filled."""
    if record.status == DRAFT:
        raise RuleBroken(_("A draft needs no amendment; change it."), code="contract.state")
    return _follower(
        actor, record, {"amends": record.pk, "effect": effect or "add"}, _("Amendment to %(name)s"), lines=False
    )


def contract_renew(actor: Actor, record: Contract) -> Contract:
    """The same contract again as a draft, for as long as before, from the day after it ends."""
    if record.ends_on is None:
        raise Invalid(_("This contract has no end."), code="contract.endless", field="ends_on")
    start = record.ends_on + dt.timedelta(days=1)
    length = record.ends_on - (record.starts_on or record.signed_on or record.ends_on)
    values = {"renews": record.pk, "starts_on": start, "ends_on": start + length, "kind": record.kind}
    return _follower(actor, record, values, "%(name)s", lines=True)


def contract_call(actor: Actor, record: Contract) -> Contract:
    """A contract under this framework, as a draft."""
    return _follower(actor, record, {"framework": record.pk}, _("Call-off under %(name)s"), lines=False)


def _follower(actor: Actor, record: Contract, values: Mapping[str, Any], name: str, *, lines: bool) -> Contract:
    require(actor, "create", CONTRACT)
    require(actor, "view", record)
    given = {key.removesuffix("_id"): getattr(record, key) for key in CARRIED}
    given |= {"owner": record.owner_id, "name": (name % {"name": record.name})[:200], **values}
    if lines:
        given["lines"] = lines_of(record)
    else:
        given |= {"discount": None, "discount_amount": None}
    made: Contract = records.create(actor, CONTRACT, given, trusted=True)
    return made


def contract_end(actor: Actor, record: Contract, *, ended_on: dt.date | None = None, note: str = "") -> Contract:
    """The contract is fulfilled, or terminated before it was."""
    if record.status != SIGNED:
        raise RuleBroken(_("Only a signed contract can end."), code="contract.state")
    state = COMPLETED if not record.open else ENDED
    text = f"{record.note}\n{note}".strip() if note else record.note
    ended: Contract = _step(actor, record, status=state, ends_on=ended_on or clock.today(actor.timezone), note=text)
    return ended


def contract_to_order(actor: Actor, record: Contract) -> Order:
    """An order of what the contract names; the money stays owed on the contract."""
    if record.status not in (SIGNED, COMPLETED):
        raise RuleBroken(_("Sign the contract first."), code="contract.state")
    made: Order = _made(
        actor, ORDER, record, {"contract": record.pk, "quote": record.quote_id}, optional=False, step=None
    )
    return made


# -- orders and deliveries ---------------------------------------------------------------------------------------------


def order_confirm(actor: Actor, record: Order) -> Order:
    """The order stands. Without a contract its money is owed. A customer beyond a blocking limit is refused."""
    require(actor, "change", record)
    if record.status != DRAFT:
        raise RuleBroken(_("This order is confirmed already."), code="order.state")
    if not record.lines.filter(deleted_at__isnull=True, sort="item").exists():
        raise Invalid(_("An order without lines orders nothing."), code="order.empty", field="lines")
    credit = selectors.credit_of(
        record.customer, adding=ZERO if record.contract_id else record.total or ZERO, currency=record.currency
    )
    if credit.blocks and credit.exceeded:
        raise RuleBroken(credit.text, code="credit.limit")
    with records.writing(actor):
        if record.contract_id is None:
            plan_ensure(actor, record, due_on=record.due_on or record.ordered_on)
        confirmed: Order = _step(actor, record, status=CONFIRMED)
    return confirmed


def order_cancel(actor: Actor, record: Order, *, note: str = "") -> Order:
    """Nothing will be delivered; not possible once something was delivered or paid."""
    if record.status not in (DRAFT, CONFIRMED):
        raise RuleBroken(_("Something was delivered already."), code="order.state")
    if record.received or record.written_off:
        raise RuleBroken(_("Money was received on this order already."), code="order.paid")
    with records.writing(actor):
        for row in Instalment.objects.filter(order_id=record.pk):
            records.delete_plain(actor, row)
        cancelled: Order = _step(actor, record, status=CANCELLED, note=f"{record.note}\n{note}".strip())
    return cancelled


def left_to_deliver(order: Order) -> list[tuple[OrderLine, Decimal]]:
    """Lines of an order with what no delivery holds yet."""
    gone = DeliveryLine.objects.filter(order_line__order=order, delivery__deleted_at__isnull=True).exclude(
        delivery__status=RETURNED
    )
    sums: Any = gone.values_list("order_line_id").annotate(Sum("quantity"))
    known: dict[int, Decimal] = dict(sums)
    rows = order.lines.filter(deleted_at__isnull=True, sort="item").order_by("position", "pk")
    return [(row, left) for row in rows if (left := row.quantity - known.get(row.pk, ZERO)) > 0]


def order_deliver(
    actor: Actor, record: Order, *, shipped_on: dt.date | None = None, carrier: str = "", tracking: str = ""
) -> Delivery:
    """A delivery of all that is left, on its way from the day given; quantities can still be changed while prepared."""
    if record.status not in (CONFIRMED, DELIVERING):
        raise RuleBroken(_("Only a confirmed order can be delivered."), code="order.state")
    left = left_to_deliver(record)
    if not left:
        raise RuleBroken(_("Everything is on its way already."), code="order.delivered")
    require(actor, "create", DELIVERY)
    values = {
        "order": record.pk, "address": record.address, "carrier": carrier or "", "tracking_number": tracking or "",
        "shipped_on": shipped_on, "status": SHIPPED if shipped_on else DRAFT, "owner": record.owner_id,
        "customer": record.customer_id,
        "lines": [{"order_line": row.pk, "quantity": quantity} for row, quantity in left],
    }  # fmt: skip
    made: Delivery = records.create(actor, DELIVERY, values, trusted=True)
    return made


def delivery_ship(actor: Actor, record: Delivery, *, shipped_on: dt.date | None = None) -> Delivery:
    """The delivery leaves the house."""
    if record.status != DRAFT:
        raise RuleBroken(_("This delivery has left already."), code="delivery.state")
    shipped: Delivery = _step(actor, record, status=SHIPPED, shipped_on=shipped_on or clock.today(actor.timezone))
    return shipped


def delivery_confirm(actor: Actor, record: Delivery, *, confirmed_on: dt.date | None = None, by: str = "") -> Delivery:
    """The customer has it: the order's lines count as delivered."""
    if record.status not in (DRAFT, SHIPPED):
        raise RuleBroken(_("This delivery is closed already."), code="delivery.state")
    day = confirmed_on or clock.today(actor.timezone)
    if record.shipped_on is not None and day < record.shipped_on:
        raise Invalid(_("It cannot arrive before it left."), code="dates.order", field="confirmed_on")
    with records.writing(actor):
        values = {
            "status": CONFIRMED,
            "confirmed_on": day,
            "confirmed_by": by[:100],
            "shipped_on": record.shipped_on or day,
        }
        confirmed: Delivery = _step(actor, record, **values)
        delivered_count(actor, record.order_id, day)
    return confirmed


def delivery_return(actor: Actor, record: Delivery, *, note: str = "") -> Delivery:
    """It came back: what was in it is to be delivered again."""
    if record.status not in (SHIPPED, CONFIRMED):
        raise RuleBroken(_("Only what has left can come back."), code="delivery.state")
    with records.writing(actor):
        returned: Delivery = _step(actor, record, status=RETURNED, note=(note or record.note)[:300])
        delivered_count(actor, record.order_id, None)
    return returned


def delivered_count(actor: Actor, order_id: int, day: dt.date | None) -> None:
    """Delivered quantities of an order's lines and its state, from its confirmed deliveries."""
    order = records.locked(actor, entity_of(ORDER), order_id)
    confirmed = DeliveryLine.objects.filter(
        delivery__order=order, delivery__status=CONFIRMED, delivery__deleted_at__isnull=True
    )
    sums: Any = confirmed.values_list("order_line_id").annotate(Sum("quantity"))
    known: dict[int, Decimal] = dict(sums)
    rows = list(order.lines.filter(deleted_at__isnull=True, sort="item"))
    for row in rows:
        row.delivered = known.get(row.pk, ZERO)
        row.save(update_fields=["delivered"])
    whole = all(row.delivered >= row.quantity for row in rows)
    state = DELIVERED if whole else DELIVERING if any(row.delivered for row in rows) else CONFIRMED
    records.update(actor, order, {"status": state, "delivered_on": day if whole else None}, trusted=True)
