"""Fields as SQL: the value at the end of a path, what a group is made of, the parts measures are worked out from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, Count, F, Max, Min, Q, Sum, Value, When
from django.db.models.expressions import Combinable, Func
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Trunc

from guanxi.core.kernel import regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import segments, shape
from guanxi.core.records.query import compile_tree, path_reach
from guanxi.core.reporting.datasets import DATES, MANIFOLD, NUMBERS, Place
from guanxi.core.reporting.spec import AGE_BANDS, NUMBER_BANDS, Dimension, Measure
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS

_CASTS: dict[str, models.Field[Any, Any]] = {
    "numeric": models.DecimalField(max_digits=30, decimal_places=6),
    "date": models.DateField(),
    "timestamptz": models.DateTimeField(),
    "boolean": models.BooleanField(),
    "bigint": models.BigIntegerField(),
}
_AMOUNT = models.DecimalField(max_digits=38, decimal_places=10)
Rates = Sequence[tuple[dt.date, Decimal]]
_BOUNDS = ArrayField(models.DecimalField(max_digits=20, decimal_places=4))


class Band(Func):
    """The number of the band a value lies in: 0 below the first bound, then 1, 2 …"""

    function = "width_bucket"
    output_field = models.IntegerField()


class DaysSince(Func):
    """Days from a date to another (negative for the future)."""

    template = "(%(expressions)s)"
    arg_joiner = " - "
    output_field = models.IntegerField()


class Each(Func):
    """Each value of a list as a row of its own; one row without a value for an empty list."""

    set_returning = True

    def __init__(self, values: Any, of: str) -> None:
        super().__init__(values, output_field=models.BigIntegerField() if of == "bigint" else models.TextField())
        self.of = of

    def as_sql(self, compiler: Any, _connection: Any, **_extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        """Of an array of such a type, or a list in JSON."""
        sql, params = compiler.compile(self.source_expressions[0])
        if self.of != "json":
            return f"unnest(coalesce(nullif({sql}, '{{}}'), ARRAY[NULL]::{self.of}[]))", list(params)
        given = f"coalesce(nullif(nullif({sql}, '[]'), 'null'), '[null]')"
        return f"jsonb_array_elements_text({given})", list(params)


class Named(Func):
    """A list of texts of those among some expressions that say one."""

    template = "array_remove(ARRAY[%(expressions)s]::text[], NULL)"
    output_field = ArrayField(models.TextField())


def segments_told(actor: Actor, entity: Entity, path: str) -> dict[str, Q]:
    """Each segment the actor may ask about at the end of a path, by key, and the condition of being in it."""
    found = {}
    for one in segments.of(shape.led_to(entity, path.rpartition(".")[0]) or entity):
        with suppress(Invalid):  # it stands on something hidden from him
            found[one.key] = compile_tree(actor, entity, {"field": path, "op": "has_any", "value": [one.key]})
    return found


def _each(actor: Actor, entity: Entity, place: Place) -> Each:
    """Each value of a field of several: a tag, a choice, a segment."""
    if place.field.name == segments.PATH:
        told = segments_told(actor, entity, place.path)
        names: list[Any] = [Case(When(where, then=Value(key)), default=Value(None)) for key, where in told.items()]
        return Each(Named(*(names or [Value(None)])), "text")
    return Each(seen(actor, entity, place, _listed(place)), "bigint" if place.field.kind == "tags" else "json")


def _listed(place: Place) -> Any:
    """The list at the end of a path: an array of tags, or choices as JSON."""
    if not place.field.custom:
        return F(place.path.replace(".", "__"))
    return KeyTransform(place.field.key, F(place.path.rpartition(".")[0].replace(".", "__")))


class DateTrunc(Func):
    """A date's bucket. Without a time zone, which a date has none of: half the work of ``Trunc``, which goes over one."""

    template = "DATE_TRUNC('%(grain)s', %(expressions)s::timestamp)::date"
    output_field = models.DateField()


