"""Invoices: asked for, issued with a number, sent, reversed by a red one, withdrawn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from guanxi.areas.billing import policies, selectors
from guanxi.areas.billing.models import Contract, Invoice, InvoiceLine, Order
from guanxi.areas.billing.models.documents import CANCELLED, DRAFT
from guanxi.areas.billing.models.money import ISSUED, RED, REQUESTED, VOID
from guanxi.areas.billing.services import ledger
from guanxi.areas.catalog.models import ITEM, spread
from guanxi.core import records
from guanxi.core.access import allowed, reads, require
from guanxi.core.automation.notify import field_told, notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.records import figures
from guanxi.core.schema import kinds
from guanxi.core.schema.registry import entity_of

INVOICE = "billing.invoice"
ZERO = Decimal(0)
ISSUED_TEXT = gettext_noop("Invoice %(number)s for %(customer)s was issued")


def invoice_request(
    actor: Actor,
    record: Contract | Order,
    *,
    amount: Decimal | None = None,
    sort: str = "",
    content: str = "",
    note: str = "",
) -> Invoice:
    """Ask for an invoice on a contract or order: the amount given, else all that is not asked for yet.

    Its lines are those of the document where the whole is asked for at once and no other ``content`` is wished, else one per
    rate of tax, with what is left at each.
    """
    if record.status in (DRAFT, CANCELLED):
        raise RuleBroken(_("Nothing is owed on a draft."), code="document.draft")
    left = selectors.to_invoice(record)
    wanted = left if amount is None else amount
    values = {
        (record._meta.model_name or ""): record.pk, "customer": record.customer_id, "currency": record.currency, "amount": wanted,
        "sort": sort or "special", "content": content or record.name, "note": note, "owner": record.owner_id,
        "lines": _lines_of(record, wanted, content),
    }  # fmt: skip
    require(actor, "create", INVOICE)
    made: Invoice = invoice_create(actor, values=values, trusted=True)
    return made


def _lines_of(record: Contract | Order, wanted: Decimal, content: str) -> list[dict[str, Any]]:
    """What an invoice over an amount is for; nothing for a document without lines."""
    items = list(record.lines.filter(deleted_at__isnull=True, sort=ITEM, optional=False).order_by("position", "pk"))
    if not items or wanted <= 0:
        return []
    asked = _asked_by_class(record)
    if not asked and wanted == sum((row.amount for row in items), ZERO) and not content:
        same = ("specification", "quantity", "unit", "tax_class", "amount")
        return [{"name": row.name or str(row.product), **{one: getattr(row, one) for one in same}} for row in items]
    whole: dict[str, Decimal] = {}
    for row in items:
        whole[row.tax_class] = whole.get(row.tax_class, ZERO) + row.amount
    left = {one: amount - asked.get(one, ZERO) for one, amount in whole.items()}
    base = left if min(left.values()) >= 0 and any(left.values()) else whole
    shares = zip(base, spread(wanted, list(base.values()), record.currency), strict=True)
    return [{"name": content or record.name, "tax_class": one, "amount": share} for one, share in shares if share]


def _with_lines(actor: Actor, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is given for a request, with the lines of the document it is for."""
    fields = records.fields_of(INVOICE)

    def said(name: str) -> Any:
        return kinds.parse(fields[name], values[name]) if values.get(name) not in (None, "") else None

    named = next((name for name in ("order", "contract") if values.get(name) not in (None, "")), "")
    if not named or said("tax_class") not in (None, fields["tax_class"].default, ""):
        return values
    document: Contract | Order = records.get(actor, f"billing.{named}", said(named))
    amount = said("amount")
    found = _lines_of(
        document, selectors.to_invoice(document) if amount is None else amount, str(values.get("content") or "")
    )
    return {**values, "lines": found} if found else values


def _asked_by_class(record: Contract | Order) -> dict[str, Decimal]:
    """What is invoiced or asked for on a document, by class of tax."""
    rows = InvoiceLine.objects.filter(**{f"invoice__{record._meta.model_name}": record.pk}).exclude(
        invoice__status=VOID
    )
    found = rows.filter(invoice__deleted_at__isnull=True).values_list("tax_class").annotate(Sum("amount"))
    return {one: amount for one, amount in found if amount}


