"""Papers say what their printer may see: masked as on pages, left out where hidden, refused where they would be none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from guanxi.areas.billing.models import Allocation, Contract, Delivery, Instalment, Quote
from guanxi.areas.billing.services import ledger, links, papers, printing
from guanxi.core import records
from guanxi.core.access import field_level
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied
from guanxi.core.models import Role, RoleField, User
from guanxi.core.models.stamps import bump
from tests.factories.billing import signed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
PHONE = [{"label": "work", "value": "13812345678"}]


def offered(make: Any, **values: Any) -> Quote:
    """A quote with one line, to a contact with a phone, of a customer with an address."""
    customer = make("customers.customer", name="华强电子", addresses=[{"street": "人民路 1 号"}])
    contact = make("customers.contact", customer=customer, name="王秘", phones=PHONE)
    lines = [{"name": "控制柜", "quantity": 1, "price": "432.10", "tax_class": "13"}]
    return make("billing.quote", customer=customer, contact=contact, lines=lines, **values)


def hidden(cast: Cast, entity: str, field: str, level: str = "hidden") -> Actor:
    """Alice, from whom a field is hidden or masked."""
    RoleField.objects.create(role=cast.role, entity=entity, field=field, level=level)
    bump("rights", "fields")
    return cast.actor(cast.alice_user)


def told(actor: Actor, record: Any) -> str:
    """All that would stand on a paper the actor prints."""
    papers.require_open(actor, record)
    return str(papers.document_data(record, "zh-hans", reader=actor))


def test_a_trainee_prints_phones_masked_and_his_own_in_full(cast: Cast, make: Any) -> None:
    for user, phone in ((cast.alice_user, "+8613900001111"), (cast.bob_user, "+8613900002222")):
        User.objects.filter(pk=user.pk).update(phone=phone)
    quote, theirs = offered(make), offered(make)
    assert "王秘 138 1234 5678" in told(cast.alice, quote).replace("13812345678", "138 1234 5678")
    cast.alice_user.roles.set([Role.objects.get(key="trainee")])
    bump("rights")
    alice = cast.actor(cast.alice_user)
    assert field_level(alice, "customers.contact", "phones") == "masked"
    paper = told(alice, Quote.objects.get(pk=quote.pk))
    assert ("王秘" in paper, "138****5678" in paper, "13812345678" in paper) == (True, True, False)
    assert ("控制柜" in paper, "139 0000 1111" in paper) == (True, True)
    Quote.objects.filter(pk=theirs.pk).update(owner=cast.bob_user)
    paper = told(alice, Quote.objects.select_related("owner").get(pk=theirs.pk))
    assert (cast.bob_user.name in paper, "139 0000 2222" in paper) == (
        True,
        field_level(alice, "core.user", "phone") != "masked",
    )
    assert "13812345678" in told(cast.system, quote), "the customer's own link prints as the house"


def test_a_paper_for_a_customer_one_does_not_see_is_refused_and_not_offered(cast: Cast, make: Any) -> None:
    quote = offered(make)
    client, page = browser(cast.alice_user), f"/quotes/{quote.pk}/"
    assert f"{page}print/zh-hans.pdf" in client.get(page).content.decode()
    for one in (quote.customer, quote.contact):
        records.update(cast.root, one, {"owner": cast.charlie_user.pk})
    Quote.objects.filter(pk=quote.pk).update(carrier_owner=cast.charlie_user)
    assert f"{page}print/" not in client.get(page).content.decode()
    refused = client.get(f"{page}print/zh-hans.pdf")
    text = refused.content.decode()
    assert refused.status_code == 403
    assert any(said in text for said in ("您无权查看的内容", "that you may not see")), text


@pytest.mark.parametrize("field", ["name", "quantity", "unit"])
def test_a_paper_does_not_silently_lack_what_was_sold(cast: Cast, make: Any, field: str) -> None:
    quote = offered(make)
    with pytest.raises(Denied):
        told(hidden(cast, "billing.quoteline", field), quote)


def test_a_contract_is_printed_with_its_whole_plan_or_not_at_all(cast: Cast, make: Any) -> None:
    contract = signed(make, total=500)
    Instalment.objects.filter(contract=contract).update(owner=cast.charlie_user, carrier_owner=cast.charlie_user)
    assert len(papers.document_data(contract, "en", reader=cast.alice)["plan"]) == 1, "as its page shows it"
    with pytest.raises(Denied):
        told(hidden(cast, "billing.instalment", "percent"), Contract.objects.get(pk=contract.pk))


def test_a_receipt_says_that_it_settles_more_than_is_shown(cast: Cast, make: Any) -> None:
    one = signed(make, name="一期")
    two = signed(make, name="二期", customer=one.customer)
    receipt = make("billing.receipt", customer=one.customer, amount=Decimal(150))
    for contract in (one, two):
        ledger.receipt_allocate(cast.root, receipt, [(contract.instalments.get().pk, Decimal(50))])
    receipt.refresh_from_db()
    rows = papers.document_data(receipt, "en", reader=cast.alice)["rows"]
    assert len(rows) == 2
    Allocation.objects.filter(instalment__contract=two).update(owner=cast.charlie_user, carrier_owner=cast.charlie_user)
    with translation.override("en"):
        rows = papers.document_data(receipt, "en", reader=cast.alice)["rows"]
    assert [row["cells"][1:] for row in rows] == [
        [f"{one.number} 一期 {one.instalments.get().name}", "¥50.00"],
        ["Documents not shown here", ""],
    ]


def test_a_delivery_note_names_the_contact_of_an_order_one_sees(cast: Cast, make: Any) -> None:
    delivery = make("billing.deliveryline").delivery
    contact = make("customers.contact", customer=delivery.customer, name="王秘", phones=PHONE)
    records.update(cast.root, delivery.order, {"contact": contact.pk})
    delivery = Delivery.objects.get(pk=delivery.pk)
    assert "王秘" in told(cast.alice, delivery)
    assert "王秘" not in told(hidden(cast, "billing.order", "contact"), Delivery.objects.get(pk=delivery.pk))
    with pytest.raises(Denied):
        told(hidden(cast, "billing.orderline", "name"), delivery)


def test_a_link_is_made_by_who_may_read_all_the_customer_reads_there(cast: Cast, make: Any) -> None:
    quote = offered(make)
    alice = hidden(cast, "customers.contact", "phones", "masked")
    with pytest.raises(Denied) as refused:
        links.link_make(alice, quote)
    assert refused.value.code == "paper.whole"
    address = links.link_make(cast.root, quote)
    given: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "compiled", lambda _source, data: given.append(data) or b"%PDF")
        assert browser(cast.dave_user).get(f"/p/{address.split('/p/')[1]}pdf/").status_code == 200
    assert "13812345678" in str(given), "his own link prints as the house"
