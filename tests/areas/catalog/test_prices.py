"""Which price holds: books by customer, level, currency and period, tiers, bundles, currencies; and what is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.catalog import policies, selectors, services
from guanxi.areas.catalog.models import Product
from guanxi.core import records
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.records.rates import convert, rate_on
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 3, 1)


def price(cast: Cast, product: Product, customer: Any = None, quantity: int = 1, **how: Any) -> Decimal | None:
    given = {"currency": "CNY", "on": DAY, **how}
    return selectors.price_for(
        cast.alice, product=product, customer=customer, quantity=Decimal(quantity), **given
    ).amount


def test_the_most_particular_book_decides_and_tiers_count(cast: Cast, make: Any) -> None:
    product, customer = make("catalog.product"), make("customers.customer", level="a")
    assert price(cast, product, customer) == Decimal(100)
    everybody, level, own = (
        make("catalog.pricebook"),
        make("catalog.pricebook", level="a"),
        make("catalog.pricebook", customer=customer),
    )
    make("catalog.priceentry", book=everybody, product=product, price=95)
    assert price(cast, product, customer) == 95
    make("catalog.priceentry", book=level, product=product, price=90)
    make("catalog.priceentry", book=level, product=product, price=80, from_quantity=10)
    assert [price(cast, product, customer, quantity) for quantity in (1, 9, 10, 500)] == [90, 90, 80, 80]
    assert price(cast, product) == 95
    make("catalog.priceentry", book=own, product=product, price=70)
    found = selectors.price_for(cast.alice, product=product, customer=customer, currency="CNY", on=DAY)
    assert (found.amount, found.source) == (70, f"价格表“{own.name}”")


def test_a_book_holds_in_its_period_only_and_may_take_a_part_off(cast: Cast, make: Any) -> None:
    product = make("catalog.product")
    book = make("catalog.pricebook", valid_from=DAY, valid_until=DAY, discount=Decimal("12.5"))
    assert [price(cast, product, on=DAY + dt.timedelta(days=days)) for days in (-1, 0, 1)] == [
        100,
        Decimal("87.5"),
        100,
    ]
    records.update(cast.root, book, {"active": False})
    assert price(cast, product) == 100


def test_a_bundle_costs_its_parts(cast: Cast, make: Any) -> None:
    part = make("catalog.bundlepart", quantity=3)
    assert price(cast, part.bundle) == 300
    unpriced = make("catalog.product", price=None)
    make("catalog.bundlepart", bundle=part.bundle, product=unpriced)
    assert price(cast, part.bundle) is None
    with pytest.raises(Invalid) as error:
        make("catalog.bundlepart", bundle=part.product, product=part.bundle)
    assert error.value.code == "bundle.circle"


def test_another_currency_takes_the_rate_of_the_day_and_says_when_there_is_none(cast: Cast, make: Any) -> None:
    product = make("catalog.product", price=Decimal(710))
    with pytest.raises(Invalid) as error:
        price(cast, product, currency="USD")
    assert (error.value.code, error.value.field) == ("rate.missing", "currency")
    make("core.exchangerate", day=DAY, rate="7.1")
    make("core.exchangerate", day=DAY + dt.timedelta(days=1), rate="7.2")
    make("core.exchangerate", currency="EUR", day=DAY, rate="7.81")
    assert price(cast, product, currency="USD") == Decimal(100)
    assert rate_on("USD", DAY + dt.timedelta(days=9)) == Decimal("7.2")
    assert convert(Decimal(71), "EUR", "USD", DAY) == Decimal("78.1")
    with pytest.raises(Invalid):
        rate_on("USD", DAY - dt.timedelta(days=1))


def test_variants_are_made_once_and_can_be_taken_back(cast: Cast, make: Any) -> None:
    shirt = make("catalog.product", name="工作服")
    with pytest.raises(Denied):
        services.product_variants(cast.alice, shirt, options="颜色：红")
    step = services.product_variants(cast.root, shirt, options="颜色：红、蓝\n尺寸：S、M")
    made = Product.objects.filter(variant_of=shirt).order_by("pk")
    assert list(made.values_list("specification", "price")) == [
        ("红 S", Decimal(100)), ("红 M", Decimal(100)), ("蓝 S", Decimal(100)), ("蓝 M", Decimal(100)),
    ]  # fmt: skip
    services.product_variants(cast.root, shirt, options="颜色：红、蓝、绿\n尺寸：S、M")
    assert made.count() == 6
    records.undo(cast.root, step.pk)
    assert made.count() == 2
    with pytest.raises(Invalid):
        policies.variants_named("：")


@pytest.mark.parametrize(
    ("entity", "values", "code", "field"),
    [
        ("catalog.product", {"price": -1}, "value.negative", "price"),
        ("catalog.product", {"price": "999999999999"}, "value.absurd", "price"),
        ("catalog.pricebook", {"valid_from": "2026-02-02", "valid_until": "2026-02-01"}, "dates.order", "valid_until"),
        ("catalog.pricebook", {"discount": 101}, "value.percent", "discount"),
        ("catalog.priceentry", {"price": -5}, "value.negative", "price"),
        ("catalog.bundlepart", {"quantity": 0}, "quantity.positive", "quantity"),
        ("core.exchangerate", {"rate": 0}, "rate.positive", "rate"),
        ("core.exchangerate", {"currency": "CNY"}, "rate.self", "currency"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    cast: Cast, make: Any, entity: str, values: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(Invalid) as error:
        make(entity, **values)
    assert [(name, one.code) for name, found in error.value.errors.items() for one in found] == [(field, code)]


def test_categories_are_a_tree(cast: Cast, make: Any) -> None:
    top = make("catalog.category")
    below = make("catalog.category", parent=top)
    product = make("catalog.product", category=below)
    assert list(selectors.products_in(top.pk)) == [product]
    with pytest.raises(Invalid) as error:
        records.update(cast.root, top, {"parent": below.pk})
    assert error.value.code == "category.circle"


def test_stock_counts_what_is_free(cast: Cast, make: Any) -> None:
    stock = make("catalog.stock", quantity=10, reserved=4)
    make("catalog.stock", product=stock.product, quantity=Decimal("2.5"))
    found = selectors.stock_of(cast.root, stock.product)
    assert (found.quantity, found.available, len(found.rows)) == (Decimal("12.5"), Decimal("8.5"), 2)
    assert selectors.stock_of(cast.alice, stock.product).rows == []


def test_pickers_offer_what_is_sold(cast: Cast, make: Any) -> None:
    from guanxi.core.schema.registry import entity_of  # noqa: PLC0415

    sold, _gone = make("catalog.product", name="螺丝刀"), make("catalog.product", name="螺丝刀旧款", status="retired")
    entity = entity_of("catalog.product")
    assert records.select(cast.alice, entity, filter=entity.pickable, text="螺丝刀").items == [sold]
