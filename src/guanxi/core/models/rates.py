"""What a currency is worth on a day."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.core.models.fields import ChoiceField
from guanxi.core.models.record import Record


class ExchangeRate(Record):
    """One unit of ``currency`` in the house's own currency from a day on, until the next rate."""

    name = models.CharField(_("name"), max_length=40, blank=True, default="")
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, blank=False)
    rate = models.DecimalField(_("rate"), max_digits=18, decimal_places=8)
    day = models.DateField(_("from day"))
    source = models.CharField(_("source"), max_length=100, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["currency", "day"], condition=Q(deleted_at__isnull=True), name="exchange_rate_once"
            ),
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchange_rate_sign"),
        ]