def invoice_create(
    actor: Actor, *, values: Mapping[str, Any], operation: Operation | None = None, trusted: bool = False
) -> Invoice:
    """A request; no more than what is left to invoice of its contract or order, which is locked meanwhile.

    One that says no lines takes those of its contract or order; without an amount all that is not invoiced yet. A tax class
    other than the usual one is taken at its word.
    """
    if not values.get("lines") and not trusted:
        values = _with_lines(actor, values)
    with records.writing(actor, operation=operation):
        made: Invoice = records.create_plain(actor, entity_of(INVOICE), values, operation=operation, trusted=trusted)
        _agrees(made, values)
        _fits(actor, made)
    return made


def invoice_update(
    actor: Actor,
    record: Invoice,
    *,
    values: Mapping[str, Any],
    version: int | None = None,
    original: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
) -> Invoice:
    """A request changed, within what is left to invoice; of an issued one only how it travels."""
    values = _onto_the_line(record, values)
    with records.writing(actor, operation=operation):
        changed: Invoice = records.update_plain(
            actor, record, values, version=version, original=original, operation=operation
        )
        _agrees(changed, values)
        if changed.status == REQUESTED:
            _fits(actor, changed)
    return changed


def _onto_the_line(invoice: Invoice, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Amount and tax class given for the whole are those of its line, where there is one. Raises Invalid where there are more."""
    given = {name: values[name] for name in ("amount", "tax_class") if values.get(name) not in (None, "")}
    if not given or "lines" in values or invoice.status != REQUESTED:
        return values
    rows = list(invoice.lines.filter(deleted_at__isnull=True))
    if len(rows) == 1:
        return {**values, "lines": [{"id": rows[0].pk, **given}]}
    if rows and given.get("tax_class", invoice.tax_class) != invoice.tax_class:
        raise Invalid(_("Each line has its own. Change them there."), code="invoice.lines", field="tax_class")
    return values


def _agrees(invoice: Invoice, values: Mapping[str, Any]) -> None:
    """Raise Invalid where an amount was given and the lines come to another."""
    given = values.get("amount")
    said = kinds.parse(records.fields_of(INVOICE)["amount"], given) if given not in (None, "") else None
    if said is not None and said != invoice.amount and invoice.lines.filter(deleted_at__isnull=True).exists():
        raise Invalid(
            _("The lines come to %(sum)s. Change them, or leave this empty.")
            % {"sum": figures.money(invoice.amount, invoice.currency)},
            code="invoice.lines",
            field="amount",
        )


def _fits(actor: Actor, invoice: Invoice) -> None:
    """Raise Invalid where more is invoiced than its contract or order comes to; both stay locked."""
    for document in (invoice.contract, invoice.order):
        if document is None:
            continue
        locked: Any = type(document).objects.select_for_update(of=("self",)).get(pk=document.pk)
        left = selectors.to_invoice(locked)
        if left < 0:
            text = _("This is more than is left to invoice.")
            if allowed(actor, "view", locked) and reads(actor, entity_of(locked), "total"):
                most = figures.money(left + invoice.amount, invoice.currency)
                text = _("Only %(left)s are left to invoice.") % {"left": most}
            raise Invalid(text, code="invoice.too_much", field="amount")


def _move(actor: Actor, invoice: Invoice, states: tuple[str, ...], text: str, **values: Any) -> Invoice:
    """Change the state of a locked invoice and add up what was invoiced."""
    require(actor, "change", invoice)
    with records.writing(actor):
        fresh = records.locked(actor, entity_of(INVOICE), invoice.pk)
        if fresh.status not in states:
            raise RuleBroken(text, code="invoice.state")
        moved: Invoice = records.update(actor, fresh, values, trusted=True)
        ledger.invoiced_add_up(actor, moved)
    return moved


def _issuing_day(actor: Actor, given: dt.date | None) -> dt.date:
    """The day an invoice bears: not to come, and in a period whose books are open."""
    day = given or clock.today(actor.timezone)
    if day > clock.today(actor.timezone):
        raise Invalid(_("An invoice cannot be issued in the future."), code="dates.future", field="issued_on")
    policies.period_open(day, "issued_on")
    return day


def invoice_issue(actor: Actor, record: Invoice, *, invoice_number: str, issued_on: dt.date | None = None) -> Invoice:
    """The tax document exists: its number and day. Whoever it is for is told."""
    day = _issuing_day(actor, issued_on)
    number = invoice_number.strip()
    if not number:
        raise Invalid(_("Give the number of the invoice."), code="invoice.number", field="invoice_number")
    if Invoice.objects.filter(invoice_number=number).exclude(pk=record.pk).exists():
        raise Invalid(_("This number is on another invoice."), code="value.taken", field="invoice_number")
    text = _("This invoice is issued already.")
    with records.writing(actor):
        issued = _move(actor, record, (REQUESTED,), text, status=ISSUED, invoice_number=number, issued_on=day)
        values = {"number": field_told("invoice_number"), "customer": field_told("customer")}
        if issued.owner_id:
            notify([issued.owner_id], "change", ISSUED_TEXT, values, record=issued, by=actor.user_id)
    return issued


def invoice_send(
    actor: Actor, record: Invoice, *, courier: str = "", tracking_number: str = "", sent_on: dt.date | None = None
) -> Invoice:
    """The invoice is on its way to the customer."""
    text = _("Only an issued invoice can be sent.")
    return _move(
        actor,
        record,
        (ISSUED,),
        text,
        courier=courier,
        tracking_number=tracking_number,
        sent_on=sent_on or clock.today(actor.timezone),
    )


def invoice_withdraw(actor: Actor, record: Invoice, *, reason: str = "") -> Invoice:
    """A request nobody has issued yet is withdrawn."""
    text = _("An issued invoice is reversed by a red one, not withdrawn.")
    return _move(actor, record, (REQUESTED,), text, status=VOID, note=(reason or record.note)[:300])


def invoice_reverse(
    actor: Actor, record: Invoice, *, invoice_number: str, issued_on: dt.date | None = None, reason: str = ""
) -> Invoice:
    """A red invoice of the same amount takes an issued one back; money booked on it has to be released first."""
    require(actor, "create", INVOICE)
    day = _issuing_day(actor, issued_on)
    if record.issued_on is not None and day < record.issued_on:
        raise Invalid(_("It cannot be reversed before it was issued."), code="dates.order", field="issued_on")
    with records.writing(actor):
        fresh: Invoice = records.locked(actor, entity_of(INVOICE), record.pk)
        if fresh.status != ISSUED or fresh.reverses_id:
            raise RuleBroken(_("Only an issued invoice can be reversed, and once."), code="invoice.state")
        if fresh.received:
            raise RuleBroken(_("Money is booked on this invoice. Take that back first."), code="invoice.paid")
        number = invoice_number.strip()
        if not number or Invoice.objects.filter(invoice_number=number).exists():
            raise Invalid(_("Give a number no other invoice bears."), code="value.taken", field="invoice_number")
        same = (
            "customer_id",
            "contract_id",
            "order_id",
            "sort",
            "title",
            "tax_number",
            "address",
            "bank",
            "tax_class",
            "currency",
            "content",
            "owner_id",
        )
        values = {name.removesuffix("_id"): getattr(fresh, name) for name in same}
        values |= {
            "amount": -fresh.amount,
            "reverses": fresh.pk,
            "status": ISSUED,
            "issued_on": day,
            "invoice_number": number,
            "note": reason[:300],
            "lines": [_turned(row) for row in fresh.lines.filter(deleted_at__isnull=True).order_by("position", "pk")],
        }
        red: Invoice = records.create_plain(actor, entity_of(INVOICE), values, trusted=True)
        _move(actor, fresh, (ISSUED,), "", status=RED)
    return red


def _turned(row: InvoiceLine) -> dict[str, Any]:
    """A line as it stands on a red invoice."""
    same = {name: getattr(row, name) for name in ("name", "specification", "unit", "tax_class")}
    return {**same, "amount": -row.amount, "quantity": -row.quantity if row.quantity is not None else None}
