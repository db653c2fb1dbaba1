"""Where transactions come from: any entity that names a customer, a day and an amount, stated in one preference.

``{"entity": "billing.order", "customer": "customer", "day": "ordered_on", "amount": "total", "rate": "rate", "where": {…}, "items": {…}}``; paths are
those of the query language, ``where`` is a query tree, ``rate`` (if any) makes the amount one of the workspace's currency.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from guanxi.core.access.features import require_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Preference
from guanxi.core.records import query, shape, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
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


KINDS: Mapping[str, tuple[str, ...]] = {
    "customer": ("reference",),
    "day": ("date", "datetime"),
    "amount": ("money", "decimal", "integer"),
    "rate": ("decimal", "money"),
    "item": ("reference", "text", "choice"),
}
"""Part of a mapping -> kinds of field that fit there."""


def fits(part: str, field: Field) -> bool:
    """Whether a field may stand for a part of a mapping."""
    return field.kind in KINDS[part] and (part != "customer" or field.target == CUSTOMER)


def is_own() -> bool:
    """Whether the workspace chose its source itself."""
    return Preference.objects.filter(key=PREFERENCE).exists()


def lines_of(entity: str) -> dict[str, str]:
    """The parts of a mapping that say what is in one transaction, where the object has lines with a product."""
    for one in entity_of(entity).lines:
        fields = shape.fields_of(one.entity)
        for name in ("product", "name"):
            if name in fields:
                return {"items": one.entity, "basket": one.field, "item": "product.name" if name == "product" else name}
    return {}


def check(source: Source) -> None:
    """Raise Invalid, naming the part, unless every path leads to a field of the right kind."""
    if not is_registered(source.entity):
        raise Invalid(_("There is no such object."), code="source.entity", field="entity")
    for part in ("customer", "day", "amount", "rate"):
        require_fit(source.entity, part, getattr(source, part), optional=part == "rate")


def require_fit(entity: str, part: str, path: str, *, optional: bool = False, kind: str = "") -> None:
    """Raise Invalid, naming the part, unless the path leads to a field that fits it (as ``kind`` if it is another part's)."""
    if not path and optional:
        return
    found = shape.field_at(entity_of(entity), path)
    if found is None or not fits(kind or part, found):
        raise Invalid(_("This field does not fit here."), code=f"source.{part}", field=part)


def source_set(actor: Actor, source: Source | None) -> None:
    """Keep where transactions come from; ``None`` leaves it to the house. Raises Denied, Invalid."""
    require_feature(actor, "settings")
    if source is not None:
        check(source)
    with writing(actor):
        if source is None:
            Preference.objects.filter(key=PREFERENCE).delete()
        else:
            Preference.objects.update_or_create(key=PREFERENCE, defaults={"value": asdict(source)})


def column(entity: Entity, path: str) -> str:
    """The value at the end of a path in Django's words; of a reference the id."""
    field = shape.field_at(entity, path)
    spelled = path.replace(".", "__")
    return f"{spelled}_id" if field is not None and field.kind == "reference" and not field.custom else spelled


def rows(actor: Actor, source: Source) -> Iterator[tuple[int, Any, float]]:
    """Customer id, moment and amount of every transaction of the source, in the workspace's currency."""
    entity = entity_of(source.entity)
    paths = [
        column(entity, one)
        for one in (source.customer, source.day, source.amount, *([source.rate] if source.rate else []))
    ]
    found = entity.model._default_manager.filter(
        _where(actor, source), **{f"{one}__isnull": False for one in paths[:3]}
    )
    for row in found.values_list(*paths).iterator(chunk_size=20_000):
        if row[0] and row[1] and row[2] is not None:
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


def item_rows(actor: Actor, source: Source, until: dt.date | None = None) -> Iterator[tuple[int, int, str]]:
    """Customer id, basket and name of every line, where the source has lines; of what was bought ``until`` a day."""
    if not source.items or not is_registered(source.items):
        return
    entity = entity_of(source.items)
    parent, item = source.basket.replace(".", "__"), source.item.replace(".", "__")
    bought = entity_of(source.entity)
    ids = bought.model._default_manager.filter(_where(actor, source)).values("pk")
    if until is not None:
        day, after = shape.field_at(bought, source.day), until + dt.timedelta(days=1)
        own = day is not None and day.custom  # kept as text
        by_day = "__date__lt" if day is not None and day.kind == "datetime" and not own else "__lt"
        ids = ids.filter(**{f"{column(bought, source.day)}{by_day}": after.isoformat() if own else after})
    found = entity.model._default_manager.filter(**{f"{parent}__in": ids})
    customer = f"{parent}__{column(entity_of(source.entity), source.customer)}"
    for owner, basket, name in found.values_list(customer, f"{parent}_id", item).iterator(chunk_size=20_000):
        if owner and name:
            yield int(owner), int(basket), str(name)
