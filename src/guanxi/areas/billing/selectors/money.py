"""What is read of money beyond lists: what is owed, ageing, a customer's account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from guanxi.areas.billing.models import (
    Allocation,
    Contract,
    Instalment,
    Invoice,
    Order,
    Receipt,
)
from guanxi.areas.billing.models.documents import OWING_CONTRACTS, OWING_ORDERS
from guanxi.areas.billing.models.money import ISSUED, OUT, RED, WRITE_OFF
from guanxi.areas.customers.models import Customer
from guanxi.areas.sales.selectors import returns, targets
from guanxi.core.access import allowed, reads, visible
from guanxi.core.access.rules import condition
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.money import rounded
from guanxi.core.records import display
from guanxi.core.records.rates import base_currency
from guanxi.core.records.seen import seen
from guanxi.core.schema.registry import entity_of

ZERO = Decimal(0)
#: Upper bounds of the classes of an ageing, in days after the due date; the last class is open.
AGES = (0, 30, 60, 90)
#: What ``owed`` answers, in the language of filters: what is open on contracts and orders that stand; a draft's plan is not owed.
OWED = {
    "all": [
        {"field": "open", "op": "gt", "value": 0},
        {
            "any": [
                {"field": "contract.status", "op": "in", "value": list(OWING_CONTRACTS)},
                {"field": "order.status", "op": "in", "value": list(OWING_ORDERS)},
            ]
        },
    ]
}
#: The same as a condition of the database.
IS_OWED = Q(open__gt=0) & (
    Q(contract__status__in=OWING_CONTRACTS, contract__deleted_at__isnull=True)
    | Q(order__status__in=OWING_ORDERS, order__deleted_at__isnull=True)
)


def owed(customer_ids: Iterable[int] | None = None) -> QuerySet[Instalment]:
    """Instalments on which something is open, of documents that stand."""
    rows = Instalment.objects.filter(IS_OWED)
    return rows if customer_ids is None else rows.filter(customer_id__in=list(customer_ids))


def tells_owed(actor: Actor) -> bool:
    """Whether the actor may know what is owed: on instalments by whom, how much, and since when."""
    told = reads(actor, "billing.instalment", "customer", "currency", "open", "due_on")
    return told and allowed(actor, "view", "billing.instalment")


def documents_seen(actor: Actor) -> Q:
    """What holds for instalments whose contract or order the actor sees."""
    found = Q()
    for name in ("contract", "order"):
        limit = condition(entity_of(f"billing.{name}"), actor, prefix=f"{name}__")
        if limit is not None:
            found &= Q(**{f"{name}__isnull": True}) | limit
    return found


def instalment_name(actor: Actor, row: Instalment) -> str:
    """What an instalment is called by its contract or order and its own name, as far as the actor may know either."""
    entity, document = entity_of(row), row.contract or row.order
    if document is not None:
        of = entity_of(document)
        told = reads(actor, of, "number") and reads(actor, entity, document._meta.model_name or "")
        document = document if told and allowed(actor, "view", document) else None
    number, name = document.number if document is not None else "", seen(actor, row).name
    return f"{number} {name}".strip() or display.title_of(entity, row, actor)


# -- ageing ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Aged:
    """What is open with one customer in one currency, by class of age (not due, 1–30, 31–60, 61–90, over 90 days)."""

    customer_id: int
    currency: str
    classes: list[Decimal] = field(default_factory=lambda: [ZERO] * (len(AGES) + 1))

    @property
    def total(self) -> Decimal:
        """All of it."""
        return sum(self.classes, ZERO)


def ageing(actor: Actor, *, on: dt.date, customer_ids: Iterable[int] | None = None) -> list[Aged]:
    """Open instalments the actor may see by customer, currency and age on a day; the largest first; one query."""
    found: dict[tuple[int, str], Aged] = {}
    rows = visible(owed(customer_ids), actor).values_list("customer_id", "currency", "due_on", "open")
    for customer_id, currency, due_on, amount in rows:
        days = (on - due_on).days if due_on else 0
        place = next((number for number, limit in enumerate(AGES) if days <= limit), len(AGES))
        found.setdefault((customer_id, currency), Aged(customer_id, currency)).classes[place] += amount or ZERO
    return sorted(found.values(), key=lambda one: (-one.total, one.customer_id))


# -- a customer's account ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of an account: what he owes more (``debit``) or less (``credit``), and the balance after it."""

    on: dt.date
    text: str
    url: str
    debit: Decimal
    credit: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's account in one currency over a period."""

    customer: Customer
    currency: str
    first: dt.date | None
    last: dt.date
    opening: Decimal
    movements: Sequence[Movement]

    @property
    def closing(self) -> Decimal:
        """What he owes at the end (negative: what he has paid ahead)."""
        return self.movements[-1].balance if self.movements else self.opening


def tells_account(actor: Actor) -> bool:
    """Whether the actor may know what an account is made of: what was agreed, paid and written off, and on which day."""
    figures = {"contract": ("total", "signed_on"), "order": ("total", "ordered_on"), "receipt": ("amount", "received_on", "sort"), "allocation": ("amount", "booked_on", "sort")}  # fmt: skip
    told = all(reads(actor, f"billing.{key}", "customer", "currency", *names) for key, names in figures.items())
    return told and allowed(actor, "view", "billing.receipt")


