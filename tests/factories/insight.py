"""Values of customers for tests."""

from __future__ import annotations

from typing import Any

from tests.factories import Make, factory


@factory("insight.customervalue")
def customer_value(_number: int, make: Make) -> dict[str, Any]:
    """The row of a new customer, as yet without figures."""
    return {"customer": lambda: make("customers.customer")}
