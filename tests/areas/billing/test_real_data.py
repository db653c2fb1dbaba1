"""Northwind and AdventureWorks as catalogue, orders, deliveries and receipts: sums equal those of the raw files."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Count, Sum

from guanxi.areas.billing import selectors
from guanxi.areas.billing.models import Delivery, Instalment, Order, OrderLine, Receipt
from guanxi.areas.billing.services import ledger
from guanxi.areas.billing.services import orders as ordering
from guanxi.areas.catalog.models import Product
from guanxi.core.records import many
from tests.factories.cast import Cast

DATA = Path(__file__).parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "northwind").is_dir(), reason="the shared data are not here"),
]
CENT = Decimal("0.01")


def rows_of(*place: str) -> list[dict[str, str]]:
    path = DATA.joinpath(*place)
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def day_of(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text[:10]) if text and text != "NULL" else None


def enter(cast: Cast, entity: str, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Ids by the number elsewhere; every row must be accepted."""
    made = many.insert_many(cast.root, entity, rows, quiet=True)
    assert [one for one in made if isinstance(one, Exception)] == []
    return {str(row.get("external_id")): one.pk for row, one in zip(rows, made, strict=True)}


def amount(quantity: str, price: str, discount: str) -> Decimal:
    """A line of the raw file, by hand."""
    exact = Decimal(quantity) * Decimal(price) * (1 - Decimal(discount))
    return exact.quantize(CENT, rounding=ROUND_HALF_UP)


def test_northwind(cast: Cast) -> None:
    customers = enter(cast, "customers.customer", [
        {"name": one["companyName"], "external_id": one["customerID"], "owner": cast.alice_user.pk} for one in rows_of("northwind", "customers.csv")
    ])  # fmt: skip
    categories = {
        one["categoryID"]: made.pk
        for one, made in zip(
            rows_of("northwind", "categories.csv"),
            many.insert_many(
                cast.root,
                "catalog.category",
                [{"name": row["categoryName"]} for row in rows_of("northwind", "categories.csv")],
            ),
            strict=True,
        )
    }
    products = enter(cast, "catalog.product", [
        {
            "name": one["productName"], "external_id": one["productID"], "category": categories[one["categoryID"]], "currency": "CNY",
            "price": Decimal(one["unitPrice"]), "specification": one["quantityPerUnit"], "tax_class": "0",
            "status": "retired" if one["discontinued"] == "1" else "active",
        }
        for one in rows_of("northwind", "products.csv")
    ])  # fmt: skip
    raw_orders, raw_lines = rows_of("northwind", "orders.csv"), rows_of("northwind", "order_details.csv")
    orders = enter(cast, "billing.order", [
        {
            "name": f"Northwind {one['orderID']}", "external_id": one["orderID"], "customer": customers[one["customerID"]],
            "ordered_on": day_of(one["orderDate"]), "due_on": day_of(one["requiredDate"]), "address": one["shipAddress"],
            "currency": "CNY", "owner": cast.alice_user.pk, "prices_with_tax": True,
        }
        for one in raw_orders
    ])  # fmt: skip
    names = dict(Product.objects.values_list("pk", "name"))
    enter(cast, "billing.orderline", [
        {
            "order": orders[one["orderID"]], "product": products[one["productID"]], "name": names[products[one["productID"]]], "sort": "item",
            "quantity": Decimal(one["quantity"]), "price": Decimal(one["unitPrice"]), "discount": Decimal(one["discount"]) * 100, "tax_class": "0",
        }
        for one in raw_lines
    ])  # fmt: skip
    expected: dict[str, Decimal] = defaultdict(Decimal)
    by_category: dict[int, Decimal] = defaultdict(Decimal)
    category_of = {one["productID"]: categories[one["categoryID"]] for one in rows_of("northwind", "products.csv")}
    for one in raw_lines:
        line = amount(one["quantity"], one["unitPrice"], one["discount"])
        expected[one["orderID"]] += line
        by_category[category_of[one["productID"]]] += line
    assert (len(orders), OrderLine.objects.count(), len(products)) == (830, 2155, 77)
    assert dict(Order.objects.values_list("external_id", "total")) == dict(expected)
    assert Order.objects.aggregate(all=Sum("total"))["all"] == sum(expected.values())
    stored: Any = OrderLine.objects.order_by().values_list("product__category_id").annotate(Sum("amount"))
    assert dict(stored) == dict(by_category)
    _deliver_and_pay(cast, raw_orders, orders, expected)


