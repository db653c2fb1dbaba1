"""The dry run over all rows of a long file: a job, so that the preview can say how it goes on and show what was found."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from django.db import transaction

from guanxi.core.exchange.imports import Check, PreviewRow, import_check
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models.exchange import ImportRun

#: Rows with something to say that are kept for the preview.
KEPT = 500


@dataclass(frozen=True, slots=True)
class Whole:
    """How far the dry run has come: ``rows`` looked at, ``done`` at the end; counts and problems are there then."""

    rows: int = 0
    done: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    problems: tuple[PreviewRow, ...] = ()
    message: str = ""


class _OutdatedError(Exception):
    """The settings or cells changed meanwhile: this dry run is of no use any more."""


def settings_key(run: ImportRun) -> str:
    """Changes with everything the outcome of a dry run depends on."""
    parts = [run.entity, run.mapping, run.options, run.facts.get("edits", 0), run.digest, run.total]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def found(run: ImportRun) -> Whole | None:
    """The dry run of the run as it is set now; ``None`` when none was begun."""
    kept = run.facts.get("check") or {}
    if kept.get("key") != settings_key(run):
        return None
    problems = tuple(PreviewRow(**one) for one in kept.get("problems", ()))
    return Whole(kept["rows"], kept["done"], kept.get("counts", {}), problems, kept.get("message", ""))


def begin(run: ImportRun) -> Whole:
    """Note that the dry run begins; the caller defers the job."""
    _keep(run.pk, settings_key(run), rows=0, done=False)
    return Whole()


def carry_out(actor: Actor, run: ImportRun) -> None:
    """Look at all rows; gives up quietly when the settings change meanwhile. Writes no record."""
    key = settings_key(run)
    try:
        check: Check = import_check(
            actor, run=run, problems=KEPT, progress=lambda rows: _keep(run.pk, key, rows=rows, done=False)
        )
        problems = [asdict(one) for one in check.problems]
        _keep(run.pk, key, rows=check.rows, done=True, counts=check.counts, problems=problems)
    except GuanxiError as error:
        _keep(run.pk, key, rows=run.total, done=True, message=str(error))
    except _OutdatedError:
        return


def _keep(run_id: int | None, key: str, **what: Any) -> None:
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().filter(pk=run_id or 0, state="ready").first()
        if run is None or settings_key(run) != key:
            raise _OutdatedError
        run.facts = {**run.facts, "check": {"key": key, **what}}
        run.save(update_fields=["facts"])
