"""What can be meant but rarely is: a person is asked back before it is written; programs and rules are taken at their word.

A rule of an area says ``doubt(...)`` where it would not refuse. What becomes of that is settled by who writes:

- within :func:`asking` (every page, the API where a program wishes it) the outermost ``writing`` raises all doubts of its
  write together before anything is kept; sent again with “it is meant”, it is written;
- within :func:`heard` (a row of a file, a record of a long bulk change) they are gathered for whoever opened the block;
- elsewhere nobody is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from guanxi.core.kernel.errors import Invalid, Text

CODE = "value.doubtful"


@dataclass(slots=True)
class Ear:
    """Where doubts go; ``asks`` when a write with any is to be refused, ``raised`` what was refused last."""

    asks: bool
    found: list[Invalid] = field(default_factory=list)
    raised: Doubtful | None = None


_ear: ContextVar[Ear | None] = ContextVar("doubts", default=None)


class Doubtful(Invalid):
    """Values that are possible, and that somebody should say are meant."""

    default_code = CODE


@contextmanager
def asking(*, sure: bool) -> Iterator[Ear]:
    """Within, a write with doubts raises Doubtful and nothing of it stays, unless the person is ``sure``."""
    ear = Ear(asks=not sure)
    token = _ear.set(None if sure else ear)
    try:
        yield ear
    finally:
        _ear.reset(token)


class heard:  # noqa: N801 - used as a function; a generator would take twice as long, and each row of a file opens one
    """Within, doubts come into the list this yields and nothing is refused."""

    def __enter__(self) -> list[Invalid]:
        ear = Ear(asks=False)
        self._token = _ear.set(ear)
        return ear.found

    def __exit__(self, *_raised: object) -> None:
        _ear.reset(self._token)


def asked() -> bool:
    """Whether whoever writes now is asked back."""
    ear = _ear.get()
    return ear is not None and ear.asks


def doubt(message: Text, *, field: str, code: str) -> None:
    """Say that a value is possible but rarely meant; says nothing where nobody listens."""
    ear = _ear.get()
    if ear is not None and all(one.field != field for one in ear.found):
        ear.found.append(Invalid(message, code=code, field=field))


def doubtful(found: Sequence[Invalid]) -> Doubtful:
    """Doubts as one error."""
    by_field: dict[str, list[Invalid]] = {}
    for one in found:
        by_field.setdefault(one.field, []).append(one)
    return Doubtful(found[0].message, errors=by_field)


# -- for ``writing`` ----------------------------------------------------------------------------------------------------


def begin(*, outermost: bool) -> int:
    """A write begins: how many doubts there are so far. What was doubted before the outermost one was never written."""
    ear = _ear.get()
    if ear is None:
        return 0
    if outermost and ear.asks:
        ear.found.clear()
    return len(ear.found)


def forget(since: int) -> None:
    """A write was taken back: what it doubted is settled."""
    ear = _ear.get()
    if ear is not None:
        del ear.found[since:]


def settle() -> None:
    """The outermost write is about to be kept. Raises Doubtful where somebody is asked and there is what to ask."""
    ear = _ear.get()
    if ear is not None and ear.asks and ear.found:
        ear.raised = doubtful(ear.found)
        raise ear.raised
