"""A batch that the database refuses, written in smaller parts, so that only the guilty rows fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from django.db import DatabaseError

from guanxi.core.exchange.batches import Batcher
from guanxi.core.exchange.reasons import reason
from guanxi.core.exchange.rows import Outcome, Staged
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import Operation
from guanxi.core.models.exchange import FAILED
from guanxi.core.models.stamps import refresh
from guanxi.core.records.copying import behind
from guanxi.core.records.writing import writing


def safely(
    batcher: Batcher,
    rows: Sequence[Staged],
    operation: Operation | None,
    store: Callable[[list[Outcome]], None],
    *,
    meanwhile: Callable[[], None],
    again: Callable[[], Sequence[Staged]],
) -> list[Outcome]:
    """:meth:`Batcher.run`; when the database refuses the batch, in smaller parts, so that only the guilty rows fail.

    ``store`` writes the outcomes down, ``meanwhile`` is done while the database writes, ``again`` reads the rows anew.
    """
    batcher.touched = set()
    with suppress(DatabaseError, GuanxiError), _tried(batcher, operation), behind():
        written = batcher.run(rows, operation=operation)
        store(written)
        meanwhile()
        return written
    outcomes = _apart(batcher, again(), operation)
    store(outcomes)
    return outcomes


def _apart(batcher: Batcher, rows: Sequence[Staged], operation: Operation | None) -> list[Outcome]:
    """The outcomes of rows that are refused together: a tenth of them at a time, down to the single one."""
    size, found = max(1, len(rows) // 10), list[Outcome]()
    for part in (rows[at : at + size] for at in range(0, len(rows), size)):
        try:
            with _tried(batcher, operation):
                done = batcher.run(part, operation=operation)
        except (GuanxiError, DatabaseError) as error:
            done = _apart(batcher, part, operation) if len(part) > 1 else [_refused(part[0], error)]
        found += done
    return found


@contextmanager
def _tried(batcher: Batcher, operation: Operation | None) -> Iterator[None]:
    """Rows all of which are written, or none: then what they announced and what is remembered of them goes too."""
    makers = [batcher.preparer.choices, *(one.preparer.choices for one in batcher.companions)]
    touched, made = set(batcher.touched), [dict(one.made) for one in makers]
    try:
        with writing(batcher.actor, operation=operation):
            yield
    except (GuanxiError, DatabaseError):
        batcher.touched = touched
        for one, before in zip(makers, made, strict=True):
            one.made = before
        refresh()  # choices that were added are gone again
        raise


def _refused(row: Staged, error: GuanxiError | DatabaseError) -> Outcome:
    if isinstance(error, GuanxiError):
        return Outcome(row.position, FAILED, None, [{"code": error.code, "text": str(error)}])
    text = str(error).split("\n")[0][:300]
    return Outcome(row.position, FAILED, None, [reason("row.database", reason=text)])
