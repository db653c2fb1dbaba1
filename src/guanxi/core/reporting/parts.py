"""The arithmetic of groups: parts of measures are merged exactly, figures are worked out from parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from guanxi.core.reporting.expressions import Part
from guanxi.core.reporting.spec import Measure

#: Digits an average or ratio is worked out to.
DIGITS = Decimal("0.0001")
Parts = Mapping[str, Any]


def merged(parts: Sequence[Part], groups: Iterable[Parts]) -> dict[str, Any]:
    """The parts of several groups together."""
    found: dict[str, Any] = {one.name: set() if one.merge == "join" else None for one in parts}
    for group in groups:
        for one in parts:
            value = group[one.name]
            if value is not None:
                found[one.name] = _both(one.merge, found[one.name], value)
    return found


def _both(how: str, one: Any, other: Any) -> Any:
    if how == "join":
        return one | set(other)
    if one is None:
        return other
    return one + other if how == "add" else min(one, other) if how == "min" else max(one, other)


def rest(parts: Sequence[Part], everything: Parts, groups: Iterable[Parts]) -> dict[str, Any]:
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
