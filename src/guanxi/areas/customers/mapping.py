"""The relationship map: a customer's people and related companies as a graph, under the actor's rights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.customers import selectors
from guanxi.areas.customers.models import PERSON, Contact, Customer
from guanxi.areas.customers.selectors import CONTACT, CUSTOMER, Place
from guanxi.core.access import allowed, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import display
from guanxi.core.records.children import leads
from guanxi.core.records.seen import seen
from guanxi.core.schema.registry import entity_of

#: Companies and people drawn at most; more would be no picture.
MOST_COMPANIES, MOST_PEOPLE = 40, 80


@dataclass(frozen=True, slots=True)
class Node:
    """A company or person. ``id`` is ``c12`` or ``p34``; ``role`` and ``attitude`` are keys for colours, with labels."""

    id: str
    kind: str
    label: str
    record_id: int
    hint: str = ""
    role: str = ""
    role_label: str = ""
    attitude: str = ""
    attitude_label: str = ""
    center: bool = False
    editable: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A line. ``kind``: link (between companies), parent, works (person at company), reports (person to person).

    ``record_id`` is the relation's or affiliation's id (0 for what stands on the contact or customer itself).
    """

    id: str
    kind: str
    source: str
    target: str
    label: str = ""
    record_id: int = 0
    relation: str = ""
    past: bool = False
    editable: bool = False


_NODE, _EDGE = [one.name for one in fields(Node)], [one.name for one in fields(Edge)]


@dataclass(slots=True)
class Graph:
    """Nodes and edges, each once; edges only between nodes that are drawn."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)

    def add(self, edge: Edge) -> None:
        """Keep an edge if both its ends are drawn."""
        if edge.source in self.nodes and edge.target in self.nodes and edge.source != edge.target:
            self.edges.setdefault(edge.id, edge)

    def as_data(self) -> dict[str, Any]:
        """Plain data for the page."""
        return {
            "nodes": [{name: getattr(node, name) for name in _NODE} for node in self.nodes.values()],
            "edges": [{name: getattr(edge, name) for name in _EDGE} for edge in self.edges.values()],
        }


def relationship_graph(actor: Actor, customer: Customer) -> Graph:
    """The customer, its parent, subsidiaries and related companies, its people and theirs at those; 9 queries at most."""
    graph = Graph()
    links = selectors.links_of(actor, (customer.pk,))
    below: Iterable[Customer] = ()
    if leads(CUSTOMER, customer.pk, CUSTOMER, "parent"):
        family = visible(Customer.objects.filter(parent_id=customer.pk), actor)
        below = family.order_by("sort_key", "pk")[:MOST_COMPANIES]
    above = visible(Customer.objects.filter(pk=customer.parent_id), actor) if customer.parent_id else ()
    around = [end for _link, one, other in links for end in (one, other)]
    companies = {one.pk: one for one in [customer, *above, *below, *around]}
    places = selectors.people_at(actor, (customer.pk,))[:MOST_PEOPLE]
    elsewhere = _other_places(actor, places)
    for place, other in elsewhere:
        companies.setdefault(place.customer_id, other)
    for one in list(companies.values())[:MOST_COMPANIES]:
        graph.nodes[f"c{one.pk}"] = _company(actor, one, center=one.pk == customer.pk)
    for place in places:
        graph.nodes.setdefault(f"p{place.contact.pk}", _person(actor, place))
    _draw(actor, graph, companies.values(), places + [place for place, _other in elsewhere])
    for link, one, other in links:
        shown = seen(actor, link)
        label, _color = selectors.relation_label(shown.relation or "")
        edge = Edge(
            f"l{link.pk}", "link", f"c{one.pk}", f"c{other.pk}", label, link.pk, shown.relation or "",
            past=shown.until is not None and shown.until < clock.today(actor.timezone),
            editable=allowed(actor, "change", link),
        )  # fmt: skip
        graph.add(edge)
    return graph


def _other_places(actor: Actor, places: Iterable[Place]) -> list[tuple[Place, Customer]]:
    """Where else the people are: main places and affiliations at companies the actor may see; three queries."""
    people = {place.contact.pk: place.contact for place in places}
    known = {(place.contact.pk, place.customer_id) for place in places}
    found = [
        selectors.main_place(actor, one)
        for one in people.values()
        if one.customer_id is not None and (one.pk, one.customer_id) not in known
    ]
    found += [one for one in selectors.further_places(actor, people) if (one.contact.pk, one.customer_id) not in known]
    if not found:
        return []
    rows = visible(Customer.objects.filter(pk__in={place.customer_id for place in found}), actor)
    companies = {row.pk: row for row in rows}
    return [(place, companies[place.customer_id]) for place in found if place.customer_id in companies]


def _company(actor: Actor, customer: Customer, *, center: bool) -> Node:
    shown = seen(actor, customer)
    name = shown.short_name or shown.name
    return Node(
        f"c{customer.pk}", "person" if shown.kind == PERSON else "company", name, customer.pk,
        hint=shown.name, center=center, editable=allowed(actor, "change", customer),
    )  # fmt: skip


def _person(actor: Actor, place: Place) -> Node:
    contact: Contact = place.contact
    return Node(
        f"p{contact.pk}", "contact", display.title_of(entity_of(CONTACT), contact, actor), contact.pk,
        hint=place.position,
        role=place.decision_role.key if place.decision_role else "",
        role_label=place.decision_role.label if place.decision_role else "",
        attitude=place.attitude.key if place.attitude else "",
        attitude_label=place.attitude.label if place.attitude else "",
        editable=allowed(actor, "change", contact),
    )  # fmt: skip


def _draw(actor: Actor, graph: Graph, companies: Iterable[Customer], places: Iterable[Place]) -> None:
    """Lines of ownership, of work and of reporting."""
    today = clock.today(actor.timezone)
    led = selectors.readable(actor, CONTACT, "reports_to")
    if selectors.readable(actor, CUSTOMER, "parent"):
        for one in companies:
            if one.parent_id:
                graph.add(Edge(f"f{one.pk}", "parent", f"c{one.parent_id}", f"c{one.pk}", _("subsidiary")))
    for place in places:
        person = f"p{place.contact.pk}"
        key = f"a{place.affiliation_id}" if place.affiliation_id else f"w{place.contact.pk}"
        editable = person in graph.nodes and graph.nodes[person].editable
        graph.add(
            Edge(
                key,
                "works",
                person,
                f"c{place.customer_id}",
                "" if place.main else place.position,
                place.affiliation_id or 0,
                past=not place.current(today),
                editable=editable,
            )
        )
        if place.reports_to_id and led:
            boss = f"p{place.reports_to_id}"
            graph.add(Edge(f"r{person}{boss}", "reports", person, boss, _("reports to"), editable=editable))
