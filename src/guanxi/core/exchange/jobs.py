"""Imports and exports that run in the background."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from django.utils import translation

from guanxi.core.access import actors
from guanxi.core.automation.approvals.running import DOERS
from guanxi.core.automation.queue import LONG, every, job
from guanxi.core.exchange import exports, imports, packing, recipe_whole, settingsfile, trusted, wholecheck
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import Operation, User, trouble
from guanxi.core.models.exchange import ImportRun, RecipeRun
from guanxi.core.records.search import index

logger = logging.getLogger("guanxi.exchange")


def _export_approved(actor: Actor, entity: str, values: Mapping[str, Any]) -> None:
    """Make an export that was approved; the applicant is told when it is done, like of any other."""
    operation = exports.export_begin(actor, entity, **values)
    export_do.defer(operation_id=operation.pk)


DOERS["export"] = _export_approved


def _actor(user_id: int | None) -> Actor | None:
    """Who asked for it, with the rights he has now; ``None`` when he is no longer active."""
    if user_id is None:
        return system_actor("import")
    user = User.objects.filter(pk=user_id, is_active=True).first()
    return actors.load(user, via="job") if user else None


@job(name="guanxi.exchange.import_do", queue=LONG)
def import_do(run_id: int) -> None:
    """Go on with a started import until it is done, paused or cancelled."""
    run = ImportRun.objects.filter(pk=run_id, state="running").first()
    actor = _actor(run.user_id) if run else None
    if run and actor:
        imports.import_run(actor, run=run)
        index.catch_up()
    elif run:
        ImportRun.objects.filter(pk=run_id).update(state="paused", message="user")


@job(name="guanxi.exchange.recipe_do", queue=LONG)
def recipe_do(number: int) -> None:
    """Go on with the work of a recipe where it stands: reading its files, its steps, or taking it back."""
    whole = RecipeRun.objects.filter(pk=number, state__in=("staging", "running", "undoing")).first()
    actor = _actor(whole.user_id) if whole else None
    if whole and actor:
        work = {
            "staging": recipe_whole.recipe_stage,
            "running": recipe_whole.recipe_go,
            "undoing": recipe_whole.recipe_undo,
        }
        with translation.override(actor.language):
            work[whole.state](actor, whole=whole)
        index.catch_up()
    elif whole:
        RecipeRun.objects.filter(pk=number, state="running").update(state="paused", message="user")


@job(name="guanxi.exchange.check_do", queue=LONG)
def check_do(run_id: int) -> None:
    """The dry run over all rows of a long file."""
    run = ImportRun.objects.filter(pk=run_id, state="ready").first()
    actor = _actor(run.user_id) if run else None
    if run and actor:
        wholecheck.carry_out(actor, run)


@job(name="guanxi.exchange.export_do", queue=LONG)
def export_do(operation_id: int) -> None:
    """Make an export that was asked for; one that cannot be made says why and is not tried again."""
    operation = Operation.objects.filter(pk=operation_id, sort="export", state="waiting").first()
    actor = _actor(operation.actor_id) if operation else None
    if operation and actor:
        try:
            exports.export_make(actor, operation)
        except (GuanxiError, OSError) as error:
            told = error if isinstance(error, GuanxiError) else trouble.told(error)
            if told is None:
                raise
            logger.error("an export could not be made: %s", error)
            exports.export_failed(actor, operation, told)


@job(name="guanxi.exchange.pack_do", queue=LONG, lock="packs", retry=False)
def pack_do(operation_id: int) -> None:
    """Apply or remove a pack that was asked for, in the name of who asked."""
    rows = Operation.objects.filter(pk=operation_id, sort=packing.SORT, state__in=packing.UNDER_WAY)
    operation = rows.first()
    actor = _actor(operation.actor_id) if operation else None
    try:
        if operation and actor:
            with translation.override(actor.language):
                packing.pack_go(actor, operation)
    finally:  # whatever ended it: nobody waits for it any more
        rows.update(state="failed", finished_at=clock.now())


@every("* * * * *", queue=LONG)
def loads_catch_up(_now: dt.datetime) -> None:
    """Every minute: audit and match keys of rows the operator loaded."""
    trusted.catch_up()


@every("7 * * * *")
def settings_keep(_now: dt.datetime) -> None:
    """Every hour: a version of the settings, if somebody changed them."""
    settingsfile.keep_changed()
