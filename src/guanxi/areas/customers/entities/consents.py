"""What customers and their people agreed to."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers import policies
from guanxi.areas.customers.models import Consent
from guanxi.core.schema.entity import Access, Entity, Form, Menu, Related, Section
from guanxi.core.schema.registry import register

CONSENT = Entity(
    key="customers.consent",
    model=Consent,
    label=_("Consent"),
    plural=_("Consents"),
    path="consents",
    icon="user-check",
    color="green",
    title="purpose",
    columns=("customer", "contact", "purpose", "channel", "state", "at", "source", "owner"),
    filters=("customer", "contact", "purpose", "channel", "state", "source", "at"),
    sort=("-at", "-id"),
    form=Form(
        sections=(
            Section(
                _("Consent"), ("customer", "contact", "purpose", "channel", "state", "at", "source", "proof", "owner")
            ),
        ),
        create=("customer", "contact", "purpose", "channel", "state", "source", "proof"),
    ),
    related=(
        Related(
            field="customer",
            label=_("Consents"),
            columns=("purpose", "channel", "state", "at", "source"),
            sort=("-at",),
            order=70,
        ),
        Related(
            field="contact",
            label=_("Consents"),
            columns=("purpose", "channel", "state", "at", "source"),
            sort=("-at",),
            order=70,
        ),
    ),
    access=Access(owner="owner", carried_by="customer", about=("contact",)),
    menu=Menu(group="customers", order=45),
    clean=policies.consent_clean,
    description=_(
        "What customers and contacts agreed to or no longer agree to: purpose, channel, when, and the proof."
    ),
)

register(CONSENT)
