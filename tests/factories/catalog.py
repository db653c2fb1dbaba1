"""The catalogue for tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.factories import Make, factory


@factory("catalog.category")
def category(number: int, _make: Make) -> dict[str, Any]:
    """A category at the top."""
    return {"name": f"分类{number}"}


@factory("catalog.product")
def product(number: int, _make: Make) -> dict[str, Any]:
    """A product at 100.00 CNY with 13 % tax."""
    return {"name": f"产品{number}", "price": Decimal(100), "cost": Decimal(60), "tax_class": "13", "unit": "piece"}


@factory("catalog.bundlepart")
def part(number: int, make: Make) -> dict[str, Any]:
    """Two of a new product in a new bundle."""
    return {
        "bundle": lambda: make("catalog.product", name=f"套装{number}", is_bundle=True, price=None),
        "product": lambda: make("catalog.product"),
        "quantity": 2,
    }


@factory("catalog.pricebook")
def book(number: int, _make: Make) -> dict[str, Any]:
    """A price book for everybody."""
    return {"name": f"价格表{number}", "currency": "CNY"}


@factory("catalog.priceentry")
def entry(_number: int, make: Make) -> dict[str, Any]:
    """A price of 90 in a new book."""
    return {"book": lambda: make("catalog.pricebook"), "product": lambda: make("catalog.product"), "price": Decimal(90)}


@factory("catalog.stock")
def stock(number: int, make: Make) -> dict[str, Any]:
    """Ten pieces of a new product."""
    return {"product": lambda: make("catalog.product"), "warehouse": f"{number}号仓", "quantity": 10}
