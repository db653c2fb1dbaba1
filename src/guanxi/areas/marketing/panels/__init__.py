"""What pages show of campaigns: warnings, what came of one, the card of the home page. They read; they never write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.areas.campaigns.models import PLANNED, RUNNING, Campaign
from guanxi.areas.diary.models import DRAFT, SUBMITTED, Expense
from guanxi.areas.marketing import selectors
from guanxi.areas.marketing.models import Member
from guanxi.areas.marketing.panels.figures import results
from guanxi.areas.marketing.selectors import CAMPAIGN
from guanxi.core import records
from guanxi.core.access import allowed
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import figures as written
from guanxi.core.records.rates import convert
from guanxi.core.schema.entity import Flag
from guanxi.core.web.contributions import Card, add_cards

__all__ = ["barred", "expense_over", "mine", "over_budget", "results"]

#: So many of one's campaigns are on the card.
CARD = 6


def barred(_actor: Actor, member: Member) -> Flag | None:
    """He wants no marketing."""
    if not member.barred:
        return None
    return Flag(_("Wants no marketing"), _("He is left out of what is sent as marketing."), color="red", icon="ban")


def over_budget(_actor: Actor, campaign: Campaign) -> Flag | None:
    """More was spent than planned."""
    left = campaign.budget_left
    if left is None or left >= 0:
        return None
    words = _("%(amount)s more than its budget") % {"amount": written.money(-left, campaign.currency)}
    return Flag(_("Over budget"), words, color="red", icon="alert-triangle")


def expense_over(actor: Actor, expense: Expense) -> Flag | None:
    """Before it is decided: this expense takes its campaign over the budget."""
    campaign = expense.campaign
    if campaign is None or campaign.budget_left is None or expense.status not in (DRAFT, SUBMITTED):
        return None
    if not selectors.readable(actor, "budget_left") or not allowed(actor, "view", campaign):
        return None
    try:
        amount = convert(expense.amount, expense.currency, campaign.currency, expense.spent_on)
    except Invalid:
        return None
    if amount <= campaign.budget_left:
        return None
    words = _("“%(name)s” has %(left)s of its budget left.") % {
        "name": campaign.name, "left": written.money(campaign.budget_left, campaign.currency),
    }  # fmt: skip
    return Flag(_("Over the campaign's budget"), words, color="red", url=f"/campaigns/{campaign.pk}/")


def mine(actor: Actor) -> Mapping[str, Any] | None:
    """One's own campaigns that are coming or running; no card without one."""
    if actor.user_id is None or not allowed(actor, "view", CAMPAIGN):
        return None
    node = {"all": [
        {"field": "owner", "op": "eq", "value": "@me"}, {"field": "status", "op": "in", "value": [PLANNED, RUNNING]},
    ]}  # fmt: skip
    sort = ("begins_on",) if selectors.readable(actor, "begins_on") else ()
    rows = records.select(actor, CAMPAIGN, filter=node, sort=sort, limit=CARD, count=False).items
    return {"campaigns": rows, "statuses": dict(Campaign._meta.get_field("status").choices or ())} if rows else None


add_cards(
    Card(
        key="marketing.mine",
        label=gettext_lazy("My campaigns"),
        template="marketing/mine_card.jinja",
        context=mine,
        icon="speakerphone",
        url="/campaigns/",
        order=55,
        shown=selectors.visible_campaign,
    )
)
