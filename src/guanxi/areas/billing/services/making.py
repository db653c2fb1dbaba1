"""Documents made of documents: what is handed on, lines as values, payment plans; used by quotes, contracts and orders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.billing import policies
from guanxi.areas.billing.models import Contract, Instalment
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Operation
from guanxi.core.records import lines

QUOTE, CONTRACT, ORDER, DELIVERY = "billing.quote", "billing.contract", "billing.order", "billing.delivery"
ZERO = Decimal(0)
#: What a document hands on to the one made of it.
CARRIED = (
    "customer_id",
    "contact_id",
    "opportunity_id",
    "currency",
    "prices_with_tax",
    "discount",
    "discount_amount",
    "terms",
    "name",
)
LINE = (
    "sort", "product_id", "name", "specification", "quantity", "unit", "price", "discount", "tax_class", "cost", "price_source",
    "base_price", "optional",
)  # fmt: skip


def lines_of(document: Any, *, optional: bool = True) -> list[dict[str, Any]]:
    """The lines of a document as they are, for another one: at their prices, whatever the price books say by now, and with products that were deleted since."""
    rows = document.lines.filter(deleted_at__isnull=True).order_by("position", "pk")
    found: list[dict[str, Any]] = []
    for row in rows:
        if optional or not row.optional:
            values = {name.removesuffix("_id"): getattr(row, name) for name in LINE}
            found.append(lines.Carried({**values, "optional": row.optional if optional else False}))
    return found


def made(
    actor: Actor, entity: str, source: Any, values: Mapping[str, Any], *, optional: bool, step: Operation | None
) -> Any:
    given = {name.removesuffix("_id"): getattr(source, name) for name in CARRIED}
    given |= {"owner": source.owner_id, **values, "lines": lines_of(source, optional=optional)}
    require(actor, "create", entity)
    return records.create(actor, entity, given, operation=step, trusted=True)


def step(actor: Actor, record: Any, **changes: Any) -> Any:
    """Change read-only columns of a record in the name of the actor, who may change it."""
    require(actor, "change", record)
    return records.update(actor, record, changes, trusted=True)


def plan_of(actor: Actor, document: Any, *, due_on: dt.date | None) -> dict[str, Any]:
    """What is to be written with a document that comes to stand, so that instalments come to its total: without any, one
    of the whole. Raises Invalid where those there are do not."""
    name = "contract" if isinstance(document, Contract) else "order"
    planned = list(Instalment.objects.filter(**{name: document.pk}).values_list("amount", flat=True))
    total, sum_ = document.total or ZERO, sum((one or ZERO for one in planned), ZERO)
    if not planned:
        whole = {"name": _("Whole amount"), "amount": total, "due_on": due_on}
        return {"instalments": [whole]} if total > 0 else {}
    if sum_ != total:
        raise Invalid(policies.plan_differs(actor, document, sum_), code="instalments.sum", field="instalments")
    return {}
