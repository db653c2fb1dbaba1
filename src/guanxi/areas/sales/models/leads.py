"""Leads: not yet qualified chances, and what passed between us and them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.campaigns.models import Campaign
from guanxi.areas.customers.models import Contact, Customer, PooledRecord
from guanxi.areas.customers.models.pools import pooled_triggers
from guanxi.core.kernel import clock
from guanxi.core.models import CarriedRecord, ChoiceField, ListField, RegionField

LIVING = Q(deleted_at__isnull=True)
NEW, CONTACTING, QUALIFIED, INVALID, CONVERTED = "new", "contacting", "qualified", "invalid", "converted"
LEAD_STATUSES = [
    (NEW, _("new")),
    (CONTACTING, _("in contact")),
    (QUALIFIED, _("qualified")),
    (INVALID, _("invalid")),
    (CONVERTED, _("converted")),
]


class Lead(PooledRecord):
    """A not yet qualified chance: a name and a way to reach it.

    Converted, it names the customer, contact and opportunity it became; ``score`` runs from 0 to 100.
    """

    name = models.CharField(_("name"), max_length=100)
    company = models.CharField(_("company"), max_length=200, blank=True, default="")
    position = models.CharField(_("position"), max_length=100, blank=True, default="")
    phones = ListField(_("phones"), kind="phones")
    emails = ListField(_("e-mails"), kind="emails")
    wechat = models.CharField(_("WeChat"), max_length=60, blank=True, default="")
    region = RegionField(_("region"))
    industry = ChoiceField(_("industry"), dictionary="industry", max_length=20)
    source = ChoiceField(_("source"), dictionary="customer_source")
    campaign = models.ForeignKey(
        Campaign,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("came from campaign"),
        db_index=False,
    )
    status = ChoiceField(_("status"), choices=LEAD_STATUSES, max_length=12, default=NEW)
    score = models.PositiveSmallIntegerField(_("score"), default=0)
    interest = models.CharField(_("interested in"), max_length=200, blank=True, default="")
    invalid_reason = ChoiceField(_("why invalid"), dictionary="lead_invalid_reason", max_length=40)
    description = models.TextField(_("description"), blank=True, default="")
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")
    sort_key = models.CharField(max_length=250, blank=True, default="", editable=False)
    last_contact_at = models.DateTimeField(_("last contact"), null=True, blank=True, editable=False)
    next_contact_at = models.DateTimeField(_("next contact"), null=True, blank=True)
    converted_at = models.DateTimeField(_("converted"), null=True, blank=True, editable=False)
    customer = models.ForeignKey(
        Customer,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="leads",
        verbose_name=_("customer"),
        editable=False,
    )
    contact = models.ForeignKey(
        Contact, models.SET_NULL, null=True, blank=True, related_name="leads", verbose_name=_("contact"), editable=False
    )
    opportunity = models.ForeignKey(
        "sales.Opportunity",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="leads",
        verbose_name=_("opportunity"),
        editable=False,
    )

    class Meta(PooledRecord.Meta):
        verbose_name = _("lead")
        verbose_name_plural = _("leads")
        indexes: ClassVar[list[models.Index]] = [
            *PooledRecord.Meta.indexes,
            models.Index(fields=["status", "-updated_at", "-id"], name="lead_by_status", condition=LIVING),
            models.Index(
                fields=["campaign", "-updated_at", "-id"],
                name="lead_by_campaign",
                condition=Q(campaign__isnull=False),
            ),
            models.Index(fields=["external_id"], name="lead_by_external_id", condition=~Q(external_id="")),
        ]
        triggers: ClassVar[list[Any]] = pooled_triggers()


class LeadFollowUp(CarriedRecord):
    """What passed between us and a lead. When the lead is converted it becomes a follow-up of the customer too."""

    lead = models.ForeignKey(Lead, models.CASCADE, related_name="follow_ups", verbose_name=_("lead"))
    kind = ChoiceField(_("type"), dictionary="follow_up_kind", max_length=40, default="call")
    body = models.TextField(_("content"))
    result = ChoiceField(_("result"), dictionary="follow_up_result", max_length=40)
    occurred_at = models.DateTimeField(_("when"), default=clock.now)

    class Meta(CarriedRecord.Meta):
        verbose_name = _("lead follow-up")
        verbose_name_plural = _("lead follow-ups")
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["lead", "-occurred_at", "-id"], name="lead_timeline"),
        ]

    def __str__(self) -> str:
        return " ".join(self.body.split())[:60] or f"#{self.pk}"
