"""What money may be booked on, and what of it can be taken back: offered by forms, asked by bookings."""

from __future__ import annotations

from django.db.models import Q

from guanxi.areas.billing.models import Instalment, Receipt
from guanxi.areas.billing.models.documents import OWING_CONTRACTS, OWING_ORDERS
from guanxi.areas.billing.models.money import ISSUED


def instalments_for(receipt: Receipt) -> Q:
    """What holds for instalments a receipt may go to: open ones of its customer and currency, on documents that stand."""
    owing = Q(contract__status__in=OWING_CONTRACTS, contract__deleted_at__isnull=True)
    owing |= Q(order__status__in=OWING_ORDERS, order__deleted_at__isnull=True)
    return owing & Q(customer_id=receipt.customer_id, currency=receipt.currency, open__gt=0)


def invoices_of(receipt: Receipt) -> Q:
    """What holds for invoices a receipt may pay: issued ones of its customer and currency."""
    return Q(customer_id=receipt.customer_id, currency=receipt.currency, status=ISSUED)


def allocations_of(receipt: Receipt) -> Q:
    """What holds for the allocations of a receipt."""
    return Q(receipt_id=receipt.pk)


def owed_by(receipt: Receipt) -> list[Instalment]:
    """Open instalments a receipt may go to, the longest due first."""
    return list(Instalment.objects.filter(instalments_for(receipt)).order_by("due_on", "pk"))
