"""Money: receipts and where they go, refunds, write-offs. Each booking locks what it touches, and adds up afterwards.

For every instalment: amount = received + open + written off. For every receipt: amount = allocated + paid back + free.
For every contract, and every order without one: total = received + open + written off, the sums of its instalments.
The database refuses a row for which this does not hold.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from guanxi.areas.billing import policies
from guanxi.areas.billing.models import Allocation, Contract, Instalment, Invoice, Order, Receipt
from guanxi.areas.billing.models.documents import DRAFT
from guanxi.areas.billing.models.money import IN, ISSUED, OUT, PAYMENT, RED, WRITE_OFF
from guanxi.areas.billing.services import allocatable
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.records.saving import trash
from guanxi.core.records.upkeep import after_save
from guanxi.core.schema import kinds
from guanxi.core.schema.registry import entity_of

RECEIPT, ALLOCATION, INSTALMENT = "billing.receipt", "billing.allocation", "billing.instalment"
ZERO = Decimal(0)


# -- adding up ---------------------------------------------------------------------------------------------------------


def _sums(by: str, ids: Iterable[int], sort: str) -> dict[int, Decimal]:
    rows: Any = Allocation.objects.filter(**{f"{by}__in": list(ids)}, sort=sort)
    if sort == PAYMENT:
        rows = rows.filter(receipt__deleted_at__isnull=True)
    return dict(rows.order_by().values_list(by).annotate(Sum("amount")))


def _store(actor: Actor, record: Any, values: Mapping[str, Any]) -> None:
    """Write worked-out columns of a record where they differ: with version, audit and event."""
    changes = {name: [getattr(record, name), value] for name, value in values.items() if getattr(record, name) != value}
    if not changes:
        return
    for name, (_before, value) in changes.items():
        setattr(record, name, value)
    record.version += 1
    record.updated_at, record.updated_by_id = clock.now(), actor.user_id
    record.save(update_fields=[*changes, "version", "updated_at", "updated_by"])
    after_save(entity_of(record), [record], changes)
    records.emit(actor, "updated", record, changes)


def add_up(
    actor: Actor, instalments: Iterable[int], receipts: Iterable[int] = (), invoices: Iterable[int] = ()
) -> None:
    """Work out anew what is received, open, written off and free on all that was touched; within ``writing``."""
    rows = list(Instalment.objects.filter(pk__in=set(instalments)).order_by("pk"))
    paid, off = (
        _sums("instalment", [row.pk for row in rows], PAYMENT),
        _sums("instalment", [row.pk for row in rows], WRITE_OFF),
    )
    for row in rows:
        probe = Instalment(amount=row.amount, received=paid.get(row.pk, ZERO), written_off=off.get(row.pk, ZERO))
        policies.instalment_settle(probe)
        names = ("received", "written_off", "open", "status")
        _store(actor, row, {name: getattr(probe, name) for name in names})
    for model, ids in ((Contract, {row.contract_id for row in rows}), (Order, {row.order_id for row in rows})):
        for number in sorted(one for one in ids if one):
            _debt_add_up(actor, model, number)
    _receipts_add_up(actor, receipts)
    for invoice in Invoice.objects.filter(pk__in=set(invoices)).order_by("pk"):
        _store(actor, invoice, {"received": _sums("invoice", [invoice.pk], PAYMENT).get(invoice.pk, ZERO)})


def _debt_add_up(actor: Actor, model: Any, number: int) -> None:
    document = model.objects.select_for_update(of=("self",)).get(pk=number)
    name = document._meta.model_name
    found = Instalment.objects.filter(**{name: number}).aggregate(received=Sum("received"), off=Sum("written_off"))
    probe = model(
        total=document.total,
        received=found["received"] or ZERO,
        written_off=found["off"] or ZERO,
        status=document.status,
    )
    for field in ("amends_id", "effect", "contract_id", "kind", "open"):
        if hasattr(document, field):
            setattr(probe, field, getattr(document, field))
    policies.debt_settle(probe)
    _store(actor, document, {one: getattr(probe, one) for one in ("received", "written_off", "open")})


def _receipts_add_up(actor: Actor, receipts: Iterable[int]) -> None:
    for receipt in Receipt.objects.filter(pk__in=set(receipts), sort=IN).order_by("pk"):
        allocated = _sums("receipt", [receipt.pk], PAYMENT).get(receipt.pk, ZERO)
        repaid = receipt.repayments.filter(deleted_at__isnull=True).aggregate(all=Sum("amount"))["all"] or ZERO
        free = receipt.amount - allocated - repaid
        _store(actor, receipt, {"allocated": allocated, "refunded": repaid, "free": free})


def invoiced_add_up(actor: Actor, invoice: Invoice) -> None:
    """What was invoiced on the document of an invoice; red ones take away; within ``writing``."""
    for name, model in (("contract", Contract), ("order", Order)):
        number = getattr(invoice, f"{name}_id")
        if number:
            rows = Invoice.objects.filter(**{name: number}, status__in=(ISSUED, RED))
            found = rows.aggregate(all=Sum("amount"))["all"] or ZERO
            document: Any = model.objects.select_for_update(of=("self",)).get(pk=number)
            _store(actor, document, {"invoiced": found})


# -- receipts ----------------------------------------------------------------------------------------------------------


def _locked_receipt(actor: Actor, receipt: Receipt) -> Receipt:
    fresh: Receipt = records.locked(actor, entity_of(RECEIPT), receipt.pk)
    if fresh.sort != IN:
        raise RuleBroken(_("This money was paid back."), code="receipt.out")
    return fresh


def receipt_allocate(
    actor: Actor, record: Receipt, items: Sequence[tuple[int, Decimal]], *, invoice: int | None = None, reason: str = ""
) -> Operation:
    """Book a receipt on instalments: pairs of instalment id and amount, all or nothing.

    Locks the receipt and the instalments, so that no money is booked twice. Raises Invalid or RuleBroken for what is
    more than the receipt holds or an instalment owes, for another customer's or another currency's instalment, or one of a
    contract or order the actor does not see.
    """
    require(actor, "change", record)
    with records.writing(actor):
        receipt = _locked_receipt(actor, record)
        policies.period_open(receipt.received_on, "received_on")
        chosen = sorted(items)
        rows = {
            row.pk: row
            for row in allocatable.bookable(actor)
            .select_for_update(of=("self",))
            .filter(pk__in=[one for one, _amount in chosen])
            .order_by("pk")
        }
        paper = _paper(actor, receipt, invoice)
        step = records.operation_begin(
            actor, "update", RECEIPT, total=len(chosen), progress=len(chosen), parameters={"ids": [receipt.pk]}
        )
        with records.writing(actor, operation=step, savepoint=False):
            left = receipt.free
            for number, amount in chosen:
                left -= _book(actor, receipt, rows.get(number), amount, left, paper, reason, step)
            add_up(actor, rows, [receipt.pk], [paper.pk] if paper else [])
    return step


def _paper(actor: Actor, receipt: Receipt, number: int | None) -> Invoice | None:
    if number is None:
        return None
    paper: Invoice = records.get(actor, "billing.invoice", number)
    if paper.customer_id != receipt.customer_id or paper.status != ISSUED:
        raise Invalid(_("Choose an issued invoice of this customer."), code="invoice.other", field="invoice")
    return paper


def _book(
    actor: Actor,
    receipt: Receipt,
    row: Instalment | None,
    amount: Decimal,
    left: Decimal,
    paper: Invoice | None,
    reason: str,
    step: Operation,
) -> Decimal:
    if row is None or row.customer_id != receipt.customer_id:
        raise Invalid(_("Choose an instalment of this customer."), code="instalment.other", field="instalment")
    if row.currency != receipt.currency:
        raise Invalid(
            _("The instalment is in %(one)s, the money in %(other)s.")
            % {"one": row.currency, "other": receipt.currency},
            code="currency.other",
            field="instalment",
        )
    if (row.contract or row.order).status == DRAFT:  # type: ignore[union-attr]
        raise RuleBroken(_("Nothing is owed on a draft."), code="document.draft")
    policies.within(amount, left, receipt.currency, allocatable.most_free(actor), "receipt.too_much")
    policies.within(amount, row.open, row.currency, allocatable.most_open(actor), "instalment.too_much")
    values = {
        "receipt": receipt.pk, "instalment": row.pk, "invoice": paper.pk if paper else None, "amount": amount,
        "booked_on": receipt.received_on, "customer": receipt.customer_id, "owner": row.owner_id or receipt.owner_id, "sort": PAYMENT,
        "reason": reason[:200],
    }  # fmt: skip
    records.create(actor, ALLOCATION, values, operation=step, trusted=True)
    return amount


def receipt_spread(actor: Actor, record: Receipt) -> Operation:
    """Book what is free on the instalments longest due; what is left over stays to the customer's credit."""
    left, items = record.free, []
    for row in allocatable.owed_by(actor, record):
        part = min(left, row.open)
        if part > 0:
            items.append((row.pk, part))
            left -= part
    if not items:
        raise RuleBroken(_("This customer owes nothing in this currency."), code="receipt.nothing_owed")
    return receipt_allocate(actor, record, items)


