"""Where a run's next rows come from: the staging table, begun while the database writes the batch before them.

A long file's rows are read and begun by a process of their own (``Beside``), so that three work at the same time: it,
this process, which matches and writes, and PostgreSQL. It asks nothing that another batch may change, and writes
nothing. If it falls silent, this process does its work (``Alone``).
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import pickle
import signal
import warnings
from multiprocessing.connection import Connection
from typing import Any, Protocol

from django.db import DEFAULT_DB_ALIAS, connections

from guanxi.core.exchange import staging
from guanxi.core.exchange.batches import Batcher
from guanxi.core.exchange.filling import Filled
from guanxi.core.exchange.matchrule import Sought, packed, unpacked
from guanxi.core.exchange.preparing import Begun, Preparer
from guanxi.core.exchange.rows import Staged
from guanxi.core.models.exchange import ImportRun
from guanxi.core.models.stamps import refresh

logger = logging.getLogger("guanxi.exchange")

#: Rows committed together.
BATCH = 2000
#: From so many rows still to come on, a process of their own pays.
LONG = 5000
#: Seconds after which the other process is given up.
PATIENCE = 60.0
#: Batches after which the collector looks through everything for what hangs on itself.
SWEEP = 10

#: What is left to fill of a row that is clean or refused already.
_NOTHING = Filled()
#: Rows as they are sent, plain; and what they stand under.
_Batch = tuple[list[tuple[Any, ...]], Sought | None]
_NO_MORE: _Batch = ([], None)


class Source(Protocol):
    """Gives the rows of a run batch by batch."""

    def take(self, run: ImportRun) -> list[Staged]:
        """The rows behind those that are done, in order; the preparer is told what is begun of them already."""

    def meanwhile(self) -> None:
        """What there is to do while the database writes."""

    def close(self) -> None:
        """Give back what it holds."""


def source_of(run: ImportRun, batcher: Batcher) -> Source:
    """The source that suits what is left of a run."""
    return Beside(run, batcher) if run.total - run.position >= LONG else Alone(batcher.preparer)


class Alone:
    """Reads the batch after the next, and begins it while the next is written."""

    def __init__(self, preparer: Preparer) -> None:
        self.preparer = preparer
        self.coming: list[Staged] = []

    def take(self, run: ImportRun) -> list[Staged]:
        """The rows behind those that are done."""
        rows = self.coming
        if not rows or rows[0].position <= run.position:
            rows = staging.staged(run, run.position, BATCH)
        self.coming = staging.staged(run, rows[-1].position, BATCH) if rows else []
        return rows

    def meanwhile(self) -> None:
        """Begin the next rows."""
        self.preparer.look_ahead(self.coming)

    def close(self) -> None:
        """Nothing is held."""


class Beside:
    """Takes rows that a forked process has begun."""

    def __init__(self, run: ImportRun, batcher: Batcher) -> None:
        self.preparer = batcher.preparer
        self.instead: Alone | None = None
        self._coming: _Batch | None = None
        fork = multiprocessing.get_context("fork")
        self._here, there = fork.Pipe(duplex=False)
        # Daemonic: it never outlives us. What other threads hold at the fork it does not need; should it hang, see PATIENCE.
        self._process = fork.Process(target=_begin_all, args=(there, self._here, run, batcher), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        there.close()

    def take(self, run: ImportRun) -> list[Staged]:
        """The rows behind those that are done, with what the other process made of them."""
        if self.instead is not None:
            return self.instead.take(run)
        sent = self._received() if self._coming is None else self._coming
        self._coming = None
        if sent is None or not sent[0] or sent[0][0][0] <= run.position:
            self.close()
            self.instead = Alone(self.preparer)
            return self.instead.take(run)
        rows: list[Staged] = []
        begun: list[Begun] = []
        for position, number, cells, problems, *told in sent[0]:
            row = Staged(position, number, cells, problems)
            rows.append(row)
            if told:
                filled, reasons, *rest = told
                begun.append(Begun(row, filled or _NOTHING, reasons or [], *rest))
        self.preparer.expect(begun, sent[1])
        return rows

    def meanwhile(self) -> None:
        """Take over the next batch if it has been begun already."""
        if self.instead is not None:
            self.instead.meanwhile()
        elif self._coming is None and self._here.poll():
            self._coming = self._received() or _NO_MORE

    def close(self) -> None:
        """End the other process."""
        self._here.close()
        self._process.kill()
        self._process.join()

    def _received(self) -> _Batch | None:
        try:
            if self._here.poll(PATIENCE):
                found: _Batch = pickle.loads(self._here.recv_bytes())  # noqa: S301 - from our own child
                return found
            reason = "it did not answer"
        except (EOFError, OSError) as error:
            reason = f"{type(error).__name__}: {error}"
        logger.warning("rows of an import are no longer begun beside it", extra={"reason": reason})
        return None


def _begin_all(there: Connection, here: Connection, run: ImportRun, batcher: Batcher) -> None:
    """In the forked process: begin batch after batch until all are sent or nobody listens any more."""
    here.close()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent's connection stays the parent's: it is not closed here, another one is opened.
    inherited = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        after, rows = run.position, True
        while rows:
            refresh()
            batch = staging.staged(run, after, BATCH)
            there.send_bytes(pickle.dumps(_packed(batch, batcher), pickle.HIGHEST_PROTOCOL))
            rows = bool(batch)
            after = batch[-1].position if batch else after
            # A refusal hangs on itself, and by its frames on the whole batch.
            del batch
            gc.collect(0)
    except BrokenPipeError:
        pass
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        there.close()
        os._exit(0 if inherited else 1)


def _packed(batch: list[Staged], batcher: Batcher) -> _Batch:
    """Rows as they are sent; those refused for what the reader said as they are staged."""
    begun = {one.row.position: one for one in batcher.begin(batch)}
    keys = {at: unpacked(one.keys) for at, one in begun.items() if one.keys is not None and one.refused is None}
    found: list[tuple[Any, ...]] = []
    for row in batch:
        staged = (row.position, row.number, row.cells if batcher.companions else (), row.problems)
        one = begun.get(row.position)
        if one is None:
            found.append(staged)
            continue
        done = one.given is not None or one.refused is not None
        told = (one.reasons or None, one.given, one.refused, one.keys and packed(one.keys), one.draft)
        found.append((*staged, None if done else one.filled, *told))
    return found, batcher.matcher.sought(keys) if keys else None
