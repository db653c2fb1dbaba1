"""What is offered, agreed, ordered and delivered: quotes, contracts, orders, deliveries, each with its lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.catalog.models import PricedDocument, PricedLine
from guanxi.areas.customers.models import Contact, Customer
from guanxi.areas.sales.models import Opportunity
from guanxi.core.models import CarriedRecord, ChoiceField, MoneyField, Record, TextKindField

LIVING = Q(deleted_at__isnull=True)
DRAFT, SENT, ACCEPTED, DECLINED, REPLACED = "draft", "sent", "accepted", "declined", "replaced"
QUOTE_STATES = [
    (DRAFT, _("draft")),
    (SENT, _("sent")),
    (ACCEPTED, _("accepted")),
    (DECLINED, _("declined")),
    (REPLACED, _("replaced")),
]
SIGNED, COMPLETED, ENDED = "signed", "completed", "ended"
CONTRACT_STATES = [
    (DRAFT, _("draft")),
    (SIGNED, _("signed")),
    (COMPLETED, _("fulfilled")),
    (ENDED, _("terminated")),
]
CONFIRMED, DELIVERING, DELIVERED, CANCELLED = "confirmed", "delivering", "delivered", "cancelled"
ORDER_STATES = [
    (DRAFT, _("draft")),
    (CONFIRMED, _("confirmed")),
    (DELIVERING, _("partly delivered")),
    (DELIVERED, _("delivered")),
    (CANCELLED, _("cancelled")),
]
SHIPPED, RETURNED = "shipped", "returned"
DELIVERY_STATES = [
    (DRAFT, _("prepared")),
    (SHIPPED, _("on its way")),
    (CONFIRMED, _("confirmed by the customer")),
    (RETURNED, _("returned")),
]
#: The type of contracts under which others are made: nothing is owed on them.
FRAMEWORK = "framework"
ADD, REDUCE = "add", "reduce"
AMENDMENT_EFFECTS = [(ADD, _("adds to the amount")), (REDUCE, _("reduces the amount"))]
#: Contracts whose money is owed.
OWING_CONTRACTS = (SIGNED, COMPLETED, ENDED)
OWING_ORDERS = (CONFIRMED, DELIVERING, DELIVERED)


class SalesDocument(PricedDocument, CarriedRecord):
    """What quotes, contracts and orders share: a number, whom it is with, who decides, terms."""

    number = TextKindField(_("number"), kind="serial", max_length=40)
    name = models.CharField(_("subject"), max_length=200)
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="%(class)ss", verbose_name=_("customer"), db_index=False
    )
    contact = models.ForeignKey(
        Contact, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("contact")
    )
    terms = models.TextField(_("terms"), blank=True, default="")
    note = models.TextField(_("internal note"), blank=True, default="")
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        abstract = True
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["customer", "-updated_at", "-id"], name="%(class)s_customer", condition=LIVING),
            models.Index(fields=["external_id"], name="%(class)s_external", condition=~Q(external_id="")),
        ]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["number"], condition=LIVING & ~Q(number=""), name="%(class)s_number_once")
        ]


class Debt(models.Model):
    """What a document is owed: ``total`` = ``received`` + ``open`` + ``written_off``, always and to the cent."""

    received = MoneyField(_("received"), default=Decimal(0), editable=False)
    written_off = MoneyField(_("written off"), default=Decimal(0), editable=False)
    open = MoneyField(_("still open"), default=Decimal(0), editable=False)
    invoiced = MoneyField(_("invoiced"), default=Decimal(0), editable=False)

    class Meta:
        abstract = True


class Quote(SalesDocument):
    """A priced offer. A new version replaces the one before; ``off`` is what it grants against the price books."""

    opportunity = models.ForeignKey(
        Opportunity, models.SET_NULL, null=True, blank=True, related_name="quotes", verbose_name=_("opportunity")
    )
    status = ChoiceField(_("status"), choices=QUOTE_STATES, max_length=20, default=DRAFT)
    quoted_on = models.DateField(_("quoted on"), null=True, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    revision = models.PositiveSmallIntegerField(_("version"), default=1, editable=False)
    revises = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="revisions",
        verbose_name=_("replaces"),
        editable=False,
    )
    off = models.DecimalField(
        _("granted off, %"), max_digits=6, decimal_places=2, null=True, blank=True, editable=False
    )
    off_granted = models.DecimalField(
        _("granted by approval, %"), max_digits=6, decimal_places=2, null=True, blank=True, editable=False
    )
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True, editable=False)
    seen_at = models.DateTimeField(_("first seen by the customer"), null=True, blank=True, editable=False)
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True, editable=False)
    accepted_by = models.CharField(_("accepted by"), max_length=100, blank=True, default="", editable=False)
    answer = models.CharField(_("the customer's words"), max_length=500, blank=True, default="", editable=False)

    class Meta(SalesDocument.Meta):
        verbose_name = _("quote")
        verbose_name_plural = _("quotes")


class Contract(SalesDocument, Debt):
    """A signed agreement. It may stand under a framework, amend another, or renew one.

    ``volume`` is how much may be called off under a framework; without it what its lines come to, and without those any.
    """

    kind = ChoiceField(_("contract type"), dictionary="contract_kind", max_length=40, default="sale")
    opportunity = models.ForeignKey(
        Opportunity, models.SET_NULL, null=True, blank=True, related_name="contracts", verbose_name=_("opportunity")
    )
    quote = models.ForeignKey(
        Quote, models.SET_NULL, null=True, blank=True, related_name="contracts", verbose_name=_("quote")
    )
    framework = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="calls", verbose_name=_("under framework contract")
    )
    amends = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="amendments", verbose_name=_("amends")
    )
    volume = MoneyField(_("agreed volume"))
    effect = ChoiceField(_("effect of the amendment"), choices=AMENDMENT_EFFECTS, max_length=10, default=ADD)
    renews = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="renewals", verbose_name=_("renews")
    )
    status = ChoiceField(_("status"), choices=CONTRACT_STATES, max_length=20, default=DRAFT)
    signed_on = models.DateField(_("signed on"), null=True, blank=True)
    signed_by = models.CharField(_("signed for us by"), max_length=100, blank=True, default="")
    signed_for_customer = models.CharField(_("signed for the customer by"), max_length=100, blank=True, default="")
    starts_on = models.DateField(_("begins"), null=True, blank=True)
    ends_on = models.DateField(_("ends"), null=True, blank=True)
    remind_days = models.PositiveSmallIntegerField(_("remind days before the end"), null=True, blank=True, default=30)
    reminded_on = models.DateField(null=True, blank=True, editable=False)

    class Meta(SalesDocument.Meta):
        verbose_name = _("contract")
        verbose_name_plural = _("contracts")


class Order(SalesDocument, Debt):
    """What is to be delivered. Under a contract the money is owed there; without one the order is owed itself."""

    opportunity = models.ForeignKey(
        Opportunity, models.SET_NULL, null=True, blank=True, related_name="orders", verbose_name=_("opportunity")
    )
    quote = models.ForeignKey(
        Quote, models.SET_NULL, null=True, blank=True, related_name="orders", verbose_name=_("quote")
    )
    contract = models.ForeignKey(
        Contract, models.SET_NULL, null=True, blank=True, related_name="orders", verbose_name=_("contract")
    )
    status = ChoiceField(_("status"), choices=ORDER_STATES, max_length=20, default=DRAFT)
    ordered_on = models.DateField(_("ordered on"), null=True, blank=True)
    due_on = models.DateField(_("to be delivered by"), null=True, blank=True)
    delivered_on = models.DateField(_("delivered on"), null=True, blank=True, editable=False)
    address = models.CharField(_("delivery address"), max_length=300, blank=True, default="")

    class Meta(SalesDocument.Meta):
        verbose_name = _("sales order")
        verbose_name_plural = _("sales orders")


class Line(PricedLine):
    """A line of a document; ``base_price`` is what the price books said when the product was put in."""

    base_price = MoneyField(_("price by the books"), decimal_places=4, editable=False)

    class Meta(PricedLine.Meta):
        abstract = True


class QuoteLine(Line):
    """A line of a quote."""

    quote = models.ForeignKey(Quote, models.CASCADE, related_name="lines", verbose_name=_("quote"))

    class Meta(Line.Meta):
        verbose_name = _("line of a quote")


class ContractLine(Line):
    """A line of a contract."""

    contract = models.ForeignKey(Contract, models.CASCADE, related_name="lines", verbose_name=_("contract"))

    class Meta(Line.Meta):
        verbose_name = _("line of a contract")


class OrderLine(Line):
    """A line of an order; ``delivered`` is how much of it the customer has."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines", verbose_name=_("sales order"))
    delivered = models.DecimalField(_("delivered"), max_digits=14, decimal_places=4, default=Decimal(0), editable=False)

    class Meta(Line.Meta):
        verbose_name = _("line of a sales order")


