"""What nobody may see he is not told by any face of money, and no money of his goes there."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from guanxi.areas.billing import panels, selectors
from guanxi.areas.billing.models import Allocation, Contract, Instalment, Order, Receipt
from guanxi.areas.billing.services import bank, contracts, ledger, orders, papers, printing, proposing
from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, RuleBroken
from guanxi.core.models import RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.people import tokens
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.record.header import flags
from tests.areas.billing.test_bank import statement
from tests.factories.billing import TODAY, signed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
TOTAL = Decimal("4321.09")


def blind(cast: Cast, *entities: str) -> Actor:
    """Alice, whose role no longer lets her see these."""
    cast.role.rights.filter(entity__in=entities).delete()
    bump("rights")
    return cast.actor(cast.alice_user)


def hidden(cast: Cast, *places: str) -> Actor:
    """Alice, from whom these fields are hidden."""
    for one in places:
        entity, _dot, field = one.rpartition(".")
        RoleField.objects.create(role=cast.role, entity=entity, field=field, level="hidden")
    bump("rights", "fields")
    return cast.actor(cast.alice_user)


def owing(make: Any) -> tuple[Contract, Any]:
    """A contract of Alice's customer over TOTAL, and what the customer paid on it, as the bank says."""
    customer = make("customers.customer", name="深圳市华强电子有限公司")
    contract = signed(make, total=TOTAL, customer=customer)
    entry = make("billing.bankentry", payer=customer.name, amount=TOTAL, memo=f"货款 {contract.number}")
    return contract, entry


@pytest.mark.parametrize("what", ["billing.contract", "billing.instalment"])
def test_what_one_does_not_see_is_neither_proposed_nor_booked_on(cast: Cast, make: Any, what: str) -> None:
    contract, entry = owing(make)
    seen = proposing.proposals(cast.alice, entry)[0]
    assert (len(seen.reasons), [one.amount for one in seen.items]) == (3, [TOTAL])
    assert proposing.is_sure([seen])
    alice = blind(cast, what)
    (left,) = proposing.proposals(alice, entry)
    assert (left.customer, list(left.items), proposing.is_sure([left])) == (contract.customer, [], False)
    assert len(left.reasons) == (1 if what == "billing.contract" else 2)
    client = browser(cast.alice_user)
    for page in ("/bank-statement/", f"/bank-entries/{entry.pk}/"):
        text = client.get(page).content.decode()
        assert contract.customer.name in text
        assert f"/instalments/{contract.instalments.get().pk}/" not in text, page
        assert contract.name not in text, page
    assert bank.entries_book_sure(alice) == (0, 0)
    assert client.post(f"/bank-entries/{entry.pk}/match/", {"customer": contract.customer_id}).status_code == 303
    assert (Receipt.objects.get().free, Contract.objects.get(pk=contract.pk).open) == (TOTAL, TOTAL)
    receipt = Receipt.objects.get()
    row = contract.instalments.get()
    with pytest.raises(Invalid):
        ledger.receipt_allocate(alice, receipt, [(row.pk, Decimal(1))])
    with pytest.raises(RuleBroken):
        ledger.receipt_spread(alice, receipt)
    _token, key = tokens.token_create(cast.root, cast.alice_user, name="tests", scopes=["read", "write"])
    sent = {"receipt": receipt.pk, "instalment": row.pk, "amount": "99999"}
    answer = Client().post("/api/v1/allocations", json.dumps(sent), content_type="application/json", headers={"Authorization": f"Bearer {key}"})  # fmt: skip
    assert answer.status_code in (404, 422), answer.content
    assert "4,321" not in answer.content.decode()
    asked = {"asked": f"receipts/{receipt.pk}/book/instalment", "q": ""}
    picked = client.get("/pick/instalments/", asked)
    assert picked.status_code in (403, 404) or picked.json()["items"] == []
    assert not Allocation.objects.exists()
    assert proposing.proposals(cast.system, entry)[0].items, "the house sees all"


