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
from django.db.models import Count, DecimalField, Sum
from django.db.models.functions import Coalesce

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
#: Those that changed between two moments, as they were at either if they lived in the pipeline; ``{seen}`` narrows to what
#: somebody may see. What became of them: steps, then what they are of the stages at either end.
_PAIR = f"""
    WITH latest AS (
        SELECT DISTINCT ON (s.opportunity_id) s.opportunity_id AS id, s.stage_id, s.category, s.value, s.alive AND s.pipeline_id = %s AS there
        FROM sales_opportunitystate s WHERE s.at > %s AND s.at <= %s {{seen}} ORDER BY s.opportunity_id, s.at DESC, s.id DESC
    ), pair AS MATERIALIZED (
        SELECT new.id, coalesce(old.there, false) AS known, old.there AND old.category = '{OPEN}' AS was_open, old.value AS was,
               old.stage_id AS was_stage, old.category AS was_category, new.there, new.stage_id, new.value,
               CASE WHEN new.there THEN new.category END AS category
        FROM latest new LEFT JOIN LATERAL (
            SELECT s.stage_id, s.category, s.value, s.alive AND s.pipeline_id = %s AS there FROM sales_opportunitystate s
            WHERE s.opportunity_id = new.id AND s.at <= %s ORDER BY s.at DESC, s.id DESC LIMIT 1
        ) old ON true
    )
"""  # noqa: S608 - constants of this module; values are parameters
_STEPPED = f"""
    pair CROSS JOIN LATERAL (VALUES
        ('gone', was_open AND category IS NULL, -was),
        ('new', NOT known AND there, value),
        ('reopened', known AND NOT was_open AND category = '{OPEN}', value),
        ('grown', was_open AND there AND value > was, value - was),
        ('shrunk', was_open AND there AND value < was, value - was),
        ('won', category = '{WON}' AND (was_open OR NOT known), -value),
        ('lost', category = '{LOST}' AND (was_open OR NOT known), -value)
    ) step (key, holds, amount) WHERE step.holds
"""
_MOVES = f"""{_PAIR}
    SELECT step.key, NULL::bigint, '', count(*), sum(step.amount) FROM {_STEPPED} GROUP BY step.key
    UNION ALL SELECT 'was', was_stage, was_category, count(*), sum(was) FROM pair WHERE known GROUP BY was_stage, was_category
    UNION ALL SELECT 'is', stage_id, category, count(*), sum(value) FROM pair WHERE there GROUP BY stage_id, category
"""  # noqa: S608 - constants of this module; values are parameters
_BEHIND = f"""{_PAIR}
    SELECT pair.id, step.amount FROM {_STEPPED} AND step.key = %s ORDER BY abs(step.amount) DESC, pair.id LIMIT %s
"""  # noqa: S608 - constants of this module; values are parameters
Total = tuple[int, Decimal]
Sums = dict[tuple[int | None, str], Total]
NOTHING: Total = (0, ZERO)


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
    now = clock.now()
    after = _sums(actor, pipeline, last if last < now else None)
    steps, was, become = _moves(actor, pipeline, first, min(last, now))
    before = {
        key: _less(after.get(key, NOTHING), become.get(key, NOTHING), was.get(key, NOTHING)) for key in {*after, *was}
    }
    steps |= {"opening": _together(before, category=OPEN), "closing": _together(after, category=OPEN)}
    levels = [
        Level(
            spoken(stage.name, stage.name_en), stage.color, stage.pk,
            *_together(before, stage=stage.pk), *_together(after, stage=stage.pk),
        )
        for stage in stages_of(pipeline)
    ]  # fmt: skip
    return [Step(key, *steps.get(key, NOTHING)) for key in STEPS], levels


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


def _open_at(actor: Actor, pipeline: int, moment: dt.datetime | None) -> list[tuple[int, Decimal]]:
    """The open opportunities of a pipeline as they were up to a moment or are, with their worth, the largest first."""
    past = None if moment is None else moment + dt.timedelta(microseconds=1)
    with rebuilding.state(actor, entity_of(DEAL), past, gone=False) if past else nullcontext():
        rows = Opportunity.objects.filter(pipeline=pipeline, category=OPEN)
        rows = rows if past else visible(rows, actor)
        worth = rows.annotate(worth=Coalesce("value", ZERO, output_field=DecimalField()))
        return list(worth.order_by("-worth", "pk").values_list("pk", "worth")[:MOST_NAMED])


def _together(sums: Sums, stage: int | None = None, category: str = "") -> Total:
    chosen = [held for key, held in sums.items() if stage in (None, key[0]) and category in ("", key[1])]
    return sum(n for n, _amount in chosen), sum((amount for _n, amount in chosen), ZERO)


def _less(now: Total, gone: Total, back: Total) -> Total:
    return now[0] - gone[0] + back[0], now[1] - gone[1] + back[1]


def _moves(actor: Actor, pipeline: int, first: dt.datetime, last: dt.datetime) -> tuple[dict[str, Total], Sums, Sums]:
    """Of the opportunities that changed: number and amount by step, and what they were and became by stage and category.

    They are found by an index and added up by the database.
    """
    steps, was, become = dict[str, Total](), Sums(), Sums()
    for key, stage, category, count, amount in _asked(actor, _MOVES, pipeline, first, last):
        if key in ("was", "is"):
            (was if key == "was" else become)[stage, category] = (count, amount or ZERO)
        else:
            steps[key] = (count, amount or ZERO)
    return steps, was, become


def _asked(
    actor: Actor, statement: str, pipeline: int, first: dt.datetime, last: dt.datetime, *more: Any
) -> list[tuple[Any, ...]]:
    """Rows of a statement over those that changed, of what the actor may see."""
    seen, narrowed = "", tuple[Any, ...]()
    if not actor.rights.everything:
        rows = visible(Opportunity._base_manager.order_by(), actor)
        try:
            sql, narrowed = rows.values("pk").query.sql_with_params()
        except EmptyResultSet:
            return []
        seen = f"AND s.opportunity_id IN ({sql})"
    with connection.cursor() as cursor:
        cursor.execute(statement.format(seen=seen), [pipeline, first, last, *narrowed, pipeline, first, *more])
        return list(cursor.fetchall())


#: The steps made of opportunities that changed, and so many of a step or an end are named, the largest first.
MOVES, MOST_NAMED = STEPS[1:-1], 200


def behind(actor: Actor, pipeline: int, start: dt.date, end: dt.date, step: str) -> list[tuple[Opportunity, Decimal]]:
    """The opportunities of one step of the waterfall with what each moves the open value by; of an end with what each was worth."""
    first = clock.day_start(start, settings.TIME_ZONE)
    last = clock.day_start(end + dt.timedelta(days=1), settings.TIME_ZONE)
    if step in MOVES:
        amounts = dict(_asked(actor, _BEHIND, pipeline, first, min(last, clock.now()), step, MOST_NAMED))
    elif step in STEPS:
        moment = first if step == "opening" else last
        amounts = dict(_open_at(actor, pipeline, moment if moment < clock.now() else None))
    else:
        amounts = {}
    found = Opportunity.everything.select_related("stage", "owner").in_bulk(list(amounts))
    return [(found[pk], amount or ZERO) for pk, amount in amounts.items() if pk in found]
