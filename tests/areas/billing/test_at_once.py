"""Two people at the same moment, over two connections: one document is confirmed once, one limit is passed by nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections, transaction

from guanxi.areas.billing.models import Contract, Instalment, Order
from guanxi.areas.billing.services import contracts, orders
from guanxi.core import records
from guanxi.core.kernel.errors import GuanxiError
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], Any]) -> list[str]:
    """Do all at the same moment, each over its own connection; what became of them, sorted: ``done`` or an error's code."""
    start, results = threading.Barrier(len(works)), []

    def do(work: Callable[[], Any]) -> None:
        try:
            start.wait(timeout=20)
            work()
            results.append("done")
        except GuanxiError as error:
            results.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=do, args=(work,)) for work in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=60)
    return sorted(results)


def order_of(make: Any, customer: Any, price: int) -> Order:
    order = make("billing.order", customer=customer)
    make("billing.orderline", order=order, quantity=1, price=Decimal(price), tax_class="0")
    return Order.objects.get(pk=order.pk)


def test_two_orders_do_not_pass_a_credit_limit_together(cast: Cast, make: Any) -> None:
    customer = make("customers.customer")
    make("billing.creditlimit", customer=customer, amount=1000, blocks=True)
    both = [order_of(make, customer, 700), order_of(make, customer, 700)]
    assert [one.total for one in both] == [700, 700]
    results = at_once(*[lambda order=order: orders.order_confirm(cast.root, order) for order in both])
    assert results == ["credit.limit", "done"]
    assert [row.open for row in Instalment.objects.all()] == [700]
    assert sorted(Order.objects.values_list("status", flat=True)) == ["confirmed", "draft"]


def test_a_customer_is_not_deleted_while_an_order_of_his_is_being_confirmed(cast: Cast, make: Any) -> None:
    customer = make("customers.customer")
    order = order_of(make, customer, 700)
    confirmed = threading.Event()

    def confirm() -> None:
        with transaction.atomic():
            orders.order_confirm(cast.root, order)
            confirmed.set()
            time.sleep(0.3)  # the other one comes while this is not committed

    def delete() -> None:
        assert confirmed.wait(timeout=20)
        records.delete(cast.root, customer)

    assert at_once(confirm, delete) == ["done", "record.standing"]
    assert Order.objects.get(pk=order.pk).status == "confirmed", "it did not go along"


def test_one_order_and_one_contract_are_owed_once_when_two_people_press_the_button(cast: Cast, make: Any) -> None:
    order = order_of(make, make("customers.customer"), 700)
    assert at_once(*[lambda: orders.order_confirm(cast.root, order)] * 2) == ["done", "order.state"]
    contract = make("billing.contract")
    make("billing.contractline", contract=contract, quantity=1, price=Decimal(300), tax_class="0")
    signed = Contract.objects.get(pk=contract.pk)
    assert at_once(*[lambda: contracts.contract_sign(cast.root, signed)] * 2) == ["contract.state", "done"]
    assert sorted(row.amount for row in Instalment.objects.all()) == [300, 700]
