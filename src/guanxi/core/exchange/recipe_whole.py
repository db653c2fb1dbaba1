"""A recipe as one piece of work: its files gathered, every step staged and looked at, done in order, taken back as one.

All rows are read into the staging table before anything is written, so what was looked at is what comes in, and a work
that was killed goes on from the batch that lasted, without the files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from guanxi.core.access import allowed, require
from guanxi.core.exchange import imports
from guanxi.core.exchange.reading import files_of
from guanxi.core.exchange.reading.source import Source
from guanxi.core.exchange.reasons import texts
from guanxi.core.exchange.recipe_running import step_run, step_stage
from guanxi.core.exchange.recipes import Recipe, fitting, places, recipe_of, recipe_read
from guanxi.core.exchange.results import import_rows
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound, RuleBroken
from guanxi.core.models.exchange import ImportOutcome, ImportRun, RecipeRun
from guanxi.core.records import files
from guanxi.core.records.undo import undo
from guanxi.core.schema.registry import entity_of

#: States in which nothing has been written yet.
OPEN = ("collecting", "staging", "ready")
PIECE = 1 << 20


@dataclass(slots=True)
class _Upload:
    name: str | None
    source: Source

    def chunks(self) -> Iterator[bytes]:
        """The content in pieces."""
        with self.source.open() as stream:
            while piece := stream.read(PIECE):
                yield piece


def recipes_for(actor: Actor) -> list[Recipe]:
    """Recipes that come along of which the actor may bring in every step."""
    found = [recipe_read(name) for name in places()]
    return [one for one in found if all(allowed(actor, "import", entity_of(step.entity)) for step in one.steps)]


def recipe_begin(actor: Actor, *, recipe: Recipe) -> RecipeRun:
    """A new piece of work. Raises Denied without the right to import what one of the steps makes."""
    for step in recipe.steps:
        require(actor, "import", entity_of(step.entity))
    whole = RecipeRun(user_id=actor.user_id, user_name=actor.name, key=recipe.key[:100], recipe=recipe.content)
    whole.save()
    return whole


def recipe_get(actor: Actor, *, number: int) -> RecipeRun:
    """One's own work (anybody's for those with all rights). Raises NotFound."""
    whole: RecipeRun | None = RecipeRun.objects.filter(pk=number).first()
    if whole is None or not (whole.user_id == actor.user_id or actor.rights.everything or actor.is_system):
        raise NotFound
    return whole


def recipe_list(actor: Actor, *, limit: int = 20) -> list[RecipeRun]:
    """One's own works, the latest first (all for those with all rights)."""
    rows = RecipeRun.objects.order_by("-pk")
    if not (actor.rights.everything or actor.is_system):
        rows = rows.filter(user_id=actor.user_id or 0)
    return list(rows[:limit])


def recipe_in(whole: RecipeRun) -> Recipe:
    """The recipe the work follows."""
    return recipe_of(whole.recipe, name=whole.key)


def own_recipe(content: Path, name: str) -> Recipe:
    """A recipe somebody wrote and uploads. Raises Invalid."""
    if content.stat().st_size > PIECE:
        raise Invalid(_("The recipe %(name)s is too long.") % {"name": name}, code="recipe.shape", field="recipe")
    return recipe_of(content.read_bytes(), name=name)


def recipe_add(actor: Actor, *, whole: RecipeRun, uploads: Mapping[str, Path]) -> list[str]:
    """Take files in, those of archives too, by name; answers the names the recipe has no use for. Raises Invalid."""
    with transaction.atomic():
        _locked(actor, whole)
        whole.refresh_from_db()
        if whole.state not in OPEN:
            raise RuleBroken(_("This import has begun already."), code="import.begun")
        wanted, unused = recipe_in(whole).files(), []
        for name, path in uploads.items():
            for source in files_of(path, name):
                own = files.clean_name(source.name)
                if any(fitting([own], pattern) for pattern in wanted):
                    whole.files[own] = files.store(_Upload(own, source)).digest
                else:
                    unused.append(own)
        whole.runs.all().delete()
        whole.state, whole.message = "collecting" if missing(whole) else "staging", ""
        whole.save()
    return unused


def missing(whole: RecipeRun) -> list[str]:
    """Names of the files that are not there yet."""
    return [pattern for pattern in recipe_in(whole).files() if not fitting(whole.files, pattern)]


def recipe_stage(actor: Actor, *, whole: RecipeRun) -> RecipeRun:
    """Read every step; the work is then ``ready``, or ``collecting`` with the reason and open for other files.

    Where further files came meanwhile, or somebody ended it, that holds and what was read is forgotten.
    """
    recipe = recipe_in(whole)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / files.clean_name(whole.key)
        folder.mkdir()
        for name, digest in whole.files.items():
            (folder / name).symlink_to(files.readable(digest).resolve())
        try:
            with transaction.atomic():
                whole.runs.all().delete()
                for number, step in enumerate(recipe.steps, start=1):
                    at = _("Step %(number)d: %(reason)s")
                    try:
                        run = step_stage(actor, folder=folder, step=step)
                    except GuanxiError as error:
                        raise Invalid(at % {"number": number, "reason": error}, code=error.code) from error
                    ImportRun.objects.filter(pk=run.pk).update(recipe=whole, step=number)
                if not _was_read(whole, "ready"):
                    transaction.set_rollback(True)
        except GuanxiError as error:
            _was_read(whole, "collecting", str(error)[:1000])
    whole.refresh_from_db()
    return whole


