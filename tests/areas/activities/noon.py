"""A Monday noon, a customer of Alice's, and the dates that follow from work with him."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guanxi.areas.customers.models import Customer
from guanxi.core.kernel import clock

Make = Callable[..., Any]
NOON = dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC)  # Monday 12:00 in Shanghai
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def noon(db: None) -> Iterator[None]:
    with clock.moved_to(NOON):
        yield


@pytest.fixture(name="customer")
def customer_of_alice(make: Make) -> Any:
    """A customer of Alice's."""
    return make("customers.customer", name="华为技术有限公司")


def dates(customer: Any) -> tuple[Any, Any, Any]:
    fresh = Customer.everything.get(pk=customer.pk)
    return fresh.first_contact_at, fresh.last_contact_at, fresh.next_plan_at
