"""Each operator of the query language as a condition on one column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, IContains, LessThan, LessThanOrEqual
from django.utils.translation import gettext as _

from guanxi.core.access.rules import among
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import User
from guanxi.core.records import dictionaries, periods
from guanxi.core.schema import kinds
from guanxi.core.schema.fields import Field
from guanxi.core.schema.operators import PERIODS
from guanxi.core.schema.parsing import identifier

_COMPARE: dict[str, type[models.Lookup[Any]]] = {
    "eq": Exact,
    "lt": LessThan,
    "lte": LessThanOrEqual,
    "gt": GreaterThan,
    "gte": GreaterThanOrEqual,
}


def compare(expression: Any, operator: str, number: Any) -> Q:
    """A condition that compares an expression with a value."""
    if operator == "ne":
        return ~Q(Exact(expression, Value(number)))
    return Q(_COMPARE[operator](expression, Value(number)))


def compile_condition(actor: Actor, field: Field, column: str, operator: str, value: Any) -> Q:
    """The condition for one field; ``column`` is a Django path, or ``custom.<key>``. Raises Invalid."""
    if operator in ("empty", "not_empty"):
        found = _empty(field, column)
        if field.custom:  # the opposite as its index says it
            return found if operator == "empty" else Q(**{f"{_path(field, column)}__void": False})
        return found if operator == "empty" else ~found
    return _FAMILIES[_family(field)](actor, field, column, operator, value)


def _family(field: Field) -> str:
    if field.kind in ("date", "datetime"):
        return "date"
    if field.kind in ("integer", "decimal", "percent", "money", "time", "formula", "rollup"):
        return "number"
    if field.kind in ("reference", "user"):
        return "reference"
    if field.kind in ("choice", "region"):
        return "choice"
    if field.kind in ("choices", "tags", "references"):
        return "set"
    if field.kind in ("emails", "phones", "urls", "addresses", "table"):
        return "entries"
    return "boolean" if field.kind == "boolean" else "text"


def _path(field: Field, column: str) -> str:
    return column.replace(".", "__") if field.custom else column


def _holds(field: Field, column: str, value: Any) -> Q:
    """Whether the custom values, the record's own or those of one it points to, hold this value of the field."""
    return Q(**{f"{_path(field, column)}__held": value if isinstance(value, float) else kinds.json_of(value)})


def _json(column: str) -> str:
    return column.rpartition(".")[0].replace(".", "__")


def _empty(field: Field, column: str) -> Q:
    path = _path(field, column)
    if field.custom:
        return Q(**{f"{path}__void": True})
    if field.kind == "tags":
        return Q(**{f"{path}__len": None}) | Q(**{path: []})
    if _family(field) == "entries" or field.kind == "choices":
        return Q(**{path: []})
    found = Q(**{f"{path}__isnull": True})
    return found | Q(**{path: ""}) if _family(field) in ("text", "choice") else found


def _list(value: Any) -> list[Any]:
    if value is None or value == "":
        raise Invalid(_("A value is missing."), code="filter.value")
    found = list(value) if isinstance(value, list | tuple) else [value]
    if len(found) > 1000:
        raise Invalid(_("At most 1,000 values are possible."), code="filter.size")
    return found


def _one(value: Any) -> Any:
    if value is None or value == "" or isinstance(value, dict):
        raise Invalid(_("A value is missing."), code="filter.value")
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def _text(_actor: Actor, field: Field, column: str, operator: str, value: Any) -> Q:
    path = _path(field, column)
    if operator == "in":
        return Q(**{f"{path}__in": [str(one) for one in _list(value)]})
    wanted = str(_one(value)).strip()
    lookup = {
        "contains": "icontains",
        "not_contains": "icontains",
        "starts": "istartswith",
        "ends": "iendswith",
        "eq": "exact",
        "ne": "exact",
    }[operator]
    if field.kind == "phone" and operator in ("contains", "not_contains"):
        wanted = "".join(mark for mark in wanted if mark.isdigit() or mark == "+") or wanted
    exact = field.custom and lookup == "exact"
    found = _holds(field, column, wanted) if exact else Q(**{f"{path}__{lookup}": wanted})
    return ~found if operator in ("ne", "not_contains") else found


def _typed(field: Field, value: Any) -> Any:
    parsed = kinds.parse(field, value)
    if parsed is None:
        raise Invalid(_("A value is missing."), code="filter.value")
    if not field.custom:
        return parsed
    return kinds.json_of(parsed) if field.kind == "time" else float(parsed)


