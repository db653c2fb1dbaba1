"""What a report asks of the database: one grouped query, and further ones only where its groups do not say everything."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, Q, QuerySet

from guanxi.core.models.fixed import Shaped
from guanxi.core.records import reading, steady
from guanxi.core.records.query import compile_tree, path_reach
from guanxi.core.reporting import expressions, parts, tallied, windows
from guanxi.core.reporting.expressions import Part
from guanxi.core.reporting.folding import Folder
from guanxi.core.reporting.parts import together
from guanxi.core.reporting.spec import Spec

if TYPE_CHECKING:
    from guanxi.core.reporting.engine import Run

Key = tuple[Any, ...]
Groups = dict[Key, parts.Parts]
Places = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Groups by folded key. ``exact`` holds what cannot be added up from them, by the dimensions it was asked by.

    It is ``None`` where each record stands in one group and all groups were fetched; ``cut`` says that they were not.
    ``foreign`` are the other currencies of each column that says them, where they were asked for along with the figures.
    """

    groups: Groups
    exact: Mapping[Places, Groups] | None = None
    cut: bool = False
    foreign: Mapping[str, Sequence[str]] | None = None

    def over(self, known: Sequence[Part], places: Places) -> Groups:
        """The parts of everything by some of the dimensions."""
        if self.exact is not None and places in self.exact:
            return self.exact[places]
        if places == tuple(range(len(next(iter(self.groups), ())))):
            return self.groups
        found: dict[Key, list[parts.Parts]] = {}
        for key, group in self.groups.items():
            found.setdefault(tuple([key[at] for at in places]), []).append(group)
        return {key: parts.merged(known, some) for key, some in found.items()}

    def moved(self, move: Callable[[Groups, Sequence[int]], Groups]) -> Answer:
        """The same under other keys."""
        width = len(next(iter(self.groups), ()))
        exact = None
        if self.exact is not None:
            exact = {places: move(groups, places) for places, groups in self.exact.items()}
        return Answer(move(self.groups, range(width)), exact, self.cut)


def further(run: Run) -> Iterator[Places]:
    """By which dimensions a table adds up: all together, rows alone, columns alone, and what subtotals take together."""
    rows, columns = tuple(range(run.depth)), tuple(range(run.depth, len(run.dimensions)))
    yield ()
    if columns:
        yield from (rows, columns)
    if run.spec.subtotals:
        for level in range(1, run.depth):
            yield rows[:level]
            if columns:
                yield (*rows[:level], *columns)


def fetch(run: Run, window: windows.Window | None, folders: Sequence[Folder], most: int) -> Answer:
    """The groups of a report within a stretch of days."""
    chosen = tuple(range(len(run.dimensions)))
    if not chosen:
        return _alone(run, window)
    rows, made = tallied.source(run, window)
    query = _grouped(run, rows, made, chosen)
    order = _order(run)
    if order:
        query = query.order_by(F(order).desc(nulls_last=True), *(f"d{place}" for place in chosen))
    fetched = list(query[: most + 1])
    cut = len(fetched) > most
    groups = _folded(run, fetched[:most], folders, chosen)
    if not cut and not any(run.manifold):
        return Answer(groups)
    exact: dict[Places, Groups] = {
        places: _folded(run, list(_grouped(run, rows, made, places)), folders, places)
        if places
        else {(): dict(rows.aggregate(**made))}
        for places in further(run)
    }
    return Answer(groups, exact, cut)


def _order(run: Run) -> str:
    """The part groups are fetched by when there are too many: the first shown figure's."""
    first = run.spec.shown[0]
    measure = run.spec.measures[first]
    first = measure.a if measure.derived else first
    names = [one.name for one in run.parts if one.name.startswith(f"m{first}_") and one.merge != "join"]
    return names[0] if names else ""


def _grouped(run: Run, rows: QuerySet[Any], made: Mapping[str, Any], chosen: Sequence[int]) -> QuerySet[Any]:
    """The grouped query over some of the dimensions."""
    values = {
        f"d{place}": expressions.grouped(run.actor, run.entity, *run.dimensions[place], run.today, run.fiscal)
        for place in chosen
    }
    found: QuerySet[Any] = rows.annotate(**values).values(*values).annotate(**made)
    return tallied.living(run, found)


def _folded(run: Run, fetched: Sequence[Mapping[str, Any]], folders: Sequence[Folder], chosen: Sequence[int]) -> Groups:
    found: dict[Key, list[parts.Parts]] = {}
    names = [(f"d{place}", folders[place].key, dict[Any, Any]()) for place in chosen]
    for row in fetched:
        key = []
        for name, fold, known in names:
            value = row[name]
            if value not in known:
                known[value] = fold(value)
            key.append(known[value])
        found.setdefault(run.stepped(tuple(key), chosen), []).append(row)
    return {key: parts.merged(run.parts, some) for key, some in found.items()}


