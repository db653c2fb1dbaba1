"""What quotes, contracts, orders and deliveries must be before they are stored, and their arithmetic."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing.models import (
    Contract,
    Delivery,
    DeliveryLine,
    Order,
    Quote,
)
from guanxi.areas.billing.models.documents import (
    CANCELLED,
    DRAFT,
    FRAMEWORK,
    OWING_CONTRACTS,
    OWING_ORDERS,
    REDUCE,
    RETURNED,
)
from guanxi.areas.billing.policies.common import (
    HUNDRED,
    LONGEST_CHAIN,
    QUOTE_DAYS,
    ZERO,
    Changes,
    in_order,
    likely,
    moved_in_open_books,
    positive,
    put,
)
from guanxi.areas.catalog.models import ITEM, settle_priced
from guanxi.areas.catalog.services import lines_check
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.records import figures
from guanxi.core.records.doubts import doubt
from guanxi.core.records.rates import rate_on

#: Why the amounts of a document stay as they are.
AGREED = _("This is no longer a draft: its amounts are agreed. Make a new version or an amendment.")


def _document_clean(document: Any, changes: Changes, day: dt.date) -> None:
    """What all priced documents must be; the exchange rate is that of the document's day."""
    document.priced_on = day
    if document.discount is not None and not 0 <= document.discount <= HUNDRED:
        raise Invalid(_("This must lie between 0 and 100."), code="value.percent", field="discount")
    if document.discount_amount is not None:
        positive(document, "discount_amount", zero=True)
    contact = document.contact if "contact" in changes else None
    if contact is not None and contact.customer_id not in (None, document.customer_id):
        raise Invalid(_("This contact belongs to another customer."), code="contact.other", field="contact")
    for name in ("opportunity", "quote", "contract", "framework", "amends", "renews"):
        other = getattr(document, name, None) if name in changes else None
        if other is not None and other.customer_id != document.customer_id:
            raise Invalid(_("This belongs to another customer."), code="customer.other", field=name)
    if document.rate is None or "currency" in changes or document.status == DRAFT:
        document.rate = rate_on(document.currency or "CNY", day)


def document_settle(_actor: Actor, document: Any, lines: Sequence[Any]) -> None:
    """Amounts of a document; those of one that is no longer a draft stay as they were agreed."""
    before = document.total
    lines_check(lines)
    settle_priced(document, lines)
    if document.total < 0:
        raise Invalid(_("More is taken off than the whole comes to."), code="discount.whole", field="discount_amount")
    if document.total == 0 != before and any(one.price and not one.optional for one in lines):
        text = _("This gives everything away: nothing is left to pay.")
        doubt(
            text,
            field="discount"
            if document.discount
            else "discount_amount"
            if document.discount_amount
            else "lines.0.discount",
            code="discount.all",
        )
    if document.pk and document.status != DRAFT and before is not None and document.total != before:
        raise RuleBroken(AGREED, code="document.agreed")


def granted_off(quote: Quote, lines: Sequence[Any]) -> Decimal | None:
    """What a quote grants, in percent: against the price books, and where no book knows a price against the one written.

    A line without a book's price counts once something is taken off it. ``None`` where nothing is known to grant from.
    """
    listed = asked = ZERO
    for line in lines:
        if line.sort != ITEM or line.optional:
            continue
        whole = (line.base_price or line.price or ZERO) * line.quantity
        paid = (line.amount if quote.prices_with_tax else line.net) or ZERO
        if line.base_price or paid < whole:
            listed += whole
            asked += paid
    if not listed:
        return None
    return max(ZERO, (listed - asked) * HUNDRED / listed).quantize(Decimal("0.01"))


def quote_clean(actor: Actor, quote: Quote, changes: Changes) -> None:
    """A quote has a day and a day until which it holds."""
    today = clock.today(actor.timezone)
    if quote.quoted_on is None:
        put(quote, changes, "quoted_on", today)
    day = quote.quoted_on or today
    if quote.valid_until is None:
        put(quote, changes, "valid_until", day + dt.timedelta(days=QUOTE_DAYS))
    likely(quote, changes, "quoted_on", years=1)
    likely(quote, changes, "valid_until", years=2)
    in_order(quote, "quoted_on", "valid_until", _("A quote cannot end before it begins."))
    _document_clean(quote, changes, day)