class Delivery(CarriedRecord):
    """What left for the customer, and that he has it."""

    number = TextKindField(_("number"), kind="serial", max_length=40)
    order = models.ForeignKey(Order, models.PROTECT, related_name="deliveries", verbose_name=_("sales order"))
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="deliveries", verbose_name=_("customer"), editable=False
    )
    status = ChoiceField(_("status"), choices=DELIVERY_STATES, max_length=20, default=DRAFT, editable=False)
    shipped_on = models.DateField(_("shipped on"), null=True, blank=True)
    carrier = models.CharField(_("carrier"), max_length=100, blank=True, default="")
    tracking_number = models.CharField(_("tracking number"), max_length=100, blank=True, default="")
    address = models.CharField(_("delivery address"), max_length=300, blank=True, default="")
    confirmed_on = models.DateField(_("confirmed on"), null=True, blank=True, editable=False)
    confirmed_by = models.CharField(_("confirmed by"), max_length=100, blank=True, default="", editable=False)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")


class DeliveryLine(CarriedRecord):
    """How much of an order's line is in a delivery."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="lines", verbose_name=_("delivery"))
    order_line = models.ForeignKey(
        OrderLine, models.PROTECT, related_name="deliveries", verbose_name=_("line of a sales order")
    )
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=4, default=Decimal(1))
    note = models.CharField(_("note"), max_length=200, blank=True, default="")
    position = models.PositiveIntegerField(_("position"), default=0, editable=False)

    class Meta(CarriedRecord.Meta):
        verbose_name = _("line of a delivery")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="delivery_line_quantity")
        ]


class DiscountLimit(Record):
    """How much a role may grant off the price books without asking; the most generous of a person's roles counts."""

    role = models.ForeignKey("core.Role", models.CASCADE, related_name="+", verbose_name=_("role"))
    percent = models.DecimalField(_("up to, %"), max_digits=5, decimal_places=2)
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("discount limit")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["role"], condition=LIVING, name="discount_limit_once"),
            models.CheckConstraint(condition=Q(percent__gte=0, percent__lte=100), name="discount_limit_percent"),
        ]


class ClosedPeriod(Record):
    """Books are closed up to and including a day: no money and no invoice is dated there any more."""

    until = models.DateField(_("closed up to"))
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("closed period")
        verbose_name_plural = _("closed periods")


class PublicLink(models.Model):
    """A link by which a customer sees and answers one document without signing in; only a digest of its secret is kept."""

    digest = models.CharField(max_length=64, unique=True)
    entity = models.CharField(max_length=60)
    record_id = models.BigIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    opened = models.PositiveIntegerField(default=0)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["entity", "record_id"], name="public_link_of")]

    def __str__(self) -> str:
        return f"{self.entity} {self.record_id}"


class PrintTemplate(Record):
    """How a document is printed: typst source in one language, filled from the document's data."""

    name = models.CharField(_("name"), max_length=100)
    document = models.CharField(_("document"), max_length=40)
    language = models.CharField(_("language"), max_length=10, default="zh-hans")
    source = models.TextField(_("template"))
    active = models.BooleanField(_("in use"), default=True)

    class Meta(Record.Meta):
        verbose_name = _("print template")
        verbose_name_plural = _("print templates")
