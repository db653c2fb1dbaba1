"""Quotes to receipts for tests."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from guanxi.core.kernel import clock
from tests.factories import Make, Of, factory

TODAY = clock.today("Asia/Shanghai")


def _document(number: int, make: Make, name: str) -> dict[str, Any]:
    return {"customer": lambda: make("customers.customer"), "name": f"{name}{number}", "currency": "CNY"}


@factory("billing.quote")
def quote(number: int, make: Make) -> dict[str, Any]:
    """A quote to a new customer."""
    return _document(number, make, "报价")


@factory("billing.contract")
def contract(number: int, make: Make) -> dict[str, Any]:
    """A draft of a contract with a new customer."""
    return _document(number, make, "合同")


@factory("billing.order")
def order(number: int, make: Make) -> dict[str, Any]:
    """A draft of an order of a new customer."""
    return _document(number, make, "订单")


def _line(number: int, make: Make) -> dict[str, Any]:
    return {"name": f"行{number}", "quantity": 2, "price": Decimal(100), "tax_class": "13", "unit": "piece", "cost": 60}


@factory("billing.quoteline")
def quoteline(number: int, make: Make) -> dict[str, Any]:
    """Two at 100."""
    return {"quote": lambda: make("billing.quote"), **_line(number, make)}


@factory("billing.contractline")
def contractline(number: int, make: Make) -> dict[str, Any]:
    """Two at 100."""
    return {"contract": lambda: make("billing.contract"), **_line(number, make)}


@factory("billing.orderline")
def orderline(number: int, make: Make) -> dict[str, Any]:
    """Two at 100."""
    return {"order": lambda: make("billing.order"), **_line(number, make)}


@factory("billing.delivery")
def delivery(_number: int, make: Make) -> dict[str, Any]:
    """A delivery of a confirmed order."""
    return {"order": lambda: make("billing.order", status="confirmed"), "carrier": "顺丰"}


def _ordered(make: Make, order: int) -> Any:
    """A further line of an order, whatever its state."""
    from guanxi.areas.billing.models import Order  # noqa: PLC0415

    rows = Order.objects.filter(pk=order)
    status = rows.get().status
    rows.update(status="draft")
    line = make("billing.orderline", order=order)
    rows.update(status=status)
    return line


@factory("billing.deliveryline")
def deliveryline(_number: int, make: Make) -> dict[str, Any]:
    """One of two ordered."""
    return {
        "delivery": lambda: make("billing.delivery"),
        "order_line": Of("delivery", lambda delivery: _ordered(make, delivery.order_id)),
        "quantity": 1,
    }


@factory("billing.discountlimit")
def limit(number: int, make: Make) -> dict[str, Any]:
    """Ten percent for a new role."""
    from guanxi.core.models import Role  # noqa: PLC0415

    return {
        "role": Role.objects.create(key=f"role{number}", name=f"角色{number}", name_en=f"Role {number}"),
        "percent": 10,
    }


@factory("billing.closedperiod")
def closed(_number: int, _make: Make) -> dict[str, Any]:
    """Books closed long ago."""
    return {"until": dt.date(2001, 12, 31), "note": "2001 年结账"}


@factory("billing.printtemplate")
def template(number: int, _make: Make) -> dict[str, Any]:
    """A template that prints the number."""
    return {"name": f"模板{number}", "document": "quote", "language": "en", "source": '#json("data.json").number'}


@factory("billing.instalment")
def instalment(number: int, make: Make) -> dict[str, Any]:
    """Half of a contract's draft."""
    return {
        "contract": lambda: make("billing.contract"),
        "name": f"第{number}期",
        "amount": Decimal(100),
        "due_on": TODAY,
    }


@factory("billing.receipt")
def receipt(number: int, make: Make) -> dict[str, Any]:
    """One hundred from a new customer."""
    return {
        "customer": lambda: make("customers.customer"),
        "received_on": TODAY,
        "amount": Decimal("100.00"),
        "reference": f"R{number}",
    }


def signed(make: Make, *, total: Decimal = Decimal(200), **values: Any) -> Any:
    """A signed contract over ``total``, owed in one instalment."""
    from guanxi.areas.billing.services import contracts  # noqa: PLC0415
    from guanxi.core.kernel.actor import system_actor  # noqa: PLC0415

    lines = [{"name": "服务", "quantity": 1, "price": total, "tax_class": "6"}]
    made = make("billing.contract", **{"lines": lines, **values})
    return contracts.contract_sign(system_actor("tests", via="test"), made)


@factory("billing.allocation")
def allocation(_number: int, make: Make) -> dict[str, Any]:
    """Fifty of a receipt on a signed contract."""
    contract = signed(make)
    row = contract.instalments.get()
    return {
        "receipt": make("billing.receipt", customer=contract.customer),
        "instalment": row,
        "amount": Decimal("50.00"),
        "reason": "首付",
    }


@factory("billing.invoice")
def invoice(_number: int, make: Make) -> dict[str, Any]:
    """A request over 113 with 13 % tax."""
    return {
        "customer": lambda: make("customers.customer"),
        "amount": Decimal("113.00"),
        "tax_class": "13",
        "title": "买方公司",
    }


@factory("billing.invoiceline")
def invoiceline(number: int, make: Make) -> dict[str, Any]:
    """A service over 106 with 6 % tax, alone on its request."""
    return {
        "invoice": lambda: make("billing.invoice"),
        "name": f"服务{number}",
        "amount": Decimal("106.00"),
        "tax_class": "6",
    }


@factory("billing.bankentry")
def entry(number: int, _make: Make) -> dict[str, Any]:
    """One hundred came in."""
    return {"booked_on": TODAY, "amount": Decimal("100.00"), "payer": f"付款人{number}", "reference": f"B{number}"}


@factory("billing.creditlimit")
def credit(_number: int, make: Make) -> dict[str, Any]:
    """Ten thousand for a new customer."""
    return {"customer": lambda: make("customers.customer"), "amount": Decimal("10000.00"), "note": "年度额度"}


@factory("billing.commissionplan")
def plan(number: int, _make: Make) -> dict[str, Any]:
    """On money received."""
    return {"name": f"提成方案{number}", "base": "received"}


@factory("billing.commissionrule")
def rule(_number: int, make: Make) -> dict[str, Any]:
    """Three percent."""
    return {"plan": lambda: make("billing.commissionplan"), "rate": 3, "note": "基础"}


@factory("billing.commissionstatement")
def statement(number: int, make: Make) -> dict[str, Any]:
    """A month."""
    return {
        "plan": lambda: make("billing.commissionplan"),
        "name": f"提成单{number}",
        "first_day": dt.date(2026, 1, 1),
        "last_day": dt.date(2026, 1, 31),
    }


def quote_of(cast: Any, make: Make, **values: Any) -> Any:
    """Alice's quote of a section, two lines that count and an optional one."""
    from guanxi.core import records  # noqa: PLC0415

    product = make("catalog.product", price=Decimal(100), cost=Decimal(60))
    lines = [
        {"sort": "section", "name": "硬件"},
        {"product": product.pk, "quantity": 10},
        {"product": product.pk, "quantity": 1, "price": "33.33", "discount": 10},
        {"product": product.pk, "quantity": 5, "optional": True},
    ]
    given = {"name": "一期", "customer": make("customers.customer").pk, "lines": lines}
    return records.create(cast.alice, "billing.quote", given | values)
