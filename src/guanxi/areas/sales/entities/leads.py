"""Declarations of leads and their follow-ups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.sales import panels, policies, services
from guanxi.areas.sales.models import Lead, LeadFollowUp
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import (
    Access,
    Action,
    Board,
    Entity,
    Form,
    MatchKey,
    Menu,
    Panel,
    Related,
    Search,
    Section,
    Timeline,
    Writer,
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.quick import QuickForm
from guanxi.core.schema.registry import register, register_quick


def is_open(lead: Lead) -> bool | Text:
    """Only a lead that has not become a customer can be converted."""
    return lead.converted_at is None or _("This lead has been converted already.")


def is_converted(lead: Lead) -> bool:
    """Only a conversion that happened can be taken back."""
    return lead.converted_at is not None


LEAD = Entity(
    key="sales.lead",
    model=Lead,
    label=_("Lead"),
    plural=_("Leads"),
    path="leads",
    icon="user-question",
    color="cyan",
    columns=(
        "name",
        "company",
        "status",
        "score",
        "source",
        "phones",
        "owner",
        "last_contact_at",
        "next_contact_at",
        "returns_on",
    ),
    filters=(
        "status",
        "owner",
        "source",
        "campaign",
        "score",
        "industry",
        "region",
        "last_contact_at",
        "next_contact_at",
        "converted_at",
        "pool",
        "returns_on",
        "tags",
        "created_at",
    ),
    sort=("-updated_at",),
    facts=("status", "score", "source", "company", "last_contact_at", "next_contact_at", "customer", "opportunity"),
    fields={
        "phones": {"personal": "contact"},
        "emails": {"personal": "contact"},
        "status": {"required": True},
        "score": {"plain": True},
    },
    search=Search(
        names=("name", "company"),
        numbers=("external_id",),
        phones=("phones",),
        emails=("emails",),
        subtitle=("company",),
    ),
    form=Form(
        sections=(
            Section(_("Lead"), ("name", "company", "position", "status", "invalid_reason", "owner", "tags")),
            Section(_("How to reach"), ("phones", "emails", "wechat", "region")),
            Section(
                _("Assessment"),
                (
                    "source",
                    "campaign",
                    "score",
                    "interest",
                    "industry",
                    "next_contact_at",
                    "description",
                    "external_id",
                ),
            ),
        ),
        create=("name", "company", "phones", "emails", "source", "campaign", "interest", "owner"),
    ),
    board=Board(field="status", card=("company", "score", "source", "owner")),
    related=(
        Related(field="customer", columns=("name", "status", "source", "owner"), order=70),
        Related(field="contact", shown=False),
        Related(field="campaign", columns=("name", "company", "status", "owner"), order=15),
        Related(field="opportunity", shown=False),
    ),
    panels=(Panel(key="same", label=_("May be the same"), template="sales/same.jinja", context=panels.same, order=3),),
    actions=(
        Action(
            key="convert",
            label=_("Convert"),
            run=services.lead_convert,
            fields=(
                Field(name="customer", kind="reference", label=_("Existing customer"), target="customers.customer"),
                Field(name="contact", kind="reference", label=_("Existing contact"), target="customers.contact"),
                Field(
                    name="opportunity", kind="reference", label=_("Existing opportunity"), target="sales.opportunity"
                ),
                Field(name="make_opportunity", kind="boolean", label=_("Make an opportunity"), default=True),
                Field(name="opportunity_name", kind="text", label=_("Opportunity name"), max_length=200),
                Field(name="amount", kind="money", label=_("Amount")),
                Field(name="close_on", kind="date", label=_("Expected close")),
            ),
            icon="arrow-big-right",
            applies=is_open,
            lead=True,
            description=_("Makes a customer, a contact and an opportunity of it, or attaches it to existing ones."),
            begin=panels.attached,
            panel=Panel(
                key="twins", label=_("May be the same"), template="sales/twins.jinja", context=panels.attaching
            ),
        ),
        Action(
            key="unconvert",
            label=_("Take the conversion back"),
            run=services.lead_unconvert,
            icon="arrow-back-up",
            applies=is_converted,
            danger=True,
            description=_("What the conversion made goes to the trash; what was changed since stays."),
        ),
    ),
    match_keys=(
        MatchKey(field="name", how="name", weight=30),
        MatchKey(field="company", how="name", weight=50),
        MatchKey(field="phones", how="phone", weight=85),
        MatchKey(field="emails", how="email", weight=85),
        MatchKey(field="external_id", how="exact", weight=100),
    ),
    hidden=("owner_since",),
    brought=("converted_at", "customer"),
    access=Access(pool="pool"),
    menu=Menu(group="sales", order=10),
    clean=policies.lead_clean,
    description=_("Not yet qualified chances: a name and a way to reach it."),
)

FOLLOW_UP = Entity(
    key="sales.leadfollowup",
    model=LeadFollowUp,
    label=_("Lead follow-up"),
    plural=_("Lead follow-ups"),
    path="lead-follow-ups",
    icon="messages",
    color="cyan",
    title="body",
    columns=("occurred_at", "lead", "kind", "body", "result", "owner"),
    filters=("kind", "result", "owner", "lead", "occurred_at"),
    sort=("-occurred_at",),
    facts=("lead", "kind", "occurred_at", "result", "owner"),
    fields={"kind": {"required": True}},
    form=Form(
        sections=(Section(_("Follow-up"), ("lead", "kind", "occurred_at", "body", "result", "owner")),),
        create=("lead", "kind", "body", "result", "occurred_at"),
    ),
    related=(Related(field="lead", shown=False),),
    access=Access(carried_by="lead"),
    timeline=Timeline(
        on=("lead",),
        at="occurred_at",
        body="body",
        icon_by="kind",
        icons={"call": "phone", "visit": "map-pin", "meeting": "users", "message": "message", "email": "mail"},
    ),
    writer=Writer(create=services.follow_up_create),
    clean=policies.lead_follow_up_clean,
    description=_("What passed between us and a lead."),
)

register(LEAD, FOLLOW_UP)


def note_guess(_actor: Actor, _about: Lead | None) -> Mapping[str, Any]:
    """What the small form proposes."""
    return {"kind": "call"}


register_quick(
    QuickForm(
        key="lead-follow-up",
        label=_("Lead follow-up"),
        entity="sales.leadfollowup",
        subjects=("sales.lead",),
        fields=(
            "kind",
            "body",
            "result",
            Field(name="next_contact_at", kind="datetime", label=_("Next contact")),
        ),
        run=services.lead_note,
        guess=note_guess,
        icon="messages",
    )
)
