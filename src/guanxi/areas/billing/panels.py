"""Blocks on record pages and cards of the home page. They read; they never write."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.areas.billing import policies, selectors
from guanxi.areas.billing.models import (
    Allocation,
    BankEntry,
    CommissionStatement,
    Contract,
    Order,
    PublicLink,
    Quote,
    Receipt,
)
from guanxi.areas.billing.models.documents import SIGNED
from guanxi.areas.billing.models.money import NEW, OUT
from guanxi.areas.billing.services import allocatable, frameworks, links, papers, proposing
from guanxi.areas.billing.services import credit as limits
from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.access import allowed, reads, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.memo import asked_once
from guanxi.core.records import dictionaries, display
from guanxi.core.records.children import leads
from guanxi.core.records.rates import base_currency
from guanxi.core.records.seen import seen
from guanxi.core.schema.entity import Flag
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import addresses, formats
from guanxi.core.web.contributions import Card, Entry, add_cards, add_entries
from guanxi.core.web.jinja import with_query
from guanxi.core.web.reports.shown import node_url

INSTALMENT = "billing.instalment"
SHOWN = 8
#: How many lines of a commission statement its page shows.
LINES = 500


@dataclass(frozen=True, slots=True)
class Node:
    """One record of a chain: its title, address, state and amount."""

    title: str
    url: str
    state: str
    amount: Any
    currency: str
    here: bool


def _amount(actor: Actor, record: Any) -> Any:
    """What a record is about in money, for who may read it."""
    name = "total" if hasattr(record, "total") else "amount"
    return getattr(record, name, None) if reads(actor, entity_of(record), name) else None


def _nodes(actor: Actor, found: Sequence[Any], here: Any) -> list[Node]:
    nodes = []
    for whole in found:
        entity, one = entity_of(whole), seen(actor, whole)
        field = records.fields_of(entity).get("status")
        state = dictionaries.label_of(field, one.status) if field is not None and one.status else ""
        if getattr(one, "amends_id", None):
            state = _("Amendment · %(state)s") % {"state": state}
        title = getattr(one, "number", "") or getattr(one, "due_on", "") or display.title_of(entity, whole, actor)
        nodes.append(
            Node(
                str(title),
                addresses.record_url(entity, one.pk),
                state,
                _amount(actor, whole),
                getattr(whole, "currency", ""),
                whole.pk == here.pk and type(whole) is type(here),
            )
        )
    return nodes


def chain(actor: Actor, record: Any) -> Mapping[str, Any]:
    """The deal a record belongs to, stage by stage, both ways; and the strip confirmed → delivered → paid."""
    found = selectors.chain(actor, record)
    stages = [
        (_("Quote"), "file-text", _nodes(actor, found.quotes, record)),
        (_("Contract"), "contract", _nodes(actor, found.contracts, record)),
        (_("Sales order"), "shopping-cart", _nodes(actor, found.orders, record)),
        (_("Delivery"), "truck-delivery", _nodes(actor, found.deliveries, record)),
        (_("Instalment"), "calendar-due", _nodes(actor, found.instalments, record)),
        (_("Receipt"), "cash", _nodes(actor, found.receipts, record)),
        (_("Invoice"), "file-invoice", _nodes(actor, found.invoices, record)),
    ]
    steps = [(_("Sales confirmed"), found.confirmed), (_("Delivered"), found.delivered), (_("Paid"), found.paid)]
    known = all(reads(actor, f"billing.{one}", "status", "open") for one in ("contract", "order"))
    return {"stages": [one for one in stages if one[2]], "steps": steps if known else []}


def versions(actor: Actor, record: Quote) -> Mapping[str, Any]:
    """The versions of a quote, the newest first, each with what differs from the one before."""
    found = selectors.family(actor, record)
    url = addresses.record_url(entity_of(record), record.pk)
    rows = [
        (node, one.revision, f"{url}versions/?old={before.pk}&new={one.pk}" if before is not None else "")
        for node, one, before in zip(_nodes(actor, found, record), found, [None, *found], strict=False)
    ]
    return {"versions": rows[::-1]}


def credit(actor: Actor, record: Quote | Contract | Order) -> Mapping[str, Any]:
    """A warning where the customer owes more than he may, or owes late."""
    found = limits.told(actor, record)
    return {"credit": found if found is not None and (found.warns or found.problem) else None}


def frame(actor: Actor, record: Contract) -> Mapping[str, Any]:
    """A framework with what was called off under it; of a contract under one, the framework and what is left there."""
    above = record if policies.frames(record) else record.framework
    if above is None or not frameworks.tells(actor, above):
        return {"framed": None}
    contracts, orders = frameworks.calls(above)
    shown: list[Any] = []
    if above.pk == record.pk:
        shown += visible(contracts, actor).order_by("-signed_on", "-pk")[:SHOWN]
        shown += visible(orders, actor).order_by("-ordered_on", "-pk")[:SHOWN]
    return {
        "framed": frameworks.framed(above),
        "frame": None if above.pk == record.pk else seen(actor, above),
        "url": addresses.record_url(entity_of(above), above.pk),
        "calls": _nodes(actor, shown, record),
        "may_call": above.pk == record.pk and above.status == SIGNED and allowed(actor, "create", "billing.contract"),
    }


def printing(actor: Actor, record: Any) -> Mapping[str, Any]:
    """PDFs of a document, in both languages; the reader's first."""
    languages = [("zh-hans", "中文"), ("en", "English")]
    languages.sort(key=lambda one: one[0] != actor.language)
    url = f"{addresses.record_url(entity_of(record), record.pk)}print/"
    return {
        "links": [(label, f"{url}{key}.pdf") for key, label in languages] if papers.may_print(actor, record) else []
    }


