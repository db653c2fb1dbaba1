"""What is read of customers beyond lists: the tree with roll-up, people, relations, birthdays.

Everything passes ``access.visible`` first: what the actor may not see is not counted, not drawn and not hinted at. The
relationship map is in ``mapping``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from django.db import models
from django.db.models import Count, JSONField, Q

from guanxi.areas.customers.models import PERSON, Affiliation, Consent, Contact, Customer, CustomerLink
from guanxi.areas.customers.relations import reverse
from guanxi.core.access import field_level, sight, visible
from guanxi.core.automation import marketing
from guanxi.core.kernel import clock, lunar
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import dictionaries, matching
from guanxi.core.records.children import leads
from guanxi.core.records.seen import seen
from guanxi.core.schema.registry import entity_of

CUSTOMER, CONTACT = "customers.customer", "customers.contact"
#: Nodes of one tree.
MOST_NODES = 500


def readable(actor: Actor, entity: str, *names: str) -> frozenset[str]:
    """Those of the fields the actor sees in full."""
    return frozenset(name for name in names if field_level(actor, entity, name) in ("read", "write"))


# -- the group of companies --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class TreeNode:
    """One company of a group with its own figures and, rolled up, those of all below it.

    ``revenue`` and ``all_revenue`` are sums by currency; ``contacts`` counts those the actor may see.
    """

    customer: Customer
    contacts: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict)
    children: list[TreeNode] = field(default_factory=list)
    all_customers: int = 1
    all_contacts: int = 0
    all_revenue: dict[str, Decimal] = field(default_factory=dict)
    last_contact_at: dt.datetime | None = None


def tree(actor: Actor, customer: Customer) -> TreeNode:
    """The group ``customer`` belongs to, from the highest company the actor may see down; two queries.

    A company he may not see is left out; those below it stand under the nearest one above that he sees.
    """
    first = int(customer.path.strip("/").split("/")[0] or customer.pk)
    rows = visible(Customer.objects.filter(Q(pk=first) | Q(path__startswith=f"/{first}/")), actor)
    rows = rows.order_by("path", "sort_key", "pk")
    nodes = {row.pk: TreeNode(seen(actor, row)) for row in rows[:MOST_NODES]}
    nodes.setdefault(customer.pk, TreeNode(seen(actor, customer)))
    counts = visible(Contact.objects.filter(customer_id__in=list(nodes)), actor)
    for number, people in counts.order_by().values_list("customer_id").annotate(Count("pk")):
        nodes[number].contacts = people
    top: list[TreeNode] = []
    for node in nodes.values():
        if node.customer.revenue is not None:
            node.revenue = {node.customer.revenue_currency: node.customer.revenue}
        above = [int(one) for one in node.customer.path.strip("/").split("/") if one and int(one) in nodes]
        (nodes[above[-1]].children if above else top).append(node)
    for node in top:
        _roll_up(node)
    return next(node for node in top if _holds(node, customer.pk))


def _holds(node: TreeNode, number: int) -> bool:
    return node.customer.pk == number or any(_holds(child, number) for child in node.children)


def _roll_up(node: TreeNode) -> None:
    node.all_contacts, node.all_revenue = node.contacts, dict(node.revenue)
    node.last_contact_at = node.customer.last_contact_at
    for child in node.children:
        _roll_up(child)
        node.all_customers += child.all_customers
        node.all_contacts += child.all_contacts
        for currency, amount in child.all_revenue.items():
            node.all_revenue[currency] = node.all_revenue.get(currency, Decimal(0)) + amount
        moments = [one for one in (node.last_contact_at, child.last_contact_at) if one]
        node.last_contact_at = max(moments, default=None)


# -- people and relations ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Place:
    """A contact's place at a customer. ``main`` places stand on the contact, others are affiliations.

    ``decision_role`` and ``attitude`` are the choices (key, label, colour) or ``None``.
    """

    contact: Contact
    customer_id: int
    position: str
    department: str
    decision_role: dictionaries.Choice | None
    attitude: dictionaries.Choice | None
    reports_to_id: int | None
    since: dt.date | None
    until: dt.date | None
    main: bool
    affiliation_id: int | None = None

    def current(self, day: dt.date) -> bool:
        """Whether he still holds the place on ``day``."""
        return self.until is None or self.until >= day


def _place(actor: Actor, contact: Contact, source: Contact | Affiliation) -> Place:
    main, told = isinstance(source, Contact), seen(actor, source)
    return Place(
        contact=contact,
        customer_id=source.customer_id or 0,
        position=told.position,
        department=told.department,
        decision_role=dictionaries.value_of("decision_role", told.decision_role),
        attitude=dictionaries.value_of("attitude", told.attitude),
        reports_to_id=told.reports_to_id,
        since=told.since,
        until=None if main else told.until,
        main=main,
        affiliation_id=None if main else source.pk,
    )


@asked_once(lambda actor, customer_ids, *, limit=300: (actor.user_id, tuple(customer_ids), limit))
def people_at(actor: Actor, customer_ids: Sequence[int], *, limit: int = 300) -> list[Place]:
    """Everybody with a main or further place at the customers, each once per customer; two queries.

    Key contacts come first, then by name; who left comes last.
    """
    ids = list(customer_ids)
    sees = sight(actor)
    key = sees and (limit, sees)
    found = {(one.customer_id, one.pk): _place(actor, one, one) for one in _HERE.rows(key, (actor, limit), ids)}
    further = (
        [one for one in ids if leads(CUSTOMER, one, "customers.affiliation", "customer")] if len(ids) == 1 else ids
    )
    for row in _THERE.rows(key, (actor, limit), further) if further else ():
        found.setdefault((row.customer_id, row.contact_id), _place(actor, row.contact, row))
    today = clock.today(actor.timezone)
    return sorted(
        found.values(),
        key=lambda one: (not one.current(today), not one.contact.is_key, one.contact.sort_key, one.contact.pk),
    )


#: What says nothing of a place, and costs most to read.
_ASIDE = (
    "created_at",
    "updated_at",
    *(one.name for one in Contact._meta.concrete_fields if isinstance(one, JSONField)),
)
_HERE = Shaped(
    lambda actor, limit, ids: visible(Contact.objects.filter(customer_id__any=ids).defer(*_ASIDE), actor).order_by(
        "sort_key", "pk"
    )[:limit],
    [[-7001]],
)
_THERE = Shaped(
    lambda actor, limit, ids: (
        visible(Affiliation.objects.filter(customer_id__any=ids), actor)
        .filter(contact__in=visible(Contact.objects.all(), actor))
        .select_related("contact")
        .order_by("-until", "pk")[:limit]
    ),
    [[-7001]],
)


def main_place(actor: Actor, contact: Contact) -> Place:
    """The place that stands on the contact himself."""
    return _place(actor, contact, contact)


def further_places(actor: Actor, contacts: Mapping[int, Contact]) -> list[Place]:
    """The affiliations of contacts the actor may see; one query."""
    if not contacts:
        return []
    sees = sight(actor)
    return [
        _place(actor, contacts[row.contact_id], row) for row in _FURTHER.rows(sees, (actor,), list(contacts.keys()))
    ]


_FURTHER = Shaped(
    lambda actor, ids: visible(Affiliation.objects.filter(contact_id__any=ids), actor).order_by("contact_id", "pk"),
    [[-7001]],
)


def places_of(actor: Actor, contact: Contact) -> list[tuple[Place, Customer]]:
    """All places of a contact with their customers, the main one first, then the latest; two queries."""
    places = further_places(actor, {contact.pk: contact})
    if contact.customer_id is not None:
        places.append(main_place(actor, contact))
    wanted = visible(Customer.objects.filter(pk__in={place.customer_id for place in places}), actor)
    known = {one.pk: one for one in wanted}
    shown = [(place, known[place.customer_id]) for place in places if place.customer_id in known]
    late = dt.date.max
    return sorted(shown, key=lambda one: (one[0].main, one[0].until or late, one[0].since or dt.date.min), reverse=True)


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation as read from one customer: ``other`` is ``label`` of it. ``outgoing`` says on which side it was noted."""

    link: CustomerLink
    other: Customer
    relation: str
    label: str
    color: str
    outgoing: bool


