"""The table a step of a recipe makes of its files: joined, filtered, with the columns the step asks for.

A column of a step is the name of a column, or an object: ``column`` with ``values`` (what the file says → what is meant),
``times`` (a factor), ``filled`` (what stands where it is filled) and ``else`` (where it is empty or not among the values),
or ``text`` with columns in braces (``spaces``: what stands for blanks in it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.exchange import words
from guanxi.core.exchange.reading import Column, open_table
from guanxi.core.exchange.reading.table import Facts, Row, Table
from guanxi.core.exchange.recipes import Join, Step, fitting
from guanxi.core.kernel.errors import Invalid

Cells = dict[str, str]
_BRACES = re.compile(r"\{([^{}]+)\}")


def files_of(folder: Path, step: Step) -> list[Path]:
    """The files of a step, in order of their names. Raises Invalid when there is none."""
    return _places(folder, step.file)


def _places(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found and folder.is_dir():
        found = [folder / name for name in fitting((one.name for one in folder.iterdir()), pattern)]
    if not found:
        raise Invalid(
            _("There is no file %(name)s in %(folder)s.") % {"name": pattern, "folder": folder.name or str(folder)},
            code="recipe.no_file",
            field=pattern,
        )
    return found


def step_table(folder: Path, step: Step, columns: Mapping[str, Any]) -> Table:
    """The step's rows with one column for each of ``columns``, by name; rows keep their number in the file."""
    known = _names(folder, step)
    makers = [_maker(spec, known) for spec in columns.values()]
    for name in (*step.where, *filter(None, [step.unique])):
        _need(name, known)

    def rows() -> Iterator[Row]:
        seen: set[str] = set()
        for row, cells in _joined(folder, step):
            if not row.fatal:
                if not all(_fits(cells[name], wanted) for name, wanted in step.where.items()):
                    continue
                if step.unique:
                    if cells[step.unique] in seen:
                        continue
                    seen.add(cells[step.unique])
            yield Row(row.number, [make(cells) for make in makers], row.problems)

    named = tuple(Column(index, name) for index, name in enumerate(columns))
    return Table(step.file or step.title, named, Facts("recipe"), (), rows)


def _names(folder: Path, step: Step) -> set[str]:
    """Columns that every row has."""
    if step.rows:
        return {name for row in step.rows for name in row}
    found = [{column.name for column in open_table(path).columns} for path in files_of(folder, step)]
    names = set.intersection(*found) | set(step.also)
    for join in step.join:
        names |= {f"{join.name}.{column.name}" for column in open_table(_places(folder, join.file)[0]).columns}
    return names


def _need(name: str, known: set[str]) -> str:
    if name not in known:
        raise Invalid(_("The file has no column %(name)s.") % {"name": name}, code="recipe.column", field=name)
    return name


def said(cell: str) -> str:
    """What a cell says; '' where it holds a word for nothing."""
    text = cell.strip()
    return "" if len(text) <= 8 and text.casefold() in words.BLANK_WORDS else text


def _fits(cell: str, wanted: Any) -> bool:
    return bool(cell) is wanted if isinstance(wanted, bool) else cell in wanted


def _joined(folder: Path, step: Step) -> Iterator[tuple[Row, Cells]]:
    if step.rows:
        for number, given in enumerate(step.rows, start=1):
            yield Row(number, []), {name: str(value) for name, value in given.items()}
        return
    others = [(join, *_looked_up(folder, join)) for join in step.join]
    for path in files_of(folder, step):
        table = open_table(path)
        more = {name: _maker(spec, {column.name for column in table.columns}) for name, spec in step.also.items()}
        for row in table.rows():
            cells = {column.name: said(row.values[column.index]) for column in table.columns}
            cells |= {name: make(cells) for name, make in more.items()}
            for join, blank, by_key in others:
                cells |= by_key.get(tuple(cells.get(name, "") for name in join.on), blank)
            yield row, cells


def _looked_up(folder: Path, join: Join) -> tuple[Cells, dict[tuple[str, ...], Cells]]:
    """Rows of the other file by the columns it is found by: the first of each; and the row for those that find none."""
    table = open_table(_places(folder, join.file)[0])
    known = {column.name for column in table.columns}
    keys = [_need(name, known) for name in join.on.values()]
    found: dict[tuple[str, ...], Cells] = {}
    for row in table.rows():
        cells = {column.name: said(row.values[column.index]) for column in table.columns}
        found.setdefault(
            tuple(cells[name] for name in keys), {f"{join.name}.{name}": cell for name, cell in cells.items()}
        )
    return {f"{join.name}.{name}": "" for name in known}, found


def _maker(spec: Any, known: set[str]) -> Callable[[Cells], str]:
    """What makes the cell of one column out of a row."""
    if isinstance(spec, str):
        name = _need(spec, known)
        return lambda cells: cells.get(name, "")
    if "text" in spec:
        names = [_need(name, known) for name in _BRACES.findall(spec["text"])]
        text, blank = str(spec["text"]), str(spec.get("spaces", " "))
        return lambda cells: (
            _BRACES.sub(lambda found: cells[found[1]], text).replace(" ", blank)
            if all(cells.get(name) for name in names)
            else ""
        )
    name, values, factor = _need(spec["column"], known), spec.get("values"), spec.get("times")
    otherwise = _maker(spec["else"], known) if "else" in spec else None
    instead = _maker(spec["filled"], known) if "filled" in spec else None

    def make(cells: Cells) -> str:
        cell = cells.get(name, "")
        if values is not None:
            cell = values.get(cell, "" if otherwise else cell)
        if factor is not None and cell:
            cell = _times(cell, str(factor))
        if instead is not None and cell:
            cell = instead(cells)
        return cell if cell or otherwise is None else otherwise(cells)

    return make


def _times(cell: str, factor: str) -> str:
    """A number times a factor; what is no number stays, and is refused further on with its row."""
    try:
        return format(Decimal(cell) * Decimal(factor), "f")
    except InvalidOperation:
        return cell
