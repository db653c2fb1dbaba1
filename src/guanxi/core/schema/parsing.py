"""Reading values: from what a person typed, a file held or a program sent, to Python values.

Every function takes ``(raw, field)`` and returns the value or raises :class:`Invalid` with a sentence for people.
"""

from __future__ import annotations

import datetime as dt
import html
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, Overflow
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import nh3
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Invalid
from guanxi.core.schema.fields import Field

#: Signs no text keeps: controls, halves of characters, and those that turn the direction of all that follows, by which one
#: name looks like another.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: HTML of more tags than this is taken as plain text: cleaning takes time by the square of how deep they stand.
MOST_TAGS = 10_000
_TAG = re.compile(r"</?[a-zA-Z]")
_THOUSANDS = re.compile(r"(?<=\d)[,\s'](?=\d{3}(?!\d))")
_TRUE = {"true", "yes", "y", "1", "on", "是", "有", "真", "√", "✓", "t"}
_FALSE = {"false", "no", "n", "0", "off", "否", "无", "没有", "假", "×", "f"}
_Number = TypeVar("_Number", int, Decimal)
_NO_TEXT = (bool, list, dict)
_TOO_LARGE = Decimal(10) ** 15
_UNITS = {
    "万": Decimal(10_000),
    "亿": Decimal(100_000_000),
    "千": Decimal(1000),
    "k": Decimal(1000),
    "m": Decimal(1_000_000),
}
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_TIME = re.compile(r"(\d{1,2})[::时](\d{2})(?:[::分](\d{2})(?:\.\d+)?)?秒?")

RICH_TAGS = {
    "p",
    "br",
    "b",
    "strong",
    "i",
    "em",
    "u",
    "s",
    "ul",
    "ol",
    "li",
    "a",
    "blockquote",
    "code",
    "pre",
    "h2",
    "h3",
    "h4",
    "hr",
    "span",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}


def parse_field(parse: Callable[[Any, Field], Any], field: Field, raw: Any) -> Any:
    """Apply ``parse`` unless nothing was given; name the field in the error and check required and choice rules."""
    if isinstance(raw, str):
        raw = raw.strip()
    if raw is None or raw == "" or raw == [] or raw == {}:
        return None
    try:
        return parse(raw, field)
    except Invalid as error:
        if error.field:
            raise
        raise Invalid(error.message, code=error.code, field=field.name, details=error.details) from None


