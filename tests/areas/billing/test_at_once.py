"""Two people at the same moment, over two connections: one document is confirmed once, one limit is passed by nobody."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from guanxi.areas.billing.models import Contract, Instalment, Order
from guanxi.areas.billing.services import contracts, orders
from guanxi.core import records
from tests.at_once import ends
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def order_of(make: Any, customer: Any, price: int) -> Order:
    order = make("billing.order", customer=customer)
    make("billing.orderline", order=order, quantity=1, price=Decimal(price), tax_class="0")
    return Order.objects.get(pk=order.pk)


def test_two_orders_do_not_pass_a_credit_limit_together(cast: Cast, make: Any) -> None:
    customer = make("customers.customer")
    make("billing.creditlimit", customer=customer, amount=1000, blocks=True)
    both = [order_of(make, customer, 700), order_of(make, customer, 700)]
    assert [one.total for one in both] == [700, 700]
    results = ends(*[lambda order=order: orders.order_confirm(cast.root, order) for order in both])
    assert results == ["credit.limit", "done"]
    assert [row.open for row in Instalment.objects.all()] == [700]
    assert sorted(Order.objects.values_list("status", flat=True)) == ["confirmed", "draft"]


def test_an_order_and_a_contract_do_not_pass_a_credit_limit_together(cast: Cast, make: Any) -> None:
    order = order_of(make, make("customers.customer"), 700)
    make("billing.creditlimit", customer=order.customer, amount=1000, blocks=True)
    contract = make("billing.contract", customer=order.customer)
    make("billing.contractline", contract=contract, quantity=1, price=Decimal(700), tax_class="0")
    results = ends(
        lambda: orders.order_confirm(cast.root, order),
        lambda: contracts.contract_sign(cast.root, Contract.objects.get(pk=contract.pk)),
    )
    assert results == ["credit.limit", "done"]
    assert [row.open for row in Instalment.objects.all()] == [700]


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

    assert ends(confirm, delete) == ["done", "record.standing"]
    assert Order.objects.get(pk=order.pk).status == "confirmed", "it did not go along"


def test_one_order_and_one_contract_are_owed_once_when_two_people_press_the_button(cast: Cast, make: Any) -> None:
    order = order_of(make, make("customers.customer"), 700)
    assert ends(*[lambda: orders.order_confirm(cast.root, order)] * 2) == ["done", "order.state"]
    contract = make("billing.contract")
    make("billing.contractline", contract=contract, quantity=1, price=Decimal(300), tax_class="0")
    signed = Contract.objects.get(pk=contract.pk)
    assert ends(*[lambda: contracts.contract_sign(cast.root, signed)] * 2) == ["contract.state", "done"]
    assert sorted(row.amount for row in Instalment.objects.all()) == [300, 700]
