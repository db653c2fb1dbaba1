"""A deal from quote to last receipt: amounts, states, conversions, and what is refused on the way."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from guanxi.areas.billing import selectors
from guanxi.areas.billing.entities import receivables
from guanxi.areas.billing.models import Allocation, Contract, Delivery, Instalment, Order, Quote
from guanxi.areas.billing.services import contracts, invoices, ledger, orders, papers, quotes, receiving
from guanxi.core import records
from guanxi.core.automation import notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken
from guanxi.core.records import together
from guanxi.core.reporting import builtin, engine
from guanxi.core.reporting.spec import read
from tests.factories.billing import quote_of, signed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
TODAY = clock.today("Asia/Shanghai")


def test_amounts_follow_from_lines_and_prices_from_the_books(cast: Cast, make: Any) -> None:
    quote = quote_of(cast, make)
    rows = list(quote.lines.order_by("position"))
    assert [(row.amount, row.price_source) for row in rows] == [
        (None, ""), (Decimal("1000.00"), "标准价"), (Decimal("30.00"), ""), (Decimal("500.00"), "标准价"),
    ]  # fmt: skip
    assert (quote.total, quote.tax, quote.net) == (Decimal("1030.00"), Decimal("118.49"), Decimal("911.51"))
    assert (quote.margin, quote.off) == (Decimal("251.51"), Decimal("6.36"))
    assert (quote.number[:2], quote.valid_until) == ("QT", TODAY + dt.timedelta(days=30))
    changed = records.update(cast.alice, quote, {"discount": 50, "discount_amount": "0.01"})
    assert changed.total == Decimal("514.99")
    assert sum(row.amount for row in changed.lines.filter(optional=False, sort="item")) == changed.total


def test_whole_deal_by_the_book(cast: Cast, make: Any) -> None:
    quote = quotes.quote_accept(cast.alice, quotes.quote_send(cast.alice, quote_of(cast, make)), by="王总")
    contract = quotes.quote_to_contract(cast.alice, quote)
    assert (contract.total, contract.open, contract.lines.count()) == (quote.total, None, 3)
    plan = [
        {"name": "预付", "percent": 30, "due_on": str(TODAY)},
        {"name": "尾款", "percent": 70, "due_on": str(TODAY + dt.timedelta(days=30))},
    ]
    contract = records.update(cast.alice, contract, {"instalments": plan})
    contract = contracts.contract_sign(cast.alice, contract)
    assert list(contract.instalments.values_list("amount", flat=True)) == [Decimal("309.00"), Decimal("721.00")]
    order = orders.order_confirm(cast.alice, contracts.contract_to_order(cast.alice, contract))
    delivery = orders.order_deliver(cast.alice, order, shipped_on=TODAY)
    assert [row.quantity for row in delivery.lines.all()] == [10, 1]
    orders.delivery_confirm(cast.alice, delivery, by="仓库老张")
    order = Order.objects.get(pk=order.pk)
    assert (order.status, order.delivered_on, order.open) == ("delivered", TODAY, None)
    receipt = make("billing.receipt", customer=contract.customer, amount=Decimal("1000.00"))
    ledger.receipt_spread(cast.root, receipt)
    contract = Contract.objects.get(pk=contract.pk)
    assert (contract.received, contract.open, contract.written_off) == (Decimal("1000.00"), Decimal("30.00"), 0)
    with pytest.raises(Denied):
        ledger.write_off(cast.bob, contract.instalments.get(open__gt=0), reason="抹零")
    ledger.write_off(cast.root, contract.instalments.get(open__gt=0), reason="抹零")
    contract = Contract.objects.get(pk=contract.pk)
    assert (contract.open, contract.written_off) == (0, Decimal("30.00"))
    paper = invoices.invoice_request(cast.alice, contract)
    invoices.invoice_issue(cast.root, paper, invoice_number="25112000000001")
    found = selectors.chain(cast.alice, delivery)
    assert (found.confirmed, found.delivered, found.paid) == (True, True, True)
    assert [len(one) for one in (found.quotes, found.contracts, found.orders, found.deliveries, found.instalments, found.receipts, found.invoices)] == [1, 1, 1, 1, 2, 1, 1]  # fmt: skip
    account = selectors.account(cast.root, contract.customer, "CNY", last=TODAY)
    assert (account.closing, len(account.movements)) == (0, 3)


def test_an_account_dates_what_has_no_day_by_the_workspace(cast: Any, make: Any) -> None:
    contract = make("billing.contract")
    made = dt.datetime(2024, 5, 19, 23, 30, tzinfo=dt.UTC)  # the morning of the 20th in Shanghai
    Contract.objects.filter(pk=contract.pk).update(signed_on=None, created_at=made, open=Decimal(1))
    account = selectors.account(cast.root, contract.customer, contract.currency, last=TODAY)
    assert [one.on for one in account.movements] == [dt.date(2024, 5, 20)]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"quoted_on": "2026-05-02", "valid_until": "2026-05-01"}, "valid_until"),
        ({"discount": 120}, "discount"),
        ({"discount_amount": -1}, "discount_amount"),
        ({"currency": "USD"}, "currency"),
        ({"discount_amount": 99999}, "discount_amount"),
        ({"lines": [{"name": "x", "price": -1}]}, "lines.0.price"),
        ({"lines": [{"name": "x", "price": 1, "quantity": "99999999999"}]}, "lines.0.quantity"),
    ],
)
def test_nonsense_is_refused_at_its_field(cast: Cast, make: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        quote_of(cast, make, **values)
    assert list(error.value.errors) == [field]
    assert not Quote.objects.exists()


def test_contracts_do_not_go_in_circles(cast: Cast, make: Any) -> None:
    first = signed(make)
    second = contracts.contract_amend(cast.alice, first)
    with pytest.raises(Invalid) as error:
        records.update(cast.alice, first, {"amends": second.pk})
    assert (error.value.code, error.value.field) == ("contract.circle", "amends")


def test_an_amendment_that_reduces_writes_off(cast: Cast, make: Any) -> None:
    first = signed(make, total=Decimal(200))
    less = contracts.contract_amend(cast.alice, first, effect="reduce")
    less = records.update(cast.alice, less, {"lines": [{"name": "少做", "quantity": 1, "price": 50, "tax_class": "6"}]})
    less = contracts.contract_sign(cast.alice, less)
    first = Contract.objects.get(pk=first.pk)
    assert (first.open, first.written_off, less.open) == (150, 50, None)


def test_an_amendment_that_says_nothing_is_not_signed(cast: Cast, make: Any) -> None:
    """One that moves no money may change terms or dates, name goods for nothing, or carry its text in a file."""
    first = records.update(cast.alice, signed(make, total=Decimal(200)), {"terms": "货到付款"})

    def tried(**values: Any) -> str:
        amendment = contracts.contract_amend(cast.alice, first)
        amendment = records.update(cast.alice, amendment, values) if values else amendment
        try:
            return str(contracts.contract_sign(cast.alice, amendment).status)
        except RuleBroken as refused:
            assert Contract.objects.get(pk=amendment.pk).status == "draft"
            return refused.code

    assert tried() == tried(terms=first.terms, name="又一份") == "amendment.empty"
    assert tried(terms="款到发货") == tried(ends_on=TODAY + dt.timedelta(days=90)) == "signed"
    assert tried(lines=[{"name": "赠品", "quantity": 1, "price": 0, "tax_class": "13"}]) == "signed"
    with_text = contracts.contract_amend(cast.alice, first)
    together.file_add(cast.alice, with_text, SimpleUploadedFile("补充协议.txt", "甲方更名".encode()))
    assert contracts.contract_sign(cast.alice, with_text).status == "signed"


def test_deliveries_hold_no_more_than_was_ordered(cast: Cast, make: Any) -> None:
    line = make("billing.orderline", quantity=3)
    order = orders.order_confirm(cast.alice, Order.objects.get(pk=line.order_id))
    first = orders.order_deliver(cast.alice, order)
    row = first.lines.get()
    records.update(cast.alice, first, {"lines": [{"id": row.pk, "order_line": line.pk, "quantity": 1}]})
    second = orders.order_deliver(cast.alice, order)
    assert second.lines.get().quantity == 2
    with pytest.raises(Invalid) as error:
        records.update(cast.alice, second, {"lines": [{"order_line": line.pk, "quantity": 3}]})
    assert error.value.code == "line.quantity"
    orders.delivery_confirm(cast.alice, Delivery.objects.get(pk=first.pk))
    assert Order.objects.get(pk=order.pk).status == "delivering"
    orders.delivery_return(cast.alice, Delivery.objects.get(pk=first.pk))
    assert Order.objects.get(pk=order.pk).status == "confirmed"


def test_the_chain_names_amendments_of_amendments_and_their_orders(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal(900))
    first = contracts.contract_amend(cast.root, contract)
    make("billing.contractline", contract=first, quantity=1, price=Decimal(10), tax_class="0")
    first = contracts.contract_sign(cast.root, Contract.objects.get(pk=first.pk))
    second = contracts.contract_amend(cast.root, first)
    assert [first.name, second.name] == [f"{contract.name} 补充协议", f"{contract.name} 补充协议 2"]
    order = contracts.contract_to_order(cast.root, first)
    for one in (contract, first, second, order):
        found = selectors.chain(cast.root, one)
        assert [row.pk for row in found.contracts] == [contract.pk, first.pk, second.pk], one
        assert [row.pk for row in found.orders] == [order.pk], one


def test_orders_under_one_framework_are_deals_of_their_own(cast: Cast, make: Any) -> None:
    frame = contracts.contract_sign(cast.root, make("billing.contract", kind="framework"))
    one, two = (make("billing.order", customer=frame.customer, contract=frame) for _number in range(2))
    assert [row.pk for row in selectors.chain(cast.root, one).orders] == [one.pk]
    assert [row.pk for row in selectors.chain(cast.root, frame).orders] == [one.pk, two.pk]


def test_closed_books_take_no_money(cast: Cast, make: Any) -> None:
    make("billing.closedperiod", until=TODAY - dt.timedelta(days=1))
    customer = make("customers.customer")
    with pytest.raises(Invalid) as error:
        make("billing.receipt", customer=customer, received_on=TODAY - dt.timedelta(days=1))
    assert (error.value.code, error.value.field) == ("period.closed", "received_on")
    with pytest.raises(Invalid) as error:
        make("billing.receipt", customer=customer, received_on=TODAY + dt.timedelta(days=1))
    assert error.value.code == "dates.future"


def test_red_invoices_take_back(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal("106.00"), owner=cast.alice_user)
    with pytest.raises(Invalid) as error:
        invoices.invoice_request(cast.alice, contract, amount=Decimal("106.01"))
    assert error.value.field == "amount"
    paper = invoices.invoice_request(cast.alice, contract)
    with pytest.raises(Denied):
        invoices.invoice_issue(cast.bob, paper, invoice_number="1")
    paper = invoices.invoice_issue(cast.root, paper, invoice_number="0001")
    (told,) = notify.notifications(cast.alice).notes
    assert ("0001" in told.text, told.record_id) == (True, paper.pk)
    assert Contract.objects.get(pk=contract.pk).invoiced == Decimal("106.00")
    red = invoices.invoice_reverse(cast.root, paper, invoice_number="0002", reason="抬头有误")
    assert (red.amount, red.tax) == (Decimal("-106.00"), -paper.tax)
    assert Contract.objects.get(pk=contract.pk).invoiced == 0
    with pytest.raises(RuleBroken):
        invoices.invoice_reverse(cast.root, type(paper).objects.get(pk=paper.pk), invoice_number="0003")
    assert invoices.invoice_request(cast.alice, contract).amount == Decimal("106.00")


def test_booking_is_undone_to_the_cent(cast: Cast, make: Any) -> None:
    contract = signed(make)
    receipt = make("billing.receipt", customer=contract.customer, amount=Decimal("250.00"))
    step = ledger.receipt_spread(cast.root, receipt)
    receipt.refresh_from_db()
    assert (receipt.allocated, receipt.free) == (200, 50)
    ledger.receipt_refund(cast.root, receipt, amount=Decimal("50.00"))
    with pytest.raises(RuleBroken):
        records.delete(cast.root, receipt)
    ledger.receipt_release(cast.root, receipt)
    contract = Contract.objects.get(pk=contract.pk)
    assert (contract.received, contract.open) == (0, 200)
    assert not Allocation.objects.exists()
    assert step.pk


def test_money_is_paid_back_without_a_word(cast: Cast, make: Any) -> None:
    """Only the amount must be filled; what is left blank takes the service's own default."""
    receipt = make("billing.receipt", customer=signed(make).customer, amount=Decimal("250.00"))
    page = browser(cast.root_user)
    url = f"/receipts/{receipt.pk}/do/refund/"
    assert page.post(url, {"amount": "", "paid_on": "", "memo": ""}).status_code == 422
    assert page.post(url, {"amount": "50", "paid_on": "", "memo": ""}).status_code < 400
    receipt.refresh_from_db()
    assert (receipt.refunded, receipt.free) == (50, 200)


