"""What is owed and paid: instalments, receipts, allocations, invoices, entries of bank statements, commission."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing.models.documents import LIVING, Contract, Order
from guanxi.areas.customers.models import Customer
from guanxi.core.models import CarriedRecord, ChoiceField, MoneyField, OwnedRecord, TextKindField

PLANNED, PARTLY, PAID = "planned", "partly", "paid"
INSTALMENT_STATES = [(PLANNED, _("still open")), (PARTLY, _("partly paid")), (PAID, _("settled"))]
IN, OUT = "in", "out"
RECEIPT_SORTS = [(IN, _("received")), (OUT, _("paid back"))]
PAYMENT, WRITE_OFF = "payment", "write_off"
ALLOCATION_SORTS = [(PAYMENT, _("payment")), (WRITE_OFF, _("written off"))]
REQUESTED, ISSUED, RED, VOID = "requested", "issued", "red", "void"
INVOICE_STATES = [
    (REQUESTED, _("requested")),
    (ISSUED, _("issued")),
    (RED, _("reversed")),
    (VOID, _("withdrawn")),
]
INVOICE_SORTS = [
    ("special", _("special VAT invoice")),
    ("ordinary", _("ordinary VAT invoice")),
    ("electronic", _("electronic invoice")),
    ("commercial", _("commercial invoice")),
]
NEW, BOOKED, IGNORED = "new", "booked", "ignored"
ENTRY_STATES = [(NEW, _("to be matched")), (BOOKED, _("booked")), (IGNORED, _("left out"))]


class Instalment(CarriedRecord):
    """What is due when on a contract, or on an order without one. ``amount`` = received + open + written off."""

    name = models.CharField(_("name"), max_length=100, blank=True, default="")
    contract = models.ForeignKey(
        Contract, models.CASCADE, null=True, blank=True, related_name="instalments", verbose_name=_("contract")
    )
    order = models.ForeignKey(
        Order, models.CASCADE, null=True, blank=True, related_name="instalments", verbose_name=_("sales order")
    )
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="instalments", verbose_name=_("customer"), editable=False
    )
    percent = models.DecimalField(_("percent"), max_digits=7, decimal_places=4, null=True, blank=True)
    amount = MoneyField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="CNY", editable=False)
    due_on = models.DateField(_("due on"), null=True, blank=True)
    milestone = models.CharField(_("milestone"), max_length=200, blank=True, default="")
    status = ChoiceField(_("status"), choices=INSTALMENT_STATES, max_length=10, default=PLANNED, editable=False)
    received = MoneyField(_("received"), default=Decimal(0), editable=False)
    written_off = MoneyField(_("written off"), default=Decimal(0), editable=False)
    open = MoneyField(_("still open"), default=Decimal(0), editable=False)
    reminded_on = models.DateField(null=True, blank=True, editable=False)
    position = models.PositiveIntegerField(_("position"), default=0, editable=False)

    class Meta(CarriedRecord.Meta):
        verbose_name = _("instalment")
        verbose_name_plural = _("instalments")
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["due_on", "id"], name="instalment_due", condition=LIVING & ~Q(status="paid")),
        ]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(amount=models.F("received") + models.F("open") + models.F("written_off")),
                name="instalment_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(received__gte=0, written_off__gte=0, open__gte=0), name="instalment_signs"
            ),
            models.CheckConstraint(
                condition=Q(contract__isnull=True, order__isnull=False) | Q(contract__isnull=False, order__isnull=True),
                name="instalment_of_one",
            ),
        ]


class Receipt(CarriedRecord):
    """Money received from a customer, or paid back to him. What is not allocated stays to his credit (``free``)."""

    number = TextKindField(_("number"), kind="serial", max_length=40)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="receipts", verbose_name=_("customer"))
    sort = ChoiceField(_("sort"), choices=RECEIPT_SORTS, max_length=3, default=IN, editable=False)
    refunds = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="repayments",
        verbose_name=_("pays back"),
        editable=False,
    )
    received_on = models.DateField(_("received on"))
    amount = MoneyField(_("amount"), null=False, blank=False)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    rate = models.DecimalField(
        _("exchange rate"), max_digits=18, decimal_places=8, null=True, blank=True, editable=False
    )
    method = ChoiceField(_("means of payment"), dictionary="payment_method", max_length=30, default="transfer")
    payer = models.CharField(_("payer"), max_length=200, blank=True, default="")
    account = models.CharField(_("to account"), max_length=60, blank=True, default="")
    reference = models.CharField(_("bank reference"), max_length=100, blank=True, default="")
    memo = models.CharField(_("memo"), max_length=300, blank=True, default="")
    allocated = MoneyField(_("allocated"), default=Decimal(0), editable=False)
    refunded = MoneyField(_("paid back"), default=Decimal(0), editable=False)
    free = MoneyField(_("not allocated"), default=Decimal(0), editable=False)
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("money receipt")
        verbose_name_plural = _("receipts")
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["customer", "-received_on", "-id"], name="receipt_customer", condition=LIVING),
            models.Index(fields=["external_id"], name="receipt_external", condition=~Q(external_id="")),
        ]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="receipt_sign"),
            models.CheckConstraint(
                condition=Q(sort="out") | Q(amount=models.F("allocated") + models.F("refunded") + models.F("free")),
                name="receipt_adds_up",
            ),
            models.CheckConstraint(condition=Q(allocated__gte=0, refunded__gte=0, free__gte=0), name="receipt_signs"),
            models.UniqueConstraint(
                fields=["account", "reference"],
                condition=LIVING & ~Q(reference=""),
                name="receipt_reference_once",
            ),
        ]


class Invoice(CarriedRecord):
    """A tax document: requested, issued, sent by courier, and if need be reversed by a red one.

    Its amounts are those of its lines; without lines all of ``amount`` is taxed by ``tax_class``.
    """

    number = TextKindField(_("number"), kind="serial", max_length=40)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="invoices", verbose_name=_("customer"))
    contract = models.ForeignKey(
        Contract, models.PROTECT, null=True, blank=True, related_name="invoices", verbose_name=_("contract")
    )
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, blank=True, related_name="invoices", verbose_name=_("sales order")
    )
    sort = ChoiceField(_("sort of invoice"), choices=INVOICE_SORTS, max_length=20, default="special")
    status = ChoiceField(_("status"), choices=INVOICE_STATES, max_length=12, default=REQUESTED, editable=False)
    title = models.CharField(_("invoice title"), max_length=200, blank=True, default="")
    tax_number = models.CharField(_("tax number"), max_length=30, blank=True, default="")
    address = models.CharField(_("registered address and phone"), max_length=300, blank=True, default="")
    bank = models.CharField(_("bank and account"), max_length=200, blank=True, default="")
    amount = MoneyField(_("amount with tax"), null=False, blank=True)
    tax_class = ChoiceField(_("tax class"), dictionary="tax_class", max_length=20, default="13")
    net = MoneyField(_("without tax"), editable=False)
    tax = MoneyField(_("tax"), editable=False)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    content = models.CharField(_("content"), max_length=200, blank=True, default="")
    requested_on = models.DateField(_("requested on"), null=True, blank=True)
    issued_on = models.DateField(_("issued on"), null=True, blank=True, editable=False)
    invoice_number = models.CharField(_("invoice number"), max_length=40, blank=True, default="", editable=False)
    reverses = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reversals",
        verbose_name=_("reverses"),
        editable=False,
    )
    courier = models.CharField(_("courier"), max_length=60, blank=True, default="")
    tracking_number = models.CharField(_("tracking number"), max_length=100, blank=True, default="")
    sent_on = models.DateField(_("sent on"), null=True, blank=True)
    received = MoneyField(_("received"), default=Decimal(0), editable=False)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["invoice_number"], condition=LIVING & ~Q(invoice_number=""), name="invoice_number_once"
            ),
            models.UniqueConstraint(
                fields=["reverses"], condition=LIVING & Q(reverses__isnull=False), name="invoice_reversed_once"
            ),
        ]


class InvoiceLine(CarriedRecord):
    """What an invoice is for, at one rate of tax: ``amount`` is with tax, ``net`` and ``tax`` follow; red ones are negative."""

    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines", verbose_name=_("invoice"))
    name = models.CharField(_("description"), max_length=300)
    specification = models.CharField(_("specification"), max_length=300, blank=True, default="")
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=4, null=True, blank=True)
    unit = ChoiceField(_("unit"), dictionary="product_unit", max_length=20)
    tax_class = ChoiceField(_("tax class"), dictionary="tax_class", max_length=20, default="13")
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="CNY", editable=False)
    amount = MoneyField(_("amount with tax"), null=False, blank=False)
    net = MoneyField(_("without tax"), editable=False)
    tax = MoneyField(_("tax"), editable=False)
    position = models.PositiveIntegerField(_("position"), default=0, editable=False)

    class Meta(CarriedRecord.Meta):
        verbose_name = _("line of an invoice")

    def __str__(self) -> str:
        return self.name


class Allocation(CarriedRecord):
    """How much of a receipt settles an instalment (and which invoice it pays), or how much of one is written off."""

    sort = ChoiceField(_("sort"), choices=ALLOCATION_SORTS, max_length=10, default=PAYMENT, editable=False)
    receipt = models.ForeignKey(
        Receipt, models.PROTECT, null=True, blank=True, related_name="allocations", verbose_name=_("money receipt")
    )
    instalment = models.ForeignKey(Instalment, models.PROTECT, related_name="allocations", verbose_name=_("instalment"))
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, null=True, blank=True, related_name="allocations", verbose_name=_("invoice")
    )
    customer = models.ForeignKey(
        Customer, models.PROTECT, related_name="allocations", verbose_name=_("customer"), editable=False
    )
    amount = MoneyField(_("amount"), null=False, blank=False)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="CNY", editable=False)
    booked_on = models.DateField(_("booked on"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="allocation_sign"),
            models.CheckConstraint(
                condition=Q(sort="payment", receipt__isnull=False) | Q(sort="write_off", receipt__isnull=True),
                name="allocation_source",
            ),
        ]


class BankEntry(OwnedRecord):
    """A line of a bank statement. ``fingerprint`` makes the same line of a file uploaded again the same entry."""

    booked_on = models.DateField(_("date"))
    amount = MoneyField(_("amount"), null=False, blank=False)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    payer = models.CharField(_("payer"), max_length=200, blank=True, default="")
    payer_account = models.CharField(_("payer's account"), max_length=60, blank=True, default="")
    account = models.CharField(_("our account"), max_length=60, blank=True, default="")
    memo = models.CharField(_("memo"), max_length=300, blank=True, default="")
    reference = models.CharField(_("bank reference"), max_length=100, blank=True, default="")
    fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    status = ChoiceField(_("status"), choices=ENTRY_STATES, max_length=10, default=NEW, editable=False)
    receipt = models.ForeignKey(
        Receipt,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="bank_entries",
        verbose_name=_("money receipt"),
        editable=False,
    )

    class Meta(OwnedRecord.Meta):
        verbose_name = _("bank entry")
        verbose_name_plural = _("bank entries")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["fingerprint"], condition=LIVING, name="bank_entry_once")
        ]


class CreditLimit(CarriedRecord):
    """How much a customer may owe, and how many days after the due date before new business needs a second look."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="credit_limits", verbose_name=_("customer"))
    amount = MoneyField(_("credit limit"), null=False, blank=False)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    grace_days = models.PositiveSmallIntegerField(_("days of grace"), default=0)
    blocks = models.BooleanField(
        _("refuse new contracts and orders beyond it"), default=False, help_text=_("Otherwise there is only a warning.")
    )
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("credit limit")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["customer"], condition=LIVING, name="credit_limit_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="credit_limit_sign"),
        ]
