"""Blocks and warnings on the pages of leads, opportunities and what is pooled. They read; they never write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.areas.customers.models import Contact, Customer, Pool, PoolMove
from guanxi.areas.customers.models.pools import GROUNDS, MOVES
from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import OPEN, AssignRule, Lead, Opportunity, Target, Territory
from guanxi.areas.sales.models.sharing import TERRITORY as BY_TERRITORY
from guanxi.areas.sales.models.targets import COMPANY, DEPARTMENT, PERSON
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import returns, sharing, targets
from guanxi.core import records
from guanxi.core.access import reads, sight, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import dictionaries, display, matching
from guanxi.core.records.children import leads
from guanxi.core.records.search.tokens import entries
from guanxi.core.records.seen import seen
from guanxi.core.schema.entity import Flag
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.merging.hits import Hit, hits

ZERO, DEAL = targets.ZERO, targets.DEAL
#: From this score on two records may be the same.
LEAST_SCORE = 45
#: So many targets below another are shown.
PARTS = 60
#: Among so many waiting records those a rule is for are shown.
WAITING = 100


def course(actor: Actor, deal: Opportunity) -> Mapping[str, Any]:
    """The stages a deal went through, how long it stayed in each, and what is to be ticked now; for who reads its stage."""
    told = reads(actor, DEAL, "stage")
    return {
        "told": told,
        "visits": selectors.visits(deal) if told else [],
        "checklist": selectors.checklist(deal) if told else [],
        "stale": selectors.stale(actor, deal),
    }


def pool(actor: Actor, pool: Pool) -> Mapping[str, Any]:
    """What lies in the pool, what is held from it, and what its rules will take back in the next days."""
    return returns.pool_figures(actor, pool)


def holding(actor: Actor, record: Any) -> Mapping[str, Any]:
    """Whose pool it belongs to, how many days are left and why, how it came and went."""
    told = seen(actor, record)
    left = (told.returns_on - clock.today(actor.timezone)).days if told.returns_on else None
    awaited = sharing.awaited(record) if record.owner_id is None else None
    moves = list(read.moves_of(entity_of(record).key, record.pk))
    return {
        "left": left,
        "told": told,
        "why": dict(GROUNDS).get(told.returns_why or "", ""),
        "pool": told.pool,
        "moves": moves,
        "whys": {one.pk: why for one in moves if (why := _why_moved(one))},
        "sorts": dict(MOVES),
        "awaited": awaited,
        "wait": sharing.why_waiting(awaited, record) if awaited else "",
    }


def _why_moved(move: PoolMove) -> str:
    """Why a record went from one to another, '' where nobody said."""
    if move.reason == sharing.BY_RULE:
        return _("by the rule “%(name)s”") % {"name": move.note}
    known = dictionaries.value_of("pool_reason", move.reason)
    why = str(known.label if known else dict(GROUNDS).get(move.reason, ""))
    return ": ".join(one for one in (why, move.note) if one)


def going_back(actor: Actor, record: Any) -> Flag | None:
    """It returns to its pool soon."""
    if record.returns_on is None:
        return None
    left = (record.returns_on - clock.today(actor.timezone)).days
    if left > returns.SOON:
        return None
    text = ngettext("Back to the pool in %(num)d day", "Back to the pool in %(num)d days", left) % {"num": left}
    why = dict(GROUNDS).get(record.returns_why, "")
    words = text if left > 0 else _("Back to the pool today")
    if left < 0:  # the next recall takes it, unless somebody acts before
        words = ngettext("Due back in the pool for %(num)d day", "Due back in the pool for %(num)d days", -left) % {
            "num": -left
        }
    return Flag(words, why, "red" if left <= 3 else "amber", "hourglass", "#panel-holding")


def resting(actor: Actor, deal: Opportunity) -> Flag | None:
    """An open deal that has stood still too long."""
    why = selectors.stale(actor, deal)
    return Flag(_("Stale"), why, icon="hourglass", url="#panel-course") if why else None


def hot(actor: Actor, customer: Customer) -> Flag | None:
    """A hot opportunity is open with the customer."""
    if not reads(actor, DEAL, "name", "hot") or not leads(read.CUSTOMER, customer.pk, DEAL, "customer"):
        return None
    names = [name for (name,) in _HOT.rows(sight(actor), (actor,), customer.pk)]
    return Flag(_("Hot"), ", ".join(names), "red", "flame") if names else None


_HOT = Shaped(
    lambda actor, customer: (
        visible(Opportunity.objects.filter(customer_id=customer, category=OPEN, hot=True), actor)
        .order_by("pk")
        .values_list("name")[:3]
    ),
    [-7001],
)


def late(actor: Actor, deal: Opportunity) -> Flag | None:
    """The day an open deal was to be decided has passed."""
    if deal.category != OPEN or deal.close_on is None:
        return None
    days = (clock.today(actor.timezone) - deal.close_on).days
    if days < 1:
        return None
    text = ngettext("Close date passed %(num)d day ago", "Close date passed %(num)d days ago", days) % {"num": days}
    return Flag(text, _("Expected close: %(day)s") % {"day": deal.close_on.isoformat()}, "red", "calendar-due")


def large(actor: Actor, deal: Opportunity) -> Flag | None:
    """A deal large enough that somebody is told of it."""
    if not deal.large:
        return None
    alerts = deal.alerts.select_related("alert").order_by("pk")[:5]
    told = [f"{one.alert.name} ({clock.day_of(one.at, actor.timezone)})" for one in alerts]
    return Flag(_("Large deal"), _("Told: %(names)s") % {"names": ", ".join(told)} if told else "", "amber", "diamond")


def recipients(actor: Actor, rule: AssignRule) -> Mapping[str, Any]:
    """Whom a rule hands out to and who is next; of those whose records the reader sees, how many each holds; what it
    handed out lately of what he sees."""
    people = sharing.candidates(rule, sharing.members_of(rule))
    entity = entity_of(rule.subject)
    moves = sharing.given_by(rule)
    seen = visible(entity.model._default_manager.filter(pk__in=[one.record_id for one in moves]), actor)
    titles = {row.pk: display.title_of(entity, row, actor) for row in seen}
    reach = actor.rights.of(entity.key, "view")
    told = {one.user for one in people if actor.is_system or reach.everyone or one.user in reach.owners}
    by_area = rule.method == BY_TERRITORY
    names = display.names_of(actor, {"core.user": [one.user for one in people]}).get("core.user", {})
    waiting = visible(sharing.waiting(rule.subject), actor)[:WAITING] if rule.active else ()
    return {
        "people": [(one, names.get(one.user, "…"), one.user in told) for one in people],
        "next": None if by_area else sharing.in_turn(rule, people),
        "areas": sharing.takers() if by_area else [],
        "moves": [(one, titles[one.record_id]) for one in moves if one.record_id in titles],
        "waiting": [(one.pk, display.title_of(entity, one, actor), one.created_at) for one in sharing.fitting(rule, waiting)],
        "subject": entity,
        "reasons": {
            sharing.LEFT: _("has left"), sharing.FULL: _("holds as many as allowed"),
            sharing.AWAY: _("is away"), sharing.OFF: _("is not at work now"),
        },
    }  # fmt: skip


def overlaps(actor: Actor, territory: Territory) -> Mapping[str, Any]:
    """Where the territory and others claim the same customers."""
    return {"overlaps": sharing.overlaps(actor, territory)}


def contested(actor: Actor, territory: Territory) -> Flag | None:
    """Other territories claim the same customers."""
    found = sharing.overlaps(actor, territory) if territory.active else []
    names = list(dict.fromkeys(one.other.name for one in found))
    return (
        Flag(_("Overlaps with %(names)s") % {"names": ", ".join(names[:3])}, url="#panel-overlaps") if names else None
    )


def progress(actor: Actor, target: Target) -> Mapping[str, Any]:
    """What was reached of a target: the year, its quarters and months; and of the targets below it, as far as he sees them."""
    key = target._meta.label_lower
    if not reads(actor, key, *records.fields_of(key)):
        return {"lines": [], "parts": []}
    spans = [(_("Year"), 1, 12)]
    spans += [(_("Quarter %(number)d") % {"number": one}, one * 3 - 2, one * 3) for one in range(1, 5)]
    spans += [(f"{target.year}-{month:02}", month, month) for month in range(1, 13)]
    course = targets.course(target, [(first, last) for _label, first, last in spans])
    below = [
        (str(one.department or one.owner), f"/targets/{one.pk}/", targets.progress(one, 1, 12))
        for one in _below(actor, target)
    ]
    together = sum((one.base for _label, _url, one in below), ZERO)
    return {
        "lines": [(label, one) for (label, _first, _last), one in zip(spans, course, strict=True)],
        "money": target.measure != "count",
        "stretches": target.stretch is not None or any(one.stretch for _label, _url, one in below),
        "parts": below,
        "together": together,
        "missing": target.base - together,
    }


def _below(actor: Actor, target: Target) -> list[Target]:
    """The departments' targets of the company's, the people's of a department's; of the same year and measure."""
    if target.scope == PERSON:
        return []
    same = visible(Target.objects.filter(year=target.year, measure=target.measure), actor)
    same = same.select_related("owner", "department").order_by("-base", "pk")
    if target.scope == COMPANY:
        return list(same.filter(scope=DEPARTMENT)[:PARTS])
    return list(same.filter(scope=PERSON, owner__in=targets.people_of(target) or ())[:PARTS])


#: What of a lead tells whom it may be about.
COMPARED = ("company", "name", "phones", "emails")


def same(actor: Actor, lead: Lead) -> Mapping[str, Any]:
    """Customers and other leads that may be the same; those of others masked, with whom to ask."""
    if not reads(actor, read.LEAD, *COMPARED):
        return {"hits": []}
    values = {"name": lead.company or lead.name, "phones": lead.phones, "emails": lead.emails}
    customer, own = entity_of(read.CUSTOMER), entity_of(read.LEAD)
    found = [(customer.label, one) for one in hits(actor, customer, values, least=LEAST_SCORE, limit=6)]
    found += [(own.label, one) for one in hits(actor, own, lead, exclude=lead.pk, least=LEAST_SCORE, limit=6)]
    return {"hits": found}


#: So many contacts of a customer are compared with a lead.
PEOPLE = 200


@asked_once(lambda actor, lead: (actor.user_id, lead.pk))
def twins(actor: Actor, lead: Lead) -> list[tuple[Hit, int | None]]:
    """Customers a lead may be about, the surest first, those of others masked; and who there is the lead's person.

    A company of exactly the lead's name is sure: firms are registered once. What the actor does not read of the lead is
    not compared.
    """
    told = {name: getattr(lead, name) for name in COMPARED if reads(actor, read.LEAD, name)}
    values = {**told, "name": told.get("company") or told.get("name", "")}
    found = hits(actor, entity_of(read.CUSTOMER), values, least=LEAST_SCORE, limit=6)
    found = [replace(one, sure=one.sure or bool(told.get("company") and "name" in one.kinds)) for one in found]
    return [(one, _same_person(actor, lead, one.id) if one.visible else None) for one in found]


def _same_person(actor: Actor, lead: Lead, customer: int) -> int | None:
    hidden = matching.unseen(actor, entity_of(Contact))
    told = [name for name in ("phones", "emails", "name") if reads(actor, read.LEAD, name) and name not in hidden]
    mine = _said(lead, told)
    for one in visible(Contact.objects.filter(customer_id=customer), actor).order_by("pk")[:PEOPLE]:
        if not mine.isdisjoint(_said(one, told)):
            return int(one.pk)
    return None


def _said(record: Lead | Contact, names: Iterable[str]) -> set[tuple[str, str]]:
    return {(name, text) for name in names for text in entries(getattr(record, name)) if text}


def attaching(actor: Actor, lead: Lead) -> Mapping[str, Any]:
    """Above the form of a conversion: the customers it may be attached to, and why."""
    return {"twins": twins(actor, lead)}


def attached(actor: Actor, lead: Lead) -> Mapping[str, Any]:
    """What the form of a conversion begins with: a customer that is nearly certainly the same, and the person there."""
    sure = ({"customer": hit.id, "contact": who} for hit, who in twins(actor, lead) if hit.sure and hit.visible)
    return next(sure, {})
