"""Bringing a text in, and what came of it."""

from __future__ import annotations

from typing import Any

from guanxi.core.exchange import imports
from guanxi.core.exchange.options import Options
from guanxi.core.kernel.actor import Actor
from guanxi.core.models.exchange import ImportOutcome, ImportRun

CUSTOMER, CONTACT = "customers.customer", "customers.contact"


def bring(
    actor: Actor, text: str, entity: str = CUSTOMER, *, name: str = "x.csv", mapping: Any = None, **options: Any
) -> ImportRun:
    """Stage, configure and run a text."""
    run = imports.import_stage(actor, content=text.encode(), name=name, entity=entity)
    imports.import_configure(actor, run=run, mapping=mapping, options=Options(**options))
    run = imports.import_run(actor, run=imports.import_start(actor, run=run))
    assert run.state == "done"
    assert run.total == run.done == sum(imports.counts_of(run).values())
    return run


def counts(run: ImportRun) -> tuple[int, int, int, int]:
    return run.created, run.updated, run.skipped, run.failed


def reasons(run: ImportRun) -> list[str]:
    found = ImportOutcome.objects.filter(run=run).order_by("position").values_list("reasons", flat=True)
    return [one["code"] for row in found for one in row or ()]
