"""Jobs of the shape: derived values that are due, those that read the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import psycopg
from django.db import DatabaseError, transaction

from guanxi.core.automation.queue import LONG, every, job
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import Unavailable
from guanxi.core.models import FieldIndex
from guanxi.core.models.stamps import refresh
from guanxi.core.records import derived
from guanxi.core.records.search import index
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.shaping import indexes

#: Turns of one run, each at most 2,000 records in a transaction of its own.
_TURNS = 200


@job(queue=LONG, lock="derived")
def derived_settle() -> None:
    """Reckon again what is due, until nothing is."""
    refresh()
    actor = system_actor("derived values")
    for _turn in range(_TURNS):
        with writing(actor):
            done = derived.settle_rest(actor, emit)
        if not done:
            return


@job(queue=LONG, lock="field_index")
def index_build(entity: str, field: str) -> None:
    """Make the index of a custom field somebody filters or sorts by."""
    found = FieldIndex.objects.filter(entity=entity, field=field).exclude(state="ready").first()
    if found is None:
        return
    refresh()
    try:
        indexes.build(found)
    except Unavailable:
        FieldIndex.objects.filter(pk=found.pk).update(state="waiting", error=FieldIndex.OWNER)
    except (DatabaseError, psycopg.Error) as error:
        FieldIndex.objects.filter(pk=found.pk).update(state="failed", error=str(error)[:300])
        raise


@job(queue=LONG, lock="search_again")
def search_again(entity: str, key: str) -> None:
    """Records that hold a field which is found again, or as another kind, get new search documents."""
    refresh()
    if not is_registered(entity):
        return
    declared, last = entity_of(entity), 0
    held = declared.model._default_manager.filter(custom__has_key=key).order_by("pk")
    while True:
        with transaction.atomic():
            records = list(held.filter(pk__gt=last).select_for_update(of=("self",), no_key=True)[: index.BATCH])
            index.index_records(declared, records)
        if not records:
            return
        last = records[-1].pk


def index_wanted(entity: Entity, names: Iterable[str]) -> list[FieldIndex]:
    """Ask for the indexes of custom fields a list is filtered or sorted by; those not ready yet."""
    waiting = []
    for name in names:
        found = indexes.wanted(entity, name)
        if found is not None and found.state != "ready":
            waiting.append(found)
            if found.state == "waiting" and found.asked_at > clock.now() - dt.timedelta(seconds=5):
                index_build.configure(queueing_lock=f"index:{found.pk}").defer(entity=found.entity, field=found.field)
    return waiting


@every("25 * * * *")
def index_look(_now: dt.datetime) -> None:
    """Once an hour: a choice that got another value gets its index too."""
    refresh()
    for found in FieldIndex.objects.filter(state="ready"):
        if not indexes.complete(found):
            FieldIndex.objects.filter(pk=found.pk).update(state="waiting")
            index_build.configure(queueing_lock=f"index:{found.pk}").defer(entity=found.entity, field=found.field)


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