def as_text(value: Any, _field: Field) -> str:
    """The plain form of a simple value."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, dt.datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def text(raw: Any, field: Field) -> str:
    """One line: control characters out, line ends become spaces, length checked."""
    if isinstance(raw, _NO_TEXT):
        raise Invalid(_("This must be text."), code="text.type")
    value = str(raw)
    if value.isprintable():  # no control characters and no line ends
        value = (value if value.isascii() else unicodedata.normalize("NFC", value)).strip()
    else:
        value = unicodedata.normalize("NFC", CONTROL.sub("", value))
        value = " ".join(value.split()) if any(mark in value for mark in "\n\r\t\u2028") else value.strip()
    if field.max_length and len(value) > field.max_length:
        raise Invalid(
            _("This is %(length)d characters long; at most %(limit)d are possible.")
            % {"length": len(value), "limit": field.max_length},
            code="text.too_long",
        )
    return value


def long_text(raw: Any, field: Field) -> str:
    """Several lines; control characters out."""
    if isinstance(raw, _NO_TEXT):
        raise Invalid(_("This must be text."), code="text.type")
    value = str(raw)
    if not value.isprintable():
        value = CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    value = unicodedata.normalize("NFC", value).strip()
    limit = field.max_length or 100_000
    if len(value) > limit:
        raise Invalid(
            _("This is %(length)d characters long; at most %(limit)d are possible.")
            % {"length": len(value), "limit": limit},
            code="text.too_long",
        )
    return value


def rich_text(raw: Any, field: Field) -> str:
    """Formatted text through the one sanitiser."""
    return sanitised(long_text(raw, field))


def sanitised(text: str) -> str:
    """HTML with its formatting alone: no script, no style, no event or ``hx-`` attribute survives."""
    if _crowded(text):
        return html.escape(html.unescape(bare(text)), quote=False)
    return nh3.clean(
        text,
        tags=RICH_TAGS,
        attributes={"a": {"href", "title"}, "span": {"data-user"}, "td": {"colspan", "rowspan"}},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer",
    )


def bare(text: str) -> str:
    """HTML without its tags; what it spells as entities stays spelled so."""
    if _crowded(text):
        return re.sub(r"<[^<>]*>", " ", text)
    return nh3.clean(text, tags=set(), clean_content_tags={"style", "script", "head", "title"})


def _crowded(text: str) -> bool:
    return text.count("<") > MOST_TAGS and len(_TAG.findall(text)) > MOST_TAGS


def _number(raw: Any) -> Decimal:
    if isinstance(raw, str):
        if raw.isascii() and raw.isdigit():
            return Decimal(raw)
    elif isinstance(raw, bool):
        raise Invalid(_("This must be a number."), code="number.type")
    elif isinstance(raw, (int, Decimal)):
        return Decimal(raw)
    value = unicodedata.normalize("NFKC", str(raw)).strip().lstrip("¥$€£￥").strip()
    factor = Decimal(1)
    if value.startswith("(") and value.endswith(")"):
        value, factor = value[1:-1], Decimal(-1)
    if value[-1:].casefold() in _UNITS and value[:-1]:
        factor *= _UNITS[value[-1:].casefold()]
        value = value[:-1].strip()
    try:
        number = Decimal(_THOUSANDS.sub("", value)) * factor
    except InvalidOperation:
        raise Invalid(_("“%(value)s” is not a number.") % {"value": str(raw)[:40]}, code="number.format") from None
    except Overflow:
        raise Invalid(_("This number is too large."), code="number.too_large") from None
    if not number.is_finite():
        raise Invalid(_("“%(value)s” is not a number.") % {"value": str(raw)[:40]}, code="number.format")
    return number


@cache
def _quantum(places: int) -> Decimal:
    return Decimal(1).scaleb(-places)


def _bounded(value: _Number, field: Field) -> _Number:
    if field.minimum is not None and value < field.minimum:
        raise Invalid(_("This must be at least %(limit)s.") % {"limit": field.minimum}, code="number.too_small")
    if field.maximum is not None and value > field.maximum:
        raise Invalid(_("This must be at most %(limit)s.") % {"limit": field.maximum}, code="number.too_large")
    if abs(value) >= _TOO_LARGE:
        raise Invalid(_("This number is too large."), code="number.too_large")
    return value


def integer(raw: Any, field: Field) -> int:
    """A whole number."""
    if isinstance(raw, str) and len(raw) < 16 and raw.isascii() and raw.isdigit():
        whole = _bounded(int(raw), field)
    else:
        value = _bounded(_number(raw), field)
        whole = int(value)
        if value != whole:
            raise Invalid(_("This must be a whole number."), code="number.whole")
    if abs(whole) > 2_147_483_647 and field.maximum is None:
        raise Invalid(_("This number is too large."), code="number.too_large")
    return whole


def decimal(raw: Any, field: Field) -> Decimal:
    """A number, rounded half up to the field's places."""
    return _bounded(_number(raw), field).quantize(_quantum(field.places), rounding=ROUND_HALF_UP)


def percent(raw: Any, field: Field) -> Decimal:
    """A percentage: ``35``, ``35%`` and ``35 %`` all mean 35."""
    return decimal(str(raw).strip().rstrip("%％").strip() if isinstance(raw, str) else raw, field)


def money(raw: Any, field: Field) -> Decimal:
    """An amount in the currency its neighbour field holds."""
    return decimal(raw, field)


