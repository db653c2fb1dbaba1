"""Orders and deliveries: confirming, cancelling, delivering, what came back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from guanxi.areas.billing import policies
from guanxi.areas.billing.models import (
    Delivery,
    DeliveryLine,
    Instalment,
    Order,
    OrderLine,
)
from guanxi.areas.billing.models.documents import (
    CANCELLED,
    CONFIRMED,
    DELIVERED,
    DELIVERING,
    DRAFT,
    RETURNED,
    SHIPPED,
)
from guanxi.areas.billing.services import credit, frameworks, making
from guanxi.areas.billing.services.making import DELIVERY, ORDER, ZERO
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.schema.registry import entity_of


def order_confirm(actor: Actor, record: Order) -> Order:
    """The order stands. Without a contract its money is owed. A customer beyond a blocking limit is refused."""
    require(actor, "change", record)
    with records.writing(actor):
        record = records.locked(actor, entity_of(ORDER), record.pk)
        if record.status != DRAFT:
            raise RuleBroken(_("This order is confirmed already."), code="order.state")
        if not record.lines.filter(deleted_at__isnull=True, sort="item").exists():
            raise Invalid(_("An order without lines orders nothing."), code="order.empty", field="lines")
        there = policies.owed_on_contract(record)
        if not there:
            policies.period_open(record.ordered_on, "ordered_on")
        plan = {} if there else making.plan_of(actor, record, due_on=record.due_on or record.ordered_on)
        if record.contract is not None and not there:
            frameworks.room_check(actor, record.contract, record, record.ordered_on or clock.today(actor.timezone))
        credit.within_limit(actor, record)
        confirmed: Order = making.step(actor, record, status=CONFIRMED, **plan)
    return confirmed


def order_cancel(actor: Actor, record: Order, *, note: str = "") -> Order:
    """Nothing will be delivered; not possible once something was delivered or paid."""
    if record.status not in (DRAFT, CONFIRMED):
        raise RuleBroken(_("Something was delivered already."), code="order.state")
    if record.received or record.written_off:
        raise RuleBroken(_("Money was received on this order already."), code="order.paid")
    with records.writing(actor):
        for row in Instalment.objects.filter(order_id=record.pk):
            records.delete_plain(actor, row)
        cancelled: Order = making.step(actor, record, status=CANCELLED, note=f"{record.note}\n{note}".strip())
    return cancelled


def left_to_deliver(order: Order) -> list[tuple[OrderLine, Decimal]]:
    """Lines of an order with what no delivery holds yet."""
    gone = DeliveryLine.objects.filter(order_line__order=order, delivery__deleted_at__isnull=True).exclude(
        delivery__status=RETURNED
    )
    sums: Any = gone.values_list("order_line_id").annotate(Sum("quantity"))
    known: dict[int, Decimal] = dict(sums)
    rows = order.lines.filter(deleted_at__isnull=True, sort="item").order_by("position", "pk")
    return [(row, left) for row in rows if (left := row.quantity - known.get(row.pk, ZERO)) > 0]


def order_deliver(
    actor: Actor, record: Order, *, shipped_on: dt.date | None = None, carrier: str = "", tracking: str = ""
) -> Delivery:
    """A delivery of all that is left, on its way from the day given; quantities can still be changed while prepared."""
    if record.status not in (CONFIRMED, DELIVERING):
        raise RuleBroken(_("Only a confirmed order can be delivered."), code="order.state")
    left = left_to_deliver(record)
    if not left:
        raise RuleBroken(_("Everything is on its way already."), code="order.delivered")
    require(actor, "create", DELIVERY)
    values = {
        "order": record.pk, "address": record.address, "carrier": carrier or "", "tracking_number": tracking or "",
        "shipped_on": shipped_on, "status": SHIPPED if shipped_on else DRAFT, "owner": record.owner_id,
        "customer": record.customer_id,
        "lines": [{"order_line": row.pk, "quantity": quantity} for row, quantity in left],
    }  # fmt: skip
    made: Delivery = records.create(actor, DELIVERY, values, trusted=True)
    return made


def delivery_ship(actor: Actor, record: Delivery, *, shipped_on: dt.date | None = None) -> Delivery:
    """The delivery leaves the house."""
    if record.status != DRAFT:
        raise RuleBroken(_("This delivery has left already."), code="delivery.state")
    shipped: Delivery = making.step(actor, record, status=SHIPPED, shipped_on=shipped_on or clock.today(actor.timezone))
    return shipped


def delivery_confirm(actor: Actor, record: Delivery, *, confirmed_on: dt.date | None = None, by: str = "") -> Delivery:
    """The customer has it: the order's lines count as delivered."""
    if record.status not in (DRAFT, SHIPPED):
        raise RuleBroken(_("This delivery is closed already."), code="delivery.state")
    day = confirmed_on or clock.today(actor.timezone)
    if record.shipped_on is not None and day < record.shipped_on:
        raise Invalid(_("It cannot arrive before it left."), code="dates.order", field="confirmed_on")
    with records.writing(actor):
        values = {
            "status": CONFIRMED,
            "confirmed_on": day,
            "confirmed_by": by[:100],
            "shipped_on": record.shipped_on or day,
        }
        confirmed: Delivery = making.step(actor, record, **values)
        delivered_count(actor, record.order_id, day)
    return confirmed


def delivery_return(actor: Actor, record: Delivery, *, note: str = "") -> Delivery:
    """It came back: what was in it is to be delivered again."""
    if record.status not in (SHIPPED, CONFIRMED):
        raise RuleBroken(_("Only what has left can come back."), code="delivery.state")
    with records.writing(actor):
        returned: Delivery = making.step(actor, record, status=RETURNED, note=(note or record.note)[:300])
        delivered_count(actor, record.order_id, None)
    return returned


def delivered_count(actor: Actor, order_id: int, day: dt.date | None) -> None:
    """Delivered quantities of an order's lines and its state, from its confirmed deliveries."""
    order = records.locked(actor, entity_of(ORDER), order_id)
    confirmed = DeliveryLine.objects.filter(
        delivery__order=order, delivery__status=CONFIRMED, delivery__deleted_at__isnull=True
    )
    sums: Any = confirmed.values_list("order_line_id").annotate(Sum("quantity"))
    known: dict[int, Decimal] = dict(sums)
    rows = list(order.lines.filter(deleted_at__isnull=True, sort="item"))
    moved = [row for row in rows if row.delivered != known.get(row.pk, ZERO)]
    for row in moved:
        row.delivered = known.get(row.pk, ZERO)
    OrderLine.objects.bulk_update(moved, ["delivered"])
    whole = all(row.delivered >= row.quantity for row in rows)
    state = DELIVERED if whole else DELIVERING if any(row.delivered for row in rows) else CONFIRMED
    records.update(actor, order, {"status": state, "delivered_on": day if whole else None}, trusted=True)
