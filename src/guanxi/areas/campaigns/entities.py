"""The area's declarations: campaigns and their costs."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.campaigns import policies
from guanxi.areas.campaigns.models import CANCELLED, Campaign, CampaignCost
from guanxi.core.schema.entity import (
    Access,
    Board,
    Entity,
    Form,
    MatchKey,
    Menu,
    Related,
    Search,
    Section,
)
from guanxi.core.schema.registry import register

CAMPAIGN = Entity(
    key="campaigns.campaign",
    model=Campaign,
    label=_("Campaign"),
    plural=_("Campaigns"),
    path="campaigns",
    icon="speakerphone",
    color="pink",
    columns=(
        "name",
        "kind",
        "status",
        "begins_on",
        "owner",
        "members",
        "responses",
        "won_value",
        "cost",
        "budget_left",
    ),
    filters=(
        "status",
        "kind",
        "owner",
        "department",
        "begins_on",
        "ends_on",
        "parent",
        "budget_left",
        "result",
        "tags",
        "created_at",
    ),
    sort=("-begins_on", "-id"),
    facts=("status", "kind", "begins_on", "ends_on", "place", "owner", "budget", "cost", "budget_left"),
    fields={"status": {"required": True}},
    search=Search(names=("name",), numbers=("number", "external_id"), text=("goal",), subtitle=("kind", "begins_on")),
    form=Form(
        sections=(
            Section(
                _("Campaign"),
                ("name", "kind", "status", "begins_on", "ends_on", "place", "owner", "department", "parent", "tags"),
            ),
            Section(
                _("Goal"),
                ("goal", "expected_responses", "expected_leads", "expected_revenue", "budget", "currency"),
            ),
            Section(
                _("Figures"),
                (
                    "cost",
                    "budget_left",
                    "members",
                    "responses",
                    "leads",
                    "deals",
                    "won_deals",
                    "won_value",
                    "result",
                ),
                folded=True,
            ),
            Section(_("Further"), ("description", "number", "external_id")),
        ),
        create=("name", "kind", "begins_on", "ends_on", "place", "goal", "budget", "owner", "parent"),
    ),
    board=Board(
        field="status",
        card=("kind", "begins_on", "place", "owner"),
        exits=(CANCELLED,),
    ),
    match_keys=(
        MatchKey(field="name", how="name", weight=80),
        MatchKey(field="number", how="exact", weight=100),
        MatchKey(field="external_id", how="exact", weight=100),
    ),
    related=(
        Related(field="parent", label=_("Campaigns below it"), columns=("name", "status", "begins_on"), order=60),
        Related(field="department", shown=False),
    ),
    menu=Menu(group="marketing", order=10),
    clean=policies.campaign_clean,
    retire=("status", CANCELLED),
    description=_("Planned marketing efforts: exhibitions, webinars, mailings; who was reached and what came of it."),
)

COST = Entity(
    key="campaigns.campaigncost",
    model=CampaignCost,
    label=_("Campaign cost"),
    plural=_("Campaign costs"),
    path="campaign-costs",
    icon="coins",
    color="amber",
    columns=("name", "campaign", "kind", "spent_on", "amount", "currency", "supplier", "owner"),
    filters=("campaign", "kind", "spent_on", "owner"),
    sort=("-spent_on", "-id"),
    facts=("campaign", "amount", "kind", "spent_on", "supplier"),
    fields={"spent_on": {"default": "@today"}},
    search=Search(names=("name", "supplier"), text=("note",)),
    form=Form(
        sections=(
            Section(
                _("Campaign cost"),
                ("campaign", "name", "kind", "spent_on", "amount", "currency", "supplier", "receipt", "note", "owner"),
            ),
        ),
        create=("campaign", "name", "kind", "spent_on", "amount", "currency", "supplier", "receipt"),
    ),
    related=(
        Related(field="campaign", label=_("Costs"), columns=("name", "amount", "spent_on", "supplier"), order=30),
    ),
    access=Access(carried_by="campaign"),
    menu=Menu(group="marketing", order=40),
    clean=policies.cost_clean,
    description=_("What was paid for a campaign beside people's expense claims."),
)

register(CAMPAIGN, COST)