def test_a_number_or_amount_that_is_hidden_is_not_told(cast: Cast, make: Any) -> None:
    contract, entry = owing(make)
    receipt = make("billing.receipt", customer=contract.customer, amount=Decimal(5000))
    row = contract.instalments.get()
    alice = hidden(cast, "billing.contract.number")
    (found,) = proposing.proposals(alice, entry)
    assert (len(found.reasons), [one.name for one in found.items]) == (2, [row.name])
    client = browser(cast.alice_user)
    account = f"/customers/{contract.customer_id}/account/"
    for page in (f"/receipts/{receipt.pk}/", account):
        text = client.get(page).content.decode()
        assert "4,321.09" in text, page
        assert contract.number not in text, page
    ledger.receipt_allocate(cast.root, receipt, [(row.pk, Decimal(1))])
    page = f"/receipts/{receipt.pk}/"
    assert contract.number not in client.get(page).content.decode()
    assert contract.number not in str(papers.document_data(receipt, "en", reader=alice))
    alice = hidden(cast, "billing.instalment.open")
    (found,) = proposing.proposals(alice, entry)
    assert (len(found.reasons), list(found.items)) == (1, [])
    receipt.refresh_from_db()
    for ask in (
        lambda: ledger.receipt_allocate(alice, receipt, [(row.pk, Decimal(4999))]),
        lambda: ledger.receipt_book(alice, receipt, instalment=row.pk),
        lambda: ledger.receipt_spread(alice, receipt),
    ):
        with pytest.raises(GuanxiError) as error:
            ask()
        assert "4,320" not in str(error.value.message)
    assert "4320" not in client.get(f"/instalments/{row.pk}/do/write_off/").content.decode()


def test_what_is_hidden_of_an_entry_proposes_nobody(cast: Cast, make: Any) -> None:
    contract, entry = owing(make)
    client = browser(cast.alice_user)
    for field, reasons in (("payer", 2), ("memo", 1)):
        alice = hidden(cast, f"billing.bankentry.{field}")
        assert len(proposing.proposals(alice, entry)[0].reasons) == reasons
    alice = hidden(cast, "billing.bankentry.amount")
    assert proposing.proposals(alice, entry) == []
    text = client.get("/bank-statement/").content.decode()
    assert all(one not in text for one in ("4,321", contract.customer.name, contract.number))


def test_who_paid_before_is_known_from_receipts_one_sees(cast: Cast, make: Any) -> None:
    contract, _entry = owing(make)
    make("billing.receipt", customer=contract.customer, payer="王老五")
    entry = make("billing.bankentry", payer="王老五", amount=Decimal(7))
    assert len(proposing.proposals(cast.alice, entry)) == 1
    assert proposing.proposals(blind(cast, "billing.receipt"), entry) == []


def test_an_entry_of_somebody_else_is_known_without_its_amount(cast: Cast, make: Any) -> None:
    first, again = (f"{TODAY},,{amount}.00,0,甲方,1,货款,S001" for amount in (4321, 7))
    bank.statement_import(cast.root, content=statement(first), name="x.csv")
    for actor, told in ((cast.root, True), (cast.alice, False)):
        ((row, text),) = bank.statement_import(actor, content=statement(again), name="x.csv").problems
        assert (row, "4,321" in text, "S001" in text) == (2, told, True)
    file = SimpleUploadedFile("bank.csv", statement(again))
    assert "4,321" not in browser(cast.alice_user).post("/bank-statement/", {"file": file}).content.decode()


def test_a_payment_entered_by_others_is_refused_without_its_number(cast: Cast, make: Any) -> None:
    customer = make("customers.customer")
    there = make("billing.receipt", customer=customer, amount=Decimal(70), reference="R-1", account="1")
    values = {"customer": customer.pk, "received_on": TODAY, "amount": "70", "reference": "R-1", "account": "2"}
    for actor, told in ((cast.alice, True), (hidden(cast, "billing.receipt.number"), False)):
        with pytest.raises(Invalid) as error:
            records.create(actor, "billing.receipt", values)
        assert (error.value.code, there.number in str(error.value.message)) == ("receipt.twice", told)


