"""Bad input on the pages, in both languages: the field says what is wrong, what was typed stays, nothing is written."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from guanxi.areas.billing.models import Contract, Order, Quote, Receipt
from guanxi.areas.billing.services import contracts, invoices, ledger, orders
from guanxi.areas.sales.models import Lead, Opportunity
from guanxi.areas.sales.services import lead_convert
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import User
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.forms import grid
from tests.factories.billing import TODAY, signed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
#: path, what is typed, the field, the sentence in Chinese and in English
TYPED = [
    ("opportunities", {"amount": "-5"}, "amount", "金额不能为负", "cannot be negative"),
    ("opportunities", {"amount": "99999999999999"}, "amount", "金额过大", "larger than any deal"),
    ("opportunities", {"currency": "CHF", "amount": "1"}, "currency", "没有", "There is no exchange rate"),
    ("opportunities", {"close_on": "1066-10-14"}, "close_on", "日期", "must lie between"),
    ("contracts", {"starts_on": "2026-05-02", "ends_on": "2026-05-01"}, "ends_on", "合同", "cannot end before"),
    ("receipts", {"amount": "-1", "received_on": "2026-01-02"}, "amount", "零", "more than zero"),
    ("receipts", {"amount": "1", "received_on": "2999-01-01"}, "received_on", "将来", "in the future"),
    ("receipts", {"amount": "1", "received_on": "2026-03-01"}, "received_on", "2026-03-31", "closed up to"),
    ("receipts", {"amount": "9", "received_on": "2026-05-01", "reference": "B1"}, "reference", "", "already"),
]


def _client(user: User, language: str) -> Client:
    client = browser(user)
    User.objects.filter(pk=user.pk).update(language=language)
    return client


@pytest.mark.parametrize(("path", "typed", "field", "zh", "en"), TYPED)
def test_what_is_refused_is_said_at_its_field(
    cast: Cast, make: Any, path: str, typed: dict[str, str], field: str, zh: str, en: str
) -> None:
    customer = make("customers.customer")
    records.create(cast.root, "billing.closedperiod", {"until": dt.date(2026, 3, 31)})
    paid = {
        "customer": customer.pk,
        "amount": 9,
        "received_on": dt.date(2026, 5, 1),
        "currency": "CNY",
        "reference": "B1",
    }
    records.create(cast.root, "billing.receipt", paid)
    sent = {"name": "写错的一份", "customer": str(customer.pk), "currency": "CNY", "memo": "写错的一份", **typed}
    for language, words in (("zh-hans", zh), ("en", en)):
        with clock.moved_to(dt.datetime(2026, 6, 1, 4, tzinfo=dt.UTC)):
            answer = _client(cast.root_user, language).post(f"/{path}/new/", sent)
        page = answer.content.decode()
        assert answer.status_code == 422
        at_field = re.search(rf'id="f-{field}".*?<div class="invalid-feedback">(.*?)</div>', page, re.DOTALL)
        assert at_field is not None
        assert words in at_field[1]
        assert language != "en" or re.search(rf'href="#f-{field}">[A-Z]', page)
        assert "写错的一份" in page
        assert typed[field] in page
    assert (Opportunity.objects.count(), Contract.objects.count(), Receipt.objects.count()) == (0, 0, 1)


def test_a_lead_is_converted_once_and_says_so(cast: Cast, make: Any) -> None:
    lead = make("sales.lead", name="李思远", company="佛山恒达机械有限公司")
    lead_convert(cast.root, lead, make_opportunity=False)
    lead.refresh_from_db()
    for language, words in (("zh-hans", "已经转化"), ("en", "has been converted already")):
        answer = _client(cast.root_user, language).post(f"/leads/{lead.pk}/do/convert/", {})
        assert (answer.status_code, words in answer.content.decode()) == (409, True)
    with pytest.raises(GuanxiError):
        lead_convert(cast.root, Lead.objects.get(pk=lead.pk))


def test_of_two_people_who_move_one_card_the_second_is_told(cast: Cast, make: Any) -> None:
    first, second, third = (make("sales.stage", position=place) for place in (1, 2, 3))
    for one in (second, third):
        records.update(cast.root, one, {"pipeline": first.pipeline_id})
    deal = make("sales.opportunity", stage=first.pk, pipeline=first.pipeline_id)
    address = f"/opportunities/{deal.pk}/move/"
    moved = _client(cast.root_user, "en").post(address, {"to": second.pk, "version": deal.version})
    assert moved.status_code == 204
    for language, words in (("zh-hans", "刚刚移动了"), ("en", "has moved")):
        late = _client(cast.root_user, language).post(address, {"to": third.pk, "version": deal.version})
        assert late.status_code == 409
        assert words in str(json.loads(late["HX-Trigger"]))
    assert Opportunity.objects.get(pk=deal.pk).stage_id == second.pk


def test_an_amendment_is_not_signed_before_what_it_amends(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal(900))
    records.update(cast.root, contract, {"signed_on": TODAY - dt.timedelta(days=3)})
    amendment = contracts.contract_amend(cast.root, contract)
    make("billing.contractline", contract=amendment, quantity=1, price=Decimal(10), tax_class="0")
    amendment = Contract.objects.get(pk=amendment.pk)
    with pytest.raises(Invalid) as error:
        contracts.contract_sign(cast.root, amendment, signed_on=TODAY - dt.timedelta(days=4))
    assert (error.value.code, error.value.field) == ("dates.order", "signed_on")
    assert contracts.contract_sign(cast.root, amendment, signed_on=TODAY - dt.timedelta(days=3)).status == "signed"


def test_a_refund_says_what_is_wrong_where_it_is(cast: Cast, make: Any) -> None:
    receipt = make("billing.receipt", amount=Decimal("1234.50"), received_on=TODAY)
    make("billing.closedperiod", until=TODAY - dt.timedelta(days=30))
    page = browser(cast.root_user)
    for amount, day, code, field in (
        (Decimal(-1), None, "amount.positive", "amount"),
        (Decimal("1234.51"), None, "refund.too_much", "amount"),
        (Decimal(1), TODAY + dt.timedelta(days=1), "dates.future", "paid_on"),
        (Decimal(1), TODAY - dt.timedelta(days=31), "period.closed", "paid_on"),
        (Decimal(1), TODAY - dt.timedelta(days=1), "dates.order", "paid_on"),
    ):
        with pytest.raises(Invalid) as error:
            ledger.receipt_refund(cast.root, receipt, amount=amount, paid_on=day)
        assert (error.value.code, error.value.field) == (code, field)
    with pytest.raises(Invalid, match=r"¥1,234\.50"):
        ledger.receipt_refund(cast.root, receipt, amount=Decimal(9999))
    receipt.refresh_from_db()
    assert (receipt.free, receipt.refunded) == (Decimal("1234.50"), 0)
    back = ledger.receipt_refund(cast.root, receipt, amount=Decimal("1234.50"))
    assert "Paid back" in page.get(f"/receipts/{back.pk}/").content.decode()


def test_a_contract_and_its_order_are_invoiced_once(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal(900))
    order = contracts.contract_to_order(cast.root, contract)
    order = orders.order_confirm(cast.root, order)
    first = invoices.invoice_request(cast.root, contract, amount=Decimal(500))
    with pytest.raises(Invalid, match="¥400"):
        invoices.invoice_request(cast.root, order, amount=Decimal(401))
    second = invoices.invoice_request(cast.root, order)
    assert (second.amount, second.contract_id, second.order_id) == (400, contract.pk, order.pk)
    with pytest.raises(Invalid, match="¥500"):
        records.update(cast.root, first, {"amount": "501"})
    records.update(cast.root, first, {"amount": "499"})
    invoices.invoice_issue(cast.root, second, invoice_number="0001")
    assert [one.__class__.objects.get(pk=one.pk).invoiced for one in (contract, order)] == [400, 400]


def test_what_was_issued_is_not_rewritten(cast: Cast, make: Any) -> None:
    paper = invoices.invoice_request(cast.root, signed(make, total=Decimal(900)))
    paper = invoices.invoice_issue(cast.root, paper, invoice_number="0001")
    for name, value in (("amount", "1"), ("title", "另一家"), ("tax_class", "9")):
        with pytest.raises(Invalid) as error:
            records.update(cast.root, paper, {name: value})
        assert (error.value.code, error.value.field) == ("invoice.stands", name)
    assert records.update(cast.root, paper, {"tracking_number": "SF1"}).amount == 900


def test_nothing_moves_out_of_or_into_closed_books(cast: Cast, make: Any) -> None:
    long_ago, ago = TODAY - dt.timedelta(days=60), TODAY - dt.timedelta(days=10)
    old = make("billing.receipt", received_on=long_ago)
    contract, order = signed(make, total=Decimal(900)), make("billing.orderline").order
    draft = make("billing.contract", customer=contract.customer)
    make("billing.contractline", contract=draft)
    records.update(cast.root, order, {"ordered_on": long_ago})
    make("billing.closedperiod", until=TODAY - dt.timedelta(days=30))
    for record, name, day in ((old, "received_on", ago), (contract, "signed_on", long_ago)):
        with pytest.raises(Invalid) as error:
            records.update(cast.root, record, {name: day})
        assert (error.value.code, error.value.field) == ("period.closed", name)
    with pytest.raises(Invalid, match="关账"):
        contracts.contract_sign(cast.root, Contract.objects.get(pk=draft.pk), signed_on=long_ago)
    with pytest.raises(Invalid, match="关账"):
        orders.order_confirm(cast.root, Order.objects.get(pk=order.pk))
    assert Contract.objects.get(pk=draft.pk).status == Order.objects.get(pk=order.pk).status == "draft"
    contracts.contract_sign(cast.root, Contract.objects.get(pk=draft.pk), signed_on=ago)


def test_a_price_that_cannot_be_reckoned_is_told_at_its_cell(cast: Cast, make: Any) -> None:
    quote, product = entity_of("billing.quote"), make("catalog.product", price=100)
    rows = [{"product": str(product.pk), "quantity": "1"}]
    tried = grid.work_out(cast.root, quote, None, quote.lines[0], rows, {"currency": "THB"})
    assert "THB" in str(tried.errors[0]["price"])
    assert not grid.work_out(cast.root, quote, None, quote.lines[0], rows, {"currency": "CNY"}).errors


def test_what_is_rarely_meant_is_asked_back_and_then_taken(cast: Cast, make: Any) -> None:
    customer = make("customers.customer")
    sent = {
        "name": "赠送", "customer": str(customer.pk), "currency": "CNY", "discount": "100", "valid_until": "2100-01-01",
        "lines.sent": "1", "lines.0.name": "样品", "lines.0.quantity": "1", "lines.0.price": "80", "lines.0.tax_class": "13",
    }  # fmt: skip
    for language, words in (
        ("zh-hans", ("请确认", "全部赠送", "超过 2 年")),
        ("en", ("Is this meant", "gives everything away", "2 years ahead")),
    ):
        page = _client(cast.root_user, language).post("/quotes/new/", sent)
        assert page.status_code == 422
        assert all(word in page.content.decode() for word in (*words, 'name="_sure"', "样品"))
    assert Quote.objects.count() == 0
    client = _client(cast.root_user, "en")
    refused = client.post("/quotes/new/", {**sent, "valid_until": "2300-01-01", "_sure": "1"})
    assert (refused.status_code, "must lie between" in refused.content.decode()) == (422, True)
    assert client.post("/quotes/new/", {**sent, "_sure": "1"}).status_code == 303
    made = Quote.objects.get()
    assert (made.total, made.valid_until, made.off) == (0, dt.date(2100, 1, 1), 100)
    again = client.post(f"/quotes/{made.pk}/edit/", {"name": "赠品", "_original": '{"name": "赠送"}'})
    assert again.status_code == 303, "what was meant is not asked again"
