"""Rules of members: somebody is meant, once only; what follows from the state and from consent is worked out."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.marketing import selectors
from guanxi.areas.marketing.models import Influence, Member
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid

Changes = MutableMapping[str, list[Any]]
WHO = ("contact", "customer", "lead")


def _set(record: Member, changes: Changes, name: str, value: Any) -> None:
    before = changes[name][0] if name in changes else getattr(record, name)
    if value != getattr(record, name):
        setattr(record, name, value)
        changes[name] = [before, value]


def member_clean(actor: Actor, record: Member, changes: Changes) -> None:
    """A contact brings his customer along; name, consent, answer and its date follow."""
    if record.contact_id is not None and record.contact is not None:
        customer = record.contact.customer_id
        if record.customer_id not in (None, customer):
            raise Invalid(_("Choose a contact of this customer."), code="member.contact", field="contact")
        if record.customer_id is None:
            record.customer_id = customer
            changes["customer"] = [None, customer]
    if selectors.somebody(record) is None:
        raise Invalid(_("Choose a contact, a customer or a lead."), code="member.nobody", field="contact")
    if record._state.adding or {*WHO, "campaign"} & set(changes):
        _once(record)
        record.name = selectors.name_of(record)[:200]
        record.barred = selectors.barred(selectors.somebody(record))
    if record._state.adding and record.owner_id in (None, actor.user_id):
        record.owner_id = getattr(selectors.somebody(record), "owner_id", None) or record.owner_id
    responded = record.state in selectors.responses()
    _set(record, changes, "responded", responded)
    if responded and record.responded_at is None:
        _set(record, changes, "responded_at", clock.now())
    elif not responded and "state" in changes and not record._state.adding:
        _set(record, changes, "responded_at", None)


def _once(record: Member) -> None:
    """Raise Invalid for who is a member already."""
    same = selectors.member_of(record.campaign_id, record.contact_id, record.customer_id, record.lead_id)
    if same is not None and same.pk != record.pk:
        field = "contact" if record.contact_id else "lead" if record.lead_id else "customer"
        raise Invalid(_("This one is a member of the campaign already."), code="member.twice", field=field)


def influence_clean(_actor: Actor, record: Influence, _changes: Changes) -> None:
    """It bears the opportunity's name."""
    record.name = record.name or record.opportunity.name
