"""Work reports of a day, week or month, and expenses to be paid back."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guanxi.areas.activities.models import Activity
from guanxi.areas.campaigns.models import Campaign
from guanxi.areas.customers.models import Customer
from guanxi.core.models import ChoiceField, FileField, ListField, MoneyField, OwnedRecord
from guanxi.core.schema.fields import Field

LIVING = Q(deleted_at__isnull=True)
DAY, WEEK, MONTH = "day", "week", "month"
PERIODS = [(DAY, _("Daily report")), (WEEK, _("Weekly report")), (MONTH, _("Monthly report"))]
DRAFT, SENT, READ = "draft", "sent", "read"
STATUSES = [(DRAFT, _("draft")), (SENT, _("handed in")), (READ, pgettext_lazy("work report", "read"))]
FACT_COLUMNS = (
    Field(name="what", kind="text", label=_("What"), max_length=60),
    Field(name="number", kind="integer", label=_("How many")),
    Field(name="names", kind="long_text", label=_("Which")),
)

SUBMITTED, APPROVED, REJECTED, PAID = "submitted", "approved", "rejected", "paid"
EXPENSE_STATUSES = [
    (DRAFT, _("draft")),
    (SUBMITTED, _("submitted")),
    (APPROVED, pgettext_lazy("expense", "approved")),
    (REJECTED, pgettext_lazy("expense", "rejected")),
    (PAID, _("paid")),
]


class WorkReport(OwnedRecord):
    """What somebody did in a day, week or month, and what comes next. ``day`` is the first day of the period.

    ``facts`` is what the house knows was done, as it was when the report was sent.
    """

    name = models.CharField(_("name"), max_length=150, blank=True, default="")
    period = ChoiceField(_("period"), choices=PERIODS, max_length=10, default=DAY)
    day = models.DateField(_("from"))
    summary = models.TextField(_("what was done"), blank=True, default="")
    plan = models.TextField(_("what comes next"), blank=True, default="")
    trouble = models.TextField(_("problems and help wanted"), blank=True, default="")
    facts = ListField(_("recorded"), kind="table", columns=FACT_COLUMNS, editable=False)
    status = ChoiceField(_("status"), choices=STATUSES, max_length=10, default=DRAFT, editable=False)
    sent_at = models.DateTimeField(_("handed in"), null=True, blank=True, editable=False)
    read_at = models.DateTimeField(_("read on"), null=True, blank=True, editable=False)
    read_by = models.ForeignKey(
        "core.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("read by"),
        db_index=False,
    )

    class Meta(OwnedRecord.Meta):
        verbose_name = _("work report")
        verbose_name_plural = _("work reports")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["owner", "period", "day"], condition=LIVING, name="work_report_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            *OwnedRecord.Meta.indexes,
            models.Index(fields=["period", "day", "owner"], name="work_report_by_day", condition=LIVING),
        ]


class Expense(OwnedRecord):
    """Money somebody laid out for the business and wants back; it may belong to a customer, a follow-up and a campaign."""

    name = models.CharField(_("what for"), max_length=200)
    kind = ChoiceField(_("kind"), dictionary="expense_kind", max_length=40)
    spent_on = models.DateField(_("spent on"))
    amount = MoneyField(_("amount"), currency="currency", null=False, blank=False)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    customer = models.ForeignKey(
        Customer, models.SET_NULL, null=True, blank=True, related_name="expenses", verbose_name=_("customer")
    )
    activity = models.ForeignKey(
        Activity, models.SET_NULL, null=True, blank=True, related_name="expenses", verbose_name=_("follow-up")
    )
    campaign = models.ForeignKey(
        Campaign, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("campaign")
    )
    receipt = FileField(_("receipt"), kind="file")
    note = models.TextField(_("note"), blank=True, default="")
    status = ChoiceField(_("status"), choices=EXPENSE_STATUSES, max_length=12, default=DRAFT, editable=False)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        "core.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("decided by"),
        db_index=False,
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="", editable=False)
    paid_on = models.DateField(_("paid on"), null=True, blank=True, editable=False)

    class Meta(OwnedRecord.Meta):
        verbose_name = _("expense")
        verbose_name_plural = _("expenses")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="expense_more_than_nothing")
        ]