def test_a_limit_warns_with_the_sums_one_sees(cast: Cast, make: Any) -> None:
    """Charlie's contract with Alice's customer counts for her limit; she reads what it comes to where she sees his money."""
    customer = make("customers.customer")
    others = signed(make, total=Decimal(900), customer=customer)
    for rows in (Contract.objects.filter(pk=others.pk), Instalment.objects.filter(contract=others)):
        rows.update(owner=cast.charlie_user, carrier_owner=cast.charlie_user)
    Instalment.objects.update(due_on=TODAY - dt.timedelta(days=40))
    limit = make("billing.creditlimit", customer=customer, amount=1000, blocks=True)
    line = make("billing.orderline", order=make("billing.order", customer=customer))
    order = Order.objects.get(pk=line.order_id)

    def refusal(actor: Actor) -> str:
        with pytest.raises(RuleBroken) as error:
            orders.order_confirm(actor, order)
        assert error.value.code == "credit.limit"
        return str(error.value.message)

    assert "1,100" in refusal(cast.root)
    told = panels.credit(cast.alice, order)["credit"]
    assert (told.exceeded, told.beyond, told.owed, told.overdue) == (True, True, 0, 0)
    assert refusal(cast.alice) == told.text == selectors.beyond_limit()
    text = browser(cast.alice_user).get(f"/customers/{customer.pk}/").content.decode()
    assert all(one not in text for one in ("¥900", "¥1,100"))
    alice = blind(cast, "billing.creditlimit")
    assert panels.credit(alice, order)["credit"] is None
    assert refusal(alice) == selectors.beyond_limit()
    assert "1,000" not in str(flags(alice, entity_of(customer), customer))
    limit.refresh_from_db()
    Instalment.objects.filter(contract=others).update(owner=cast.alice_user)
    assert panels.credit(alice, order)["credit"].overdue == 900


def test_an_account_is_told_in_the_currencies_of_business_one_sees(cast: Cast, make: Any) -> None:
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "2020-01-01", "rate": "7"})
    customer = make("customers.customer")
    signed(make, customer=customer)
    signed(make, customer=customer, currency="USD")
    dollars = Contract.objects.filter(currency="USD")
    assert selectors.currencies_of(cast.alice, customer) == ["CNY", "USD"]
    dollars.update(owner=cast.charlie_user, carrier_owner=cast.charlie_user)
    assert selectors.currencies_of(cast.alice, customer) == ["CNY"]
    assert "USD" not in browser(cast.alice_user).get(f"/customers/{customer.pk}/account/").content.decode()


def test_ages_are_for_who_reads_the_days(cast: Cast, make: Any) -> None:
    contract, _entry = owing(make)
    client = browser(cast.alice_user)
    assert client.get("/receivables/").status_code == 200
    hidden(cast, "billing.instalment.due_on")
    assert client.get("/receivables/").status_code == 404
    assert "/receivables/" not in client.get("/").content.decode()
    for one in (
        "billing.instalment.open",
        "billing.contract.status",
        "billing.contract.ends_on",
        "billing.invoice.status",
    ):
        hidden(cast, one)
        assert client.get("/").status_code == 200, one
    assert "4,321.09" not in str(panels.account(cast.actor(cast.alice_user), contract.customer))