def date(raw: Any, _field: Field) -> dt.date:
    """A day: ISO, ``2024/3/5``, ``2024年3月5日``, ``20240305``, or ``03/05/2024`` where unambiguous."""
    if isinstance(raw, dt.datetime):
        return timezone.localtime(raw).date() if timezone.is_aware(raw) else raw.date()
    if isinstance(raw, dt.date):
        return raw
    value = unicodedata.normalize("NFKC", str(raw)).strip()
    found = _DATE.match(value)
    try:
        if found:
            return _year_checked(dt.date(*(int(part) for part in found.groups())))
        if re.fullmatch(r"\d{8}", value):
            return _year_checked(dt.date(int(value[:4]), int(value[4:6]), int(value[6:])))
        other = re.match(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", value)
        if other:
            first, second, year = (int(part) for part in other.groups())
            if first > 12 >= second:
                return _year_checked(dt.date(year, second, first))
            if second > 12 >= first or first == second:
                return _year_checked(dt.date(year, first, second))
            if first <= 12 and second <= 12:
                raise Invalid(
                    _("“%(value)s” can be read in two ways; write the year first, like 2024-03-05.")
                    % {"value": value[:40]},
                    code="date.ambiguous",
                )
    except ValueError:
        pass
    raise Invalid(_("“%(value)s” is not a date; write it like 2024-03-05.") % {"value": value[:40]}, code="date.format")


def _year_checked(day: dt.date) -> dt.date:
    if not 1000 <= day.year <= 9999:
        raise Invalid(_("The year %(year)d cannot be right.") % {"year": day.year}, code="date.year")
    return day


def _no_moment(value: str) -> Invalid:
    text = _("“%(value)s” is not a moment; write it like 2024-03-05 14:30.") % {"value": value[:40]}
    return Invalid(text, code="datetime.format")


def _day_of(value: str, field: Field) -> dt.date:
    """The day of a moment; what is no day is told as no moment."""
    try:
        return date(value, field)
    except Invalid as error:
        raise _no_moment(value) if error.code == "date.format" else error from None


def datetime(raw: Any, field: Field) -> dt.datetime:
    """A moment; without a zone it is in the acting person's zone, without a time it is midnight there."""
    if isinstance(raw, dt.datetime):
        value = raw
    else:
        spelled = unicodedata.normalize("NFKC", str(raw)).strip()
        try:
            value = dt.datetime.fromisoformat(spelled)
        except ValueError:
            day = _day_of(spelled, field)
            clock = _TIME.search(spelled, 8)
            hours, minutes, seconds = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
            try:
                value = dt.datetime.combine(day, dt.time(hours, minutes, seconds))
            except ValueError:
                raise _no_moment(spelled) from None
    if value.tzinfo is None:
        value = value.replace(tzinfo=ZoneInfo(timezone.get_current_timezone_name()))
    _year_checked(value.date())
    try:
        return value.astimezone(dt.UTC)
    except (OverflowError, ValueError):
        raise Invalid(_("The year %(year)d cannot be right.") % {"year": value.year}, code="date.year") from None


def time(raw: Any, _field: Field) -> dt.time:
    """A time of day, hours and minutes."""
    if isinstance(raw, dt.time):
        return raw
    found = _TIME.fullmatch(unicodedata.normalize("NFKC", str(raw)).strip())
    try:
        if found:
            hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return dt.time(hours, minutes, seconds)
    except ValueError:
        pass
    raise Invalid(_("“%(value)s” is not a time; write it like 14:30.") % {"value": str(raw)[:20]}, code="time.format")


def boolean(raw: Any, _field: Field) -> bool:
    """Yes or no, in either language."""
    if isinstance(raw, bool):
        return raw
    value = unicodedata.normalize("NFKC", str(raw)).strip().casefold()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise Invalid(_("“%(value)s” is neither yes nor no.") % {"value": value[:20]}, code="boolean.format")


def choice(raw: Any, field: Field) -> str:
    """The key of a choice. Fixed choices also match by label; those of a dictionary are checked on the records floor."""
    value = text(raw, Field(name=field.name, kind="text", label=field.label, max_length=100))
    if field.choices:
        for key, label in field.choices:
            if value == key or value.casefold() == str(label).casefold():
                return key
        raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": value[:40]}, code="choice.unknown")
    return value


def choices(raw: Any, field: Field) -> list[str]:
    """Keys of several choices; text is split at commas, semicolons and 、."""
    parts = raw if isinstance(raw, list | tuple) else re.split(r"[,;，；、\n]+", str(raw))
    return list(dict.fromkeys(choice(part, field) for part in parts if str(part).strip()))


def identifier(raw: Any, _field: Field) -> int:
    """The id of a record or person; an object with ``id`` is accepted too."""
    value = raw.get("id") if isinstance(raw, Mapping) else getattr(raw, "pk", raw)
    try:
        if isinstance(value, bool | float) or value is None:
            raise ValueError
        number = int(value)
    except (TypeError, ValueError):
        raise Invalid(_("Choose an entry from the list."), code="reference.format") from None
    if not 0 < number < 2**63:
        raise Invalid(_("Choose an entry from the list."), code="reference.format")
    return number


def identifiers(raw: Any, field: Field) -> list[int]:
    """Ids of several records, each once."""
    parts = raw if isinstance(raw, list | tuple) else [part for part in str(raw).split(",") if part.strip()]
    return list(dict.fromkeys(identifier(part, field) for part in parts))
