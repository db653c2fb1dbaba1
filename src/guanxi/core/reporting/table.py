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
from guanxi.core.reporting.parts import Parts, together
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
        self._nothing = parts.merged(self.parts, ())
        self._known: dict[tuple[int, ...], tuple[Groups, Groups]] = {}
        self._lines: dict[Key, list[tuple[Parts, Parts]]] = {}
        self.columns = tuple(self._columns())
        self._totals = self._groups(())

    def _over(self, places: tuple[int, ...]) -> tuple[Groups, Groups]:
        """What was asked for, and what it is compared with, by some of the dimensions."""
        if places not in self._known:
            now, then = self.answers
            self._known[places] = (now.over(self.parts, places), then.over(self.parts, places))
        return self._known[places]

    def _groups(self, prefix: Key) -> list[tuple[Parts, Parts]]:
        """The parts of each column within the groups of the first rows (none: of everything), now and in what it is compared with."""
        if (known := self._lines.get(prefix)) is not None:
            return known
        places = tuple(range(len(prefix)))
        alone, beside, nothing = self._over(places), self._over((*places, *self.beside)), self._nothing
        found = []
        for column in self.columns:
            (now, then), key = (alone, prefix) if column.head is None else (beside, (*prefix, column.head.key))
            found.append((now.get(key) or nothing, then.get(key) or nothing))
        self._lines[prefix] = found
        return found

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

    def _cells(self, groups: Sequence[tuple[Parts, Parts]], nodes: Sequence[folding.Node | None]) -> tuple[Cell, ...]:
        """A cell for each column from its parts and its filter."""
        measures, compared = self.measures, self.run.compared
        found = []
        for column, total, (now, then), node in zip(self.columns, self._totals, groups, nodes, strict=True):
            value = parts.figure(measures, column.measure, now, total[0])
            before = parts.figure(measures, column.measure, then, total[1]) if compared else None
            found.append(Cell(value, before, node))
        return tuple(found)

    def _nodes(self, heads: Sequence[Head]) -> list[folding.Node | None]:
        """The filter of each cell's records; a cohort's column is a stretch of days only within a row."""
        run = self.run
        row = together(run.base, run.window.node(run.date) if run.window else None, *(one.node for one in heads))
        return [self._node(one, row, heads) for one in self.columns]

    def _node(self, column: Column, row: folding.Node, heads: Sequence[Head]) -> folding.Node | None:
        run, measure = self.run, self.measures[column.measure]
        if measure.how == "running":
            return None
        source = self.measures[measure.a] if measure.derived else measure
        across = column.head.node if column.head else None
        if run.step and column.head is not None:
            if not heads or heads[0].start is None or column.head.key is None:
                return None
            start = windows.stepped(heads[0].start, run.step, column.head.key)
            across = windows.bucket_window(start, run.step).node(run.dimensions[self.depth][1].path)
        return together(row, across, source.where)

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
        shown = zip(*(self._groups(key) for key in keys), strict=True)
        left = [
            (
                parts.rest(self.parts, now, [one for one, _then in taken]),
                parts.rest(self.parts, then, [one for _now, one in taken]),
            )
            for (now, then), taken in zip(self._totals, shown, strict=True)
        ]
        nodes = [None] * len(left) if node is None else self._nodes([Head("…", "", node=node)])
        heads = (Head("…", _("Others"), "gray"), *(Head("…", "", "gray") for _level in range(depth - 1)))
        return Row(heads, self._cells(left, nodes), "others")

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
