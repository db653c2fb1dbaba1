"""Money of one instalment, entered and allocated in one step."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from guanxi.areas.billing.models import Instalment, Receipt
from guanxi.areas.billing.services import allocatable, ledger
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor


def instalment_receive(
    actor: Actor,
    record: Instalment,
    *,
    amount: Decimal | None = None,
    received_on: dt.date | None = None,
    method: str = "",
    reference: str = "",
) -> Receipt:
    """A receipt for an instalment, allocated to it as far as it fits; without an amount all that is open.

    What is more stays free on the receipt. Raises Denied without the right to enter receipts.
    """
    allocatable.require_amount(actor, amount)
    values = {
        "customer": record.customer_id, "currency": record.currency, "amount": record.open if amount is None else amount,
        "received_on": received_on or clock.today(actor.timezone), "reference": reference, "owner": record.owner_id,
        **({"method": method} if method else {}),
    }  # fmt: skip
    with records.writing(actor):
        receipt: Receipt = records.create(actor, ledger.RECEIPT, values)
        ledger.receipt_book(actor, receipt, instalment=record.pk, amount=min(receipt.free, record.open))
    receipt.refresh_from_db()
    return receipt
