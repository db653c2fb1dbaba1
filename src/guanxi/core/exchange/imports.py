"""Bringing a file in, step by step: stage, configure, preview, check, run; pause, cancel, undo.

Every function takes the actor first. What a run has done is committed batch by batch together with the outcome of each
row, so a run that was killed goes on where it stopped: no row is lost, none is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from guanxi.core.access import require
from guanxi.core.exchange import guessing, staging
from guanxi.core.exchange.ahead import BATCH
from guanxi.core.exchange.mapping import FieldMap
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.plans import batcher_of, columns_of
from guanxi.core.exchange.reading import open_table
from guanxi.core.exchange.reading.table import Table
from guanxi.core.exchange.reasons import texts
from guanxi.core.exchange.rows import Outcome, Staged
from guanxi.core.exchange.running import Progress, finish, import_run
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.models.exchange import (
    CREATED,
    FAILED,
    OUTCOMES,
    SKIPPED,
    UPDATED,
    ImportMapping,
    ImportOutcome,
    ImportRow,
    ImportRun,
)
from guanxi.core.records.undo import UndoResult, undo
from guanxi.core.records.writing import operation_begin, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

__all__ = [
    "Check",
    "PreviewRow",
    "Progress",
    "counts_of",
    "import_cancel",
    "import_check",
    "import_configure",
    "import_edit",
    "import_get",
    "import_list",
    "import_pace",
    "import_pause",
    "import_preview",
    "import_run",
    "import_stage",
    "import_start",
    "import_undo",
]


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """What would become of one row: ``outcome`` created, updated, skipped or failed; ``reasons`` for people."""

    position: int
    number: int
    cells: list[str]
    outcome: str
    record_id: int | None
    reasons: str


@dataclass(slots=True)
class Check:
    """A dry run: counts over the rows looked at, and rows with something to say (at most so many as asked)."""

    rows: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES.values(), 0))
    problems: list[PreviewRow] = field(default_factory=list)


def import_stage(
    actor: Actor,
    *,
    content: Path | str | bytes | Table,
    name: str = "",
    entity: Entity | str = "",
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header_row: int | None = None,
    run: ImportRun | None = None,
    progress: Callable[[int], None] | None = None,
) -> ImportRun:
    """Read a file, or a table made of files, into the staging table and guess entity and mapping; the run is then ``ready``.

    ``run`` stages the same run anew with other reading choices. Raises Invalid when the file cannot be read, Denied
    without the right to import.
    """
    if entity:
        require(actor, "import", entity_of(entity))
    if isinstance(content, Table):
        table = content
    else:
        table = open_table(
            content, name=name, sheet=sheet, encoding=encoding, delimiter=delimiter, header_row=header_row
        )
    if run is None:
        run = ImportRun(user_id=actor.user_id, user_name=actor.name)
    run.file_name = (name or (Path(content).name if isinstance(content, Path | str) else table.name))[:255]
    run.digest = "" if isinstance(content, Table) else staging.digest(content)
    run.state = "staging"
    run.save()
    sample = staging.stage(run, table, progress)
    _suggest(actor, run, table, sample, entity)
    run.state = "ready"
    run.save()
    return run


def _suggest(actor: Actor, run: ImportRun, table: Table, sample: list[list[str]], entity: Entity | str) -> None:
    """Entity, mapping and options for a freshly staged run: what was used last for these columns, else a guess."""
    if entity:
        declared: Entity | None = entity_of(entity)
        mapping = guessing.auto_map(actor, declared or "", table.columns, sample)
    else:
        declared, mapping = guessing.guess_entity(actor, table.columns, sample, name=run.file_name)
    run.entity = declared.key if declared else ""
    run.mapping, run.options = mapping.as_json(), Options().as_json()
    if declared is None or actor.user_id is None:
        return
    kept = ImportMapping.objects.filter(
        user_id=int(actor.user_id), entity=declared.key, fingerprint=staging.fingerprint(run.columns)
    ).first()
    if kept is not None:
        run.mapping, run.options = kept.mapping, kept.options


def import_get(actor: Actor, *, run_id: int) -> ImportRun:
    """One's own run (anybody's for those with all rights). Raises NotFound."""
    run = ImportRun.objects.filter(pk=run_id).first()
    if run is None or not (run.user_id == actor.user_id or actor.rights.everything or actor.is_system):
        raise NotFound
    return run


def import_list(actor: Actor, *, limit: int = 50) -> list[ImportRun]:
    """One's own runs, the latest first (all runs for those with all rights); steps of recipes are not among them."""
    runs = ImportRun.objects.filter(recipe=None).order_by("-pk")
    if not (actor.rights.everything or actor.is_system):
        runs = runs.filter(user_id=actor.user_id or 0)
    return list(runs[:limit])


