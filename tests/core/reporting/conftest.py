"""A small business whose every figure is known: gadgets of three people, with dates, prices, places."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import translation

from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.reporting import engine
from guanxi.core.reporting.results import Result
from guanxi.core.reporting.spec import read
from tests.factories.cast import Cast

NOW = dt.datetime(2026, 5, 20, 3, 0, tzinfo=dt.UTC)

#: owner, state, price, currency, made on, sold at (UTC), region, pieces
ROWS = (
    ("alice", "new", "100.00", "CNY", "2026-01-05", "2026-01-31T17:00:00Z", "CN4403", 5),
    ("alice", "new", "250.50", "CNY", "2026-02-10", "2026-02-01T03:00:00Z", "CN4401", 60),
    ("alice", "used", "80.00", "USD", "2026-02-20", "2026-03-01T03:00:00Z", "CN3301", None),
    ("alice", "broken", "0.25", "CNY", "2025-02-15", "2025-02-10T03:00:00Z", "", 5),
    ("bob", "new", "40.00", "CNY", "2026-03-01", "2026-03-31T16:30:00Z", "CN3301", 12),
    ("bob", "used", None, "CNY", "2026-03-02", None, "CN44", 700),
    ("charlie", "new", "999.99", "EUR", "2026-02-11", "2026-02-11T10:00:00Z", "CN110105", 1),
    ("charlie", "broken", "10.00", "CNY", None, None, "", None),
)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """Words are English unless a page says otherwise."""
    with translation.override("en"):
        yield


@pytest.fixture
def frozen() -> Iterator[None]:
    """The clock stands in May 2026."""
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def world(frozen: None, cast: Cast, make: Callable[..., Any]) -> list[Any]:
    """The gadgets of ``ROWS``."""
    return [
        make(
            "fakes.gadget", by=getattr(cast, f"{who}_user"), state=state, price=price, currency=currency,
            made_on=made, sold_at=sold, region=region, pieces=pieces,
        )
        for who, state, price, currency, made, sold, region, pieces in ROWS
    ]  # fmt: skip


def ask(actor: Actor, **definition: Any) -> Result:
    """Run a report on gadgets."""
    return engine.run(actor, read({"dataset": "fakes.gadget", **definition}))


def table(result: Result, column: int = 0) -> dict[str, Any]:
    """The figures of one column by the name of their group."""
    return {" / ".join(head.label for head in row.heads): row.cells[column].value for row in result.rows}


def listed(actor: Actor, result: Result, node: Any) -> int:
    """How many records the list behind a figure holds."""
    return records.queryset(actor, result.entity, filter=node or None).count()


def assert_lists(actor: Actor, result: Result) -> None:
    """Every count equals the number of records its own filter lists."""
    seen = 0
    for row in (*result.rows, result.total):
        for column, cell in zip(result.columns, row.cells, strict=True):
            if result.spec.measures[column.measure].how == "count" and cell.node is not None:
                assert listed(actor, result, cell.node) == cell.value, (row.heads, column.label, cell.node)
                seen += 1
    assert seen
