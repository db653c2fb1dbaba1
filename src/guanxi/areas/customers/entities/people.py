"""Customers, contacts, affiliations and relations between customers."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers import panels, policies, services
from guanxi.areas.customers.models import Affiliation, Contact, Customer, CustomerLink
from guanxi.core.schema.entity import (
    Access,
    Action,
    Badge,
    Board,
    Companion,
    Entity,
    Form,
    MatchKey,
    Menu,
    Panel,
    Related,
    Search,
    Section,
    Writer,
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register

PERSON_FIELDS: dict[str, dict[str, Any]] = {
    "birthday": {"personal": "private"},
    "id_number": {"personal": "identity"},
    "phones": {"personal": "contact"},
    "emails": {"personal": "contact"},
    "addresses": {"personal": "contact"},
}

CUSTOMER = Entity(
    key="customers.customer",
    model=Customer,
    label=_("Customer"),
    plural=_("Customers"),
    path="customers",
    icon="building",
    color="blue",
    columns=(
        "name",
        "level",
        "status",
        "lifecycle",
        "industry",
        "region",
        "phones",
        "owner",
        "last_contact_at",
        "next_plan_at",
    ),
    filters=(
        "owner",
        "status",
        "level",
        "lifecycle",
        "kind",
        "industry",
        "region",
        "source",
        "size",
        "tags",
        "parent",
        "last_contact_at",
        "next_plan_at",
        "pool",
        "returns_on",
        "created_at",
    ),
    sort=("-updated_at",),
    facts=("status", "level", "lifecycle", "owner", "region", "last_contact_at", "next_plan_at", "returns_on"),
    fields={
        **PERSON_FIELDS,
        "bank_accounts": {"personal": "private"},
        "credit_code": {"max_length": 40},
        "founded_year": {"plain": True},
    },
    hidden=("path", "birthday_key", "owner_since"),
    search=Search(
        names=("name", "short_name", "english_name", "former_names"),
        numbers=("number", "credit_code", "external_id"),
        phones=("phones",),
        emails=("emails",),
        subtitle=("region", "industry"),
    ),
    form=Form(
        sections=(
            Section(
                _("Basics"),
                ("kind", "name", "short_name", "english_name", "former_names", "number", "owner", "parent", "tags"),
                key="basic",
            ),
            Section(_("Class"), ("level", "status", "lifecycle", "source", "industry", "region"), key="class"),
            Section(_("How to reach"), ("phones", "emails", "addresses", "websites"), key="reach"),
            Section(
                _("Company"),
                ("credit_code", "size", "employees", "founded_year", "revenue", "revenue_currency"),
                when=("kind", "organisation"),
                key="organisation",
            ),
            Section(
                _("Individual"),
                ("gender", "birthday", "birthday_calendar", "occupation", "id_number"),
                when=("kind", "person"),
                key="person",
            ),
            Section(_("Invoices and accounts"), ("invoice_titles", "bank_accounts"), key="money"),
            Section(_("Know-how"), ("personal_notes", "description", "external_id"), key="notes"),
        ),
        create=("name", "kind", "phones", "level", "source", "industry", "region", "owner"),
    ),
    board=Board(
        field="lifecycle",
        card=("level", "status", "region", "owner", "next_plan_at"),
        age="last_contact_at",
        age_days=(30, 90),
    ),
    badges=(
        Badge(key="missed", find=panels.missed, fields=("next_plan_at",), order=15),
        Badge(key="stale", find=panels.stale, fields=("last_contact_at",), order=20),
        Badge(key="doubled", find=panels.doubled, order=60),
        Badge(key="no_marketing", find=panels.no_marketing, order=70),
    ),
    panels=(
        Panel(
            key="people",
            label=_("People"),
            template="customers/people.jinja",
            context=panels.people,
            order=10,
        ),
        Panel(
            key="map",
            label=_("Relationship map"),
            template="customers/map.jinja",
            context=panels.relationship_map,
            where="main",
            order=20,
        ),
        Panel(
            key="tree",
            label=_("Group of companies"),
            template="customers/tree.jinja",
            context=panels.tree,
            order=30,
        ),
        Panel(
            key="links",
            label=_("Related companies"),
            template="customers/links.jinja",
            context=panels.links,
            order=40,
        ),
        Panel(
            key="duplicates",
            label=_("Possible duplicates"),
            template="customers/duplicates.jinja",
            context=panels.duplicates,
            order=5,
        ),
    ),
    related=(Related(field="parent", label=_("Subsidiaries"), shown=False),),
    actions=(
        Action(
            key="relate",
            label=_("Relate to another customer"),
            run=services.link_add,
            fields=(
                Field(
                    name="other",
                    kind="reference",
                    label=_("Related customer"),
                    target="customers.customer",
                    required=True,
                ),
                Field(
                    name="relation",
                    kind="choice",
                    label=_("Relation"),
                    dictionary="customer_relation",
                    required=True,
                ),
                Field(name="note", kind="text", label=_("Note"), max_length=300),
            ),
            icon="link",
            description=_("The other customer is the supplier, partner, competitor … of this one."),
        ),
    ),
    match_keys=(
        MatchKey(field="credit_code", how="exact", weight=100),
        MatchKey(field="id_number", how="identity", weight=100),
        MatchKey(field="name", how="name", weight=70),
        MatchKey(field="english_name", how="name", weight=60),
        MatchKey(field="former_names", how="name", weight=50),
        MatchKey(field="short_name", how="short_name", weight=40),
        MatchKey(field="phones", how="phone", weight=60),
        MatchKey(field="emails", how="email", weight=60),
        MatchKey(field="emails", how="email_domain", weight=30),
    ),
    companions=(
        Companion(
            entity="customers.contact",
            field="customer",
            words=(
                "主要联系人",
                "首要联系人",
                "联系人",
                "联络人",
                "primary contact",
                "main contact",
                "contact person",
                "contact",
            ),
        ),
    ),
    access=Access(owner="owner", pool="pool"),
    menu=Menu(group="customers", order=10),
    clean=policies.customer_clean,
    writer=Writer(delete=services.customer_delete),
    retire=("lifecycle", "lost"),
    description=_("Organisations and people we do business with."),
)

CONTACT = Entity(
    key="customers.contact",
    model=Contact,
    label=_("Contact"),
    plural=_("Contacts"),
    path="contacts",
    icon="user",
    color="teal",
    columns=(
        "name",
        "customer",
        "position",
        "decision_role",
        "attitude",
        "phones",
        "emails",
        "owner",
        "last_contact_at",
    ),
    filters=(
        "owner",
        "customer",
        "decision_role",
        "attitude",
        "is_key",
        "gender",
        "tags",
        "last_contact_at",
        "created_at",
    ),
    facts=("customer", "position", "decision_role", "attitude", "phones", "emails", "last_contact_at", "next_plan_at"),
    fields={**PERSON_FIELDS, "name": {"person": True}, "wechat": {"personal": "contact"}},
    hidden=("birthday_key",),
    search=Search(
        names=("name", "english_name"),
        numbers=("wechat", "external_id"),
        phones=("phones",),
        emails=("emails",),
        subtitle=("customer", "position"),
    ),
    form=Form(
        sections=(
            Section(_("Basics"), ("name", "english_name", "customer", "is_key", "owner", "tags"), key="basic"),
            Section(
                _("Place in the company"),
                ("position", "department", "decision_role", "attitude", "reports_to", "since"),
                key="place",
            ),
            Section(_("How to reach"), ("phones", "emails", "wechat", "addresses", "websites"), key="reach"),
            Section(
                _("Individual"),
                ("gender", "birthday", "birthday_calendar", "id_number", "personal_notes"),
                key="person",
            ),
            Section(_("Further"), ("description", "external_id"), key="notes"),
        ),
        create=("name", "customer", "position", "phones", "emails", "decision_role"),
    ),
    badges=(
        Badge(key="missed", find=panels.missed, fields=("next_plan_at",)),
        Badge(key="no_marketing", find=panels.no_marketing, order=70),
    ),
    panels=(
        Panel(
            key="places",
            label=_("Companies"),
            template="customers/places.jinja",
            context=panels.places,
            order=10,
        ),
    ),
    related=(
        Related(field="customer", label=_("Contacts"), shown=False),
        Related(field="reports_to", label=_("Reports"), shown=False),
    ),
    actions=(
        Action(
            key="move",
            label=_("Move to another company"),
            run=services.contact_move,
            fields=(
                Field(name="customer", kind="reference", label=_("New company"), target="customers.customer"),
                Field(name="position", kind="text", label=_("Position"), max_length=100),
                Field(name="on", kind="date", label=_("Since")),
            ),
            icon="arrows-exchange",
            description=_("The present place is kept as an earlier one."),
        ),
    ),
    match_keys=(
        MatchKey(field="id_number", how="identity", weight=100),
        MatchKey(field="phones", how="phone", weight=70),
        MatchKey(field="emails", how="email", weight=70),
        MatchKey(field="wechat", how="exact", weight=60),
        MatchKey(field="name", how="name", weight=40),
    ),
    access=Access(owner="owner", carried_by="customer"),
    menu=Menu(group="customers", order=20),
    clean=policies.contact_clean,
    description=_("People at our customers."),
)

AFFILIATION = Entity(
    key="customers.affiliation",
    model=Affiliation,
    label=_("Affiliation"),
    plural=_("Affiliations"),
    path="affiliations",
    icon="id-badge-2",
    title="position",
    columns=("contact", "customer", "position", "department", "decision_role", "attitude", "since", "until"),
    filters=("contact", "customer", "decision_role", "until"),
    form=Form(
        sections=(
            Section(
                _("Affiliation"),
                (
                    "contact",
                    "customer",
                    "position",
                    "department",
                    "decision_role",
                    "attitude",
                    "reports_to",
                    "since",
                    "until",
                    "note",
                    "owner",
                ),
            ),
        ),
        create=("contact", "customer", "position", "decision_role", "since"),
    ),
    related=(
        Related(field="contact", shown=False),
        Related(field="customer", shown=False),
        Related(field="reports_to", shown=False),
    ),
    access=Access(owner="owner", carried_by="customer"),
    clean=policies.affiliation_clean,
    description=_("Further and earlier places of a contact."),
)

CUSTOMER_LINK = Entity(
    key="customers.customerlink",
    model=CustomerLink,
    label=_("Customer relation"),
    plural=_("Customer relations"),
    path="customer-relations",
    icon="link",
    title="relation",
    fields={"relation": {"required": True}},
    columns=("customer", "relation", "other", "since", "until", "note"),
    filters=("customer", "other", "relation", "until"),
    form=Form(
        sections=(Section(_("Relation"), ("customer", "relation", "other", "since", "until", "note", "owner")),),
        create=("customer", "relation", "other", "note"),
    ),
    related=(Related(field="customer", shown=False), Related(field="other", shown=False)),
    access=Access(owner="owner", carried_by="customer"),
    clean=policies.link_clean,
    description=_("How customers hang together: supplier, partner, competitor, referred by …"),
)

register(CUSTOMER, CONTACT, AFFILIATION, CUSTOMER_LINK)