def _number(_actor: Actor, field: Field, column: str, operator: str, value: Any) -> Q:
    path = _path(field, column)
    if operator == "between":
        low, high = _pair(value)
        found = Q()
        if low not in (None, ""):
            found &= Q(**{f"{path}__gte": _typed(field, low)})
        if high not in (None, ""):
            found &= Q(**{f"{path}__lte": _typed(field, high)})
        return found
    wanted = _typed(field, _one(value))
    if operator in ("eq", "ne"):
        found = _holds(field, column, wanted) if field.custom else Q(**{path: wanted})
        return ~found if operator == "ne" else found
    return Q(**{f"{path}__{operator}": wanted})


def _pair(value: Any) -> tuple[Any, Any]:
    found = _list(value)
    if len(found) != 2 or all(one in (None, "") for one in found):
        raise Invalid(_("“between” needs two values."), code="filter.value")
    return found[0], found[1]


def _days(actor: Actor, field: Field, value: Any) -> tuple[Any, Any]:
    """The stretch a value covers: a day lasts until the next, a moment is itself."""
    spelled = periods.moment(value, actor.timezone) if isinstance(value, str) and value.startswith("@") else None
    given = spelled if spelled is not None else value
    if field.kind == "date":
        day = clock.day_of(given, actor.timezone) if isinstance(given, dt.datetime) else kinds.parse(field, given)
        return day, day + dt.timedelta(days=1)
    whole = isinstance(given, dt.date) and not isinstance(given, dt.datetime)
    if whole or (isinstance(given, str) and len(given.strip()) <= 10):
        day = kinds.parse(Field(name=field.name, kind="date", label=field.label), given)
        if day is None:
            raise Invalid(_("A value is missing."), code="filter.value")
        return clock.day_start(day, actor.timezone), clock.day_start(day + dt.timedelta(days=1), actor.timezone)
    at = kinds.parse(field, given)
    return at, at + dt.timedelta(microseconds=1)


def _bound(actor: Actor, field: Field, day: dt.date) -> Any:
    return day if field.kind == "date" else clock.day_start(day, actor.timezone)


def _stretch(field: Field, column: str, start: Any, end: Any) -> Q:
    path = _path(field, column)
    if field.custom:
        start, end = (kinds.json_of(one) if one is not None else None for one in (start, end))
    found = Q()
    if start is not None:
        found &= Q(**{f"{path}__gte": start})
    if end is not None:
        found &= Q(**{f"{path}__lt": end})
    return found


def _date(actor: Actor, field: Field, column: str, operator: str, value: Any) -> Q:
    if operator == "within":
        if value not in PERIODS:
            raise Invalid(
                _("“%(value)s” is no period.") % {"value": str(value)[:40]},
                code="filter.value",
                details={"periods": list(PERIODS)},
            )
        first, after = periods.period_days(value, actor.timezone)
        return _stretch(field, column, _bound(actor, field, first), _bound(actor, field, after))
    if operator in ("last_days", "next_days", "older_days"):
        return _around(actor, field, column, operator, value)
    if operator == "between":
        low, high = _pair(value)
        start = None if low in (None, "") else _days(actor, field, low)[0]
        end = None if high in (None, "") else _days(actor, field, high)[1]
        return _stretch(field, column, start, end)
    start, end = _days(actor, field, _one(value))
    if operator == "eq" and field.custom and field.kind == "date":
        return _holds(field, column, start)
    return {
        "eq": lambda: _stretch(field, column, start, end),
        "lt": lambda: _stretch(field, column, None, start),
        "lte": lambda: _stretch(field, column, None, end),
        "gt": lambda: _stretch(field, column, end, None),
        "gte": lambda: _stretch(field, column, start, None),
    }[operator]()


def _around(actor: Actor, field: Field, column: str, operator: str, value: Any) -> Q:
    days = kinds.parse(Field(name=field.name, kind="integer", label=field.label, minimum=0, maximum=36500), _one(value))
    today = clock.today(actor.timezone)
    if operator == "last_days":
        first, after = today - dt.timedelta(days=days), today + dt.timedelta(days=1)
        return _stretch(field, column, _bound(actor, field, first), _bound(actor, field, after))
    if operator == "next_days":
        after = today + dt.timedelta(days=days + 1)
        return _stretch(field, column, _bound(actor, field, today), _bound(actor, field, after))
    return _stretch(field, column, None, _bound(actor, field, today - dt.timedelta(days=days)))


