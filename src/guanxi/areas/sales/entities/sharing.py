"""Declarations of territories and assignment rules."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.sales import panels, policies
from guanxi.areas.sales.models import AssignMember, AssignRule, Territory, TerritoryRule
from guanxi.core.schema.entity import Access, Badge, Entity, Form, Menu, Panel, Related, Section
from guanxi.core.schema.registry import register

TERRITORY = Entity(
    key="sales.territory",
    model=Territory,
    label=_("Territory"),
    plural=_("Territories"),
    path="territories",
    icon="map-2",
    color="lime",
    columns=("name", "position", "department", "user", "active"),
    filters=("department", "user", "active"),
    sort=("position", "name"),
    facts=("department", "user", "active"),
    fields={"position": {"plain": True}},
    form=Form(sections=(Section(_("Territory"), ("name", "position", "department", "user", "active", "description")),)),
    badges=(Badge(key="overlaps", find=panels.contested),),
    panels=(
        Panel(
            key="overlaps", label=_("Conflicts"), template="sales/overlaps.jinja", context=panels.overlaps, where="main"
        ),
    ),
    access=Access(owner="", public=True),
    menu=Menu(group="settings", order=64),
    description=_("Parts of the market that belong to a team, by region, industry, level and source."),
)

RULE = Entity(
    key="sales.territoryrule",
    model=TerritoryRule,
    label=_("Territory rule"),
    plural=_("Territory rules"),
    path="territory-rules",
    icon="map-search",
    color="lime",
    title="note",
    named_by=("region", "industry", "level", "source"),
    columns=("territory", "region", "industry", "level", "source", "note"),
    filters=("territory", "region", "industry", "level"),
    sort=("territory",),
    form=Form(sections=(Section(_("Rule"), ("territory", "region", "industry", "level", "source", "note")),)),
    related=(
        Related(field="territory", label=_("What falls into it"), columns=("region", "industry", "level", "source")),
    ),
    access=Access(owner="", public=True),
    description=_("What falls into a territory; everything given must fit."),
)

ASSIGN = Entity(
    key="sales.assignrule",
    model=AssignRule,
    label=_("Assignment rule"),
    plural=_("Assignment rules"),
    path="assign-rules",
    icon="user-bolt",
    color="lime",
    columns=("name", "subject", "position", "method", "source", "region", "least_score", "working_only", "active"),
    filters=("subject", "method", "active"),
    sort=("position", "name"),
    facts=("subject", "method", "last_user", "active"),
    fields={"position": {"plain": True}, "least_score": {"plain": True}},
    form=Form(
        sections=(
            Section(_("Rule"), ("name", "subject", "position", "method", "working_only", "active")),
            Section(_("Only those that fit"), ("source", "region", "industry", "segment", "least_score")),
        ),
        create=("name", "subject", "method", "source", "segment", "least_score", "working_only"),
    ),
    panels=(
        Panel(
            key="recipients",
            label=_("Who is next"),
            template="sales/recipients.jinja",
            context=panels.recipients,
            where="main",
            order=5,
        ),
    ),
    access=Access(owner="", public=True),
    clean=policies.segment_clean,
    menu=Menu(group="settings", order=65),
    description=_("Hands out new leads and customers nobody owns: in turn, by load or by territory."),
)

GETS = Entity(
    key="sales.assignmember",
    model=AssignMember,
    label=_("Recipient"),
    plural=_("Recipients"),
    path="assign-members",
    icon="users",
    color="lime",
    title="note",
    named_by=("user",),
    columns=("rule", "user", "capacity", "note"),
    filters=("rule", "user"),
    sort=("rule",),
    form=Form(sections=(Section(_("Recipient"), ("rule", "user", "capacity", "note")),)),
    related=(Related(field="rule", label=_("Who gets"), columns=("note",)),),
    access=Access(owner="", public=True),
    clean=policies.recipient_clean,
    description=_("Whom an assignment rule hands out to, and how many he may hold."),
)

register(TERRITORY, RULE, ASSIGN, GETS)