def relation_label(relation: str) -> tuple[str, str]:
    """The name and colour of a relation in the present language."""
    choice = dictionaries.value_of("customer_relation", relation)
    return (choice.label, choice.color) if choice else (relation, "")


@asked_once(lambda actor, customer_ids: (actor.user_id, tuple(customer_ids)))
def links_of(actor: Actor, customer_ids: Sequence[int]) -> list[tuple[CustomerLink, Customer, Customer]]:
    """Relations with the customers at either end, as (link, customer, other); both ends visible; two queries."""
    ids = list(customer_ids)
    if len(ids) == 1 and not leads(CUSTOMER, ids[0], "customers.customerlink", "customer", "other"):
        return []
    rows = visible(CustomerLink.objects.filter(Q(customer_id__in=ids) | Q(other_id__in=ids)), actor)
    links = list(rows.order_by("pk"))
    ends = {number for link in links for number in (link.customer_id, link.other_id)}
    known = {one.pk: one for one in visible(Customer.objects.filter(pk__in=ends), actor)}
    return [
        (link, known[link.customer_id], known[link.other_id])
        for link in links
        if link.customer_id in known and link.other_id in known
    ]


def relations_of(actor: Actor, customer: Customer) -> list[Relation]:
    """The customer's relations, each named from its side, by kind and name."""
    found = []
    for link, one, other in links_of(actor, (customer.pk,)):
        outgoing = link.customer_id == customer.pk
        said = seen(actor, link).relation or ""
        relation = said if outgoing or not said else reverse(said)
        label, color = relation_label(relation)
        found.append(Relation(link, other if outgoing else one, relation, label, color, outgoing))
    return sorted(found, key=lambda row: (row.relation, row.other.sort_key, row.other.pk))


