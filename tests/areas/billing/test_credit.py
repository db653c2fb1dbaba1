"""Credit limits: what a customer owes, and what a limit that refuses lets through."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.billing import panels, selectors
from guanxi.areas.billing.models import Contract, Instalment, Order
from guanxi.areas.billing.services import contracts, orders
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import RuleBroken
from tests.factories.billing import signed
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
TODAY = clock.today("Asia/Shanghai")


def test_a_blocking_credit_limit_refuses_an_order(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal(900))
    Instalment.objects.filter(contract=contract).update(due_on=TODAY - dt.timedelta(days=40))
    make("billing.creditlimit", customer=contract.customer, amount=1000, blocks=True)
    line = make("billing.orderline", order=make("billing.order", customer=contract.customer))
    credit = selectors.credit_of(contract.customer)
    assert (credit.owed, credit.overdue, credit.overdue_days, credit.exceeded) == (900, 900, 40, False)
    with pytest.raises(RuleBroken) as error:
        orders.order_confirm(cast.alice, Order.objects.get(pk=line.order_id))
    assert error.value.code == "credit.limit"
    aged = selectors.ageing(cast.alice, on=TODAY)
    assert [(one.classes, one.total) for one in aged] == [([0, 0, 900, 0, 0], 900)]


def test_signing_asks_the_credit_limit_and_an_amendment_that_reduces_does_not(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal(900))
    limit = make("billing.creditlimit", customer=contract.customer, amount=1000, blocks=True)
    more, less = (contracts.contract_amend(cast.root, contract, effect=effect) for effect in ("add", "reduce"))
    for one in (more, less):
        make("billing.contractline", contract=one, quantity=1, price=Decimal(101), tax_class="0")
    more, less = Contract.objects.get(pk=more.pk), Contract.objects.get(pk=less.pk)
    warned = [panels.credit(cast.root, one)["credit"] for one in (more, less)]
    assert [one and one.exceeded for one in warned] == [True, None], "the page says so before"
    with pytest.raises(RuleBroken, match=r"1,001") as error:
        contracts.contract_sign(cast.root, more)
    assert error.value.code == "credit.limit"
    assert Contract.objects.get(pk=more.pk).status == "draft"
    assert not Instalment.objects.filter(contract=more).exists()
    contracts.contract_sign(cast.root, less)
    assert selectors.credit_of(contract.customer).owed == 799
    contracts.contract_sign(cast.root, more)
    limit.refresh_from_db()
    records.update(cast.root, limit, {"blocks": False})
    further = contracts.contract_amend(cast.root, contract)
    make("billing.contractline", contract=further, quantity=1, price=Decimal(500), tax_class="0")
    assert contracts.contract_sign(cast.root, Contract.objects.get(pk=further.pk)).open == 500, "it only warns"


def test_a_blocking_limit_in_a_currency_without_a_rate_lets_nothing_through(cast: Cast, make: Any) -> None:
    line = make("billing.orderline", order=make("billing.order", customer=make("customers.customer")))
    order = Order.objects.get(pk=line.order_id)
    make("billing.creditlimit", customer=order.customer, amount=1, currency="CHF", blocks=True)
    with pytest.raises(RuleBroken, match="CHF") as error:
        orders.order_confirm(cast.alice, order)
    assert error.value.code == "credit.limit"
