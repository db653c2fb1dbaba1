"""Running a report: one grouped query under the reader's rights, taken together, compared, in order.

Totals equal the list behind them: the rows of every cell are those ``records.queryset`` gives for the cell's filter.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import rates, reading, segments, shape
from guanxi.core.records.firm import fiscal_start
from guanxi.core.reporting import asking, datasets, expressions, folding, naming, parts, past, windows
from guanxi.core.reporting.asking import Answer, Groups, Key
from guanxi.core.reporting.datasets import DATES, MANIFOLD, MANY, Place
from guanxi.core.reporting.expressions import Part
from guanxi.core.reporting.folding import Folder, Head
from guanxi.core.reporting.parts import together
from guanxi.core.reporting.results import Result, Row
from guanxi.core.reporting.spec import COMPARISONS, Dimension, Spec, period_checked
from guanxi.core.reporting.table import Table

#: Groups fetched at most, and rows and columns shown at most where a report names no number.
MOST_GROUPS, ROWS, COLUMNS = 20_000, 200, 24


@dataclass(frozen=True, slots=True)
class Scope:
    """What a board or reader adds to a report: a further filter, another period and comparison.

    With ``upto`` a report that only counts records stops there, and says one more: like a list's “10,000+”.
    """

    filter: Mapping[str, Any] | None = None
    period: str = ""
    compare: str | None = None
    as_of: str = ""
    upto: int = 0


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


def _require_known(compare: str) -> None:
    if compare not in COMPARISONS:
        raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": compare[:40]}, field="compare")


class Run:
    """One running: what is asked, resolved once."""

    def __init__(self, actor: Actor, spec: Spec, scope: Scope, day: dt.date | None = None) -> None:
        self.actor, self.scope, self.day = actor, scope, day
        compare = spec.compare if scope.compare is None else scope.compare
        period = period_checked(scope.period) or spec.period
        _require_known(compare)
        if (period, compare) != (spec.period, spec.compare):
            spec = replace(spec, period=period, compare=compare)
        self.spec = spec
        self.entity = datasets.dataset(actor, spec.dataset)
        self.fiscal = fiscal_start()
        self.today = clock.today(actor.timezone)
        self.dimensions = datasets.dimension_places(actor, self.entity, spec)
        self.depth = len(spec.rows)
        self.manifold = [place.field.kind in MANIFOLD for _one, place in self.dimensions]
        self.step = self._step()
        self.fields = [datasets.measured(actor, self.entity, one) for one in spec.measures]
        self.date = datasets.date_of(actor, self.entity, spec)
        self.currencies = {
            name: one for one, _weight in self.fields if one and (name := expressions.currency_field(one))
        }
        self.money = self._money()
        self.parts = self._parts()
        self.window = windows.window_of(spec.period, actor.timezone)
        self.before = windows.compared(self.window, spec.compare) if self.window else None
        self.base = together(spec.filter, scope.filter)
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

    def _step(self) -> str:
        """The grain by which a cohort's columns count on from its rows; '' for another report. Raises Invalid."""
        if sum(self.manifold) > 1:
            raise Invalid(
                _("Only one dimension may be a field with several values, such as tags."), code="report.manifold"
            )
        if not self.spec.columns or self.spec.columns[0].grain != "after":
            return ""
        first = self.spec.rows[0] if self.spec.rows else None
        kinds = {place.field.kind for _one, place in (self.dimensions[0], self.dimensions[self.depth])}
        grain = (first.grain or "month") if first else ""
        if grain not in windows.STEPS or not kinds <= DATES or any(self.manifold):
            raise Invalid(
                _("Counting on from the rows needs dates there, by week, month, quarter or year."), code="report.after"
            )
        column, place = self.dimensions[self.depth]
        self.dimensions[self.depth] = (replace(column, grain=grain), place)
        return grain

    def stepped(self, key: Key, chosen: Sequence[int]) -> Key:
        """The key of a group, of a cohort with the number of steps from its row in the place of the column's bucket."""
        if not self.step or len(chosen) < 2 or chosen[-1] != self.depth:
            return key
        start, later = key[0], key[-1]
        steps = None if start is None or later is None else windows.steps(start, later, self.step)
        return (*key[:-1], steps)

    def _money(self) -> expressions.Money:
        """The rates, where an amount carries a currency."""
        return expressions.Money(rates.base_currency(), self.date, rates.known() if self.currencies else {})

    def _parts(self) -> list[Part]:
        found: list[Part] = []
        for place, (measure, fields) in enumerate(zip(self.spec.measures, self.fields, strict=True)):
            found += expressions.parts_of(self.actor, self.entity, place, measure, fields, self.money)
        return found

    def rows(self, window: windows.Window | None) -> QuerySet[Any]:
        """The records a report is about within a stretch of days, under the reader's rights."""
        tree = together(self.base, window.node(self.date) if window else None)
        if self.day is not None:
            return past.queryset(self.actor, self.entity, tree)
        return reading.queryset(self.actor, self.entity, filter=tree or None)

    @property
    def many(self) -> bool:
        """Whether a dimension has so many values that only the largest groups are fetched."""
        many = (place.field.kind in MANY and not folding.ordered(place) for _one, place in self.dimensions)
        return any(many) and not self.spec.columns

    # -- answering -----------------------------------------------------------------------------------------------------

    def result(self) -> Result:
        """The whole answer."""
        folders = [Folder(self.actor, one, place, self.fiscal, self._segments(place)) for one, place in self.dimensions]
        now, then = self._answers(folders)
        self._note_manifold()
        known = (now,) if self.many else (then, now)
        row_keys, row_heads, cut = self._row_keys(known, folders)
        column_keys, column_heads = self._column_keys(known, folders)
        table = Table(self, now, then, column_keys, column_heads)
        lines = [table.row(key, heads) for key, heads in zip(row_keys, row_heads, strict=True)]
        if (cut or now.cut) and self.depth:
            lines += self._others(table, row_keys, row_heads, folders)
        lines = self._running(table.with_subtotals(row_keys, lines))
        return Result(
            spec=self.spec,
            entity=self.entity,
            dimensions=tuple(self._dimension_label(one, place) for one, place in self.dimensions[: self.depth]),
            columns=table.columns,
            rows=tuple(table.kept(lines)),
            total=table.kept([table.total()])[0],
            at=clock.now(),
            date=self.date,
            date_label=shape.path_label(self.entity, self.date),
            window=self.window,
            window_before=self.before,
            notes=tuple(self.notes),
            day=self.day,
            day_before=self.day_before,
        )

    def _answers(self, folders: Sequence[Folder]) -> tuple[Answer, Answer]:
        """What was asked for, and what it is compared with."""
        if self.window is not None and self.before is not None and not self.dimensions:
            found = asking.at_once(self, self.window, self.before)
            naming.note_currency(self, found[0].foreign or {})
            return found
        most = (self.spec.top or ROWS) if self.many else MOST_GROUPS
        with self._as_of():
            now = asking.fetch(self, self.window, folders, most)
            naming.note_currency(self, asking.foreign(self) if now.foreign is None else now.foreign)
        then = Answer()
        if self.day_before is not None:
            then = self._earlier_day(self.day_before, folders)
        elif self.before is not None:
            then = asking.fetch(self, self.before, folders, MOST_GROUPS).moved(self._aligned)
        return now, then

    def _segments(self, place: Place) -> list[str]:
        """The segments a dimension of them asks about; it is said when some are hidden from the actor."""
        if place.field.name != segments.PATH:
            return []
        told = list(expressions.segments_told(self.actor, self.entity, place.path))
        if not told:
            raise Invalid(_("There is no segment to group by."), code="report.segments")
        every = segments.of(shape.led_to(self.entity, place.path.rpartition(".")[0]) or self.entity)
        if len(told) < len(every):
            self.notes.append(
                ngettext(
                    "%(count)d segment asks for something you cannot see and was left out.",
                    "%(count)d segments ask for something you cannot see and were left out.",
                    len(every) - len(told),
                )
                % {"count": len(every) - len(told)}
            )
        return told

    def _note_manifold(self) -> None:
        """Say that groups overlap, where they do."""
        for manifold, (_one, place) in zip(self.manifold, self.dimensions, strict=True):
            if manifold and place.field.name == segments.PATH:
                self.notes.append(_("Who is in several segments counts in each of them, and once in totals."))
            elif manifold:
                said = _("A record with several values of “%(field)s” counts under each of them, and once in totals.")
                self.notes.append(said % {"field": place.label})

    def _others(
        self, table: Table, keys: Sequence[Key], heads: Sequence[tuple[Head, ...]], folders: Sequence[Folder]
    ) -> list[Row]:
        """What the shown rows leave over; where a record stands under several groups that cannot be said."""
        if any(self.manifold[: self.depth]):
            self.notes.append(_("Only the first %(count)d rows are shown; the totals hold all.") % {"count": len(keys)})
            return []
        return [table.others(keys, folding.others_node(folders[: self.depth], heads), self.depth)]

    # -- days of the past ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _as_of(self) -> Iterator[None]:
        """The records as they were on the day asked for, if one is."""
        if self.day is None:
            yield
            return
        with past.state(self.actor, self.entity, self.day) as state:
            yield
            if entered := state.entered:
                self.notes.append(
                    _(
                        "%(count)d records came into the system later with an earlier day of creation; they count as they came."
                    )
                    % {"count": entered}
                )

    def _earlier_day(self, day: dt.date, folders: Sequence[Folder]) -> Answer:
        """The same question as of an earlier day, its period that of that day."""
        past.check(self.entity, self.spec, self.base, day, self.actor.timezone)
        with past.state(self.actor, self.entity, day):
            return asking.fetch(self, windows.window_of(self.spec.period, self.actor.timezone), folders, MOST_GROUPS)

    def _dimension_label(self, _dimension: Dimension, place: Place) -> str:
        return f"{place.group} › {place.label}" if place.group else place.label

    def _is_date(self, number: int) -> bool:
        dimension, place = self.dimensions[number]
        return place.field.kind in DATES and dimension.grain != "age" and not (self.step and number == self.depth)

    def _aligned(self, earlier: Groups, places: Sequence[int]) -> Groups:
        """Groups of the earlier period, by some of the dimensions, under the buckets of this one."""
        if self.window is None or self.before is None or not self.window.closed or not self.before.closed:
            return earlier
        maps: dict[int, dict[Any, Any]] = {}
        for at, number in enumerate(places):
            dimension, place = self.dimensions[number]
            if self._is_date(number) and place.path == self.date:
                grain = dimension.grain or "month"
                now = windows.buckets(self.window.first, self.window.last, grain, self.fiscal, 5000)  # type: ignore[arg-type]
                then = windows.buckets(self.before.first, self.before.last, grain, self.fiscal, 5000)  # type: ignore[arg-type]
                maps[at] = dict(zip(then, now, strict=False))
        if not maps:
            return earlier
        found: dict[Key, list[parts.Parts]] = {}
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
        self, known: Sequence[Answer], folders: Sequence[Folder]
    ) -> tuple[list[Key], list[tuple[Head, ...]], bool]:
        keys = list(dict.fromkeys(chain.from_iterable(one.inside(self.depth) for one in known)))
        if self.depth == 1 and self._is_date(0):
            keys = [(one,) for one in self._filled_dates([key[0] for key in keys], 0)]
        named = [folders[at].heads({key[at] for key in keys}) for at in range(self.depth)]
        keys.sort(key=self._order(known[-1], keys, named))
        spec = self.spec
        most = spec.top or ROWS
        cut = len(keys) > most and not (self.depth == 1 and self._is_date(0) and not spec.top)
        keys = keys[:most] if cut else keys
        return keys, [tuple(named[at][one] for at, one in enumerate(key)) for key in keys], cut

    def _order(self, now: Answer, keys: Sequence[Key], named: Sequence[Mapping[Any, Head]]) -> Callable[[Key], Any]:
        """The place of a row among the others; those that nothing else tells apart go by their keys."""
        spec = self.spec
        last = [{key: (one.label, str(key)) for key, one in heads.items()} for heads in named]
        if spec.sort == "label":
            return lambda key: [last[at][one] for at, one in enumerate(key)]
        if spec.subtotals and spec.sort:
            sign = 1 if spec.sort == "-value" else -1
            sums = [self._weights(now, keys, range(level + 1)) for level in range(self.depth)]
            return lambda key: [
                (sign * sums[at][key[: at + 1]], named[at][one].rank[0], last[at][one]) for at, one in enumerate(key)
            ]
        if spec.sort or (self.depth == 1 and not self._ranked(0)):
            sign = 1 if spec.sort == "-value" else -1
            weights = self._weights(now, keys, range(self.depth))
            return lambda key: (sign * weights[key], [last[at][one] for at, one in enumerate(key)])
        ranks = [{key: (*one.rank, one.label, str(key)) for key, one in heads.items()} for heads in named]
        return lambda key: [ranks[at][one] for at, one in enumerate(key)]

    def _ranked(self, number: int) -> bool:
        """Whether the groups of a dimension have an order of their own."""
        _dimension, place = self.dimensions[number]
        kind = place.field.kind
        return kind in DATES | datasets.NUMBERS | {"boolean", "choice"} or folding.ordered(place)

    def _weights(self, now: Answer, keys: Sequence[Key], places: Sequence[int]) -> dict[Key, Decimal]:
        """What groups by some of the dimensions, the first or the last, are ordered by: the first shown figure."""
        figure = parts.figures(self.spec.measures, self.parts)[self.spec.shown[0]]
        groups, nothing = now.over(self.parts, tuple(places)), parts.merged(self.parts, ())
        total = now.over(self.parts, ()).get((), nothing)
        wanted = {tuple(key[: len(places)]) for key in keys}
        return {key: Decimal(str(figure(groups.get(key, nothing), total) or 0)) for key in wanted}

    def _column_keys(self, known: Sequence[Answer], folders: Sequence[Folder]) -> tuple[list[Any], dict[Any, Head]]:
        if not self.spec.columns:
            return [], {}
        keys = list(dict.fromkeys(chain.from_iterable(one.values[self.depth] for one in known if one.groups)))
        if self.step:
            keys, named = naming.step_heads(self.step, keys)
            return keys[:COLUMNS], named
        if self._is_date(self.depth):
            keys = self._filled_dates(keys, self.depth)
        named = folders[self.depth].heads(keys)
        if self._ranked(self.depth):
            keys.sort(key=lambda key: (named[key].rank, named[key].label, str(key)))
        else:
            sizes = self._weights(known[-1], [(key,) for key in keys], (self.depth,))
            keys.sort(key=lambda key: (-sizes[(key,)], named[key].label, str(key)))
        if len(keys) > COLUMNS:
            self.notes.append(
                _("Only the first %(count)d columns are shown; the totals hold all.") % {"count": COLUMNS}
            )
            keys = keys[-COLUMNS:] if self._is_date(self.depth) else keys[:COLUMNS]
        return keys, named

    def _running(self, lines: list[Row]) -> list[Row]:
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
                if row.sort != "subtotal":
                    sums[at][0] += Decimal(str(cells[at].value or 0))
                    sums[at][1] += Decimal(str(cells[at].before or 0))
                cells[at] = replace(cells[at], value=sums[at][0], before=sums[at][1] if self.compared else None)
            found.append(replace(row, cells=tuple(cells)))
        return found
