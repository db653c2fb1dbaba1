"""The chain of a deal: everything from its quote to its invoice, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from guanxi.areas.billing.models import (
    Allocation,
    Contract,
    Delivery,
    Instalment,
    Invoice,
    Order,
    Quote,
    Receipt,
)
from guanxi.areas.billing.models.documents import DELIVERED, FRAMEWORK
from guanxi.areas.sales.models import Opportunity
from guanxi.core.access import visible
from guanxi.core.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Chain:
    """All records of one deal the actor may see, by stage; and how far it is: confirmed, delivered, paid."""

    quotes: Sequence[Quote]
    contracts: Sequence[Contract]
    orders: Sequence[Order]
    deliveries: Sequence[Delivery]
    instalments: Sequence[Instalment]
    receipts: Sequence[Receipt]
    invoices: Sequence[Invoice]
    confirmed: bool
    delivered: bool
    paid: bool


def _ids(*numbers: int | None) -> set[int]:
    return {number for number in numbers if number}


def _roots(record: Any) -> tuple[set[int], set[int], set[int]]:
    """Ids of quotes, contracts and orders a record hangs on directly."""
    if isinstance(record, Opportunity):
        of_deal = [model.objects.filter(opportunity_id=record.pk) for model in (Quote, Contract, Order)]
        quotes, contracts, orders = (set(rows.values_list("pk", flat=True)) for rows in of_deal)
        return quotes, contracts, orders
    if isinstance(record, Quote):
        return {record.pk}, set(), set()
    if isinstance(record, Contract):
        return _ids(record.quote_id), {record.pk}, set()
    if isinstance(record, Order):
        return _ids(record.quote_id), _ids(record.contract_id), {record.pk}
    if isinstance(record, Delivery):
        return set(), set(), {record.order_id}
    if isinstance(record, Receipt):
        paid = Allocation.objects.filter(receipt_id=record.pk)
        rows = list(paid.values_list("instalment__contract_id", "instalment__order_id"))
        return set(), _ids(*(one for one, _two in rows)), _ids(*(two for _one, two in rows))
    return set(), _ids(record.contract_id), _ids(record.order_id)


def _orders(record: Any, quotes: set[int], contracts: set[int], orders: set[int]) -> Q:
    """Orders of a deal. Those under one framework are deals of their own, unless the record is the framework itself."""
    framework = record.pk if isinstance(record, Contract) else None
    of_deal = Q(contract_id__in=contracts) & (~Q(contract__kind=FRAMEWORK) | Q(contract_id=framework))
    return Q(pk__in=orders) | Q(quote_id__in=quotes) | of_deal


def amended(contracts: set[int], quotes: set[int]) -> list[tuple[int, int | None]]:
    """Contracts given or of quotes given, with all that amend them and all they amend, at any depth: id and quote; one query."""
    table = Contract._meta.db_table
    words = f"""
        WITH RECURSIVE family(id) AS (
            SELECT id FROM {table} WHERE id = ANY(%s) OR quote_id = ANY(%s)
            UNION
            SELECT near.id FROM family JOIN {table} one ON one.id = family.id
            JOIN {table} near ON near.amends_id = one.id OR near.id = one.amends_id
        ) SELECT id, quote_id FROM {table} JOIN family USING (id)"""  # noqa: S608 - the only name in it is the model's own
    with connection.cursor() as cursor:
        cursor.execute(words, [list(contracts), list(quotes)])
        return [(int(one), quote) for one, quote in cursor.fetchall()]


def chain(actor: Actor, record: Any) -> Chain:
    """Everything of the deal a record belongs to, both ways, contracts with their amendments; a fixed number of queries."""
    quotes, contracts, orders = _roots(record)
    for order in Order.objects.filter(_orders(record, quotes, contracts, orders)):
        orders.add(order.pk)
        contracts |= _ids(order.contract_id)
        quotes |= _ids(order.quote_id)
    for contract_id, quote_id in amended(contracts, quotes):
        contracts.add(contract_id)
        quotes |= _ids(quote_id)

    def seen(found: QuerySet[Any]) -> list[Any]:
        return list(visible(found, actor).order_by("pk")[:50])

    all_orders = seen(Order.objects.filter(_orders(record, quotes, contracts, orders)))
    orders |= {one.pk for one in all_orders}
    of_either = Q(contract_id__in=contracts) | Q(order_id__in=orders)
    all_contracts = seen(Contract.objects.filter(pk__in=contracts))
    instalments = seen(Instalment.objects.filter(of_either))
    paid_by = Allocation.objects.filter(instalment__in=[row.pk for row in instalments], receipt__isnull=False)
    debts = [one for one in (*all_contracts, *all_orders) if one.open is not None]
    return Chain(
        quotes=seen(Quote.objects.filter(pk__in=quotes)),
        contracts=all_contracts,
        orders=all_orders,
        deliveries=seen(Delivery.objects.filter(order_id__in=orders)),
        instalments=instalments,
        receipts=seen(Receipt.objects.filter(pk__in=paid_by.values("receipt_id"))),
        invoices=seen(Invoice.objects.filter(of_either)),
        confirmed=bool(debts),
        delivered=bool(all_orders) and all(one.status == DELIVERED for one in all_orders),
        paid=bool(debts) and all(not one.open for one in debts),
    )
