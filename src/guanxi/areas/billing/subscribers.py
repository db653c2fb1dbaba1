"""What follows from contracts elsewhere: the day a customer returns to the pool."""

from __future__ import annotations

from guanxi.areas.billing.models import Contract
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.services import pools
from guanxi.core.kernel.events import Event, subscribe


@subscribe("billing.contract.*")
def contract_counts(event: Event) -> None:
    """A contract was signed, ended, moved in time or taken away."""
    watched = {"status", "ends_on", "customer"}
    if event.changes and not watched & set(event.changes):
        return
    ids = Contract.everything.filter(pk=event.record_id or 0).values_list("customer_id", flat=True)
    before = (event.changes or {}).get("customer", [None])[0]
    found = [number for number in (*ids, before) if isinstance(number, int)]
    if found:
        pools.returns_refresh(read.CUSTOMER, found)
