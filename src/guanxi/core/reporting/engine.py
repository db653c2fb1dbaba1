"""Running a report: one grouped query under the reader's rights, taken together, compared, in order.

Totals equal the list behind them: the rows of every cell are those ``records.queryset`` gives for the cell's filter.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Preference
from guanxi.core.models.stamps import kept
from guanxi.core.records import rates, reading, shape, steady
from guanxi.core.records.query import compile_tree
from guanxi.core.reporting import datasets, expressions, folding, naming, parts, past, windows
from guanxi.core.reporting.datasets import DATES, MANY, Place
from guanxi.core.reporting.expressions import Part
from guanxi.core.reporting.folding import Folder, Head
from guanxi.core.reporting.results import Result, Row
from guanxi.core.reporting.spec import COMPARISONS, Dimension, Spec, period_checked
from guanxi.core.reporting.table import Table, together

#: Groups fetched at most, and rows and columns shown at most where a report names no number.
MOST_GROUPS, ROWS, COLUMNS = 20_000, 200, 24
#: The preference that names the month the business year begins with.
FISCAL = "fiscal_start"
Key = tuple[Any, ...]
Groups = dict[Key, dict[str, Any]]


@kept("preferences", size=1)
def _fiscal() -> int:
    value = Preference.objects.filter(key=FISCAL).values_list("value", flat=True).first()
    return value if isinstance(value, int) and 1 <= value <= 12 else 1


def fiscal_start() -> int:
    """The month the business year begins with (1 is January)."""
    return _fiscal()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a board or reader adds to a report: a further filter, another period and comparison."""

    filter: Mapping[str, Any] | None = None
    period: str = ""
    compare: str | None = None
    as_of: str = ""


def run(actor: Actor, spec: Spec, scope: Scope | None = None) -> Result:
    """Answer a report. Raises Invalid for fields that are unknown, hidden or masked for the actor, Denied for a dataset.

    One that asks for a day of the past is answered as it would have been that evening: periods too are those of that day.
    """
    scope = scope or Scope()
    day = past.day_of(scope.as_of or spec.as_of, actor.timezone)
    if day is None:
        return Run(actor, spec, scope).result()
    at = clock.now()
    with clock.moved_to(past.moment_of(day, actor.timezone) - dt.timedelta(microseconds=1)):
        return replace(Run(actor, spec, scope, day).result(), at=at)


def _known(compare: str) -> str:
    if compare not in COMPARISONS:
        raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": compare[:40]}, field="compare")
    return compare


