"""The functions a formula may call. Each is total: an empty argument gives an empty result unless it says otherwise."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Text
from guanxi.core.kernel.patterns import PatternError, pattern

MAX_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Function:
    """A function: what it takes and gives (types of ``checking``; ``…`` repeats the last), what it does, its words.

    ``run`` gets the values; with ``context`` the run itself comes first (today, calendars, relations). ``nulls`` lets
    empty arguments through. ``cost`` is what a call takes of the bound.
    """

    name: str
    takes: tuple[str, ...]
    gives: str
    run: Callable[..., Any]
    words: Text
    example: str
    least: int = -1
    context: bool = False
    nulls: bool = False
    cost: int = 1
    group: str = "text"

    def fits(self, number: int) -> bool:
        """Whether so many arguments are possible."""
        more = self.takes[-1:] == ("…",)
        most = len(self.takes) - more
        least = self.least if self.least >= 0 else most
        return least <= number and (more or number <= most)

    def wanted(self, place: int) -> str:
        """The type of one argument."""
        known = [one for one in self.takes if one != "…"]
        return known[min(place, len(known) - 1)]


def _day(value: Any) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def _months(day: dt.date, months: Decimal) -> dt.date:
    whole = day.year * 12 + day.month - 1 + int(months)
    year, month = divmod(whole, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return day.replace(year=year, month=month + 1, day=min(day.day, last))


def _round(number: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-max(0, min(int(places), 10))), ROUND_HALF_UP)


def _age(day: dt.date, today: dt.date) -> Decimal:
    born = _day(day)
    return Decimal(today.year - born.year - ((today.month, today.day) < (born.month, born.day)))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if not re.fullmatch(r"\s*[-+]?\d{1,20}(?:\.\d{1,10})?\s*", str(value)):
        return None
    return Decimal(str(value).strip())


def _date(value: Any) -> dt.date | None:
    if isinstance(value, dt.date):
        return _day(value)
    try:
        return dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def safe_pattern(written: str) -> bool:
    """Whether this is a pattern, of those that are matched in time that grows with the text alone."""
    try:
        pattern(written)
    except PatternError:
        return False
    return True


def _matches(text: str, written: str) -> bool:
    return safe_pattern(written) and pattern(written).search(text[:500]) is not None


def _size(value: Any) -> Decimal:
    return Decimal(len(value))


def _substring(text: str, start: Decimal, length: Decimal | None = None) -> str:
    first = max(0, int(start))
    return text[first:] if length is None else text[first : first + max(0, int(length))]


def _first(*values: Any) -> Any:
    return next((one for one in values if one not in (None, "", [])), None)


def _empty(value: Any) -> bool:
    return value in (None, "", [], {})


def _least(*values: Any) -> Any:
    given = [one for one in values if one is not None]
    return min(given) if given else None


def _most(*values: Any) -> Any:
    given = [one for one in values if one is not None]
    return max(given) if given else None


def _sum(values: Any) -> Decimal:
    return sum((one for one in values if isinstance(one, Decimal)), Decimal(0))


def _at(day: Any, number: Decimal) -> Any:
    return day + dt.timedelta(days=int(number))


def _replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old and len(text) * max(1, len(new)) < MAX_TEXT * 10 else text


_D, _N, _T, _B, _L, _A = "date", "number", "text", "bool", "list", "any"

_ALL: tuple[Function, ...] = (
    Function("today", (), _D, lambda run: run.today, _("today’s date"), "today()", context=True, group="date"),
    Function("now", (), "datetime", lambda run: run.now, _("this moment"), "now()", context=True, group="date"),
    Function("date", (_A,), _D, _date, _("a date from text"), "date('2026-01-31')", group="date"),
    Function(
        "days", (_D, _D), _N, lambda a, b: Decimal((_day(b) - _day(a)).days), _("days from the first date to the second"),
        "days(start_on, end_on)", group="date",
    ),
    Function(
        "hours", ("datetime", "datetime"), _N, lambda a, b: Decimal(str((b - a).total_seconds())) / 3600,
        _("hours from the first moment to the second"), "hours(created_at, now())", group="date",
    ),
    Function(
        "add_hours", ("datetime", _N), "datetime", lambda a, n: a + dt.timedelta(hours=float(n)) if abs(n) < 10**6 else None,
        _("a moment so many hours later"), "add_hours(created_at, 24)", group="date",
    ),
    Function("add_days", (_D, _N), _D, _at, _("a date so many days later"), "add_days(today(), 30)", group="date"),
    Function(
        "add_months", (_D, _N), _D, lambda a, n: _months(_day(a), n), _("a date so many months later"),
        "add_months(signed_on, 12)", group="date",
    ),
    Function(
        "add_years", (_D, _N), _D, lambda a, n: _months(_day(a), n * 12), _("a date so many years later"),
        "add_years(signed_on, 1)", group="date",
    ),
    Function("year", (_D,), _N, lambda a: Decimal(a.year), _("the year of a date"), "year(today())", group="date"),
    Function("month", (_D,), _N, lambda a: Decimal(a.month), _("the month, 1 to 12"), "month(today())", group="date"),
    Function("day", (_D,), _N, lambda a: Decimal(a.day), _("the day of the month"), "day(today())", group="date"),
    Function(
        "quarter", (_D,), _N, lambda a: Decimal((a.month + 2) // 3), _("the quarter, 1 to 4"), "quarter(today())",
        group="date",
    ),
    Function(
        "weekday", (_D,), _N, lambda a: Decimal(a.isoweekday()), _("the day of the week, Monday is 1"),
        "weekday(today())", group="date",
    ),
    Function(
        "month_start", (_D,), _D, lambda a: _day(a).replace(day=1), _("the first day of the month"),
        "month_start(today())", group="date",
    ),
    Function(
        "month_end", (_D,), _D, lambda a: _day(a).replace(day=calendar.monthrange(a.year, a.month)[1]),
        _("the last day of the month"), "month_end(today())", group="date",
    ),
    Function(
        "age", (_D,), _N, lambda run, a: _age(a, run.today), _("full years since a date"), "age(birthday)", context=True,
        group="date",
    ),
    Function(
        "working_days", (_D, _D), _N, lambda run, a, b: run.working_days(_day(a), _day(b)),
        _("working days from the first date to the second, by the calendar"), "working_days(today(), due_on)",
        context=True, cost=20, group="date",
    ),
    Function(
        "add_working_days", (_D, _N), _D, lambda run, a, n: run.add_working_days(_day(a), int(n)),
        _("a date so many working days later, by the calendar"), "add_working_days(today(), 3)", context=True, cost=20,
        group="date",
    ),
    Function("round", (_N, _N), _N, _round, _("a number rounded to places"), "round(amount, 2)", least=1, group="number"),
    Function(
        "floor", (_N,), _N, lambda a: a.to_integral_value(ROUND_FLOOR), _("rounded down"), "floor(1.7)", group="number"
    ),
    Function(
        "ceil", (_N,), _N, lambda a: a.to_integral_value(ROUND_CEILING), _("rounded up"), "ceil(1.2)", group="number"
    ),
    Function("abs", (_N,), _N, abs, _("without its sign"), "abs(-3)", group="number"),
    Function("money", (_N,), _N, lambda a: _round(a, Decimal(2)), _("rounded to two places"), "money(a * 0.13)", group="number"),
    Function(
        "without_tax", (_N, _N), _N, lambda a, rate: _round(a / (1 + rate / 100), Decimal(2)) if rate != -100 else None,
        _("an amount without the tax of so many per cent"), "without_tax(amount, 13)", group="number",
    ),
    Function("min", (_A, "…"), "first", _least, _("the smallest of the filled ones"), "min(a, b)", least=1, nulls=True, group="number"),
    Function("max", (_A, "…"), "first", _most, _("the largest of the filled ones"), "max(a, b)", least=1, nulls=True, group="number"),
    Function("total", (_L,), _N, _sum, _("the sum of a list of numbers"), "total(rows.map(r, r.price))", group="number"),
    Function("number", (_A,), _N, _number, _("a number from text"), "number('12.5')", group="number"),
    Function("int", (_A,), _N, lambda a: None if _number(a) is None else Decimal(int(_number(a) or 0)), _("a number without its fraction"), "int(2.7)", group="number"),
    Function("double", (_A,), _N, _number, _("a number from text"), "double('12.5')", group="number"),
    Function("string", (_A,), _T, _text, _("a value as text"), "string(amount)", group="text"),
    Function("text", (_A,), _T, _text, _("a value as text"), "text(amount)", group="text"),
    Function("size", (_A,), _N, _size, _("how many characters or entries"), "size(name)", group="text"),
    Function("contains", (_T, _T), _B, lambda a, b: b in a, _("whether a text holds another"), "name.contains('公司')", group="text"),
    Function("startsWith", (_T, _T), _B, str.startswith, _("whether a text begins with another"), "code.startsWith('A')", group="text"),
    Function("endsWith", (_T, _T), _B, str.endswith, _("whether a text ends with another"), "code.endsWith('Z')", group="text"),
    Function("matches", (_T, _T), _B, _matches, _("whether a text fits a pattern"), "code.matches('^[A-Z]{2}[0-9]{6}$')", cost=50, group="text"),
    Function("upperAscii", (_T,), _T, str.upper, _("in capitals"), "code.upperAscii()", group="text"),
    Function("lowerAscii", (_T,), _T, str.lower, _("in small letters"), "code.lowerAscii()", group="text"),
    Function("trim", (_T,), _T, str.strip, _("without blanks at both ends"), "name.trim()", group="text"),
    Function("replace", (_T, _T, _T), _T, _replace, _("one text replaced by another"), "name.replace('有限公司', '')", cost=5, group="text"),
    Function("substring", (_T, _N, _N), _T, _substring, _("a part of a text: from where, how long"), "code.substring(0, 2)", least=2, group="text"),
    Function("split", (_T, _T), _L, lambda a, b: a.split(b)[:200] if b else [a], _("a text cut into a list"), "tags.split(',')", cost=5, group="text"),
    Function("join", (_L, _T), _T, lambda a, b="": b.join(_text(one) for one in a if one is not None)[:MAX_TEXT], _("a list joined to a text"), "['a', 'b'].join('-')", least=1, cost=5, group="text"),
    Function("coalesce", (_A, "…"), "first", _first, _("the first that is filled"), "coalesce(short_name, name)", least=1, nulls=True, group="logic"),
    Function("is_empty", (_A,), _B, _empty, _("whether nothing is filled in"), "is_empty(email)", nulls=True, group="logic"),
    Function("label", (_T,), _T, lambda run, value, name="": run.label(name, value), _("the name of a choice in your language"), "label(level)", context=True, group="text"),
    Function(
        "count", ("path",), _N, lambda run, path: run.related(path, "count", ""), _("how many records point here"),
        "count('activities.task.customer')", context=True, cost=200, group="relation",
    ),
    Function(
        "sum", ("path", "path"), _N, lambda run, path, name: run.related(path, "sum", name),
        _("the sum of a field of the records that point here"), "sum('sales.opportunity.customer', 'amount')",
        context=True, cost=200, group="relation",
    ),
    Function(
        "latest", ("path", "path"), _A, lambda run, path, name: run.related(path, "max", name),
        _("the largest value of a field of the records that point here"), "latest('activities.followup.customer', 'at')",
        context=True, cost=200, group="relation",
    ),
    Function(
        "earliest", ("path", "path"), _A, lambda run, path, name: run.related(path, "min", name),
        _("the smallest value of a field of the records that point here"), "earliest('activities.task.customer', 'due_at')",
        context=True, cost=200, group="relation",
    ),
)  # fmt: skip

FUNCTIONS: dict[str, Function] = {one.name: one for one in _ALL}

#: Titles of the groups the functions are listed under.
GROUPS: dict[str, Text] = {
    "date": _("Dates"),
    "number": _("Numbers and money"),
    "text": _("Text"),
    "logic": _("Choice of values"),
    "relation": _("Related records"),
}
