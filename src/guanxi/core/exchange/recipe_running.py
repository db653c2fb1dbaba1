"""Running a recipe: each step is an import of its own, with its outcomes, refused rows and undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from guanxi.core.access import require, visible
from guanxi.core.automation.doing import action_do, action_of
from guanxi.core.exchange import imports, people, staging
from guanxi.core.exchange.mapping import FieldMap, Target
from guanxi.core.exchange.reasons import Reason, of_invalid, reason
from guanxi.core.exchange.recipe_tables import files_of, said, step_table
from guanxi.core.exchange.recipes import Recipe, Step
from guanxi.core.exchange.rows import Outcome, Staged
from guanxi.core.exchange.running import finish, store
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models.exchange import FAILED, SKIPPED, UPDATED, ImportRun
from guanxi.core.records import operation_begin, shape, writing
from guanxi.core.records.writing import gathering
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Action, Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: Actions done in one transaction.
BATCH = 100
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
    owner: int = 0,
    progress: Told | None = None,
) -> Iterable[Done]:
    """Bring in the files of a folder as a recipe says, step after step; each is done when it is handed out.

    ``defaults`` go before those of the recipe wherever an entity has such a field; ``steps`` are numbers from 1 (none:
    all); ``limit`` is how many records an action is done to at most (0: all). Raises Invalid or Denied before a step of
    which a file, a column or the right is missing; rows that are refused stand in the runs with their reasons.
    """
    for number, step in enumerate(recipe.steps, start=1):
        if steps and number not in steps:
            continue
        if step.do:
            run = _acted(actor, folder, step, limit)
        else:
            run = _imported(actor, folder, _with(step, defaults or {}, owner), progress)
        yield Done(step, run)


def _with(step: Step, defaults: Mapping[str, Any], owner: int) -> Step:
    known = shape.fields_of(step.entity)
    given = {name: value for name, value in defaults.items() if name in known}
    options = replace(step.options, owner=step.options.owner or owner)
    return replace(step, defaults={**step.defaults, **given}, options=options)


def _imported(actor: Actor, folder: Path, step: Step, progress: Told | None) -> ImportRun:
    if step.columns:
        table = step_table(folder, step, step.columns)
        run = imports.import_stage(actor, content=table, name=step.file or step.title, entity=step.entity)
        mapping = FieldMap({index: Target(name) for index, name in enumerate(step.columns)}, step.defaults)
    else:
        (path,) = files_of(folder, step)
        run = imports.import_stage(actor, content=path, name=path.name, entity=step.entity)
        guessed = FieldMap.from_json(run.mapping)
        mapping = replace(guessed, defaults={**guessed.defaults, **step.defaults})
    imports.import_configure(actor, run=run, mapping=mapping, options=step.options)
    return imports.import_run(actor, run=imports.import_start(actor, run=run), progress=progress)


# -- actions ------------------------------------------------------------------------------------------------------------


def _acted(actor: Actor, folder: Path, step: Step, limit: int) -> ImportRun:
    """Do the step's action to the records its rows name, so many as allowed; each row is accounted for in a run."""
    entity, action = entity_of(step.entity), action_of(step.entity, step.do)
    require(actor, "import", entity)
    ((key, column),) = step.find.items()
    table = step_table(folder, step, {key: column, **step.columns})
    run = ImportRun(user_id=actor.user_id, user_name=actor.name, entity=entity.key, state="staging")
    run.file_name = f"{step.file} → {action.label}"[:255]
    run.save()
    staging.stage(run, table)
    run.state = "running"
    run.operation = operation_begin(actor, "import", entity.key, state="running", total=run.total)
    run.save()
    with timezone.override(actor.timezone):
        while rows := staging.staged(run, run.position, min(BATCH, limit - run.position) if limit else BATCH):
            with writing(actor, operation=run.operation), gathering(run.operation):
                store(run, _batch(actor, entity, action, step, rows))
                run.position = rows[-1].position
                run.save(update_fields=["position", "created", "updated", "skipped", "failed"])
            if limit and run.position >= limit:
                run.total = run.position
                run.save(update_fields=["total"])
                break
    finish(run, "done")
    return run


def _batch(actor: Actor, entity: Entity, action: Action, step: Step, rows: Sequence[Staged]) -> list[Outcome]:
    (key,) = step.find
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
        raw = {**step.defaults, **{one: said(cell) for one, cell in zip(step.columns, row.cells[1:], strict=False)}}
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
