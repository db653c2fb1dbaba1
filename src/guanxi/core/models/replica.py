"""Reads that may be a moment old go to a streaming replica, as long as it keeps up; everything else stays on the primary.

``reading()`` puts the replica's connection in the place of the primary's for the body, in this thread: selectors, raw SQL and
templates need not know. What a process keeps under stamps is made on the primary (``on_primary``), or an old state would be
kept under a new stamp. A replica never takes a write: the server refuses it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections

ALIAS, PRIMARY = "replica", "default"
#: A replica that is further behind is left alone; one that failed is asked again after so long.
MOST_BEHIND_SECONDS, AGAIN_SECONDS, LOOK_SECONDS = 10.0, 5.0, 1.0

_held = threading.local()
_lock = threading.Lock()


@dataclass
class _State:
    """What this process knows of the replica."""

    looked: float = -1e9
    away_until: float = -1e9
    reached: int = -1
    behind: float = 1e9
    reason: str = ""


_state = _State()
#: When the primary was seen at which place of its journal, oldest first.
_seen: deque[tuple[float, int]] = deque(maxlen=120)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the replica stands: whether it is used, seconds behind at most, and why not."""

    used: bool
    behind: float
    reason: str = ""


def configured() -> bool:
    """Whether there is a replica at all."""
    return ALIAS in settings.DATABASES


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """The body reads the replica wherever it says nothing else."""
    own = connections[PRIMARY]
    _held.primary = own
    connections[PRIMARY] = connections[ALIAS]
    try:
        yield
    finally:
        connections[PRIMARY] = own
        _held.primary = None


@contextlib.contextmanager
def on_primary() -> Iterator[None]:
    """The body reads the primary, also within ``reading``."""
    own = getattr(_held, "primary", None)
    if own is None:
        yield
        return
    here = connections[PRIMARY]
    connections[PRIMARY] = own
    try:
        yield
    finally:
        connections[PRIMARY] = here


def written() -> str:
    """The place of the journal up to which this process has written: what a reader must have reached to see it."""
    return _asked(connections[PRIMARY], "SELECT pg_current_wal_insert_lsn()::text")[0]  # type: ignore[no-any-return]


def place_of(text: str) -> int:
    """A place of the journal as a number; -1 when the text is none."""
    high, slash, low = text.partition("/")
    with contextlib.suppress(ValueError):
        if slash and len(high) <= 8 and len(low) <= 8:
            return (int(high, 16) << 32) + int(low, 16)
    return -1


def usable(after: str = "") -> bool:
    """Whether the replica may answer now: it keeps up, and has reached the place ``after`` if one is named."""
    if not configured():
        return False
    _look()
    if time.monotonic() < _state.away_until or _state.behind > MOST_BEHIND_SECONDS:
        return False
    wanted = place_of(after) if after else -1
    if wanted > _state.reached:
        try:
            _state.reached = max(_state.reached, _reached())
        except DatabaseError as error:
            failed(error)
            return False
    return wanted <= _state.reached


def standing() -> Standing:
    """How the replica stands, for those who look after the installation."""
    used = usable()
    return Standing(used, round(_state.behind, 1), _state.reason)


def failed(error: BaseException) -> None:
    """Leave the replica alone for a while."""
    _state.away_until = time.monotonic() + AGAIN_SECONDS
    _state.reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    with contextlib.suppress(Exception):
        connections[ALIAS].close()


def _look() -> None:
    """Once a second one thread compares both servers; the others believe what is known."""
    now = time.monotonic()
    if now - _state.looked < LOOK_SECONDS or now < _state.away_until or not _lock.acquire(blocking=False):
        return
    try:
        _state.looked = now
        _seen.append((now, place_of(_asked(connections[PRIMARY], "SELECT pg_current_wal_lsn()::text")[0])))
        _state.reached = _reached()
        passed = [at for at, place in _seen if place <= _state.reached]
        _state.behind = now - passed[-1] if passed else now - _seen[0][0] + 2 * MOST_BEHIND_SECONDS
        _state.reason = ""
    except DatabaseError as error:
        failed(error)
    finally:
        _lock.release()


def _reached() -> int:
    place, standby = _asked(connections[ALIAS], "SELECT pg_last_wal_replay_lsn()::text, pg_is_in_recovery()")
    if not standby:
        raise DatabaseError("the reading database is no replica (any more)")
    return place_of(place or "")


def _asked(connection: Any, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def forget() -> None:
    """Know nothing (tests)."""
    _seen.clear()
    _state.__init__()  # type: ignore[misc]