def receipt_book(
    actor: Actor, record: Receipt, *, instalment: int, amount: Decimal | None = None, invoice: int | None = None
) -> Operation:
    """Book a receipt on one instalment: the amount given, else as much as fits."""
    allocatable.require_amount(actor, amount)
    row: Instalment = records.get(actor, INSTALMENT, instalment)
    return receipt_allocate(
        actor, record, [(row.pk, amount if amount is not None else min(record.free, row.open))], invoice=invoice
    )


def receipt_unbook(actor: Actor, record: Receipt, *, allocation: int) -> Operation:
    """Take one allocation of a receipt back; the money stays, free."""
    row: Allocation = records.get(actor, ALLOCATION, allocation)
    if row.receipt_id != record.pk:
        raise Invalid(_("Choose an allocation of this money."), code="allocation.other", field="allocation")
    return allocation_delete(actor, row)


def receipt_release(actor: Actor, record: Receipt) -> Operation:
    """Take all allocations of a receipt back; the money stays, free."""
    require(actor, "change", record)
    with records.writing(actor):
        receipt = _locked_receipt(actor, record)
        rows = list(Allocation.objects.select_for_update(of=("self",)).filter(receipt_id=receipt.pk).order_by("pk"))
        if not rows:
            raise RuleBroken(_("Nothing of this money is allocated."), code="receipt.free")
        step = records.operation_begin(
            actor,
            "delete",
            ALLOCATION,
            total=len(rows),
            progress=len(rows),
            parameters={"ids": [one.pk for one in rows]},
        )
        with records.writing(actor, operation=step, savepoint=False):
            _drop(actor, rows)
    return step


