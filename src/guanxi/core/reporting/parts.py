"""The arithmetic of groups: parts of measures are merged exactly, figures are worked out from parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any

from guanxi.core.reporting.expressions import Part
from guanxi.core.reporting.spec import Measure

#: Digits an average or ratio is worked out to.
DIGITS = Decimal("0.0001")
#: What was asked for of one group: a value for each part of the report, in their order.
Parts = Sequence[Any]
#: A measure's figure for a group, and for everything (what a share is a share of).
Figure = Callable[[Parts, Parts], Any]


def merged(parts: Sequence[Part], groups: Sequence[Parts]) -> Parts:
    """The parts of several groups together: of one its own."""
    if len(groups) == 1:
        return groups[0]
    columns = zip(*groups, strict=True) if groups else ((),) * len(parts)
    return tuple([_merged(one.merge, values) for one, values in zip(parts, columns, strict=True)])


def _merged(how: str, values: Iterable[Any]) -> Any:
    held = [value for value in values if value is not None]
    if not held:
        return set() if how == "join" else None
    return _MERGES[how](held)


#: How the values of a part are taken together; sums may be of days as well.
_MERGES: Mapping[str, Callable[[list[Any]], Any]] = {
    "join": lambda held: set().union(*held), "add": lambda held: reduce(add, held), "min": min, "max": max,
}  # fmt: skip


def rest(parts: Sequence[Part], everything: Parts, groups: Sequence[Parts]) -> Parts:
    """What is left of a total without some groups; ``None`` for parts that cannot be taken away (smallest, sets)."""
    found: list[Any] = []
    for one, whole, taken in zip(parts, everything, merged(parts, groups), strict=True):
        found.append(None if one.merge != "add" or whole is None else whole - (taken or 0))
    return found


def figures(measures: Sequence[Measure], parts: Sequence[Part]) -> list[Figure]:
    """How each measure's figure is made of parts. Running totals are added up later, and what was kept is put against the first column."""
    at = {one.name: place for place, one in enumerate(parts)}
    return [_figure(measures, place, at) for place in range(len(measures))]


def _figure(measures: Sequence[Measure], place: int, at: Mapping[str, int]) -> Figure:
    one = measures[place]
    if one.how == "ratio":
        over, under, unit = _figure(measures, one.a, at), _figure(measures, one.b, at), one.unit
        return lambda group, total: quotient(over(group, total), under(group, total), unit)
    if one.how == "share":
        part = _figure(measures, one.a, at)
        return lambda group, total: quotient(part(group, total), part(total, total), "percent")
    if one.how in ("running", "kept"):
        return _figure(measures, one.a, at)
    number, value = at.get(f"m{place}_n"), at.get(f"m{place}_{_VALUES.get(one.how, 's')}")
    if one.how == "count" and number is not None:
        return lambda group, _total: group[number] or 0
    if value is None:
        return lambda _group, _total: None
    if one.how == "distinct":
        return lambda group, _total: _different(group[value])
    if one.how in ("avg", "days") and number is not None:
        return lambda group, _total: quotient(group[value], group[number], "")
    if one.how in ("sum", "min", "max"):
        return lambda group, _total: group[value]
    return lambda group, _total: _cents(group[value])


#: What the part of a measure is called that is no sum.
_VALUES = {"distinct": "set", "min": "min", "max": "max"}


def _different(held: Any) -> int | None:
    return None if held is None else len({value for value in held if value not in (None, "")})


def _cents(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value).quantize(Decimal("0.01"))


def quotient(one: Any, other: Any, unit: str) -> Decimal | None:
    """One figure by another; ``None`` where there is nothing to divide by."""
    if one is None or not other:
        return None
    value = Decimal(str(one)) / Decimal(str(other))
    return (value * 100 if unit == "percent" else value).quantize(DIGITS)


def together(*nodes: Mapping[str, Any] | None) -> dict[str, Any]:
    """One filter of several; empty ones are left out, groups of “all” are opened."""
    return joined(opened(*nodes))


def opened(*nodes: Mapping[str, Any] | None) -> list[Any]:
    """The conditions of several filters that hold together."""
    flat: list[Any] = []
    for node in nodes:
        if node:
            flat += node["all"] if set(node) == {"all"} else [dict(node)]
    return flat


def joined(conditions: list[Any]) -> dict[str, Any]:
    """One filter of conditions that hold together."""
    return dict(conditions[0]) if len(conditions) == 1 else {"all": conditions} if conditions else {}
