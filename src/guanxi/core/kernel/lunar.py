"""Dates of the Chinese lunar calendar: conversion both ways and the next birthday. Years 1900 to 2100 (borax)."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from borax.calendars.lunardate import InvalidLunarDateError, LCalendars, LunarDate
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Invalid

_MONTHS = "正二三四五六七八九十冬腊"
_DIGITS = "十一二三四五六七八九"


class LunarDay(NamedTuple):
    """One day of the lunar calendar; ``leap`` says that the month is the inserted one (闰月)."""

    year: int
    month: int
    day: int
    leap: bool

    @property
    def chinese(self) -> str:
        """How Chinese people write it: 闰八月初八."""
        return written(self.month, self.day, leap=self.leap)


def written(month: int, day: int, *, leap: bool = False) -> str:
    """A lunar month and day in Chinese: (1, 1) → 正月初一, (8, 20, leap) → 闰八月二十."""
    tens = "初十廿三"[day // 10] if day % 10 else ("", "初十", "二十", "三十")[day // 10]
    ones = _DIGITS[day % 10] if day % 10 else ""
    return f"{'闰' if leap else ''}{_MONTHS[month - 1]}月{tens}{ones}"


def _out_of_range(year: int) -> Invalid:
    return Invalid(
        _("The lunar calendar is known from 1900 to 2100, not for %(year)d.") % {"year": year}, code="lunar.range"
    )


def to_lunar(day: dt.date) -> LunarDay:
    """The lunar day of a solar date; raises ``Invalid`` (lunar.range) outside 1900-01-31 to the end of lunar 2100."""
    try:
        found = LunarDate.from_solar(day)
    except ValueError as error:
        raise _out_of_range(day.year) from error
    return LunarDay(found.year, found.month, found.day, bool(found.leap))


def to_solar(year: int, month: int, day: int, *, leap: bool = False) -> dt.date:
    """The solar date of a lunar day; raises ``Invalid`` (lunar.range, lunar.no_such_day)."""
    if not 1900 <= year <= 2100:
        raise _out_of_range(year)
    try:
        found: dt.date = LunarDate(year, month, day, int(leap)).to_solar_date()
    except (InvalidLunarDateError, ValueError) as error:
        message = _("There is no such day in the lunar year %(year)d.") % {"year": year}
        raise Invalid(message, code="lunar.no_such_day") from error
    return found


def birthday_in(year: int, month: int, day: int, *, leap: bool = False) -> dt.date:
    """When a lunar birthday is kept in a lunar year.

    A leap month the year does not have is kept in the ordinary month of that number; the 30th of a month with 29 days
    on the 29th. Raises ``Invalid`` (lunar.range, lunar.no_such_day for a month or day that no year has).
    """
    if not (1 <= month <= 12 and 1 <= day <= 30):
        raise Invalid(_("There is no such day in the lunar calendar."), code="lunar.no_such_day")
    if not 1900 <= year <= 2100:
        raise _out_of_range(year)
    leap = leap and LCalendars.leap_month(year) == month
    try:
        return to_solar(year, month, day, leap=leap)
    except Invalid:
        return to_solar(year, month, 29, leap=leap)


def next_birthday(month: int, day: int, on_or_after: dt.date, *, leap: bool = False) -> dt.date:
    """The first solar date on or after ``on_or_after`` on which a lunar birthday is kept (see ``birthday_in``)."""
    first = to_lunar(on_or_after).year
    for year in (first, first + 1):
        found = birthday_in(year, month, day, leap=leap)
        if found >= on_or_after:
            return found
    raise _out_of_range(first + 1)
