"""Targets of the demo's year: of the size of what people win, by the seasons they win it in; departments and company above."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guanxi.areas.sales.selectors import targets
from guanxi.config.demo.people import PEOPLE
from guanxi.core import records
from guanxi.core.access.actors import department_tree
from guanxi.core.models import Department, User

if TYPE_CHECKING:
    from guanxi.config.demo.organisation import Organisation

TARGET = "sales.target"
#: How far people are with their year, in percent, one after another; the least a year asks for.
REACHED, LEAST = (112, 84, 97, 68, 125, 91), Decimal(600_000)
#: So much of a target follows the season, the rest is spread evenly.
SEASONAL = Decimal("0.75")
HEADS = (("linyating", "华南销售部"), ("zhaomin", "华东销售部"))


def targets_add(house: Organisation) -> None:
    """Targets of this year's sellers, month by month, of the two departments and of the company."""
    year = house.now.year
    sellers = [one for one in PEOPLE if one.region in ("south", "east", "abroad") and one.role != "manager"]
    for place, one in enumerate(sellers):
        won = [_won(house, [house.users[one.username].pk], month) for month in range(1, 13)]
        base = max(LEAST, _round(sum(won, Decimal(0)) * 100 / REACHED[place % len(REACHED)], 50_000))
        months = _months(base, won, house.now.month)
        stretch = sum((Decimal(row["stretch"]) for row in months), Decimal(0))
        values = {"scope": "person", "owner": house.users[one.username].pk, "base": base, "stretch": stretch}
        records.create(house.actor, TARGET, {**values, "year": year, "season": "given", "months": months})
    for (username, name), reached in zip(HEADS, (108, 93), strict=True):
        department = Department.objects.get(name=name)
        people = list(User.objects.filter(department__in=department_tree(department.pk)).values_list("pk", flat=True))
        values = {"scope": "department", "department": department.pk, "owner": house.users[username].pk}
        _above(house, values, people, reached)
    _above(house, {"scope": "company", "owner": house.users["chenjianguo"].pk}, None, 96)


def _above(house: Organisation, values: dict[str, Any], people: list[int] | None, reached: int) -> None:
    """A target of many people, of whom ``reached`` percent is won by now."""
    won = [_won(house, people, month) for month in range(1, 13)]
    base = max(LEAST, _round(sum(won, Decimal(0)) * 100 / reached, 100_000))
    months = [{**row, "stretch": None} for row in _months(base, won, house.now.month)]
    records.create(
        house.actor, TARGET, {**values, "year": house.now.year, "base": base, "season": "given", "months": months}
    )


def _won(house: Organisation, people: list[int] | None, month: int) -> Decimal:
    first = dt.date(house.now.year, month, 1)
    return targets.reached("amount", people, first, targets.month_after(first))


def _round(amount: Decimal, unit: int) -> Decimal:
    return Decimal(round(amount / unit) * unit)


def _months(base: Decimal, won: list[Decimal], now: int) -> list[dict[str, Any]]:
    """A year over its months: mostly as business runs; months to come are like others."""
    whole = sum(won, Decimal(0)) or Decimal(1)
    even = Decimal(1) / 12
    shares = [
        even if month > now else even * (1 - SEASONAL) + won[month - 1] / whole * SEASONAL for month in range(1, 13)
    ]
    rows: list[dict[str, Any]] = []
    left, all_shares = base, sum(shares, Decimal(0))
    for month, share in enumerate(shares, start=1):
        part = left if month == 12 else _round(base * share / all_shares, 1000)
        left -= part
        rows.append({"month": month, "base": str(part), "stretch": str(part * Decimal("1.2"))})
    return rows
