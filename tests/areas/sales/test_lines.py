"""Lines of opportunities: prices from the books, the amount that follows until somebody writes another, the quote made of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.billing.models import Quote
from guanxi.areas.billing.services.deals import deal_to_quote
from guanxi.areas.sales.models import Opportunity
from guanxi.core import records
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.records import many
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
LINE = "sales.opportunityline"


def _deal(cast: Cast, make: Any, **values: Any) -> Opportunity:
    product = make("catalog.product", price=100, currency="CNY")
    lines = [{"product": product.pk, "quantity": 3, "discount": 10}, {"name": "安装", "quantity": 1, "price": "50.5"}]
    given = {
        "name": "一期",
        "customer": make("customers.customer", owner=cast.alice.user_id).pk,
        "lines": lines,
        **values,
    }
    deal: Opportunity = records.create(cast.alice, "sales.opportunity", given)
    return deal


def test_the_amount_follows_the_lines(cast: Cast, make: Any) -> None:
    deal = _deal(cast, make)
    assert [(row.price, row.price_source != "", row.amount) for row in deal.lines.order_by("position")] == [
        (100, True, 270),
        (Decimal("50.5"), False, Decimal("50.50")),
    ]
    assert (deal.lines_total, deal.amount, deal.value, deal.weighted) == (
        Decimal("320.50"),
        Decimal("320.50"),
        Decimal("320.50"),
        Decimal("32.05"),
    )
    assert not deal.amount_manual
    optional = [{"id": row.pk, "optional": row.position == 1} for row in deal.lines.order_by("position")]
    changed = records.update(cast.alice, deal, {"lines": optional})
    assert (changed.amount, changed.lines.count()) == (Decimal("50.50"), 2)


def test_an_amount_by_hand_stays_until_it_is_emptied(cast: Cast, make: Any) -> None:
    deal = records.update(cast.alice, _deal(cast, make), {"amount": 300})
    assert (deal.amount, deal.amount_manual, deal.lines_total) == (300, True, Decimal("320.50"))
    row = deal.lines.order_by("position").first()
    records.update(cast.alice, row, {"quantity": 1})
    deal.refresh_from_db()
    assert (deal.amount, deal.lines_total) == (300, Decimal("140.50"))
    deal = records.update(cast.alice, deal, {"amount": None})
    assert (deal.amount, deal.amount_manual) == (Decimal("140.50"), False)
    by_hand = _deal(cast, make, amount=1000)
    assert (by_hand.amount, by_hand.amount_manual) == (1000, True)
    deal = records.update(cast.alice, deal, {"lines": []})
    assert (deal.amount, deal.lines_total) == (Decimal("140.50"), None)


def test_a_line_changed_by_itself_moves_the_opportunity(cast: Cast, make: Any) -> None:
    deal = _deal(cast, make)
    row = deal.lines.order_by("position").last()
    records.update(cast.alice, row, {"price": 100})
    deal.refresh_from_db()
    assert (deal.amount, deal.value, deal.weighted) == (370, 370, 37)
    records.delete(cast.alice, row)
    deal.refresh_from_db()
    assert deal.amount == 270
    many.update_many(cast.alice, "sales.opportunity", [(deal, {"amount": Decimal(500)})])
    deal.refresh_from_db()
    assert (deal.amount, deal.amount_manual) == (500, True)


def test_lines_in_another_currency_keep_their_value_at_home(cast: Cast, make: Any) -> None:
    make("core.exchangerate", currency="USD", rate=7, day=dt.date(2020, 1, 1))
    deal = _deal(cast, make, currency="USD", lines=[{"name": "licence", "quantity": 2, "price": 10}])
    row = deal.lines.get()
    assert (row.currency, row.amount, row.value, deal.amount, deal.value) == ("USD", 20, 140, 20, 140)


def test_bad_lines_change_nothing(cast: Cast, make: Any) -> None:
    deal = _deal(cast, make)
    for lines, place in (
        ([{"quantity": 1}], "lines.0.name"),
        ([{"name": "x", "price": -1}], "lines.0.price"),
        ([{"name": "x", "price": "99999999999999"}], "lines.0.price"),
        ([{"name": "x", "price": 1, "discount": 101}], "lines.0.discount"),
    ):
        with pytest.raises(Invalid) as error:
            records.update(cast.alice, deal, {"lines": lines})
        assert list(error.value.errors) == [place]
    deal.refresh_from_db()
    assert (deal.amount, deal.lines.count()) == (Decimal("320.50"), 2)


def test_lines_are_for_those_who_see_the_opportunity(cast: Cast, make: Any) -> None:
    deal = _deal(cast, make)
    row = deal.lines.first()
    with pytest.raises(NotFound):
        records.get(cast.charlie, LINE, row.pk)
    assert records.select(cast.charlie, LINE).items == []
    assert (
        len(
            records.select(
                cast.alice, LINE, filter={"field": "opportunity.category", "op": "eq", "value": "open"}
            ).items
        )
        == 2
    )


def test_a_quote_takes_the_lines(cast: Cast, make: Any) -> None:
    deal = _deal(cast, make)
    quote = deal_to_quote(cast.alice, deal)
    assert (quote.customer_id, quote.opportunity_id, quote.total, quote.status) == (
        deal.customer_id,
        deal.pk,
        320.5,
        "draft",
    )
    first = quote.lines.order_by("position").first()
    assert (first.product_id, first.price, first.discount, first.base_price) == (
        deal.lines.order_by("position").first().product_id,
        100,
        10,
        100,
    )
    with pytest.raises((Denied, NotFound)):
        deal_to_quote(cast.charlie, deal)
    stage = next(one for one in deal.pipeline.stages.all() if one.key == "lost")
    lost = records.update(cast.alice, deal, {"stage": stage.pk, "close_reason": "price"})
    with pytest.raises(RuleBroken):
        deal_to_quote(cast.alice, lost)
    assert Quote.objects.count() == 1


def test_the_page_says_where_the_amount_comes_from(cast: Cast, make: Any) -> None:
    deal = records.update(cast.alice, _deal(cast, make), {"amount": 300})
    page = browser(cast.alice_user).get(f"/opportunities/{deal.pk}/").content.decode()
    assert "320.50" in page
    assert "安装" in page
    assert "set by hand" in page


def test_a_stage_that_asks_for_an_amount_takes_that_of_the_lines_of_a_new_deal(cast: Cast, make: Any) -> None:
    stage = make("sales.stage", required=["amount"])
    given = {
        "name": "直接签约",
        "customer": make("customers.customer").pk,
        "pipeline": stage.pipeline_id,
        "stage": stage.pk,
    }
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "sales.opportunity", given)
    assert "amount" in error.value.errors
    rows = [{"name": "泵", "quantity": "2", "price": "50"}]
    deal = records.create(cast.alice, "sales.opportunity", {**given, "lines": rows})
    assert (deal.amount, deal.amount_manual, deal.lines.count()) == (100, False, 1)
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "sales.opportunity", {**given, "lines": [{**rows[0], "price": "-1"}]})
    assert any(name.startswith("lines") for name in error.value.errors)
