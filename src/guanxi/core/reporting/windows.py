"""Stretches of days: the period a report is about, the one it is compared with, and the buckets of a grain."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from guanxi.core.kernel import clock, regional
from guanxi.core.records.figures import is_chinese
from guanxi.core.records.periods import period_days
from guanxi.core.schema.operators import PERIODS

Day = dt.date
ONE = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Days from ``first`` to ``last``, both included; ``None`` is open."""

    first: Day | None = None
    last: Day | None = None

    @property
    def closed(self) -> bool:
        """Whether both ends are known."""
        return self.first is not None and self.last is not None

    def node(self, field: str) -> dict[str, object]:
        """The condition of the query language that means this stretch."""
        values = [one.isoformat() if one else "" for one in (self.first, self.last)]
        return {"field": field, "op": "between", "value": values}

    def follows(self, other: Window) -> bool:
        """Whether it begins the day after the other ends."""
        return self.first is not None and other.last is not None and other.last + ONE == self.first

    def with_(self, other: Window) -> Window:
        """The shortest stretch that holds both."""
        first = min(self.first, other.first) if self.first and other.first else None
        last = max(self.last, other.last) if self.last and other.last else None
        return Window(first, last)

    def text(self) -> str:
        """``2026-01-01 – 2026-03-31``."""
        return " – ".join(one.isoformat() if one else "…" for one in (self.first, self.last))


def window_of(period: str, timezone: str) -> Window | None:
    """The days of a period (see ``spec.Spec``) as it is now in a time zone; ``None`` for no limit."""
    if not period:
        return None
    if period in PERIODS:
        first, after = period_days(period, timezone)
        return Window(first, after - ONE)
    if period.startswith("last:"):
        today = clock.today(timezone)
        return Window(today - dt.timedelta(days=int(period[5:]) - 1), today)
    first_text, _dots, last_text = period.partition("..")
    return Window(
        Day.fromisoformat(first_text) if first_text else None, Day.fromisoformat(last_text) if last_text else None
    )


def _year_shifted(day: Day, years: int) -> Day:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _whole_months(window: Window) -> int:
    """How many whole calendar months the window covers; 0 if it begins or ends within one."""
    first, last = window.first, window.last
    if first is None or last is None or first.day != 1 or (last + ONE).day != 1:
        return 0
    return (last.year - first.year) * 12 + last.month - first.month + 1


def month_shifted(day: Day, months: int) -> Day:
    """The first of the month so many months away."""
    index = day.year * 12 + day.month - 1 + months
    return Day(index // 12, index % 12 + 1, 1)


def compared(window: Window, how: str) -> Window | None:
    """The stretch before of the same length (whole months go by months), or the same a year ago."""
    first, last = window.first, window.last
    if first is None or last is None or not how:
        return None
    if how == "year":
        return Window(_year_shifted(first, -1), _year_shifted(last, -1))
    months = _whole_months(window)
    if months:
        return Window(month_shifted(first, -months), first - ONE)
    return Window(first - (last - first) - ONE, first - ONE)


def bucket_start(day: Day, grain: str, fiscal: int) -> Day:
    """The first day of the bucket a day lies in; ``fiscal`` is the month the business year begins with, weeks are the reader's."""
    if grain == "week":
        return regional.week_start(day)
    if grain == "month":
        return day.replace(day=1)
    if grain in ("quarter", "year"):
        size = 3 if grain == "quarter" else 12
        since = (day.month - fiscal) % size
        return month_shifted(day.replace(day=1), -since)
    return day


def bucket_after(start: Day, grain: str) -> Day:
    """The first day after a bucket."""
    if grain == "week":
        return start + dt.timedelta(days=7)
    if grain in ("month", "quarter", "year"):
        return month_shifted(start, {"month": 1, "quarter": 3, "year": 12}[grain])
    return start + ONE


#: Grains one can count on by.
STEPS = ("week", "month", "quarter", "year")


def steps(start: Day, later: Day, grain: str) -> int:
    """How many buckets lie from one bucket to another (their first days); negative backwards."""
    if grain == "week":
        return (later - start).days // 7
    months = (later.year - start.year) * 12 + later.month - start.month
    return months // {"month": 1, "quarter": 3, "year": 12}[grain]


def stepped(start: Day, grain: str, count: int) -> Day:
    """The first day of the bucket so many buckets later."""
    if grain == "week":
        return start + dt.timedelta(days=7 * count)
    return month_shifted(start, count * {"month": 1, "quarter": 3, "year": 12}[grain])


def bucket_window(start: Day, grain: str) -> Window:
    """The days of a bucket."""
    return Window(start, bucket_after(start, grain) - ONE)


def buckets(first: Day, last: Day, grain: str, fiscal: int, most: int = 400) -> list[Day]:
    """Starts of all buckets from one day to another; nothing if there would be too many."""
    found = [bucket_start(first, grain, fiscal)]
    while (following := bucket_after(found[-1], grain)) <= last:
        if len(found) >= most:
            return []
        found.append(following)
    return found


def fiscal_year(start: Day, fiscal: int) -> int:
    """The number of a business year: that of the calendar year it ends in."""
    return start.year + (1 if fiscal > 1 and start.month >= fiscal else 0)


def bucket_label(start: Day, grain: str, fiscal: int) -> str:
    """``2026-03``, ``2026 Q1``, ``2026``, ``2026-W11``, ``2026-03-05``; business years carry an FY."""
    if grain == "month":
        return f"{start:%Y-%m}"
    if grain == "week":
        year, week, _day = (start + dt.timedelta(days=3)).isocalendar()
        return f"{year} 第{week}周" if is_chinese() else f"{year} W{week:02d}"
    if grain in ("quarter", "year"):
        year = fiscal_year(start, fiscal)
        name = _("FY%(year)d") % {"year": year} if fiscal > 1 else str(year)
        return name if grain == "year" else f"{name} Q{(start.month - fiscal) % 12 // 3 + 1}"
    return start.isoformat()