def _was_read(whole: RecipeRun, state: str, message: str = "") -> bool:
    """The state after reading, unless something else happened to the work meanwhile."""
    same = RecipeRun.objects.filter(pk=whole.pk, state="staging", files=whole.files)
    return bool(same.update(state=state, message=message))


def runs_of(whole: RecipeRun) -> list[ImportRun]:
    """The runs of its steps, in order."""
    return list(whole.runs.order_by("step"))


def recipe_start(actor: Actor, *, whole: RecipeRun) -> RecipeRun:
    """Begin, or go on. Raises RuleBroken when it runs or is over; call ``recipe_go`` for the work itself."""
    with transaction.atomic():
        current = _locked(actor, whole)
        if current.state == "running":
            raise RuleBroken(_("This import has begun already."), code="import.begun")
        if current.state not in ("ready", "paused", "failed"):
            raise RuleBroken(_("This import is over."), code="import.over")
        current.state, current.message = "running", ""
        current.save(update_fields=["state", "message"])
    return current


def recipe_go(actor: Actor, *, whole: RecipeRun) -> RecipeRun:
    """Do the steps that are not done yet, until all are or somebody stops it. May be called again after a crash."""
    recipe = recipe_in(whole)
    try:
        for run in runs_of(whole):
            whole.refresh_from_db()
            if whole.state != "running":
                return whole
            run.refresh_from_db()
            if run.state != "done" or _refused(run):
                ended = step_run(actor, run=_afresh(run), step=recipe.steps[run.step - 1])
                if ended.state != "done":
                    break
                _need_some(ended)
    except GuanxiError as error:
        RecipeRun.objects.filter(pk=whole.pk, state="running").update(state="failed", message=str(error)[:1000])
    except Exception as error:
        text = f"{type(error).__name__}: {error}"[:1000]
        RecipeRun.objects.filter(pk=whole.pk, state="running").update(state="failed", message=text)
        raise
    else:
        if all(run.state == "done" for run in runs_of(whole)):
            RecipeRun.objects.filter(pk=whole.pk, state="running").update(state="done", finished_at=clock.now())
    whole.refresh_from_db()
    return whole


def _refused(run: ImportRun) -> bool:
    """Whether not one of a step's rows could be used: what follows from it cannot be either."""
    return bool(run.total) and run.failed == run.total


def _need_some(run: ImportRun) -> None:
    if _refused(run):
        why = next((texts(reasons) for _row, _outcome, _cells, reasons, _record in import_rows(run)), "")
        text = _("Step %(number)d: every row was refused: %(reason)s Put it right and go on.")
        raise RuleBroken(text % {"number": run.step, "reason": why}, code="recipe.refused")


def _afresh(run: ImportRun) -> ImportRun:
    """A step of which every row was refused is done again from its first row."""
    if run.state == "done":
        ImportOutcome.objects.filter(run=run).delete()
        run.state, run.position, run.failed = "paused", 0, 0
        run.save(update_fields=["state", "position", "failed"])
    return run


def recipe_halt(actor: Actor, *, whole: RecipeRun, how: str) -> RecipeRun:
    """Pause, or cancel what is left; the batch at hand is finished, what is done stays and can be taken back."""
    with transaction.atomic():
        current = _locked(actor, whole)
        if current.state not in ("running", "paused", "failed", *OPEN) or (
            how == "paused" and current.state != "running"
        ):
            raise RuleBroken(_("This import is not running."), code="import.not_running")
        current.state = how
        current.finished_at = clock.now() if how == "cancelled" else None
        current.save(update_fields=["state", "finished_at"])
        for run in current.runs.filter(state="running"):
            (imports.import_pause if how == "paused" else imports.import_cancel)(actor, run=run)
    return current


def recipe_undo_begin(actor: Actor, *, whole: RecipeRun) -> RecipeRun:
    """Mark a work that is over as being taken back; ``recipe_undo`` does it. Raises RuleBroken."""
    with transaction.atomic():
        current = _locked(actor, whole)
        if current.state not in ("done", "cancelled", "failed", "undoing"):
            raise RuleBroken(_("Only an import that is over can be undone."), code="import.not_over")
        current.state = "undoing"
        current.save(update_fields=["state"])
    return current


def recipe_undo(actor: Actor, *, whole: RecipeRun) -> RecipeRun:
    """Take all steps back, the last first: what they made goes to the trash, what actions did to records is put back.

    Each step is one transaction, so it may be called again. What others changed since stays; the result counts it. Where a
    step cannot be taken back any more, the work is ``cancelled`` with the reason.
    """
    result = {"undone": 0, "skipped": 0, **whole.result}
    state, message = "undone", ""
    try:
        for run in reversed(runs_of(whole)):
            operation = run.operation
            if operation is None or operation.undone_at is not None:
                continue
            if operation.state in ("waiting", "running"):
                imports.import_cancel(actor, run=run)
            found = undo(actor, operation.pk)
            result["undone"] += found.undone
            result["skipped"] += len(found.skipped)
            RecipeRun.objects.filter(pk=whole.pk).update(result=result)
    except GuanxiError as error:
        state, message = "cancelled", str(error)[:1000]
    RecipeRun.objects.filter(pk=whole.pk).update(state=state, message=message, result=result)
    whole.refresh_from_db()
    return whole


def _locked(actor: Actor, whole: RecipeRun) -> RecipeRun:
    found: RecipeRun = RecipeRun.objects.select_for_update().get(pk=recipe_get(actor, number=whole.pk).pk)
    return found
