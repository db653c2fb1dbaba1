"""Who is told of large deals, of which he was told, and which follow-ups were about which deal."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.activities.models import Activity
from guanxi.areas.sales.models.opportunities import Opportunity
from guanxi.areas.sales.models.pipelines import Pipeline
from guanxi.core.kernel import clock
from guanxi.core.models import ChoiceField, MoneyField, Record


class DealAlert(Record):
    """Tells a person, or everybody with a role, of opportunities from an amount on.

    Amounts in other currencies count by the day's rate; without a pipeline it holds for all of them.
    """

    name = models.CharField(_("name"), max_length=100)
    pipeline = models.ForeignKey(
        Pipeline, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("only in the pipeline")
    )
    amount = MoneyField(_("from the amount"), null=False, blank=False)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    user = models.ForeignKey(
        "core.User", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("tell the person")
    )
    role = models.ForeignKey(
        "core.Role", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("tell the role")
    )
    active = models.BooleanField(_("in use"), default=True)

    class Meta(Record.Meta):
        verbose_name = _("large-deal alert")
        verbose_name_plural = _("large-deal alerts")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="deal_alert_amount"),
        ]


class DealAlertSent(models.Model):
    """An alert was given for an opportunity: it is not given again."""

    alert = models.ForeignKey(DealAlert, models.CASCADE, related_name="sent")
    opportunity = models.ForeignKey(Opportunity, models.CASCADE, related_name="alerts")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["opportunity", "alert"], name="deal_alert_once")
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id}: {self.alert_id}"


class DealFollowUp(models.Model):
    """A follow-up with the customer was about this opportunity: it stands on both timelines."""

    activity = models.OneToOneField(Activity, models.CASCADE, related_name="deal", primary_key=True)
    opportunity = models.ForeignKey(Opportunity, models.CASCADE, related_name="follow_ups")

    def __str__(self) -> str:
        return f"{self.opportunity_id}: {self.activity_id}"
