"""Running a recipe: each step is an import of its own, with its outcomes, refused rows and undo."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from guanxi.core.access import actors, require, visible
from guanxi.core.automation.doing import action_do, action_of
from guanxi.core.exchange import imports, people, staging
from guanxi.core.exchange.mapping import FieldMap, Target
from guanxi.core.exchange.reading.table import Table
from guanxi.core.exchange.reasons import Reason, of_invalid, reason
from guanxi.core.exchange.recipe_tables import files_of, said, step_table
from guanxi.core.exchange.recipes import Recipe, Step
from guanxi.core.exchange.rows import Outcome, Staged
from guanxi.core.exchange.running import count, finish, store
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import Operation
from guanxi.core.models.exchange import FAILED, SKIPPED, UPDATED, ImportRun, RecipeRun
from guanxi.core.models.stamps import refresh
from guanxi.core.records import operation_begin, shape, writing
from guanxi.core.records.writing import gathering
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Action, Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: Actions done in one transaction.
BATCH = 50
Told = Callable[[ImportRun], None]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a step: the run it was."""

    step: Step
    run: ImportRun


def recipe_run(
    actor: Actor,
    *,
    recipe: Recipe,
    folder: Path,
    defaults: Mapping[str, Any] | None = None,
    steps: Sequence[int] = (),
    limit: int = 0,
    owner: int | None = 0,
    progress: Told | None = None,
) -> Iterable[Done]:
    """Bring in the files of a folder as a recipe says, step after step; each is done when it is handed out.

    ``defaults`` go before those of the recipe wherever an entity has such a field; ``steps`` are numbers from 1 (none:
    all); ``limit`` is how many records an action is done to at most (0: all). Raises Invalid or Denied before a step of
    which a file, a column or the right is missing; rows that are refused stand in the runs with their reasons.
    """
    whole = RecipeRun.objects.create(
        user_id=actor.user_id, user_name=actor.name, key=recipe.key, recipe=recipe.content, state="running"
    )
    try:
        for number, step in enumerate(recipe.steps, start=1):
            if steps and number not in steps:
                continue
            wanted = _with(step, defaults or {}, owner)
            run = step_stage(actor, folder=folder, step=wanted, limit=limit if step.do else 0)
            ImportRun.objects.filter(pk=run.pk).update(recipe=whole, step=number)
            yield Done(step, step_run(actor, run=run, step=wanted, progress=progress))
    except BaseException as error:  # interrupted from the keyboard, or given up by who asked, it does not run either
        text = str(error) if isinstance(error, GuanxiError) else f"{type(error).__name__}: {error}".rstrip(": ")
        RecipeRun.objects.filter(pk=whole.pk).update(state="failed", message=text[:1000])
        raise
    RecipeRun.objects.filter(pk=whole.pk).update(state="done", finished_at=clock.now())


def step_stage(actor: Actor, *, folder: Path, step: Step, limit: int = 0) -> ImportRun:
    """Read what a step needs of the files into a run of its own, ready to begin; at most ``limit`` rows (0: all).

    Raises Invalid or Denied where a file, a column or the right is missing. Nothing of the records is asked.
    """
    if step.do:
        return _staged_action(actor, folder, step, limit)
    if step.columns:
        table = _cut(step_table(folder, step, step.columns), limit)
        run = imports.import_stage(actor, content=table, name=step.file or step.title, entity=step.entity)
        mapping = FieldMap({index: Target(name) for index, name in enumerate(step.columns)}, step.defaults)
    else:
        (path,) = files_of(folder, step)
        run = imports.import_stage(actor, content=path, name=path.name, entity=step.entity)
        guessed = FieldMap.from_json(run.mapping)
        mapping = replace(guessed, defaults={**guessed.defaults, **step.defaults})
    return imports.import_configure(actor, run=run, mapping=mapping, options=step.options)


def step_run(actor: Actor, *, run: ImportRun, step: Step, progress: Told | None = None) -> ImportRun:
    """Begin a staged step, or go on with it where it stopped, until it is done, paused or cancelled."""
    if step.do:
        return _acted(actor, run, step, progress)
    return imports.import_run(actor, run=imports.import_start(actor, run=run), progress=progress)


def _with(step: Step, defaults: Mapping[str, Any], owner: int | None) -> Step:
    known = shape.fields_of(step.entity)
    given = {name: value for name, value in defaults.items() if name in known}
    options = replace(step.options, owner=owner if step.options.owner == 0 else step.options.owner)
    return replace(step, defaults={**step.defaults, **given}, options=options)


def _cut(table: Table, limit: int) -> Table:
    if not limit:
        return table
    return Table(table.name, table.columns, table.facts, table.problems, lambda: islice(table.rows(), limit))


# -- actions ------------------------------------------------------------------------------------------------------------


def _staged_action(actor: Actor, folder: Path, step: Step, limit: int) -> ImportRun:
    entity, action = entity_of(step.entity), action_of(step.entity, step.do)
    require(actor, "import", entity)
    ((key, column),) = step.find.items()
    run = ImportRun(user_id=actor.user_id, user_name=actor.name, entity=entity.key, state="staging")
    run.file_name = f"{step.file} → {action.label}"[:255]
    run.save()
    staging.stage(run, _cut(step_table(folder, step, {key: column, **step.columns}), limit))
    run.state = "ready"
    run.save()
    return run


