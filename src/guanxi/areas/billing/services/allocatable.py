"""What money may be booked on, and what of it can be taken back: offered by forms, asked by bookings.

Money is booked on what one sees: the instalment and the contract or order it is of.
"""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing.models import Instalment, Receipt
from guanxi.areas.billing.models.money import ISSUED
from guanxi.areas.billing.selectors import IS_OWED, documents_seen, tells_owed
from guanxi.core.access import reads, visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, Text

FREE = _("%(most)s of this money is not allocated yet.")
OPEN = _("Only %(most)s are open there.")
MORE = _("This is more than there is.")


def instalments_for(actor: Actor, receipt: Receipt) -> Q:
    """What holds for instalments a receipt may go to: open ones of its customer and currency, on documents that stand."""
    return IS_OWED & documents_seen(actor) & Q(customer_id=receipt.customer_id, currency=receipt.currency)


def invoices_of(_actor: Actor, receipt: Receipt) -> Q:
    """What holds for invoices a receipt may pay: issued ones of its customer and currency."""
    return Q(customer_id=receipt.customer_id, currency=receipt.currency, status=ISSUED)


def allocations_of(_actor: Actor, receipt: Receipt) -> Q:
    """What holds for the allocations of a receipt."""
    return Q(receipt_id=receipt.pk)


def bookable(actor: Actor) -> QuerySet[Instalment]:
    """Instalments the actor may book money on."""
    return visible(Instalment.objects.filter(documents_seen(actor)), actor)


def owed_by(actor: Actor, receipt: Receipt) -> QuerySet[Instalment]:
    """Open instalments the actor may book a receipt on, the longest due first; none where he may not know what is owed."""
    rows = visible(Instalment.objects.filter(instalments_for(actor, receipt)), actor).order_by("due_on", "pk")
    return rows if tells_owed(actor) else rows.none()


def require_amount(actor: Actor, amount: Decimal | None) -> None:
    """Raise Invalid where no amount is given by somebody who may not be told what is open."""
    if amount is None and not reads(actor, "billing.instalment", "open"):
        raise Invalid(_("This must be filled."), code="value.required", field="amount")


def most_free(actor: Actor) -> Text:
    """What is said where more than is free of a receipt is given; how much that is to who may read it."""
    return FREE if reads(actor, "billing.receipt", "free") else MORE


def most_open(actor: Actor) -> Text:
    """What is said where more than is open of an instalment is given; how much that is to who may read it."""
    return OPEN if reads(actor, "billing.instalment", "open") else MORE
