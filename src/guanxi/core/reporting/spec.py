"""What a report asks, as data: dataset, rows, columns, measures, filter, period. Read from and written to plain JSON.

A stored definition looks like this; everything but ``dataset`` may be left out::

    {"dataset": "customers.customer",
     "rows": [{"field": "created_at", "grain": "month"}], "columns": [{"field": "level"}],
     "measures": [{"how": "count"}, {"how": "sum", "field": "revenue"}, {"how": "ratio", "a": 1, "b": 0}],
     "filter": {…}, "date": "created_at", "period": "this_year", "compare": "year",
     "top": 10, "sort": "value", "target": "500000", "chart": "column"}
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.schema.operators import PERIODS

#: How dates are taken together; ``age`` counts days since, in bands.
DATE_GRAINS: dict[str, Text] = {
    "day": gettext_lazy("by day"),
    "week": gettext_lazy("by week"),
    "month": gettext_lazy("by month"),
    "quarter": gettext_lazy("by quarter"),
    "year": gettext_lazy("by year"),
    "age": gettext_lazy("by days since"),
    "after": gettext_lazy("counted from the rows’ date"),
}
#: How regions, departments and choices with a hierarchy are taken together.
TREE_GRAINS: dict[str, Text] = {"top": gettext_lazy("top level"), "second": gettext_lazy("second level")}
GRAINS = {**DATE_GRAINS, **TREE_GRAINS, "bands": gettext_lazy("in bands")}

#: Measures over the rows of a group, and those worked out from other measures (``a`` and ``b`` are their places).
AGGREGATES: dict[str, Text] = {
    "count": gettext_lazy("Number of records"),
    "sum": gettext_lazy("Sum"),
    "avg": gettext_lazy("Average"),
    "min": gettext_lazy("Smallest"),
    "max": gettext_lazy("Largest"),
    "distinct": gettext_lazy("Number of different values"),
    "weighted": gettext_lazy("Weighted sum"),
    "days": gettext_lazy("Average days between"),
}
DERIVED: dict[str, Text] = {
    "ratio": gettext_lazy("Ratio of two"),
    "share": gettext_lazy("Share of the total"),
    "running": gettext_lazy("Running total"),
    "kept": gettext_lazy("Share of the first column"),
}
COMPARISONS: dict[str, Text] = {
    "": gettext_lazy("no comparison"),
    "previous": gettext_lazy("the period before"),
    "year": gettext_lazy("the year before"),
}
CHARTS: dict[str, Text] = {
    "column": gettext_lazy("Columns"),
    "stacked": gettext_lazy("Stacked columns"),
    "bar": gettext_lazy("Bars"),
    "line": gettext_lazy("Lines"),
    "area": gettext_lazy("Area"),
    "pie": gettext_lazy("Ring"),
    "funnel": gettext_lazy("Funnel"),
    "number": gettext_lazy("Number"),
    "table": gettext_lazy("Table only"),
}
SORTS: dict[str, Text] = {
    "": gettext_lazy("as usual"),
    "value": gettext_lazy("largest first"),
    "-value": gettext_lazy("smallest first"),
    "label": gettext_lazy("by name"),
}
MOST_ROWS, MOST_COLUMNS, MOST_MEASURES, MOST_TOP = 3, 1, 8, 500
#: Bands where a report names none: days since, and plain numbers.
AGE_BANDS, NUMBER_BANDS = (0, 31, 61, 91, 181), (0, 10, 50, 200, 1000, 5000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A field the rows are grouped by. ``bands`` are the lower bounds of bands (numbers, or days since)."""

    field: str
    grain: str = ""
    bands: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number per group. ``where`` counts only some records; ``weight`` is the second field of a weighted sum, or the date from which days are counted.

    ``unit`` ``percent`` shows a ratio in per cent; a ``hidden`` one only serves others.
    """

    how: str = "count"
    field: str = ""
    weight: str = ""
    where: Mapping[str, Any] = dataclass_field(default_factory=dict)
    label_zh: str = ""
    label_en: str = ""
    a: int = 0
    b: int = 0
    unit: str = ""
    hidden: bool = False

    @property
    def derived(self) -> bool:
        """Whether it is worked out from other measures."""
        return self.how in DERIVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A whole question. ``period`` is a name of ``operators.PERIODS``, ``last:30`` (days) or ``2026-01-01..2026-03-31``.

    ``as_of`` is a day of the past (ISO, or a name of ``ENDS``) whose state is asked for; '' is now. A column of grain ``after``
    counts on from the date of the first row (a cohort); ``subtotals`` adds up what the first rows take together.
    """

    dataset: str
    rows: tuple[Dimension, ...] = ()
    columns: tuple[Dimension, ...] = ()
    measures: tuple[Measure, ...] = (Measure(),)
    filter: Mapping[str, Any] = dataclass_field(default_factory=dict)
    date: str = ""
    period: str = ""
    compare: str = ""
    top: int = 0
    sort: str = ""
    target: Decimal | None = None
    currency: str = ""
    chart: str = "column"
    as_of: str = ""
    subtotals: bool = False

    @property
    def shown(self) -> tuple[int, ...]:
        """Places of the measures that are shown."""
        return tuple(place for place, one in enumerate(self.measures) if not one.hidden)


