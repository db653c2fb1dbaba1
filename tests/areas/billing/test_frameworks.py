"""Framework contracts: nothing is owed on them, what is called off under them is, and no more than was agreed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.billing.models import Contract, Instalment, Order
from guanxi.areas.billing.services import contracts, frameworks, ledger, orders
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid, RuleBroken
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
TODAY = clock.today("Asia/Shanghai")


def frame_of(cast: Cast, make: Any, **values: Any) -> Contract:
    given = {
        "name": "年度框架",
        "kind": "framework",
        "customer": make("customers.customer").pk,
        "volume": "1000",
        **values,
    }
    return contracts.contract_sign(cast.root, records.create(cast.root, "billing.contract", given), signed_on=TODAY)


def call(cast: Cast, make: Any, frame: Contract, amount: int) -> Contract:
    """A contract under the framework as a draft."""
    made = contracts.contract_call(cast.root, frame)
    make("billing.contractline", contract=made, quantity=1, price=Decimal(amount), tax_class="0")
    return Contract.objects.get(pk=made.pk)


def test_nothing_is_owed_on_a_framework_and_calls_use_it_up(cast: Cast, make: Any) -> None:
    frame = frame_of(cast, make)
    assert (frame.open, frame.received, Instalment.objects.count()) == (None, None, 0)
    first = contracts.contract_sign(cast.root, call(cast, make, frame, 600))
    assert (first.open, frameworks.framed(frame).left) == (600, 400)
    order = contracts.contract_to_order(cast.root, frame)
    make("billing.orderline", order=order, quantity=1, price=Decimal(300), tax_class="0")
    order = orders.order_confirm(cast.root, Order.objects.get(pk=order.pk))
    assert (order.open, frameworks.framed(frame).left, frameworks.framed(frame).percent) == (300, 100, 90)
    with pytest.raises(RuleBroken, match="100") as error:
        contracts.contract_sign(cast.root, call(cast, make, frame, 101))
    assert error.value.code == "framework.exceeded"
    ledger.write_off(cast.root, first.instalments.get(), amount=Decimal(50), reason="少订")
    assert frameworks.framed(frame).left == 150
    assert Contract.objects.filter(status="signed").count() == 2


def test_amendments_of_a_framework_move_its_volume(cast: Cast, make: Any) -> None:
    frame = frame_of(cast, make)
    more = records.update(cast.root, contracts.contract_amend(cast.root, frame), {"volume": "500"})
    assert more.kind == "framework"
    contracts.contract_sign(cast.root, more)
    less = records.update(cast.root, contracts.contract_amend(cast.root, frame, effect="reduce"), {"volume": "200"})
    contracts.contract_sign(cast.root, less)
    assert frameworks.framed(frame).left == 1300
    contracts.contract_sign(cast.root, call(cast, make, frame, 1300))
    assert frameworks.framed(frame).left == 0


def test_what_does_not_fit_a_framework_is_refused(cast: Cast, make: Any) -> None:
    plain = make("billing.contract")
    with pytest.raises(Invalid) as error:
        make("billing.contract", customer=plain.customer, framework=plain)
    assert (error.value.code, error.value.field) == ("framework.kind", "framework")
    over = frame_of(cast, make, starts_on=TODAY - dt.timedelta(days=30), ends_on=TODAY - dt.timedelta(days=1))
    with pytest.raises(RuleBroken) as broken:
        contracts.contract_sign(cast.root, call(cast, make, over, 1))
    assert broken.value.code == "framework.over"
    with pytest.raises(Invalid) as error:
        records.update(cast.root, over, {"kind": "sale"})
    assert error.value.field == "kind"
    plan = [{"name": "首期", "amount": "10", "due_on": TODAY}]
    given = {"name": "框架", "kind": "framework", "customer": plain.customer_id, "instalments": plan}
    with pytest.raises(Invalid) as error:
        contracts.contract_sign(cast.root, records.create(cast.root, "billing.contract", given))
    assert (error.value.code, error.value.field) == ("framework.owes", "instalments")


def test_the_page_says_what_is_left_on_either_side(cast: Cast, make: Any) -> None:
    frame = frame_of(cast, make)
    made = contracts.contract_sign(cast.root, call(cast, make, frame, 600))
    client = browser(cast.root_user)
    assert "¥400" in client.get(f"/contracts/{frame.pk}/").content.decode()
    text = client.get(f"/contracts/{made.pk}/").content.decode()
    assert all(word in text for word in ("¥400", frame.number))
