"""Two years of small orders with a rhythm of each customer's own.

The analysis pages live from these: some customers buy ever more, some ever less, some stopped, some came lately. Orders are entered as rows
at once, delivered and paid, so that they burden neither the ageing of debts nor the start of the demo.
"""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

from guanxi.areas.billing.models import Order, OrderLine
from guanxi.areas.catalog.models import Product
from guanxi.areas.customers.models import Customer
from guanxi.core.kernel.actor import Actor
from guanxi.core.records.search import index
from guanxi.core.schema.registry import entity_of

BUYERS, DAYS = 340, 760
CENT = Decimal("0.01")
TAX = Decimal("1.13")


def fill(actor: Actor, chance: random.Random, today: dt.date) -> None:
    """Enter the orders; within one transaction."""
    customers = list(Customer.objects.filter(owner__isnull=False, kind="organisation").order_by("pk")[:BUYERS])
    goods = list(Product.objects.filter(tax_class="13").order_by("price", "pk"))
    bundles = [goods[start : start + 4] for start in range(0, len(goods), 4)]
    orders: list[Order] = []
    lines: list[list[OrderLine]] = []
    for place, customer in enumerate(customers):
        bundle, size = bundles[place % len(bundles)], chance.lognormvariate(0, 0.8)
        for day in _days(chance, place, today):
            chosen = _chosen(chance, bundle, goods)
            made = [_line(chance, product, size) for product in chosen]
            orders.append(_order(actor, customer, day, len(orders) + 1, made))
            lines.append(made)
    stored = Order.objects.bulk_create(orders, batch_size=1000)
    flat = []
    for order, made in zip(stored, lines, strict=True):
        for position, line in enumerate(made):
            line.order, line.carrier_owner_id, line.owner_id, line.position = order, order.owner_id, order.owner_id, position  # fmt: skip
            flat.append(line)
    OrderLine.objects.bulk_create(flat, batch_size=2000)
    index.later(entity_of("billing.order"), [one.pk for one in stored])


def _days(chance: random.Random, place: int, today: dt.date) -> list[dt.date]:
    """Days of purchase: a gap of the customer's own, which shrinks, stays or grows; every third customer has stopped some day."""
    gap = float(chance.choice((28, 35, 45, 60, 90, 120)))
    at = chance.randint(0, DAYS - 30 if place % 4 == 0 else DAYS // 3)
    drift = (0.97, 1.0, 1.0, 1.06)[place % 4]
    end = DAYS - (chance.randint(40, 600) if place % 3 == 0 else 0)
    days = []
    while at <= end:
        days.append(today - dt.timedelta(days=DAYS - at))
        at += max(3, round(gap * chance.lognormvariate(0, 0.55)))
        gap = min(200.0, max(12.0, gap * drift))
    return days


def _chosen(chance: random.Random, bundle: list[Product], goods: list[Product]) -> list[Product]:
    """What goes into one order: mostly things of the customer's own bundle, which are bought together."""
    chosen = {one.pk: one for one in bundle if chance.random() < 0.55} or {bundle[0].pk: bundle[0]}
    if chance.random() < 0.25:
        other = chance.choice(goods)
        chosen[other.pk] = other
    return list(chosen.values())


def _line(chance: random.Random, product: Product, size: float) -> OrderLine:
    price = product.price or Decimal(100)
    quantity = Decimal(max(1, round(size * min(20.0, 6000 / float(price)) * chance.uniform(0.4, 1.6))))
    amount = (price * quantity).quantize(CENT)
    net = (amount / TAX).quantize(CENT)
    return OrderLine(
        product=product, name=product.name, unit=product.unit, quantity=quantity, price=price, base_price=price, tax_class=product.tax_class, cost=product.cost,
        net=net, tax=amount - net, amount=amount, delivered=quantity,
    )  # fmt: skip


def _order(actor: Actor, customer: Customer, day: dt.date, number: int, lines: list[OrderLine]) -> Order:
    total, net = sum((one.amount for one in lines), Decimal(0)), sum((one.net for one in lines), Decimal(0))
    cost = sum(((one.cost or Decimal(0)) * one.quantity for one in lines), Decimal(0)).quantize(CENT)
    return Order(
        number=f"SH{day:%y%m}-{number:05}", name="备件补货", customer=customer, owner_id=customer.owner_id, carrier_owner_id=customer.owner_id, created_by_id=actor.user_id,
        status="delivered", ordered_on=day, due_on=day + dt.timedelta(days=7), delivered_on=day + dt.timedelta(days=5), rate=Decimal(1),
        net=net, tax=total - net, total=total, received=total, open=Decimal(0), margin=net - cost, margin_percent=(100 * (net - cost) / net).quantize(CENT) if net else None,
    )  # fmt: skip
