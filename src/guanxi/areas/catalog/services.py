"""What people do with the catalogue besides changing fields."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.catalog import policies
from guanxi.areas.catalog.models import Product
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import RuleBroken
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
