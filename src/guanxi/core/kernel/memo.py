"""What one page asks several times is answered once: results kept for the length of a request that only reads."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_held: ContextVar[dict[Hashable, Any] | None] = ContextVar("guanxi_memo", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Answers inside are remembered until the end; for requests that write nothing."""
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def remembers() -> bool:
    """Whether answers are being remembered now."""
    return _held.get() is not None


def asked_once(key: Callable[P, Hashable]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Within ``remembering`` a call with the same ``key(*arguments)`` gets the answer of the first; nobody may change it."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def ask(*arguments: P.args, **named: P.kwargs) -> T:
            held = _held.get()
            if held is None:
                return function(*arguments, **named)
            place = (function, key(*arguments, **named))
            if place not in held:
                held[place] = function(*arguments, **named)
            return held[place]  # type: ignore[no-any-return]

        return ask

    return decorate