def import_configure(
    actor: Actor,
    *,
    run: ImportRun,
    entity: Entity | str = "",
    mapping: FieldMap | Mapping[str, Any] | None = None,
    options: Options | Mapping[str, Any] | None = None,
) -> ImportRun:
    """Set entity, mapping or options of a run that has not begun. Raises Invalid, Denied, RuleBroken."""
    if run.state not in ("ready", "staging"):
        raise RuleBroken(_("This import has begun already."), code="import.begun")
    if entity:
        declared = entity_of(entity)
        if declared.key != run.entity and mapping is None:
            mapping = guessing.auto_map(actor, declared, columns_of(run), staging.sample_rows(run))
        run.entity = declared.key
    if mapping is not None:
        run.mapping = (mapping if isinstance(mapping, FieldMap) else FieldMap.from_json(mapping)).as_json()
    if options is not None:
        run.options = (options if isinstance(options, Options) else Options.from_json(options)).as_json()
    batcher_of(actor, run)
    run.save(update_fields=["entity", "mapping", "options"])
    return run


def import_check(
    actor: Actor, *, run: ImportRun, limit: int = 0, problems: int = 1000, progress: Callable[[int], None] | None = None
) -> Check:
    """A dry run over the first ``limit`` rows (0: all). Nothing is written, whatever happens; no row stays locked longer
    than a batch takes. ``progress`` may write, and raise to stop.
    """
    found = Check()
    batcher, after = batcher_of(actor, run), 0
    while rows := staging.staged(run, after, min(BATCH, limit - found.rows) if limit else BATCH):
        with transaction.atomic():
            outcomes = batcher.run(rows, operation=None, write=False)
            transaction.set_rollback(True)
        for row, outcome in zip(rows, outcomes, strict=True):
            found.counts[OUTCOMES[outcome.outcome]] += 1
            if (outcome.reasons or outcome.outcome == FAILED) and len(found.problems) < problems:
                found.problems.append(_preview_row(row, outcome))
        found.rows += len(rows)
        after = rows[-1].position
        if progress:
            progress(found.rows)
        if limit and found.rows >= limit:
            break
    return found


def import_preview(actor: Actor, *, run: ImportRun, limit: int = 50, after: int = 0) -> list[PreviewRow]:
    """What would become of the first rows, or those after the position ``after``. Nothing is written."""
    with transaction.atomic():
        batcher = batcher_of(actor, run)
        rows = staging.staged(run, after, limit)
        outcomes = batcher.run(rows, operation=None, write=False)
        transaction.set_rollback(True)
    return [_preview_row(row, outcome) for row, outcome in zip(rows, outcomes, strict=True)]


def _preview_row(row: Staged, outcome: Outcome) -> PreviewRow:
    return PreviewRow(
        row.position, row.number, list(row.cells), OUTCOMES[outcome.outcome], outcome.record_id, texts(outcome.reasons)
    )


