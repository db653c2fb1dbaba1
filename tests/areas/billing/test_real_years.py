"""All years of AdventureWorks: what reports say of 25,000 orders equals sums of the raw files, worked out by hand."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from django.db import connection

from guanxi.areas.billing.models import Order, OrderLine
from guanxi.areas.catalog.models import Category, Product
from guanxi.areas.customers.models import Customer
from guanxi.core.reporting import engine
from guanxi.core.reporting.spec import read
from tests.factories.cast import Cast
from tests.needs import SAMPLES, samples

DATA = SAMPLES / "adventureworks"
pytestmark = [
    pytest.mark.owner,
    pytest.mark.django_db,
    pytest.mark.slow,
    samples("adventureworks"),
]
CENT = Decimal("0.01")
Rows = list[dict[str, str]]


def rows_of(name: str) -> Rows:
    with gzip.open(DATA / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def put(table: Any, select: str, **given: str) -> None:
    """Rows of a query as records: columns ``given`` come from it, the others are as a new record has them. How records
    come in otherwise has its own tests; here their number counts, so nothing but the rows is written."""
    blank, constants = table(), {}
    for field in table._meta.concrete_fields:
        if not field.primary_key and field.column not in given:
            constants[field.column] = field.get_db_prep_save(field.pre_save(blank, add=True), connection)
    names = ", ".join(f'"{name}"' for name in (*given, *constants))
    cells = ", ".join([*given.values(), *["%s"] * len(constants)])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # neither triggers nor what they keep
        cursor.execute(
            f'INSERT INTO "{table._meta.db_table}" ({names}) SELECT {cells} {select}', list(constants.values())
        )
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.fixture
def sales(cast: Cast) -> Rows:
    """Every line of every year with its product's price and category; all of it in the database, added up by SQL."""
    categories = {one["ProductCategoryKey"]: one["CategoryName"] for one in rows_of("product_categories")}
    group = {
        one["ProductSubcategoryKey"]: categories[one["ProductCategoryKey"]] for one in rows_of("product_subcategories")
    }
    goods = {one["ProductKey"]: one for one in rows_of("products")}
    raw = [row for year in (2015, 2016, 2017) for row in rows_of(f"sales_{year}")]
    for row in raw:
        one = goods[row["ProductKey"]]
        row["price"], row["category"] = one["ProductPrice"], group[one["ProductSubcategoryKey"]]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE raw (number text, day date, product text, buyer text, quantity numeric, price numeric, kind text) ON COMMIT DROP"
        )
        with cursor.copy("COPY raw FROM STDIN") as copy:
            for row in raw:
                price = Decimal(row["price"]).quantize(Decimal("0.0001"))
                copy.write_row((
                    row["OrderNumber"], row["OrderDate"], row["ProductKey"], row["CustomerKey"], row["OrderQuantity"], price, row["category"],
                ))  # fmt: skip
    put(Category, "FROM (SELECT DISTINCT kind FROM raw) r", name="kind", path="'/'")
    put(Product, "FROM (SELECT DISTINCT product, kind FROM raw) r JOIN catalog_category c ON c.name = r.kind", name="product", code="product", category_id="c.id")  # fmt: skip
    put(Customer, "FROM (SELECT DISTINCT buyer FROM raw) r", name="'AW-' || buyer")
    put(
        Order,
        "FROM (SELECT number, min(day) AS day, min(buyer) AS buyer, sum(round(quantity * price, 2)) AS sum FROM raw GROUP BY 1) r"
        " JOIN customers_customer c ON c.name = 'AW-' || r.buyer",
        number="r.number", name="r.number", customer_id="c.id", ordered_on="r.day", total="r.sum", net="r.sum", status="'confirmed'", rate="1",
    )  # fmt: skip
    put(
        OrderLine,
        "FROM raw r JOIN billing_order o ON o.number = r.number JOIN catalog_product p ON p.code = r.product",
        order_id="o.id", product_id="p.id", quantity="r.quantity", price="r.price", amount="round(r.quantity * r.price, 2)",
    )  # fmt: skip
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
