"""What a report asks of the database: one grouped query, and further ones only where its groups do not say everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, Q, QuerySet

from guanxi.core.kernel import regional
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import reading, segments, steady
from guanxi.core.records.query import compile_tree, path_reach
from guanxi.core.reporting import parts, tallied, windows
from guanxi.core.reporting.expressions import Part
from guanxi.core.reporting.folding import Folder
from guanxi.core.reporting.parts import together
from guanxi.core.reporting.spec import Spec

if TYPE_CHECKING:
    from guanxi.core.reporting.engine import Run

Key = tuple[Any, ...]
Groups = Mapping[Key, parts.Parts]
Places = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Groups, with the folded value of each by each dimension. ``exact`` holds what cannot be added up from them, by the dimensions it was asked by.

    It is ``None`` where each record stands in one group and all groups were fetched; ``cut`` says that they were not.
    ``foreign`` are the other currencies of each column that says them, where they were asked for along with the figures.
    """

    values: Sequence[Sequence[Any]] = ()
    groups: Sequence[parts.Parts] = ()
    exact: Mapping[Places, Groups] | None = None
    cut: bool = False
    foreign: Mapping[str, Sequence[str]] | None = None
    _inside: dict[int, dict[Key, dict[Any, parts.Parts]]] = field(default_factory=dict)
    _over: dict[Places, Groups] = field(default_factory=dict)

    def _keys(self, places: Sequence[int]) -> Iterable[Key]:
        if not self.groups:
            return ()
        return zip(*(self.values[at] for at in places), strict=True) if places else repeat((), len(self.groups))

    def inside(self, depth: int) -> Mapping[Key, Mapping[Any, parts.Parts]]:
        """The groups that lie within each of the first dimensions', by the values of the next if it is the last."""
        if depth not in self._inside:
            found = self._inside[depth] = defaultdict[Key, dict[Any, parts.Parts]](dict)
            within = self.values[depth] if depth + 1 == len(self.values) else self._keys(range(depth, len(self.values)))
            for key, other, group in zip(self._keys(range(depth)), within, self.groups, strict=True):
                found[key][other] = group
        return self._inside[depth]

    def over(self, known: Sequence[Part], places: Places) -> Groups:
        """The parts of everything by some of the dimensions."""
        if self.exact is not None and places in self.exact:
            return self.exact[places]
        if places not in self._over:
            self._over[places] = self._added_up(known, places)
        return self._over[places]

    def _added_up(self, known: Sequence[Part], places: Places) -> Groups:
        if len(places) == len(self.values):
            return dict(zip(self._keys(places), self.groups, strict=True))
        if not places:  # of the fewest groups that hold everything
            fewest = min((list(one.values()) for one in self._over.values()), key=len, default=self.groups)
            return {(): parts.merged(known, fewest)}
        return dict(zip(*_together(known, self._keys(places), self.groups), strict=True))

    def at(self, known: Sequence[Part], key: Key) -> parts.Parts | None:
        """The parts of one group by the first dimensions; where few are shown it spares adding up them all."""
        places = tuple(range(len(key)))
        if not key or places in self._over or (self.exact is not None and places in self.exact):
            return self.over(known, places).get(key)
        some = self.inside(len(key)).get(key)
        return parts.merged(known, list(some.values())) if some else None

    def moved(self, move: Callable[[Groups, Sequence[int]], Groups]) -> Answer:
        """The same under other keys."""
        every = tuple(range(len(self.values)))
        exact = None
        if self.exact is not None:
            exact = {places: move(groups, places) for places, groups in self.exact.items()}
        found = move(dict(zip(self._keys(every), self.groups, strict=True)), every)
        return Answer(list(zip(*found, strict=True)), list(found.values()), exact, self.cut)


def _together(
    known: Sequence[Part], keys: Iterable[Key], groups: Sequence[parts.Parts]
) -> tuple[list[Key], list[parts.Parts]]:
    """Groups of equal keys taken together."""
    found = defaultdict[Key, list[parts.Parts]](list)
    for key, group in zip(keys, groups, strict=True):
        found[key].append(group)
    return list(found), [parts.merged(known, some) for some in found.values()]


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
    fetched = _rows(run, window, chosen, most, ordered=run.many)
    cut = len(fetched) > most
    if cut and not run.many:
        fetched = _rows(run, window, chosen, most, ordered=True)
    values, groups = _folded(run, fetched[:most], folders, chosen)
    if not cut and not any(run.manifold):
        return Answer(values, groups)
    exact = {places: _exact(run, window, folders, places) for places in further(run)}
    return Answer(values, groups, exact, cut)


