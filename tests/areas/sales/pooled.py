"""What tests of pools have in common: a moment, customers made at it, people as they are now."""

from __future__ import annotations

import datetime as dt
from typing import Any

from guanxi.areas.customers.models import Customer
from guanxi.core.kernel import clock
from tests.factories.cast import Cast

NOON = dt.datetime(2024, 5, 20, 4, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def made_customer(make: Any, at: dt.datetime = NOON, **values: Any) -> Customer:
    """A customer as the database has it, made at a moment."""
    with clock.moved_to(at):
        made: Customer = make("customers.customer", **values)
    return Customer.objects.get(pk=made.pk)


def fresh(cast: Cast, name: str) -> Any:
    """Somebody of the cast with the rights he has by now."""
    return cast.actor(getattr(cast, f"{name}_user"))
