"""Where transactions come from: any entity that names a customer, a day and an amount, stated in one preference.

``{"entity": "billing.order", "customer": "customer", "day": "ordered_on", "amount": "total", "rate": "rate", "where": {…}, "items": {…}}``; paths are
those of the query language, ``where`` is a query tree, ``rate`` (if any) makes the amount one of the workspace's currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Preference
from guanxi.core.records import query, shape
from guanxi.core.schema.registry import entity_of, is_registered

PREFERENCE = "insight_source"
CUSTOMER = "customers.customer"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One mapping. ``basket`` and ``item`` are paths on ``items`` (an entity), for what is bought together."""

    entity: str
    customer: str = "customer"
    day: str
    amount: str
    rate: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    items: str = ""
    basket: str = ""
    item: str = ""


#: Known sources, the best first: the first whose entity is there and has rows is taken unless the workspace chose.
KNOWN = (
    Source(
        entity="billing.order", day="ordered_on", amount="total", rate="rate", where={"field": "status", "op": "not_in", "value": ["draft", "cancelled"]},
        items="billing.orderline", basket="order", item="product.name",
    ),
    Source(entity="sales.opportunity", day="closed_at", amount="value", where={"field": "category", "op": "eq", "value": "won"}),
)  # fmt: skip


def chosen() -> Source | None:
    """The source the workspace chose, else the first known one that has rows; ``None`` when there is none."""
    row = Preference.objects.filter(key=PREFERENCE).values_list("value", flat=True).first()
    if row:
        return Source(**row)
    for one in KNOWN:
        if is_registered(one.entity) and entity_of(one.entity).model._default_manager.exists():
            return one
    return None


def check(source: Source) -> None:
    """Raise Invalid, naming the part, unless every path leads to a field of the right kind."""
    if not is_registered(source.entity):
        raise Invalid(_("There is no such object."), code="source.entity", field="entity")
    entity = entity_of(source.entity)
    kinds = {
        "customer": ("reference",),
        "day": ("date", "datetime"),
        "amount": ("money", "decimal", "integer"),
        "rate": ("decimal", "money"),
    }
    for part, allowed in kinds.items():
        path = getattr(source, part)
        if not path and part == "rate":
            continue
        found = shape.field_at(entity, path)
        if found is None or found.kind not in allowed or (part == "customer" and found.target != CUSTOMER):
            raise Invalid(_("This field does not fit here."), code=f"source.{part}", field=part)


def rows(actor: Actor, source: Source) -> Iterator[tuple[int, Any, float]]:
    """Customer id, moment and amount of every transaction of the source, in the workspace's currency."""
    entity = entity_of(source.entity)
    customer, day, amount = (getattr(source, part).replace(".", "__") for part in ("customer", "day", "amount"))
    found = entity.model._default_manager.filter(
        _where(actor, source), **{f"{customer}__isnull": False, f"{day}__isnull": False, f"{amount}__isnull": False}
    )
    paths = [f"{customer}_id", day, amount, *([source.rate.replace(".", "__")] if source.rate else [])]
    for row in found.values_list(*paths).iterator(chunk_size=20_000):
        factor = float(row[3]) if source.rate and row[3] is not None else 1.0
        yield int(row[0]), row[1], float(row[2]) * factor


def _where(actor: Actor, source: Source) -> Q:
    entity = entity_of(source.entity)
    if not source.where:
        return Q()
    try:
        return query.compile_tree(actor, entity, source.where)
    except Invalid:
        condition = source.where
        if condition.get("op") != "not_in":
            raise
        return ~Q(**{f"{str(condition['field']).replace('.', '__')}__in": condition["value"]})


def item_rows(actor: Actor, source: Source) -> Iterator[tuple[int, int, str]]:
    """Customer id, basket and name of every line, where the source has lines."""
    if not source.items or not is_registered(source.items):
        return
    entity = entity_of(source.items)
    parent, item = source.basket.replace(".", "__"), source.item.replace(".", "__")
    ids = entity_of(source.entity).model._default_manager.filter(_where(actor, source)).values("pk")
    found = entity.model._default_manager.filter(**{f"{parent}__in": ids})
    customer = f"{parent}__{source.customer.replace('.', '__')}_id"
    for owner, basket, name in found.values_list(customer, f"{parent}_id", item).iterator(chunk_size=20_000):
        if owner and name:
            yield int(owner), int(basket), str(name)
