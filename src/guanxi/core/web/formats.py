"""How values are written for people: dates, numbers, money, phones. Pure functions of a value and the active language.

They return text or ``Markup``; ``cells`` and the Jinja filters are built from them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import phonenumbers
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from markupsafe import Markup

from guanxi.core.kernel import clock, regional
from guanxi.core.records.figures import SYMBOLS, is_chinese, money, number, percent, short_money, short_number
from guanxi.core.web.drawing import escaped, marked
from guanxi.runtime.environment import environment

__all__ = [
    "SYMBOLS",
    "absolute",
    "color_of",
    "date_text",
    "file_size",
    "highlighted",
    "initials",
    "is_chinese",
    "map_url",
    "money",
    "number",
    "percent",
    "phone",
    "relative_day",
    "relative_time",
    "short_date",
    "short_money",
    "short_number",
    "when",
]

DAY = dt.timedelta(days=1)
NEAR = 7


def date_text(day: dt.date) -> str:
    """A date in full, in the reader's order: ``2026-03-05`` unless he chose another."""
    return regional.day_text(day)


def short_date(day: dt.date, today: dt.date) -> str:
    """A date without the year when it is the present one: ``3月5日`` or ``5 Mar``."""
    if day.year != today.year:
        return date_text(day)
    return f"{day.month}月{day.day}日" if is_chinese() else date_format(day, "j M")


def relative_day(day: dt.date, today: dt.date) -> str:
    """A date in words near today (seven days either way), else short."""
    distance = (day - today).days
    if -2 < distance < 2:
        return _("today") if not distance else _("yesterday") if distance < 0 else _("tomorrow")
    if -NEAR <= distance < 0:
        return ngettext("%(count)d day ago", "%(count)d days ago", -distance) % {"count": -distance}
    if 0 < distance <= NEAR:
        return ngettext("in %(count)d day", "in %(count)d days", distance) % {"count": distance}
    return short_date(day, today)


def relative_time(moment: dt.datetime, now: dt.datetime | None = None, local: dt.datetime | None = None) -> str:
    """A moment in words near now; ``moment`` is aware and shown in the active time zone (``local``, if known)."""
    now = now or clock.now()
    seconds = (moment - now).total_seconds()
    size = abs(seconds)
    if size < 60:
        return _("just now") if seconds <= 0 else _("in a moment")
    if size < 3600:
        count = int(size // 60)
        if seconds < 0:
            return ngettext("%(count)d minute ago", "%(count)d minutes ago", count) % {"count": count}
        return ngettext("in %(count)d minute", "in %(count)d minutes", count) % {"count": count}
    local = local or timezone.localtime(moment)
    day, today = local.date(), now.astimezone(local.tzinfo).date()
    if day == today:
        if seconds < 0 and size < 6 * 3600:
            count = int(size // 3600)
            return ngettext("%(count)d hour ago", "%(count)d hours ago", count) % {"count": count}
        return _("today %(time)s") % {"time": f"{local:%H:%M}"}
    if abs((day - today).days) == 1:
        return f"{relative_day(day, today)} {local:%H:%M}"
    return relative_day(day, today)


def absolute(moment: dt.datetime) -> str:
    """A moment in full, in the active time zone: ``2026-03-05 14:30``."""
    local = timezone.localtime(moment)
    return f"{regional.day_text(local)} {local:%H:%M}"


def duration(span: dt.timedelta) -> str:
    """A length of time in its two largest units: ``3 days 4 h``, ``25 min``."""
    minutes = max(0, int(span.total_seconds() // 60))
    days, hours = divmod(minutes // 60, 24)
    if days:
        text = ngettext("%(days)d day", "%(days)d days", days) % {"days": days}
        return _("%(days)s %(hours)d h") % {"days": text, "hours": hours} if hours else text
    if hours:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes % 60}
    return _("%(minutes)d min") % {"minutes": minutes}


def when(value: dt.datetime | dt.date | None, now: dt.datetime | None = None, zone: dt.tzinfo | None = None) -> Markup:
    """A ``<time>`` element: relative near now, the absolute value on hover. Empty for ``None``.

    Who writes many gives the moment and the active time zone, asked for once.
    """
    if value is None:
        return Markup("")
    if isinstance(value, dt.datetime):
        local = value.astimezone(zone) if zone else timezone.localtime(value)
        full, words = f"{regional.day_text(local)} {local:%H:%M}", relative_time(value, now, local)
    else:
        full, words = date_text(value), relative_day(value, timezone.localtime(now or clock.now(), zone).date())
    return marked(f'<time datetime="{value.isoformat()}" title="{escaped(full)}">{escaped(words)}</time>')  # noqa: S704 - its parts are escaped


@lru_cache(maxsize=4096)
def phone(value: str) -> str:
    """A phone number as people group it; E.164 of China in national form, others international, unknown as written."""
    if not value.startswith("+"):
        return value
    try:
        parsed = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return value
    if parsed.country_code == 86:
        national = str(parsed.national_number)
        if len(national) == 11 and national.startswith("1"):
            return f"{national[:3]} {national[3:7]} {national[7:]}"
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def map_url(address: str) -> str:
    """Where the address can be seen on a map, '' when no map is wanted. The page itself asks no map for anything."""
    link = environment().map_link
    return link.replace("{address}", quote(address, safe="")) if link and address and "*" not in address else ""


def file_size(count: int | None) -> str:
    """Bytes in words: ``3.4 MB``."""
    if count is None:
        return ""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def initials(name: str) -> str:
    """One or two letters that stand for a person or company; a short Chinese name gives its last two."""
    name = name.strip()
    if not name:
        return "?"
    if "\u4e00" <= name[0] <= "\u9fff":
        return name[-2:] if 2 <= len(name) <= 4 else name[:2]
    words = name.split()
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


COLORS = ("blue", "teal", "green", "lime", "amber", "orange", "red", "pink", "purple", "indigo", "cyan", "slate")


def color_of(seed: Any) -> str:
    """A colour name of the palette that always goes with the same seed."""
    return COLORS[sum(str(seed).encode()) % len(COLORS)]


def highlighted(text: str, query: str) -> Markup:
    """The text with each occurrence of the query's words marked; case does not matter."""
    lowered = text.lower()
    spans: list[tuple[int, int]] = []
    for word in query.lower().split() if len(lowered) == len(text) else ():
        start = lowered.find(word)
        while start >= 0:
            spans.append((start, start + len(word)))
            start = lowered.find(word, start + len(word))
    if not spans:
        return escaped(text)
    parts, at = list[str](), 0
    for start, end in _joined(sorted(spans)):
        parts += (escaped(text[at:start]), "<mark>", escaped(text[start:end]), "</mark>")
        at = end
    return marked("".join((*parts, escaped(text[at:]))))  # noqa: S704 - its parts are escaped


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Stretches in their order, those that touch as one."""
    first, last = spans[0]
    for start, end in spans:
        if start > last:
            yield first, last
            first = start
        last = max(last, end)
    yield first, last
