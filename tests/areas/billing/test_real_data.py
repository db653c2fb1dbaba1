"""Northwind and AdventureWorks brought in by recipe, files as they are: catalogue, orders, deliveries, receipts."""

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
from guanxi.areas.billing.models import Delivery, Order, OrderLine, Receipt
from guanxi.areas.catalog.models import Product
from guanxi.areas.sales.models import Territory
from guanxi.core import records
from guanxi.core.exchange import results
from guanxi.core.exchange.recipe_running import recipe_run
from guanxi.core.exchange.recipes import recipe_read
from guanxi.core.models import User
from guanxi.core.models.exchange import ImportRun
from guanxi.core.reporting import engine
from guanxi.core.reporting.spec import read
from tests.factories.cast import Cast
from tests.needs import SAMPLES, samples

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slow,
    samples("northwind", "adventureworks"),
]
CENT = Decimal("0.01")
#: Orders that go the whole way.
FIRST = 20


def rows_of(*place: str) -> list[dict[str, str]]:
    path = SAMPLES.joinpath(*place)
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def amount(quantity: str, price: str, discount: str = "0") -> Decimal:
    """A line of the raw file, by hand."""
    exact = Decimal(quantity) * Decimal(price) * (1 - Decimal(discount))
    return exact.quantize(CENT, rounding=ROUND_HALF_UP)


def brought(cast: Cast, name: str, folder: Path, **how: Any) -> dict[str, ImportRun]:
    """The run of each step by its title; every row has an outcome, every refused one a reason."""
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "1990-01-01", "rate": "7"})
    found = {}
    for done in recipe_run(cast.root, recipe=recipe_read(name), folder=folder, **how):
        run = done.run
        assert run.created + run.updated + run.skipped + run.failed == run.total
        assert all(row[3] for row in results.import_rows(run, (3, 4)))
        found[done.step.title or done.step.entity] = run
    return found


def by(cast: Cast, dataset: str, field: str, measure: str) -> dict[str, Any]:
    """A report: the sum of a column by a field."""
    spec = {"dataset": dataset, "rows": [{"field": field}], "measures": [{"how": "sum", "field": measure}]}
    return {row.heads[0].label: row.cells[0].value for row in engine.run(cast.root, read(spec)).rows}


def test_northwind(cast: Cast) -> None:
    nancy = User.objects.create(username="nancy", name="Nancy Davolio", department=cast.south)
    runs = brought(cast, "northwind", SAMPLES / "northwind", limit=FIRST)
    assert {name: (run.created, run.failed) for name, run in runs.items() if run.created} == {
        "customers.customer": (91, 0), "catalog.category": (8, 0), "catalog.product": (77, 0), "billing.order": (830, 0), "lines": (2155, 0),
        "territories": (53, 0),
    }  # fmt: skip
    categories = {one["categoryID"]: one["categoryName"] for one in rows_of("northwind", "categories.csv")}
    of = {one["productID"]: categories[one["categoryID"]] for one in rows_of("northwind", "products.csv")}
    customers = {one["customerID"]: one["companyName"] for one in rows_of("northwind", "customers.csv")}
    raw = {one["orderID"]: one for one in rows_of("northwind", "orders.csv")}
    expected: dict[str, Decimal] = defaultdict(Decimal)
    by_category: dict[str, Decimal] = defaultdict(Decimal)
    by_customer: dict[str, Decimal] = defaultdict(Decimal)
    for one in rows_of("northwind", "order_details.csv"):
        line = amount(one["quantity"], one["unitPrice"], one["discount"])
        expected[one["orderID"]] += line
        by_category[of[one["productID"]]] += line
        by_customer[customers[raw[one["orderID"]]["customerID"]]] += line
    mine = {one["orderID"] for one in raw.values() if one["employeeID"] == "1"}
    assert {one.external_id.removeprefix("NW-") for one in Order.objects.filter(owner=nancy)} == mine
    hers = [one["territoryID"] for one in rows_of("northwind", "employee_territories.csv") if one["employeeID"] == "1"]
    assert sorted(one.name[-5:] for one in Territory.objects.filter(user=nancy)) == sorted(hers)
    totals = {key.removeprefix("NW-"): total for key, total in Order.objects.values_list("external_id", "total")}
    assert totals == dict(expected)
    assert Product.objects.filter(status="retired").count() == 8
    seven = {name: total * 7 for name, total in by_category.items()}
    stored: Any = OrderLine.objects.order_by().values_list("product__category__name").annotate(Sum("amount"))
    assert dict(stored) == by_category
    assert by(cast, "billing.orderline", "product.category", "amount").keys() == seven.keys()
    sums = by(cast, "billing.order", "customer", "total")
    assert sums == {name: total * 7 for name, total in by_customer.items()}
    _went_the_whole_way(cast, runs, list(raw.values())[:FIRST], expected)


