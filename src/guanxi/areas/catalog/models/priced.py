"""Documents with priced lines: their columns, and the one arithmetic of price, discount and tax.

The rule, stated on every document: amounts are rounded half up to the currency's smallest unit, line by line.
A line is quantity × price × (1 − its discount) × (1 − the document's discount); an amount taken off the whole is spread
over the lines in proportion, the last cents to the largest remainders; tax is worked out on each line and added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Decimal
from types import SimpleNamespace
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.catalog.models.products import Product
from guanxi.core.kernel.money import quantum, rounded
from guanxi.core.models import CarriedRecord, ChoiceField, MoneyField

ITEM, SECTION, NOTE = "item", "section", "note"
LINE_SORTS = [(ITEM, _("product")), (SECTION, _("section")), (NOTE, _("text"))]
ZERO, HUNDRED = Decimal(0), Decimal(100)


class PricedDocument(models.Model):
    """Columns of a document whose amounts follow from its lines.

    ``total`` is what the customer pays, ``net`` without and ``tax`` the tax in it; optional lines do not count.
    ``rate`` is one unit of the currency in the house's own, on the document's day.
    """

    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    rate = models.DecimalField(
        _("exchange rate"), max_digits=18, decimal_places=8, null=True, blank=True, editable=False
    )
    prices_with_tax = models.BooleanField(_("prices include tax"), default=True)
    discount = models.DecimalField(_("discount on the whole, %"), max_digits=5, decimal_places=2, null=True, blank=True)
    discount_amount = MoneyField(_("amount off the whole"))
    net = MoneyField(_("without tax"), editable=False)
    tax = MoneyField(_("tax"), editable=False)
    total = MoneyField(_("total"), editable=False)
    margin = MoneyField(_("margin"), editable=False)
    margin_percent = models.DecimalField(
        _("margin, %"), max_digits=7, decimal_places=2, null=True, blank=True, editable=False
    )

    class Meta:
        abstract = True


class PricedLine(CarriedRecord):
    """One line: a product at a price, or a heading, or a text. What was agreed is kept even if the product changes."""

    position = models.PositiveIntegerField(_("position"), default=0, editable=False)
    sort = ChoiceField(_("sort of line"), choices=LINE_SORTS, max_length=10, default=ITEM)
    product = models.ForeignKey(
        Product, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("product")
    )
    name = models.CharField(_("description"), max_length=300, blank=True, default="")
    specification = models.CharField(_("specification"), max_length=300, blank=True, default="")
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=4, default=Decimal(1))
    unit = ChoiceField(_("unit"), dictionary="product_unit", max_length=20)
    price = MoneyField(_("price"), decimal_places=4)
    price_source = models.CharField(_("price from"), max_length=200, blank=True, default="", editable=False)
    discount = models.DecimalField(_("discount, %"), max_digits=5, decimal_places=2, null=True, blank=True)
    tax_class = ChoiceField(_("tax class"), dictionary="tax_class", max_length=20)
    optional = models.BooleanField(_("optional"), default=False)
    cost = MoneyField(_("unit cost"), decimal_places=4)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="CNY", editable=False)
    net = MoneyField(_("without tax"), editable=False)
    tax = MoneyField(_("tax"), editable=False)
    amount = MoneyField(_("amount"), editable=False)

    class Meta(CarriedRecord.Meta):
        abstract = True
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(quantity__gte=0), name="%(class)s_quantity"),
            models.CheckConstraint(condition=Q(price__isnull=True) | Q(price__gte=0), name="%(class)s_price"),
            models.CheckConstraint(
                condition=Q(discount__isnull=True) | Q(discount__gte=0, discount__lte=100), name="%(class)s_discount"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"


def tax_rate_of(tax_class: str) -> Decimal:
    """The rate of a tax class in percent: its key is the rate; classes without a number (exempt) have none."""
    return Decimal(tax_class) if tax_class.replace(".", "", 1).isdecimal() else ZERO


def parts(amount: Decimal, tax_class: str, currency: str, *, with_tax: bool) -> tuple[Decimal, Decimal, Decimal]:
    """Net, tax and what is paid of a rounded amount at the rate of a tax class."""
    rate = tax_rate_of(tax_class)
    if with_tax:
        tax = rounded(amount * rate / (HUNDRED + rate), currency)
        return amount - tax, tax, amount
    tax = rounded(amount * rate / HUNDRED, currency)
    return amount, tax, amount + tax


def spread(off: Decimal, amounts: Sequence[Decimal], currency: str) -> list[Decimal]:
    """An amount spread over lines in proportion to theirs, exact to the smallest unit."""
    whole, unit = sum(amounts, ZERO), quantum(currency)
    if not whole or not off:
        return [ZERO for _one in amounts]
    exact = [off * one / whole for one in amounts]
    shares = [one.quantize(unit, rounding=ROUND_DOWN) for one in exact]
    left = int((off - sum(shares, ZERO)) / unit)
    order = sorted(range(len(amounts)), key=lambda number: (shares[number] - exact[number], number))
    for number in order[:left]:
        shares[number] += unit
    return shares


def settle_priced(document: Any, lines: Iterable[Any]) -> None:
    """Work out the amounts of the lines and of the document; pure, nothing is stored.

    Lines that are headings or texts have no amounts; optional ones have but do not count.
    """
    currency, with_tax = document.currency or "CNY", document.prices_with_tax
    whole = (HUNDRED - (document.discount or ZERO)) / HUNDRED
    items: list[Any] = []
    for line in lines:
        line.currency = currency
        if line.sort != ITEM:
            line.net = line.tax = line.amount = None
            continue
        factor = (HUNDRED - (line.discount or ZERO)) / HUNDRED * whole
        line.amount = rounded(line.quantity * (line.price or ZERO) * factor, currency)
        items.append(line)
    counted = [line for line in items if not line.optional]
    off = rounded(document.discount_amount or ZERO, currency)
    shares = spread(off, [line.amount for line in counted], currency)
    for line, share in zip(counted, shares, strict=True):
        line.amount -= share
    for line in items:
        line.net, line.tax, line.amount = parts(line.amount, line.tax_class, currency, with_tax=with_tax)
    document.net, document.tax, document.total = priced_totals(counted)
    _margin(document, counted, currency)


def settle_lines(currency: str, lines: Iterable[Any]) -> Decimal:
    """The same for lines whose record takes nothing off the whole, at prices with tax; returns what they come to."""
    plain = SimpleNamespace(currency=currency, prices_with_tax=True, discount=None, discount_amount=None)
    settle_priced(plain, lines)
    return Decimal(plain.total)


def priced_totals(lines: Iterable[Any]) -> tuple[Decimal, Decimal, Decimal]:
    """Sums of net, tax and amount over settled lines."""
    found = list(lines)
    return (
        sum((line.net for line in found), ZERO),
        sum((line.tax for line in found), ZERO),
        sum((line.amount for line in found), ZERO),
    )


def _margin(document: Any, lines: Sequence[Any], currency: str) -> None:
    """What is left of the net amount after cost; unknown when a line's cost is."""
    if not lines or any(line.cost is None for line in lines):
        document.margin = document.margin_percent = None
        return
    cost = sum((rounded(line.quantity * line.cost, currency) for line in lines), ZERO)
    document.margin = document.net - cost
    percent = document.margin * HUNDRED / document.net if document.net else None
    limit = Decimal("99999.99")
    document.margin_percent = None if percent is None else max(-limit, min(limit, percent)).quantize(Decimal("0.01"))
