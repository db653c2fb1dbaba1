"""What is read of the catalogue beyond lists: the price for a customer on a day, stock, a product's family."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from guanxi.areas.catalog.models import PriceBook, PriceEntry, Product, Stock
from guanxi.areas.customers.models import Customer
from guanxi.core.access import allowed, reads, visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records.rates import convert
from guanxi.core.records.seen import seen

#: Prices keep four digits, so that a hundredth part of a cent per piece is not lost over many.
PRICE_UNIT = Decimal("0.0001")
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit costs, and in words where that comes from; ``None`` when nobody has said."""

    amount: Decimal | None
    source: str


# -- prices ------------------------------------------------------------------------------------------------------------


def books_for(customer: Customer | None, currency: str, on: dt.date) -> list[PriceBook]:
    """Price books that hold for a customer on a day, the most particular first: his own, his level's, everybody's."""
    mine = Q(customer__isnull=True)
    level = Q(level="")
    if customer is not None:
        mine |= Q(customer_id=customer.pk)
        level |= Q(level=customer.level)
    rows = PriceBook.objects.filter(
        mine,
        level,
        Q(valid_from__isnull=True) | Q(valid_from__lte=on),
        Q(valid_until__isnull=True) | Q(valid_until__gte=on),
        active=True,
        currency=currency,
    )

    def rank(book: PriceBook) -> tuple[bool, bool, int, int]:
        start = book.valid_from.toordinal() if book.valid_from else 0
        return (book.customer_id is None, not book.level, -start, -book.pk)

    return sorted(rows, key=rank)


def price_for(
    actor: Actor,
    *,
    product: Product,
    customer: Customer | None,
    currency: str,
    quantity: Decimal = ONE,
    on: dt.date,
) -> Price:
    """What one unit of a product costs this customer in a currency, bought in that quantity on that day.

    The first price book that knows the product decides (the customer's own, his level's, everybody's; the newer first),
    by the highest quantity tier reached; else its discount off the list price; else the list price, converted by the
    day's rate; a bundle without a price costs the sum of its parts. Raises Invalid where a rate is missing.
    """
    books = books_for(customer, currency, on)
    tiers = PriceEntry.objects.filter(book__in=books, product_id=product.pk, from_quantity__lte=quantity)
    best: dict[int, PriceEntry] = {}
    for entry in tiers.order_by("from_quantity") if books else ():
        best[entry.book_id] = entry
    for book in books:
        if book.pk in best:
            return Price(best[book.pk].price, _tier_text(book, best[book.pk]))
        if book.discount is not None:
            listed = _list_price(actor, product, customer, currency, quantity, on)
            if listed.amount is not None:
                part = (Decimal(100) - book.discount) / 100
                text = _("Price book “%(name)s”: %(percent)s%% off the list price") % {
                    "name": book.name,
                    "percent": f"{book.discount.normalize():f}",
                }
                return Price((listed.amount * part).quantize(PRICE_UNIT), text)
    return _list_price(actor, product, customer, currency, quantity, on)


def _tier_text(book: PriceBook, entry: PriceEntry) -> str:
    if entry.from_quantity <= ONE:
        return _("Price book “%(name)s”") % {"name": book.name}
    return _("Price book “%(name)s”, from %(quantity)s") % {
        "name": book.name,
        "quantity": f"{entry.from_quantity.normalize():f}",
    }


def _list_price(
    actor: Actor, product: Product, customer: Customer | None, currency: str, quantity: Decimal, on: dt.date
) -> Price:
    if product.price is not None:
        amount = convert(product.price, product.currency, currency, on).quantize(PRICE_UNIT)
        if product.currency == currency:
            return Price(amount, _("List price"))
        return Price(amount, _("List price in %(currency)s at the rate of the day") % {"currency": product.currency})
    if not product.is_bundle:
        return Price(None, _("Nobody has set a price"))
    total = Decimal(0)
    for part in product.parts.filter(deleted_at__isnull=True).select_related("product"):
        if part.product.is_bundle and part.product.price is None:
            return Price(None, _("Nobody has set a price"))
        one = price_for(
            actor, product=part.product, customer=customer, currency=currency, quantity=part.quantity * quantity, on=on
        )
        if one.amount is None:
            return Price(None, _("Nobody has set a price"))
        total += one.amount * part.quantity
    return Price(total.quantize(PRICE_UNIT), _("Sum of its parts"))


def cost_for(product: Product, currency: str, on: dt.date) -> Decimal | None:
    """What one unit costs us, in that currency; ``None`` when unknown or without a rate."""
    if product.cost is None:
        return None
    try:
        return convert(product.cost, product.currency, currency, on).quantize(PRICE_UNIT)
    except Invalid:
        return None


# -- products ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StockView:
    """Stock of one product: per warehouse, and in all."""

    rows: Sequence[Stock]
    quantity: Decimal
    available: Decimal


def stock_of(actor: Actor, product: Product) -> StockView:
    """Where a product lies and how much of it is free; one query."""
    stock = visible(Stock.objects.filter(product_id=product.pk), actor).order_by("warehouse")
    rows = [seen(actor, row) for row in stock]
    return StockView(
        rows,
        sum((row.quantity for row in rows), Decimal(0)),
        sum((row.available for row in rows), Decimal(0)),
    )


def products_in(category_id: int) -> QuerySet[Product]:
    """Products of a category and all below it."""
    return Product.objects.filter(Q(category_id=category_id) | Q(category__path__contains=f"/{category_id}/"))


def knows_stock(actor: Actor) -> bool:
    """Whether the actor may know how much there is."""
    return allowed(actor, "view", "catalog.stock") and reads(actor, "catalog.stock", "quantity", "reserved")


def stock_totals(ids: Sequence[int]) -> dict[int, Decimal]:
    """What is in stock of each product."""
    rows: Any = Stock.objects.filter(product_id__in=list(ids)).values_list("product_id").annotate(Sum("quantity"))
    return dict(rows)