def import_edit(actor: Actor, *, run: ImportRun, position: int, column: int, value: str) -> None:
    """Change one staged cell before the import (in the preview). Raises NotFound, RuleBroken."""
    if run.state != "ready":
        raise RuleBroken(_("This import has begun already."), code="import.begun")
    row = ImportRow.objects.filter(run=run, position=position).first()
    if row is None or not 0 <= column < len(row.cells) or import_get(actor, run_id=run.pk or 0).pk != run.pk:
        raise NotFound
    cells = list(row.cells)
    cells[column] = value[:100_000].replace("\0", "")
    ImportRow.objects.filter(run=run, position=position).update(cells=cells, problems=None)
    run.facts = {**run.facts, "edits": int(run.facts.get("edits", 0)) + 1}
    run.save(update_fields=["facts"])


def import_start(actor: Actor, *, run: ImportRun) -> ImportRun:
    """Begin, or go on with, a run: checks everything, records the operation, marks it running. Rows follow in ``import_run``."""
    batcher = batcher_of(actor, run)
    with writing(actor):
        current = _locked(run.pk)
        if current.state not in ("ready", "paused", "running", "failed"):
            raise RuleBroken(_("This import is over."), code="import.over")
        if current.operation_id is None:
            parameters = {"run": current.pk, "file": current.file_name}
            current.operation = operation_begin(
                actor, "import", batcher.entity.key, state="running", total=current.total, parameters=parameters
            )
        Operation.objects.filter(pk=current.operation_id or 0).update(state="running")
        current.state, current.message = "running", ""
        current.entity, current.mapping, current.options = run.entity, run.mapping, run.options
        current.save()
        _remember(actor, current)
    return current


def _locked(run_id: int | None) -> ImportRun:
    return ImportRun.objects.select_for_update().get(pk=run_id or 0)


def _remember(actor: Actor, run: ImportRun) -> None:
    """Offer this mapping next time for files with the same columns."""
    if actor.user_id is not None:
        ImportMapping.objects.update_or_create(
            user_id=actor.user_id,
            entity=run.entity,
            fingerprint=staging.fingerprint(run.columns),
            defaults={"mapping": run.mapping, "options": run.options, "used_at": clock.now()},
        )


def import_pause(actor: Actor, *, run: ImportRun) -> ImportRun:
    """Stop after the present batch; ``import_start`` and ``import_run`` go on."""
    return _halt(actor, run, ("running",), "paused")


def import_cancel(actor: Actor, *, run: ImportRun) -> ImportRun:
    """Stop for good after the present batch; what is done stays, and can be undone."""
    return _halt(actor, run, ("ready", "staging", "running", "paused", "failed"), "cancelled")


def _halt(actor: Actor, run: ImportRun, states: tuple[str, ...], state: str) -> ImportRun:
    with transaction.atomic():
        current = _locked(import_get(actor, run_id=run.pk or 0).pk)
        if current.state not in states:
            raise RuleBroken(_("This import is not running."), code="import.not_running")
        if state == "cancelled":
            finish(current, state)
        else:
            current.state = state
            current.save(update_fields=["state"])
    return current


def import_undo(actor: Actor, *, run: ImportRun) -> UndoResult:
    """Take an import back: made records go to the trash, changed ones get their old values, unless changed since."""
    current = import_get(actor, run_id=run.pk or 0)
    if current.operation_id is None or current.state in ("running", "paused"):
        raise RuleBroken(_("Only an import that is over can be undone."), code="import.not_over")
    return undo(actor, current.operation_id)


def import_pace(run: ImportRun) -> tuple[float, float]:
    """Rows per second so far, and the seconds left at that pace."""
    rate = run.done / run.seconds if run.seconds else 0.0
    return rate, (run.total - run.done) / rate if rate else 0.0


def counts_of(run: ImportRun) -> dict[str, int]:
    """Counts by outcome as stored row by row; their sum is the number of rows that are done."""
    counts = dict.fromkeys(OUTCOMES.values(), 0)
    for outcome in (CREATED, UPDATED, SKIPPED, FAILED):
        counts[OUTCOMES[outcome]] = ImportOutcome.objects.filter(run=run, outcome=outcome).count()
    return counts
