"""Blocks on the pages of customers and contacts, and a card on the home page. They read; they never write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from guanxi.areas.customers import mapping, selectors
from guanxi.areas.customers.models import Contact, Customer
from guanxi.core.access import allowed, reads
from guanxi.core.automation import marketing
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.memo import asked_once
from guanxi.core.records import dictionaries, display
from guanxi.core.records.children import leads
from guanxi.core.records.seen import seen
from guanxi.core.schema.entity import Flag
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.contributions import Card, add_cards
from guanxi.core.web.formats import absolute
from guanxi.core.web.merging.hits import hits

#: Lower scores are no duplicates: the same big mail provider, a name that only sounds alike.
LEAST_SCORE = 45
#: Whoever heard nothing for so many days is warned of.
STALE_DAYS = 60
LOST = "lost"


def people(actor: Actor, customer: Customer) -> Mapping[str, Any]:
    """Everybody at the customer with position, role in decisions and attitude."""
    today = clock.today(actor.timezone)
    places = selectors.people_at(actor, (customer.pk,))[:50]
    return {
        "places": [(one, seen(actor, one.contact), one.current(today)) for one in places],
        "may_add": allowed(actor, "create", selectors.CONTACT) and not customer.is_person,
    }


def relationship_map(actor: Actor, customer: Customer) -> Mapping[str, Any]:
    """The graph as data for the page, and what may be edited in it."""
    graph = mapping.relationship_graph(actor, customer)
    return {
        "graph": graph.as_data(),
        "name": display.title_of(entity_of(selectors.CUSTOMER), customer, actor),
        "worth_drawing": len(graph.nodes) > 1,
        "may_edit": allowed(actor, "change", customer),
    }


def tree(actor: Actor, customer: Customer) -> Mapping[str, Any]:
    """The group of companies with roll-up; empty for a company that stands alone."""
    if not reads(actor, selectors.CUSTOMER, "parent"):
        return {"root": None, "here": customer.pk}
    if not customer.parent_id and not leads(selectors.CUSTOMER, customer.pk, selectors.CUSTOMER, "parent"):
        return {"root": None, "here": customer.pk}
    root = selectors.tree(actor, customer)
    return {"root": root if root.children else None, "here": customer.pk}


def links(actor: Actor, customer: Customer) -> Mapping[str, Any]:
    """Related companies by kind of relation."""
    return {
        "relations": [
            replace(one, link=seen(actor, one.link), other=seen(actor, one.other))
            for one in selectors.relations_of(actor, customer)
        ],
        "kinds": [choice for choice in dictionaries.values("customer_relation") if choice.active],
        "may_edit": allowed(actor, "change", customer),
    }


@asked_once(lambda actor, customer: (actor.user_id, customer.pk))
def duplicates(actor: Actor, customer: Customer) -> Mapping[str, Any]:
    """Customers that may be the same; those of others masked, with whom to ask."""
    found = hits(actor, entity_of(selectors.CUSTOMER), customer, exclude=customer.pk, least=LEAST_SCORE)
    ids = [hit.id for hit in found if hit.visible]
    mergeable = [customer.pk, *ids] if ids and allowed(actor, "merge", customer) else []
    return {"hits": found, "mergeable": mergeable}


def stale(_actor: Actor, customer: Customer) -> Flag | None:
    """A held customer nobody has spoken to for long; who is lost already does not count."""
    if customer.owner_id is None or customer.lifecycle == LOST:
        return None
    spoken = customer.last_contact_at
    days = (clock.now() - (spoken or customer.created_at)).days
    if days < STALE_DAYS:
        return None
    if spoken is None:
        return Flag(
            _("Never contacted"),
            ngettext("Here for %(num)d day", "Here for %(num)d days", days) % {"num": days},
            icon="clock",
        )
    text = ngettext("No contact for %(num)d day", "No contact for %(num)d days", days) % {"num": days}
    return Flag(text, _("Last contact %(day)s") % {"day": absolute(spoken)}, icon="clock")


def missed(actor: Actor, record: Customer | Contact) -> Flag | None:
    """The next contact was planned for a day that has passed."""
    if record.next_plan_at is None:
        return None
    days = (clock.today(actor.timezone) - clock.day_of(record.next_plan_at, actor.timezone)).days
    if days < 1:
        return None
    text = ngettext("Contact overdue by %(num)d day", "Contact overdue by %(num)d days", days) % {"num": days}
    return Flag(text, _("Planned for %(day)s") % {"day": absolute(record.next_plan_at)}, "red", "clock")


def doubled(actor: Actor, customer: Customer) -> Flag | None:
    """Others that look like the same customer."""
    found = len(duplicates(actor, customer)["hits"])
    if not found:
        return None
    text = ngettext("Looks like %(num)d other", "Looks like %(num)d others", found) % {"num": found}
    return Flag(text, _("It may be here twice. Compare and merge."), icon="copy", url="#panel-duplicates")


def places(actor: Actor, contact: Contact) -> Mapping[str, Any]:
    """The contact's companies, present and past."""
    today = clock.today(actor.timezone)
    found = selectors.places_of(actor, contact)
    return {
        "places": [(place, seen(actor, customer), place.current(today)) for place, customer in found],
        "may_edit": allowed(actor, "change", contact),
    }


def birthdays(actor: Actor) -> Mapping[str, Any] | None:
    """Birthdays of the next two weeks; no card without one."""
    found = selectors.upcoming_birthdays(actor, days=14, limit=8)
    found = [replace(one, record=seen(actor, one.record)) for one in found]
    return {"birthdays": found, "today": clock.today(actor.timezone)} if found else None


add_cards(
    Card(
        key="customers.birthdays",
        label=gettext_lazy("Birthdays"),
        template="customers/birthdays.jinja",
        context=birthdays,
        icon="cake",
        order=70,
    )
)


def no_marketing(_actor: Actor, record: Customer | Contact) -> Flag | None:
    """Whoever said no to marketing; for a contact his company may have."""
    if isinstance(record, Customer) and not leads(selectors.CUSTOMER, record.pk, "customers.consent", "customer"):
        return None
    said = marketing.standing(record)
    if said is not None and said[0] == marketing.WITHDRAWN:
        return Flag(
            _("No marketing"), _("Asked for no marketing on %(day)s") % {"day": absolute(said[1])}, "amber", "hand-stop"
        )
    return None
