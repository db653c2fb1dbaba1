"""Groups laid out as rows and columns of cells, each with the filter that lists exactly its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.reporting import folding, naming, parts, windows
from guanxi.core.reporting.asking import Answer, Groups, Key
from guanxi.core.reporting.folding import Head
from guanxi.core.reporting.parts import together
from guanxi.core.reporting.results import Cell, Column, Row

if TYPE_CHECKING:
    from guanxi.core.reporting.engine import Run


class Table:
    """Groups laid out as rows and columns of cells."""

    def __init__(
        self, run: Run, now: Answer, then: Answer, column_keys: Sequence[Any], column_heads: Mapping[Any, Head]
    ) -> None:
        self.run, self.answers, self.column_keys, self.heads = run, (now, then), column_keys, column_heads
        self.depth, self.parts, self.measures = run.depth, run.parts, run.spec.measures
        self.beside = tuple(range(self.depth, len(run.dimensions)))
        self._known: dict[tuple[int, ...], tuple[Groups, Groups]] = {}
        self.columns = tuple(self._columns())

    def _over(self, places: tuple[int, ...]) -> tuple[Groups, Groups]:
        """What was asked for, and what it is compared with, by some of the dimensions."""
        if places not in self._known:
            now, then = self.answers
            self._known[places] = (now.over(self.parts, places), then.over(self.parts, places))
        return self._known[places]

    def _groups(self, column: Column, prefix: Key) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parts of a column within the groups of the first rows (none: of everything)."""
        places, key = tuple(range(len(prefix))), prefix
        if column.head is not None:
            places, key = (*places, *self.beside), (*prefix, column.head.key)
        now, then = self._over(places)
        nothing = parts.merged(self.parts, ())
        return now.get(key) or nothing, then.get(key) or nothing

    def _columns(self) -> list[Column]:
        run, shown = self.run, self.run.spec.shown
        if not self.column_keys:
            return [Column(place, naming.label(run, place), naming.unit(run, place)) for place in shown]
        found = []
        for key in self.column_keys:
            head = self.heads[key]
            for place in shown:
                name = head.label if len(shown) == 1 else f"{head.label} · {naming.label(run, place)}"
                found.append(Column(place, name, naming.unit(run, place), head))
        several = len(self.column_keys) > 1
        return found + ([Column(place, _("Total"), naming.unit(run, place)) for place in shown] if several else [])

    def _cell(self, column: Column, now: Mapping[str, Any], then: Mapping[str, Any], node: folding.Node | None) -> Cell:
        run = self.run
        all_now, all_then = self._groups(column, ())
        value = parts.figure(self.measures, column.measure, now, all_now)
        before = parts.figure(self.measures, column.measure, then, all_then) if run.compared else None
        return Cell(value, before, node)

    def _node(self, column: Column, *heads: Head) -> folding.Node | None:
        """The filter of a cell's records; a cohort's column is a stretch of days only within a row."""
        run, measure = self.run, self.measures[column.measure]
        if measure.how == "running":
            return None
        source = self.measures[measure.a] if measure.derived else measure
        window = run.window.node(run.date) if run.window else None
        across = column.head.node if column.head else None
        if run.step and column.head is not None:
            if not heads or heads[0].start is None or column.head.key is None:
                return None
            start = windows.stepped(heads[0].start, run.step, column.head.key)
            across = windows.bucket_window(start, run.step).node(run.dimensions[self.depth][1].path)
        return together(run.base, window, *(one.node for one in heads), across, source.where)

    def row(self, key: Key, heads: tuple[Head, ...]) -> Row:
        """One group's row."""
        cells = (self._cell(one, *self._groups(one, key), self._node(one, *heads)) for one in self.columns)
        return Row(heads, tuple(cells))

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
        cells = (self._cell(one, *self._groups(one, prefix), self._node(one, *heads)) for one in self.columns)
        blanks = (Head("", "") for _level in range(self.depth - len(heads) - 1))
        return Row((*heads, Head("", _("Subtotal")), *blanks), tuple(cells), "subtotal")

    def others(self, keys: Sequence[Key], node: folding.Node | None, depth: int) -> Row:
        """What the shown rows leave over."""
        cells = []
        for one in self.columns:
            shown = [self._groups(one, key) for key in keys]
            now, then = (
                parts.rest(self.parts, whole, [some[at] for some in shown])
                for at, whole in enumerate(self._groups(one, ()))
            )
            rest = None if node is None else Head("…", "", node=node)
            cells.append(self._cell(one, now, then, None if rest is None else self._node(one, rest)))
        heads = (Head("…", _("Others"), "gray"), *(Head("…", "", "gray") for _level in range(depth - 1)))
        return Row(heads, tuple(cells), "others")

    def total(self) -> Row:
        """Everything."""
        cells = (self._cell(one, *self._groups(one, ()), self._node(one)) for one in self.columns)
        return Row((Head("", capfirst(_("Total"))),), tuple(cells), "total")

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
