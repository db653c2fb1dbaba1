"""The cards of sales on the home page. They read; they never write."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from guanxi.areas.customers.models import Customer
from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import OPEN, Target
from guanxi.areas.sales.models.targets import COMPANY, DEPARTMENT
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import returns, targets
from guanxi.core import records
from guanxi.core.access import sight, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import display
from guanxi.core.records.shape import spoken
from guanxi.core.reporting import tiles
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.contributions import Card, add_cards
from guanxi.core.web.reports.shown import node_url

ZERO, DEAL = targets.ZERO, targets.DEAL


def returning(actor: Actor) -> Mapping[str, Any] | None:
    """The actor's customers and leads that go back to a pool within two weeks, or are due already; no card without one."""
    tree = {
        "all": [
            {"field": "owner", "op": "eq", "value": "@me"},
            {"field": "returns_on", "op": "lte", "value": f"@today+{returns.SOON}d"},
        ]
    }
    parts = []
    for key in (read.CUSTOMER, read.LEAD):
        entity = entity_of(key)
        try:
            page = records.select(actor, entity, filter=tree, sort=("returns_on",), limit=6)
        except GuanxiError:
            continue
        if page.items:
            listed = [(row, f"/{entity.path}/{row.pk}/", display.title_of(entity, row, actor)) for row in page.items]
            parts.append((entity.plural, listed, page.count, node_url(entity, tree)))
    return {"parts": parts, "today": clock.today(actor.timezone)} if parts else None


def aims(actor: Actor) -> Mapping[str, Any] | None:
    """The actor's targets of the year by month, quarter and year; no card without one."""
    today = clock.today(actor.timezone)
    held = _TARGETS.rows(sight(actor), (actor,), actor.user_id or 0, today.year)
    target = next(iter(held), None) if targets.reads_aims(actor) else None
    if target is None:
        return None
    quarter = (today.month - 1) // 3 * 3 + 1
    spans = (
        (_("This month"), today.month, today.month),
        (_("This quarter"), quarter, quarter + 2),
        (_("This year"), 1, 12),
    )
    whose = target.department if target.scope == DEPARTMENT else _("company") if target.scope == COMPANY else ""
    return {"lines": [(label, targets.progress(target, first, last)) for label, first, last in spans], "whose": whose}


_TARGETS = Shaped(
    lambda actor, user_id, year: (
        visible(Target.objects.filter(owner_id=user_id, year=year), actor)
        .exclude(measure="count")
        .select_related("department")
        .order_by("pk")[:1]
    ),
    [-7001, 7002],
)


#: So many stages stand in the funnel of the home page.
STAGES = 8
answers = tiles.leads(DEAL)


def team(actor: Actor) -> Mapping[str, Any] | None:
    """The funnel of the team, and its month: forecast beside target; for those who answer for others' deals."""
    if not (answers(actor) and targets.sees_sums(actor)):
        return None
    month = clock.today(actor.timezone).replace(day=1)
    open_ = {"field": "category", "op": "eq", "value": OPEN}
    found = {one.value: one for one in records.groups(actor, DEAL, "stage", filter=open_, totals=("value",))}
    stages = [one for one in selectors.stages_by_id().values() if one.pk in found][:STAGES]
    if not stages:
        return None
    worth = {one.pk: found[one.pk].totals["value"] or ZERO for one in stages}
    entity, most = entity_of(DEAL), max(worth.values()) or Decimal(1)
    return {
        "month": month,
        "totals": targets.totals(targets.foreseen(actor, month)),
        "stages": [
            (
                spoken(one.name, one.name_en), found[one.pk].count, worth[one.pk], round(worth[one.pk] * 100 / most),
                node_url(entity, {"all": [{"field": "stage", "op": "eq", "value": one.pk}, open_]}),
            )
            for one in stages
        ],
    }  # fmt: skip


def fresh(actor: Actor) -> Mapping[str, Any] | None:
    """Customers that became the actor's in the last seven days."""
    since = clock.now() - dt.timedelta(days=7)
    rows = _FRESH.rows(sight(actor), (actor,), actor.user_id or 0, since)
    return {"customers": rows} if rows else None


_FRESH = Shaped(
    lambda actor, user_id, since: (
        visible(Customer.objects.all(), actor)
        .filter(owner_id=user_id, owner_since__gte=since)
        .order_by("-owner_since", "-pk")[:6]
    ),
    [-7001, dt.datetime(1, 1, 2, tzinfo=dt.UTC)],
)


add_cards(
    Card(
        key="sales.team",
        label=_lazy("Funnel and forecast of the team"),
        template="sales/team.jinja",
        context=team,
        icon="filter",
        url="/forecast/",
        order=30,
    ),
    Card(
        key="sales.returning",
        label=_lazy("Back to the pool soon"),
        template="sales/returning.jinja",
        context=returning,
        icon="hourglass",
        order=40,
    ),
    Card(
        key="sales.aims",
        label=_lazy("My targets"),
        template="sales/aims.jinja",
        context=aims,
        icon="target",
        url="/targets/",
        order=35,
    ),
    Card(
        key="sales.fresh",
        label=_lazy("New in my customers"),
        template="sales/fresh.jinja",
        context=fresh,
        icon="building-plus",
        order=60,
    ),
)