def _went_the_whole_way(cast: Cast, runs: dict[str, ImportRun], raw: Any, expected: dict[str, Decimal]) -> None:
    """The first orders were confirmed, delivered on the day of the file and paid to the cent, each once."""
    assert {runs[name].updated for name in ("confirm", "deliver", "arrived", "paid")} == {FIRST}
    done = Order.objects.filter(external_id__in=[f"NW-{one['orderID']}" for one in raw])
    whole = sum(expected[one["orderID"]] for one in raw)
    assert done.aggregate(paid=Sum("received"), open=Sum("open"), number=Count("pk")) == {"paid": whole, "open": 0, "number": FIRST}  # fmt: skip
    shipped = {("delivered", dt.date.fromisoformat(one["shippedDate"][:10])) for one in raw}
    assert set(done.values_list("status", "delivered_on")) == shipped
    assert Delivery.objects.filter(status="confirmed").count() == FIRST
    assert Receipt.objects.aggregate(all=Sum("amount"))["all"] == whole
    assert selectors.ageing(cast.root, on=dt.date(1998, 6, 1)) == []
    again = {one.step.title: one.run for one in recipe_run(
        cast.root, recipe=recipe_read("northwind"), folder=SAMPLES / "northwind", steps=(5, 6, 9), limit=FIRST
    )}  # fmt: skip
    assert [(run.created, run.updated, run.skipped) for run in again.values()] == [
        (0, 0, 2155),
        (0, 0, FIRST),
        (0, 0, FIRST),
    ]
    assert Receipt.objects.count() == FIRST


def test_adventureworks_of_a_year(cast: Cast, tmp_path: Path) -> None:
    for name in ("products", "product_subcategories", "territories", "sales_2015"):
        (tmp_path / f"{name}.csv.gz").symlink_to(SAMPLES / "adventureworks" / f"{name}.csv.gz")
    buyers = {one["CustomerKey"] for one in rows_of("adventureworks", "sales_2015.csv.gz")}
    people = [one for one in rows_of("adventureworks", "customers.csv.gz") if one["CustomerKey"] in buyers]
    with (tmp_path / "customers.csv").open("w", encoding="utf-8", newline="") as out:  # the whole file has its own test
        writer = csv.DictWriter(out, people[0])
        writer.writeheader()
        writer.writerows(people)
    runs = brought(cast, "adventureworks", tmp_path)
    goods = {one["ProductKey"]: one for one in rows_of("adventureworks", "products.csv.gz")}
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for one in rows_of("adventureworks", "sales_2015.csv.gz"):
        price = Decimal(goods[one["ProductKey"]]["ProductPrice"]).quantize(Decimal("0.0001"))
        expected[f"AW-{one['OrderNumber']}"] += amount(one["OrderQuantity"], str(price))
    assert runs["customers.customer"].created == len(people)
    assert dict(Order.objects.values_list("external_id", "total")) == dict(expected)
    assert (runs["lines"].created, runs["lines"].failed) == (2630, 0)
