"""Which filters mean the same conditions for as long as a day lasts: their queries are put into SQL once and then only asked."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import orjson
from django.db.models import QuerySet

from guanxi.core.access import sight
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import stamps
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, generation, is_registered

#: Kinds whose values are chosen, not typed: what people type would fill the memory with queries nobody asks again.
_CHOSEN = frozenset({"choice", "reference", "user", "boolean", "integer", "decimal", "percent", "money"})
_DATED = frozenset({"date", "datetime"})


def key_of(actor: Actor, entity: Entity, *trees: Mapping[str, Any] | None) -> Hashable | None:
    """What the conditions of filters depend on beside the values in the records; ``None`` where a query is not worth keeping.

    Equal keys mean equal conditions: who asks, his rights, the filters, every setting, and the day where one speaks of days.
    """
    sees = sight(actor)
    if sees is None:
        return None
    dated = False
    for tree in trees:
        if tree:
            speaks = _speaks_of_days(entity, tree)
            if speaks is None:
                return None
            dated = dated or speaks
    day = (clock.today(actor.timezone), actor.timezone, regional.present().week) if dated else None
    asked = tuple(_text(tree) if tree else b"" for tree in trees)
    return (entity.key, stamps.state(), generation(), asked, day, sees)


def _text(tree: Mapping[str, Any]) -> bytes:
    return orjson.dumps(tree, default=repr, option=orjson.OPT_SORT_KEYS)


def _speaks_of_days(entity: Entity, tree: Any) -> bool | None:
    """Whether a filter depends on the day; ``None`` where it depends on more, or is none."""
    if not isinstance(tree, Mapping):
        return None
    inner = tree.get("all", tree.get("any"))
    if tree.keys() in ({"all"}, {"any"}) and isinstance(inner, list | tuple):
        found = [_speaks_of_days(entity, one) for one in inner]
        return None if None in found else any(found)
    if tree.keys() == {"not"}:
        return _speaks_of_days(entity, tree["not"])
    if "count" in tree and tree.keys() <= {"count", "op", "value", "where"}:
        child = str(tree["count"]).rpartition(".")[0]
        return _speaks_of_days(entity_of(child), tree.get("where") or {"all": ()}) if is_registered(child) else None
    if not tree.keys() <= {"field", "op", "value"} or not isinstance(tree.get("field"), str):
        return None
    field = shape.field_at(entity, tree["field"])
    if field is None or "@now" in _text(tree).decode():
        return None
    if tree.get("op") in ("empty", "not_empty"):
        return False
    if field.kind in _DATED:
        return True
    return False if field.kind in _CHOSEN else None


Asked = tuple[QuerySet[Any], Mapping[str, Any]]


def _one_row(_rights: Any, make: Callable[[], Asked]) -> QuerySet[Any]:
    rows, figures = make()
    found: QuerySet[Any] = rows.order_by().annotate(**figures).values_list(*figures)
    found.query.group_by = None  # every column is an aggregate: one row over all
    return found


#: The rights are held, so that no others get their id, which is in the key.
_FIGURES = Shaped(_one_row, [], prepared=False, size=4000, held=lambda shape: shape[0])


def figures(actor: Actor, key: Hashable | None, names: Sequence[str], make: Callable[[], Asked]) -> dict[str, Any]:
    """Aggregates over rows by name; ``make`` says of which rows and which, and is asked once for a ``key`` of :func:`key_of`."""
    found = _FIGURES.rows(key, (actor.rights, make)) if key is not None else []
    if found:
        return dict(zip(names, found[0], strict=True))
    rows, aggregates = make()
    return dict(rows.order_by().aggregate(**aggregates))
