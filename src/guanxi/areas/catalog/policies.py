"""Rules of the catalogue; each is called by the write path before a record is stored."""

from __future__ import annotations

import itertools
import re
from collections.abc import MutableMapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.catalog.models import BundlePart, Category, PriceBook, PriceEntry, Product, Stock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.kernel.text import sort_key

Changes = MutableMapping[str, list[Any]]
#: No price or amount of a single thing is larger: a mistake in the keyboard, not a price.
ABSURD = Decimal(10) ** 11
DEEPEST, MOST_VARIANTS = 12, 200
_AXIS = re.compile(r"[；;\n]+")
_VALUE = re.compile(r"[，,、/|]+")


def not_negative(record: Any, *names: str) -> None:
    """Raise Invalid at the first of the fields that is below zero or beyond reason."""
    for name in names:
        value = getattr(record, name)
        if value is not None and value < 0:
            raise Invalid(_("This cannot be negative."), code="value.negative", field=name)
        if value is not None and value > ABSURD:
            raise Invalid(_("This is too large to be meant."), code="value.absurd", field=name)


def percent_within(record: Any, *names: str) -> None:
    """Raise Invalid at the first of the fields that is no percentage from 0 to 100."""
    for name in names:
        value = getattr(record, name)
        if value is not None and not 0 <= value <= 100:
            raise Invalid(_("This must lie between 0 and 100."), code="value.percent", field=name)


def days_in_order(record: Any, first: str, last: str, message: Text) -> None:
    """Raise Invalid at ``last`` when it lies before ``first``."""
    start, end = getattr(record, first), getattr(record, last)
    if start is not None and end is not None and end < start:
        raise Invalid(message, code="dates.order", field=last)


def category_clean(_actor: Actor, category: Category, changes: Changes) -> None:
    """No category stands above itself."""
    above, steps = category.parent, 0
    while above is not None and "parent" in changes:
        steps += 1
        if above.pk == category.pk or steps > DEEPEST:
            raise Invalid(_("A category cannot stand above itself."), code="category.circle", field="parent")
        above = above.parent


def product_clean(_actor: Actor, product: Product, changes: Changes) -> None:
    """Products sort by pinyin; a variant hangs on a product that is none itself."""
    if not product.sort_key or "name" in changes:
        product.sort_key = sort_key(product.name)
    not_negative(product, "price", "cost")
    if "variant_of" in changes and product.variant_of is not None:
        if product.variant_of_id == product.pk or product.variant_of.variant_of_id is not None:
            raise Invalid(
                _("A variant hangs on a product that is no variant itself."), code="product.variant", field="variant_of"
            )
        if product.pk and product.variants.filter(deleted_at__isnull=True).exists():
            raise Invalid(_("This product has variants of its own."), code="product.variant", field="variant_of")


def part_clean(_actor: Actor, part: BundlePart, _changes: Changes) -> None:
    """A bundle holds products, not itself, also not by way of another bundle."""
    if part.quantity <= 0:
        raise Invalid(_("The quantity must be more than zero."), code="quantity.positive", field="quantity")
    seen, waiting = {part.bundle_id}, [part.product_id]
    while waiting:
        number = waiting.pop()
        if number in seen:
            raise Invalid(_("A bundle cannot contain itself."), code="bundle.circle", field="product")
        waiting += BundlePart.objects.filter(bundle_id=number).values_list("product_id", flat=True)
        if len(seen) > 1000:
            break


def book_clean(_actor: Actor, book: PriceBook, _changes: Changes) -> None:
    """A period has an order; a discount is a percentage."""
    days_in_order(book, "valid_from", "valid_until", _("This day lies before the first day."))
    percent_within(book, "discount")


def entry_clean(_actor: Actor, entry: PriceEntry, _changes: Changes) -> None:
    """A price is in its book's currency."""
    not_negative(entry, "price", "from_quantity")
    if entry.book_id:
        entry.currency = entry.book.currency


def book_settle(_actor: Actor, book: PriceBook, entries: list[PriceEntry]) -> None:
    """Each product once per tier; prices are in the book's currency."""
    seen: set[tuple[int, Decimal]] = set()
    for number, entry in enumerate(entries):
        entry.currency = book.currency
        key = (entry.product_id, entry.from_quantity)
        if key in seen:
            raise Invalid(
                _("This product has a price from this quantity already."),
                code="price.twice",
                field=f"entries.{number}.from_quantity",
            )
        seen.add(key)


def stock_clean(_actor: Actor, stock: Stock, _changes: Changes) -> None:
    """What is reserved is not less than nothing."""
    not_negative(stock, "reserved")


def variants_named(options: str) -> list[str]:
    """Specifications of all variants: “颜色: 红, 蓝; 尺寸: S, M” gives 红 S, 红 M, 蓝 S, 蓝 M. Raises Invalid."""
    axes = []
    for axis in _AXIS.split(options):
        values = re.split(r"[:：]", axis, maxsplit=1)[-1]
        found = list(dict.fromkeys(one.strip() for one in _VALUE.split(values) if one.strip()))
        if found:
            axes.append(found)
    named = [" ".join(parts) for parts in itertools.product(*axes)] if axes else []
    if not named:
        raise Invalid(_("Write one property a line: “Colour: red, blue”."), code="variants.none", field="options")
    if len(named) > MOST_VARIANTS:
        raise Invalid(
            _("That would be %(count)d variants; at most %(most)d are made at once.")
            % {"count": len(named), "most": MOST_VARIANTS},
            code="variants.many",
            field="options",
        )
    return named
