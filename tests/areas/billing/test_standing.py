"""What is signed, issued or received keeps itself and what it rests on out of the trash, by whatever way one goes."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.areas.billing.models import Contract
from guanxi.areas.billing.services import contracts
from guanxi.areas.customers.models import Customer
from guanxi.areas.sales.models import Opportunity
from guanxi.core import records
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.models.stamps import bump
from guanxi.core.people import tokens
from guanxi.core.records import bulk, standing
from guanxi.core.schema.registry import entity_of
from tests.factories.billing import signed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


def refused(cast: Cast, record: Any, code: str = "record.standing") -> RuleBroken:
    before = type(record).objects.count()
    with pytest.raises(RuleBroken) as error:
        records.delete(cast.root, record)
    assert (error.value.code, type(record).objects.count()) == (code, before)
    return error.value


def test_a_signed_contract_keeps_customer_contact_and_opportunity(cast: Cast, make: Any) -> None:
    deal = make("sales.opportunity")
    contact = make("customers.contact", customer=deal.customer_id)
    values = {"customer": deal.customer, "opportunity": deal.pk, "contact": contact.pk}
    draft = make("billing.contract", **values)
    quiet = make("sales.opportunity", customer=deal.customer_id)
    contract = signed(make, **values)
    for one in (deal.customer, contact, deal):
        wrong = refused(cast, one)
        assert wrong.details == {"billing.contract": 1}
        assert "合同 1" in str(wrong)
    assert "请改为终止合同" in str(refused(cast, contract))
    records.delete(cast.root, draft)
    records.delete(cast.root, quiet)
    assert Opportunity.objects.filter(pk=quiet.pk).exists() is False


def test_money_received_keeps_the_customer_until_it_is_gone(cast: Cast, make: Any) -> None:
    receipt = make("billing.receipt")
    customer = Customer.objects.get(pk=receipt.customer_id)
    assert refused(cast, customer).details == {"billing.receipt": 1}
    records.delete(cast.root, receipt)
    records.delete(cast.root, customer)
    assert not Customer.objects.filter(pk=customer.pk).exists()


def test_who_may_not_see_the_documents_is_told_no_number(cast: Cast, make: Any) -> None:
    receipt = make("billing.receipt", customer=make("customers.customer", owner=cast.alice_user.pk).pk)
    cast.role.rights.filter(entity="billing.receipt").delete()
    bump("rights")
    with pytest.raises(RuleBroken) as error:
        records.delete(cast.actor(cast.alice_user), Customer.objects.get(pk=receipt.customer_id))
    assert (error.value.code, error.value.details) == ("record.standing", {})
    assert "Receipt" not in str(error.value)


def test_bulk_api_and_page_agree_and_the_page_offers_another_way(cast: Cast, make: Any) -> None:
    contract = signed(make)
    customer, free = Customer.objects.get(pk=contract.customer_id), make("customers.customer", name="空白客户")
    assert standing.kept(entity_of("customers.customer"), [customer.pk, free.pk]) == {customer.pk}
    page = browser(cast.root_user)
    dialog = page.post("/customers/bulk/delete/", {"ids": [customer.pk, free.pk]}).content.decode()
    assert "1 of them stays" in dialog
    done = bulk.change(cast.root, "delete", "customers.customer", [customer.pk, free.pk])
    assert (done.result["done"], done.result["failed"]) == (1, 1)
    assert done.result["problems"][0]["code"] == "record.standing"
    _token, secret = tokens.token_create(cast.root, cast.root_user, name="tests", scopes=("read", "write"))
    answer = page.delete(f"/api/v1/customers/{customer.pk}", headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer.json()["code"]) == (409, "record.standing")
    asked = page.get(f"/customers/{customer.pk}/delete/").content.decode()
    assert contract.name in asked
    assert "Put in the trash" not in asked
    assert page.post(f"/customers/{customer.pk}/delete/").status_code == 409
    assert page.post(f"/customers/{customer.pk}/delete/", {"retire": "1"}).status_code == 303
    customer.refresh_from_db()
    assert (customer.lifecycle, customer.deleted_at) == ("lost", None)
    assert "Set " not in page.get(f"/customers/{customer.pk}/delete/").content.decode()


def test_merging_moves_the_documents_and_undo_keeps_what_they_rest_on(cast: Cast, make: Any) -> None:
    contract = signed(make)
    other = make("customers.customer", name="另一家")
    records.merge(cast.root, "customers.customer", other.pk, [contract.customer_id])
    assert Contract.objects.get(pk=contract.pk).customer_id == other.pk
    with records.writing(cast.root):
        step = records.operation_begin(cast.root, "import", "customers.customer", total=2)
    made, alone = (
        records.create(cast.root, "customers.customer", {"name": name}, operation=step) for name in ("甲方", "乙方")
    )
    draft = make(
        "billing.contract", customer=made.pk, lines=[{"name": "服务", "quantity": 1, "price": 5, "tax_class": "13"}]
    )
    contracts.contract_sign(cast.root, draft)
    step.state = "done"
    step.save()
    result = records.undo(cast.root, step.pk)
    assert [one["id"] for one in result.skipped] == [made.pk]
    assert (Customer.objects.filter(pk=made.pk).exists(), Customer.objects.filter(pk=alone.pk).exists()) == (
        True,
        False,
    )
