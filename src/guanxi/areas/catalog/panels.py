"""Blocks on the page of a product. They read; they never write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.areas.catalog import selectors
from guanxi.areas.catalog.models import Category, Product
from guanxi.core.access import visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.records.seen import seen


def stock(actor: Actor, product: Product) -> Mapping[str, Any]:
    """Where the product lies."""
    if not selectors.knows_stock(actor):
        return {"view": None}
    return {"view": selectors.stock_of(actor, product)}


def family(actor: Actor, product: Product) -> Mapping[str, Any]:
    """The product's variants, or its sisters, with their stock; two queries."""
    head = product.variant_of_id or product.pk
    found = visible(Product.objects.filter(variant_of_id=head), actor).order_by("specification", "pk")[:100]
    rows = [seen(actor, row) for row in found]
    stock = selectors.stock_totals([row.pk for row in rows]) if selectors.knows_stock(actor) else {}
    return {"rows": rows, "stock": stock, "here": product.pk}


def tree(actor: Actor, category: Category) -> Mapping[str, Any]:
    """Categories below, and how many products are in this one and all below it."""
    below = list(visible(Category.objects.filter(parent_id=category.pk), actor).order_by("name"))
    return {"below": below, "products": visible(selectors.products_in(category.pk), actor).count()}
