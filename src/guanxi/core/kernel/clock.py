"""The one source of time, so that tests and simulations can move it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from zoneinfo import ZoneInfo

_frozen: ContextVar[dt.datetime | None] = ContextVar("guanxi_clock", default=None)


def now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return _frozen.get() or dt.datetime.now(dt.UTC)


def today(timezone: str) -> dt.date:
    """The present day in the named time zone (IANA name)."""
    return day_of(now(), timezone)


def day_of(moment: dt.datetime, timezone: str) -> dt.date:
    """The day a moment (aware) belongs to in the named time zone."""
    return moment.astimezone(ZoneInfo(timezone)).date()


def day_start(day: dt.date, timezone: str) -> dt.datetime:
    """The moment ``day`` begins in the named time zone, aware, in UTC."""
    return dt.datetime.combine(day, dt.time.min, ZoneInfo(timezone)).astimezone(dt.UTC)


@contextmanager
def moved_to(moment: dt.datetime) -> Iterator[None]:
    """Within the block the clock stands at ``moment`` (aware)."""
    if moment.tzinfo is None:
        raise ValueError("moved_to needs an aware datetime")
    token = _frozen.set(moment.astimezone(dt.UTC))
    try:
        yield
    finally:
        _frozen.reset(token)
