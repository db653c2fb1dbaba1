"""What money may be booked on, and what of it can be taken back: offered by forms, asked by bookings."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from guanxi.areas.billing.models import Instalment, Receipt
from guanxi.areas.billing.models.money import ISSUED
from guanxi.areas.billing.selectors import IS_OWED


def instalments_for(receipt: Receipt) -> Q:
    """What holds for instalments a receipt may go to: open ones of its customer and currency, on documents that stand."""
    return IS_OWED & Q(customer_id=receipt.customer_id, currency=receipt.currency)


def invoices_of(receipt: Receipt) -> Q:
    """What holds for invoices a receipt may pay: issued ones of its customer and currency."""
    return Q(customer_id=receipt.customer_id, currency=receipt.currency, status=ISSUED)


def allocations_of(receipt: Receipt) -> Q:
    """What holds for the allocations of a receipt."""
    return Q(receipt_id=receipt.pk)


def owed_by(receipt: Receipt) -> QuerySet[Instalment]:
    """Open instalments a receipt may go to, the longest due first."""
    return Instalment.objects.filter(instalments_for(receipt)).order_by("due_on", "pk")
