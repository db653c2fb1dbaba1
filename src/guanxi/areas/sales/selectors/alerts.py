"""Which opportunities are large, and who is to know."""

from __future__ import annotations

from django.conf import settings

from guanxi.areas.sales.models import DealAlert, Opportunity
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import User
from guanxi.core.models.stamps import kept
from guanxi.core.records.rates import base_currency, convert

STAMP = "deal_alerts"


@kept(STAMP, size=1)
def alerts() -> tuple[DealAlert, ...]:
    """Alerts in use."""
    return tuple(DealAlert.objects.filter(active=True).order_by("pk"))


def alerts_for(deal: Opportunity) -> list[DealAlert]:
    """The alerts an opportunity is large enough for; one whose currency has no rate is left out."""
    return [one for one in alerts() if one.pipeline_id in (None, deal.pipeline_id) and _reached(one, deal)]


def _reached(alert: DealAlert, deal: Opportunity) -> bool:
    if alert.currency == deal.currency:
        return deal.amount is not None and deal.amount >= alert.amount
    try:
        limit = convert(alert.amount, alert.currency, base_currency(), clock.today(settings.TIME_ZONE))
    except Invalid:
        return False
    return deal.value is not None and deal.value >= limit


def people_of(alert: DealAlert) -> list[int]:
    """Ids of those an alert tells."""
    if alert.user_id is not None:
        return [alert.user_id]
    return list(User.objects.filter(roles=alert.role_id, is_active=True).values_list("pk", flat=True))
