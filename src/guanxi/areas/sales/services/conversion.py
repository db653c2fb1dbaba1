"""Turning a lead into a customer, a contact and an opportunity, and taking that back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.customers.models import ORGANISATION, PERSON, Contact, Customer
from guanxi.areas.sales.models import Lead, LeadFollowUp, Opportunity
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.records import display
from guanxi.core.schema.registry import entity_of

LEAD, OPPORTUNITY = "sales.lead", "sales.opportunity"
CUSTOMER, CONTACT, ACTIVITY = "customers.customer", "customers.contact", "activities.activity"
#: The sort of a conversion's operation.
CONVERT = "convert"


def lead_convert(
    actor: Actor,
    record: Lead,
    *,
    customer: int | None = None,
    contact: int | None = None,
    opportunity: int | None = None,
    make_opportunity: bool = True,
    opportunity_name: str = "",
    amount: Any = None,
    close_on: Any = None,
) -> Operation:
    """Turn a lead into a customer, a contact and an opportunity; returns the operation that takes it back.

    ``customer``, ``contact`` and ``opportunity`` are ids of existing ones to attach to; what is not named is made, the
    opportunity only with ``make_opportunity``. The lead's follow-ups become the customer's too, with their dates and
    authors. Raises RuleBroken when the lead has been converted already.
    """
    with records.writing(actor):
        lead: Lead = records.locked(actor, entity_of(LEAD), record.pk)
        require(actor, "change", lead)
        if lead.converted_at is not None:
            name = display.value_text(actor, LEAD, lead, "customer") or "…"
            words = _("This lead has been converted already; it became “%(name)s”.") % {"name": name}
            raise RuleBroken(words, code="lead.converted")
        step = records.operation_begin(
            actor, CONVERT, LEAD, total=1, progress=1, parameters={"ids": [lead.pk], "right": "change"}
        )
        notes = list(lead.follow_ups.filter(deleted_at__isnull=True).order_by("occurred_at", "pk"))
        work = _Conversion(actor, lead, step, notes)
        buyer = work.customer(customer)
        person = work.contact(buyer, contact)
        wanted = {"name": opportunity_name, "amount": amount, "close_on": close_on} if make_opportunity else None
        deal = work.deal(buyer, person, opportunity, wanted)
        work.move_notes(buyer, person)
        values = {
            "status": "converted",
            "converted_at": clock.now(),
            "customer": buyer.pk,
            "contact": person.pk if person else None,
            "opportunity": deal.pk if deal else None,
            "next_contact_at": None,
        }
        records.update(actor, lead, values, operation=step, trusted=True)
    return step


@dataclass(frozen=True, slots=True)
class _Conversion:
    """One conversion: who does it, of what, under which operation, with the lead's follow-ups."""

    actor: Actor
    lead: Lead
    step: Operation
    notes: list[LeadFollowUp]

    def _made(self, entity: str, values: Mapping[str, Any]) -> Any:
        require(self.actor, "create", entity)
        given = {"owner": self.lead.owner_id or self.actor.user_id, **values}
        return records.create(self.actor, entity, given, operation=self.step, trusted=True)

    def _found(self, entity: str, number: int, field: str, **limits: Any) -> Any:
        found = records.queryset(self.actor, entity).filter(pk=int(number), **limits).first()
        if found is None:
            words = {
                "customer": _("Choose an entry from the list."),
                "contact": _("Choose a contact of this customer."),
                "opportunity": _("Choose an opportunity of this customer."),
            }
            raise Invalid(words[field], code="reference.unknown", field=field)
        return found

    def _spoken(self) -> list[Any]:
        return [one.occurred_at for one in self.notes if one.kind != "note"]

    def customer(self, number: int | None) -> Customer:
        """The customer named, else one made of what the lead says; its dates are right from the start."""
        if number is not None:
            found: Customer = self._found(CUSTOMER, number, "customer")
            return found
        lead = self.lead
        kind = ORGANISATION if lead.company else PERSON
        values = {
            "name": lead.company or lead.name,
            "kind": kind,
            "phones": lead.phones,
            "emails": lead.emails,
            "region": lead.region,
            "industry": lead.industry,
            "source": lead.source,
            "description": lead.description,
            "first_contact_at": min(self._spoken(), default=None),
            "last_contact_at": max(self._spoken(), default=None),
        }
        made: Customer = self._made(CUSTOMER, values)
        return made

    def contact(self, customer: Customer, number: int | None) -> Contact | None:
        """The contact named, else the lead's person at a company; a customer who is a person has none."""
        found: Contact | None = None
        if number is not None:
            found = self._found(CONTACT, number, "contact", customer_id=customer.pk)
        elif customer.kind != PERSON:
            lead = self.lead
            values = {
                "name": lead.name,
                "customer": customer.pk,
                "position": lead.position,
                "phones": lead.phones,
                "emails": lead.emails,
                "wechat": lead.wechat,
                "last_contact_at": max(self._spoken(), default=None),
            }
            found = self._made(CONTACT, values)
        return found

    def deal(
        self, customer: Customer, contact: Contact | None, number: int | None, wanted: Mapping[str, Any] | None
    ) -> Opportunity | None:
        """The opportunity named, else one made as ``wanted``; none without."""
        found: Opportunity | None = None
        if number is not None:
            found = self._found(OPPORTUNITY, number, "opportunity", customer_id=customer.pk)
        elif wanted is not None:
            values = {
                "name": wanted["name"] or f"{customer.name} · {self.lead.interest or self.lead.name}",
                "customer": customer.pk,
                "contact": contact.pk if contact else None,
                "source": self.lead.source,
                "campaign": self.lead.campaign_id,
                "amount": wanted["amount"],
                "close_on": wanted["close_on"],
            }
            found = self._made(OPPORTUNITY, values)
        return found

    def move_notes(self, customer: Customer, contact: Contact | None) -> None:
        """The lead's history becomes the customer's; nothing of it is lost on the lead."""
        for note in self.notes:
            values = {
                "customer": customer.pk,
                "contact": contact.pk if contact else None,
                "kind": note.kind,
                "body": note.body,
                "result": note.result,
                "occurred_at": note.occurred_at,
                "owner": note.owner_id,
            }
            records.create(self.actor, ACTIVITY, values, operation=self.step, trusted=True)


def lead_unconvert(actor: Actor, record: Lead) -> Operation:
    """Take a conversion back: what it made goes to the trash, the lead is open again.

    What was changed since stays; the returned operation says what and why. Raises RuleBroken when it is too late.
    """
    require(actor, "change", record)
    done = Operation.objects.filter(sort=CONVERT, entity=LEAD, parameters__ids=[record.pk], undone_at__isnull=True)
    last = done.order_by("-pk").first()
    if last is None or not records.can_undo(actor, last):
        raise RuleBroken(_("This conversion can no longer be taken back."), code="lead.unconvert")
    result = records.undo(actor, last.pk)
    assert result.operation is not None  # noqa: S101 - an undo always records itself
    return result.operation
