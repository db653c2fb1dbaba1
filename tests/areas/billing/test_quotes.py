"""Quotes: what is agreed stays, versions replace, prices and products deleted since, limits, history, print."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.billing.models import Quote
from guanxi.areas.billing.services import papers, printing, quotes
from guanxi.core import records
from guanxi.core.automation import approvals
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, RuleBroken
from guanxi.core.models import ApprovalFlow, Operation
from guanxi.core.models.stamps import bump
from guanxi.core.records.firm import firm_set
from guanxi.core.records.history import history
from guanxi.core.records.undo import undo
from tests.factories.billing import quote_of
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
TODAY = clock.today("Asia/Shanghai")


def test_the_form_of_what_is_agreed_says_so_before_anything_is_typed(cast: Cast, make: Any) -> None:
    quote, client = quote_of(cast, make), browser(cast.alice_user)
    address, agreed = f"/quotes/{quote.pk}/edit/", "its amounts are agreed"
    assert agreed not in client.get(address).content.decode()
    quotes.quote_send(cast.alice, quote)
    assert agreed in client.get(address).content.decode()


def test_what_is_agreed_stays_and_versions_replace(cast: Cast, make: Any) -> None:
    quote = quotes.quote_send(cast.alice, quote_of(cast, make))
    with pytest.raises(RuleBroken) as error:
        records.update(cast.alice, quote, {"lines": []})
    assert error.value.code == "document.agreed"
    second = quotes.quote_revise(cast.alice, quote)
    assert (second.revision, second.number, second.status, second.total) == (
        2,
        f"{quote.number}-V2",
        "draft",
        quote.total,
    )
    assert Quote.objects.get(pk=quote.pk).status == "replaced"
    with pytest.raises(RuleBroken):
        quotes.quote_to_order(cast.alice, Quote.objects.get(pk=quote.pk))
    quotes.quote_to_order(cast.alice, second)
    with pytest.raises(RuleBroken) as error:
        quotes.quote_to_order(cast.alice, second)
    assert error.value.code == "quote.converted"


def test_what_is_made_of_a_quote_keeps_its_prices_and_products_that_were_deleted(cast: Cast, make: Any) -> None:
    quote = quotes.quote_send(cast.alice, quote_of(cast, make, discount=20))
    product = quote.lines.get(position=2).product
    records.update(cast.root, product, {"price": "70"})
    records.delete(cast.root, product)
    kept = ("product", "name", "quantity", "price", "price_source", "base_price", "cost", "amount")
    second = quotes.quote_revise(cast.alice, quote)
    order = quotes.quote_to_order(cast.alice, second)
    rows = list(quote.lines.order_by("position").values(*kept))
    assert rows[1]["price_source"]
    assert rows[1]["base_price"] == 100
    assert list(second.lines.order_by("position").values(*kept)) == rows
    assert list(order.lines.order_by("position").values(*kept)) == rows[:3]
    assert (second.total, second.off) == (quote.total, quote.off)
    client = browser(cast.alice_user)
    for page in (f"/quotes/{second.pk}/", f"/quotes/{second.pk}/edit/"):
        assert "Product was deleted" in client.get(page).content.decode(), page
    again = records.update(cast.alice, second, {"lines": [
        {"id": one.pk, "product": one.product_id, "quantity": 12 if one.position == 2 else one.quantity}
        for one in second.lines.order_by("position")
    ]})  # fmt: skip
    assert again.lines.get(position=2).product_id == product.pk


def test_a_draft_is_priced_anew_when_asked(cast: Cast, make: Any) -> None:
    quote = quotes.quote_send(cast.alice, quote_of(cast, make))
    records.update(cast.root, quote.lines.get(position=2).product, {"price": "70"})
    second = quotes.quote_revise(cast.alice, quote)
    step = quotes.quote_reprice(cast.alice, second)
    prices = list(second.lines.order_by("position").values_list("price", "base_price"))
    assert prices == [(None, None), (70, 70), (Decimal("33.33"), 100), (70, 70)]
    assert Quote.objects.get(pk=second.pk).total < quote.total
    assert quotes.quote_reprice(cast.alice, Quote.objects.get(pk=second.pk)) is False
    assert isinstance(step, Operation)
    assert Operation.objects.latest("pk") == step  # nothing changed, nothing to take back
    undo(cast.alice, step.pk)
    assert Quote.objects.get(pk=second.pk).total == quote.total


def test_discounts_beyond_the_limit_of_a_role_do_not_go_out(cast: Cast, make: Any) -> None:
    make("billing.discountlimit", role=cast.role.pk, percent=5)
    quote = quote_of(cast, make)
    with pytest.raises(approvals.ApprovalNeeded) as needed:
        quotes.quote_send(cast.alice, quote)
    assert (needed.value.action, needed.value.values, quote.off) == ("discount", {"off": "6.36"}, Decimal("6.36"))
    ApprovalFlow.objects.filter(key="discount").update(active=False)
    bump("approvals")
    with pytest.raises(RuleBroken) as error:
        quotes.quote_send(cast.alice, quote)
    assert error.value.code == "discount.limit"
    assert Quote.objects.get(pk=quote.pk).status == "draft"
    quotes.discount_grant(cast.root, quote, {})  # a request that says no figure is about the present one
    assert quotes.quote_send(cast.alice, Quote.objects.get(pk=quote.pk)).status == "sent"
    assert quotes.quote_send(cast.root, quote_of(cast, make, discount=50)).status == "sent"
    by_hand = {"name": "安装", "price": 100, "quantity": 2}
    for off, line in ((None, {}), (Decimal("45.00"), {"discount": 45})):
        written = quote_of(cast, make, lines=[{**by_hand, **line}])
        assert written.off == off
    with pytest.raises(RuleBroken):
        quotes.quote_send(cast.alice, written)


def test_a_product_that_is_gone_stays_in_its_quote(cast: Cast, make: Any) -> None:
    quote = quote_of(cast, make)
    product = quote.lines.get(position=2).product
    records.delete(cast.root, product)
    again = records.update(cast.alice, quote, {"note": "x"})
    assert (again.total, again.lines.get(position=2).name) == (quote.total, product.name)
    order = quotes.quote_to_order(cast.alice, again)
    assert order.total == quote.total
    assert printing.document_pdf(cast.alice, again, "en")[:4] == b"%PDF"


def test_the_history_of_a_quote_tells_of_its_lines(cast: Cast, make: Any) -> None:
    quote = quote_of(cast, make)
    first, second = quote.lines.get(position=2), quote.lines.get(position=3)
    freight = {"name": "运费", "quantity": 1, "price": 80, "tax_class": "9"}
    records.update(cast.alice, quote, {"lines": [{"id": first.pk, "quantity": 12}, freight]})
    freight |= {"id": quote.lines.get(name="运费").pk, "name": "快递费"}
    records.update(cast.alice, quote, {"lines": [{"id": first.pk, "quantity": 12}, freight]})
    renamed, changed, made = history(cast.alice, quote)
    assert [(one.action, one.name) for one in made.lines] == [
        ("added", one) for one in ("硬件", first.name, first.name, first.name)
    ]
    told = {
        one.id: (one.action, {two.field.name: (two.before, two.after) for two in one.fields}) for one in changed.lines
    }
    assert sorted(action for action, _fields in told.values()) == ["added", "changed", "removed", "removed", "removed"]
    assert (told[first.pk][0], told[second.pk][0]) == ("changed", "removed")
    assert tuple(map(float, told[first.pk][1]["quantity"])) == (10, 12)
    assert [(one.action, one.fields[0].after, one.fields[0].before) for one in renamed.lines] == [
        ("changed", "快递费", "运费")
    ]
    page = browser(cast.alice_user).get(f"/quotes/{quote.pk}/history/").content.decode()
    for text in ("快递费", "removed", f"Items · {first.name} · quantity"):
        assert text in page


def test_a_printed_quote_says_what_was_taken_off_and_who_sells(cast: Cast, make: Any) -> None:
    given = {"legal_name": "远岭自动化有限公司", "english_name": "Yuanling Ltd.", "tax_number": "91310115X"}
    firm_set(cast.root, given, fiscal_month=1)
    quote = quote_of(cast, make, discount=5, discount_amount="10")
    data = papers.document_data(quote, "zh-hans", reader=cast.alice)
    assert [row[1] for row in data["totals"]] == ["5% + ¥10.00", "¥857.08", "¥111.42", "¥968.50"]
    assert (data["seller"]["name"], data["seller"]["rows"]) == (
        "远岭自动化有限公司",
        ["税号 91310115X", "联系人 林爱丽 · alice@guanxi.example"],
    )
    assert (len(data["columns"]), data["rows"][1]["cells"][4:]) == (8, ["100.00", "", "13%", "¥940.29"])
    plain = papers.document_data(
        quote_of(cast, make, lines=[{"name": "服务", "quantity": 1, "price": "9.125"}]), "en", reader=cast.alice
    )
    assert (plain["seller"]["name"], len(plain["totals"]), len(plain["columns"])) == ("Yuanling Ltd.", 3, 7)
    assert plain["rows"][0]["cells"][4] == "9.125"


def test_a_discount_is_asked_for_by_who_may_change_the_quote(cast: Cast, make: Any) -> None:
    quote = quote_of(cast, make)
    with pytest.raises(Denied):
        approvals.submit(cast.bob, "billing.quote", quote.pk, "discount", {"off": "77"})
    with pytest.raises(Denied):
        quotes.discount_grant(cast.bob, quote, {"off": "77"})
    assert records.update(cast.alice, quote, {"note": "x"}).off_granted != 77


def test_lines_of_a_quote_that_went_are_not_taken_back(cast: Cast, make: Any) -> None:
    quote = quote_of(cast, make)
    line = quote.lines.get(position=3)
    kept = [{"id": one.pk} for one in quote.lines.order_by("position") if one.pk != line.pk]
    step = records.update(cast.alice, quote, {"lines": [*kept, {"id": line.pk, "name": "改过的"}]}).operation_id
    records.update(cast.root, Quote.objects.get(pk=quote.pk), {"owner": cast.charlie_user.pk})
    records.update(cast.root, quote.customer, {"owner": cast.charlie_user.pk})
    result = undo(cast.alice, step)
    assert (result.undone, quote.lines.get(pk=line.pk).name) == (0, "改过的")
