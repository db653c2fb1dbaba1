"""Rules of the area: what each record must be before it is stored, and the arithmetic of documents and plans."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import MutableMapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Max, prefetch_related_objects
from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing.models import (
    Allocation,
    BankEntry,
    ClosedPeriod,
    CommissionPlan,
    CommissionStatement,
    Contract,
    CreditLimit,
    Delivery,
    DeliveryLine,
    Instalment,
    Invoice,
    Order,
    Quote,
    Receipt,
)
from guanxi.areas.billing.models.documents import CANCELLED, DRAFT, OWING_CONTRACTS, OWING_ORDERS, REDUCE, RETURNED
from guanxi.areas.billing.models.money import OUT, PAID, PARTLY, PLANNED
from guanxi.areas.catalog.models import ITEM, settle_priced, tax_rate_of
from guanxi.areas.catalog.services import lines_check
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken, Text
from guanxi.core.kernel.money import rounded
from guanxi.core.records.rates import rate_on

Changes = MutableMapping[str, list[Any]]
ZERO, HUNDRED = Decimal(0), Decimal(100)
ABSURD = Decimal(10) ** 12
LONGEST_CHAIN = 50
#: How long a quote holds unless somebody says otherwise.
QUOTE_DAYS = 30


def put(record: Any, changes: Changes, name: str, value: Any) -> None:
    """Change a value on the way in, so that the event tells of it too."""
    before = changes[name][0] if name in changes else getattr(record, name)
    if value != getattr(record, name):
        setattr(record, name, value)
        changes[name] = [before, value]


def positive(record: Any, name: str, *, zero: bool = False) -> None:
    """Raise Invalid at the field unless it is more than nothing, and no more than can be meant."""
    value = getattr(record, name)
    if value is None or value < 0 or (value == 0 and not zero):
        raise Invalid(_("The amount must be more than zero."), code="amount.positive", field=name)
    if value > ABSURD:
        raise Invalid(_("This is too large to be meant."), code="value.absurd", field=name)


def in_order(record: Any, first: str, last: str, text: Text) -> None:
    """Raise Invalid at ``last`` when it lies before ``first``."""
    start, end = getattr(record, first), getattr(record, last)
    if start is not None and end is not None and end < start:
        raise Invalid(text, code="dates.order", field=last)


def period_open(day: dt.date | None, field: str) -> None:
    """Raise RuleBroken when the books of that day are closed."""
    until = ClosedPeriod.objects.aggregate(last=Max("until"))["last"]
    if day is not None and until is not None and day <= until:
        raise Invalid(
            _("The books are closed up to %(day)s.") % {"day": until.isoformat()}, code="period.closed", field=field
        )


# -- documents ---------------------------------------------------------------------------------------------------------


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
    if document.pk and document.status != DRAFT and before is not None and document.total != before:
        raise RuleBroken(
            _("This is no longer a draft: its amounts are agreed. Make a new version or an amendment."),
            code="document.agreed",
        )


def granted_off(quote: Quote, lines: Sequence[Any]) -> Decimal | None:
    """What a quote grants against the price books, in percent of those prices; ``None`` where no book knows a price."""
    known = [line for line in lines if line.sort == ITEM and not line.optional and line.base_price]
    listed = sum((line.base_price * line.quantity for line in known), ZERO)
    if not listed:
        return None
    asked = sum(((line.amount if quote.prices_with_tax else line.net) or ZERO for line in known), ZERO)
    return max(ZERO, (listed - asked) * HUNDRED / listed).quantize(Decimal("0.01"))


def quote_clean(actor: Actor, quote: Quote, changes: Changes) -> None:
    """A quote has a day and a day until which it holds."""
    today = clock.today(actor.timezone)
    if quote.quoted_on is None:
        put(quote, changes, "quoted_on", today)
    day = quote.quoted_on or today
    if quote.valid_until is None:
        put(quote, changes, "valid_until", day + dt.timedelta(days=QUOTE_DAYS))
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
    in_order(contract, "starts_on", "ends_on", _("A contract cannot end before it begins."))
    if contract.signed_on is not None and contract.signed_on > today + dt.timedelta(days=366):
        raise Invalid(_("This day lies too far ahead."), code="dates.future", field="signed_on")
    for name in ("framework", "amends", "renews"):
        if name in changes:
            _no_circle(contract, name)


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

    Nothing is owed on drafts and cancelled orders, on orders under a contract (there it is the contract's) and on
    amendments that reduce: their columns are empty.
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
    if isinstance(document, Order):
        return document.status in OWING_ORDERS and not document.contract_id
    reduces = bool(document.amends_id) and document.effect == REDUCE
    return document.status in OWING_CONTRACTS and not reduces


def order_clean(actor: Actor, order: Order, changes: Changes) -> None:
    """An order has a day; what is due comes after it."""
    today = clock.today(actor.timezone)
    if order.ordered_on is None:
        put(order, changes, "ordered_on", today)
    in_order(order, "ordered_on", "due_on", _("Nothing can be due before it is ordered."))
    if order.pk and "contract" in changes and order.received:
        raise Invalid(_("Money was received on this order already."), code="order.paid", field="contract")
    _document_clean(order, changes, order.ordered_on or today)


def order_settle(actor: Actor, order: Order, lines: Sequence[Any]) -> None:
    """Amounts of an order; no line is smaller than what was delivered of it."""
    for number, line in enumerate(lines):
        if line.delivered and line.quantity < line.delivered:
            raise Invalid(
                _("%(quantity)s of this was delivered already.") % {"quantity": line.delivered.normalize()},
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
                % {"quantity": f"{max(ZERO, ordered.quantity - taken[ordered.pk]).normalize():f}"},
                code="line.quantity",
                field=f"lines.{number}.quantity",
            )


# -- money -------------------------------------------------------------------------------------------------------------


def instalments_settle(_actor: Actor, document: Any, rows: Sequence[Instalment]) -> None:
    """Percentages become amounts, the last one takes the rest of a whole; what is paid cannot be planned away."""
    currency, total = document.currency or "CNY", document.total or ZERO
    whole = sum((row.percent for row in rows if row.percent is not None), ZERO) == HUNDRED
    by_percent = [row for row in rows if row.percent is not None]
    for row in by_percent:
        row.amount = rounded(total * (row.percent or ZERO) / HUNDRED, currency)
    if whole and by_percent and len(by_percent) == len(rows):
        by_percent[-1].amount = total - sum((row.amount or ZERO for row in by_percent[:-1]), ZERO)
    for number, row in enumerate(rows):
        row.currency, row.customer_id = currency, document.customer_id
        if row.percent is not None and not 0 < row.percent <= HUNDRED:
            raise Invalid(
                _("This must lie between 0 and 100."), code="value.percent", field=f"instalments.{number}.percent"
            )
        if row.amount is None or row.amount < 0:
            raise Invalid(
                _("Say a percentage or an amount."), code="amount.missing", field=f"instalments.{number}.amount"
            )
        instalment_settle(row, f"instalments.{number}.amount")
    if document.pk and sum((row.received + row.written_off for row in rows), ZERO) < _booked(document):
        raise RuleBroken(_("An instalment on which money is booked cannot be removed."), code="instalment.booked")
    planned = sum((row.amount or ZERO for row in rows), ZERO)
    if rows and document.status != DRAFT and planned != total:
        raise RuleBroken(
            _("The instalments come to %(planned)s, the whole to %(total)s.") % {"planned": planned, "total": total},
            code="instalments.sum",
        )


def _booked(document: Any) -> Decimal:
    rows = Instalment.objects.filter(**{document._meta.model_name: document.pk})
    return sum((one + two for one, two in rows.values_list("received", "written_off")), ZERO)


def instalment_settle(row: Instalment, place: str = "amount") -> None:
    """``amount`` = received + open + written off; and the state that follows."""
    row.received, row.written_off = row.received or ZERO, row.written_off or ZERO
    row.open = (row.amount or ZERO) - row.received - row.written_off
    if row.open < 0:
        raise Invalid(_("More than this was received already."), code="instalment.received", field=place)
    row.status = PAID if row.open == 0 else PARTLY if row.received or row.written_off else PLANNED


def instalment_clean(_actor: Actor, row: Instalment, changes: Changes) -> None:
    """An instalment hangs on one document and speaks its currency."""
    document = row.contract or row.order
    if document is None or (row.contract_id and row.order_id):
        raise Invalid(_("An instalment is of a contract or of an order."), code="instalment.of", field="contract")
    row.customer_id, row.currency = document.customer_id, document.currency
    if row.amount is None and row.percent is None:
        raise Invalid(_("Say a percentage or an amount."), code="amount.missing", field="amount")
    if row.amount is not None:
        positive(row, "amount", zero=True)
    if row.amount is None and row.percent is not None:
        put(row, changes, "amount", rounded((document.total or ZERO) * row.percent / HUNDRED, row.currency))
    instalment_settle(row)


def receipt_clean(actor: Actor, receipt: Receipt, changes: Changes) -> None:
    """A receipt is of a day that has come, in open books, at that day's rate."""
    positive(receipt, "amount")
    if receipt.received_on is not None:
        if receipt.received_on > clock.today(actor.timezone):
            raise Invalid(_("Money cannot be received in the future."), code="dates.future", field="received_on")
        if receipt.pk is None or {"received_on", "amount", "currency"} & set(changes):
            period_open(receipt.received_on, "received_on")
            receipt.rate = rate_on(receipt.currency, receipt.received_on)
    if receipt.amount != rounded(receipt.amount, receipt.currency):
        raise Invalid(
            _("%(currency)s has no such small amounts.") % {"currency": receipt.currency},
            code="amount.places",
            field="amount",
        )
    if receipt.pk and {"currency", "customer"} & set(changes) and (receipt.allocated or receipt.refunded):
        raise RuleBroken(_("This money is allocated already. Take that back first."), code="receipt.allocated")
    receipt.free = ZERO if receipt.sort == OUT else receipt.amount - receipt.allocated - receipt.refunded
    if receipt.free < 0:
        raise Invalid(_("More than this is allocated already."), code="receipt.allocated", field="amount")


