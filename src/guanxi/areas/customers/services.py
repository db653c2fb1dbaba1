"""What people do with customers and contacts beyond changing fields."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models import Affiliation, Contact, Customer, CustomerLink
from guanxi.areas.customers.relations import reverse
from guanxi.areas.customers.selectors import subject_of
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.automation import marketing
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Operation
from guanxi.core.schema.parsing import identifier
from guanxi.core.schema.registry import entity_of


def _id_of(value: Any) -> int:
    return int(getattr(value, "pk", value))


def link_add(actor: Actor, record: Customer, *, other: Any, relation: str, **values: Any) -> CustomerLink:
    """Relate ``record`` to another customer, who becomes its ``relation`` (supplier, partner, competitor …).

    ``other`` is a customer or its id; ``values`` may hold since, until and note. Needs the right to change ``record``
    and to see the other one. Raises Invalid when they are related so already, from either side.
    """
    with records.writing(actor):
        require(actor, "change", record)
        there = CustomerLink.objects.filter(
            Q(customer_id=record.pk, other_id=_id_of(other), relation=relation)
            | Q(customer_id=_id_of(other), other_id=record.pk, relation=reverse(relation))
        )
        if there.exists():
            raise Invalid(_("They are related in this way already."), code="link.taken", field="relation")
        given = {"customer": record.pk, "other": _id_of(other), "relation": relation, **values}
        link: CustomerLink = records.create(actor, "customers.customerlink", given)
        return link


def link_change(actor: Actor, link: CustomerLink, **values: Any) -> CustomerLink:
    """Give a relation another kind, dates or note; ``version`` may say which one the person started from."""
    version = values.pop("version", None)
    changed: CustomerLink = records.update(actor, link, values, version=version)
    return changed


def link_remove(actor: Actor, link: CustomerLink) -> Operation:
    """Take a relation away; the operation brings it back."""
    return records.delete(actor, link)


def contact_move(
    actor: Actor, record: Contact, *, customer: Any = None, position: str = "", on: dt.date | str | None = None
) -> Contact:
    """The contact leaves his company for ``customer`` (nobody: only leaves). Returns the contact as stored.

    The place he leaves becomes an affiliation that ended on ``on`` (today); at the new one his role in decisions,
    attitude and superior begin empty. An affiliation he had at the new company ends the day he makes it his main place.
    """
    target = identifier(customer, records.fields_of("customers.contact")["customer"]) if customer else None
    if target is not None and target == record.customer_id:
        raise Invalid(_("This contact is at that company already."), code="contact.same_place", field="customer")
    with records.writing(actor):
        fresh: Contact = records.get(actor, "customers.contact", record.pk, action="change")
        day = on or clock.today(actor.timezone)
        step = records.operation_begin(
            actor, "contact_move", "customers.contact", total=1, progress=1, parameters={"ids": [fresh.pk]}
        )
        if fresh.customer_id is not None:
            _place_keep(actor, fresh, day, step)
        if target is not None:
            for place in Affiliation.objects.filter(contact_id=fresh.pk, customer_id=target, until__isnull=True):
                position = position or place.position
                records.update(actor, place, {"until": day}, operation=step, trusted=True)
        return _place_begin(actor, fresh, target, position, day if target else None, step)


def _place_keep(actor: Actor, contact: Contact, day: Any, step: Operation) -> None:
    """What the contact was at his main company becomes an affiliation that ended."""
    values = {
        "contact": contact.pk,
        "customer": contact.customer_id,
        "position": contact.position,
        "department": contact.department,
        "decision_role": contact.decision_role,
        "attitude": contact.attitude,
        "reports_to": contact.reports_to_id,
        "since": contact.since,
        "until": day,
        "owner": contact.owner_id,
    }
    records.create(actor, "customers.affiliation", values, operation=step, trusted=True)


def _place_begin(
    actor: Actor, contact: Contact, customer_id: int | None, position: str, since: Any, step: Operation
) -> Contact:
    values = {
        "customer": customer_id,
        "position": position,
        "department": "",
        "decision_role": "",
        "attitude": "",
        "reports_to": None,
        "since": since,
    }
    moved: Contact = records.update(actor, contact, values, operation=step)
    return moved


def customer_delete(actor: Actor, record: Customer, *, operation: Operation | None = None) -> Operation:
    """Put a customer, and what belongs to it, in the trash; its operation takes all of it back.

    People who also work elsewhere stay: the other company becomes their main one.
    """
    with records.writing(actor):
        fresh = records.locked(actor, entity_of("customers.customer"), record.pk)
        require(actor, "delete", fresh)
        step = operation or records.operation_begin(
            actor, "delete", "customers.customer", total=1, progress=1, parameters={"ids": [fresh.pk]}
        )
        elsewhere = (
            Affiliation.objects.filter(
                contact__customer_id=fresh.pk, contact__deleted_at__isnull=True, until__isnull=True
            )
            .exclude(customer_id=fresh.pk)
            .filter(customer__deleted_at__isnull=True)
            .select_related("contact")
            .order_by("contact_id", "pk")
        )
        seen: set[int] = set()
        for place in elsewhere:
            if place.contact_id not in seen:
                seen.add(place.contact_id)
                values = {
                    name: getattr(place, name) for name in ("position", "department", "decision_role", "attitude")
                }
                given = {
                    **values,
                    "customer": place.customer_id,
                    "reports_to": place.reports_to_id,
                    "since": place.since,
                }
                records.update(actor, place.contact, given, operation=step, trusted=True)
        return records.delete_plain(actor, fresh, operation=step)


def marketing_note(actor: Actor, record: models.Model, state: str, channel: str, source: str, proof: str) -> None:
    """Write down what was said about marketing for whoever a record is about; nothing when it is about nobody here."""
    customer, contact = subject_of(record)
    if customer is None and contact is None:
        return
    by = actor if actor.is_system else system_actor(source, via=actor.via)
    values = {
        "customer": customer, "contact": contact, "purpose": marketing.PURPOSE, "channel": channel, "state": state,
        "source": source, "proof": proof,
    }  # fmt: skip
    records.create(by, "customers.consent", {name: value for name, value in values.items() if value}, trusted=True)