def link(actor: Actor, record: Any) -> Mapping[str, Any]:
    """Until when a link for the customer holds, and how often it was opened; its secret is shown once, when made."""
    rows = PublicLink.objects.filter(
        entity=entity_of(record).key, record_id=record.pk, ended_at__isnull=True, expires_at__gt=clock.now()
    )
    return {
        "found": rows.order_by("-pk").first(),
        "may_end": allowed(actor, "change", record),
        "may_make": links.answerable(record) and papers.may_print(actor, record),
        "url": addresses.record_url(entity_of(record), record.pk),
    }


def allocations(actor: Actor, receipt: Receipt) -> Mapping[str, Any]:
    """What a receipt settles, and what it could."""
    if not reads(actor, "billing.allocation", "amount") or not selectors.tells_owed(actor):
        return {"rows": [], "owed": [], "may_book": False, "may_take": False, "here": ""}
    rows = list(
        visible(Allocation.objects.filter(receipt_id=receipt.pk), actor).select_related(
            "instalment", "instalment__contract", "instalment__order"
        )
    )
    may = allowed(actor, "change", receipt)
    owed = allocatable.owed_by(actor, receipt).select_related("contract", "order")[:SHOWN] if receipt.free else []
    return {
        "rows": [(row, *_goes_to(actor, row)) for row in rows],
        "owed": [(row, selectors.instalment_name(actor, row)) for row in owed],
        "may_book": may,
        "may_take": may and allowed(actor, "delete", "billing.allocation"),
        "here": addresses.record_url(entity_of(receipt), receipt.pk),
    }


def _goes_to(actor: Actor, row: Allocation) -> tuple[str, str]:
    """What an allocation settles, by name and address; the allocation itself for who does not see that."""
    if allowed(actor, "view", row.instalment) and reads(actor, "billing.allocation", "instalment"):
        name = selectors.instalment_name(actor, row.instalment)
        return name, addresses.record_url(entity_of(INSTALMENT), row.instalment_id)
    entity = entity_of(row)
    return display.title_of(entity, row, actor), addresses.record_url(entity, row.pk)


def matches(actor: Actor, entry: BankEntry) -> Mapping[str, Any]:
    """Whom a bank entry may be from and what it may settle."""
    if entry.status != NEW or not allowed(actor, "change", entry):
        return {"found": [], "waiting": False}
    return {"found": proposing.proposals(actor, entry), "waiting": True, "url": f"/bank-entries/{entry.pk}/do/book/"}