# -- birthdays ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Birthday:
    """A birthday to come: whose, on which day, how old he becomes, and the lunar date if it is kept by that."""

    record: Customer | Contact
    on: dt.date
    age: int
    lunar_date: str = ""


def _keys_of(day: dt.date) -> set[int]:
    """The birthday keys kept on a day: its solar and lunar date, and those that have no day of their own this year."""
    found = {day.month * 100 + day.day}
    following = day + dt.timedelta(days=1)
    if (day.month, day.day) == (2, 28) and following.month == 3:
        found.add(229)
    try:
        moon, next_moon = lunar.to_lunar(day), lunar.to_lunar(following)
    except Invalid:
        return found
    if not moon.leap:
        found.add(2000 + moon.month * 100 + moon.day)
        if moon.day == 29 and next_moon.day == 1:
            found.add(2000 + moon.month * 100 + 30)
    return found


@lru_cache(maxsize=64)
def _keys_from(today: dt.date, days: int) -> Mapping[int, dt.date]:
    """The birthday keys of the next days, each with the first day it is kept on."""
    keys: dict[int, dt.date] = {}
    for ahead in range(days):
        day = today + dt.timedelta(days=ahead)
        for key in _keys_of(day):
            keys.setdefault(key, day)
    return keys


_BORN = Shaped(
    lambda actor, keys: visible(Contact.objects.filter(birthday_key__any=keys), actor).order_by("pk")[:1000], [[-7001]]
)
_PERSONS_BORN = Shaped(
    lambda actor, keys: visible(Customer.objects.filter(birthday_key__any=keys, kind=PERSON), actor).order_by("pk")[
        :1000
    ],
    [[-7001]],
)


def upcoming_birthdays(actor: Actor, *, days: int = 30, limit: int = 50) -> list[Birthday]:
    """Birthdays of contacts and of customers who are persons from today on, soonest first; lunar ones included.

    Whoever may not read birthdays gets none. Those born in a leap month keep it in the ordinary month of that number.
    """
    keys = _keys_from(clock.today(actor.timezone), days)
    sees, wanted = sight(actor), list(keys)
    found: list[Birthday] = []
    for key, born in ((CONTACT, _BORN), (CUSTOMER, _PERSONS_BORN)):
        if readable(actor, key, "birthday"):
            found += [_birthday(row, keys) for row in born.rows(sees, (actor,), wanted)]
    return sorted(found, key=lambda one: (one.on, one.record.sort_key, one.record.pk))[:limit]


def _birthday(record: Customer | Contact, keys: Mapping[int, dt.date]) -> Birthday:
    on = keys[record.birthday_key or 0]
    born = record.birthday or on
    if record.birthday_calendar != "lunar":
        return Birthday(record, on, on.year - born.year)
    moon = lunar.to_lunar(born)
    return Birthday(record, on, lunar.to_lunar(on).year - moon.year, lunar.written(moon.month, moon.day))


def subject_of(record: models.Model) -> tuple[int | None, int | None]:
    """Customer and contact (ids) a record is about: itself, or those it names; ``None`` for what it does not name."""
    if isinstance(record, Contact):
        return record.customer_id, record.pk
    if isinstance(record, Customer):
        return record.pk, None
    return getattr(record, "customer_id", None), getattr(record, "contact_id", None)


def marketing_word(record: models.Model, channel: str) -> tuple[marketing.State, dt.datetime] | None:
    """The last word on marketing of whoever a record is about; what was said for a whole company counts for each of its people."""
    customer, contact = subject_of(record)
    if customer is None and contact is None:
        return None
    whole = Q(customer_id=customer, contact__isnull=True) if customer else Q(pk__in=())
    said = Consent.objects.filter(whole | Q(contact_id=contact) if contact else whole, purpose=marketing.PURPOSE)
    if channel != "any":
        said = said.filter(channel__in=("any", channel))
    last = said.order_by("-at", "-pk").values_list("state", "at").first()
    return None if last is None else (marketing.state_of(last[0]), last[1])


def marketing_refused(channel: str, to: str) -> dt.datetime | None:
    """When a customer or contact with this address said no to marketing, if that is his last word. For the house itself: nobody's rights limit it."""
    name = {"mail": "emails", "sms": "phones"}.get(channel)
    digest, noes = marketing.digest_of(channel, to), []
    for key in (CUSTOMER, CONTACT) if name else ():
        entity = entity_of(key)
        ids = [one.record_id for one in matching.candidates(entity, {name: [{"value": to}]}, limit=matching.PER_KEY)]
        for record in entity.model._default_manager.filter(pk__in=ids):
            digests = {marketing.digest_of(of, held) for of, held in marketing.addresses(record) if of == channel}
            said = marketing_word(record, channel) if digest in digests else None
            if said is not None and said[0] == marketing.WITHDRAWN:
                noes.append(said[1])
    return max(noes, default=None)