def _people(actor: Actor, field: Field, values: list[Any]) -> list[int]:
    found: list[int] = []
    for one in values:
        if one == "@me":
            found.append(actor.user_id or 0)
        elif one in ("@my_department", "@my_departments") and field.target == "core.department":
            found += [actor.department_id or 0] if one == "@my_department" else list(actor.departments)
        elif one in ("@my_department", "@my_departments") and field.kind == "user":
            departments = [actor.department_id or 0] if one == "@my_department" else list(actor.departments)
            found += list(User.everything.filter(department_id__in=departments).values_list("pk", flat=True))
        else:
            found.append(identifier(one, field))
    return found


def _reference(actor: Actor, field: Field, column: str, operator: str, value: Any) -> Q:
    wanted = _people(actor, field, _list(value))
    found = _any_of(field, column, wanted) if field.custom else among(f"{column}_id", wanted)
    return ~found if operator in ("ne", "not_in") else found


def _choice(_actor: Actor, field: Field, column: str, operator: str, value: Any) -> Q:
    wanted = [str(one) for one in _list(value)]
    path = _path(field, column)
    tree = operator in ("under", "not_under")
    if tree and field.kind == "region":
        found = _under_regions(path, wanted)
        found &= Q(**{f"{_json(column)}__has_key": field.key}) if field.custom else Q()
    else:
        wanted = [one for top in wanted for one in dictionaries.below(field.dictionary, top)] if tree else wanted
        found = _any_of(field, column, wanted) if field.custom else Q(**{f"{path}__in": wanted})
    return ~found if operator in ("ne", "not_in", "not_under") else found


def _any_of(field: Field, column: str, wanted: Sequence[Any]) -> Q:
    """Whether a custom field holds one of the values, each compared as its index holds it."""
    found = Q()
    for one in wanted:
        found |= _holds(field, column, one)
    return found or Q(pk__isnull=True)


def any_of(field: Field, given: Any) -> Q:
    """Whether the values apart of a field of several hold one of those given (``records.apart``)."""
    listed = [identifier(one, field) if field.kind == "references" else str(one) for one in _list(given)]
    return _any_of(field, f"custom.{field.key}", listed)


def _under_regions(path: str, tops: list[str]) -> Q:
    """Codes of lower regions begin with those of the higher ones."""
    found = Q()
    for top in tops:
        found |= Q(**{f"{path}__startswith": top})
    return found


def _boolean(_actor: Actor, field: Field, column: str, _operator: str, value: Any) -> Q:
    wanted = kinds.parse(field, value)
    if wanted is None:
        raise Invalid(_("A value is missing."), code="filter.value")
    if field.custom:
        yes = _holds(field, column, True)
        return yes if wanted else ~yes
    return Q(**{column: wanted})


def _set(_actor: Actor, field: Field, column: str, operator: str, value: Any) -> Q:
    if field.kind == "tags":
        wanted = [identifier(one, field) for one in _list(value)]
        found = Q(**{f"{column}__{'contains' if operator == 'has_all' else 'overlap'}": wanted})
        return ~found if operator == "has_none" else found
    path = _path(field, column)
    listed = [identifier(one, field) if field.kind == "references" else str(one) for one in _list(value)]
    found = Q()
    for one in listed:
        part = Q(**{f"{path}__contains": [one]})
        found = found & part if operator == "has_all" else found | part
    if operator != "has_none":
        return found
    return ~found | Q(**{f"{path}__void": True}) if field.custom else ~found


class _AsText(Cast):
    """A JSON column as text, for searching inside."""

    def __init__(self, column: str) -> None:
        super().__init__(column, models.TextField())


def _entries(_actor: Actor, field: Field, column: str, operator: str, value: Any) -> Q:
    wanted = str(_one(value)).strip()
    if field.kind == "phones":
        wanted = "".join(mark for mark in wanted if mark.isdigit() or mark == "+") or wanted
    if operator == "eq" and not field.custom:
        parsed = kinds.parse(field, wanted)
        return Q(**{f"{column}__contains": [{"value": parsed[0]["value"]}]}) if parsed else Q(pk__isnull=True)
    if field.custom:
        return Q(**{f"{_path(field, column)}__icontains": wanted})
    needle = f'"value": "{wanted}' if operator == "starts" else wanted
    return Q(IContains(_AsText(column), Value(needle)))


_FAMILIES: dict[str, Callable[[Actor, Field, str, str, Any], Q]] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "reference": _reference,
    "choice": _choice,
    "set": _set,
    "entries": _entries,
    "boolean": _boolean,
}
