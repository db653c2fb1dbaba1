"""Bank statements: read once, matched by name, number, amount and day, booked once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.billing.models import BankEntry, Contract, Receipt
from guanxi.areas.billing.services import bank, proposing
from guanxi.core import records
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken
from guanxi.core.models import RoleField
from guanxi.core.models.stamps import bump
from tests.factories.billing import TODAY, signed
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


def statement(*rows: str) -> bytes:
    head = "交易日期,借方发生额,贷方发生额,余额,对方户名,对方账号,摘要,交易流水号"
    return "\r\n".join([head, *rows]).encode("gb18030")


def test_a_statement_is_read_once_however_often_it_comes(cast: Cast) -> None:
    content = statement(
        f'{TODAY},,"1,000.00",9000,华为技术有限公司,6222,货款,S001',
        f"{TODAY},500.00,,8500,电力公司,1,电费,S002",
        f"{TODAY},,20.00,8520,散客,,,",
        f"{TODAY},,20.00,8540,散客,,,",
        f"{TODAY},,abc,8540,坏行,,,S009",
    )
    with pytest.raises(Denied):
        bank.statement_import(cast.dave, content=content, name="流水.csv")
    first = bank.statement_import(cast.root, content=content, name="流水.csv")
    assert (first.made, first.known, first.other, [row for row, _text in first.problems]) == (3, 0, 1, [6])
    again = bank.statement_import(cast.root, content=content, name="流水 (1).csv")
    assert (again.made, again.known) == (0, 3)
    assert list(BankEntry.objects.order_by("pk").values_list("payer", "amount")) == [
        ("华为技术有限公司", Decimal("1000.00")), ("散客", Decimal("20.00")), ("散客", Decimal("20.00")),
    ]  # fmt: skip
    with pytest.raises(Invalid) as error:
        bank.statement_import(cast.root, content=b"a,b\n1,2", name="x.csv")
    assert error.value.code == "statement.columns"


def test_a_known_line_that_comes_with_another_amount_is_named(cast: Cast) -> None:
    first = f"{TODAY},,100.00,0,甲方,1,货款,S001"
    assert bank.statement_import(cast.root, content=statement(first), name="流水.csv").made == 1
    changed, twice = first.replace("100.00", "1001.00"), f"{TODAY},,7.00,0,乙方,1,货款,S002"
    content = statement(changed, twice, twice.replace("7.00", "8.00"), twice)
    found = bank.statement_import(cast.root, content=content, name="流水.csv")
    assert (found.made, found.known) == (1, 3)
    assert [(row, "¥100" in text, "¥7" in text) for row, text in found.problems] == [(2, True, False), (4, False, True)]
    assert sorted(BankEntry.objects.values_list("amount", flat=True)) == [7, 100]


def test_proposals_say_why(cast: Cast, make: Any) -> None:
    right = make("customers.customer", name="深圳市华强电子有限公司")
    contract = signed(make, total=Decimal("5000.00"), customer=right)
    signed(make, total=Decimal("5000.00"))
    entry = make(
        "billing.bankentry", payer="华强电子（深圳）有限公司", amount=Decimal("5000.00"), memo=f"货款 {contract.number}"
    )
    best, *others = proposing.proposals(cast.root, entry)
    assert (best.customer.pk, [(one.row.contract_id, one.amount) for one in best.items]) == (
        right.pk,
        [(contract.pk, 5000)],
    )
    assert best.score >= 70
    assert all(other.score < best.score for other in others)
    assert proposing.proposals(cast.charlie, entry) == []


def test_a_hidden_name_proposes_nobody(cast: Cast, make: Any) -> None:
    make("customers.customer", name="佛山陶瓷有限公司", former_names="华强电子有限公司")
    entry = make("billing.bankentry", payer="华强电子有限公司", amount=Decimal("5000.00"))
    assert len(proposing.proposals(cast.alice, entry)) == 1
    RoleField.objects.create(role=cast.role, entity="customers.customer", field="former_names", level="hidden")
    bump("rights")
    assert proposing.proposals(cast.actor(cast.alice_user), entry) == []


def test_an_entry_is_booked_once(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal("300.00"))
    entry = make("billing.bankentry", amount=Decimal("350.00"))
    receipt = bank.entry_book(cast.root, entry, customer=contract.customer_id)
    assert (receipt.amount, Receipt.objects.get().free) == (350, 50)
    assert Contract.objects.get(pk=contract.pk).open == 0
    with pytest.raises(RuleBroken):
        bank.entry_book(cast.root, entry, customer=contract.customer_id)
    assert Receipt.objects.count() == 1
    with pytest.raises(Invalid) as error:
        make("billing.receipt", customer=contract.customer, reference=entry.reference)
    assert error.value.code == "value.taken"
    assert records.get(cast.root, "billing.bankentry", entry.pk).status == "booked"
