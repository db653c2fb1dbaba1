"""The one query language, compiled to SQL in this one place.

A tree is ``{"all": [node, …]}``, ``{"any": [node, …]}``, ``{"not": node}``, a condition
``{"field": path, "op": operator, "value": value}`` or a count over a derived relation
``{"count": "<entity>.<reference>", "where": node, "op": "gte", "value": 2}``.
Filters, saved views, segments, reports, automation and the API's ``filter`` all speak it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from guanxi.core.access import reads, visible
from guanxi.core.access.rules import condition as rights_condition
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Segment
from guanxi.core.records import operators, segments, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.operators import VALUELESS
from guanxi.core.schema.registry import entities

MAX_DEPTH = 6
MAX_CONDITIONS = 100


def compile_tree(actor: Actor, entity: Entity, tree: Mapping[str, Any] | None) -> Q:
    """The condition a tree means for this actor. Raises Invalid, naming the field, for anything it cannot mean."""
    if not tree:
        return Q()
    return _Compiler(actor, entity).node(tree, depth=0)


def is_empty(tree: Mapping[str, Any] | None) -> bool:
    """Whether a tree says nothing."""
    return not tree or tree in ({"all": []}, {"any": []})


def owners_named(actor: Actor, entity: Entity, tree: Mapping[str, Any] | None) -> frozenset[int]:
    """The owners a filter keeps to, where it says so plainly; empty where it does not."""
    nodes = tree["all"] if tree and tree.keys() == {"all"} else [tree]
    for node in nodes if isinstance(nodes, list | tuple) else ():
        if not isinstance(node, Mapping) or node.get("field") != entity.access.owner:
            continue
        given = node.get("value")
        people = [actor.user_id if one == "@me" else one for one in (given if isinstance(given, list) else [given])]
        found = frozenset(one for one in people if isinstance(one, int) and not isinstance(one, bool))
        if node.get("op", "eq") in ("eq", "in") and len(found) == len(people):
            return found
    return frozenset()


def path_reach(actor: Actor, entity: Entity, path: str) -> Q:
    """What must hold so that the actor may know the value at the end of a path: he sees the records it leads over."""
    found, prefix = Q(), ""
    if path in shape.fields_of(entity):
        return found
    *steps, _last = path.split(".")
    for step in steps:
        target = shape.step(entity, step)
        if target is None:
            break
        entity, prefix = target, f"{prefix}{step}__"
        limit = rights_condition(entity, actor, "view", prefix)
        if limit is not None:
            found &= limit
    return found


class _Compiler:
    """One compilation: bounds the tree's size and remembers who asks."""

    def __init__(self, actor: Actor, entity: Entity, inside: tuple[str, ...] = ()) -> None:
        self.actor, self.entity = actor, entity
        self.inside, self.conditions = inside, 0

    def node(self, tree: Any, depth: int) -> Q:
        if not isinstance(tree, Mapping):
            raise Invalid(
                _("A filter is an object with “all”, “any”, “not”, “field” or “count”."), code="filter.format"
            )
        if depth > MAX_DEPTH:
            raise Invalid(_("The filter is nested too deeply."), code="filter.depth")
        if "all" in tree or "any" in tree:
            return self._group(tree, depth)
        if "not" in tree:
            return ~self.node(tree["not"], depth + 1)
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise Invalid(_("The filter has too many conditions."), code="filter.size")
        if "count" in tree:
            return self._count(tree, depth)
        if "field" in tree:
            return self._condition(tree)
        raise Invalid(_("A filter is an object with “all”, “any”, “not”, “field” or “count”."), code="filter.format")

    def _group(self, tree: Mapping[str, Any], depth: int) -> Q:
        together = "all" in tree
        nodes = tree["all"] if together else tree["any"]
        if not isinstance(nodes, list | tuple):
            raise Invalid(_("“all” and “any” hold a list."), code="filter.format")
        found = [self.node(node, depth + 1) for node in nodes]
        result = Q()
        for one in found:
            result = result & one if together else result | one
        return result

    def _condition(self, tree: Mapping[str, Any]) -> Q:
        path, operator, value = str(tree.get("field", "")), str(tree.get("op", "eq")), tree.get("value")
        field = shape.asked_at(self.entity, path)
        level = shape.path_level(self.actor, self.entity, path)
        if field is None or level == "hidden":
            raise Invalid(_("There is no field “%(path)s”.") % {"path": path}, code="filter.field", field=path)
        if level == "masked" and operator not in VALUELESS:
            raise Invalid(
                _("“%(field)s” is masked for you and cannot be filtered.") % {"field": field.label},
                code="filter.masked",
                field=path,
            )
        if operator not in KINDS[field.kind].operators:
            raise Invalid(
                _("“%(operator)s” is no operator of “%(field)s”.") % {"operator": operator, "field": field.label},
                code="filter.operator",
                field=path,
                details={"operators": list(KINDS[field.kind].operators)},
            )
        if field.name == segments.PATH:
            return self._segment(path.rpartition(".")[0], operator, value) & path_reach(self.actor, self.entity, path)
        column = path if field.custom else path.replace(".", "__")
        try:
            found = operators.compile_condition(self.actor, field, column, operator, value)
        except Invalid as error:
            raise Invalid(error.message, code=error.code, field=path) from None
        return found & path_reach(self.actor, self.entity, path)

    def _segment(self, path: str, operator: str, value: Any) -> Q:
        """Being in a segment; over a path, the record it leads to is one of those."""
        entity = shape.led_to(self.entity, path) or self.entity

        def compiled(segment: Segment) -> Q:
            inner = _Compiler(self.actor, entity, (*self.inside, segment.key))
            inner.conditions = self.conditions
            try:
                found = inner.node(segment.condition, depth=1)
            except Invalid as error:
                if error.code not in ("filter.field", "filter.masked"):
                    raise
                name = shape.spoken(segment.name_zh, segment.name_en)
                text = _("The segment “%(name)s” asks for something you cannot see.") % {"name": name}
                raise Invalid(text, code="segment.hidden") from None
            self.conditions = inner.conditions
            return found

        found = segments.condition(entity, operator, value, compiled, self.inside)
        if not path:
            return found
        return Q(
            **{f"{path.replace('.', '__')}__in": entity.model._default_manager.filter(found).order_by().values("pk")}
        )

    def _count(self, tree: Mapping[str, Any], depth: int) -> Q:
        key, _dot, name = str(tree["count"]).rpartition(".")
        child = next((one for one in entities() if one.key == key), None)
        reference = shape.fields_of(child).get(name) if child else None
        known = child is not None and reads(self.actor, child, name)
        if child is None or reference is None or reference.target != self.entity.key or not known:
            raise Invalid(_("There is no relation “%(path)s”.") % {"path": tree["count"]}, code="filter.relation")
        inner = _Compiler(self.actor, child, self.inside)
        inner.conditions = self.conditions
        where = inner.node(tree["where"], depth + 1) if tree.get("where") else Q()
        self.conditions = inner.conditions
        rows = visible(child.model._default_manager.filter(where, **{name: OuterRef("pk")}), self.actor)
        operator, number = str(tree.get("op", "gte")), tree.get("value", 1)
        if (
            operator not in ("eq", "ne", "lt", "lte", "gt", "gte")
            or isinstance(number, bool)
            or not isinstance(number, int)
        ):
            raise Invalid(_("A count is compared with a whole number."), code="filter.count")
        if (operator, number) in (("gte", 1), ("gt", 0)):
            return Q(Exists(rows))
        if (operator, number) in (("eq", 0), ("lt", 1)):
            return ~Q(Exists(rows))
        counted = Coalesce(Subquery(rows.order_by().values(name).annotate(n=Count("pk")).values("n")), 0)
        return operators.compare(counted, operator, number)
