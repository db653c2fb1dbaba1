"""Reports that a tally can answer: grouped and narrowed by nothing but what it goes by, adding up what it adds up."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q, QuerySet

from guanxi.core.records import tallies
from guanxi.core.records.query import compile_tree
from guanxi.core.reporting import expressions
from guanxi.core.reporting.datasets import Place
from guanxi.core.reporting.spec import Dimension, Measure
from guanxi.core.reporting.windows import Window

if TYPE_CHECKING:
    from guanxi.core.reporting.engine import Run

#: By which grains dates are taken together that a tally has by days, or by months.
_GRAINS = {"month": ("", "month", "quarter", "year"), "day": ("", "day", "week", "month", "quarter", "year")}
Asked = tuple[QuerySet[Any], dict[str, Any]]


def source(run: Run, window: Window | None) -> Asked:
    """What is added up, and each part of the figures over it: a tally's rows where it can tell, else the records'."""
    told = _told(run, {"": window})
    return told or (run.rows(window), {one.name: one.aggregate for one in run.parts})


def both(run: Run, now: Window, then: Window) -> Asked | None:
    """The rows of a tally for two periods, and each part once for each (``m0_n_now``, ``m0_n_then``); ``None`` where it cannot tell."""
    return _told(run, {"_now": now, "_then": then})


def grouped(run: Run, rows: QuerySet[Any], place: int) -> Any:
    """What one of the dimensions groups by, among a tally's rows or the records."""
    dimension, held = run.dimensions[place]
    if rows.model is run.entity.tally and (known := tallies.finest(run.entity, held.path, run.actor.timezone)):
        return expressions.bucket(F(held.path), dimension.grain or "month", known, run.fiscal)
    return expressions.grouped(run.actor, run.entity, dimension, held, run.today, run.fiscal)


def living(run: Run, groups: QuerySet[Any]) -> QuerySet[Any]:
    """Groups without those a tally remembers though none of their records is left."""
    if groups.model is not run.entity.tally:
        return groups
    found: QuerySet[Any] = groups.alias(left=tallies.count()).filter(left__gt=0)
    return found


def knows(run: Run, *windows: Window | None) -> bool:
    """Whether the dataset's tally can tell of the records a report is about, within each of some stretches of days."""
    where = (one.where for one in run.spec.measures)
    if not tallies.tells(run.actor, run.entity, run.base, *where):
        return False
    return all(_within(run, one) is not None for one in windows)


def _told(run: Run, windows: Mapping[str, Window | None]) -> Asked | None:
    """The tally's rows and the parts of the figures over them, once for each window; ``None`` where it cannot tell."""
    if not all(_goes_by(run, one, place) for one, place in run.dimensions) or not knows(run, *windows.values()):
        return None
    found: dict[str, Any] = {}
    for name, window in windows.items():
        parts = _parts(run, _within(run, window) if len(windows) > 1 else None)
        if parts is None:
            return None
        found |= {f"{part}{name}": aggregate for part, aggregate in parts.items()}
    around = reduce(lambda one, other: one and other and one.with_(other), windows.values())
    rows = tallies.rows(run.actor, run.entity, run.base or None, narrowed=run.day is not None)
    return rows.filter(_within(run, around) or Q()), found


def _within(run: Run, window: Window | None) -> Q | None:
    if window is None:
        return Q()
    return tallies.within(run.entity, run.date, window.first, window.last, run.actor.timezone)


def _parts(run: Run, limit: Q | None) -> dict[str, Any] | None:
    """The parts of the figures as aggregates over the rows of the dataset's tally within a limit."""
    found: dict[str, Any] = {}
    for at, (measure, (field, weight)) in enumerate(zip(run.spec.measures, run.fields, strict=True)):
        if measure.derived:
            continue
        if weight is not None or not _adds(run, measure, field):
            return None
        where = compile_tree(run.actor, run.entity, measure.where) if measure.where else None
        where = where & limit if where and limit else where or limit
        if field is None:
            found[f"m{at}_n"] = tallies.count(where)
        else:
            found[f"m{at}_s"] = tallies.total(field.path, where)
    return found if found.keys() == {one.name for one in run.parts} else None


def _goes_by(run: Run, dimension: Dimension, place: Place) -> bool:
    if known := tallies.finest(run.entity, place.path, run.actor.timezone):
        return dimension.grain in _GRAINS[known]
    return place.path in tallies.goes_by(run.entity) and not dimension.grain


def _adds(run: Run, measure: Measure, field: Place | None) -> bool:
    if measure.how == "count":
        return field is None
    plain = field is not None and field.path in tallies.sums(run.entity) and not expressions.currency_field(field)
    return measure.how == "sum" and plain
