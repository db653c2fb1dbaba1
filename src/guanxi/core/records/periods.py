"""Calendar periods and relative moments of the query language, in a person's time zone and week."""

from __future__ import annotations

import datetime as dt
import re

from guanxi.core.kernel import clock, regional

_RELATIVE = re.compile(r"@(today|now)([+-]\d{1,5})([dwmyh])$")


def _month(day: dt.date, months: int) -> dt.date:
    index = day.year * 12 + day.month - 1 + months
    return dt.date(index // 12, index % 12 + 1, 1)


def _relative(period: str) -> int:
    return {"last": -1, "this": 0, "next": 1}[period.partition("_")[0]]


def period_days(period: str, timezone: str) -> tuple[dt.date, dt.date]:
    """First day of a period and the day after its last. KeyError for a name that is not in ``operators.PERIODS``."""
    today = clock.today(timezone)
    if period in ("today", "yesterday", "tomorrow"):
        first = today + dt.timedelta(days={"yesterday": -1, "today": 0, "tomorrow": 1}[period])
        return first, first + dt.timedelta(days=1)
    shift, unit = _relative(period), period.partition("_")[2]
    if unit == "week":
        first = regional.week_start(today) + dt.timedelta(weeks=shift)
        return first, first + dt.timedelta(weeks=1)
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    start = dt.date(today.year, (today.month - 1) // months * months + 1, 1)
    first = _month(start, shift * months)
    return first, _month(first, months)


def moment(word: str, timezone: str) -> dt.datetime | dt.date | None:
    """``@today``, ``@now``, ``@today-7d``, ``@now+2h`` … as a day or moment; ``None`` if it is no such token."""
    if word == "@today":
        return clock.today(timezone)
    if word == "@now":
        return clock.now()
    found = _RELATIVE.match(word)
    if not found:
        return None
    base: dt.datetime | dt.date = clock.today(timezone) if found[1] == "today" else clock.now()
    number, unit = int(found[2]), found[3]
    if unit in "my":
        months = number * (12 if unit == "y" else 1)
        first = _month(base.date() if isinstance(base, dt.datetime) else base, months)
        last = (_month(first, 1) - dt.timedelta(days=1)).day
        return base.replace(year=first.year, month=first.month, day=min(base.day, last))
    return base + dt.timedelta(**{{"d": "days", "w": "weeks", "h": "hours"}[unit]: number})
