"""Targets of the demo's year, of the size of what people win, by the seasons they win it in; and the forecasts of its months."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guanxi.areas.sales.selectors import targets
from guanxi.areas.sales.services.targets import forecasts_settle
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


#: How people foresee their month, in percent of what they win in it, and what their superior makes of that; both go round.
FORESEEN, ADJUSTED = (118, 92, 105, 84, 130, 97), (100, 90, 108)
REMARKS = (
    ("按承诺额上报", "The committed deals"),
    ("两单月底前签", "Two will sign before the month ends"),
    ("客户内部审批偏慢", "Approvals take long on their side"),
)


def forecasts_add(house: Organisation) -> None:
    """Each seller foresees each month of this year so far; of every third his superior says another figure later on."""
    rows = []
    for place, one in enumerate([one for one in PEOPLE if one.region in ("south", "east", "abroad")]):
        for month in range(1, house.now.month + 1):
            turn = place + month
            row, expected = _foreseen(house, house.users[one.username].pk, month, turn)
            moment = dt.datetime.combine(row["month"], dt.time(2, 20 + place), dt.UTC) + dt.timedelta(days=1 + turn % 3)
            remark = REMARKS[turn % len(REMARKS)][one.language == "en"]
            rows.append({**row, **_at(row["owner"], moment), "adjusted": expected, "comment": remark})
            if turn % 3 == 0 and one.superior:
                by = _at(house.users[one.superior].pk, moment + dt.timedelta(days=9))
                rows.append({**row, **by, "adjusted": _round(expected * ADJUSTED[month % len(ADJUSTED)] / 100, 1000)})
    house.made("sales.forecastentry", [row for row in rows if row["submitted_at"] <= house.now])
    forecasts_settle([user.pk for user in house.users.values()])


def _foreseen(house: Organisation, owner: int, month: int, turn: int) -> tuple[dict[str, Any], Decimal]:
    """Somebody's month as his opportunities say, nothing of it won yet, and what he expects."""
    first = dt.date(house.now.year, month, 1)
    said = targets.sums(owner, first)
    expected = _round((said["closed"] + said["commit"]) * FORESEEN[turn % len(FORESEEN)] / 100, 1000)
    row = {"owner": owner, "month": first, "closed": Decimal(0), "commit": said["closed"] + said["commit"]}
    return {**row, **{name: said[name] for name in ("best_case", "pipeline")}}, max(expected, Decimal(20_000))


def _at(author: int, moment: dt.datetime) -> dict[str, Any]:
    return {"created_by": author, "submitted_at": moment, "created_at": moment, "updated_at": moment}


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
