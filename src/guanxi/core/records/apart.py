"""Counting by an own field from its values apart (``models.apart``), where a list asks for nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Model, QuerySet

from guanxi.core.access.rules import condition, only_by_owner
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import FieldIndex
from guanxi.core.models.apart import apart_model, apart_whole
from guanxi.core.models.stamps import kept
from guanxi.core.records import shape
from guanxi.core.records.columns import index_name
from guanxi.core.records.operators import any_of
from guanxi.core.records.query import compile_tree
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of

#: What only a record with a value can meet.
POSITIVE = frozenset(
    {"eq", "in", "lt", "lte", "gt", "gte", "between", "within", "last_days", "next_days", "older_days"}
)
#: Kinds of which a record holds several values.
MANY = ("choices", "references")
STAMP = "indexes"


def table_of(entity: Entity, key: str) -> str:
    """The table of a field's values."""
    return index_name(entity.table, key, "at")


def owners_of(entity: Entity) -> tuple[str, ...]:
    """The columns of the record that say who may see it."""
    return tuple(filter(None, (entity.access.owner, "carrier_owner" if entity.access.carried_by else "")))


def fits(entity: Entity, key: str) -> bool:
    """Whether a field may have its values apart: one a record, or several choices or references."""
    field = shape.fields_of(entity).get(f"custom.{key}")
    if (
        field is None
        or (KINDS[field.kind].multiple and field.kind not in MANY)
        or field.kind in ("boolean", "table", "long_text", "rich_text")
    ):
        return False
    return bool(entity.access.owner) and not entity.access.deep


def model_of(entity: Entity, key: str) -> type[Model]:
    """The model of a field's values."""
    return apart_model(table_of(entity, key), owners_of(entity))


@kept(STAMP)
def _whole(entity: str) -> frozenset[str]:
    """The fields whose values stand apart."""
    tables = {
        table_of(entity_of(entity), key): key
        for key in FieldIndex.objects.filter(entity=entity, state="ready").values_list("field", flat=True)
    }
    return frozenset(tables[one] for one in apart_whole(list(tables))) if tables else frozenset()


def _asked(tree: Any) -> str:
    """The one own field that conditions, or groups of them, ask for values of; '' where they ask for anything else."""
    if not isinstance(tree, Mapping):
        return ""
    inner = tree.get("all", tree.get("any"))
    if len(tree) == 1 and isinstance(inner, list | tuple):
        names = {_asked(one) for one in inner}
        return names.pop() if len(names) == 1 else ""
    name, asks = str(tree.get("field", "")), tree.get("op")
    plain = tree.keys() <= {"field", "op", "value"} and isinstance(asks, str) and asks in POSITIVE
    return name.removeprefix("custom.") if plain and name.startswith("custom.") else ""


def told_by(actor: Actor, entity: Entity, tree: Mapping[str, Any] | None) -> str:
    """The own field whose values apart tell how many records in the actor's reach fit the filter; '' if none do.

    Beside conditions on the field there may be some on the owner, all of which must hold.
    """
    parts = tree["all"] if tree and tree.keys() == {"all"} and isinstance(tree["all"], list | tuple) else [tree]
    rest = [one for one in parts if not (isinstance(one, Mapping) and one.get("field") == entity.access.owner)]
    key = _one_of_many(entity, rest) or _asked({"all": rest})
    return key if key and key in _whole(entity.key) and only_by_owner(entity, actor) else ""


def _one_of_many(entity: Entity, conditions: Sequence[Any]) -> str:
    """The field of several values of which a single condition asks for records with any of some; '' where there is none such."""
    one = conditions[0] if len(conditions) == 1 else None
    if not isinstance(one, Mapping) or one.keys() != {"field", "op", "value"} or one["op"] != "has_any":
        return ""
    field = shape.fields_of(entity).get(str(one["field"]))
    return field.key if field is not None and field.custom and field.kind in MANY else ""


def rows(entity: Entity, actor: Actor, tree: Mapping[str, Any], key: str) -> QuerySet[Any]:
    """The ids of the records in the actor's reach that fit a filter, from the values of a field."""
    found = model_of(entity, key)._base_manager.order_by().values_list("pk")
    limit = condition(entity, actor)
    found = found if limit is None else found.filter(limit)
    where = compile_tree(actor, entity, tree)  # refuses what he may not ask
    if shape.fields_of(entity)[f"custom.{key}"].kind not in MANY:
        return found.filter(where)
    parts = tree["all"] if tree.keys() == {"all"} else [tree]
    mine = next(one for one in parts if one["field"] == f"custom.{key}")
    others = [one for one in parts if one is not mine]
    found = found.filter(any_of(shape.fields_of(entity)[f"custom.{key}"], mine["value"]))
    found = found.filter(compile_tree(actor, entity, {"all": others})) if others else found
    return found.distinct() if isinstance(mine["value"], list | tuple) and len(mine["value"]) > 1 else found
