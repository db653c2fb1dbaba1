"""The run itself: batch by batch, each one transaction with the outcomes of its rows."""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone

from guanxi.core.access import actors
from guanxi.core.exchange import later, staging
from guanxi.core.exchange.ahead import BATCH, LONG, SWEEP, Source, source_of
from guanxi.core.exchange.batches import Batcher
from guanxi.core.exchange.parting import safely
from guanxi.core.exchange.plans import batcher_of
from guanxi.core.exchange.rows import Outcome
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import Operation
from guanxi.core.models.exchange import OUTCOMES, ImportRun
from guanxi.core.models.stamps import refresh
from guanxi.core.records import doubts
from guanxi.core.records.copying import copy_lines, plain
from guanxi.core.records.writing import UNDO_FOR, writing
from guanxi.runtime.failpoints import reach

NULL = "\\N"
Progress = Callable[[ImportRun], None]


def import_run(actor: Actor, *, run: ImportRun, progress: Progress | None = None) -> ImportRun:
    """Bring in all rows that have no outcome yet, batch by batch, until done, paused or cancelled.

    May be called again after a crash. Each batch is done with the rights the actor has by then. A failure of the run
    itself is noted on it and raised. The search documents of a long file are left for later: call
    ``records.search.index.catch_up`` when the rows are in.
    """
    acting = actor.acting_via("import")
    try:
        with timezone.override(actor.timezone), _undisturbed(), doubts.heard():  # rows keep what is doubted of them
            while _some_batches(actors.renewed(acting), run, progress):
                run.refresh_from_db()
    except Exception as error:
        message = str(error) if isinstance(error, GuanxiError) else f"{type(error).__name__}: {error}"
        ImportRun.objects.filter(pk=run.pk, state="running").update(state="failed", message=message[:1000])
        raise
    run.refresh_from_db()
    if progress:
        progress(run)
    return run


def _some_batches(actor: Actor, run: ImportRun, progress: Progress | None) -> bool:
    """Batches until the run stops (``False``) or the actor's rights have changed (``True``: go on with the new ones)."""
    batcher = batcher_of(actor, run)
    batcher.search_later = run.total >= LONG
    with closing(source_of(run, batcher)) as source:
        batches = 0
        while _batch(actor, run.pk, batcher, source):
            batches += 1
            gc.collect(0 if batches % SWEEP else 2)
            if progress:
                run.refresh_from_db()
                progress(run)
            if actors.renewed(actor).rights != actor.rights:
                return True
    return False


@contextmanager
def _undisturbed() -> Iterator[None]:
    """What is loaded already is not looked through for garbage while millions of values pass, and the thread that
    talks to the database gets its turn at once."""
    interval, enabled = sys.getswitchinterval(), gc.isenabled()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.unfreeze()
        if enabled:
            gc.enable()


def _batch(actor: Actor, run_id: int, batcher: Batcher, source: Source) -> bool:
    """One batch in one transaction; whether there is more to do (now)."""
    begun = time.monotonic()
    refresh()
    with transaction.atomic():
        run = ImportRun.objects.select_for_update(of=("self",)).select_related("operation").get(pk=run_id)
        if run.state != "running":
            return False
        with connection.cursor() as cursor:
            # An outcome and its rows are one commit: after a crash of the server the run goes on from the last that lasted.
            cursor.execute("SET LOCAL synchronous_commit = off")
        rows = source.take(run)
        if not rows:
            if _settle(actor, run, batcher):
                return True
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = on")  # what is said to be done lasts, all before it too
            finish(run, "done")
            return False
        with writing(actor, operation=run.operation, savepoint=False):
            again = partial(staging.staged, run, run.position, len(rows))
            outcomes = safely(
                batcher, rows, run.operation, partial(store, run), meanwhile=source.meanwhile, again=again
            )
        count(run, outcomes)
        run.position = rows[-1].position
        run.seconds += time.monotonic() - begun
        run.save(update_fields=["position", "created", "updated", "skipped", "failed", "seconds"])
        Operation.objects.filter(pk=run.operation_id or 0).update(progress=run.done, result=_result(run))
        reach("import.before_commit")
    reach("import.after_commit")
    return True


def _settle(actor: Actor, run: ImportRun, batcher: Batcher) -> bool:
    """Resolve references to records that came further down in the file, a batch at a time; whether there were any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT position, record_id, reasons FROM core_importoutcome WHERE run_id = %s AND outcome IN (1, 2)"
            ' AND reasons @> \'[{"code": "reference.later"}]\' ORDER BY position LIMIT %s',
            [run.pk, BATCH],
        )
        found = [
            (row[0], row[1], orjson.loads(row[2]) if isinstance(row[2], str) else row[2]) for row in cursor.fetchall()
        ]
    if not found:
        return False
    with writing(actor, operation=run.operation):
        waiting = [(record_id, reasons) for _position, record_id, reasons in found]
        remaining = later.resolve(batcher, waiting, run.operation)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_importoutcome o SET reasons = r.reasons::jsonb FROM unnest(%s::bigint[], %s::text[]) AS r(position, reasons)"
            " WHERE o.run_id = %s AND o.position = r.position",
            [[one[0] for one in found], [_json(left) if left else None for left in remaining], run.pk],
        )
    return True


def store(run: ImportRun, outcomes: list[Outcome]) -> None:
    """Write down what became of rows."""
    lines = [
        f"{run.pk}\t{one.position}\t{one.outcome}\t{one.record_id or NULL}"
        f"\t{plain(_json(one.reasons)) if one.reasons else NULL}"
        for one in outcomes
    ]
    copy_lines("core_importoutcome", ("run_id", "position", "outcome", "record_id", "reasons"), lines)


def count(run: ImportRun, outcomes: list[Outcome]) -> None:
    """Count what became of rows on the run, which is not saved."""
    for outcome, how_many in Counter(one.outcome for one in outcomes).items():
        name = OUTCOMES[outcome]
        setattr(run, name, getattr(run, name) + how_many)


def _json(value: Any) -> str:
    return str(orjson.dumps(value, default=str).decode())


def _result(run: ImportRun) -> dict[str, int]:
    return {"done": run.created + run.updated, "created": run.created, "updated": run.updated,
            "skipped": run.skipped, "failed": run.failed}  # fmt: skip


def finish(run: ImportRun, state: str) -> None:
    run.state, run.finished_at = state, clock.now()
    run.save(update_fields=["state", "finished_at"])
    now = clock.now()
    Operation.objects.filter(pk=run.operation_id or 0).update(
        state="done" if state == "done" else "cancelled",
        finished_at=now,
        undo_until=now + UNDO_FOR,
        progress=run.done,
        result=_result(run),
    )
