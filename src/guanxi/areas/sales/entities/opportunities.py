"""Declarations of opportunities, competitors, roles, parties and milestones."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.sales import panels, policies, services
from guanxi.areas.sales.entities.lines import LINES
from guanxi.areas.sales.models import (
    OPEN,
    WON,
    Competitor,
    Milestone,
    Opportunity,
    OpportunityRole,
    OpportunityTally,
    Party,
)
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import (
    Access,
    Action,
    Badge,
    Board,
    Entity,
    Form,
    MatchKey,
    Menu,
    Outlook,
    Panel,
    Related,
    Search,
    Section,
    Timeline,
)
from guanxi.core.schema.registry import extend, register


def is_closed(deal: Opportunity) -> bool | Text:
    """Only a closed deal can be opened again."""
    return deal.category != OPEN or _("This opportunity is open.")


def foreseen(category: str) -> dict[str, Any]:
    """Open opportunities of a forecast category; those without one are pipeline."""
    said: dict[str, Any] = {"field": "forecast", "op": "eq", "value": category}
    if category == "pipeline":
        said = {"any": [said, {"field": "forecast", "op": "empty"}]}
    return {"all": [{"field": "category", "op": "eq", "value": OPEN}, said]}


OPPORTUNITY = Entity(
    key="sales.opportunity",
    model=Opportunity,
    label=_("Opportunity"),
    plural=_("Opportunities"),
    path="opportunities",
    icon="target-arrow",
    color="purple",
    columns=(
        "name",
        "customer",
        "stage",
        "amount",
        "probability",
        "close_on",
        "forecast",
        "next_step",
        "owner",
        "stage_since",
    ),
    filters=(
        "category",
        "owner",
        "pipeline",
        "stage",
        "forecast",
        "close_on",
        "value",
        "hot",
        "large",
        "kind",
        "source",
        "campaign",
        "customer",
        "competitor",
        "close_reason",
        "stale_on",
        "closed_at",
        "next_step_on",
        "tags",
        "created_at",
    ),
    sort=("-updated_at",),
    facts=("amount", "probability", "close_on", "customer", "contact", "forecast", "next_step", "next_step_on", "hot"),
    fields={
        "probability": {"kind": "percent"},
        "category": {"readonly": True},
    },
    search=Search(names=("name",), numbers=("number", "external_id"), subtitle=("customer", "stage")),
    form=Form(
        sections=(
            Section(_("Opportunity"), ("name", "customer", "contact", "owner", "hot", "tags")),
            Section(_("Amount"), ("amount", "currency", "rate", "amount_manual", "lines_total")),
            Section(
                _("Course"),
                ("pipeline", "stage", "probability", "forecast", "close_on", "next_step", "next_step_on"),
            ),
            Section(_("Background"), ("kind", "source", "campaign", "competitor", "is_project", "description")),
            Section(_("Outcome"), ("close_reason", "close_note")),
            Section(_("Further"), ("number", "external_id")),
        ),
        create=("name", "customer", "contact", "amount", "currency", "close_on", "pipeline", "owner"),
    ),
    board=Board(
        field="stage",
        card=("customer", "amount", "close_on", "next_step", "owner"),
        total="value",
        weighted="weighted",
        within="pipeline",
        age="stage_since",
        age_days=(14, 30),
    ),
    tally=OpportunityTally,
    badges=(
        Badge(key="late", find=panels.late, fields=("close_on",), order=10),
        Badge(key="stale", find=panels.resting, order=20),
        Badge(key="large", find=panels.large, fields=("amount",), order=30),
    ),
    lines=(LINES,),
    outlook=Outlook(
        on="close_on",
        total="value",
        weighted="weighted",
        parts=(
            ("won", _("Won"), {"field": "category", "op": "eq", "value": WON}),
            ("commit", _("Commit"), foreseen("commit")),
            ("best_case", _("Best case"), foreseen("best_case")),
            ("pipeline", _("In the pipeline"), foreseen("pipeline")),
            ("omitted", _("Left out"), foreseen("omitted")),
        ),
    ),
    panels=(
        Panel(
            key="course",
            label=_("Stages"),
            template="sales/course.jinja",
            context=panels.course,
            where="right",
            order=5,
        ),
    ),
    related=(
        Related(
            field="customer",
            columns=("name", "stage", "amount", "close_on", "owner"),
            sort=("-updated_at",),
            order=10,
        ),
        Related(field="contact", columns=("name", "stage", "amount", "close_on"), order=40),
        Related(field="competitor", columns=("name", "customer", "stage", "amount", "close_reason")),
        Related(field="campaign", columns=("name", "customer", "stage", "amount"), order=20),
        Related(field="pipeline", shown=False),
        Related(field="stage", shown=False),
    ),
    actions=(
        Action(
            key="reopen",
            label=_("Open again"),
            run=services.deal_reopen,
            icon="rotate",
            applies=is_closed,
            description=_("Goes back to the last open stage it was in."),
        ),
    ),
    match_keys=(
        MatchKey(field="number", how="exact", weight=100),
        MatchKey(field="external_id", how="exact", weight=100),
    ),
    brought=("closed_at",),
    access=Access(carried_by="customer"),
    timeline=Timeline(on=("customer", "contact"), at="created_at", title="name", body="next_step"),
    menu=Menu(group="sales", order=20),
    clean=policies.opportunity_clean,
    description=_("Qualified chances with stage, amount and expected close."),
)

COMPETITOR = Entity(
    key="sales.competitor",
    model=Competitor,
    label=_("Competitor"),
    plural=_("Competitors"),
    path="competitors",
    icon="tournament",
    color="red",
    columns=("name", "website", "strengths", "weaknesses", "active"),
    filters=("active",),
    sort=("name",),
    facts=("website", "active"),
    search=Search(names=("name",)),
    form=Form(sections=(Section(_("Competitor"), ("name", "website", "strengths", "weaknesses", "active", "tags")),)),
    access=Access(owner="", public=True),
    menu=Menu(group="sales", order=80),
    match_keys=(MatchKey(field="name", how="name", weight=90),),
    description=_("Who sells against us, where they are strong and weak."),
)

ROLE = Entity(
    key="sales.opportunityrole",
    model=OpportunityRole,
    label=_("Role in a deal"),
    plural=_("Roles in deals"),
    path="deal-roles",
    icon="user-star",
    color="pink",
    title="role",
    named_by=("attitude", "influence"),
    columns=("contact", "role", "influence", "attitude", "note"),
    filters=("role", "influence", "attitude", "opportunity", "contact"),
    facts=("opportunity", "contact", "role", "influence", "attitude"),
    form=Form(
        sections=(Section(_("Role"), ("opportunity", "contact", "role", "influence", "attitude", "note", "owner")),),
        create=("opportunity", "contact", "role", "influence", "attitude", "note"),
    ),
    related=(
        Related(
            field="opportunity", label=_("Who decides"), columns=("contact", "role", "influence", "attitude"), order=20
        ),
        Related(field="contact", label=_("Parts in deals"), columns=("opportunity", "role", "attitude"), order=60),
    ),
    access=Access(carried_by="opportunity", deep=True),
    description=_("Which contact plays which part in a deal, how much he counts and where he stands."),
)

PARTY = Entity(
    key="sales.party",
    model=Party,
    label=_("Party"),
    plural=_("Parties"),
    path="deal-parties",
    icon="building-community",
    color="indigo",
    title="role",
    columns=("customer", "role", "note"),
    filters=("role", "opportunity", "customer"),
    facts=("opportunity", "customer", "role"),
    fields={"role": {"required": True}},
    form=Form(
        sections=(Section(_("Party"), ("opportunity", "customer", "role", "note", "owner")),),
        create=("opportunity", "customer", "role", "note"),
    ),
    related=(
        Related(field="opportunity", label=_("Companies involved"), columns=("customer", "role", "note"), order=25),
        Related(field="customer", label=_("Involved in"), columns=("opportunity", "role"), order=80),
    ),
    access=Access(carried_by="opportunity", deep=True),
    description=_("Companies with a part in a long deal beside the customer."),
)

MILESTONE = Entity(
    key="sales.milestone",
    model=Milestone,
    label=_("Milestone"),
    plural=_("Milestones"),
    path="milestones",
    icon="flag",
    color="orange",
    columns=("name", "opportunity", "due_on", "done_on", "owner"),
    filters=("due_on", "done_on", "owner", "opportunity"),
    sort=("due_on",),
    facts=("opportunity", "due_on", "done_on", "owner"),
    form=Form(
        sections=(Section(_("Milestone"), ("opportunity", "name", "due_on", "done_on", "owner", "note")),),
        create=("opportunity", "name", "due_on", "owner"),
    ),
    related=(Related(field="opportunity", columns=("name", "due_on", "done_on", "owner"), sort=("due_on",), order=30),),
    access=Access(carried_by="opportunity", deep=True),
    timeline=Timeline(on=("opportunity",), at="created_at", title="name", body="note"),
    clean=policies.milestone_clean,
    description=_("Dates a long deal has to reach."),
)

register(OPPORTUNITY, COMPETITOR, ROLE, PARTY, MILESTONE)
extend("customers.customer", badges=(Badge(key="hot", find=panels.hot, order=35),))
