"""The arithmetic of groups: parts of measures are merged exactly, figures are worked out from parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any

from guanxi.core.reporting.expressions import Part
from guanxi.core.reporting.spec import Measure

#: Digits an average or ratio is worked out to.
DIGITS = Decimal("0.0001")
Parts = Mapping[str, Any]


def merged(parts: Sequence[Part], groups: Collection[Parts]) -> Parts:
    """The parts of several groups together: of one its own."""
    if len(groups) == 1:
        return next(iter(groups))
    found: dict[str, Any] = {}
    for one in parts:
        name = one.name
        held = [value for group in groups if (value := group[name]) is not None]
        found[name] = _MERGES[one.merge](held) if held else set() if one.merge == "join" else None
    return found


#: How the values of a part are taken together; sums may be of days as well.
_MERGES: Mapping[str, Callable[[list[Any]], Any]] = {
    "join": lambda held: set().union(*held), "add": lambda held: reduce(add, held), "min": min, "max": max,
}  # fmt: skip


def rest(parts: Sequence[Part], everything: Parts, groups: Collection[Parts]) -> dict[str, Any]:
    """What is left of a total without some groups; ``None`` for parts that cannot be taken away (smallest, sets)."""
    held = merged(parts, groups)
    found: dict[str, Any] = {}
    for one in parts:
        whole, taken = everything[one.name], held[one.name]
        found[one.name] = None if one.merge != "add" or whole is None else whole - (taken or 0)
    return found


def figure(measures: Sequence[Measure], place: int, group: Parts, total: Parts) -> Any:
    """A measure's figure for a group; ``total`` is what a share is a share of. Running totals are added up later, and what was kept is put against the first column."""
    one = measures[place]
    if one.how == "ratio":
        return quotient(figure(measures, one.a, group, total), figure(measures, one.b, group, total), one.unit)
    if one.how == "share":
        return quotient(figure(measures, one.a, group, total), figure(measures, one.a, total, total), "percent")
    if one.how in ("running", "kept"):
        return figure(measures, one.a, group, total)
    if one.how == "count":
        return group.get(f"m{place}_n") or 0
    if one.how == "distinct":
        held = group.get(f"m{place}_set")
        return None if held is None else len({value for value in held if value not in (None, "")})
    if one.how in ("min", "max"):
        return group.get(f"m{place}_{one.how}")
    value = group.get(f"m{place}_s")
    if one.how in ("avg", "days"):
        return quotient(value, group.get(f"m{place}_n"), "")
    return value if value is None or one.how == "sum" else Decimal(value).quantize(Decimal("0.01"))


def quotient(one: Any, other: Any, unit: str) -> Decimal | None:
    """One figure by another; ``None`` where there is nothing to divide by."""
    if one is None or not other:
        return None
    value = Decimal(str(one)) / Decimal(str(other))
    return (value * 100 if unit == "percent" else value).quantize(DIGITS)


def together(*nodes: Mapping[str, Any] | None) -> dict[str, Any]:
    """One filter of several; empty ones are left out, groups of “all” are opened."""
    flat: list[Any] = []
    for node in nodes:
        if node:
            flat += node["all"] if set(node) == {"all"} else [dict(node)]
    return dict(flat[0]) if len(flat) == 1 else {"all": flat} if flat else {}
