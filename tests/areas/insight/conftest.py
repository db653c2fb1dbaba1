"""What the tests of the area share: purchases, and what was computed from them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from guanxi.areas.insight import (
    services,
)
from guanxi.areas.insight.models import DONE, Calculation
from guanxi.areas.sales.models import Opportunity
from guanxi.core.kernel import clock
from tests.core.web.conftest import browse
from tests.factories.cast import Cast

__all__ = ["browse"]


def purchases(customers: list[int], today: dt.date) -> list[tuple[int, dt.date, float]]:
    """Two years of purchases: everybody has a rhythm, every third has fallen silent lately."""
    chance, rows = np.random.default_rng(3), []
    for place, key in enumerate(customers):
        every, at = 20 + 5 * (place % 5), int(chance.integers(0, 60))
        stop = 730 - (70 if place % 3 == 0 else 0) - (200 if place % 9 == 0 else 0)
        while at < stop:
            rows.append(
                (key, today - dt.timedelta(days=730 - at), float(100 * (1 + place % 7) + chance.integers(0, 50)))
            )
            at += max(2, round(every * float(chance.uniform(0.8, 1.2))))
    return rows


@pytest.fixture
def deals(make: Any, cast: Cast) -> list[Any]:
    """Sixty customers of Alice with deals won."""
    customers = [make("customers.customer") for _number in range(60)]
    stage = make("sales.stage")
    rows = purchases([one.pk for one in customers], clock.today(cast.root.timezone))
    Opportunity.objects.bulk_create(
        Opportunity(
            name="d", customer_id=key, pipeline=stage.pipeline, stage=stage, category="won", value=Decimal(str(value)), carrier_owner_id=cast.alice.user_id,
            closed_at=dt.datetime.combine(day, dt.time(4), dt.UTC),
        )
        for key, day, value in rows
    )  # fmt: skip
    return customers


@pytest.fixture
def done(deals: list[Any], cast: Cast) -> Calculation:
    calculation = services.calculation_ask(cast.root)
    services.calculation_run(calculation)
    assert (calculation.state, calculation.error) == (DONE, "")
    return calculation