def read(given: Any) -> Spec:
    """The spec of a stored or sent definition. Raises Invalid for anything a spec cannot be."""
    data = _mapping(given)
    measures = tuple(_measure(one) for one in _list(data.get("measures"), MOST_MEASURES)) or (Measure(),)
    for place, one in enumerate(measures):
        _references_checked(one, place, measures)
    spec = Spec(
        dataset=str(data.get("dataset") or ""),
        rows=tuple(_dimension(one) for one in _list(data.get("rows"), MOST_ROWS)),
        columns=tuple(_dimension(one) for one in _list(data.get("columns"), MOST_COLUMNS)),
        measures=measures,
        filter=_mapping(data.get("filter") or {}),
        date=str(data.get("date") or ""),
        period=period_checked(str(data.get("period") or "")),
        compare=_one_of(data.get("compare"), COMPARISONS, "compare"),
        top=_whole(data.get("top"), MOST_TOP),
        sort=_one_of(data.get("sort"), SORTS, "sort"),
        target=_number(data.get("target")),
        currency=str(data.get("currency") or "")[:3],
        chart=_one_of(data.get("chart") or "column", CHARTS, "chart"),
        subtotals=data.get("subtotals") in (True, "1", "true"),
        as_of=day_checked(str(data.get("as_of") or "")),
    )
    if not spec.dataset:
        raise Invalid(_("Choose what the report is about."), code="report.dataset", field="dataset")
    if not spec.shown:
        raise Invalid(_("Choose at least one figure."), code="report.measures", field="measures")
    return spec


def written(spec: Spec) -> dict[str, Any]:
    """The definition of a spec as JSON data; what is empty is left out."""

    def plain(value: Any) -> Any:
        if isinstance(value, Dimension | Measure):
            return {name: plain(one) for name in value.__slots__ if (one := getattr(value, name)) not in ("", (), {})}
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        return str(value) if isinstance(value, Decimal) else value

    found = {name: plain(getattr(spec, name)) for name in spec.__slots__}
    return {name: value for name, value in found.items() if value not in ("", [], {}, None, 0)}


def _mapping(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise Invalid(_("A report is an object."), code="report.format")
    return given


def _list(given: Any, most: int) -> Sequence[Any]:
    if given in (None, ""):
        return ()
    if not isinstance(given, list | tuple) or len(given) > most:
        raise Invalid(_("At most %(most)d entries are possible here.") % {"most": most}, code="report.size")
    return given


def _one_of(given: Any, known: Mapping[str, Any], name: str) -> str:
    if str(given or "") not in known:
        raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": str(given)[:40]}, field=name)
    return str(given or "")


def _whole(given: Any, most: int) -> int:
    text = str(given or "0")
    if not text.isdecimal() or len(text) > 6:
        raise Invalid(_("“%(value)s” is not a whole number.") % {"value": text[:20]}, field="top")
    return min(int(text), most)


def _number(given: Any) -> Decimal | None:
    if given in (None, ""):
        return None
    try:
        found = Decimal(str(given).replace(",", "").strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise Invalid(_("“%(value)s” is not a number.") % {"value": str(given)[:20]}, field="target")
    return found


def _dimension(given: Any) -> Dimension:
    data = _mapping(given)
    bands = [int(one) for one in _list(data.get("bands"), 20) if str(one).lstrip("-").isdecimal()]
    return Dimension(
        field=str(data.get("field") or ""),
        grain=_one_of(data.get("grain"), {"": "", **GRAINS}, "grain"),
        bands=tuple(sorted(set(bands))),
    )


def _measure(given: Any) -> Measure:
    data = _mapping(given)
    return Measure(
        how=_one_of(data.get("how") or "count", {**AGGREGATES, **DERIVED}, "measures"),
        field=str(data.get("field") or ""),
        weight=str(data.get("weight") or ""),
        where=_mapping(data.get("where") or {}),
        label_zh=str(data.get("label_zh") or "")[:60],
        label_en=str(data.get("label_en") or "")[:60],
        a=_whole(data.get("a"), MOST_MEASURES),
        b=_whole(data.get("b"), MOST_MEASURES),
        unit=_one_of(data.get("unit"), {"": "", "percent": ""}, "measures"),
        hidden=data.get("hidden") in (True, "1", "true"),
    )


def _references_checked(one: Measure, place: int, measures: Sequence[Measure]) -> None:
    """A derived measure uses measures that are aggregates themselves."""
    used = (one.a, one.b) if one.how == "ratio" else (one.a,) if one.derived else ()
    for number in used:
        if number >= len(measures) or number == place or measures[number].derived:
            raise Invalid(
                _("A ratio, share or running total is worked out from other figures of the report."),
                code="report.derived",
                field="measures",
            )


def period_checked(period: str) -> str:
    """The period itself. Raises Invalid for one nobody can mean."""
    if not period or period in PERIODS:
        return period
    if period.startswith("last:") and period[5:].isdecimal() and 0 < len(period[5:]) < 6:
        return period
    first, dots, last = period.partition("..")
    try:
        if dots and (first or last):
            days = [dt.date.fromisoformat(one) for one in (first, last) if one]
            if days == sorted(days):
                return period
    except ValueError:
        pass
    raise Invalid(_("“%(value)s” is no period.") % {"value": period[:40]}, code="report.period", field="period")


#: Days of the past that go along with the calendar: the last one of the period before.
ENDS: dict[str, Text] = {
    "yesterday": gettext_lazy("end of yesterday"),
    "last_week": gettext_lazy("end of last week"),
    "last_month": gettext_lazy("end of last month"),
    "last_quarter": gettext_lazy("end of last quarter"),
    "last_year": gettext_lazy("end of last year"),
}


def day_checked(text: str) -> str:
    """A day of the past as definitions and addresses hold it. Raises Invalid."""
    if not text or text in ENDS:
        return text
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise Invalid(_("“%(value)s” is no day.") % {"value": text[:20]}, code="report.as_of", field="asof") from None
