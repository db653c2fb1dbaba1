"""Credit limits: what they say of a document, and those that refuse, asked where one comes to stand."""

from __future__ import annotations

from guanxi.areas.billing import policies, selectors
from guanxi.areas.billing.models import Contract, CreditLimit, Order, Quote
from guanxi.core.access import reads
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.schema.registry import entity_of


def told(actor: Actor, document: Quote | Contract | Order) -> selectors.Credit | None:
    """What the actor may know of the customer's credit with a document; ``None`` where that is nothing."""
    if not reads(actor, entity_of(document), "customer", "total", "currency", "status"):
        return None
    counted = getattr(document, "open", None) is not None  # among what he owes already
    adding = selectors.ZERO if counted else policies.adds(document)
    return selectors.credit_seen(actor, document.customer, adding=adding, currency=document.currency)


def within_limit(actor: Actor, document: Contract | Order) -> None:
    """Raise RuleBroken where an order or a contract brings its customer beyond a limit that refuses. The limit is held until
    the document stands, so that of two at once the second reckons with the first. Sums are told to who sees all of them."""
    limit = CreditLimit.objects.select_for_update(of=("self",)).filter(customer_id=document.customer_id, blocks=True)
    if limit.first() is None:
        return
    found = selectors.credit_of(document.customer, adding=policies.adds(document), currency=document.currency)
    if found.exceeded or found.problem:  # what cannot be reckoned is not within the limit
        text = found.problem or found.text if told(actor, document) == found else selectors.beyond_limit()
        raise RuleBroken(text, code="credit.limit")
