"""Allocating by hand: what is offered for a receipt, booked one by one, taken back one by one, written off."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.billing.models import Allocation, Contract, Instalment, Receipt
from guanxi.areas.billing.services import ledger
from guanxi.core import records
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Operation
from guanxi.core.records.undo import undo
from tests.factories.billing import signed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


def _offered(
    client: Any, receipt: Receipt, field: str, target: str, words: str = "", action: str = "book"
) -> list[Any]:
    asked = f"receipts/{receipt.pk}/{action}/{field}"
    found: list[Any] = client.get(f"/pick/{target}/", {"asked": asked, "q": words}).json()["items"]
    return found


def test_only_what_the_customer_owes_in_the_currency_is_offered_by_its_document(cast: Cast, make: Any) -> None:
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "2020-01-01", "rate": "7"})
    contract = signed(make, total=Decimal(1200))
    firm = contract.customer
    paid, foreign = signed(make, customer=firm, total=Decimal(300)), signed(make, customer=firm, currency="USD")
    other = signed(make, total=Decimal(500))
    ledger.receipt_spread(cast.root, make("billing.receipt", customer=firm, amount=Decimal(200)))
    ledger.write_off(cast.root, paid.instalments.get(), reason="抹零")
    receipt = make("billing.receipt", customer=firm, amount=Decimal(2000))
    client = browser(cast.root_user)
    page = client.get(f"/receipts/{receipt.pk}/do/book/").content.decode()
    assert f"asked=receipts%2F{receipt.pk}%2Fbook%2Finstalment" in page
    assert f"{contract.number} · " in page  # the one due the longest is chosen already
    items = _offered(client, receipt, "instalment", "instalments")
    assert [one["value"] for one in items] == [str(contract.instalments.get().pk)]
    assert items[0]["text"].startswith(contract.number)
    assert "¥1,000" in items[0]["hint"]
    assert len(_offered(client, receipt, "instalment", "instalments", contract.number.lower())) == 1
    assert len(_offered(client, receipt, "instalment", "instalments", "1000")) == 1
    assert not _offered(client, receipt, "instalment", "instalments", other.number)
    assert foreign.instalments.get().open > 0
    assert client.get("/pick/invoices/", {"asked": f"receipts/{receipt.pk}/book/instalment"}).status_code == 404
    hidden = browser(cast.charlie_user).get("/pick/instalments/", {"asked": f"receipts/{receipt.pk}/book/instalment"})
    assert hidden.status_code in (403, 404)


def test_one_allocation_is_booked_and_taken_back_without_the_others(cast: Cast, make: Any) -> None:
    one = signed(make, total=Decimal(400))
    two = signed(make, customer=one.customer, total=Decimal(500))
    receipt, client = make("billing.receipt", customer=one.customer, amount=Decimal(1000)), browser(cast.root_user)
    rows = [each.instalments.get() for each in (one, two)]
    for row in rows:
        assert client.post(f"/receipts/{receipt.pk}/do/book/", {"instalment": row.pk}).status_code == 303
    undo(cast.root, Operation.objects.order_by("-pk")[0].pk)
    assert Instalment.objects.get(pk=rows[1].pk).open == 500
    ledger.receipt_book(cast.root, Receipt.objects.get(pk=receipt.pk), instalment=rows[1].pk)
    mine = Allocation.objects.get(instalment=rows[0])
    offered = _offered(client, receipt, "allocation", "allocations", action="unbook")
    assert {each["value"] for each in offered} == set(map(str, receipt.allocations.values_list("pk", flat=True)))
    page = client.get(f"/receipts/{receipt.pk}/").content.decode()
    assert f"/receipts/{receipt.pk}/do/unbook/?allocation={mine.pk}" in page
    asked = client.get(f"/receipts/{receipt.pk}/do/unbook/?allocation={mine.pk}").content.decode()
    assert f'<option value="{mine.pk}" selected' in asked
    assert client.post(f"/receipts/{receipt.pk}/do/unbook/", {"allocation": mine.pk}).status_code == 303
    assert [Instalment.objects.get(pk=each.pk).open for each in rows] == [400, 0]
    assert Receipt.objects.get(pk=receipt.pk).free == 500
    undo(cast.root, Operation.objects.order_by("-pk")[0].pk)
    assert [Instalment.objects.get(pk=each.pk).open for each in rows] == [0, 0]
    elsewhere = make("billing.receipt", customer=one.customer, amount=Decimal(10))
    with pytest.raises(Invalid):
        ledger.receipt_unbook(cast.root, elsewhere, allocation=mine.pk)


def test_a_write_off_stays_at_the_instalment_and_can_be_undone(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal(400))
    row, client = contract.instalments.get(), browser(cast.root_user)
    answer = client.post(f"/instalments/{row.pk}/do/write_off/", {"amount": "30", "reason": "抹零"})
    assert (answer.status_code, answer["Location"]) == (303, f"/instalments/{row.pk}/")
    step = Operation.objects.order_by("-pk")[0]
    assert f"/operations/{step.pk}/undo/" in client.get(f"/instalments/{row.pk}/").content.decode()
    assert Instalment.objects.get(pk=row.pk).open == 370
    found = undo(cast.root, step.pk)
    assert not found.skipped
    row = Instalment.objects.get(pk=row.pk)
    assert (row.open, row.written_off, Contract.objects.get(pk=contract.pk).open) == (400, 0, 400)
    assert not Allocation.objects.filter(instalment=row).exists()