def test_a_payment_is_not_entered_twice_and_an_instalment_takes_what_it_is_due(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal(200))
    row = contract.instalments.get()
    first = receiving.instalment_receive(cast.root, row, amount=Decimal("250.00"), reference="T-1")
    assert (first.allocated, first.free) == (200, 50)
    values = {"customer": contract.customer_id, "received_on": TODAY, "amount": "250.00", "reference": "T-1"}
    with pytest.raises(Invalid) as error:
        records.create(cast.root, "billing.receipt", values)
    assert (error.value.code, error.value.field) == ("receipt.twice", "reference")
    assert records.create(cast.root, "billing.receipt", values | {"reference": "T-2"}).free == 250


def test_a_delivery_and_a_receipt_are_printed(cast: Cast, make: Any) -> None:
    line = make("billing.deliveryline", quantity=1)
    data = papers.document_data(line.delivery, "en", reader=cast.root)
    assert data["rows"] == [{"section": False, "cells": ["1", line.order_line.name, "1", "个"]}]
    assert (data["totals"], data["signature"]) == ([], True)
    receipt = make("billing.allocation").receipt
    data = papers.document_data(receipt, "zh-hans", reader=cast.root)
    assert [row["cells"][2] for row in data["rows"]] == ["¥50.00"]
    assert [row[1] for row in data["totals"]][-1] == papers.amount(receipt.amount, "CNY")
    assert data["in_words"].endswith("元整")
    page = browser(cast.root_user)
    for path in (f"deliveries/{line.delivery_id}", f"receipts/{receipt.pk}"):
        for language in ("zh-hans", "en"):
            assert page.get(f"/{path}/print/{language}.pdf").content[:4] == b"%PDF"


def test_the_plan_of_a_draft_is_planned_and_not_owed(cast: Cast, make: Any) -> None:
    signed(make, total=Decimal(900))
    draft = make("billing.contract", owner=cast.alice_user)
    make("billing.contractline", contract=draft, quantity=1, price=Decimal(500), tax_class="0")
    Instalment.objects.update(due_on=TODAY - dt.timedelta(days=3))
    row = make("billing.instalment", contract=draft, amount=Decimal(500), due_on=TODAY - dt.timedelta(days=3))
    assert [one.open for one in records.select(cast.root, "billing.instalment", filter=selectors.OWED).items] == [900]
    assert sum(one.total for one in selectors.ageing(cast.root, on=TODAY)) == 900
    found = engine.run(cast.root, read(builtin.reports()["debts-by-customer"].definition))
    assert found.total.cells[0].value == 900
    assert receivables.is_open(row) is not True
