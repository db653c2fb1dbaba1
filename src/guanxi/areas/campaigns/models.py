"""Campaigns and what was spent on them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guanxi.core.models import CarriedRecord, ChoiceField, FileField, MoneyField, OwnedRecord, TextKindField
from guanxi.core.models.audit_triggers import SILENT, audit_triggers

LIVING = Q(deleted_at__isnull=True)
PLANNED, RUNNING, FINISHED, CANCELLED = "planned", "running", "finished", "cancelled"
STATUSES = [
    (PLANNED, pgettext_lazy("campaign", "planned")),
    (RUNNING, pgettext_lazy("campaign", "running")),
    (FINISHED, pgettext_lazy("campaign", "finished")),
    (CANCELLED, pgettext_lazy("campaign", "cancelled")),
]
#: Figures that follow from other records; they are kept here so that lists, boards and reports can show and compare them.
FIGURES = ("cost", "budget_left", "members", "responses", "leads", "deals", "won_deals", "won_value", "result")


class Campaign(OwnedRecord):
    """A planned marketing effort with budget, members, responses and results.

    ``cost`` and ``budget_left`` are in the campaign's ``currency``; ``won_value`` and ``result`` (won less cost) in the
    workspace's. The figures are those of this campaign alone, without the campaigns below it.
    """

    name = models.CharField(_("name"), max_length=200)
    number = TextKindField(_("campaign number"), kind="serial", max_length=40)
    kind = ChoiceField(_("kind"), dictionary="campaign_kind", max_length=40)
    status = ChoiceField(_("status"), choices=STATUSES, max_length=12, default=PLANNED)
    begins_on = models.DateField(_("begins on"), null=True, blank=True)
    ends_on = models.DateField(_("ends on"), null=True, blank=True)
    department = models.ForeignKey(
        "core.Department", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("department")
    )
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="parts", verbose_name=_("part of")
    )
    goal = models.CharField(_("goal"), max_length=500, blank=True, default="")
    place = models.CharField(_("place"), max_length=200, blank=True, default="")
    budget = MoneyField(_("budget"), currency="currency")
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    expected_responses = models.PositiveIntegerField(_("expected responses"), null=True, blank=True)
    expected_leads = models.PositiveIntegerField(_("expected leads"), null=True, blank=True)
    expected_revenue = MoneyField(_("expected revenue"), currency="currency")
    description = models.TextField(_("description"), blank=True, default="")
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")
    cost = MoneyField(_("actual cost"), currency="currency", editable=False)
    budget_left = MoneyField(_("budget left"), currency="currency", editable=False)
    members = models.PositiveIntegerField(_("members"), default=0, editable=False)
    responses = models.PositiveIntegerField(_("responses"), default=0, editable=False)
    leads = models.PositiveIntegerField(_("leads"), default=0, editable=False)
    deals = models.PositiveIntegerField(_("opportunities"), default=0, editable=False)
    won_deals = models.PositiveIntegerField(_("won opportunities"), default=0, editable=False)
    won_value = MoneyField(_("won amount"), currency="", editable=False)
    result = MoneyField(_("won less cost"), currency="", editable=False)

    class Meta(OwnedRecord.Meta):
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, *FIGURES))
        indexes: ClassVar[list[models.Index]] = [
            *OwnedRecord.Meta.indexes,
            models.Index(fields=["status", "begins_on"], name="campaign_by_status", condition=LIVING),
            models.Index(fields=["number"], name="campaign_by_number", condition=~Q(number="")),
            models.Index(fields=["external_id"], name="campaign_by_external_id", condition=~Q(external_id="")),
        ]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(budget__gte=0) | Q(budget__isnull=True), name="campaign_budget_positive")
        ]


class CampaignCost(CarriedRecord):
    """Something paid for a campaign that is nobody's expense claim: a stand, an advertisement, an agency."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="costs", verbose_name=_("campaign"))
    name = models.CharField(_("what for"), max_length=200)
    kind = ChoiceField(_("kind"), dictionary="campaign_cost_kind", max_length=40)
    spent_on = models.DateField(_("spent on"))
    amount = MoneyField(_("amount"), currency="currency", null=False, blank=False)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    supplier = models.CharField(_("paid to"), max_length=200, blank=True, default="")
    receipt = FileField(_("receipt"), kind="file")
    note = models.TextField(_("note"), blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("campaign cost")
        verbose_name_plural = _("campaign costs")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="campaign_cost_more_than_nothing")
        ]
