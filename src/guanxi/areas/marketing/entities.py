"""The area's declarations: members and influence, and what it adds to campaigns, customers, contacts, leads and expenses."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from guanxi.areas.marketing import panels, policies, selectors, services, steps  # noqa: F401 - steps enter themselves
from guanxi.areas.marketing.models import Influence, Member
from guanxi.core.schema.entity import Access, Action, Badge, Board, Entity, Form, Menu, Panel, Related, Search, Section
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import extend, register

STATE = Field(name="state", kind="choice", label=_("State"), dictionary=selectors.STATES, default="planned")

MEMBER = Entity(
    key=selectors.MEMBER,
    model=Member,
    label=_("Campaign member"),
    plural=_("Campaign members"),
    path="campaign-members",
    icon="users-group",
    color="pink",
    columns=(
        "name",
        "campaign",
        "state",
        "customer",
        "contact",
        "lead",
        "joined_at",
        "responded_at",
        "barred",
        "owner",
    ),
    filters=(
        "campaign",
        "state",
        "responded",
        "barred",
        "owner",
        "customer",
        "contact",
        "lead",
        "joined_at",
        "responded_at",
        "campaign.kind",
        "tags",
    ),
    sort=("-joined_at", "-id"),
    facts=("campaign", "state", "customer", "contact", "lead", "joined_at", "responded_at", "owner"),
    fields={"state": {"required": True}},
    search=Search(names=("name",), text=("note",), subtitle=("campaign", "state")),
    form=Form(
        sections=(
            Section(
                _("Campaign member"),
                (
                    "campaign",
                    "contact",
                    "customer",
                    "lead",
                    "state",
                    "joined_at",
                    "responded_at",
                    "note",
                    "owner",
                    "tags",
                ),
            ),
        ),
        create=("campaign", "contact", "customer", "lead", "state", "note"),
    ),
    board=Board(field="state", card=("campaign", "customer", "responded_at", "owner"), path=False),
    related=(
        Related(field="campaign", label=_("Members"), columns=("name", "state", "customer", "owner"), order=5),
        Related(
            field="customer",
            label=_("Market activities"),
            columns=("campaign", "state", "contact", "joined_at"),
            sort=("-joined_at",),
            order=45,
        ),
        Related(
            field="contact",
            label=_("Market activities"),
            columns=("campaign", "state", "joined_at"),
            sort=("-joined_at",),
            order=45,
        ),
        Related(
            field="lead",
            label=_("Market activities"),
            columns=("campaign", "state", "joined_at"),
            sort=("-joined_at",),
            order=45,
        ),
    ),
    actions=(
        Action(
            key="move",
            label=_("Set state"),
            run=services.member_move,
            fields=(replace(STATE, required=True),),
            icon="progress-check",
            bulk=True,
            lead=True,
        ),
    ),
    badges=(Badge(key="barred", find=panels.barred, fields=("barred",), order=10),),
    part_of=("campaign",),
    access=Access(carried_by="customer", about=("contact", "lead")),
    menu=Menu(group="marketing", order=20),
    clean=policies.member_clean,
    description=_("Contacts, customers and leads in a campaign: invited, answered, came."),
)

INFLUENCE = Entity(
    key=selectors.INFLUENCE,
    model=Influence,
    label=_("Campaign influence"),
    plural=_("Campaign influences"),
    path="campaign-influences",
    icon="affiliate",
    color="pink",
    columns=("opportunity", "campaign", "value", "won_value", "opportunity.stage", "owner"),
    filters=("campaign", "opportunity.category", "owner", "created_at"),
    sort=("-created_at",),
    facts=("opportunity", "campaign", "value", "won_value"),
    form=Form(
        sections=(Section(_("Campaign influence"), ("opportunity", "campaign", "value", "won_value")),),
        create=("opportunity", "campaign"),
    ),
    related=(
        Related(
            field="opportunity", label=_("Campaigns that had a part"), columns=("campaign", "created_at"), order=50
        ),
        Related(field="campaign", label=_("Had a part in"), columns=("value", "owner"), order=25),
    ),
    part_of=("campaign",),
    access=Access(carried_by="opportunity", deep=True),
    clean=policies.influence_clean,
    creatable=False,
    importable=False,
    description=_(
        "Opportunities that began after their customer had become a member of a campaign, without having come from it."
    ),
)

register(MEMBER, INFLUENCE)

JOIN = Action(
    key="join_campaign",
    label=_("Add to campaign"),
    run=services.campaign_join,
    right="view",
    fields=(
        Field(name="campaign", kind="reference", label=_("Campaign"), target=selectors.CAMPAIGN, required=True),
        STATE,
    ),
    icon="speakerphone",
    bulk=True,
    description=_("Each one once; who is a member already stays as he is."),
)
for _key in (selectors.CUSTOMER, selectors.CONTACT, selectors.LEAD):
    extend(_key, actions=(JOIN,))

extend(
    selectors.CAMPAIGN,
    panels=(
        Panel(
            key="results",
            label=_("Results and return"),
            template="marketing/results.jinja",
            context=panels.results,
            where="main",
            order=1,
        ),
    ),
    badges=(Badge(key="over", find=panels.over_budget, fields=("budget_left",), order=10),),
)
extend(selectors.EXPENSE, badges=(Badge(key="campaign", find=panels.expense_over, fields=("campaign",), order=10),))
