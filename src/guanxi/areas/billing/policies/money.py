"""What instalments, receipts, invoices, bank entries, limits and commission must be before they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing.models import (
    Allocation,
    BankEntry,
    CommissionPlan,
    CommissionStatement,
    CreditLimit,
    Instalment,
    Invoice,
    InvoiceLine,
    Receipt,
)
from guanxi.areas.billing.models.documents import DRAFT
from guanxi.areas.billing.models.money import OUT, PAID, PARTLY, PLANNED, REQUESTED
from guanxi.areas.billing.policies.common import (
    ABSURD,
    HUNDRED,
    ZERO,
    Changes,
    in_order,
    likely,
    moved_in_open_books,
    period_open,
    positive,
    put,
)
from guanxi.areas.billing.policies.documents import owed_on_contract
from guanxi.areas.catalog.models import parts, priced_totals
from guanxi.core.access import allowed, reads
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.kernel.money import rounded
from guanxi.core.records import figures
from guanxi.core.records.rates import rate_on
from guanxi.core.schema.registry import entity_of


def instalments_settle(actor: Actor, document: Any, rows: Sequence[Instalment]) -> None:
    """Percentages become amounts, the last one takes the rest of a whole; what is paid cannot be planned away.

    Whose document it is, his is the money to come in.
    """
    currency, total = document.currency or "CNY", document.total or ZERO
    whole = sum((row.percent for row in rows if row.percent is not None), ZERO) == HUNDRED
    by_percent = [row for row in rows if row.percent is not None]
    for row in by_percent:
        row.amount = rounded(total * (row.percent or ZERO) / HUNDRED, currency)
    if whole and by_percent and len(by_percent) == len(rows):
        by_percent[-1].amount = total - sum((row.amount or ZERO for row in by_percent[:-1]), ZERO)
    for number, row in enumerate(rows):
        row.currency, row.customer_id, row.owner_id = currency, document.customer_id, document.owner_id
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
        raise RuleBroken(plan_differs(actor, document, planned), code="instalments.sum")


def plan_differs(actor: Actor, document: Any, planned: Decimal) -> str:
    """That instalments come to another sum than their document; to which, to who reads the sums."""
    if not (reads(actor, entity_of(document), "total") and reads(actor, "billing.instalment", "amount")):
        return gettext("The instalments do not come to the whole.")
    text = gettext("The instalments come to %(planned)s, the whole to %(total)s.")
    sums = {"planned": planned, "total": document.total or ZERO}
    return text % {name: figures.money(one, document.currency) for name, one in sums.items()}


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
    likely(row, changes, "due_on", years=30)
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
            moved_in_open_books(receipt, changes, "received_on")
            receipt.rate = rate_on(receipt.currency, receipt.received_on)
    if receipt.amount != rounded(receipt.amount, receipt.currency):
        raise Invalid(
            _("%(currency)s has no such small amounts.") % {"currency": receipt.currency},
            code="amount.places",
            field="amount",
        )
    if receipt.reference and {"reference", "amount", "customer"} & set(changes):
        _not_twice(actor, receipt)
    if receipt.pk and {"currency", "customer"} & set(changes) and (receipt.allocated or receipt.refunded):
        raise RuleBroken(_("This money is allocated already. Take that back first."), code="receipt.allocated")
    receipt.free = ZERO if receipt.sort == OUT else receipt.amount - receipt.allocated - receipt.refunded
    if receipt.free < 0:
        raise Invalid(_("More than this is allocated already."), code="receipt.allocated", field="amount")


def _not_twice(actor: Actor, receipt: Receipt) -> None:
    """Raise Invalid when the same payment (customer, bank reference, amount) is entered already."""
    same = Receipt.objects.filter(
        reference=receipt.reference, customer_id=receipt.customer_id, amount=receipt.amount, sort=receipt.sort
    )
    other = same.exclude(pk=receipt.pk).first()
    if other is not None:
        told = allowed(actor, "view", other) and reads(actor, "billing.receipt", "number")
        text = (
            _("This payment is entered already, as receipt %(number)s.")
            if told
            else _("This payment is entered already.")
        )
        raise Invalid(text % {"number": other.number}, code="receipt.twice", field="reference")


def allocation_clean(_actor: Actor, allocation: Allocation, _changes: Changes) -> None:
    """An allocation speaks the currency of its instalment."""
    positive(allocation, "amount")
    allocation.customer_id, allocation.currency = allocation.instalment.customer_id, allocation.instalment.currency


#: What an invoice says from the day it is issued on.
STANDS = frozenset(
    ("customer", "contract", "order", "sort", "amount", "currency", "tax_class", "content", "title", "tax_number", "address",
     "bank", "invoice_number", "issued_on")
)  # fmt: skip


_STANDS = _("What was issued stands. Reverse it by a red invoice and ask for another.")


def invoice_settle(_actor: Actor, invoice: Invoice, rows: Sequence[InvoiceLine]) -> None:
    """Tax is worked out line by line, each at its rate, and added up; without lines of the whole amount at one rate.

    Only a red invoice is negative; the amounts of an issued one stand.
    """
    before = (invoice.net, invoice.tax, invoice.amount)
    for row in rows:
        row.currency = invoice.currency
        whole = rounded(row.amount or ZERO, invoice.currency)
        row.net, row.tax, row.amount = parts(whole, row.tax_class, invoice.currency, with_tax=True)
    if rows:
        invoice.net, invoice.tax, invoice.amount = priced_totals(rows)
        invoice.tax_class = max(rows, key=lambda row: abs(row.amount)).tax_class
    elif invoice.amount is not None:
        invoice.net, invoice.tax, _whole = parts(invoice.amount, invoice.tax_class, invoice.currency, with_tax=True)
    if invoice.reverses_id is None:
        positive(invoice, "amount")
    if invoice.pk and invoice.status != REQUESTED and before != (invoice.net, invoice.tax, invoice.amount):
        raise Invalid(_STANDS, code="invoice.stands", field="lines" if rows else "amount")


def invoice_line_clean(_actor: Actor, row: InvoiceLine, changes: Changes) -> None:
    """A line is of an amount that can be meant, and stands once its invoice is issued."""
    if row.invoice.pk and row.invoice.status != REQUESTED and (row.pk is None or changes):
        raise Invalid(_STANDS, code="invoice.stands", field=next(iter(changes), "name"))
    for name in ("amount", "quantity"):
        value = getattr(row, name)
        if value is not None and abs(value) > ABSURD:
            raise Invalid(_("This is too large to be meant."), code="value.absurd", field=name)


def invoice_clean(actor: Actor, invoice: Invoice, changes: Changes) -> None:
    """What an invoice is for belongs to its customer; what it says stands from the day it is issued on."""
    fixed = (
        sorted(STANDS & set(changes)) if invoice.pk and invoice.status != REQUESTED and "status" not in changes else []
    )
    if fixed:
        raise Invalid(_STANDS, code="invoice.stands", field=fixed[0])
    if invoice.order is not None and invoice.contract is None and owed_on_contract(invoice.order):
        put(invoice, changes, "contract", invoice.order.contract)
    for name in ("contract", "order"):
        other = getattr(invoice, name)
        if other is not None and other.customer_id != invoice.customer_id:
            raise Invalid(_("This belongs to another customer."), code="customer.other", field=name)
        if other is not None and other.currency != invoice.currency:
            raise Invalid(_("This is in another currency."), code="currency.other", field="currency")
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
    for name, pieces in (
        ("tax_number", ("tax_number",)),
        ("address", ("address", "phone")),
        ("bank", ("bank", "account")),
    ):
        if not getattr(invoice, name):
            text = " ".join(str(first[part]) for part in pieces if first.get(part))
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
