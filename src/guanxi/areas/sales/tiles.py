"""Figures of the home page about opportunities: one's own, and the team's."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.sales.reports import DEALS, OPEN, WON
from guanxi.core.reporting import tiles

CUSTOMERS = "customers.customer"
MINE = {"field": "owner", "op": "eq", "value": "@me"}

tiles.number(
    "deals-mine",
    _("My open deals"),
    {"dataset": DEALS, "filter": {"all": [MINE, OPEN]}, "measures": [{"how": "sum", "field": "value"}]},
    order=1,
    good=0,
    shown=tiles.works(DEALS),
)
tiles.number(
    "deals-mine-closing",
    _("Closing this month, mine"),
    {
        "dataset": DEALS,
        "filter": {"all": [MINE, OPEN]},
        "measures": [{"how": "sum", "field": "value"}],
        "date": "close_on",
        "period": "this_month",
    },
    order=2,
    good=0,
    shown=tiles.works(DEALS),
)
tiles.number(
    "deals-mine-won",
    _("Won this month, mine"),
    {
        "dataset": DEALS,
        "filter": {"all": [MINE, WON]},
        "measures": [{"how": "sum", "field": "value"}],
        "date": "closed_at",
        "period": "this_month",
        "compare": "previous",
    },
    order=3,
    shown=tiles.works(DEALS),
)
tiles.number(
    "deals-mine-overdue",
    _("Past their expected close, mine"),
    {"dataset": DEALS, "filter": {"all": [MINE, OPEN, {"field": "close_on", "op": "lt", "value": "@today"}]}},
    order=4,
    good=-1,
    shown=tiles.works(DEALS),
)
tiles.number(
    "customers-hot",
    _("My hot customers"),
    {
        "dataset": CUSTOMERS,
        "filter": {
            "all": [
                MINE,
                {
                    "count": f"{DEALS}.customer",
                    "where": {"all": [OPEN, {"field": "hot", "op": "eq", "value": True}]},
                    "op": "gte",
                    "value": 1,
                },
            ]
        },
    },
    order=4,
    good=0,
    shown=tiles.works(DEALS),
)
tiles.number(
    "deals-team-won",
    _("Won this month, team"),
    {
        "dataset": DEALS,
        "filter": WON,
        "measures": [{"how": "sum", "field": "value"}],
        "date": "closed_at",
        "period": "this_month",
        "compare": "previous",
    },
    order=40,
    shown=tiles.leads(DEALS),
)
tiles.number(
    "deals-team-weighted",
    _("Weighted pipeline, team"),
    {"dataset": DEALS, "filter": OPEN, "measures": [{"how": "sum", "field": "weighted"}]},
    order=42,
    good=0,
    shown=tiles.leads(DEALS),
)
tiles.number(
    "deals-team-overdue",
    _("Past their expected close, team"),
    {"dataset": DEALS, "filter": {"all": [OPEN, {"field": "close_on", "op": "lt", "value": "@today"}]}},
    order=43,
    good=-1,
    shown=tiles.leads(DEALS),
)
tiles.number(
    "deals-team-stale",
    _("Stale deals, team"),
    {"dataset": DEALS, "filter": {"all": [OPEN, {"field": "stale_on", "op": "lte", "value": "@today"}]}},
    order=44,
    good=-1,
    shown=tiles.leads(DEALS),
)
