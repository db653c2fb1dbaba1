"""Targets of the demo's year: of the size of what people win, by the seasons they win it in; departments and company above."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guanxi.areas.sales.selectors import targets
from guanxi.config.demo.people import PEOPLE
from guanxi.core import records
from guanxi.core.models import Department

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
        won = [_won(house, one.username, month) for month in range(1, 13)]
        base = max(LEAST, _round(sum(won, Decimal(0)) * 100 / REACHED[place % len(REACHED)], 50_000))
        months = _months(base, won, house.now.month)
        stretch = sum((Decimal(row["stretch"]) for row in months), Decimal(0))
        values = {"scope": "person", "owner": house.users[one.username].pk, "base": base, "stretch": stretch}
        records.create(house.actor, TARGET, {**values, "year": year, "season": "given", "months": months})
    together = Decimal(0)
    for username, name in HEADS:
        department = Department.objects.get(name=name)
        people = {one.username: house.users[one.username] for one in sellers}
        mine = [user.pk for user in people.values() if user.department_id == department.pk]
        rows = records.queryset(house.actor, TARGET).filter(owner__in=mine, year=year, scope="person")
        base = _round(max(LEAST, sum((row.base for row in rows), Decimal(0))) * Decimal("1.08"), 100_000)
        together += base
        values = {"scope": "department", "department": department.pk, "owner": house.users[username].pk, "base": base}
        records.create(house.actor, TARGET, {**values, "year": year, "season": "last_year"})
    company = {
        "scope": "company",
        "owner": house.users["chenjianguo"].pk,
        "base": _round(together * Decimal("1.25"), 500_000),
    }
    records.create(house.actor, TARGET, {**company, "year": year, "season": "last_year"})


def _won(house: Organisation, username: str, month: int) -> Decimal:
    first = dt.date(house.now.year, month, 1)
    return targets.reached("amount", [house.users[username].pk], first, targets.month_after(first))


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
