"""The pipeline as it was at any moment, rebuilt from the states the database keeps, and its course between two days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import connection

from guanxi.areas.sales.models import LOST, OPEN, WON
from guanxi.areas.sales.selectors.stages import stages_of
from guanxi.core.access import visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.records.shape import spoken
from guanxi.core.schema.registry import entity_of

ZERO = Decimal(0)
_AS_OF = """
    SELECT DISTINCT ON (s.opportunity_id)
        s.opportunity_id, s.pipeline_id, s.stage_id, s.category, s.value, s.owner_id, s.alive
    FROM sales_opportunitystate s WHERE s.at <= %(at)s AND (%(ids)s::bigint[] IS NULL OR s.opportunity_id = ANY(%(ids)s::bigint[]))
    ORDER BY s.opportunity_id, s.at DESC, s.id DESC
"""


@dataclass(frozen=True, slots=True)
class Was:
    """What an opportunity was: its pipeline, stage, category, value in the workspace's currency, owner."""

    id: int
    pipeline: int | None
    stage: int | None
    category: str
    value: Decimal
    owner: int | None


def as_of(moment: dt.datetime, ids: Collection[int] | None = None) -> dict[int, Was]:
    """Every opportunity that lived at a moment, as it was then (``ids``: of these)."""
    with connection.cursor() as cursor:
        cursor.execute(_AS_OF, {"at": moment, "ids": None if ids is None else list(ids)})
        return {row[0]: Was(*row[:6]) for row in cursor.fetchall() if row[6]}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the waterfall: how many opportunities, and by how much they move the open value."""

    key: str
    count: int
    amount: Decimal


STEPS = ("opening", "new", "reopened", "grown", "shrunk", "won", "lost", "gone", "closing")


def waterfall(before: dict[int, Was], after: dict[int, Was]) -> list[Step]:
    """From the open value of one moment to that of a later one; the steps add up exactly."""
    found: dict[str, list[Decimal]] = {key: [] for key in STEPS}
    for number in before.keys() | after.keys():
        old, new = before.get(number), after.get(number)
        was_open, is_open = old is not None and old.category == OPEN, new is not None and new.category == OPEN
        if old is not None and was_open:
            found["opening"].append(old.value)
        if new is not None and is_open:
            found["closing"].append(new.value)
        _move(found, old if was_open else None, new, known=old is not None)
    return [Step(key, len(amounts), sum(amounts, ZERO)) for key, amounts in found.items()]


def _move(found: dict[str, list[Decimal]], old: Was | None, new: Was | None, *, known: bool) -> None:
    """One opportunity's part in the steps between; ``old`` only if it was open."""
    if new is None:
        if old is not None:
            found["gone"].append(-old.value)
        return
    if old is None and known and new.category != OPEN:
        return
    if old is None:
        found["reopened" if known else "new"].append(new.value)
    elif new.value != old.value:
        found["grown" if new.value > old.value else "shrunk"].append(new.value - old.value)
    if new.category == WON:
        found["won"].append(-new.value)
    elif new.category == LOST:
        found["lost"].append(-new.value)


@dataclass(frozen=True, slots=True)
class Level:
    """One stage of the funnel at two moments: how many, and what they are worth."""

    label: str
    color: str
    stage: int
    count_before: int
    value_before: Decimal
    count: int
    value: Decimal


def course(actor: Actor, pipeline: int, start: dt.date, end: dt.date) -> tuple[list[Step], list[Level]]:
    """Waterfall and funnel of a pipeline between the beginning of ``start`` and the end of ``end``, of what he may see."""
    model = entity_of("sales.opportunity").model
    rows = visible(model._base_manager.all(), actor)
    ids = None if actor.rights.everything else set(rows.values_list("pk", flat=True))
    first = clock.day_start(start, settings.TIME_ZONE)
    last = min(clock.day_start(end + dt.timedelta(days=1), settings.TIME_ZONE), clock.now())
    before = {key: one for key, one in as_of(first, ids).items() if one.pipeline == pipeline}
    after = {key: one for key, one in as_of(last, ids).items() if one.pipeline == pipeline}
    levels = []
    for stage in stages_of(pipeline):
        old = [one.value for one in before.values() if one.stage == stage.pk]
        new = [one.value for one in after.values() if one.stage == stage.pk]
        levels.append(
            Level(
                spoken(stage.name, stage.name_en),
                stage.color,
                stage.pk,
                len(old),
                sum(old, ZERO),
                len(new),
                sum(new, ZERO),
            )
        )
    return waterfall(before, after), levels