def arithmetic(actor: Actor, statement: CommissionStatement) -> Mapping[str, Any]:
    """A statement line by line, each leading to the payment or contract it comes from, where the reader may see that."""
    if not reads(actor, entity_of(statement), "base_amount", "pay", "currency", "steps", "achievement"):
        return {"lines": [], "more": 0, "statement": None}
    items = list(statement.items.order_by("position")[:LINES])
    urls: dict[str, str] = {}
    for kind, model in (("allocation", Allocation), ("contract", Contract)):
        ids = [int(one.source.partition(":")[2]) for one in items if one.source.startswith(f"{kind}:")]
        known = visible(model.objects.filter(pk__in=ids), actor).values_list("pk", flat=True) if ids else []
        urls |= {f"{kind}:{pk}": addresses.record_url(entity_of(f"billing.{kind}"), pk) for pk in known}
    more, lines = statement.items.count() - len(items), [(one, urls.get(one.source, "")) for one in items]
    plan = statement.plan
    told = allowed(actor, "view", plan) and reads(actor, entity_of(plan), "target")
    return {"lines": lines, "more": more, "statement": statement, "target": plan.target if told else None}


@asked_once(lambda actor, customer: (actor.user_id, customer.pk))
def account(actor: Actor, customer: Customer) -> Mapping[str, Any]:
    """What a customer owes by age, his credit, and the way to his account statement."""
    if not selectors.tells_owed(actor):
        return {"aged": [], "credit": None, "currencies": []}
    today = clock.today(actor.timezone)
    owes = _has(customer, INSTALMENT)
    aged = selectors.ageing(actor, on=today, customer_ids=[customer.pk]) if owes else []
    limited = owes or _has(customer, "billing.creditlimit")
    trades = any(_has(customer, one) for one in ("billing.contract", "billing.order", "billing.receipt"))
    known = selectors.currencies_of(actor, customer) if trades else [base_currency()]
    return {
        "aged": aged,
        "labels": [_("not due"), _("1–30 days"), _("31–60 days"), _("61–90 days"), _("over 90 days")],
        "credit": selectors.credit_seen(actor, customer) if limited else None,
        "currencies": known if selectors.tells_account(actor) else [],
        "url": f"/customers/{customer.pk}/account/",
    }


def money_late(actor: Actor, customer: Customer) -> Flag | None:
    """What a customer should have paid by now, as far as the actor may see it; and a credit limit that is used up."""
    found = account(actor, customer)
    sums = [(sum(one.classes[1:], selectors.ZERO), one.currency) for one in found["aged"]]
    late = " + ".join(formats.money(amount, currency) for amount, currency in sums if amount > 0)
    credit = found["credit"]
    words = credit.text if credit else ""
    if late:
        return Flag(_("%(amount)s overdue") % {"amount": late}, words, "red", "cash", "#panel-account")
    return (
        Flag(_("Credit limit used up"), words, "red", "cash", "#panel-account") if credit and credit.exceeded else None
    )


def unpaid(actor: Actor, document: Contract | Order) -> Flag | None:
    """What of a contract or order should have been paid by now."""
    if not selectors.tells_owed(actor):
        return None
    name = document._meta.model_name or ""
    rows = visible(selectors.owed().filter(**{name: document.pk}), actor)
    amount = rows.filter(due_on__lt=clock.today(actor.timezone)).aggregate(sum=Sum("open"))["sum"]
    if not amount:
        return None
    return Flag(_("%(amount)s overdue") % {"amount": formats.money(amount, document.currency)}, "", "red", "cash")


def paid_back(_actor: Actor, receipt: Receipt) -> Flag | None:
    """That this money went out, not in."""
    return Flag(_("Paid back"), "", "amber", "arrow-forward-up") if receipt.sort == OUT else None


def _has(customer: Customer, key: str) -> bool:
    return leads("customers.customer", customer.pk, key, "customer")


# -- home --------------------------------------------------------------------------------------------------------------