def allocation_clean(_actor: Actor, allocation: Allocation, _changes: Changes) -> None:
    """An allocation speaks the currency of its instalment."""
    positive(allocation, "amount")
    allocation.customer_id, allocation.currency = allocation.instalment.customer_id, allocation.instalment.currency


def invoice_clean(actor: Actor, invoice: Invoice, changes: Changes) -> None:
    """Tax is worked out of the amount; only a red invoice is negative; what it is for belongs to the customer."""
    if invoice.reverses_id is None:
        positive(invoice, "amount")
    for name in ("contract", "order"):
        other = getattr(invoice, name)
        if other is not None and other.customer_id != invoice.customer_id:
            raise Invalid(_("This belongs to another customer."), code="customer.other", field=name)
        if other is not None and other.currency != invoice.currency:
            raise Invalid(_("This is in another currency."), code="currency.other", field="currency")
    rate = tax_rate_of(invoice.tax_class)
    invoice.tax = rounded(invoice.amount * rate / (HUNDRED + rate), invoice.currency)
    invoice.net = invoice.amount - invoice.tax
    if invoice.requested_on is None:
        put(invoice, changes, "requested_on", clock.today(actor.timezone))
    in_order(invoice, "issued_on", "sent_on", _("An invoice cannot be sent before it is issued."))
    if not invoice.title:
        _take_title(invoice, changes)


