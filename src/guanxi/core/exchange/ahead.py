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
from guanxi.core.exchange.preparing import Begun, Preparer
from guanxi.core.exchange.rows import Staged
from guanxi.core.models.exchange import ImportRun
from guanxi.core.models.stamps import refresh

logger = logging.getLogger("guanxi.exchange")

#: Rows committed together.
BATCH = 1000
#: From so many rows still to come on, a process of their own pays.
LONG = 5000
#: Seconds after which the other process is given up.
PATIENCE = 60.0
#: Rows after which the collector looks for what hangs on itself.
SWEEP = 20_000


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
        sent = self._received()
        if not sent or sent[0][0] <= run.position:
            self.close()
            self.instead = Alone(self.preparer)
            return self.instead.take(run)
        rows = [Staged(*one[:4]) for one in sent]
        told = zip(rows, sent, strict=True)
        self.preparer.expect([Begun(row, one[9] or Filled(), *one[4:9]) for row, one in told if one[4] is not None])
        return rows

    def meanwhile(self) -> None:
        """The other process is at it already."""
        if self.instead is not None:
            self.instead.meanwhile()

    def close(self) -> None:
        """End the other process."""
        self._here.close()
        self._process.kill()
        self._process.join()

    def _received(self) -> list[tuple[Any, ...]] | None:
        try:
            if self._here.poll(PATIENCE):
                found: list[tuple[Any, ...]] = pickle.loads(self._here.recv_bytes())  # noqa: S301 - from our own child
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
            gc.collect(0)
    except BrokenPipeError:
        pass
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        there.close()
        os._exit(0 if inherited else 1)


def _packed(batch: list[Staged], batcher: Batcher) -> list[tuple[Any, ...]]:
    """Rows as plain tuples; the fifth place is ``None`` for one that is refused for what the reader said."""
    begun = {one.row.position: one for one in batcher.begin(batch)}
    found = []
    for row in batch:
        one = begun.get(row.position)
        told: tuple[Any, ...] = (None,) * 6
        if one is not None:
            done = one.given is not None or one.refused is not None
            told = (one.reasons, one.given, one.refused, one.keys, one.draft, None if done else one.filled)
        found.append((row.position, row.number, row.cells, row.problems, *told))
    return found
