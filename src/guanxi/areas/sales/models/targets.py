"""What is to be reached, what is foreseen, and what the pipeline was on each day."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.sales.models.opportunities import Opportunity
from guanxi.core.kernel import clock
from guanxi.core.models import ChoiceField, ListField, MoneyField, OwnedRecord
from guanxi.core.models.audit_triggers import SILENT, audit_triggers
from guanxi.core.schema.fields import Field

LIVING = Q(deleted_at__isnull=True)
PERSON, DEPARTMENT, COMPANY = "person", "department", "company"
SCOPES = [(PERSON, _("person")), (DEPARTMENT, _("department")), (COMPANY, _("company"))]
AMOUNT, RECEIPTS, COUNT = "amount", "receipts", "count"
MEASURES = [(AMOUNT, _("won amount")), (RECEIPTS, _("receipts")), (COUNT, _("number won"))]
EVEN, LAST_YEAR, GIVEN = "even", "last_year", "given"
SEASONS = [(EVEN, _("evenly")), (LAST_YEAR, _("as last year ran")), (GIVEN, _("as entered"))]
MONTH_COLUMNS = (
    Field(name="month", kind="integer", label=_("Month"), minimum=1, maximum=12, required=True),
    Field(name="base", kind="decimal", label=_("Base target"), minimum=0),
    Field(name="stretch", kind="decimal", label=_("Stretch target"), minimum=0),
)


class Target(OwnedRecord):
    """What a person, a department with those below, or the company is to reach in a year, month by month.

    The owner is the person, or who answers for the department. ``base`` and ``stretch`` are the year's sums; the months
    add up to them exactly. Amounts are in the workspace's currency.
    """

    year = models.PositiveSmallIntegerField(_("year"))
    scope = ChoiceField(_("set for"), choices=SCOPES, max_length=12, default=PERSON)
    department = models.ForeignKey(
        "core.Department", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("department")
    )
    measure = ChoiceField(_("measured by"), choices=MEASURES, max_length=12, default=AMOUNT)
    base = models.DecimalField(_("base target"), max_digits=18, decimal_places=2)
    stretch = models.DecimalField(_("stretch target"), max_digits=18, decimal_places=2, null=True, blank=True)
    season = ChoiceField(_("split over the months"), choices=SEASONS, max_length=12, default=EVEN)
    months = ListField(_("months"), kind="table", columns=MONTH_COLUMNS)
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta(OwnedRecord.Meta):
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["year", "measure", "owner"], condition=LIVING & Q(scope=PERSON), name="target_of_person_once"
            ),
            models.UniqueConstraint(
                fields=["year", "measure", "department"],
                condition=LIVING & Q(scope=DEPARTMENT),
                name="target_of_department_once",
            ),
            models.UniqueConstraint(
                fields=["year", "measure"], condition=LIVING & Q(scope=COMPANY), name="target_of_company_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.year} {self.measure} {self.scope}"


class ForecastEntry(OwnedRecord):
    """What was foreseen for somebody's month at one moment: the sums by category then, and the manager's own figure.

    ``month`` is its first day; ``closed``, ``commit``, ``best_case`` and ``pipeline`` are what the opportunities said.
    ``latest`` is the last one submitted for the person's month; ``outcome`` is what he has won in that month by now.
    """

    month = models.DateField(_("month"))
    submitted_at = models.DateTimeField(_("submitted at"), default=clock.now, editable=False)
    closed = MoneyField(_("won"), currency="", editable=False)
    commit = MoneyField(_("commit"), currency="", editable=False)
    best_case = MoneyField(_("best case"), currency="", editable=False)
    pipeline = MoneyField(_("pipeline"), currency="", editable=False)
    adjusted = MoneyField(_("forecast"), currency="")
    comment = models.TextField(_("comment"), blank=True, default="")
    latest = models.BooleanField(_("last of its month"), default=True, editable=False)
    outcome = MoneyField(_("won in the month"), currency="", editable=False)

    class Meta(OwnedRecord.Meta):
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, "latest", "outcome"))
        verbose_name = _("forecast")
        verbose_name_plural = _("forecasts")
        indexes: ClassVar[list[models.Index]] = [
            *OwnedRecord.Meta.indexes,
            models.Index(fields=["month", "owner", "-submitted_at"], name="forecast_of_month"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} #{self.owner_id}"


class OpportunitySnapshot(models.Model):
    """What an opportunity was at the beginning of a day, in the workspace's time zone."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    opportunity = models.ForeignKey(Opportunity, models.CASCADE, related_name="+", db_index=False)
    pipeline_id = models.BigIntegerField(null=True)
    stage_id = models.BigIntegerField(null=True)
    category = models.CharField(max_length=10)
    value = models.DecimalField(max_digits=18, decimal_places=2)
    owner_id = models.BigIntegerField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["day", "opportunity"], name="opportunity_snapshot_once")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.opportunity_id}"