def quote_settle(actor: Actor, quote: Quote, lines: Sequence[Any]) -> None:
    """Amounts of a quote, and what it grants."""
    document_settle(actor, quote, lines)
    quote.off = granted_off(quote, lines)


def contract_clean(actor: Actor, contract: Contract, changes: Changes) -> None:
    """Dates have an order; no contract stands under, amends or renews itself, also not by way of others."""
    today = clock.today(actor.timezone)
    _document_clean(contract, changes, contract.signed_on or today)
    for name, years in (("signed_on", 1), ("starts_on", 5), ("ends_on", 30)):
        likely(contract, changes, name, years=years)
    in_order(contract, "starts_on", "ends_on", _("A contract cannot end before it begins."))
    if contract.signed_on is not None and contract.signed_on > today + dt.timedelta(days=366):
        raise Invalid(_("This day lies too far ahead."), code="dates.future", field="signed_on")
    for name in ("framework", "amends", "renews"):
        if name in changes:
            _no_circle(contract, name)
    if contract.status in OWING_CONTRACTS:
        moved_in_open_books(contract, changes, "signed_on")
    above = contract.amends.signed_on if contract.amends else None
    if above and contract.signed_on and contract.signed_on < above and {"amends", "signed_on"} & set(changes):
        raise Invalid(
            _("The contract amended was signed on %(day)s, not before.") % {"day": above.isoformat()},
            code="dates.order",
            field="signed_on",
        )
    if contract.volume is not None:
        positive(contract, "volume", zero=True)
    if contract.status != DRAFT and FRAMEWORK in changes.get("kind", ()):
        raise Invalid(_("Whether a signed contract is a framework stands."), code="contract.kind", field="kind")
    if "framework" in changes and contract.framework is not None and contract.framework.kind != FRAMEWORK:
        raise Invalid(_("This is no framework contract."), code="framework.kind", field="framework")


def _no_circle(contract: Contract, name: str) -> None:
    """Raise Invalid when the chain over ``name`` (or any mixture with amendments) comes back to the contract."""
    seen: set[int] = set()
    above = getattr(contract, name)
    while above is not None:
        if above.pk == contract.pk or above.pk in seen or len(seen) > LONGEST_CHAIN:
            raise Invalid(
                _("Contracts cannot amend, renew or frame each other in a circle."), code="contract.circle", field=name
            )
        seen.add(above.pk)
        above = getattr(above, name)


def contract_settle(actor: Actor, contract: Contract, lines: Sequence[Any]) -> None:
    """Amounts of a contract, and what of it is still open."""
    document_settle(actor, contract, lines)
    debt_settle(contract)


def debt_settle(document: Any) -> None:
    """``total`` = received + open + written off, where money is owed on the document.

    Nothing is owed on drafts and cancelled orders, on orders under a contract (there it is the contract's), on
    frameworks and on amendments that reduce: their columns are empty.
    """
    if not owes(document):
        document.received = document.open = document.written_off = None
        return
    document.received, document.written_off = document.received or ZERO, document.written_off or ZERO
    document.open = (document.total or ZERO) - document.received - document.written_off
    if document.open < 0:
        raise RuleBroken(_("More was received than this comes to."), code="document.received")


def owes(document: Any) -> bool:
    """Whether money is owed on a document of its own."""
    standing = OWING_ORDERS if isinstance(document, Order) else OWING_CONTRACTS
    return document.status in standing and _bears(document)


def adds(document: Any) -> Decimal:
    """What a quote, contract or order adds to what its customer owes, once it stands."""
    return (document.total or ZERO) if _bears(document) else ZERO


def _bears(document: Any) -> bool:
    """Whether a document is one on which money is owed: not an order under a contract, a framework, a reduction."""
    if isinstance(document, Order):
        return not owed_on_contract(document)
    if isinstance(document, Contract):
        return not (document.amends_id and document.effect == REDUCE) and not frames(document)
    return True


