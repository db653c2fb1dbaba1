"""Days and times as a person types them: ``明天``, ``下周一``, ``+3``, ``12/1``, ``next fri``, ``月底``, ``周五 下午3点``.

Reading follows the present reader's habits (order of day and month, first day of the week). What cannot be understood is
``None``: whoever asked says so in his own way.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
import unicodedata
from collections.abc import Callable

from guanxi.core.kernel import regional

#: When a moment is typed without a time.
MORNING = dt.time(9)
_UNITS = {
    "d": "day", "day": "day", "days": "day", "天": "day", "日": "day",
    "w": "week", "week": "week", "weeks": "week", "周": "week", "星期": "week", "个星期": "week", "礼拜": "week", "个礼拜": "week",
    "m": "month", "month": "month", "months": "month", "月": "month", "个月": "month",
    "y": "year", "year": "year", "years": "year", "年": "year",
}  # fmt: skip
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_NEAR = {
    "今天": 0, "今日": 0, "今": 0, "today": 0, "tod": 0, "明天": 1, "明日": 1, "明": 1, "tomorrow": 1, "tom": 1, "tmr": 1, "后天": 2,
    "大后天": 3, "昨天": -1, "昨日": -1, "yesterday": -1, "前天": -2, "大前天": -3,
}  # fmt: skip
_WEEKDAYS = {name: number for number, names in enumerate(
    ("一 mon monday", "二 tue tues tuesday", "三 wed wednesday", "四 thu thur thurs thursday", "五 fri friday", "六 sat saturday", "日 天 sun sunday"), 1
) for name in names.split()}  # fmt: skip
_MONTHS = {name: number for number in range(1, 13) for name in (
    calendar.month_abbr[number].lower(), calendar.month_name[number].lower()
)} | {"sept": 9}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_SPANS = {
    "上": -1,
    "last": -1,
    "本": 0,
    "这": 0,
    "这个": 0,
    "this": 0,
    "下": 1,
    "下个": 1,
    "next": 1,
    "下下": 2,
    "下下个": 2,
}
_SPAN = "|".join(sorted(_SPANS, key=len, reverse=True))
_AFTERNOON = ("下午", "晚上", "傍晚", "pm", "p.m.")
_MARKS = "上午|早上|早|中午|下午|傍晚|晚上"
_CLOCK = re.compile(
    rf"(?P<mark>{_MARKS})?\s*(?P<hour>\d{{1,2}})(?:(?:[:时h点.](?P<minute>\d{{2}})分?)|(?P<half>[点时]半)|(?P<whole>[点时]整?|h)|(?P<bare>))\s*(?P<after>[ap]\.?m\.?)?"
)


def written(day: dt.date) -> str:
    """A day as the present reader writes it."""
    return regional.day_text(day)


def read(text: str, today: dt.date) -> dt.date | None:
    """The day a text means to the present reader, seen from ``today``."""
    said = " ".join(unicodedata.normalize("NFKC", text).split()).casefold().rstrip("。.")
    for pattern, reader in _READERS:
        found = pattern.fullmatch(said)
        if found:
            try:
                day = reader(found, today)
            except (ValueError, OverflowError):
                return None
            return day if day is not None and 1000 <= day.year <= 9999 else None
    return None


def read_time(text: str) -> dt.time | None:
    """A time of day: ``14:30``, ``9``, ``930``, ``2pm``, ``下午3点半``."""
    said = unicodedata.normalize("NFKC", text).strip().casefold()
    if re.fullmatch(r"\d{3,4}", said):
        said = f"{said[:-2]}:{said[-2:]}"
    found = _CLOCK.fullmatch(said)
    if not found:
        return None
    hour, minute = int(found["hour"]), int(found["minute"] or (30 if found["half"] else 0))
    late = found["mark"] in _AFTERNOON or (found["after"] or "").startswith("p")
    if late and hour < 12:
        hour += 12
    elif hour == 12 and (found["after"] or "").startswith("a"):
        hour = 0
    return dt.time(hour, minute) if hour < 24 and minute < 60 else None


def read_moment(text: str, now: dt.datetime) -> dt.datetime | None:
    """The moment a text means, as a clock on the reader's wall shows it (naive); ``now`` is on the same clock.

    A day alone is its morning, a time alone is today's.
    """
    said = " ".join(unicodedata.normalize("NFKC", text).split())
    day = read(said, now.date())
    if day is not None:
        return dt.datetime.combine(day, MORNING)
    for place in range(len(said)):
        head, tail = said[:place], said[place:]
        # A bare number is a time only apart from its day: “周五 9”.
        if tail.strip().isdecimal() and not (head.endswith((" ", "T")) and place):
            continue
        clock = read_time(tail)
        if clock is None:
            continue
        day = read(head.rstrip(" Tt,，"), now.date()) if head.strip() else now.date()
        if day is not None:
            return dt.datetime.combine(day, clock)
    return None


def _numbers(found: re.Match[str]) -> list[int]:
    return [int(one) for one in found.groups() if one]


def _full(found: re.Match[str], _today: dt.date) -> dt.date:
    return dt.date(*_numbers(found))


def _with_year(found: re.Match[str], _today: dt.date) -> dt.date | None:
    """``1/12/2026`` and ``26-12-1``: the order is the reader's, unless only the other one is possible.

    Whoever puts the year first has said nothing about a year at the end: what can be read in two ways is not guessed.
    """
    first, second, third = _numbers(found)
    year_last = len(found[3]) == 4 or regional.present().dates != "year"
    if not year_last:
        return dt.date(2000 + first, second, third)
    if regional.present().dates == "year" and first <= 12 and second <= 12 and first != second:
        return None
    year = third if third > 99 else 2000 + third
    day_first = regional.day_first()
    if (first > 12) != (second > 12):
        day_first = first > 12
    return dt.date(year, second, first) if day_first else dt.date(year, first, second)


def _nearest(month: int, day: int, today: dt.date) -> dt.date:
    """The day of that name nearest to today."""
    found = []
    for year in (today.year - 1, today.year, today.year + 1, today.year + 2):
        try:
            found.append(dt.date(year, month, day))
        except ValueError:
            continue
    return min(found, key=lambda one: abs((one - today).days))


def _without_year(found: re.Match[str], today: dt.date) -> dt.date:
    first, second = _numbers(found)
    day_first = regional.day_first()
    if (first > 12) != (second > 12):
        day_first = first > 12
    return _nearest(second, first, today) if day_first else _nearest(first, second, today)


def _month_day(found: re.Match[str], today: dt.date) -> dt.date:
    return _nearest(int(found[1]), int(found[2]), today)


def _named_month(found: re.Match[str], today: dt.date) -> dt.date:
    month, day, year = _MONTHS[found["month"]], int(found["day"]), found["year"]
    return dt.date(int(year), month, day) if year else _nearest(month, day, today)


def _day_of_month(found: re.Match[str], today: dt.date) -> dt.date:
    """The next day of that number."""
    day = int(found[1])
    for ahead in range(13):
        first = _months(today.replace(day=1), ahead)
        if day <= calendar.monthrange(first.year, first.month)[1] and first.replace(day=day) >= today:
            return first.replace(day=day)
    raise ValueError(day)


def _months(day: dt.date, number: int) -> dt.date:
    place = day.year * 12 + day.month - 1 + number
    year, month = divmod(place, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _moved(day: dt.date, number: int, unit: str) -> dt.date:
    if unit in ("month", "year"):
        return _months(day, number * (12 if unit == "year" else 1))
    return day + dt.timedelta(days=number * (7 if unit == "week" else 1))


def _relative(found: re.Match[str], today: dt.date) -> dt.date:
    parts = found.groupdict()
    number = (
        int(parts["number"])
        if parts["number"].isdecimal()
        else "一二三四五六七八九十".index(parts["number"]) + 1
        if parts["number"] != "两"
        else 2
    )
    back = parts.get("sign") == "-" or parts.get("back")
    return _moved(today, -number if back else number, _UNITS[parts.get("unit") or "d"])


def _weekday(found: re.Match[str], today: dt.date) -> dt.date:
    parts = found.groupdict()
    number, span = _WEEKDAYS[parts["day"]], parts["span"]
    if not span:
        return today + dt.timedelta(days=(number - today.isoweekday()) % 7)
    start = regional.week_start(today) + dt.timedelta(weeks=_SPANS[span])
    return start + dt.timedelta(days=(number - start.isoweekday()) % 7)


def _span(found: re.Match[str], today: dt.date) -> dt.date:
    number, unit = _SPANS[found["span"]], _UNITS[found["unit"]]
    return regional.week_start(today) + dt.timedelta(weeks=number) if unit == "week" else _moved(today, number, unit)


def _edge(found: re.Match[str], today: dt.date) -> dt.date:
    """Beginning or end of this or another month or year."""
    ahead = _SPANS[found["span"]] if found["span"] else 0
    year = found["unit"] == "年"
    first = _moved(today.replace(day=1, month=1) if year else today.replace(day=1), ahead, "year" if year else "month")
    return first if found["edge"] == "初" else _moved(first, 1, "year" if year else "month") - dt.timedelta(days=1)


def _end(found: re.Match[str], today: dt.date) -> dt.date:
    year = found[1] in ("y", "year")
    first = today.replace(day=1, month=1) if year else today.replace(day=1)
    return _moved(first, 1, "year" if year else "month") - dt.timedelta(days=1)


_NUMBER = r"(?P<number>\d{1,4}|[一二两三四五六七八九十])"
_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], dt.date], dt.date | None]], ...] = tuple(
    (re.compile(pattern), reader) for pattern, reader in (
        (r"(\d{4})\s?[-/.年]\s?(\d{1,2})\s?[-/.月]\s?(\d{1,2})\s?[日号]?", _full),
        (r"(\d{4})(\d{2})(\d{2})", _full),
        (r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{1,2})", _with_year),
        (r"(\d{1,2})[-/.](\d{1,2})", _without_year),
        (r"(\d{1,2})月(\d{1,2})[日号]?", _month_day),
        (r"(\d{1,2})[日号]?", _day_of_month),
        ("|".join(_NEAR), lambda found, today: today + dt.timedelta(days=_NEAR[found[0]])),
        (rf"(?P<sign>[+-])\s?{_NUMBER}\s?(?P<unit>{_UNIT})?", _relative),
        (rf"(?:in )?{_NUMBER}\s?(?P<unit>{_UNIT})(?:[以之]?后)?(?P<back>[以之]?前| ago)?", _relative),
        (rf"(?P<span>{_SPAN}|)(?:周|星期|礼拜)(?P<day>[一二三四五六日天])", _weekday),
        (rf"(?:(?P<span>last|this|next) )?(?P<day>{'|'.join(name for name in _WEEKDAYS if name.isascii())})", _weekday),
        (rf"(?P<span>{_SPAN})\s?(?P<unit>周|星期|礼拜|月|年|week|month|year)", _span),
        (rf"(?P<span>{_SPAN}|)(?P<unit>月|年)(?P<edge>初|底|末)", _edge),
        (r"(?:eo|end of )(month|year|m|y)", _end),
        (rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ -]?(?P<month>{_MONTH})\.?,?[ -]?(?P<year>\d{{4}})?", _named_month),
        (rf"(?P<month>{_MONTH})\.? ?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>\d{{4}}))?", _named_month),
    )
)  # fmt: skip