def _deliver_and_pay(cast: Cast, raw: list[dict[str, str]], ids: dict[str, int], expected: dict[str, Decimal]) -> None:
    """The first forty orders go the whole way: confirmed, delivered where the file says so, paid to the cent."""
    first = [one for one in raw if day_of(one["shippedDate"])][:40]
    for one in first:
        order = ordering.order_confirm(cast.root, Order.objects.get(pk=ids[one["orderID"]]))
        shipped = day_of(one["shippedDate"])
        delivery = ordering.order_deliver(cast.root, order, shipped_on=shipped)
        ordering.delivery_confirm(cast.root, delivery, confirmed_on=shipped)
        values = {
            "customer": order.customer_id,
            "received_on": shipped,
            "amount": order.total,
            "currency": "CNY",
            "owner": cast.alice_user.pk,
        }
        (receipt,) = many.insert_many(cast.root, "billing.receipt", [values])
        row = Instalment.objects.get(order=order)
        ledger.receipt_allocate(cast.root, receipt, [(row.pk, row.open)])
    done = Order.objects.filter(pk__in=[ids[one["orderID"]] for one in first])
    assert done.aggregate(paid=Sum("received"), open=Sum("open"), number=Count("pk")) == {
        "paid": sum(expected[one["orderID"]] for one in first),
        "open": 0,
        "number": 40,
    }
    assert set(done.values_list("status", "delivered_on")) == {
        ("delivered", day_of(one["shippedDate"])) for one in first
    }
    assert Delivery.objects.filter(status="confirmed").count() == 40
    assert Receipt.objects.aggregate(all=Sum("amount"))["all"] == sum(expected[one["orderID"]] for one in first)
    assert selectors.ageing(cast.root, on=dt.date(1998, 6, 1)) == []


def test_adventureworks_orders_of_a_month(cast: Cast, make: Any) -> None:
    goods = {one["ProductKey"]: one for one in rows_of("adventureworks", "products.csv.gz")}
    sold = [one for one in rows_of("adventureworks", "sales_2015.csv.gz") if one["OrderDate"].startswith("2015-01")]
    wanted = sorted({one["ProductKey"] for one in sold})
    products = enter(cast, "catalog.product", [
        {"name": goods[key]["ProductName"], "external_id": key, "price": Decimal(goods[key]["ProductPrice"]), "cost": Decimal(goods[key]["ProductCost"]), "currency": "CNY", "tax_class": "0"}
        for key in wanted
    ])  # fmt: skip
    customer = make("customers.customer").pk
    numbers = sorted({one["OrderNumber"] for one in sold})
    orders = enter(cast, "billing.order", [
        {"name": key, "external_id": key, "customer": customer, "ordered_on": dt.date(2015, 1, 31), "currency": "CNY", "owner": cast.alice_user.pk, "prices_with_tax": True}
        for key in numbers
    ])  # fmt: skip
    enter(cast, "billing.orderline", [
        {
            "order": orders[one["OrderNumber"]], "product": products[one["ProductKey"]], "name": goods[one["ProductKey"]]["ProductName"], "sort": "item",
            "quantity": Decimal(one["OrderQuantity"]), "price": Decimal(goods[one["ProductKey"]]["ProductPrice"]), "cost": Decimal(goods[one["ProductKey"]]["ProductCost"]), "tax_class": "0",
        }
        for one in sold
    ])  # fmt: skip
    total = sum(
        amount(
            one["OrderQuantity"],
            str(Decimal(goods[one["ProductKey"]]["ProductPrice"]).quantize(Decimal("0.0001"))),
            "0",
        )
        for one in sold
    )
    assert Order.objects.aggregate(all=Sum("total"), number=Count("pk")) == {"all": total, "number": len(numbers)}