def _drop(actor: Actor, rows: Sequence[Allocation]) -> None:
    """Take allocations away and add up; within ``writing``."""
    touched = [row.instalment_id for row in rows]
    list(Instalment.objects.select_for_update(of=("self",)).filter(pk__in=touched).order_by("pk"))
    for row in rows:
        policies.period_open(row.booked_on, "booked_on")
    trash(actor, entity_of(ALLOCATION), [row.pk for row in rows])
    add_up(
        actor,
        touched,
        [row.receipt_id for row in rows if row.receipt_id],
        [row.invoice_id for row in rows if row.invoice_id],
    )


def allocation_delete(actor: Actor, record: Allocation, *, operation: Operation | None = None) -> Operation:
    """Take one allocation or write-off back."""
    require(actor, "delete", record)
    with records.writing(actor):
        if record.receipt_id:
            _locked_receipt(actor, record.receipt)  # type: ignore[arg-type]
        fresh: Allocation = records.locked(actor, entity_of(ALLOCATION), record.pk)
        step = operation or records.operation_begin(
            actor, "delete", ALLOCATION, total=1, progress=1, parameters={"ids": [fresh.pk]}
        )
        with records.writing(actor, operation=step, savepoint=False):
            _drop(actor, [fresh])
    return step


def receipt_delete(actor: Actor, record: Receipt, *, operation: Operation | None = None) -> Operation:
    """A receipt that settles nothing goes to the trash; one that does has to be released first."""
    with records.writing(actor):
        fresh: Receipt = records.locked(actor, entity_of(RECEIPT), record.pk)
        policies.period_open(fresh.received_on, "received_on")
        if fresh.allocated or fresh.refunded:
            raise RuleBroken(_("This money is allocated already. Take that back first."), code="receipt.allocated")
        step = records.delete_plain(actor, fresh, operation=operation)
        if fresh.refunds_id:
            with records.writing(actor, operation=step, savepoint=False):
                _receipts_add_up(actor, [fresh.refunds_id])
    return step


