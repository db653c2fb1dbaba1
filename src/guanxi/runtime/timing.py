"""What one request cost: processor time, database, drawing. Told in the header ``Server-Timing`` where ``GUANXI_TIMING`` is on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class Cost:
    """Milliseconds and queries of one request so far."""

    def __init__(self) -> None:
        self.queries = 0
        self.sql = self.render = 0.0
        self._begun, self._worked = time.perf_counter(), time.thread_time()

    def execute(self, run: Callable[..., Any], *given: Any) -> Any:
        """Count and time a statement (an execute wrapper)."""
        begun = time.perf_counter()
        try:
            return run(*given)
        finally:
            self.queries += 1
            self.sql += (time.perf_counter() - begun) * 1000

    def header(self) -> str:
        """As ``Server-Timing``; ``cpu`` is of this thread alone."""
        total, cpu = (time.perf_counter() - self._begun) * 1000, (time.thread_time() - self._worked) * 1000
        return f'sql;dur={self.sql:.2f};desc="{self.queries}", render;dur={self.render:.2f}, cpu;dur={cpu:.2f}, total;dur={total:.2f}'


_current: ContextVar[Cost | None] = ContextVar("guanxi_cost", default=None)


@contextmanager
def counted() -> Iterator[Cost]:
    """Count what happens inside."""
    cost = Cost()
    token = _current.set(cost)
    try:
        yield cost
    finally:
        _current.reset(token)


@contextmanager
def drawing() -> Iterator[None]:
    """What happens inside makes text of data."""
    cost = _current.get()
    begun, asked = time.perf_counter(), cost.sql if cost else 0.0
    try:
        yield
    finally:
        if cost:
            cost.render += (time.perf_counter() - begun) * 1000 - (cost.sql - asked)
