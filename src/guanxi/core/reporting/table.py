"""Groups laid out as rows and columns of cells, each with the filter that lists exactly its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.reporting import folding, naming, parts
from guanxi.core.reporting.folding import Head
from guanxi.core.reporting.results import Cell, Column, Row

if TYPE_CHECKING:
    from guanxi.core.reporting.engine import Run

Key = tuple[Any, ...]
Groups = dict[Key, dict[str, Any]]


def together(*nodes: Mapping[str, Any] | None) -> dict[str, Any]:
    """One filter of several; empty ones are left out, groups of “all” are opened."""
    flat: list[Any] = []
    for node in nodes:
        if node:
            flat += node["all"] if set(node) == {"all"} else [dict(node)]
    return dict(flat[0]) if len(flat) == 1 else {"all": flat} if flat else {}


class Table:
    """Groups laid out as rows and columns of cells."""

    def __init__(
        self, run: Run, groups: Groups, totals: Groups | None, earlier: Groups, totals_earlier: Groups | None,
        column_keys: Sequence[Any], column_heads: Mapping[Any, Head],
    ) -> None:  # fmt: skip
        self.run, self.column_keys, self.heads = run, column_keys, column_heads
        self.depth, self.parts, self.measures = run.depth, run.parts, run.spec.measures
        self.now = self._by_row(groups)
        self.then = self._by_row(earlier)
        self.all_now = self._totals(groups, totals)
        self.all_then = self._totals(earlier, totals_earlier)
        self.columns = tuple(self._columns())

    def _by_row(self, groups: Groups) -> dict[Key, dict[Key, dict[str, Any]]]:
        found: dict[Key, dict[Key, dict[str, Any]]] = {}
        for key, group in groups.items():
            found.setdefault(key[: self.depth], {})[key[self.depth :]] = group
        return found

    def _totals(self, groups: Groups, totals: Groups | None) -> dict[Key, dict[str, Any]]:
        """Parts of everything by column key, and under ``None`` of all columns together."""
        if totals is None:
            sorted_out: dict[Key, list[dict[str, Any]]] = {}
            for key, group in groups.items():
                sorted_out.setdefault(key[self.depth :], []).append(group)
            totals = {key: parts.merged(self.parts, some) for key, some in sorted_out.items()}
        whole = parts.merged(self.parts, totals.values())
        return {**totals, (None, None): whole}

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

    def _group(self, column: Column, some: Mapping[Key, dict[str, Any]]) -> dict[str, Any]:
        if column.head is None:
            return parts.merged(self.parts, some.values())
        return some.get((column.head.key,)) or parts.merged(self.parts, ())

    def _whole(self, column: Column, all_: Mapping[Key, dict[str, Any]]) -> dict[str, Any]:
        key: Key = (None, None) if column.head is None else (column.head.key,)
        return all_.get(key) or parts.merged(self.parts, ())

    def _cell(self, column: Column, now: Mapping[str, Any], then: Mapping[str, Any], node: folding.Node | None) -> Cell:
        run = self.run
        value = parts.figure(self.measures, column.measure, now, self._whole(column, self.all_now))
        before = None
        if run.compared:
            before = parts.figure(self.measures, column.measure, then, self._whole(column, self.all_then))
        return Cell(value, before, node)

    def _node(self, column: Column, *more: folding.Node | None) -> folding.Node | None:
        run, measure = self.run, self.measures[column.measure]
        if measure.how == "running":
            return None
        source = self.measures[measure.a] if measure.derived else measure
        window = run.window.node(run.date) if run.window else None
        head = column.head.node if column.head else None
        return together(run.base, window, *more, head, source.where)

    def row(self, key: Key, heads: tuple[Head, ...]) -> Row:
        """One group's row."""
        now, then = self.now.get(key, {}), self.then.get(key, {})
        nodes = [head.node for head in heads]
        return Row(
            heads,
            tuple(
                self._cell(one, self._group(one, now), self._group(one, then), self._node(one, *nodes))
                for one in self.columns
            ),
        )

    def others(self, keys: Sequence[Key], node: folding.Node | None, depth: int) -> Row:
        """What the shown rows leave over."""
        cells = []
        for one in self.columns:
            now = parts.rest(
                self.parts, self._whole(one, self.all_now), [self._group(one, self.now.get(key, {})) for key in keys]
            )
            then = parts.rest(
                self.parts, self._whole(one, self.all_then), [self._group(one, self.then.get(key, {})) for key in keys]
            )
            cells.append(self._cell(one, now, then, None if node is None else self._node(one, node)))
        heads = (Head("…", _("Others"), "gray"), *(Head("…", "", "gray") for _level in range(depth - 1)))
        return Row(heads, tuple(cells), "others")

    def total(self) -> Row:
        """Everything."""
        return Row(
            (Head("", capfirst(_("Total"))),),
            tuple(
                self._cell(one, self._whole(one, self.all_now), self._whole(one, self.all_then), self._node(one))
                for one in self.columns
            ),
            "total",
        )
