"""All years of AdventureWorks: what reports say of 25,000 orders equals sums of the raw files, worked out by hand."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from guanxi.areas.billing.models import Order, OrderLine
from guanxi.areas.catalog.models import Category, Product, settle_priced
from guanxi.areas.customers.models import Customer
from guanxi.core.reporting import engine
from guanxi.core.reporting.spec import read
from tests.factories.cast import Cast

DATA = Path(__file__).parents[4] / "shared" / "data" / "adventureworks"
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here"),
]
CENT = Decimal("0.01")
Rows = list[dict[str, str]]


def rows_of(name: str) -> Rows:
    with gzip.open(DATA / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def stored(model: Any, rows: list[Any]) -> list[Any]:
    """Rows put into the database as they are: how they come there has its own tests."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        made: list[Any] = model._base_manager.bulk_create(rows, batch_size=5000)
        cursor.execute("SET LOCAL session_replication_role = origin")
    return made


@pytest.fixture
def sales(cast: Cast) -> Rows:
    """Every line of every year with its product's price and category; all of it in the database."""
    categories = {one["ProductCategoryKey"]: one["CategoryName"] for one in rows_of("product_categories")}
    group = {
        one["ProductSubcategoryKey"]: categories[one["ProductCategoryKey"]] for one in rows_of("product_subcategories")
    }
    raw = [row for year in (2015, 2016, 2017) for row in rows_of(f"sales_{year}")]
    kinds = {one.name: one for one in stored(Category, [Category(name=name) for name in categories.values()])}
    Category._base_manager.update(path="/")
    goods = {one["ProductKey"]: one for one in rows_of("products")}
    products = {
        key: Product(name=one["ProductName"], code=key, category=kinds[group[one["ProductSubcategoryKey"]]])
        for key, one in goods.items()
    }
    stored(Product, list(products.values()))
    buyers = {key: Customer(name=f"AW-{key}") for key in sorted({row["CustomerKey"] for row in raw})}
    stored(Customer, list(buyers.values()))
    orders: dict[str, Order] = {}
    lines: dict[str, list[OrderLine]] = defaultdict(list)
    for row in raw:
        one = goods[row["ProductKey"]]
        row["price"], row["category"] = one["ProductPrice"], group[one["ProductSubcategoryKey"]]
        number = row["OrderNumber"]
        if number not in orders:
            day = dt.date.fromisoformat(row["OrderDate"])
            orders[number] = Order(
                number=number, name=number, customer=buyers[row["CustomerKey"]], currency="CNY", ordered_on=day,
                status="confirmed", owner=cast.alice_user, rate=1,
            )  # fmt: skip
        quantity, price = Decimal(row["OrderQuantity"]), Decimal(row["price"]).quantize(Decimal("0.0001"))
        made = OrderLine(
            sort="item",
            product=products[row["ProductKey"]],
            quantity=quantity,
            price=price,
            tax_class="0",
            currency="CNY",
        )
        lines[number].append(made)
    for number, order in orders.items():
        settle_priced(order, lines[number])
    stored(Order, list(orders.values()))
    for number, order in orders.items():
        for line in lines[number]:
            line.order = order
    stored(OrderLine, [line for group_ in lines.values() for line in group_])
    return raw


def worth(row: dict[str, str]) -> Decimal:
    """A line of the raw file by hand."""
    exact = Decimal(row["OrderQuantity"]) * Decimal(row["price"]).quantize(Decimal("0.0001"))
    return exact.quantize(CENT, rounding=ROUND_HALF_UP)


def figures(cast: Cast, dataset: str, by: dict[str, Any], how: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A report: the figure of each group by its label, and of all."""
    found = engine.run(cast.root, read({"dataset": dataset, "rows": [by], "measures": [how], **more}))
    return {
        **{row.heads[0].label: row.cells[0].value for row in found.rows if row.sort == ""},
        "": found.total.cells[0].value,
    }


def test_reports_over_all_years_equal_sums_of_the_files(cast: Cast, sales: Rows) -> None:
    by: dict[str, dict[str, Decimal]] = {
        name: defaultdict(Decimal) for name in ("month", "year", "kind", "pieces", "buyer")
    }
    for row in sales:
        amount = worth(row)
        for name, key in (("month", row["OrderDate"][:7]), ("year", row["OrderDate"][:4]), ("kind", row["category"])):
            by[name][key] += amount
        by["buyer"][f"AW-{row['CustomerKey']}"] += amount
        by["pieces"][row["category"]] += Decimal(row["OrderQuantity"])
    whole = sum(by["year"].values(), Decimal(0))
    total = {"how": "sum", "field": "total"}
    assert (len(sales), Order.objects.count()) == (56046, len({row["OrderNumber"] for row in sales}))
    years = figures(cast, "billing.order", {"field": "ordered_on", "grain": "year"}, total)
    assert years == {**by["year"], "": whole}
    months = figures(cast, "billing.order", {"field": "ordered_on", "grain": "month"}, total)
    assert sorted(months.values()) == sorted([*by["month"].values(), whole])
    kinds = figures(cast, "billing.orderline", {"field": "product.category"}, {"how": "sum", "field": "amount"})
    assert kinds == {**by["kind"], "": whole}
    pieces = figures(cast, "billing.orderline", {"field": "product.category"}, {"how": "sum", "field": "quantity"})
    assert pieces == {**by["pieces"], "": sum(by["pieces"].values())}
    best = figures(cast, "billing.order", {"field": "customer"}, total, sort="value", top=10)
    best.pop("")
    assert sorted(best.values(), reverse=True) == sorted(by["buyer"].values(), reverse=True)[:10]
    assert all(by["buyer"][name] == value for name, value in best.items())
