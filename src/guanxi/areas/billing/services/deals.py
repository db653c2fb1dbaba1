"""From an opportunity to the documents that settle it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from guanxi.areas.billing.models import Quote
from guanxi.areas.billing.services import making
from guanxi.areas.sales.models import LOST, Opportunity
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import RuleBroken


def deal_to_quote(actor: Actor, record: Opportunity) -> Quote:
    """A quote for an opportunity, as a draft: its customer, contact, currency and lines. Raises RuleBroken when it is lost."""
    require(actor, "view", record)
    if record.category == LOST:
        raise RuleBroken(_("This opportunity is lost. Open it again first."), code="deal.lost")
    require(actor, "create", making.QUOTE)
    values = {
        "name": record.name,
        "customer": record.customer_id,
        "contact": record.contact_id,
        "opportunity": record.pk,
        "currency": record.currency,
        "owner": record.owner_id,
        "lines": making.lines_of(record),
    }
    made: Quote = records.create(actor, making.QUOTE, values, trusted=True)
    return made
