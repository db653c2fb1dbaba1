"""Groups laid out as rows and columns of cells, each with the filter that lists exactly its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.reporting import folding, naming, parts, windows
from guanxi.core.reporting.asking import Answer, Key
from guanxi.core.reporting.folding import Head
from guanxi.core.reporting.parts import Parts
from guanxi.core.reporting.results import Cell, Column, Row

if TYPE_CHECKING:
    from guanxi.core.reporting.engine import Run


#: The parts across the columns' groups, now and in what is compared with.
Line = tuple[list[Parts], list[Parts]]


class Table:
    """Groups laid out as rows and columns of cells."""

    def __init__(
        self, run: Run, now: Answer, then: Answer, column_keys: Sequence[Any], column_heads: Mapping[Any, Head]
    ) -> None:
        self.run, self.answers, self.column_keys, self.heads = run, (now, then), column_keys, column_heads
        self.depth, self.parts, self.measures = run.depth, run.parts, run.spec.measures
        self.beside = tuple(range(self.depth, len(run.dimensions)))
        self._nothing = parts.merged(self.parts, ())
        self._lines: dict[Key, Line] = {}
        self.columns = tuple(self._columns())
        self._across: list[Head | None] = []
        self._keys: list[Any] = []
        self._plan()
        self._totals = self._groups(())

    def _plan(self) -> None:
        """What columns have in common, found once: groups of the column dimension, and conditions beside those of the row."""
        figures = parts.figures(self.measures, self.parts)
        where = [self.measures[one.a].where if one.derived else one.where for one in self.measures]
        self._reads: list[tuple[parts.Figure, int]] = []
        found: dict[tuple[int, int], int] = {}
        self._asked: list[int] = []
        self._filters: list[tuple[Head | None, list[Any]]] = []
        for column in self.columns:
            if not self._across or self._across[-1] is not column.head:
                self._across.append(column.head)
            at, same = len(self._across) - 1, where.index(where[column.measure])
            self._reads.append((figures[column.measure], at))
            if self.measures[column.measure].how == "running":
                self._asked.append(-1)
                continue
            self._asked.append(found.setdefault((at, same), len(found)))
            if len(found) > len(self._filters):
                conditions = parts.opened(column.head.node if column.head else None, where[same])
                self._filters.append((column.head, conditions))
        self._keys = [head.key for head in self._across if head is not None]

    def _groups(self, prefix: Key) -> Line:
        """The parts across the groups of the first rows (none: of everything), now and in what it is compared with."""
        if (known := self._lines.get(prefix)) is None:
            nothing, (now, then) = self._nothing, self.answers
            known = (self._line_of(now, prefix), self._line_of(then, prefix) if self.run.compared else [nothing])
            self._lines[prefix] = known
        return known

    def _line_of(self, answer: Answer, prefix: Key) -> list[Parts]:
        nothing = self._nothing
        if len(prefix) == self.depth:
            beside = answer.inside(self.depth).get(prefix, {})
            found = [beside.get(key, nothing) for key in self._keys]
        else:
            over = answer.over(self.parts, (*range(len(prefix)), *self.beside))
            found = [over.get((*prefix, key), nothing) for key in self._keys]
        return [*found, answer.at(self.parts, prefix) or nothing] if self._across[-1] is None else found

    def _columns(self) -> list[Column]:
        run, shown = self.run, self.run.spec.shown
        if not self.column_keys:
            return [Column(place, naming.label(run, place), naming.unit(run, place)) for place in shown]
        found = []
        words = {place: (naming.label(run, place), naming.unit(run, place)) for place in shown}
        for key in self.column_keys:
            head = self.heads[key]
            for place in shown:
                label, unit = words[place]
                found.append(Column(place, head.label if len(shown) == 1 else f"{head.label} · {label}", unit, head))
        several = len(self.column_keys) > 1
        return found + ([Column(place, _("Total"), words[place][1]) for place in shown] if several else [])

    def _line(self, prefix: Key, heads: Sequence[Head]) -> tuple[Cell, ...]:
        """The cells of the groups of the first rows (none: of everything)."""
        return self._cells(self._groups(prefix), self._nodes(heads))

    def _cells(self, line: Line, nodes: Sequence[folding.Node | None]) -> tuple[Cell, ...]:
        """A cell for each column from its parts and its filter."""
        (now, then), (total, total_then) = line, self._totals
        if not self.run.compared:
            figures = [figure(now[at], total[at]) for figure, at in self._reads]
            return tuple(map(Cell, figures, repeat(None), nodes))
        return tuple(
            [
                Cell(figure(now[at], total[at]), figure(then[at], total_then[at]), node)
                for (figure, at), node in zip(self._reads, nodes, strict=True)
            ]
        )

    def _nodes(self, heads: Sequence[Head]) -> list[folding.Node | None]:
        """The filter of each cell's records; columns that ask for the same records share it."""
        run = self.run
        row = parts.opened(run.base, run.window.node(run.date) if run.window else None, *(one.node for one in heads))
        found: list[folding.Node | None] = []
        for head, more in self._filters:
            if not run.step or head is None:
                found.append(parts.joined(row + more))
            else:
                across = self._stretch(heads, head)
                found.append(None if across is None else parts.joined(row + parts.opened(across) + more))
        found.append(None)  # of running totals
        return [found[at] for at in self._asked]

    def _stretch(self, heads: Sequence[Head], column: Head) -> folding.Node | None:
        """The stretch of days of a cohort's column: it is one only within a row."""
        run = self.run
        if not heads or heads[0].start is None or column.key is None:
            return None
        start = windows.stepped(heads[0].start, run.step, column.key)
        return windows.bucket_window(start, run.step).node(run.dimensions[self.depth][1].path)

    def row(self, key: Key, heads: tuple[Head, ...]) -> Row:
        """One group's row."""
        return Row(heads, self._line(key, heads))

    def with_subtotals(self, keys: Sequence[Key], lines: list[Row]) -> list[Row]:
        """The lines, and after the last one of each group of the first rows what these take together."""
        if not self.run.spec.subtotals or self.depth < 2:
            return lines
        found: list[Row] = []
        for at, line in enumerate(lines):
            found.append(line)
            key = keys[at] if at < len(keys) else ()
            following = keys[at + 1] if at + 1 < len(keys) else ()
            ended = [level for level in range(self.depth - 1, 0, -1) if key and key[:level] != following[:level]]
            found += [self._subtotal(key[:level], line.heads[:level]) for level in ended]
        return found

    def _subtotal(self, prefix: Key, heads: tuple[Head, ...]) -> Row:
        blanks = (Head("", "") for _level in range(self.depth - len(heads) - 1))
        return Row((*heads, Head("", _("Subtotal")), *blanks), self._line(prefix, heads), "subtotal")

    def others(self, keys: Sequence[Key], node: folding.Node | None, depth: int) -> Row:
        """What the shown rows leave over."""
        now, then = (self._left(place, keys) for place in (0, 1))
        nodes = [None] * len(self.columns) if node is None else self._nodes([Head("…", "", node=node)])
        heads = (Head("…", _("Others"), "gray"), *(Head("…", "", "gray") for _level in range(depth - 1)))
        return Row(heads, self._cells((now, then), nodes), "others")

    def _left(self, place: int, keys: Sequence[Key]) -> list[Parts]:
        """The parts across what some rows leave over."""
        shown = zip(*(self._groups(key)[place] for key in keys), strict=True)
        return [parts.rest(self.parts, whole, taken) for whole, taken in zip(self._totals[place], shown, strict=True)]

    def total(self) -> Row:
        """Everything."""
        return Row((Head("", capfirst(_("Total"))),), self._line((), ()), "total")

    def kept(self, lines: Sequence[Row]) -> list[Row]:
        """The lines with what is a share of the first column put against that."""
        places = [at for at, one in enumerate(self.columns) if self.measures[one.measure].how == "kept"]
        if not places:
            return list(lines)
        found = []
        for row in lines:
            cells = list(row.cells)
            for at in places:
                measure = self.columns[at].measure
                same = [one for one in places if self.columns[one].measure == measure]
                heads = [self.columns[one].head for one in same]
                own = next((at for at, head in enumerate(heads) if self.run.step and head and head.key == 0), 0)
                first = row.cells[same[own]]
                beside = self.columns[at].head is not None
                cells[at] = replace(
                    cells[at],
                    value=parts.quotient(cells[at].value, first.value, "percent") if beside else None,
                    before=parts.quotient(cells[at].before, first.before, "percent") if beside else None,
                )
            found.append(replace(row, cells=tuple(cells)))
        return found
