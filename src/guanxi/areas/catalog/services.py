"""What people do with the catalogue besides changing fields."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.catalog import policies
from guanxi.areas.catalog.models import ITEM, Product
from guanxi.areas.catalog.selectors import cost_for, price_for
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.schema.registry import entity_of

PRODUCT = "catalog.product"
#: What a variant takes from the product it hangs on.
INHERITED = ("name", "english_name", "category", "brand", "unit", "tax_class", "price", "cost", "currency", "status")


def product_variants(actor: Actor, record: Product, *, options: str) -> Operation:
    """Make the variants of a product that are not there yet; returns the operation, which can be undone.

    ``options`` has one property a line: “Colour: red, blue”.
    """
    require(actor, "create", PRODUCT)
    if record.variant_of_id is not None:
        raise RuleBroken(_("This product is a variant itself."), code="product.variant")
    wanted = policies.variants_named(options)
    with records.writing(actor):
        product = records.locked(actor, entity_of(PRODUCT), record.pk)
        there = set(Product.objects.filter(variant_of_id=product.pk).values_list("specification", flat=True))
        missing = [one for one in wanted if one not in there]
        step = records.operation_begin(actor, "create", PRODUCT, total=len(missing), progress=len(missing))
        for specification in missing:
            given: dict[str, Any] = {name: getattr(product, name) for name in INHERITED if name != "category"}
            given |= {"category": product.category_id, "variant_of": product.pk, "specification": specification}
            records.create(actor, PRODUCT, given, operation=step, trusted=True)
    return step


def line_follow(actor: Actor, document: Any, line: Any, changed: frozenset[str]) -> None:
    """What a priced line takes from its product: words, unit, tax, cost, and the price for ``document.customer``.

    A price somebody wrote stays, and one taken over from another document; one from a price book follows product and quantity. ``document`` has ``customer``,
    ``currency`` and, if it likes, the day its prices hold on (``priced_on``).
    """
    if line.sort != ITEM or line.product_id is None:
        return
    product: Product = line.product
    fresh = "product" in changed
    for name, value in (
        ("name", product.name),
        ("specification", product.specification),
        ("unit", product.unit),
        ("tax_class", product.tax_class),
    ):
        if not getattr(line, name) or (fresh and line.pk is not None and name not in changed):
            setattr(line, name, value)
    day: dt.date = getattr(document, "priced_on", None) or clock.today(actor.timezone)
    customer = document.customer if document.customer_id else None
    if fresh or line.cost is None:
        line.cost = (
            line.cost if "cost" in changed and line.cost is not None else cost_for(product, document.currency, day)
        )
    manual = line.written or (line.pk is not None and not line.price_source and line.price is not None and not fresh)
    if (line.carried and line.price is not None) or not (fresh or "quantity" in changed or line.price is None):
        return
    try:
        found = price_for(
            actor, product=product, customer=customer, currency=document.currency, quantity=line.quantity, on=day
        )
    except Invalid as error:
        raise Invalid(error.message, code=error.code, field="price") from None
    if hasattr(line, "base_price"):
        line.base_price = found.amount
    if manual and line.price is not None:
        line.price_source = ""
    else:
        line.price, line.price_source = found.amount, found.source if found.amount is not None else ""


def lines_check(lines: Sequence[Any]) -> None:
    """Raise Invalid at the first line (``lines.2.name``) that names nothing or comes to more than can be meant."""
    for number, line in enumerate(lines):
        if line.sort == ITEM and not (line.name or line.product_id):
            raise Invalid(_("Choose a product or describe the line."), code="line.empty", field=f"lines.{number}.name")
        if line.quantity < 0:
            raise Invalid(_("This cannot be negative."), code="value.negative", field=f"lines.{number}.quantity")
        if line.price is not None and (line.price < 0 or line.price * line.quantity > policies.ABSURD):
            raise Invalid(_("This amount makes no sense."), code="value.absurd", field=f"lines.{number}.price")
        if line.discount is not None and not 0 <= line.discount <= 100:
            raise Invalid(_("This must lie between 0 and 100."), code="value.percent", field=f"lines.{number}.discount")