def _acted(actor: Actor, run: ImportRun, step: Step, progress: Told | None) -> ImportRun:
    """Do the step's action to the records its rows name; each row is accounted for in the run. What an action does,
    whatever it makes and changes, belongs to the run's operation, and is taken back with it."""
    entity, action = entity_of(step.entity), action_of(step.entity, step.do)
    _begin(actor, entity, run.pk)
    acting = actor.acting_via("import")
    with timezone.override(actor.timezone):
        while _some(actors.renewed(acting), entity, action, step, run.pk):
            run.refresh_from_db()
            if progress:
                progress(run)
    run.refresh_from_db()
    return run


def _begin(actor: Actor, entity: Entity, number: int) -> None:
    """Mark an action's run as running under its one operation, as it stands now; one that is over stays so."""
    with transaction.atomic():
        run = _locked(number)
        if run.state in ("done", "cancelled"):
            return
        if run.operation is None:
            run.operation = operation_begin(actor, "import", entity.key, total=run.total, parameters={"run": run.pk})
        Operation.objects.filter(pk=run.operation.pk).update(state="running")
        run.state, run.message = "running", ""
        run.save(update_fields=["operation", "state", "message"])


def _locked(number: int) -> ImportRun:
    return ImportRun.objects.select_for_update(of=("self",)).select_related("operation").get(pk=number)


def _some(actor: Actor, entity: Entity, action: Action, step: Step, number: int) -> bool:
    """One batch in one transaction, with its outcomes; whether there is more to do (now)."""
    begun = time.monotonic()
    refresh()
    with transaction.atomic():
        run = _locked(number)
        if run.state != "running" or run.operation is None:
            return False
        rows = staging.staged(run, run.position, BATCH)
        if not rows:
            finish(run, "done")
            return False
        with writing(actor, operation=run.operation), gathering(run.operation):
            outcomes = _batch(actor, entity, action, step, rows, run.columns)
            store(run, outcomes)
        count(run, outcomes)
        run.position = rows[-1].position
        run.seconds += time.monotonic() - begun
        run.save(update_fields=["position", "created", "updated", "skipped", "failed", "seconds"])
        Operation.objects.filter(pk=run.operation.pk).update(progress=run.done)
    return True


def _batch(
    actor: Actor, entity: Entity, action: Action, step: Step, rows: Sequence[Staged], columns: Sequence[str]
) -> list[Outcome]:
    key, *names_of = columns
    fields = {one.name: one for one in action.fields if isinstance(one, Field)}
    names = [said(row.cells[0]) for row in rows]
    found = _records(actor, entity, key, names)
    outcomes = []
    for row, name in zip(rows, names, strict=True):
        record, problem = found.get(name, 0), next((dict(one) for one in row.problems or () if one.get("fatal")), None)
        if problem or record <= 0:
            why = problem or reason("row.ambiguous" if record == people.AMBIGUOUS else "row.not_found", count=2)
            outcomes.append(Outcome(row.position, FAILED, None, [why]))
            continue
        raw = {**step.defaults, **{one: said(cell) for one, cell in zip(names_of, row.cells[1:], strict=False)}}
        outcomes.append(_one(actor, entity, action, fields, row, record, raw))
    return outcomes


def _records(actor: Actor, entity: Entity, key: str, names: Iterable[str]) -> dict[str, int]:
    """Ids by the value of a field, over relations too (``order__external_id``); ``AMBIGUOUS`` where several have it."""
    found: dict[str, int] = {}
    rows = visible(entity.model._default_manager.all(), actor).filter(**{f"{key}__in": {one for one in names if one}})
    for name, number in rows.values_list(key, "pk"):
        found[name] = people.AMBIGUOUS if name in found else number
    return found


def _one(
    actor: Actor,
    entity: Entity,
    action: Action,
    fields: Mapping[str, Field],
    row: Staged,
    number: int,
    raw: Mapping[str, Any],
) -> Outcome:
    reasons: list[Reason] = []
    try:
        with transaction.atomic():
            record = visible(entity.model._default_manager.all(), actor).get(pk=number)
            applies = action.applies(record) if action.applies else True
            if applies is not True:
                text = str(applies or _("There is nothing to do."))
                return Outcome(row.position, SKIPPED, number, [{"code": "action.not_now", "text": text}])
            given = {name: kinds.parse(one, raw.get(name)) for name, one in fields.items() if name in raw}
            action_do(actor, record, action.key, given)
    except Invalid as error:
        reasons = of_invalid(error, {name: str(one.label) for name, one in fields.items()})
    except GuanxiError as error:
        reasons = [{"code": error.code, "text": str(error)}]
    except DatabaseError as error:
        reasons = [reason("row.database", reason=str(error).split("\n")[0][:300])]
    return Outcome(row.position, FAILED if reasons else UPDATED, number, reasons)
