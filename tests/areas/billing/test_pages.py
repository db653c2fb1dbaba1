"""Pages of the area: the customer's link, PDFs, account, ageing, bank statement, home; in both languages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.translation import gettext as _

from guanxi.areas.billing import panels
from guanxi.areas.billing.models import BankEntry, Quote, Receipt
from guanxi.areas.billing.services import contracts, links, quotes
from guanxi.core import records
from guanxi.core.automation.approvals import history
from guanxi.core.automation.notify import note_for
from guanxi.core.kernel.errors import Denied, NotFound
from guanxi.core.models import Approval, AuditEntry, Notification, RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.records.firm import firm_set
from tests.areas.billing.test_bank import statement
from tests.factories.billing import TODAY, signed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


def quote(cast: Cast, make: Any) -> Quote:
    product = make("catalog.product")
    values = {
        "name": "泵站监控",
        "customer": make("customers.customer").pk,
        "lines": [{"product": product.pk, "quantity": 3}],
    }
    made: Quote = records.create(cast.alice, "billing.quote", values)
    return made


def answered(guest: Client, secret: str, page: str = "", **words: str) -> Any:
    """What a customer sends from the page he reads."""
    read = page or guest.get(f"/p/{secret}/").content.decode()
    mark = read.partition('name="seen" value="')[2].partition('"')[0]
    return guest.post(f"/p/{secret}/", {"answer": "accept", "seen": mark, **words})


def test_a_customer_accepts_by_link_with_name_and_time(cast: Cast, make: Any) -> None:
    made = quote(cast, make)
    secret = links.link_make(cast.alice, made).rstrip("/").rpartition("/")[2]
    guest = Client(headers={"Accept-Language": "zh-CN"})
    page = guest.get(f"/p/{secret}/")
    text = page.content.decode()
    assert (page.status_code, page["X-Robots-Tag"], page["Cache-Control"]) == (200, "noindex", "no-store")
    assert "¥300" in text
    assert all(word not in text for word in ("毛利", "成本"))
    assert guest.get(f"/p/{secret}/pdf/").content[:4] == b"%PDF"
    assert answered(guest, secret, text, by=" ").status_code == 422
    assert answered(guest, secret, text, by="王采购", words="尽快发货").status_code == 303
    made = Quote.objects.get(pk=made.pk)
    assert (made.status, made.accepted_by, made.answer) == ("accepted", "王采购", "尽快发货")
    assert made.accepted_at is not None
    assert "王采购" in guest.get(f"/p/{secret}/").content.decode()
    links.link_end(cast.alice, made)
    with pytest.raises(NotFound):
        links.link_open(secret, address="10.0.0.9")
    gone = guest.get(f"/p/{secret}/")
    assert (gone.status_code, gone["X-Robots-Tag"]) == (404, "noindex")
    assert "请向发送人索取新的链接" in gone.content.decode()


def test_a_customer_reads_who_offers_what_and_may_decline(cast: Cast, make: Any) -> None:
    firm_set(cast.root, {"name": "远岭", "legal_name": "远岭自动化技术有限公司"}, fiscal_month=1)
    made = records.update(cast.alice, quote(cast, make), {"discount": "5"})
    secret = links.link_make(cast.alice, made).rstrip("/").rpartition("/")[2]
    guest = Client(headers={"Accept-Language": "zh-CN"})
    text = guest.get(f"/p/{secret}/").content.decode()
    assert all(word in text for word in ("远岭自动化技术有限公司", "整单优惠", cast.alice_user.name, ">3<"))
    assert all(word not in text for word in ("3.0000", "折扣 %"))
    assert guest.get(f"/p/{secret}/pdf/?print=en")["Content-Type"] == "application/pdf"
    refused = guest.post(f"/p/{secret}/", {"by": "", "answer": "decline", "words": "太贵"})
    assert refused.status_code == 422
    assert all(word in refused.content.decode() for word in ('aria-invalid="true"', "太贵"))
    assert answered(guest, secret, by="李采购", answer="decline", words="太贵").status_code == 303
    assert "已拒绝：李采购: 太贵" in guest.get(f"/p/{secret}/").content.decode()
    told = note_for(cast.alice_user, Notification.objects.get(user=cast.alice_user))
    assert told is not None
    assert told.text == "客户 李采购 拒绝了报价“泵站监控”"


def test_an_answer_is_to_what_was_read_and_not_to_what_became_of_it(cast: Cast, make: Any) -> None:
    made = quote(cast, make)
    secret = links.link_make(cast.alice, made).rstrip("/").rpartition("/")[2]
    guest = Client(headers={"Accept-Language": "en"})
    read = guest.get(f"/p/{secret}/").content.decode()
    made.refresh_from_db()
    records.update(cast.alice, made, {"note": "of no concern to him"})
    line = made.lines.get()
    records.update(cast.alice, made, {"lines": [{"id": line.pk, "quantity": 3, "specification": "used"}]})
    refused = answered(guest, secret, read, by="王采购")
    made.refresh_from_db()
    assert (refused.status_code, made.status) == (422, "sent")
    assert "changed since you opened it" in refused.content.decode()
    records.update(cast.alice, made, {"note": "nor this"})
    assert answered(guest, secret, refused.content.decode(), by="王采购").status_code == 303


def test_nobody_outside_signs_in_the_audit_as_a_colleague(cast: Cast, make: Any) -> None:
    made = quote(cast, make)
    secret = links.link_make(cast.alice, made).rstrip("/").rpartition("/")[2]
    assert answered(Client(), secret, by=cast.bob_user.name).status_code == 303
    last = AuditEntry.objects.filter(entity="billing_quote", record_id=made.pk).latest("id")
    assert (last.actor_id, last.actor_name) == (None, f"customer: {cast.bob_user.name}")
    assert (
        f"Customer {cast.bob_user.name}" in browser(cast.alice_user).get(f"/quotes/{made.pk}/history/").content.decode()
    )


def test_guessing_links_is_slowed_down(cast: Cast) -> None:
    guest = Client()
    answers = [guest.get(f"/p/{'x' * 40}{number}/").status_code for number in range(8)]
    assert answers[0] == 404
    assert answers[-1] == 429


def test_documents_print_in_both_languages(cast: Cast, make: Any) -> None:
    client = browser(cast.alice_user)
    made = quote(cast, make)
    for language in ("zh-hans", "en"):
        answer = client.get(f"/quotes/{made.pk}/print/{language}.pdf")
        assert (answer.status_code, answer["Content-Type"], answer.content[:4]) == (200, "application/pdf", b"%PDF")
    assert browser(cast.charlie_user).get(f"/quotes/{made.pk}/print/en.pdf").status_code == 404


def test_record_pages_show_the_chain_and_forms_the_grid(cast: Cast, make: Any) -> None:
    client = browser(cast.alice_user)
    made = quotes.quote_accept(cast.alice, quote(cast, make))
    contract = contracts.contract_sign(cast.alice, quotes.quote_to_contract(cast.alice, made))
    order = contracts.contract_to_order(cast.alice, contract)
    for path in (
        f"/quotes/{made.pk}/",
        f"/contracts/{contract.pk}/",
        f"/sales-orders/{order.pk}/",
        f"/instalments/{contract.instalments.get().pk}/",
    ):
        text = client.get(path).content.decode()
        assert all(one in text for one in (made.number, contract.number, order.number)), path
    form = client.get(f"/sales-orders/{order.pk}/edit/").content.decode()
    assert 'name="lines.0.quantity"' in form
    sent = {
        "lines.sent": "1",
        "lines.0.product": str(made.lines.get().product_id),
        "lines.0.product.text": "",
        "lines.0.quantity": "4",
        "currency": "CNY",
        "customer": str(made.customer_id),
    }
    found = client.post("/quotes/lines/lines/", {**sent, "lines.0.product.text": made.lines.get().name}).json()
    assert found["rows"]["0"]["values"]["price"] == "100"
    assert found["totals"]["total"] == "¥400"


def test_money_pages(cast: Cast, make: Any) -> None:
    client = browser(cast.root_user)
    contract = signed(make, total=Decimal("1000.00"))
    name = contract.customer.name
    assert name in client.get("/receivables/").content.decode()
    account = client.get(f"/customers/{contract.customer_id}/account/")
    assert contract.number in account.content.decode()
    assert client.get(f"/customers/{contract.customer_id}/account/?pdf=zh-hans").content[:4] == b"%PDF"
    file = SimpleUploadedFile("bank.csv", statement(f"{TODAY},,1000.00,9,{name},1,{contract.number},S1"))
    page = client.post("/bank-statement/", {"file": file}).content.decode()
    assert name in page
    entry = BankEntry.objects.get()
    answer = client.post(f"/bank-entries/{entry.pk}/match/", {"customer": contract.customer_id})
    assert answer.status_code in (302, 303)
    assert (Receipt.objects.get().allocated, type(contract).objects.get(pk=contract.pk).open) == (1000, 0)
    assert client.get("/").status_code == 200
    assert client.get(f"/customers/{contract.customer_id}/").status_code == 200
    assert client.get(f"/receipts/{Receipt.objects.get().pk}/").status_code == 200


def test_paying_back_and_writing_off_begin_with_what_is_left(cast: Cast, make: Any) -> None:
    client, contract = browser(cast.root_user), signed(make, total=Decimal("1234.50"))
    receipt = make("billing.receipt", customer=contract.customer, amount=Decimal("567.25"))
    due = contract.instalments.get()
    assert 'value="567.25"' in client.get(f"/receipts/{receipt.pk}/do/refund/").content.decode()
    assert 'value="1234.5"' in client.get(f"/instalments/{due.pk}/do/write_off/").content.decode()


def test_sums_of_what_is_due_do_not_mix_currencies(cast: Cast, make: Any) -> None:
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "2020-01-01", "rate": "7"})
    signed(make, total=Decimal(900))
    signed(make, total=Decimal(50), currency="USD")
    text = browser(cast.root_user).get("/instalments/totals/").content.decode()
    assert all(word in text for word in ("¥900", "US$50"))
    assert "950" not in text


def test_the_same_money_on_the_same_day_is_warned_of_while_it_is_entered(cast: Cast, make: Any) -> None:
    first = make("billing.receipt", amount=Decimal("500.00"), received_on=TODAY)
    back = make("billing.receipt", customer=first.customer, amount=Decimal("40.00"), sort="out")
    page, url = browser(cast.root_user), "/receipts/similar/"
    same = {"customer": first.customer_id, "received_on": TODAY.isoformat(), "amount": "500", "currency": "CNY"}
    told = page.post(url, same, headers={"HX-Request": "true"}).content.decode()
    assert first.number in told
    assert "same customer, received on, amount, currency" in told
    assert page.get("/receipts/new/").content.decode().count('data-similar="/receipts/similar/"') == 1
    for other in (
        {"amount": "500.01"},
        {"currency": "USD"},
        {"received_on": ""},
        {"customer": make("customers.customer").pk},
    ):
        assert first.number not in page.post(url, {**same, **other}, headers={"HX-Request": "true"}).content.decode(), (
            other
        )
    assert (
        back.number not in page.post(url, {**same, "amount": "40"}, headers={"HX-Request": "true"}).content.decode()
    ), "paid back is another thing"
    assert (
        first.number not in page.post(f"{url}?except={first.pk}", same, headers={"HX-Request": "true"}).content.decode()
    )


def test_a_customer_reads_why_he_can_no_longer_answer(cast: Cast, make: Any) -> None:
    made = quote(cast, make)
    secret = links.link_make(cast.alice, made).rstrip("/").rpartition("/")[2]
    guest = Client(headers={"Accept-Language": "en"})
    made.refresh_from_db()
    past = {"quoted_on": TODAY - dt.timedelta(days=9), "valid_until": TODAY - dt.timedelta(days=1)}
    made = records.update(cast.alice, made, past)
    text = guest.get(f"/p/{secret}/").content.decode()
    assert f"valid until {past['valid_until']}. Please ask for a new one." in text
    assert "<form" not in text
    assert guest.post(f"/p/{secret}/", {"by": "王采购", "answer": "accept"}).status_code == 422
    quotes.quote_revise(cast.alice, made)
    assert "replaced by a newer one" in guest.get(f"/p/{secret}/").content.decode()
    made.refresh_from_db()
    assert (made.status, made.accepted_at) == ("replaced", None)


def test_the_path_of_a_contract_offers_no_step_that_only_its_actions_take(cast: Cast, make: Any) -> None:
    made = make("billing.contract")
    text = browser(cast.root_user).get(f"/contracts/{made.pk}/").content.decode()
    assert 'class="gx-stages"' in text
    assert f"/contracts/{made.pk}/stage/" not in text
    assert "Moves on with what is done" in text or "随业务操作推进" in text


def test_a_tile_of_today_leads_to_the_rows_it_counts(cast: Cast, make: Any) -> None:
    for number, days in enumerate((3, 400)):
        made = make(
            "billing.contract", owner=cast.alice_user, name=f"合同{number}", ends_on=TODAY + dt.timedelta(days=days)
        )
        type(made).objects.filter(pk=made.pk).update(status="signed")
    tile = panels.contracts_ending(cast.alice)
    page = browser(cast.alice_user).get(tile["url"]).content.decode()
    assert tile["count"] == 1
    assert "合同0" in page
    assert "合同1" not in page


def test_figures_hidden_from_a_role_are_told_by_no_panel_page_or_paper(cast: Cast, make: Any) -> None:
    """What fields say on forms and lists holds where an area writes its own pages."""
    customer = make("customers.customer")
    made = signed(make, total=Decimal("4321.09"), customer=customer)
    made.instalments.update(due_on=TODAY - dt.timedelta(days=9))
    offered = quote(cast, make)
    alice, told = browser(cast.alice_user), ("4,321.09", "4321.09")
    pages = (
        f"/contracts/{made.pk}/",
        f"/customers/{customer.pk}/",
        f"/customers/{customer.pk}/account/",
        "/receivables/",
    )

    def tells(page: str) -> bool:
        content = alice.get(page).content.decode()
        return any(one in content for one in told)

    assert [tells(one) for one in pages] == [True] * 4
    for entity, field in (
        ("billing.contract", "total"), ("billing.contract", "net"), ("billing.contract", "open"), ("billing.contractline", "price"),
        ("billing.contractline", "amount"), ("billing.contractline", "net"), ("billing.instalment", "open"), ("billing.instalment", "amount"),
        ("billing.quote", "total"),
    ):  # fmt: skip
        RoleField.objects.create(role=cast.role, entity=entity, field=field, level="hidden")
    bump("rights", "fields")
    assert [tells(one) for one in pages] == [False] * 4
    assert [alice.get(one).status_code for one in pages] == [200, 200, 404, 404]
    assert alice.get(f"/contracts/{made.pk}/print/zh-hans.pdf").status_code == 403
    assert ".pdf" not in alice.get(f"/contracts/{made.pk}/").content.decode()
    with pytest.raises(Denied):
        links.link_make(cast.actor(cast.alice_user), offered)


def test_what_is_to_be_approved_is_named_as_the_action_asks_for_it(cast: Cast) -> None:
    sent = Approval(entity="billing.contract", action="sign", values={"customer": "王总", "by": "陈建国"})
    assert history.changes_of(cast.alice, sent) == [
        (_("Signed for the customer by"), "", "王总"),
        (_("Signed for us by"), "", "陈建国"),
    ]
    change = Approval(entity="billing.contract", action="change", values={"name": "二期"}, before={"name": "一期"})
    assert [line[1:] for line in history.changes_of(cast.alice, change)] == [("一期", "二期")]
