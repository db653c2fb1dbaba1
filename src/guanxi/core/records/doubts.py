"""What can be meant but rarely is: a form asks back before it writes; programs, imports and rules are taken at their word.

A rule of an area says ``doubt(...)`` where it would not refuse. Within :func:`asking` all doubts of a write are gathered and
raised together when it is done, so that nothing of it stays; sent again with “it is meant”, it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from guanxi.core.kernel.errors import Invalid, Text

_gathered: ContextVar[list[Invalid] | None] = ContextVar("doubts", default=None)


class Doubtful(Invalid):
    """Values that are possible, and that somebody should say are meant."""

    default_code = "value.doubtful"


@contextmanager
def asking(*, sure: bool) -> Iterator[None]:
    """Within, doubts are gathered unless the person is ``sure``; Doubtful is raised at the end where there are any."""
    found: list[Invalid] | None = None if sure else []
    token = _gathered.set(found)
    try:
        yield
    finally:
        _gathered.reset(token)
    if found:
        by_field: dict[str, list[Invalid]] = {}
        for one in found:
            by_field.setdefault(one.field, []).append(one)
        raise Doubtful(found[0].message, errors=by_field)


def doubt(message: Text, *, field: str, code: str) -> None:
    """Say that a value is possible but rarely meant; says nothing where nobody is asked."""
    found = _gathered.get()
    if found is not None and all(one.field != field for one in found):
        found.append(Invalid(message, code=code, field=field))
