"""The course of a pipeline between two days, rebuilt from the states the database keeps."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection

from guanxi.areas.sales.models import LOST, OPEN, WON
from guanxi.areas.sales.selectors.stages import stages_of
from guanxi.core.access import visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.records.shape import spoken
from guanxi.core.schema.registry import entity_of

ZERO = Decimal(0)
#: The last state of each opportunity up to a moment, of those that lived then; ``{seen}`` narrows to what somebody may see.
_AS_OF = """
    SELECT * FROM (
        SELECT DISTINCT ON (s.opportunity_id) s.opportunity_id AS id, s.pipeline_id, s.stage_id, s.category, s.value, s.alive
        FROM sales_opportunitystate s WHERE s.at <= %s {seen} ORDER BY s.opportunity_id, s.at DESC, s.id DESC
    ) held WHERE held.alive AND held.pipeline_id = %s
"""
#: What both moments hold, opportunity by opportunity, and what follows from each pair: steps, then stages at either end.
_COURSE = f"""
    WITH old AS MATERIALIZED ({_AS_OF}), new AS MATERIALIZED ({_AS_OF}), pair AS MATERIALIZED (
        SELECT old.id IS NOT NULL AS known, coalesce(old.category = '{OPEN}', false) AS was_open, old.value AS was,
               new.category, new.value, NOT (old.id IS NOT NULL AND old.category <> '{OPEN}' AND new.category <> '{OPEN}') AS moved
        FROM old FULL JOIN new USING (id)
    )
    SELECT step.key, NULL::bigint, count(*), sum(step.amount) FROM pair CROSS JOIN LATERAL (VALUES
        ('opening', was_open, was),
        ('closing', category = '{OPEN}', value),
        ('gone', was_open AND category IS NULL, -was),
        ('new', NOT known, value),
        ('reopened', known AND NOT was_open AND moved, value),
        ('grown', was_open AND value > was, value - was),
        ('shrunk', was_open AND value < was, value - was),
        ('won', moved AND category = '{WON}', -value),
        ('lost', moved AND category = '{LOST}', -value)
    ) step (key, holds, amount) WHERE step.holds GROUP BY step.key
    UNION ALL SELECT 'stage before', stage_id, count(*), sum(value) FROM old GROUP BY stage_id
    UNION ALL SELECT 'stage', stage_id, count(*), sum(value) FROM new GROUP BY stage_id
"""  # noqa: S608 - constants of this module; values are parameters


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the waterfall: how many opportunities, and by how much they move the open value."""

    key: str
    count: int
    amount: Decimal


STEPS = ("opening", "new", "reopened", "grown", "shrunk", "won", "lost", "gone", "closing")


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
    first = clock.day_start(start, settings.TIME_ZONE)
    last = min(clock.day_start(end + dt.timedelta(days=1), settings.TIME_ZONE), clock.now())
    found = _found(actor, pipeline, first, last)
    none = (0, ZERO)
    levels = [
        Level(
            spoken(stage.name, stage.name_en), stage.color, stage.pk,
            *found.get(("stage before", stage.pk), none), *found.get(("stage", stage.pk), none),
        )
        for stage in stages_of(pipeline)
    ]  # fmt: skip
    return [Step(key, *found.get((key, None), none)) for key in STEPS], levels


def _found(
    actor: Actor, pipeline: int, first: dt.datetime, last: dt.datetime
) -> dict[tuple[str, int | None], tuple[int, Decimal]]:
    """Number and amount by step or stage: the database adds up, for a large workspace holds a million states."""
    seen, narrowed = "", tuple[Any, ...]()
    if not actor.rights.everything:
        rows = visible(entity_of("sales.opportunity").model._base_manager.all(), actor).order_by()
        try:
            sql, narrowed = rows.values("pk").query.sql_with_params()
        except EmptyResultSet:
            return {}
        seen = f"AND s.opportunity_id IN ({sql})"
    with connection.cursor() as cursor:
        cursor.execute(_COURSE.format(seen=seen), [first, *narrowed, pipeline, last, *narrowed, pipeline])
        return {(key, stage): (count, amount or ZERO) for key, stage, count, amount in cursor.fetchall()}
