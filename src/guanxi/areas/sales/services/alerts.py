"""Telling people of large deals, and noting follow-ups about a deal."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy, gettext_noop

from guanxi.areas.activities.models import Activity
from guanxi.areas.activities.services import activity_log
from guanxi.areas.sales.models import OPEN, DealAlert, DealAlertSent, DealFollowUp, Opportunity
from guanxi.areas.sales.selectors import alerts as read
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.automation import channels
from guanxi.core.automation.notify import field_told, notify
from guanxi.core.kernel.actor import Actor

LARGE = gettext_noop("Large deal: %(record)s, %(amount)s")
channels.register_sort(channels.Sort("large_deal", gettext_lazy("Large deals"), icon="diamond"))


def deal_alert(deal: Opportunity) -> int:
    """Tell those who are to know of a large deal, once each; returns how many were told. Within ``writing``."""
    told = 0
    for alert in read.alerts_for(deal):
        _sent, fresh = DealAlertSent.objects.get_or_create(alert=alert, opportunity=deal)
        if fresh:
            once, values = f"large:{alert.pk}:{deal.pk}", {"amount": field_told("amount")}
            told += len(notify(read.people_of(alert), "large_deal", LARGE, values, record=deal, once=once))
    return told


def alert_judge(actor: Actor, alert: DealAlert) -> int:
    """Judge the open opportunities that are there by an alert: mark the large ones and tell of each, once.

    Returns how many are large by it now. Raises Denied without the right to change the alert.
    """
    require(actor, "change", alert)
    large = 0
    with records.writing(actor):
        rows = Opportunity.objects.filter(category=OPEN, value__gt=0).select_for_update(of=("self",)).order_by("pk")
        if alert.pipeline_id:
            rows = rows.filter(pipeline_id=alert.pipeline_id)
        for deal in rows.iterator(chunk_size=1000):
            if alert in read.alerts_for(deal):
                large += 1
                if not deal.large:
                    records.update(actor, deal, {"large": True}, trusted=True)
                deal_alert(deal)
    return large


def deal_follow_up(actor: Actor, *, about: Opportunity, **values: Any) -> Activity:
    """A follow-up with the customer about an opportunity; it stands on the timelines of both."""
    require(actor, "view", about)
    given = {name: value for name, value in values.items() if value not in (None, "")}
    if about.contact_id and "contact" not in given:
        given["contact"] = about.contact_id
    with records.writing(actor):
        activity = activity_log(actor, about=about.customer, **given)
        DealFollowUp.objects.get_or_create(activity=activity, defaults={"opportunity": about})
    return activity