def _listed(
    actor: Actor, entity: str, tree: Mapping[str, Any], sort: str, at: str, note: str
) -> Mapping[str, Any] | None:
    """Rows of a card, how many there are, and the list with the same rows; nothing for who may not read what chooses them."""
    if not allowed(actor, "view", entity):
        return None
    try:
        page = records.select(actor, entity, filter=tree, sort=(sort,), limit=SHOWN)
    except Invalid:
        return None
    if not page.items:
        return None
    declared = entity_of(entity)
    customers = display.names_of(actor, {"customers.customer": {one.customer_id for one in page.items}}).get(
        "customers.customer", {}
    )
    lines = [
        {
            "url": addresses.record_url(declared, one.pk),
            "title": customers.get(one.customer_id, "") or display.title_of(declared, one, actor),
            "amount": one.open
            if getattr(one, "open", None) and reads(actor, declared, "open")
            else _amount(actor, one),
            "currency": one.currency,
            "at": getattr(one, at),
            "late": bool(getattr(one, at)) and getattr(one, at) < clock.today(actor.timezone),
        }
        for one in page.items
    ]
    url = with_query(node_url(declared, dict(tree)), sort=sort)
    return {"lines": lines, "count": page.count, "exact": page.count_exact, "url": url, "note": note}


def _mine(actor: Actor) -> list[dict[str, Any]]:
    """Own records for those who sell; everything they see for those who keep the books."""
    sees_all = actor.rights.everything or actor.rights.of("billing.receipt", "create").everyone
    return [] if sees_all else [{"field": "owner", "op": "eq", "value": "@me"}]


def instalments_due(actor: Actor) -> Mapping[str, Any] | None:
    """Instalments open and due up to a week from now, the latest first."""
    until = clock.today(actor.timezone) + dt.timedelta(days=7)
    tree = {"all": [
        selectors.OWED,
        {"field": "due_on", "op": "lte", "value": until.isoformat()},
        *_mine(actor),
    ]}  # fmt: skip
    return _listed(
        actor,
        "billing.instalment",
        tree,
        "due_on",
        "due_on",
        _("Open and due up to %(day)s.") % {"day": until.isoformat()},
    )


def contracts_ending(actor: Actor) -> Mapping[str, Any] | None:
    """Signed contracts that end within sixty days."""
    today = clock.today(actor.timezone)
    tree = {"all": [
        {"field": "status", "op": "eq", "value": "signed"},
        {"field": "ends_on", "op": "gte", "value": today.isoformat()},
        {"field": "ends_on", "op": "lte", "value": (today + dt.timedelta(days=60)).isoformat()},
        *_mine(actor),
    ]}  # fmt: skip
    return _listed(actor, "billing.contract", tree, "ends_on", "ends_on", _("Signed, and ending within 60 days."))


def invoices_asked(actor: Actor) -> Mapping[str, Any] | None:
    """Invoices asked for and not issued yet."""
    tree = {"all": [{"field": "status", "op": "eq", "value": "requested"}, *_mine(actor)]}
    return _listed(actor, "billing.invoice", tree, "requested_on", "requested_on", _("Asked for, and not issued yet."))


for _key, _label, _icon, _context, _order in (
    ("billing.due", gettext_lazy("Instalments due"), "calendar-due", instalments_due, 30),
    ("billing.ending", gettext_lazy("Contracts ending"), "contract", contracts_ending, 40),
    ("billing.to_invoice", gettext_lazy("To invoice"), "file-invoice", invoices_asked, 45),
):
    add_cards(
        Card(key=_key, label=_label, template="billing/due_card.jinja", context=_context, icon=_icon, order=_order)
    )
add_entries(
    Entry(
        key="billing.ageing",
        label=gettext_lazy("Receivables by age"),
        url="/receivables/",
        shown=selectors.tells_owed,
        icon="hourglass",
        place="money",
        order=35,
    ),
    Entry(
        key="billing.statements",
        label=gettext_lazy("Bank statement"),
        url="/bank-statement/",
        icon="building-bank",
        place="money",
        order=45,
    ),
)
