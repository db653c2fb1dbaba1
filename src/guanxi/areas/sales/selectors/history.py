"""The course of a pipeline between two days, rebuilt from the states the database keeps."""

from __future__ import annotations

import datetime as dt
from contextlib import nullcontext
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, Sum

from guanxi.areas.sales.models import LOST, OPEN, WON, Opportunity
from guanxi.areas.sales.selectors.stages import stages_of
from guanxi.core.access import visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import tallies
from guanxi.core.records.shape import spoken
from guanxi.core.reporting import rebuilding
from guanxi.core.schema.registry import entity_of

ZERO = Decimal(0)
DEAL = "sales.opportunity"
#: What an opportunity was at a moment, if it lived in the pipeline then.
_HELD = """
    LEFT JOIN LATERAL (
        SELECT * FROM (
            SELECT s.category, s.value, s.alive, s.pipeline_id FROM sales_opportunitystate s
            WHERE s.opportunity_id = m.id AND s.at <= %s ORDER BY s.at DESC, s.id DESC LIMIT 1
        ) held WHERE held.alive AND held.pipeline_id = %s
    ) {name} ON true
"""
#: What became of those that changed between two moments; ``{seen}`` narrows to what somebody may see.
_MOVES = f"""
    WITH changed AS (SELECT DISTINCT s.opportunity_id AS id FROM sales_opportunitystate s WHERE s.at > %s AND s.at <= %s {{seen}}),
    pair AS MATERIALIZED (
        SELECT old.category IS NOT NULL AS known, coalesce(old.category = '{OPEN}', false) AS was_open, old.value AS was,
               new.category, new.value,
               NOT (old.category IS NOT NULL AND old.category <> '{OPEN}' AND new.category <> '{OPEN}') AS moved
        FROM changed m {_HELD.format(name="old")} {_HELD.format(name="new")}
    )
    SELECT step.key, count(*), sum(step.amount) FROM pair CROSS JOIN LATERAL (VALUES
        ('gone', was_open AND category IS NULL, -was),
        ('new', NOT known AND category IS NOT NULL, value),
        ('reopened', known AND NOT was_open AND moved, value),
        ('grown', was_open AND value > was, value - was),
        ('shrunk', was_open AND value < was, value - was),
        ('won', moved AND category = '{WON}', -value),
        ('lost', moved AND category = '{LOST}', -value)
    ) step (key, holds, amount) WHERE step.holds GROUP BY step.key
"""  # noqa: S608 - constants of this module; values are parameters
Sums = dict[tuple[int | None, str], tuple[int, Decimal]]


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
    last = clock.day_start(end + dt.timedelta(days=1), settings.TIME_ZONE)
    before = _sums(actor, pipeline, first)
    after = _sums(actor, pipeline, last if last < clock.now() else None)
    steps = _moves(actor, pipeline, first, min(last, clock.now()))
    steps |= {"opening": _together(before, category=OPEN), "closing": _together(after, category=OPEN)}
    levels = [
        Level(
            spoken(stage.name, stage.name_en), stage.color, stage.pk,
            *_together(before, stage=stage.pk), *_together(after, stage=stage.pk),
        )
        for stage in stages_of(pipeline)
    ]  # fmt: skip
    return [Step(key, *steps.get(key, (0, ZERO))) for key in STEPS], levels


def _sums(actor: Actor, pipeline: int, moment: dt.datetime | None) -> Sums:
    """Number and amount of the opportunities by stage and category, as they were up to a moment or are."""
    entity = entity_of(DEAL)
    past = None if moment is None else moment + dt.timedelta(microseconds=1)
    with rebuilding.state(actor, entity, past, gone=False) if past else nullcontext():
        if tallies.tells(actor, entity):
            rows = tallies.rows(actor, entity, narrowed=past is not None)
            made = {"n": tallies.count(), "amount": tallies.total("value")}
        else:
            rows = Opportunity.objects.order_by()
            rows = rows if past else visible(rows, actor)
            made = {"n": Count("pk"), "amount": Sum("value")}
        found = rows.filter(pipeline=pipeline).values_list("stage_id", "category").annotate(**made)
        return {(stage, category): (n, amount or ZERO) for stage, category, n, amount in found}


def _together(sums: Sums, stage: int | None = None, category: str = "") -> tuple[int, Decimal]:
    chosen = [held for key, held in sums.items() if stage in (None, key[0]) and category in ("", key[1])]
    return sum(n for n, _amount in chosen), sum((amount for _n, amount in chosen), ZERO)


def _moves(actor: Actor, pipeline: int, first: dt.datetime, last: dt.datetime) -> dict[str, tuple[int, Decimal]]:
    """Number and amount by step, of the opportunities that have changed: found by an index, added up by the database."""
    seen, narrowed = "", tuple[Any, ...]()
    if not actor.rights.everything:
        rows = visible(Opportunity._base_manager.order_by(), actor)
        try:
            sql, narrowed = rows.values("pk").query.sql_with_params()
        except EmptyResultSet:
            return {}
        seen = f"AND s.opportunity_id IN ({sql})"
    with connection.cursor() as cursor:
        cursor.execute(_MOVES.format(seen=seen), [first, last, *narrowed, first, pipeline, last, pipeline])
        return {key: (count, amount or ZERO) for key, count, amount in cursor.fetchall()}