def _take_title(invoice: Invoice, changes: Changes) -> None:
    """The customer's first invoice title, else his name."""
    titles = invoice.customer.invoice_titles
    first = titles[0] if titles else {}
    put(invoice, changes, "title", str(first.get("title") or invoice.customer.name))
    for name, parts in (
        ("tax_number", ("tax_number",)),
        ("address", ("address", "phone")),
        ("bank", ("bank", "account")),
    ):
        if not getattr(invoice, name):
            text = " ".join(str(first[part]) for part in parts if first.get(part))
            put(invoice, changes, name, text or (invoice.customer.credit_code if name == "tax_number" else ""))


def entry_clean(_actor: Actor, entry: BankEntry, _changes: Changes) -> None:
    """An entry is known again by what stands in it."""
    if entry.amount is not None and abs(entry.amount) > ABSURD:
        raise Invalid(_("This is too large to be meant."), code="value.absurd", field="amount")
    if not entry.fingerprint:
        entry.fingerprint = fingerprint_of(entry, 0)


def fingerprint_of(entry: BankEntry, twin: int) -> str:
    """A digest of an entry: of the bank's reference where it gives one, else of everything; ``twin`` counts equal lines."""
    parts = (
        (entry.account, entry.reference)
        if entry.reference
        else (
            entry.account,
            entry.booked_on,
            entry.amount,
            entry.currency,
            entry.payer,
            entry.payer_account,
            entry.memo,
            twin,
        )
    )
    text = "\x1f".join(f"{one:.2f}" if isinstance(one, Decimal) else str(one) for one in parts)
    return hashlib.sha256(text.encode()).hexdigest()


def limit_clean(_actor: Actor, limit: CreditLimit, _changes: Changes) -> None:
    """A limit is not negative."""
    positive(limit, "amount", zero=True)


def plan_clean(_actor: Actor, plan: CommissionPlan, _changes: Changes) -> None:
    """A plan's days have an order."""
    in_order(plan, "valid_from", "valid_until", _("This day lies before the first day."))


def statement_clean(_actor: Actor, statement: CommissionStatement, _changes: Changes) -> None:
    """A period has an order; a statement without a name is named by its days."""
    in_order(statement, "first_day", "last_day", _("This day lies before the first day."))
    if not statement.name:
        statement.name = f"{statement.plan.name} {statement.first_day} – {statement.last_day}"