def receipt_refund(
    actor: Actor, record: Receipt, *, amount: Decimal, paid_on: dt.date | None = None, memo: str = ""
) -> Receipt:
    """Pay free money back to the customer."""
    require(actor, "create", RECEIPT)
    with records.writing(actor):
        receipt = _locked_receipt(actor, record)
        policies.within(amount, receipt.free, receipt.currency, allocatable.most_free(actor), "refund.too_much")
        today = clock.today(actor.timezone)
        day = paid_on or today
        if day > today:
            raise Invalid(_("Money cannot be paid back in the future."), code="dates.future", field="paid_on")
        policies.period_open(day, "paid_on")
        if day < receipt.received_on:
            raise Invalid(_("Money cannot be paid back before it came."), code="dates.order", field="paid_on")
        values = {
            "customer": receipt.customer_id, "sort": OUT, "refunds": receipt.pk, "received_on": day, "amount": amount,
            "currency": receipt.currency, "method": receipt.method, "payer": receipt.payer, "memo": memo[:300], "owner": receipt.owner_id,
        }  # fmt: skip
        made: Receipt = records.create(actor, RECEIPT, values, trusted=True)
        _receipts_add_up(actor, [receipt.pk])
    return made


def write_off(actor: Actor, record: Instalment, *, amount: Decimal | None = None, reason: str = "") -> Operation:
    """Give up what is open, or a part; needs the right to write off. Returns the operation, which can be undone."""
    require(actor, "write_off", record)
    if not reason.strip():
        raise Invalid(_("Say why."), code="reason.missing", field="reason")
    with records.writing(actor):
        step = records.operation_begin(
            actor, "update", INSTALMENT, total=1, progress=1, parameters={"ids": [record.pk], "right": "write_off"}
        )
        with records.writing(actor, operation=step, savepoint=False):
            write_off_book(actor, record, amount=amount, reason=reason, operation=step)
    return step


def write_off_book(
    actor: Actor, record: Instalment, *, amount: Decimal | None = None, reason: str, operation: Operation | None = None
) -> Allocation:
    """Book a write-off that was decided elsewhere."""
    with records.writing(actor, operation=operation):
        row = Instalment.objects.select_for_update(of=("self",)).get(pk=record.pk)
        part = row.open if amount is None else amount
        policies.within(part, row.open, row.currency, allocatable.most_open(actor), "instalment.too_much")
        day = clock.today(actor.timezone)
        policies.period_open(day, "amount")
        values = {
            "sort": WRITE_OFF, "instalment": row.pk, "amount": part, "booked_on": day, "reason": reason.strip()[:200],
            "customer": row.customer_id, "owner": row.owner_id,
        }  # fmt: skip
        made: Allocation = records.create(actor, ALLOCATION, values, operation=operation, trusted=True)
        add_up(actor, [row.pk])
    return made


def allocation_create(actor: Actor, *, values: Mapping[str, Any], operation: Operation | None = None) -> Allocation:
    """Book one allocation given as a record (API, import)."""
    del operation
    try:
        receipt: Receipt = records.get(actor, RECEIPT, int(values.get("receipt") or 0))
    except (TypeError, ValueError):
        raise Invalid(_("Choose an entry from the list."), code="reference.format", field="receipt") from None
    clean = {name: values[name] for name in ("instalment", "amount", "invoice") if values.get(name) not in (None, "")}
    fields = records.fields_of(ALLOCATION)
    parsed = {name: kinds.parse(fields[name], value) for name, value in clean.items()}
    if not parsed.get("instalment") or parsed.get("amount") is None:
        missing = "instalment" if not parsed.get("instalment") else "amount"
        raise Invalid(_("This must be filled."), code="value.required", field=missing)
    receipt_allocate(
        actor,
        receipt,
        [(parsed["instalment"], parsed["amount"])],
        invoice=parsed.get("invoice"),
        reason=str(values.get("reason") or ""),
    )
    return Allocation.objects.filter(receipt_id=receipt.pk).order_by("-pk")[0]


def allocation_update(
    actor: Actor,
    record: Allocation,
    *,
    values: Mapping[str, Any],
    version: int | None = None,
    original: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
) -> Allocation:
    """Only the reason of a booking can be changed; money is booked anew, not moved."""
    wrong = sorted(set(values) & {"receipt", "instalment", "amount", "invoice", "booked_on"})
    if wrong:
        raise Invalid(_("Take this booking back and book anew."), code="allocation.fixed", field=wrong[0])
    changed: Allocation = records.update_plain(
        actor, record, values, version=version, original=original, operation=operation
    )
    return changed