def _exact(run: Run, window: windows.Window | None, folders: Sequence[Folder], places: Places) -> Groups:
    """The groups by some of the dimensions, each asked for and not added up."""
    if places:
        values, groups = _folded(run, _rows(run, window, places), folders, places)
        return dict(zip(zip(*values, strict=True), groups, strict=True))
    rows, made = tallied.source(run, window)
    row = rows.aggregate(**made)
    return {(): [row[one.name] for one in run.parts]}


def _rows(
    run: Run, window: windows.Window | None, chosen: Places, most: int | None = None, *, ordered: bool = False
) -> list[tuple[Any, ...]]:
    """The rows of the grouped query over some of the dimensions, one more than ``most``; ``ordered``, the largest.

    Where a tally can tell, they come in no order unless some must be left out.
    """
    known, by = key_of(run, window), [one for one, _place in run.dimensions]
    day = run.today if any(one.grain == "age" for one in by) else None
    key = (known, repr(by), run.fiscal, regional.present().week, day, chosen, most, ordered)
    if any(place.field.name == segments.PATH for _one, place in run.dimensions):
        known = None  # segments may speak of days
    return _GROUPS.rows(known and key, (run.actor.rights, run, window, chosen, most, ordered))


def _order(run: Run) -> str:
    """The part groups are fetched by when there are too many: the first shown figure's."""
    first = run.spec.shown[0]
    measure = run.spec.measures[first]
    first = measure.a if measure.derived else first
    names = [one.name for one in run.parts if one.name.startswith(f"m{first}_") and one.merge != "join"]
    return names[0] if names else ""


def _grouped(
    _rights: Any, run: Run, window: windows.Window | None, chosen: Places, most: int | None, ordered: bool
) -> QuerySet[Any]:
    """The grouped query: what it groups by, and the parts in their order."""
    rows, made = tallied.source(run, window)
    values = {f"d{place}": tallied.grouped(run, rows, place) for place in chosen}
    found: QuerySet[Any] = rows.annotate(**values).values_list(*values)
    found = tallied.living(run, found.annotate(**{one.name: made[one.name] for one in run.parts}))
    order = _order(run)
    if most is not None and order and (ordered or rows.model is not run.entity.tally):
        found = found.order_by(F(order).desc(nulls_last=True), *values)
    return found if most is None else found[: most + 1]


#: The rights are held, so that no others get their id, which is in the key.
_GROUPS = Shaped(_grouped, [], prepared=False, size=1000, held=lambda shape: shape[0])


def _folded(
    run: Run, fetched: Sequence[Sequence[Any]], folders: Sequence[Folder], chosen: Sequence[int]
) -> tuple[list[Sequence[Any]], list[parts.Parts]]:
    """Rows of a grouped query as groups and their folded values; groups that fold to the same are taken together."""
    width, columns = len(chosen), list(zip(*fetched, strict=True))
    groups: list[parts.Parts] = list(zip(*columns[width:], strict=True))
    values: list[Sequence[Any]] = list(columns[:width])
    for at, place in enumerate(chosen if fetched else ()):
        known = {value: folders[place].key(value) for value in dict.fromkeys(values[at])}
        if any(value != folded for value, folded in known.items()):
            values[at] = list(map(known.__getitem__, values[at]))
    if all(one is column for one, column in zip(values, columns, strict=False)) and not run.step:
        return values, groups
    keys = zip(*values, strict=True)
    found, together = _together(run.parts, (run.stepped(key, chosen) for key in keys), groups)
    return list(zip(*found, strict=True)), together


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
        return Answer(groups=[[_UPTO.count(known and (known, run.scope.upto), held)]], foreign={})
    names, others = [one.name for one in run.parts], _foreign(run)

    def make() -> tallied.Asked:
        rows, made = tallied.source(run, window)
        return rows, {**made, **others}

    row = steady.figures(run.actor, key_of(run, window), (*names, *others), make)
    return Answer(groups=[[row[name] for name in names]], foreign=_codes(run, row))


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
    now, then = ([row[f"{name}_{word}"] for name in names] for word in ("now", "then"))
    return Answer(groups=[now], foreign=_codes(run, row)), Answer(groups=[then])


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
