"""``guanxi import FOLDER --recipe NAME``: the files of another system, step by step."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from guanxi.core.cli.workspace import load
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.runtime.words import say as _


def run_recipe(actor: Actor, folder: str, given: dict[str, Any], owner: int | None) -> list[dict[str, Any]]:
    """What came of each step, told as it is done unless JSON is wanted. A step that cannot begin ends the run."""
    quiet, results = given["as_json"], []
    defaults = {name: value for name, _equals, value in (pair.partition("=") for pair in given["defaults"])}
    try:
        recipe = load("guanxi.core.exchange.recipes:recipe_read")(given["recipe"])
        steps = load("guanxi.core.exchange.recipe_running:recipe_run")
        for done in steps(
            actor,
            recipe=recipe,
            folder=Path(folder),
            defaults=defaults,
            owner=owner,
            steps=given["steps"],
            limit=given["limit"],
        ):
            results.append(_told(done))
            if not quiet:
                click.echo(
                    _(
                        "%(file)s → %(entity)s: %(rows)d rows; created %(created)d, updated %(updated)d, skipped %(skipped)d, "
                        "refused %(failed)d."
                    )
                    % results[-1]
                )
            if given["errors"] and done.run.failed:
                _write_errors(actor, Path(given["errors"]), done.run, len(results))
    except GuanxiError as error:
        results.append({"file": given["recipe"], "state": "refused", "code": error.code, "reason": str(error)})
        if not quiet:
            click.echo(_("%(file)s was refused: %(reason)s") % results[-1], err=True)
    catch_up: Callable[..., None] = load("guanxi.core.records.search.index:catch_up")
    catch_up()
    return results


def _told(done: Any) -> dict[str, Any]:
    run = done.run
    return {
        "run": run.pk, "step": done.step.title or done.step.entity, "file": run.file_name, "entity": run.entity, "state": run.state,
        "rows": run.total, "created": run.created, "updated": run.updated, "skipped": run.skipped, "failed": run.failed,
    }  # fmt: skip


def _write_errors(actor: Actor, place: Path, run: Any, number: int) -> None:
    """Refused rows of one step beside those of the others: ``refused.csv`` becomes ``refused-4.csv``."""
    path = place.with_name(f"{place.stem}-{number}{place.suffix or '.csv'}")
    with path.open("wb") as out:
        form = "xlsx" if path.suffix.lower() == ".xlsx" else "csv"
        load("guanxi.core.exchange.results:import_write_errors")(actor, run=run, out=out, format=form)
    click.echo(_("%(rows)d rows written to %(file)s.") % {"rows": run.failed, "file": path}, file=sys.stderr)