class PickedRate(Func):
    """The rate of the day out of an array of days and one of rates; null before the first day."""

    output_field = _AMOUNT

    def __init__(self, day: Combinable, known: Rates) -> None:
        super().__init__(day)
        self.known = known

    def as_sql(self, compiler: Any, _connection: Any, **_extra: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        """The element of the rates at the place of the day."""
        sql, params = compiler.compile(self.source_expressions[0])
        days = [day for day, _rate in self.known]
        amounts = [rate for _day, rate in self.known]
        return f"(%s::numeric[])[width_bucket(({sql})::date, %s::date[])]", [amounts, *params, days]


def column(place: Place) -> Combinable:
    """The plain value at the end of a path."""
    field = place.field
    if not field.custom:
        return F(place.path.replace(".", "__"))
    text = KeyTextTransform(field.key, F(place.path.rpartition(".")[0].replace(".", "__")))
    cast = _CASTS.get(KINDS[field.kind].cast)
    return Cast(text, cast) if cast is not None else text


def seen(actor: Actor, entity: Entity, place: Place, value: Any) -> Any:
    """The value where the actor may see every record the path leads over, else null."""
    reach = path_reach(actor, entity, place.path)
    return Case(When(reach, then=value), default=Value(None)) if reach else value


def bands_of(dimension: Dimension) -> tuple[int, ...]:
    """The lower bounds of a dimension's bands."""
    return dimension.bands or (AGE_BANDS if dimension.grain == "age" else NUMBER_BANDS)


def grouped(actor: Actor, entity: Entity, dimension: Dimension, place: Place, today: dt.date, fiscal: int) -> Any:
    """What a dimension groups by in SQL; the rest of taking together is done in ``folding``."""
    kind = place.field.kind
    if kind in MANIFOLD:
        return _each(actor, entity, place)
    value: Any = column(place)
    if kind in DATES:
        value = _dated(dimension.grain or "month", kind, value, actor, today, dimension, fiscal)
    elif kind in NUMBERS and dimension.grain == "bands":
        value = Band(value, Value(list(bands_of(dimension)), output_field=_BOUNDS))
    return seen(actor, entity, place, value)


def _day(value: Any, place: Place, actor: Actor) -> Any:
    """The day of a date or moment in the reader's time zone."""
    zone = ZoneInfo(actor.timezone) if place.field.kind == "datetime" else None
    if zone is None:
        return value
    return Cast(Trunc(value, "day", output_field=models.DateField(), tzinfo=zone), models.DateField())


def _dated(grain: str, kind: str, value: Any, actor: Actor, today: dt.date, dimension: Dimension, fiscal: int) -> Any:
    zone = ZoneInfo(actor.timezone) if kind == "datetime" else None
    if grain == "age":
        zoned = Trunc(value, "day", output_field=models.DateField(), tzinfo=zone)
        day = Cast(zoned, models.DateField())
        since = DaysSince(Value(today, output_field=models.DateField()), day)
        return Band(since, Value(list(bands_of(dimension)), output_field=_BOUNDS))
    if zone is None:
        return bucket(value, grain, "day", fiscal)
    return Trunc(value, _coarse(grain, fiscal), output_field=models.DateField(), tzinfo=zone)


def _coarse(grain: str, fiscal: int) -> str:
    """The grain the database groups by: business years that begin within one of the calendar are made of months, weeks that begin within its own of days."""
    if grain == "week" and regional.present().week != 1:
        return "day"
    return "month" if grain in ("quarter", "year") and fiscal > 1 else grain


def bucket(value: Any, grain: str, finest: str, fiscal: int) -> Any:
    """The bucket of a date that is a day, or the first of its month, already."""
    coarse = _coarse(grain, fiscal)
    return value if coarse == finest else DateTrunc(value, grain=coarse)


@dataclass(frozen=True, slots=True)
class Money:
    """How amounts are converted: into ``currency``, by the rate that holds on the date ``day`` names."""

    currency: str
    day: str
    rates: Mapping[str, Rates]


@dataclass(frozen=True, slots=True)
class Part:
    """One aggregate a measure is worked out from: its name in the query, how parts are merged, the aggregate."""

    name: str
    merge: str
    aggregate: Any


def parts_of(
    actor: Actor, entity: Entity, place: int, measure: Measure, fields: Sequence[Place | None], money: Money
) -> list[Part]:
    """The aggregates of a measure."""
    where = compile_tree(actor, entity, measure.where) if measure.where else None
    if measure.derived:
        return []
    if measure.how == "count":
        return [Part(f"m{place}_n", "add", Count("pk", filter=where) if where else Count("*"))]
    field, weight = fields
    if field is None:
        return []
    value = seen(actor, entity, field, column(field))
    if measure.how == "distinct":
        return [Part(f"m{place}_set", "join", ArrayAgg(value, distinct=True, filter=where, default=Value([])))]
    if measure.how == "days" and weight is not None:
        start = seen(actor, entity, weight, column(weight))
        between = DaysSince(_day(value, field, actor), _day(start, weight, actor))
        return [
            Part(f"m{place}_s", "add", Sum(between, filter=where)),
            Part(f"m{place}_n", "add", Count(between, filter=where)),
        ]
    amount = converted(entity, field, value, money)
    if measure.how in ("min", "max"):
        kind = Min if measure.how == "min" else Max
        return [Part(f"m{place}_{measure.how}", measure.how, kind(amount, filter=where))]
    if weight is not None:
        share = seen(actor, entity, weight, column(weight))
        amount = Cast(amount, _AMOUNT) * Cast(share, _AMOUNT)
        if weight.field.kind == "percent":
            amount = amount / Value(Decimal(100))
        return [Part(f"m{place}_s", "add", Sum(amount, filter=where, output_field=_AMOUNT))]
    found = [Part(f"m{place}_s", "add", Sum(amount, filter=where))]
    if measure.how == "avg":
        found.append(Part(f"m{place}_n", "add", Count(amount, filter=where)))
    return found


def currency_field(field: Place) -> str:
    """The path of the field that holds an amount's currency; '' if the amount has none of its own."""
    name = field.field.currency if field.field.kind == "money" and not field.field.custom else ""
    if not name:
        return ""
    start, dot, _last = field.path.rpartition(".")
    return f"{start}{dot}{name}"


def rate_field(entity: Entity, field: Place) -> str:
    """The path of the rate stored with the record of an amount (its rate of the day); '' if there is none."""
    model: Any = entity.model
    *steps, _last = field.path.split(".")
    for step in steps:
        model = model._meta.get_field(step).related_model
    names = {one.name for one in model._meta.concrete_fields}
    return ".".join([*steps, "rate"]) if "rate" in names else ""


def converted(entity: Entity, field: Place, value: Any, money: Money) -> Any:
    """An amount in the workspace's currency by its own rate, else by the rate of the day; null without a rate."""
    name = currency_field(field)
    if not name:
        return value
    currency = money.currency
    own = rate_field(entity, field)
    path = name.replace(".", "__")
    if own:
        rate: Any = F(own.replace(".", "__"))
        return Cast(value, _AMOUNT) * Case(
            When(Q(**{path: currency}), then=Value(Decimal(1))), default=Cast(rate, _AMOUNT)
        )
    cases = [
        When(Q(**{path: code}), then=PickedRate(F(money.day.replace(".", "__")), known))
        for code, known in money.rates.items()
        if code != currency and known
    ]
    same = When(Q(**{path: currency}) | Q(**{path: ""}), then=Value(Decimal(1), output_field=_AMOUNT))
    rate = Case(same, *cases, default=Value(None, output_field=_AMOUNT), output_field=_AMOUNT)
    return Cast(value, _AMOUNT) * rate
