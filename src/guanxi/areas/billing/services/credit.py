"""Credit limits that refuse: asked where a document comes to stand."""

from __future__ import annotations

from guanxi.areas.billing import policies, selectors
from guanxi.areas.billing.models import Contract, CreditLimit, Order
from guanxi.core.kernel.errors import RuleBroken


def within_limit(document: Contract | Order) -> None:
    """Raise RuleBroken where an order or a contract brings its customer beyond a limit that refuses. The limit is held until
    the document stands, so that of two at once the second reckons with the first."""
    limit = CreditLimit.objects.select_for_update(of=("self",)).filter(customer_id=document.customer_id, blocks=True)
    if limit.first() is None:
        return
    found = selectors.credit_of(document.customer, adding=policies.adds(document), currency=document.currency)
    if found.exceeded or found.problem:  # what cannot be reckoned is not within the limit
        raise RuleBroken(found.problem or found.text, code="credit.limit")