def test_a_paper_holds_nothing_that_is_hidden_from_who_prints_it(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", credit_code="91440300708461136T", addresses=[{"street": "人民路 1 号"}])
    contact = make("customers.contact", customer=customer, name="王采购", phones=[{"value": "13800138000"}])
    one, two = (signed(make, customer=customer, contact=contact, name=name) for name in ("一期", "二期"))
    receipt = make("billing.receipt", customer=customer, amount=Decimal(150))
    for contract in (one, two):
        ledger.receipt_allocate(cast.root, receipt, [(contract.instalments.get().pk, Decimal(50))])
    receipt.refresh_from_db()
    places = ("91440300708461136T", "人民路", "王采购", "13800138000")
    told = str(papers.document_data(one, "zh-hans", reader=cast.alice))
    assert all(place in told for place in places), told
    Contract.objects.filter(pk=two.pk).update(owner=cast.charlie_user, carrier_owner=cast.charlie_user)
    told = str(papers.document_data(receipt, "zh-hans", reader=cast.alice))
    assert (one.number in told, two.number in told, "二期" in told) == (True, False, False)
    alice = hidden(cast, "customers.customer.credit_code", "customers.customer.addresses", "customers.contact.phones")
    told = str(papers.document_data(one, "zh-hans", reader=alice))
    assert [place in told for place in places] == [False, False, True, False]
    alice = blind(cast, "customers.contact")
    assert "王采购" not in str(papers.document_data(one, "zh-hans", reader=alice))
    hidden(cast, "customers.customer.name")
    assert browser(cast.alice_user).get(f"/contracts/{one.pk}/print/en.pdf").status_code == 403


def test_a_template_is_tried_with_a_document_one_may_print(cast: Cast, make: Any, monkeypatch: Any) -> None:
    signed(make, total=TOTAL)
    template = make("billing.printtemplate", document="contract", source="=")
    given: list[Any] = []
    monkeypatch.setattr(printing, "compiled", lambda _source, data: given.append(data) or b"")
    printing.template_pdf(cast.root, template)
    hidden(cast, "billing.contract.total")
    alice = cast.actor(cast.alice_user)
    with pytest.raises(Denied):
        papers.require_open(alice, Contract.objects.get())
    monkeypatch.setattr(printing, "require", lambda *_any: None)
    printing.template_pdf(alice, template)
    assert ["4,321.09" in str(one) for one in given] == [True, False]


def test_a_framework_says_what_is_left_to_who_may_know_it(cast: Cast, make: Any) -> None:
    customer = make("customers.customer")
    values = {
        "name": "年度框架",
        "kind": "framework",
        "customer": customer.pk,
        "volume": "1000",
        "owner": cast.alice_user.pk,
    }
    frame = contracts.contract_sign(cast.root, records.create(cast.root, "billing.contract", values))
    under = contracts.contract_call(cast.root, frame)
    make("billing.contractline", contract=under, quantity=1, price=Decimal(1001), tax_class="0")
    under = Contract.objects.get(pk=under.pk)
    for actor, told in ((cast.alice, True), (hidden(cast, "billing.contract.volume"), False)):
        assert (panels.frame(actor, frame)["framed"] is not None) is told
        with pytest.raises(RuleBroken) as error:
            contracts.contract_sign(actor, under)
        assert (error.value.code, "1,000" in str(error.value.message)) == ("framework.exceeded", told)


def test_a_refusal_of_an_invoice_tells_nothing_of_a_hidden_total(cast: Cast, make: Any) -> None:
    contract = signed(make, total=TOTAL)
    values = {"customer": contract.customer_id, "contract": contract.pk, "amount": "5000", "currency": "CNY"}
    for actor, told in ((cast.alice, True), (hidden(cast, "billing.contract.total"), False)):
        with pytest.raises(Invalid) as error:
            records.create(actor, "billing.invoice", values)
        assert (error.value.code, "4,321" in str(error.value.message)) == ("invoice.too_much", told)


def test_a_plan_that_does_not_add_up_tells_no_hidden_total(cast: Cast, make: Any) -> None:
    lines = [{"name": "服务", "quantity": 1, "price": TOTAL, "tax_class": "0"}]
    made = make("billing.contract", lines=lines, instalments=[{"name": "首付", "amount": "1"}])
    for actor, told in ((cast.alice, True), (hidden(cast, "billing.contract.total"), False)):
        with pytest.raises(Invalid) as error:
            contracts.contract_sign(actor, made)
        assert (error.value.code, "4,321" in str(error.value.message)) == ("instalments.sum", told)


def test_a_statement_names_the_target_of_a_plan_one_sees(cast: Cast, make: Any) -> None:
    plan = make("billing.commissionplan", target="7777")
    made = make("billing.commissionstatement", plan=plan, owner=cast.alice_user)
    assert panels.arithmetic(cast.root, made)["target"] == 7777
    assert panels.arithmetic(cast.alice, made)["target"] is None
    assert panels.arithmetic(hidden(cast, "billing.commissionstatement.steps"), made)["statement"] is None


def test_an_amendment_is_called_after_a_contract_one_sees(cast: Cast, make: Any) -> None:
    first = signed(make, name="总包一期")
    second = contracts.contract_sign(cast.root, _filled(cast, contracts.contract_amend(cast.root, first)))
    Contract.objects.filter(pk=first.pk).update(owner=cast.charlie_user, carrier_owner=cast.charlie_user)
    second.refresh_from_db()
    assert "总包一期" in contracts.contract_amend(cast.root, second).name
    second.name = "补充"
    assert "总包一期" not in contracts.contract_amend(cast.alice, second).name


def _filled(cast: Cast, amendment: Contract) -> Contract:
    filled: Contract = records.update(cast.root, amendment, {"terms": "另一条款"})
    return filled
