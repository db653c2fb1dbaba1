"""Whom a bank entry may be from and what it may settle, as far as one person may see it.

What is hidden from him, of the entry or of what it may settle, neither proposes nor is told, and is not booked on either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from guanxi.areas.billing.models import BankEntry, Contract, Instalment, Invoice, Order, Receipt
from guanxi.areas.billing.selectors import IS_OWED, instalment_name, tells_owed
from guanxi.areas.billing.services import allocatable
from guanxi.areas.customers.models import Customer
from guanxi.core.access import reads, visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import display, matching
from guanxi.core.schema.registry import entity_of

ENTRY = "billing.bankentry"
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Part:
    """How much of an entry would settle an instalment; what that is called for the reader."""

    row: Instalment
    amount: Decimal
    name: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A customer an entry may be from, what he is called for the reader, the instalments it may settle, how sure that is
    (0 to 100) and why."""

    customer: Customer
    name: str
    items: Sequence[Part]
    score: int
    reasons: Sequence[str]


#: From this score on a proposal leaves no doubt, if no other comes near.
SURE, NEAR = 90, 60


def is_sure(found: Sequence[Proposal]) -> bool:
    """Whether the first proposal leaves no doubt and settles something."""
    if not found or found[0].score < SURE or not found[0].items:
        return False
    return len(found) == 1 or found[1].score < NEAR


def proposals(actor: Actor, entry: BankEntry, *, limit: int = 3) -> list[Proposal]:
    """Whom a payment may be from and what it may settle, the surest first; only what the actor may see.

    Payer name, numbers in the memo, the exact amount and nearness of the due day speak for a match.
    """
    known: dict[int, tuple[int, list[str]]] = {}

    def say(customers: Iterable[int], points: int, why: str) -> None:
        for number in customers:
            score, reasons = known.get(number, (0, []))
            known[number] = (score + points, [*reasons, why])

    payer = entry.payer if reads(actor, ENTRY, "payer") else ""
    memo = entry.memo if reads(actor, ENTRY, "memo") else ""
    say(_named(actor, payer), 55, _("same name"))
    say(_paid_before(actor, payer), 35, _("paid under this name before"))
    say(_numbered(actor, Contract, memo), 45, _("contract number in the memo"))
    say(_numbered(actor, Order, memo), 45, _("order number in the memo"))
    say(_numbered(actor, Invoice, memo), 45, _("invoice number in the memo"))
    exact = (
        _owed(actor, entry).filter(open=entry.amount).order_by().values_list("customer_id", flat=True).distinct()[:6]
    )
    say(exact, 30 if len(exact) == 1 else 15, _("exactly this amount is open"))
    customers = {one.pk: one for one in visible(Customer.objects.filter(pk__in=known), actor)}
    found = [_proposal(actor, entry, customers[number], *known[number]) for number in known if number in customers]
    return sorted(found, key=lambda one: (-one.score, one.customer.pk))[:limit]


def settles(actor: Actor, entry: BankEntry, customer_id: int) -> list[Part]:
    """What of a customer's debts an entry would settle: the one of exactly its amount, else the longest due."""
    rows = list(_owed(actor, entry).filter(customer_id=customer_id).order_by("due_on", "pk"))
    exact = [row for row in rows if row.open == entry.amount]
    if exact:
        near = min(exact, key=lambda row: abs(((row.due_on or entry.booked_on) - entry.booked_on).days))
        return [Part(near, entry.amount, instalment_name(actor, near))]
    items, left = [], entry.amount
    for row in rows:
        part = min(left, row.open or ZERO)
        if part > 0:
            items.append(Part(row, part, instalment_name(actor, row)))
            left -= part
    return items


def _proposal(actor: Actor, entry: BankEntry, customer: Customer, score: int, reasons: Sequence[str]) -> Proposal:
    parts, bonus = settles(actor, entry, customer.pk), 0
    if len(parts) == 1 and parts[0].row.open == entry.amount and parts[0].row.due_on is not None:
        bonus = 10 if abs((parts[0].row.due_on - entry.booked_on).days) <= 30 else 0
    name = display.title_of(entity_of(customer), customer, actor)
    return Proposal(customer, name, parts, min(100, score + bonus), reasons)


def _owed(actor: Actor, entry: BankEntry) -> QuerySet[Instalment]:
    """What is owed in the currency of an entry; nothing for who may not know that, or not what the entry is over."""
    rows = allocatable.bookable(actor).filter(IS_OWED, currency=entry.currency).select_related("contract", "order")
    told = tells_owed(actor) and reads(actor, ENTRY, "amount", "currency", "booked_on")
    return rows if told else rows.none()


def _named(actor: Actor, payer: str) -> list[int]:
    if not payer.strip():
        return []
    entity = entity_of("customers.customer")
    named = {"name": payer, "kind": "organisation"}
    hits = matching.candidates(entity, named, unsaid=matching.unseen(actor, entity))
    return [hit.record_id for hit in hits[:5]] if hits else []


def _paid_before(actor: Actor, payer: str) -> list[int]:
    """Who paid under a name last."""
    if not payer or not reads(actor, "billing.receipt", "payer", "customer"):
        return []
    rows = visible(Receipt.objects.filter(payer=payer), actor).order_by("-pk")
    return list(rows.values_list("customer_id", flat=True)[:1])


def _numbered(actor: Actor, model: Any, memo: str) -> list[int]:
    """Customers of records whose number stands in the memo."""
    words = {word.strip("，,。.;；:：") for word in memo.replace("，", " ").replace("；", " ").split()}
    words |= {
        part
        for word in words
        for part in word.replace("号", " ").replace("合同", " ").replace("订单", " ").replace("发票", " ").split()
    }
    chosen = [word for word in words if len(word) >= 4]
    field = "invoice_number" if model is Invoice else "number"
    if not chosen or not reads(actor, entity_of(model), field, "customer"):
        return []
    return list(visible(model.objects.filter(**{f"{field}__in": chosen}), actor).values_list("customer_id", flat=True))