def _made_on(document: Contract | Order) -> dt.date:
    return clock.day_of(document.created_at, settings.TIME_ZONE)


def account(actor: Actor, customer: Customer, currency: str, *, first: dt.date | None = None, last: dt.date) -> Account:
    """What was agreed, paid, paid back and written off with a customer, as far as the actor may see it; four queries."""
    raw: list[tuple[dt.date, int, str, str, Decimal]] = []
    of = {"customer_id": customer.pk, "currency": currency}
    for contract in visible(Contract.objects.filter(**of, open__isnull=False), actor):
        day, text = contract.signed_on or _made_on(contract), _("Contract %(number)s %(name)s")
        raw.append((day, 0, _naming(actor, text, contract), f"/contracts/{contract.pk}/", contract.total or ZERO))
    for order in visible(Order.objects.filter(**of, open__isnull=False), actor):
        day, text = order.ordered_on or _made_on(order), _("Order %(number)s %(name)s")
        raw.append((day, 0, _naming(actor, text, order), f"/sales-orders/{order.pk}/", order.total or ZERO))
    for receipt in visible(Receipt.objects.filter(**of), actor):
        back = receipt.sort == OUT
        text = _("Paid back %(number)s") if back else _("Receipt %(number)s")
        amount = receipt.amount if back else -receipt.amount
        raw.append((receipt.received_on, 1, _naming(actor, text, receipt), f"/receipts/{receipt.pk}/", amount))
    for off in visible(Allocation.objects.filter(**of, sort=WRITE_OFF), actor):
        text = _("Written off: %(reason)s") % {"reason": seen(actor, off).reason}
        raw.append((off.booked_on or last, 2, text, f"/instalments/{off.instalment_id}/", -off.amount))
    balance, opening, movements = ZERO, ZERO, []
    for day, _order, text, url, amount in sorted(raw, key=lambda one: (one[0], one[1], one[3])):
        if day > last:
            continue
        balance += amount
        if first is not None and day < first:
            opening = balance
            continue
        movements.append(Movement(day, text, url, max(amount, ZERO), max(-amount, ZERO), balance))
    return Account(customer, currency, first, last, opening, movements)


def _naming(actor: Actor, text: str, record: Any) -> str:
    """The text with the number and name of a record, as far as the actor may read them."""
    one = seen(actor, record)
    return (text % {"number": one.number or "", "name": getattr(one, "name", "") or ""}).strip()


def currencies_of(actor: Actor, customer: Customer) -> list[str]:
    """Currencies in which there is business with a customer the actor may see."""
    sorts: tuple[Any, ...] = (Contract, Order, Receipt)
    rows = [visible(one.objects.filter(customer_id=customer.pk), actor) for one in sorts]
    found = {currency for one in rows for currency in one.values_list("currency", flat=True)}
    return sorted(found) or [base_currency()]


def to_invoice(document: Contract | Order) -> Decimal:
    """What of a document is neither invoiced nor asked to be; of an order owed on its contract no more than of that."""
    if isinstance(document, Order) and document.contract is not None and document.open is None:
        return min(_not_invoiced(document), _not_invoiced(document.contract))
    return _not_invoiced(document)


def _not_invoiced(document: Contract | Order) -> Decimal:
    rows = Invoice.objects.filter(**{document._meta.model_name or "": document.pk}).exclude(status="void")
    booked = sum((row.amount for row in rows if row.status in ("requested", ISSUED, RED)), ZERO)
    return (document.total or ZERO) - booked


# -- what selling asks -------------------------------------------------------------------------------------------------


def contract_ends(ids: Collection[int] | None) -> dict[int, dt.datetime]:
    """When the last contract of each customer ends or ended, by customer; without those of whom one has no end."""
    rows = Contract.objects.filter(status__in=OWING_CONTRACTS, amends__isnull=True)
    if ids is not None:
        rows = rows.filter(customer_id__in=ids)
    ends = rows.values_list("customer_id").annotate(last=Max("ends_on"), endless=Count("pk", filter=Q(ends_on=None)))
    return {
        customer: clock.day_start(last + dt.timedelta(days=1), settings.TIME_ZONE)
        for customer, last, endless in ends
        if last is not None and not endless
    }


def receipts_reached(owners: Collection[int] | None, start: dt.datetime, end: dt.datetime) -> Decimal:
    """What came in from ``start`` up to ``end``, less what was paid back, in the house's currency at the rate of its day."""
    zone = settings.TIME_ZONE
    rows = Receipt.objects.filter(received_on__gte=clock.day_of(start, zone), received_on__lt=clock.day_of(end, zone))
    if owners is not None:
        rows = rows.filter(owner_id__in=owners)
    worth = F("amount") * Coalesce(F("rate"), Decimal(1))
    found: Mapping[str, Decimal | None] = rows.aggregate(
        came=Sum(worth, filter=~Q(sort=OUT)), went=Sum(worth, filter=Q(sort=OUT))
    )
    return rounded((found["came"] or ZERO) - (found["went"] or ZERO), base_currency())


returns.add_ground("customers.customer", "contract_ended", contract_ends)
targets.add_measure("receipts", receipts_reached)
