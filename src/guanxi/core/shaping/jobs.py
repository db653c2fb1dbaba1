"""Jobs of the shape: derived values that are due, those that read the clock."""

from __future__ import annotations

import datetime as dt

from guanxi.core.automation.queue import every, job
from guanxi.core.kernel.actor import system_actor
from guanxi.core.models.stamps import refresh
from guanxi.core.records import derived
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.registry import entity_of, is_registered

#: Turns of one run, each at most 2,000 records in a transaction of its own.
_TURNS = 200


@job(lock="derived")
def derived_settle() -> None:
    """Reckon again what is due, until nothing is."""
    refresh()
    actor = system_actor("derived values")
    for _turn in range(_TURNS):
        with writing(actor):
            done = derived.settle_rest(actor, emit)
        if not done:
            return


@every("* * * * *")
def derived_look(_now: dt.datetime) -> None:
    """Every minute: what was written past the application, or was too much for one writing."""
    derived_settle()


@every("5 16 * * *")
def derived_of_the_day(_now: dt.datetime) -> None:
    """Once a day, after midnight in China: formulas that read the clock."""
    refresh()
    for key in derived.volatile_entities():
        if is_registered(key):
            derived.mark_all(entity_of(key))
    derived_settle()
