"""A pack applied or removed in the background: asked for on a page, done by a job, its progress and end kept as an operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from guanxi.core.automation.notify import notify
from guanxi.core.exchange import packs
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.records.writing import operation_begin, writing

SORT = "pack"
UNDER_WAY = ("waiting", "running")
APPLIED = gettext_noop("The pack “%(name)s” is applied.")
REMOVED = gettext_noop("The pack “%(name)s” is removed.")
FAILED = gettext_noop("The pack “%(name)s” stays as it was: %(reason)s")


def pack_begin(actor: Actor, key: str, *, removing: bool = False, with_samples: bool = True) -> Operation:
    """Ask for a pack to be applied or removed; the job is the caller's to defer. Raises Denied, NotFound, RuleBroken."""
    packs.require_all_rights(actor)
    pack = packs.pack_of(key)
    with writing(actor):
        if Operation.objects.filter(sort=SORT, state__in=UNDER_WAY).exists():
            raise RuleBroken(_("Another pack is being applied or removed; wait for it to end."), code="pack.busy")
        samples = with_samples and not removing
        total = sum(len(table.rows) for table in pack.samples if not table.steps) if samples else 1
        return operation_begin(
            actor, SORT, state="waiting", total=total, undo_until=clock.now(),
            parameters={"pack": key, "removing": removing, "samples": samples},
        )  # fmt: skip


def pack_go(actor: Actor, operation: Operation) -> Operation:
    """Do what was asked for, whole or not at all; may be called again after a crash."""
    asked = operation.parameters
    name = packs.pack_of(asked["pack"]).name
    _keep(operation, state="running")
    try:
        if asked["removing"]:
            made = packs.remove(actor, asked["pack"])
        else:
            with _beside(operation) as told:
                made = packs.apply(actor, asked["pack"], with_samples=asked["samples"], told=told)
    except GuanxiError as error:
        reason = " ".join(error.sentences)
        _keep(operation, state="failed", result={"reason": reason}, finished_at=clock.now())
        _tell(operation, FAILED, name=name, reason=reason)
        return operation
    result = {
        "changed": made.changed, "samples": made.samples, "samples_kept": made.samples_kept, "kept": list(made.kept),
    }  # fmt: skip
    _keep(operation, state="done", progress=operation.total, result=result, finished_at=clock.now())
    _tell(operation, REMOVED if asked["removing"] else APPLIED, name=name)
    return operation


def _tell(operation: Operation, text: str, **values: str) -> None:
    notify([operation.actor_id or 0], "operation", text, values, once=f"operation:{operation.pk}")


def latest() -> dict[str, Operation]:
    """What was last asked for of each pack, by its key."""
    rows = Operation.objects.filter(sort=SORT).order_by("parameters__pack", "-pk").distinct("parameters__pack")
    return {one.parameters["pack"]: one for one in rows}


def _keep(operation: Operation, **values: object) -> None:
    for name, value in values.items():
        setattr(operation, name, value)
    operation.save(update_fields=list(values))


@contextmanager
def _beside(operation: Operation) -> Iterator[Callable[[int], None]]:
    """Tells the progress on a connection of its own: what is applied is seen by others only when it is whole."""
    other = connection.copy()

    def told(count: int) -> None:
        with other.cursor() as cursor:
            cursor.execute("UPDATE core_operation SET progress = %s WHERE id = %s", [count, operation.pk])

    try:
        yield told
    finally:
        other.close()