def frames(contract: Contract) -> bool:
    """Whether others are made under a contract and nothing is owed on itself."""
    return contract.kind == FRAMEWORK and contract.open is None


def owed_on_contract(order: Order) -> bool:
    """Whether what an order costs is owed on its contract; a call-off under a framework is owed itself."""
    return order.contract is not None and not frames(order.contract)


def order_clean(actor: Actor, order: Order, changes: Changes) -> None:
    """An order has a day; what is due comes after it."""
    today = clock.today(actor.timezone)
    if order.ordered_on is None:
        put(order, changes, "ordered_on", today)
    likely(order, changes, "ordered_on", years=1)
    likely(order, changes, "due_on", years=5)
    in_order(order, "ordered_on", "due_on", _("Nothing can be due before it is ordered."))
    if order.status in OWING_ORDERS:
        moved_in_open_books(order, changes, "ordered_on")
    if order.pk and "contract" in changes and order.received:
        raise Invalid(_("Money was received on this order already."), code="order.paid", field="contract")
    _document_clean(order, changes, order.ordered_on or today)


def order_settle(actor: Actor, order: Order, lines: Sequence[Any]) -> None:
    """Amounts of an order; no line is smaller than what was delivered of it."""
    for number, line in enumerate(lines):
        if line.delivered and line.quantity < line.delivered:
            raise Invalid(
                _("%(quantity)s of this was delivered already.") % {"quantity": figures.number(line.delivered)},
                code="line.delivered",
                field=f"lines.{number}.quantity",
            )
    document_settle(actor, order, lines)
    debt_settle(order)


def delivery_clean(actor: Actor, delivery: Delivery, changes: Changes) -> None:
    """A delivery goes to the order's customer, of an order that stands."""
    delivery.customer_id = delivery.order.customer_id
    if delivery._state.adding and delivery.order.status in (DRAFT, CANCELLED):
        raise Invalid(_("Only a confirmed order can be delivered."), code="order.state", field="order")
    if delivery.shipped_on is not None and delivery.shipped_on > clock.today(actor.timezone) + dt.timedelta(days=60):
        raise Invalid(_("This day lies too far ahead."), code="dates.future", field="shipped_on")
    moved_in_open_books(delivery, changes, "shipped_on", "confirmed_on")
    ordered = delivery.order.ordered_on
    if "shipped_on" in changes and delivery.shipped_on and ordered and delivery.shipped_on < ordered:
        raise Invalid(_("Nothing can be shipped before it is ordered."), code="dates.order", field="shipped_on")


def delivery_settle(_actor: Actor, delivery: Delivery, lines: Sequence[DeliveryLine]) -> None:
    """Lines are of the delivery's order; together with other deliveries they are no more than was ordered."""
    prefetch_related_objects([line for line in lines if line.order_line_id], "order_line")
    others = DeliveryLine.objects.filter(order_line__in=[line.order_line_id for line in lines])
    others = others.filter(delivery__deleted_at__isnull=True)
    others = others.exclude(delivery_id=delivery.pk).exclude(delivery__status=RETURNED)
    taken: dict[int, Decimal] = defaultdict(Decimal)
    for key, quantity in others.values_list("order_line", "quantity"):
        taken[key] += quantity
    wanted: dict[int, Decimal] = defaultdict(Decimal)
    for number, line in enumerate(lines):
        ordered = line.order_line
        if ordered.order_id != delivery.order_id:
            raise Invalid(
                _("This line belongs to another order."), code="line.order", field=f"lines.{number}.order_line"
            )
        wanted[ordered.pk] += line.quantity
        if wanted[ordered.pk] + taken[ordered.pk] > ordered.quantity:
            raise Invalid(
                _("Only %(quantity)s are left to deliver.")
                % {"quantity": figures.number(max(ZERO, ordered.quantity - taken[ordered.pk]))},
                code="line.quantity",
                field=f"lines.{number}.quantity",
            )
