"""The run itself: batch by batch, each one transaction with the outcomes of its rows."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone

from guanxi.core.access import actors
from guanxi.core.exchange import staging
from guanxi.core.exchange.batches import Batcher, safely
from guanxi.core.exchange.plans import batcher_of
from guanxi.core.exchange.rows import Outcome, Staged
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import Operation
from guanxi.core.models.exchange import OUTCOMES, ImportRun
from guanxi.core.models.stamps import refresh
from guanxi.core.records.copying import copy_lines, plain
from guanxi.core.records.writing import UNDO_FOR, writing
from guanxi.runtime.failpoints import reach

#: Rows committed together.
BATCH = 1000
#: Rows after which the collector looks for what hangs on itself.
SWEEP = 20_000
NULL = "\\N"
Progress = Callable[[ImportRun], None]


def import_run(actor: Actor, *, run: ImportRun, progress: Progress | None = None) -> ImportRun:
    """Bring in all rows that have no outcome yet, batch by batch, until done, paused or cancelled.

    May be called again after a crash. Each batch is done with the rights the actor has by then.
    A failure of the run itself is noted on it and raised.
    """
    acting = actor.acting_via("import")
    try:
        with timezone.override(actor.timezone), _undisturbed():
            batcher = batcher_of(acting, run)
            coming: list[Staged] = []
            while (following := _batch(acting, run.pk, batcher, coming)) is not None:
                coming = following
                if progress:
                    run.refresh_from_db()
                    progress(run)
                if (now := actors.renewed(acting)).rights != acting.rights:
                    batcher, coming = batcher_of(now, run), []
                acting = now
    except Exception as error:
        message = str(error) if isinstance(error, GuanxiError) else f"{type(error).__name__}: {error}"
        ImportRun.objects.filter(pk=run.pk, state="running").update(state="failed", message=message[:1000])
        raise
    run.refresh_from_db()
    if progress:
        progress(run)
    return run


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


def _batch(actor: Actor, run_id: int, batcher: Batcher, rows: list[Staged]) -> list[Staged] | None:
    """One batch in one transaction: ``rows`` if they are the next ones, else those that are.

    Returns the rows behind them, or ``None`` when there is no more to do (now).
    """
    begun = time.monotonic()
    refresh()
    with transaction.atomic():
        run = ImportRun.objects.select_for_update(of=("self",)).select_related("operation").get(pk=run_id)
        if run.state != "running":
            return None
        with connection.cursor() as cursor:
            # An outcome and its rows are one commit: after a crash of the server the run goes on from the last that lasted.
            cursor.execute("SET LOCAL synchronous_commit = off")
        if not rows or rows[0].position <= run.position:
            rows = staging.staged(run, run.position, BATCH)
        if not rows:
            if _settle(actor, run, batcher):
                return []
            finish(run, "done")
            return None
        coming = staging.staged(run, rows[-1].position, BATCH)
        with writing(actor, operation=run.operation):
            outcomes = safely(batcher, rows, run.operation, coming)
        _store(run, outcomes)
        run.position = rows[-1].position
        run.seconds += time.monotonic() - begun
        run.save(update_fields=["position", "created", "updated", "skipped", "failed", "seconds"])
        Operation.objects.filter(pk=run.operation_id or 0).update(progress=run.done, result=_result(run))
        reach("import.before_commit")
    reach("import.after_commit")
    if run.position // SWEEP != rows[0].position // SWEEP:
        gc.collect()
    return coming


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
        remaining = batcher.settle([(record_id, reasons) for _position, record_id, reasons in found], run.operation)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_importoutcome o SET reasons = r.reasons::jsonb FROM unnest(%s::bigint[], %s::text[]) AS r(position, reasons)"
            " WHERE o.run_id = %s AND o.position = r.position",
            [[one[0] for one in found], [_json(left) if left else None for left in remaining], run.pk],
        )
    return True


def _store(run: ImportRun, outcomes: list[Outcome]) -> None:
    lines = [
        f"{run.pk}\t{one.position}\t{one.outcome}\t{one.record_id or NULL}"
        f"\t{plain(_json(one.reasons)) if one.reasons else NULL}"
        for one in outcomes
    ]
    copy_lines("core_importoutcome", ("run_id", "position", "outcome", "record_id", "reasons"), lines)
    for one in outcomes:
        name = OUTCOMES[one.outcome]
        setattr(run, name, getattr(run, name) + 1)


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