# -- figures without dimensions ----------------------------------------------------------------------------------------


def key_of(run: Run, *stretches: windows.Window | None) -> Hashable | None:
    """What the figures of a report without dimensions depend on beside the records (see ``steady``)."""
    if run.day is not None:
        return None  # prepared statements know the table, not the view that hides it
    trees = [run.base, *(one.node(run.date) for one in stretches if one)]
    where = [one.where for one in run.spec.measures if one.where]
    known = steady.key_of(run.actor, run.entity, *trees, *where)
    return known and (known, len(trees), repr(run.spec.measures), run.date, run.money.currency, run.actor.timezone)


def foreign(run: Run) -> dict[str, list[str]]:
    """The currencies of each column that says them other than the workspace's own."""
    if not run.currencies:
        return {}
    return _codes(run, run.rows(run.window).order_by().aggregate(**_foreign(run)))


def _foreign(run: Run, within: Q | None = None) -> dict[str, Any]:
    """The aggregates that answer :func:`foreign`."""
    made = {}
    for at, name in enumerate(run.currencies):
        path = name.replace(".", "__")
        other = ~Q(**{f"{path}__in": ["", run.money.currency]}) & Q(**{f"{path}__isnull": False})
        other &= path_reach(run.actor, run.entity, name)
        made[f"foreign_{at}"] = ArrayAgg(path, distinct=True, filter=other & within if within else other)
    return made


def _codes(run: Run, row: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: row[f"foreign_{at}"] or [] for at, name in enumerate(run.currencies)}


def _alone(run: Run, window: windows.Window | None) -> Answer:
    if run.scope.upto and counts(run.spec) and not run.compared and not tallied.knows(run, window):
        known = key_of(run, window)
        held = (run.actor.rights, run, window, run.scope.upto)
        return Answer({(): {"m0_n": _UPTO.count(known and (known, run.scope.upto), held)}}, foreign={})
    names, others = [one.name for one in run.parts], _foreign(run)

    def make() -> tallied.Asked:
        rows, made = tallied.source(run, window)
        return rows, {**made, **others}

    row = steady.figures(run.actor, key_of(run, window), (*names, *others), make)
    return Answer({(): {name: row[name] for name in names}}, foreign=_codes(run, row))


def counts(spec: Spec) -> bool:
    """Whether a report is nothing but a number of records."""
    return len(spec.measures) == 1 and spec.measures[0].how == "count" and not spec.measures[0].where and not spec.rows


def _some(_rights: Any, run: Run, window: windows.Window | None, upto: int) -> QuerySet[Any]:
    found: QuerySet[Any] = run.rows(window).values_list("pk")[: upto + 1]
    return found


_UPTO = Shaped(_some, [], prepared=False, size=2000, held=lambda shape: shape[0])


def at_once(run: Run, window: windows.Window, before: windows.Window) -> tuple[Answer, Answer]:
    """The one figure of a report without dimensions in both periods, by one question."""
    names = [one.name for one in run.parts]
    asked = [*(f"{name}_{word}" for word in ("now", "then") for name in names), *_foreign(run)]
    row = steady.figures(run.actor, key_of(run, window, before), asked, lambda: _both(run, window, before))
    now, then = ({name: row[f"{name}_{word}"] for name in names} for word in ("now", "then"))
    return Answer({(): now}, foreign=_codes(run, row)), Answer({(): then})


def _both(run: Run, window: windows.Window, before: windows.Window) -> tuple[QuerySet[Any], dict[str, Any]]:
    """The rows of two periods, and every part once for each."""
    told = None if run.currencies else tallied.both(run, window, before)
    if told is not None:
        return told
    both = {"now": window.node(run.date), "then": before.node(run.date)}
    # The stretch around both, along which an index is read; it says all where one follows the other.
    around = window.with_(before).node(run.date)
    tree = together(run.base, around)
    if not window.follows(before):
        tree = together(tree, {"any": list(both.values())})
    asked: dict[str, Any] = {}
    for word, node in both.items():
        within = compile_tree(run.actor, run.entity, node)
        for one in run.parts:
            aggregate = one.aggregate.copy()
            aggregate.filter = aggregate.filter & within if aggregate.filter else within
            asked[f"{one.name}_{word}"] = aggregate
    asked |= _foreign(run, compile_tree(run.actor, run.entity, both["now"]))
    return reading.queryset(run.actor, run.entity, filter=tree), asked
