"""How a person is used to reading: decimal mark and thousands, the first day of the week, the order of names.

The present reader's habits travel like the language does. Without one (API, jobs, command line) everything is neutral:
``1,234.5``, 2026-03-05, weeks from Monday, names as they were written.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone, translation

#: Marks between thousands and before decimals, by the name of the habit. The spaces are narrow and do not break.
NUMBERS: Mapping[str, tuple[str, str]] = {
    "point": (",", "."),
    "comma": (".", ","),
    "space": ("\u202f", ","),
    "apostrophe": ("’", "."),
    "plain": ("", "."),
}
#: First days of the week by ISO number: Monday, Saturday, Sunday.
WEEKS = ("1", "6", "7")
#: How a day is written, by the name of the habit: what comes first.
DATES: Mapping[str, str] = {"year": "%Y-%m-%d", "month": "%m/%d/%Y", "day": "%d/%m/%Y", "dots": "%d.%m.%Y"}
NAMES = ("written", "family")
SHORT = ("on", "off")
_SPACES = re.compile(r"[\s\u00a0\u202f\u2009]")
_GROUPED = r"[+\-−]?\d{{1,3}}(?:{0}\d{{3}})+"
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\u3040-\u30ff]")
_AFTER = re.compile(r"(?:jr|sr|ii|iii|iv|phd|md|esq)\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Regional:
    """A reader's habits. ``numbers`` is a key of ``NUMBERS``, ``dates`` one of ``DATES``, ``week`` the ISO number of the
    day weeks begin with, ``names`` is ``family`` for “Smith, John”; ``short`` allows 万, 亿, K and M where there is little room."""

    numbers: str = "point"
    week: int = 1
    names: str = "written"
    short: bool = True
    dates: str = "year"

    @classmethod
    def of(cls, preferences: Mapping[str, Any]) -> Regional:
        """From stored preferences; what is missing or unknown is neutral."""
        numbers, week, names, dates = (str(preferences.get(key, "")) for key in ("numbers", "week", "names", "dates"))
        return cls(
            numbers=numbers if numbers in NUMBERS else "point",
            week=int(week) if week in WEEKS else 1,
            names=names if names in NAMES else "written",
            short=preferences.get("short") != "off",
            dates=dates if dates in DATES else "year",
        )


NEUTRAL = Regional()
_present: ContextVar[Regional] = ContextVar("regional", default=NEUTRAL)


def present() -> Regional:
    """The habits of whoever reads now."""
    return _present.get()


@contextmanager
def override(habits: Regional) -> Iterator[None]:
    """Write for a reader with these habits."""
    token = _present.set(habits)
    try:
        yield
    finally:
        _present.reset(token)


@contextmanager
def speaking(language: str, zone: str | ZoneInfo, habits: Regional) -> Iterator[None]:
    """Write for somebody: his language, his time zone, his habits."""
    with translation.override(language), timezone.override(zone), override(habits):
        yield


def punctuated(text: str) -> str:
    """A number written ``1,234.5`` in the reader's way."""
    habits = _present.get()
    if habits.numbers == "point":
        return text
    group, mark = NUMBERS[habits.numbers]
    return text.translate({ord(","): group, ord("."): mark})


def figure(text: str) -> str:
    """A neutral number without thousands (``1234.5``) as the reader writes it, with thousands; other text as it stands."""
    whole, point, decimals = text.partition(".")
    if not re.fullmatch(r"-?[0-9]+", whole) or not re.fullmatch(r"[0-9]*", decimals):
        return text
    return punctuated(f"{int(whole):,}{point}{decimals}")


def typed(text: str) -> str:
    """A neutral number without thousands (``1234.5``) as the reader would type it; other text as it stands."""
    mark = NUMBERS[_present.get().numbers][1]
    return text.replace(".", mark) if mark != "." and re.fullmatch(r"-?\d+\.\d+", text) else text


def untyped(text: str) -> str:
    """What the reader typed as a number, in neutral form; text that is no such number stays as it is.

    A mark between thousands is one only where it stands before three digits: ``12.50`` typed by a reader of
    ``1.234,50`` means twelve and a half.
    """
    group, mark = NUMBERS[_present.get().numbers]
    if mark == "." and group in (",", ""):
        return text
    bare = _SPACES.sub("", text).replace("'", "’")
    whole, comma, decimals = bare.rpartition(mark) if mark in bare else (bare, "", "")
    if group and re.fullmatch(_GROUPED.format(re.escape(group)), whole):
        return whole.replace(group, "") + (f".{decimals}" if comma else "")
    if comma and mark == "," and group not in whole:
        return f"{whole}.{decimals}"
    return bare if group == "\u202f" else text


def day_text(day: dt.date) -> str:
    """A day as the reader writes it; a moment's day alone."""
    form = _present.get().dates
    return day.isoformat()[:10] if form == "year" else day.strftime(DATES[form])


def day_first() -> bool:
    """Whether the reader puts the day before the month."""
    return _present.get().dates in ("day", "dots")


def week_start(day: dt.date) -> dt.date:
    """The first day of the reader's week that a day lies in."""
    return day - dt.timedelta(days=(day.isoweekday() - _present.get().week) % 7)


def weekdays() -> tuple[int, ...]:
    """ISO numbers of the days in the reader's order."""
    first = _present.get().week
    return tuple((first - 1 + place) % 7 + 1 for place in range(7))


def person_name(name: str) -> str:
    """A person's name in the reader's order. Names in Chinese, Japanese or Korean, of one word, or with a comma stay."""
    if _present.get().names != "family" or " " not in name or "," in name or _HAN.search(name):
        return name
    words = name.split()
    after = [words.pop()] if len(words) > 2 and _AFTER.fullmatch(words[-1]) else []
    start = len(words) - 1
    while start > 1 and words[start - 1].islower():  # van, de la, bin
        start -= 1
    return f"{' '.join(words[start:])}, {' '.join([*words[:start], *after])}"
