"""Pay by results: plans with their rates, and statements that show the arithmetic."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing.models.documents import LIVING
from guanxi.areas.catalog.models import Category, Product
from guanxi.core.models import ChoiceField, ListField, MoneyField, OwnedRecord, Record
from guanxi.core.schema.fields import Field

RECEIVED, SIGNED_AMOUNT, MARGIN = "received", "signed", "margin"
BASES = [
    (RECEIVED, _("money received")),
    (SIGNED_AMOUNT, _("contracts signed")),
    (MARGIN, _("margin of contracts signed")),
]
PROPOSED, APPROVED, PAID_OUT = "proposed", "approved", "paid"
STATEMENT_STATES = [(PROPOSED, _("proposed")), (APPROVED, _("approved for payment")), (PAID_OUT, _("paid out"))]
#: One row of the arithmetic of a statement.
STEP_COLUMNS = (
    Field(name="what", kind="text", label=_("what"), max_length=200),
    Field(name="base", kind="decimal", label=_("amount")),
    Field(name="rate", kind="decimal", label=_("rate, %"), places=4),
    Field(name="pay", kind="decimal", label=_("commission")),
)


class CommissionPlan(Record):
    """How commission is reckoned for whom and when: ``base`` by the rates of its rules."""

    name = models.CharField(_("name"), max_length=100)
    base = ChoiceField(_("reckoned on"), choices=BASES, max_length=12, default=RECEIVED)
    role = models.ForeignKey(
        "core.Role",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("for people with the role"),
    )
    target = MoneyField(_("target of a period"), currency="")
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    active = models.BooleanField(_("in use"), default=True)

    class Meta(Record.Meta):
        verbose_name = _("commission plan")
        verbose_name_plural = _("commission plans")


class CommissionRule(Record):
    """A rate: from an achievement of the target on, for all or for one category or product."""

    plan = models.ForeignKey(CommissionPlan, models.CASCADE, related_name="rules", verbose_name=_("commission plan"))
    from_achievement = models.DecimalField(_("from achievement, %"), max_digits=7, decimal_places=2, default=Decimal(0))
    category = models.ForeignKey(
        Category, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("only for category")
    )
    product = models.ForeignKey(
        Product, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("only for product")
    )
    rate = models.DecimalField(_("rate, %"), max_digits=7, decimal_places=4)
    note = models.CharField(_("note"), max_length=200, blank=True, default="")
    position = models.PositiveIntegerField(_("position"), default=0, editable=False)

    class Meta(Record.Meta):
        verbose_name = _("commission rate")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(rate__gte=0, rate__lte=100), name="commission_rate_percent")
        ]


class CommissionStatement(OwnedRecord):
    """What a person earns for a period, with every step of the arithmetic. The owner is who earns it."""

    name = models.CharField(_("name"), max_length=150, blank=True, default="")
    plan = models.ForeignKey(
        CommissionPlan, models.PROTECT, related_name="statements", verbose_name=_("commission plan")
    )
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    base_amount = MoneyField(_("reckoned on"), currency="currency", default=Decimal(0), editable=False)
    achievement = models.DecimalField(
        _("achievement, %"), max_digits=9, decimal_places=2, null=True, blank=True, editable=False
    )
    pay = MoneyField(_("commission"), default=Decimal(0), editable=False)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="CNY", editable=False)
    steps = ListField(_("arithmetic"), kind="table", columns=STEP_COLUMNS, editable=False)
    status = ChoiceField(_("status"), choices=STATEMENT_STATES, max_length=10, default=PROPOSED, editable=False)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True, editable=False)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta(OwnedRecord.Meta):
        verbose_name = _("commission statement")
        verbose_name_plural = _("commission statements")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["plan", "owner", "first_day", "last_day"], condition=LIVING, name="commission_statement_once"
            )
        ]


class CommissionItem(models.Model):
    """One line of a statement's arithmetic: a part of what one payment or contract brought, at a rate.

    ``source`` names that payment or contract (``allocation:12``), so that a later statement can see what of it was paid
    already, and take back what is gone; ``corrects`` marks lines that do. ``base`` × ``rate`` = ``pay``, to the cent.
    """

    statement = models.ForeignKey(CommissionStatement, models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    source = models.CharField(max_length=40)
    what = models.CharField(max_length=200)
    base = models.DecimalField(max_digits=18, decimal_places=2)
    rate = models.DecimalField(max_digits=7, decimal_places=4)
    pay = models.DecimalField(max_digits=18, decimal_places=2)
    corrects = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["statement", "position"], name="commission_item_place")
        ]

    def __str__(self) -> str:
        return self.what
