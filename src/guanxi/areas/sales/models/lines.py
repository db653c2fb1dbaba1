"""What an opportunity is about: products of the catalogue with quantity, price and discount."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.catalog.models import PricedLine
from guanxi.areas.sales.models.opportunities import Opportunity
from guanxi.core.models import MoneyField


class OpportunityLine(PricedLine):
    """A line of an opportunity. ``base_price`` is what the price books said, ``value`` the amount in the house's currency."""

    opportunity = models.ForeignKey(
        Opportunity, models.CASCADE, related_name="lines", verbose_name=_("opportunity"), db_index=False
    )
    base_price = MoneyField(_("price by the books"), decimal_places=4, editable=False)
    value = MoneyField(_("value"), currency="", editable=False)

    class Meta(PricedLine.Meta):
        verbose_name = _("line of an opportunity")
        verbose_name_plural = _("lines of opportunities")
        indexes: ClassVar[list[Any]] = [
            *PricedLine.Meta.indexes,
            models.Index(
                fields=["opportunity", "position"], name="opportunity_line_of", condition=Q(deleted_at__isnull=True)
            ),
        ]
