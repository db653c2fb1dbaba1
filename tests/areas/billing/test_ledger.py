"""Money adds up to the cent, whatever is done in whatever order and currency; nothing is booked twice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guanxi.areas.billing.models import Allocation, Contract, Instalment, Receipt
from guanxi.areas.billing.services import ledger
from guanxi.areas.catalog.models import settle_priced
from guanxi.core import records
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.kernel.money import quantum
from tests.at_once import ends
from tests.factories.billing import signed
from tests.factories.cast import Cast

ZERO = Decimal(0)
CURRENCIES = ("CNY", "JPY", "USD")


class Line:
    """A priced line without a table."""

    def __init__(self, quantity: Decimal, price: Decimal, discount: int, tax: str, *, optional: bool) -> None:
        self.sort, self.quantity, self.price, self.discount, self.tax_class = "item", quantity, price, discount, tax
        self.optional, self.cost = optional, None
        self.net = self.tax = self.amount = ZERO
        self.currency = ""


class Document:
    """A priced document without a table."""

    def __init__(self, currency: str, off: Decimal, discount: int, *, with_tax: bool) -> None:
        self.currency, self.discount_amount, self.discount, self.prices_with_tax = currency, off, discount, with_tax
        self.net = self.tax = self.total = ZERO
        self.margin = self.margin_percent = None


LINES = st.lists(
    st.builds(
        Line,
        st.decimals(0, 1000, places=4),
        st.decimals(0, 100000, places=4),
        st.integers(0, 100),
        st.sampled_from(["13", "6", "0", "exempt"]),
        optional=st.booleans(),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(
    lines=LINES,
    currency=st.sampled_from(CURRENCIES),
    discount=st.integers(0, 100),
    part=st.integers(0, 100),
    with_tax=st.booleans(),
)
def test_documents_are_the_sum_of_their_lines(
    lines: list[Line], currency: str, discount: int, part: int, with_tax: bool
) -> None:
    plain = Document(currency, ZERO, discount, with_tax=with_tax)
    settle_priced(plain, lines)
    whole = plain.total if with_tax else plain.net
    off = (whole * part / 100).quantize(quantum(currency))
    document = Document(currency, off, discount, with_tax=with_tax)
    settle_priced(document, lines)
    counted = [line for line in lines if not line.optional]
    assert document.total == sum((line.amount for line in counted), ZERO) == document.net + document.tax
    assert all(line.amount == line.net + line.tax for line in lines)
    assert all(line.amount == line.amount.quantize(quantum(currency)) for line in lines)
    assert (document.total if with_tax else document.net) == whole - (off if counted else ZERO)


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["receive", "spread", "book", "release", "refund", "write_off", "drop", "delete"]),
        st.integers(0, 7),
        st.integers(1, 30_000),
    ),
    min_size=4,
    max_size=10,
)


def check(contracts: list[int]) -> None:
    """Every sum, worked out here from the bookings alone, is what is stored."""
    for number in contracts:
        contract = Contract.objects.get(pk=number)
        rows = Instalment.objects.filter(contract=contract)
        booked = Allocation.objects.filter(instalment__contract=contract)
        paid = booked.filter(sort="payment").aggregate(all=Sum("amount"))["all"] or ZERO
        lost = booked.filter(sort="write_off").aggregate(all=Sum("amount"))["all"] or ZERO
        assert contract.total == sum((row.amount for row in rows), ZERO)
        assert (contract.received, contract.written_off) == (paid, lost)
        assert contract.total == contract.received + contract.open + contract.written_off
        for row in rows:
            assert row.amount == row.received + row.open + row.written_off
            assert min(row.received, row.open, row.written_off) >= 0
    for receipt in Receipt.objects.filter(sort="in"):
        used = Allocation.objects.filter(receipt=receipt).aggregate(all=Sum("amount"))["all"] or ZERO
        back = Receipt.objects.filter(refunds=receipt).aggregate(all=Sum("amount"))["all"] or ZERO
        assert (receipt.allocated, receipt.refunded, receipt.free) == (used, back, receipt.amount - used - back)
        assert receipt.free >= 0


def act(cast: Cast, make: Any, contracts: list[Any], what: str, which: int, amount: Decimal) -> None:
    """One operation on something that is there; what is not possible is refused and changes nothing."""
    contract = contracts[which % len(contracts)]
    receipts = list(Receipt.objects.filter(sort="in").order_by("pk"))
    rows = list(Instalment.objects.order_by("pk"))
    row, receipt = rows[which % len(rows)], receipts[which % len(receipts)] if receipts else None
    bookings = list(Allocation.objects.order_by("pk"))
    if what == "receive" or receipt is None:
        make("billing.receipt", customer=contract.customer_id, amount=amount, currency=contract.currency)
    elif what == "spread":
        ledger.receipt_spread(cast.root, receipt)
    elif what == "book":
        ledger.receipt_allocate(cast.root, receipt, [(row.pk, amount)])
    elif what == "release":
        ledger.receipt_release(cast.root, receipt)
    elif what == "refund":
        ledger.receipt_refund(cast.root, receipt, amount=amount)
    elif what == "write_off":
        ledger.write_off(cast.root, row, amount=amount, reason="抹零")
    elif what == "drop" and bookings:
        records.delete(cast.root, bookings[which % len(bookings)])
    elif what == "delete":
        records.delete(cast.root, receipt)


@pytest.mark.django_db
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(operations=OPERATIONS, currency=st.sampled_from(CURRENCIES))
def test_whatever_is_done_money_adds_up(
    cast: Cast, make: Any, operations: list[tuple[str, int, int]], currency: str
) -> None:
    from django.db import transaction  # noqa: PLC0415

    unit = quantum(currency)
    try:
        with transaction.atomic():
            if currency != "CNY":
                make("core.exchangerate", currency=currency, rate="7.1", day="2020-01-01")
            customer = make("customers.customer")
            plan = [
                {"name": "一", "percent": "33.3333"},
                {"name": "二", "percent": "33.3333"},
                {"name": "三", "percent": "33.3334"},
            ]
            contracts = [
                signed(make, total=100_01 * unit, customer=customer, currency=currency, instalments=plan),
                signed(make, total=77_77 * unit, customer=customer, currency=currency),
            ]
            check([one.pk for one in contracts])
            for what, which, amount in operations:
                try:
                    with transaction.atomic():
                        act(cast, make, contracts, what, which, amount * unit)
                except (Invalid, RuleBroken):
                    pass
                check([one.pk for one in contracts])
            raise _TakeBackError
    except _TakeBackError:
        pass


class _TakeBackError(Exception):
    """Each example begins afresh."""


@pytest.mark.django_db(transaction=True)
def test_two_people_cannot_book_the_same_money_twice(cast: Cast, make: Any) -> None:
    contract = signed(make, total=Decimal("100.00"))
    receipt = make("billing.receipt", customer=contract.customer, amount=Decimal("60.00"))
    row = contract.instalments.get()
    each = [(row.pk, Decimal("60.00"))]
    both = ends(*[lambda: ledger.receipt_allocate(cast.root, receipt, each)] * 2)
    assert both == ["done", "receipt.too_much"]
    assert Allocation.objects.count() == 1
    row.refresh_from_db()
    assert (row.received, row.open) == (60, 40)
