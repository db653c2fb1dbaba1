"""Stamps: what is cached in a process is kept only as long as its stamp in the database stays the same.

``refresh()`` reads all stamps in one query; it runs at the start of each request and job. ``bump()`` belongs in the
transaction that changes the thing. Values never repeat, so a rolled-back change leaves no false cache behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

from django.db import connection

from guanxi.core.models import fixed
from guanxi.core.models.replica import on_primary
from guanxi.core.models.shape import Stamp

T = TypeVar("T")
_known: dict[str, int] = {}
_read_at = 0.0
_state = 0
_lock = Lock()

#: What follows a change of a stamp in this process: name → function, and the value it last saw.
_followers: dict[str, Callable[[], None]] = {}
_followed: dict[str, int] = {}

#: Outside requests a stamp read this many seconds ago is still believed.
PATIENCE = 1.0


def refresh() -> None:
    """Read all stamps anew."""
    global _read_at  # noqa: PLW0603 - one reading per process
    with on_primary():
        read: dict[str, int] = dict(fixed.ask("SELECT name, value FROM core_stamp"))
    with _lock:
        if read != _known:
            _known.clear()
            _known.update(read)
            _changed()
        _read_at = time.monotonic()
    _follow()


def follow(name: str, function: Callable[[], None]) -> None:
    """Call a function in every process when a stamp changed there: at the next reading, or at once where it was bumped.

    A stamp nobody ever bumped calls nothing.
    """
    _followers[name] = function


def _follow() -> None:
    for name, function in list(_followers.items()):
        value = _known.get(name, 0)
        if _followed.get(name, 0) != value:
            _followed[name] = value
            with on_primary():
                function()


def state() -> int:
    """Another number whenever any stamp changed in this process; asks nothing."""
    return _state


def _changed() -> None:
    global _state  # noqa: PLW0603 - one counter per process
    _state += 1


def current(name: str) -> int:
    """The value of a stamp, at most ``PATIENCE`` seconds old."""
    if time.monotonic() - _read_at > PATIENCE:
        refresh()
    return _known.get(name, 0)


def bump(*names: str) -> None:
    """Make everything cached under these stamps outdated, here at once and elsewhere after commit."""
    with connection.cursor() as cursor:
        for name in sorted(names):
            cursor.execute(
                f"INSERT INTO {Stamp._meta.db_table} AS s (name, value)"  # noqa: S608 - our own table name
                " VALUES (%s, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
                " ON CONFLICT (name) DO UPDATE SET value = greatest(excluded.value, s.value + 1) RETURNING value",
                [name],
            )
            found = cursor.fetchone()
            _known[name] = found[0] if found else 0
    _changed()
    _follow()


class Kept(Generic[T]):
    """A function's results, kept per arguments while its stamp stays the same; at most ``size`` of them."""

    def __init__(self, stamp: str, make: Callable[..., T], size: int = 2000) -> None:
        self.stamp, self.make, self.size = stamp, make, size
        self._held: dict[Hashable, tuple[int, T]] = {}

    def __call__(self, *arguments: Any) -> T:
        if time.monotonic() - _read_at > PATIENCE:
            refresh()
        now, held = _known.get(self.stamp, 0), self._held.get(arguments)
        if held is not None and held[0] == now:
            return held[1]
        with on_primary():
            made = self.make(*arguments)
        if len(self._held) >= self.size:
            self._held.clear()
        self._held[arguments] = (now, made)
        return made

    def clear(self) -> None:
        """Forget everything (tests)."""
        self._held.clear()


def kept(stamp: str, size: int = 2000) -> Callable[[Callable[..., T]], Kept[T]]:
    """Decorator form of :class:`Kept`; arguments must be hashable."""
    return lambda make: Kept(stamp, make, size)
