"""The first pipeline by the keys of its stages, and a pool."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.areas.customers.models import Pool
from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import Stage
from tests.factories.cast import Cast


@pytest.fixture
def stages(cast: Cast) -> dict[str, Stage]:
    """The stages every workspace starts with, by key."""
    return {one.key: one for one in selectors.stages_of(selectors.pipelines()[0].pk)}


@pytest.fixture
def pool(cast: Cast, make: Any) -> Pool:
    """A pool of customers of the southern department with 30 days without follow-up, 10 at level A."""
    found: Pool = make("customers.pool", daily_limit=2, bar_days=7, warn_days=3)
    make("customers.poolmember", pool=found, department=cast.south)
    make("customers.poolrule", pool=found, days=30)
    make("customers.poolrule", pool=found, days=10, level="a")
    return found