class Run:
    """One running: what is asked, resolved once."""

    def __init__(self, actor: Actor, spec: Spec, scope: Scope, day: dt.date | None = None) -> None:
        self.actor, self.scope, self.day = actor, scope, day
        compare = spec.compare if scope.compare is None else scope.compare
        period = period_checked(scope.period) or spec.period
        self.spec = spec = replace(spec, period=period, compare=_known(compare))
        self.entity = datasets.dataset(actor, spec.dataset)
        self.fiscal = fiscal_start()
        self.today = clock.today(actor.timezone)
        self.dimensions = datasets.dimension_places(actor, self.entity, spec)
        self.fields = [datasets.measured(actor, self.entity, one) for one in spec.measures]
        self.date = datasets.date_of(actor, self.entity, spec)
        self.money = self._money()
        self.parts = self._parts()
        self.window = windows.window_of(spec.period, actor.timezone)
        self.before = windows.compared(self.window, spec.compare) if self.window else None
        self.base = together(spec.filter, scope.filter)
        self.depth = len(spec.rows)
        self.notes: list[str] = []
        self.day_before: dt.date | None = None
        if day is not None:
            past.check(self.entity, spec, self.base, day, actor.timezone)
            self.day_before = past.before(day, spec.compare) if spec.compare else None
            self.before = None

    @property
    def compared(self) -> bool:
        """Whether figures of another period or day stand beside those asked for."""
        return self.before is not None or self.day_before is not None

    def _money(self) -> expressions.Money:
        """The rates, where an amount carries a currency."""
        foreign = any(one is not None and expressions.currency_field(one) for one, _weight in self.fields)
        return expressions.Money(rates.base_currency(), self.date, rates.known() if foreign else {})

    def _parts(self) -> list[Part]:
        found: list[Part] = []
        for place, (measure, fields) in enumerate(zip(self.spec.measures, self.fields, strict=True)):
            found += expressions.parts_of(self.actor, self.entity, place, measure, fields, self.money)
        return found

    # -- asking --------------------------------------------------------------------------------------------------------

    def rows(self, window: windows.Window | None) -> QuerySet[Any]:
        """The records a report is about within a stretch of days, under the reader's rights."""
        tree = together(self.base, window.node(self.date) if window else None)
        if self.day is not None:
            return past.queryset(self.actor, self.entity, tree)
        return reading.queryset(self.actor, self.entity, filter=tree or None)

    def _order(self) -> str:
        """The part groups are fetched by when there are too many: the first shown figure's."""
        first = self.spec.shown[0]
        measure = self.spec.measures[first]
        first = measure.a if measure.derived else first
        names = [one.name for one in self.parts if one.name.startswith(f"m{first}_") and one.merge != "join"]
        return names[0] if names else ""

    def _folders(self) -> list[Folder]:
        return [Folder(self.actor, one, place, self.fiscal) for one, place in self.dimensions]

    def _asked(self, rows: QuerySet[Any], chosen: Sequence[int]) -> QuerySet[Any]:
        """The grouped query over some of the dimensions."""
        values = {
            f"d{place}": expressions.grouped(self.actor, self.entity, *self.dimensions[place], self.today, self.fiscal)
            for place in chosen
        }
        aggregates = {one.name: one.aggregate for one in self.parts}
        grouped = rows.annotate(**values).values(*values) if values else rows.values()
        return grouped.annotate(**aggregates) if values else rows

    @property
    def many(self) -> bool:
        """Whether a dimension has so many values that only the largest groups are fetched."""
        many = (place.field.kind in MANY and not folding.ordered(place) for _one, place in self.dimensions)
        return any(many) and not self.spec.columns

    def _fetch(
        self, window: windows.Window | None, folders: Sequence[Folder], most: int
    ) -> tuple[Groups, Groups | None]:
        """Groups by folded key; and the totals per column where not all groups were fetched, else ``None``."""
        chosen = range(len(self.dimensions))
        if not chosen:
            return {(): self._alone(window)}, None
        rows = self.rows(window)
        query = self._asked(rows, chosen)
        limit = most
        order = self._order()
        if order:
            query = query.order_by(F(order).desc(nulls_last=True), *(f"d{place}" for place in chosen))
        fetched = list(query[: limit + 1])
        cut = len(fetched) > limit
        groups = self._folded(fetched[:limit], folders)
        if not cut:
            return groups, None
        columns = [place for place in chosen if place >= self.depth]
        if not columns:
            everything = dict(rows.aggregate(**{one.name: one.aggregate for one in self.parts}))
            return groups, {(): everything}
        return groups, self._folded(list(self._asked(rows, columns)), folders, columns)

    def key(self, *windows: windows.Window | None) -> Hashable | None:
        """What the figures of a report without dimensions depend on beside the records (see ``steady``)."""
        if self.day is not None:
            return None  # prepared statements know the table, not the view that hides it
        trees = [self.base, *(one.node(self.date) for one in windows if one)]
        where = [one.where for one in self.spec.measures if one.where]
        known = steady.key_of(self.actor, self.entity, *trees, *where)
        return known and (known, len(trees), repr(self.spec.measures), self.date, self.money.currency)

    def _alone(self, window: windows.Window | None) -> dict[str, Any]:
        """The figures of a report without dimensions."""
        made = {one.name: one.aggregate for one in self.parts}
        return steady.figures(self.actor, self.key(window), tuple(made), lambda: (self.rows(window), made))

    def _at_once(self, window: windows.Window, before: windows.Window) -> tuple[Groups, Groups]:
        """The one figure of a report without dimensions in both periods, by one question."""
        names = [one.name for one in self.parts]
        asked = [f"{name}_{word}" for word in ("now", "then") for name in names]
        row = steady.figures(self.actor, self.key(window, before), asked, lambda: self._both(window, before))
        now, then = ({name: row[f"{name}_{word}"] for name in names} for word in ("now", "then"))
        return {(): now}, {(): then}

    def _both(self, window: windows.Window, before: windows.Window) -> tuple[QuerySet[Any], dict[str, Any]]:
        """The rows of two periods, and every part once for each."""
        both = {"now": window.node(self.date), "then": before.node(self.date)}
        # The stretch around both, along which an index is read; it says all where one follows the other.
        around = window.with_(before).node(self.date)
        tree = together(self.base, around)
        if not window.follows(before):
            tree = together(tree, {"any": list(both.values())})
        asked: dict[str, Any] = {}
        for word, node in both.items():
            within = compile_tree(self.actor, self.entity, node)
            for one in self.parts:
                aggregate = one.aggregate.copy()
                aggregate.filter = aggregate.filter & within if aggregate.filter else within
                asked[f"{one.name}_{word}"] = aggregate
        return reading.queryset(self.actor, self.entity, filter=tree), asked

    def _folded(
        self, fetched: Sequence[Mapping[str, Any]], folders: Sequence[Folder], chosen: Sequence[int] | None = None
    ) -> Groups:
        places = range(len(folders)) if chosen is None else chosen
        found: dict[Key, list[Mapping[str, Any]]] = {}
        for row in fetched:
            key = tuple(folders[place].key(row[f"d{place}"]) for place in places)
            found.setdefault(key, []).append(row)
        return {key: dict(some[0]) if len(some) == 1 else parts.merged(self.parts, some) for key, some in found.items()}

    # -- answering -----------------------------------------------------------------------------------------------------

    def result(self) -> Result:
        """The whole answer."""
        folders = self._folders()
        most = (self.spec.top or ROWS) if self.many else MOST_GROUPS
        earlier: Groups = {}
        totals: Groups | None = None
        totals_earlier: Groups | None = None
        if self.window is not None and self.before is not None and not self.dimensions:
            groups, earlier = self._at_once(self.window, self.before)
            naming.note_currency(self)
        else:
            with self._as_of():
                groups, totals = self._fetch(self.window, folders, most)
                naming.note_currency(self)
        if self.day_before is not None:
            earlier, totals_earlier = self._earlier_day(self.day_before, folders)
        if self.before is not None and self.dimensions:
            earlier, totals_earlier = self._fetch(self.before, folders, MOST_GROUPS)
            earlier = self._aligned(earlier)
        known = groups if self.many else {**earlier, **groups}
        row_keys, row_heads, cut = self._row_keys(known, groups, folders)
        column_keys, column_heads = self._column_keys(known, folders)
        table = Table(self, groups, totals, earlier, totals_earlier, column_keys, column_heads)
        lines = [table.row(key, heads) for key, heads in zip(row_keys, row_heads, strict=True)]
        if (cut or totals is not None) and self.depth:
            node = folding.others_node(folders[: self.depth], row_heads)
            lines.append(table.others(row_keys, node, self.depth))
        total = table.total()
        lines = self._running(lines, total)
        return Result(
            spec=self.spec,
            entity=self.entity,
            dimensions=tuple(self._dimension_label(one, place) for one, place in self.dimensions[: self.depth]),
            columns=table.columns,
            rows=tuple(lines),
            total=total,
            at=clock.now(),
            date=self.date,
            date_label=shape.path_label(self.entity, self.date),
            window=self.window,
            window_before=self.before,
            notes=tuple(self.notes),
            day=self.day,
            day_before=self.day_before,
        )

    # -- days of the past ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _as_of(self) -> Iterator[None]:
        """The records as they were on the day asked for, if one is."""
        if self.day is None:
            yield
            return
        with past.state(self.actor, self.entity, self.day) as told:
            if told.entered:
                self.notes.append(
                    _(
                        "%(count)d records came into the system later with an earlier day of creation; they count as they came."
                    )
                    % {"count": told.entered}
                )
            yield

    def _earlier_day(self, day: dt.date, folders: Sequence[Folder]) -> tuple[Groups, Groups | None]:
        """The same question as of an earlier day, its period that of that day."""
        past.check(self.entity, self.spec, self.base, day, self.actor.timezone)
        with past.state(self.actor, self.entity, day):
            return self._fetch(windows.window_of(self.spec.period, self.actor.timezone), folders, MOST_GROUPS)

    def _dimension_label(self, _dimension: Dimension, place: Place) -> str:
        return f"{place.group} › {place.label}" if place.group else place.label

    def _is_date(self, number: int) -> bool:
        dimension, place = self.dimensions[number]
        return place.field.kind in DATES and dimension.grain != "age"

    def _aligned(self, earlier: Groups) -> Groups:
        """Groups of the earlier period under the buckets of this one."""
        if self.window is None or self.before is None or not self.window.closed or not self.before.closed:
            return earlier
        maps: dict[int, dict[Any, Any]] = {}
        for number, (dimension, place) in enumerate(self.dimensions):
            if self._is_date(number) and place.path == self.date:
                grain = dimension.grain or "month"
                now = windows.buckets(self.window.first, self.window.last, grain, self.fiscal, 5000)  # type: ignore[arg-type]
                then = windows.buckets(self.before.first, self.before.last, grain, self.fiscal, 5000)  # type: ignore[arg-type]
                maps[number] = dict(zip(then, now, strict=False))
        if not maps:
            return earlier
        found: dict[Key, list[Mapping[str, Any]]] = {}
        for key, group in earlier.items():
            moved = tuple(maps[at].get(one, one) if at in maps else one for at, one in enumerate(key))
            found.setdefault(moved, []).append(group)
        return {key: parts.merged(self.parts, some) for key, some in found.items()}

    def _filled_dates(self, keys: list[Any], number: int) -> list[Any]:
        """Buckets without records between the first and the last are shown too."""
        dimension, place = self.dimensions[number]
        known = [key for key in keys if key is not None]
        first, last = (min(known), max(known)) if known else (None, None)
        if self.window is not None and place.path == self.date and self.window.closed:
            first, last = self.window.first, self.window.last
        if first is None or last is None:
            return keys
        found = windows.buckets(first, last, dimension.grain or "month", self.fiscal)
        return [*found, *([None] if None in keys else [])] if found else keys

    def _row_keys(
        self, known: Groups, groups: Groups, folders: Sequence[Folder]
    ) -> tuple[list[Key], list[tuple[Head, ...]], bool]:
        keys = list(dict.fromkeys(key[: self.depth] for key in known))
        if self.depth == 1 and self._is_date(0):
            keys = [(one,) for one in self._filled_dates([key[0] for key in keys], 0)]
        named = [folders[at].heads({key[at] for key in keys}) for at in range(self.depth)]
        weights = self._weights(groups, keys)
        spec = self.spec

        def place(key: Key) -> Any:
            heads = [named[at][one] for at, one in enumerate(key)]
            if spec.sort == "label":
                return [one.label for one in heads]
            if spec.sort or (self.depth == 1 and not self._ranked(0)):
                return (weights[key] if spec.sort == "-value" else -weights[key], [one.label for one in heads])
            return [(one.rank[0], one.rank[1], one.label) for one in heads]

        keys.sort(key=place)
        most = spec.top or ROWS
        cut = len(keys) > most and not (self.depth == 1 and self._is_date(0) and not spec.top)
        keys = keys[:most] if cut else keys
        return keys, [tuple(named[at][one] for at, one in enumerate(key)) for key in keys], cut

    def _ranked(self, number: int) -> bool:
        """Whether the groups of a dimension have an order of their own."""
        _dimension, place = self.dimensions[number]
        kind = place.field.kind
        return kind in DATES | datasets.NUMBERS | {"boolean", "choice"} or folding.ordered(place)

    def _weights(self, groups: Groups, keys: Sequence[Key]) -> dict[Key, Decimal]:
        """What rows are ordered by: the first shown figure."""
        found: dict[Key, list[Mapping[str, Any]]] = {key: [] for key in keys}
        for key, group in groups.items():
            found.setdefault(key[: self.depth], []).append(group)
        first = self.spec.shown[0]
        total = parts.merged(self.parts, groups.values())
        return {
            key: Decimal(str(parts.figure(self.spec.measures, first, parts.merged(self.parts, some), total) or 0))
            for key, some in found.items()
        }

    def _column_keys(self, groups: Groups, folders: Sequence[Folder]) -> tuple[list[Any], dict[Any, Head]]:
        if not self.spec.columns:
            return [], {}
        keys = list(dict.fromkeys(key[self.depth] for key in groups))
        if self._is_date(self.depth):
            keys = self._filled_dates(keys, self.depth)
        named = folders[self.depth].heads(keys)
        if self._ranked(self.depth):
            keys.sort(key=lambda key: (named[key].rank, named[key].label))
        else:
            sizes: dict[Any, Decimal] = {}
            weights = self._weights({(key[self.depth],): group for key, group in groups.items()}, [])
            sizes = {key: weights.get((key,), Decimal(0)) for key in keys}
            keys.sort(key=lambda key: (-sizes[key], named[key].label))
        if len(keys) > COLUMNS:
            self.notes.append(
                _("Only the first %(count)d columns are shown; the totals hold all.") % {"count": COLUMNS}
            )
            keys = keys[-COLUMNS:] if self._is_date(self.depth) else keys[:COLUMNS]
        return keys, named

    def _running(self, lines: list[Row], _total: Row) -> list[Row]:
        """Running totals along the rows."""
        measures = self.spec.measures
        width = len(lines[0].cells) if lines else 0
        shown = self.spec.shown
        running = [at for at in range(width) if measures[shown[at % len(shown)]].how == "running"]
        if not running:
            return lines
        sums = {at: [Decimal(0), Decimal(0)] for at in running}
        found = []
        for row in lines:
            cells = list(row.cells)
            for at in running:
                sums[at][0] += Decimal(str(cells[at].value or 0))
                sums[at][1] += Decimal(str(cells[at].before or 0))
                cells[at] = replace(cells[at], value=sums[at][0], before=sums[at][1] if self.compared else None)
            found.append(replace(row, cells=tuple(cells)))
        return found
