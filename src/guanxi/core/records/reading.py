"""The one read path: single records, pages, totals, groups. Everything passes through ``access.visible``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils.translation import gettext as _

from guanxi.core.access import owners_in_reach, sight, visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import apart, columns, dictionaries, paging, shape, steady, tallies
from guanxi.core.records.query import compile_tree, owners_named
from guanxi.core.records.search.query import filter_by_text
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of, generation

#: Counting stops here; above it a list says "10,000+".
COUNT_LIMIT = 10_000
MAX_LIMIT = 500
#: Values of a custom choice that are counted one by one.
FEW_VALUES = 12


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. ``next`` and ``previous`` are cursors ('' at the ends); ``count`` is exact up to a limit."""

    items: list[Any]
    next: str = ""
    previous: str = ""
    count: int | None = None
    count_exact: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with the same value of the grouping field: how many, and sums of the asked fields."""

    value: Any
    count: int
    totals: Mapping[str, Any] = field(default_factory=dict)


def get(actor: Actor, entity: Entity | str, record_id: int, *, action: str = "view") -> Any:
    """The record, if the actor may see it and do ``action``. Raises NotFound alike when absent or hidden."""
    declared = entity_of(entity)
    if not isinstance(record_id, int) or not 0 < record_id < 2**63:
        raise NotFound
    sees = sight(actor)
    key = sees and (declared.key, generation(), action, sees)
    found = _ONE.rows(key, (declared, actor, action), record_id)
    if not found:
        raise NotFound
    return found[0]


_ONE = Shaped(
    lambda entity, actor, action, pk: visible(entity.model._default_manager.filter(pk=pk), actor, action), [-7001]
)


def queryset(
    actor: Actor, entity: Entity | str, *, filter: Mapping[str, Any] | None = None, text: str = "", action: str = "view"
) -> QuerySet[Any]:
    """The rows of a list, unsorted: visible, filtered by the tree, found by the text. Raises Invalid."""
    declared = entity_of(entity)
    rows = declared.model._default_manager.all()
    if not owners_in_reach(declared, actor, action, owners_named(actor, declared, filter)):
        rows = visible(rows, actor, action)
    if filter:
        rows = rows.filter(compile_tree(actor, declared, filter))
    if text.strip():
        rows = filter_by_text(actor, rows, declared, text)
    return rows.order_by()


def counted(rows: QuerySet[Any]) -> tuple[int, bool]:
    """How many rows, and whether that is exact; counting stops at the limit."""
    return _upto(rows.order_by()[: COUNT_LIMIT + 1].count())


def select(
    actor: Actor,
    entity: Entity | str,
    *,
    filter: Mapping[str, Any] | None = None,
    text: str = "",
    sort: Sequence[str] = (),
    limit: int = 50,
    cursor: str = "",
    count: bool = True,
    action: str = "view",
    of: tuple[str, int] | None = None,
) -> Page:
    """One page of records in a stable order; ``of`` keeps those whose reference (name, id) leads to a record.

    Raises Invalid for a wrong filter, sort or cursor.
    """
    declared = entity_of(entity)
    asked = None if text.strip() or cursor else steady.key_of(actor, declared, filter)
    own = apart.told_by(actor, declared, filter) if action == "view" and not of and not text.strip() else ""
    if asked is None:
        rows = queryset(actor, declared, filter=filter, text=text, action=action)
        rows = rows.filter(**{f"{of[0]}_id": of[1]}) if of else rows
        told = apart.rows(declared, actor, filter or {}, own) if own else rows
        return page(actor, declared, rows, sort=sort, limit=limit, cursor=cursor, count=count, told=told)
    limit = max(1, min(limit, MAX_LIMIT))
    keys = paging.sort_keys(actor, declared, sort)
    name, values = (of[0], (of[1],)) if of else ("", ())
    known = (_PAGES_OF, _COUNTS_OF) if of else (_PAGES, _COUNTS)
    shape_of = (asked, action, name)
    whole = (declared, actor, action, name, filter)
    items = known[0].rows((*shape_of, limit, *keys), (*whole, keys, limit), *values)

    def counting() -> tuple[int, bool]:
        if action == "view" and not of and tallies.tells(actor, declared, filter):
            sums = {"n": tallies.count()}
            told = steady.figures(
                actor, (asked, "tally"), ("n",), lambda: (tallies.rows(actor, declared, filter), sums)
            )
            return _upto(int(told["n"]))
        if own:
            return _upto(_APART.count((asked, own), (declared, actor, filter, own)))
        return _upto(sum_of(value_by_value(declared, filter)))

    def sum_of(trees: Sequence[Mapping[str, Any] | None]) -> int:
        number = 0
        for tree in trees:
            part = (steady.key_of(actor, declared, tree), action, name)
            number += known[1].count(part, (declared, actor, action, name, tree), *values)
            if number > COUNT_LIMIT:
                break
        return number

    return _paged(items, keys, limit, counting if count else None)


def value_by_value(entity: Entity, tree: Mapping[str, Any] | None) -> list[Mapping[str, Any] | None]:
    """The filter, or, where it asks for a few values of a custom choice, one filter for each of them.

    No record is in two of them, so that their counts add up; each is counted from the index of its value alone.
    """
    conditions = list(tree["all"]) if tree and tree.keys() == {"all"} else [tree]
    for place, one in enumerate(conditions):
        if not isinstance(one, Mapping) or one.get("op") not in ("eq", "in", "under"):
            continue
        field_ = shape.fields_of(entity).get(str(one.get("field")))
        given = one.get("value")
        if field_ is None or not field_.custom or field_.kind != "choice" or not isinstance(given, list | tuple | str):
            continue
        wanted = [str(value) for value in ([given] if isinstance(given, str) else given)]
        if one["op"] == "under":
            wanted = [value for top in wanted for value in dictionaries.below(field_.dictionary, top)]
        wanted = list(dict.fromkeys(wanted))
        if 1 < len(wanted) <= FEW_VALUES:
            rest = [*conditions[:place], None, *conditions[place + 1 :]]
            each = ({"field": one["field"], "op": "in", "value": [value]} for value in wanted)
            return [{"all": [part if other is None else other for other in rest]} for part in each]
    return [tree]


def _plain(
    entity: Entity, actor: Actor, action: str, name: str, filter: Mapping[str, Any] | None, *pk: int
) -> QuerySet[Any]:
    """The rows of a filter, or those of them that a reference leads to."""
    rows = queryset(actor, entity, filter=filter, action=action)
    return rows.filter(**{f"{name}_id": pk[0]}) if name else rows


def _first_page(
    entity: Entity,
    actor: Actor,
    action: str,
    name: str,
    filter: Mapping[str, Any] | None,
    keys: Sequence[paging.Key],
    limit: int,
    *pk: int,
) -> QuerySet[Any]:
    return _ordered(entity, _plain(entity, actor, action, name, filter, *pk), keys)[: limit + 1]


def _some(*shape_of: Any) -> QuerySet[Any]:
    found: QuerySet[Any] = _plain(*shape_of).values_list("pk")[: COUNT_LIMIT + 1]
    return found


def _some_apart(entity: Entity, actor: Actor, filter: Mapping[str, Any], own: str) -> QuerySet[Any]:
    """As many of the rows of a filter as are counted, from the values of an own field."""
    found: QuerySet[Any] = apart.rows(entity, actor, filter, own)[: COUNT_LIMIT + 1]
    return found


#: A whole list is planned for the reach of who asks; what leads to one record is planned once.
_PAGES, _PAGES_OF = Shaped(_first_page, [], prepared=False, size=2000), Shaped(_first_page, [-7001])
_APART = Shaped(_some_apart, [], prepared=False, size=2000)
_COUNTS, _COUNTS_OF = Shaped(_some, [], prepared=False, size=2000), Shaped(_some, [-7001])


def _upto(number: int) -> tuple[int, bool]:
    """A count as far as it was counted."""
    return min(number, COUNT_LIMIT), number <= COUNT_LIMIT


def page(
    actor: Actor,
    entity: Entity,
    rows: QuerySet[Any],
    *,
    sort: Sequence[str] = (),
    limit: int = 50,
    cursor: str = "",
    count: bool = True,
    told: QuerySet[Any] | None = None,
) -> Page:
    """One page of rows that have passed ``visible`` already; ``told`` are as many, which are counted in their place."""
    limit = max(1, min(limit, MAX_LIMIT))
    keys = paging.sort_keys(actor, entity, sort)
    place, reverse = paging.read_cursor(keys, cursor) if cursor else ([], False)
    found = rows.filter(paging.after(keys, place, reverse=reverse)) if cursor else rows
    items = list(_ordered(entity, found, keys, reverse=reverse)[: limit + 1])
    counting = (lambda: counted(rows if told is None else told)) if count else None
    return _paged(items, keys, limit, counting, cursor=bool(cursor), reverse=reverse)


def _ordered(
    entity: Entity, rows: QuerySet[Any], keys: Sequence[paging.Key], *, reverse: bool = False
) -> QuerySet[Any]:
    """Rows in the order of the keys, each with the values of the keys and what its title needs."""
    rows = rows.order_by(*(key.order(reverse=reverse) for key in keys))
    if "." in entity.title:
        rows = rows.select_related(entity.title.rpartition(".")[0].replace(".", "__"))
    noted: QuerySet[Any] = rows.annotate(**{f"key_{number}": F(key.column) for number, key in enumerate(keys)})
    return noted


def _paged(
    items: list[Any],
    keys: Sequence[paging.Key],
    limit: int,
    count: Callable[[], tuple[int, bool]] | None,
    *,
    cursor: bool = False,
    reverse: bool = False,
) -> Page:
    """A page of what was fetched: one row more than ``limit`` says that there are more."""
    more = len(items) > limit
    items = items[:limit]
    if reverse:
        items.reverse()

    def at(record: Any, *, back: bool) -> str:
        return paging.cursor_for(keys, [getattr(record, f"key_{number}") for number in range(len(keys))], reverse=back)

    number, exact = None, True
    if count is not None:
        whole = not cursor and not more  # the page holds all there is: nothing is left to count
        number, exact = (len(items), True) if whole else count()
    has_next, has_previous = (bool(items), more) if reverse else (more, cursor and bool(items))
    return Page(
        items,
        next=at(items[-1], back=False) if has_next else "",
        previous=at(items[0], back=True) if has_previous else "",
        count=number,
        count_exact=exact,
    )


def _summable(actor: Actor, entity: Entity, names: Sequence[str]) -> list[str]:
    chosen = []
    for name in names:
        field_ = shape.fields_of(entity).get(name)
        if (
            field_ is None
            or shape.path_level(actor, entity, name) in ("hidden", "masked")
            or not KINDS[field_.kind].summable
            or field_.plain
        ):
            raise Invalid(_("“%(field)s” cannot be added up.") % {"field": name}, code="total.field", field=name)
        chosen.append(name)
    return chosen


def plain(name: str) -> str:
    """A field name as the end of an SQL alias."""
    return name.replace(".", "_")


def _sums(entity: Entity, names: Sequence[str]) -> dict[str, Sum]:
    fields = shape.fields_of(entity)
    return {f"sum_{plain(name)}": Sum(columns.typed(fields[name], name)) for name in names}


def totals(
    actor: Actor, entity: Entity | str, names: Sequence[str], *, filter: Mapping[str, Any] | None = None, text: str = ""
) -> dict[str, Any]:
    """Sums over all rows of the list, not only the page."""
    declared = entity_of(entity)
    chosen = _summable(actor, declared, names)
    return queryset(actor, declared, filter=filter, text=text).aggregate(**_sums(declared, chosen)) if chosen else {}


def _is_currency(entity: Entity, name: str) -> bool:
    """Whether a field says in which currency amounts of the entity are, be it a choice or a plain text."""
    return any(one.kind == "money" and one.currency == name for one in shape.fields_of(entity).values())


def groups(
    actor: Actor,
    entity: Entity | str,
    by: str,
    *,
    filter: Mapping[str, Any] | None = None,
    text: str = "",
    totals: Sequence[str] = (),
    limit: int = 200,
) -> list[Group]:
    """Rows counted, and summed, by the value of a field; dates are grouped by month. Largest ``limit`` groups."""
    declared = entity_of(entity)
    field_ = shape.fields_of(declared).get(by)
    if (
        field_ is None
        or shape.path_level(actor, declared, by) in ("hidden", "masked")
        or not (KINDS[field_.kind].groupable or _is_currency(declared, by))
    ):
        raise Invalid(_("“%(field)s” cannot be grouped by.") % {"field": by}, code="group.field", field=by)
    chosen = _summable(actor, declared, totals)
    told = by in tallies.goes_by(declared) and tallies.sums(declared).issuperset(chosen) and not text.strip()
    if told and tallies.tells(actor, declared, filter):
        asked = steady.key_of(actor, declared, filter)
        key = asked and (asked, by, tuple(chosen), limit)
        found = _GROUPS.rows(key, (declared, actor, filter, by, chosen, limit))
        return [Group(value, number, dict(zip(chosen, sums, strict=True))) for value, number, *sums in found]
    rows = queryset(actor, declared, filter=filter, text=text)
    month = field_.kind in ("date", "datetime")
    value = columns.typed(field_, by)
    rows = rows.annotate(group_value=TruncMonth(value) if month else value)
    # Rows, not ids, are counted: an index that holds the rest may not hold the id.
    counts = rows.values("group_value").annotate(number=Count("*"), **_sums(declared, chosen))
    return [
        Group(row["group_value"], row["number"], {name: row[f"sum_{plain(name)}"] for name in chosen})
        for row in counts.order_by("-number")[:limit]
    ]


def _grouped(
    entity: Entity, actor: Actor, tree: Mapping[str, Any] | None, by: str, names: Sequence[str], limit: int
) -> QuerySet[Any]:
    """Groups out of a tally: value, number, sums."""
    sums = {f"sum_{name}": tallies.total(name) for name in names}
    found = tallies.rows(actor, entity, tree).values(by).annotate(rows_n=tallies.count(), **sums).filter(rows_n__gt=0)
    rows: QuerySet[Any] = found.order_by("-rows_n").values_list(by, "rows_n", *sums)[:limit]
    return rows


_GROUPS = Shaped(_grouped, [], prepared=False)
