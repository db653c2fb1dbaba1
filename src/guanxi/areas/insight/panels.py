"""The card on the customer's page, and the one on Today. They read; they never write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models import Customer
from guanxi.areas.insight import selectors
from guanxi.areas.insight.sheet import whole
from guanxi.core.kernel.actor import Actor
from guanxi.core.records.children import leads
from guanxi.core.schema.entity import Flag
from guanxi.core.web.contributions import Card, Entry, add_cards, add_entries

#: Features of the churn model -> what a salesperson calls them, with one place for the value.
REASONS = {
    "recency": _("last bought %(n).0f weeks ago"),
    "purchases": _("bought on %(n).0f days only"),
    "tenure": _("a customer for %(n).0f weeks"),
    "spent": _("%(n)s spent in all"),
    "mean_value": _("%(n)s per purchase"),
    "gap": _("usually %(n).0f weeks between purchases"),
    "silence": _("silent for %(n).1f of his usual gaps"),
    "recent": _("bought on %(n).0f days lately"),
    "before": _("bought on %(n).0f days in the time before"),
    "trend": _("%(n)+.0f purchase days against the time before"),
    "recent_value": _("%(n)s spent lately"),
}
#: Those that are amounts.
AMOUNTS = frozenset({"spent", "mean_value", "recent_value"})


def card(actor: Actor, customer: Customer) -> Mapping[str, Any]:
    """Class, scores, lifetime value, risk with reasons, next offers, stage, trend; nothing without a calculation."""
    there = leads("customers.customer", customer.pk, selectors.VALUE, "customer")
    found = selectors.value_of(actor, customer.pk) if there else None
    if found is None or not selectors.reads_all(actor):
        return {"value": None, "page": found}
    why = [
        str(REASONS[name]) % {"n": whole(number) if name in AMOUNTS else number}
        for name, number, _effect in found.details.get("why", [])
        if name in REASONS and number is not None
    ]
    change = (
        float(found.recent / found.before - 1)
        if found.before and found.recent is not None and found.before > 0
        else None
    )
    return {
        "value": found,
        "why": why,
        "offers": found.details.get("offers", []),
        "change": change,
        "low": found.details.get("low"),
        "high": found.details.get("high"),
    }


def leaving(actor: Actor, customer: Customer) -> Flag | None:
    """A customer who is silent for longer than his own rhythm allows."""
    found = selectors.value_of(actor, customer.pk) if selectors.reads_all(actor) else None
    if found is None or not found.out_of_rhythm:
        return None
    title = _("Silent for longer than usual between purchases.")
    return Flag(_("Out of rhythm"), title, icon="activity", url="#panel-insight")


def out_of_rhythm(actor: Actor) -> Mapping[str, Any] | None:
    """My customers who are silent for longer than their own rhythm allows; no card without one."""
    if actor.user_id is None or not shown(actor):
        return None
    found = selectors.out_of_rhythm(actor, actor.user_id)
    return {"values": found} if found else None


def shown(actor: Actor) -> bool:
    """Whoever may see customers' values at all, and every figure of them."""
    reach = actor.rights.of(selectors.VALUE, "view")
    return actor.is_system or (bool(reach.everyone or reach.owners) and selectors.reads_all(actor))


add_entries(
    Entry(
        key="insight",
        label=_("Customer insight"),
        url="/insight/",
        icon="chart-dots",
        place="analysis",
        order=10,
        color="purple",
        shown=shown,
    )
)
add_cards(
    Card(
        key="insight.rhythm",
        label=_("Out of rhythm"),
        template="insight/rhythm.jinja",
        context=out_of_rhythm,
        icon="alert-triangle",
        url="/customer-values/",
        order=45,
        shown=shown,
    )
)
