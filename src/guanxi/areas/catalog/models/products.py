"""What is sold: categories as a tree, products with variants and parts, price books, stock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models import Customer
from guanxi.core.models import ChoiceField, FileField, MoneyField, Record, TextKindField
from guanxi.core.models.audit_triggers import SILENT, audit_triggers
from guanxi.core.models.paths import path_triggers

LIVING = Q(deleted_at__isnull=True)
DRAFT, ACTIVE, PHASING_OUT, RETIRED = "draft", "active", "phasing_out", "retired"
STATUSES = [
    (DRAFT, _("draft")),
    (ACTIVE, _("on sale")),
    (PHASING_OUT, _("phasing out")),
    (RETIRED, _("retired")),
]
#: What can be put into a new document.
SALEABLE = (ACTIVE, PHASING_OUT)

#: Keeps ``path`` right: the ids of all higher categories ("/3/12/").
CATEGORY_PATH = path_triggers("catalog_category", "a category")


class Category(Record):
    """A node of the product tree."""

    name = models.CharField(_("name"), max_length=100)
    english_name = models.CharField(_("English name"), max_length=100, blank=True, default="")
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="below", verbose_name=_("higher category")
    )
    code = models.CharField(_("code"), max_length=40, blank=True, default="")
    path = models.CharField(max_length=250, blank=True, default="/", editable=False)

    class Meta(Record.Meta):
        verbose_name = _("product category")
        indexes: ClassVar[list[models.Index]] = [
            *Record.Meta.indexes,
            models.Index(OpClass("path", "text_pattern_ops"), name="category_by_path", condition=~Q(path="/")),
        ]
        triggers: ClassVar[list[Any]] = [*audit_triggers((*SILENT, "path")), *CATEGORY_PATH]


class Product(Record):
    """Something we sell: goods, a service, one variant of another product (``variant_of``), or a bundle of others."""

    name = models.CharField(_("name"), max_length=200)
    english_name = models.CharField(_("English name"), max_length=200, blank=True, default="")
    sort_key = models.CharField(max_length=250, blank=True, default="", editable=False)
    code = TextKindField(_("product number"), kind="serial", max_length=60)
    barcode = models.CharField(_("barcode"), max_length=60, blank=True, default="")
    category = models.ForeignKey(
        Category, models.SET_NULL, null=True, blank=True, related_name="products", verbose_name=_("category")
    )
    brand = models.CharField(_("brand"), max_length=100, blank=True, default="")
    specification = models.CharField(
        _("specification"), max_length=300, blank=True, default="", help_text=_("Model, size, colour, packing.")
    )
    variant_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="variants", verbose_name=_("variant of")
    )
    unit = ChoiceField(_("unit"), dictionary="product_unit", max_length=20, default="piece")
    tax_class = ChoiceField(_("tax class"), dictionary="tax_class", max_length=20, default="13")
    price = MoneyField(_("list price"), decimal_places=4)
    cost = MoneyField(_("cost"), decimal_places=4)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    status = ChoiceField(_("status"), choices=STATUSES, max_length=20, default=ACTIVE)
    is_bundle = models.BooleanField(
        _("bundle"),
        default=False,
        help_text=_("Made of other products; without a price of its own it costs their sum."),
    )
    picture = FileField(_("picture"), kind="image")
    description = models.TextField(_("description"), blank=True, default="")
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("product")
        verbose_name_plural = _("products")
        indexes: ClassVar[list[models.Index]] = [
            *Record.Meta.indexes,
            models.Index(fields=["sort_key", "id"], name="product_by_name", condition=LIVING),
            models.Index(fields=["external_id"], name="product_by_external_id", condition=~Q(external_id="")),
        ]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["code"], condition=LIVING & ~Q(code=""), name="product_code_once"),
            models.CheckConstraint(condition=Q(price__isnull=True) | Q(price__gte=0), name="product_price_sign"),
            models.CheckConstraint(condition=Q(cost__isnull=True) | Q(cost__gte=0), name="product_cost_sign"),
        ]


class BundlePart(Record):
    """How much of ``product`` is in a ``bundle``."""

    bundle = models.ForeignKey(Product, models.CASCADE, related_name="parts", verbose_name=_("bundle"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="bundles", verbose_name=_("product"))
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=4, default=Decimal(1))
    note = models.CharField(_("note"), max_length=200, blank=True, default="")
    position = models.PositiveIntegerField(_("position"), default=0, editable=False)

    class Meta(Record.Meta):
        verbose_name = _("part of a bundle")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="bundle_part_quantity"),
            models.CheckConstraint(condition=~Q(bundle=models.F("product")), name="bundle_part_other"),
        ]


class PriceBook(Record):
    """Prices for one customer, one level or everyone, in one currency and period."""

    name = models.CharField(_("name"), max_length=100)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY", blank=False)
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="price_books", verbose_name=_("only for customer")
    )
    level = ChoiceField(_("only for level"), dictionary="customer_level", max_length=20)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    discount = models.DecimalField(
        _("off the list price, %"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("For products without an entry of their own."),
    )
    active = models.BooleanField(_("in use"), default=True)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("price book")
        verbose_name_plural = _("price books")


class PriceEntry(Record):
    """The price of a product in a book from a quantity on."""

    book = models.ForeignKey(PriceBook, models.CASCADE, related_name="entries", verbose_name=_("price book"))
    product = models.ForeignKey(Product, models.CASCADE, related_name="prices", verbose_name=_("product"))
    from_quantity = models.DecimalField(_("from quantity"), max_digits=14, decimal_places=4, default=Decimal(1))
    price = MoneyField(_("price"), decimal_places=4, null=False, blank=False)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="CNY", editable=False)
    note = models.CharField(_("note"), max_length=200, blank=True, default="")
    position = models.PositiveIntegerField(_("position"), default=0, editable=False)

    class Meta(Record.Meta):
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["product", "book", "from_quantity"], condition=LIVING, name="price_entry_once"
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_entry_sign"),
        ]


class Stock(Record):
    """How much of a product lies in a warehouse, as the last import or integration said."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="stock", verbose_name=_("product"))
    warehouse = models.CharField(_("warehouse"), max_length=100)
    quantity = models.DecimalField(_("in stock"), max_digits=14, decimal_places=4, default=Decimal(0))
    reserved = models.DecimalField(_("reserved"), max_digits=14, decimal_places=4, default=Decimal(0))
    as_of = models.DateTimeField(_("as of"), null=True, blank=True)
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("stock")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["product", "warehouse"], condition=LIVING, name="stock_once"),
        ]

    @property
    def available(self) -> Decimal:
        """What is neither reserved nor gone."""
        return self.quantity - self.reserved
