"""Commission: every line is amount × rate, the lines are the sum, and what was approved is corrected, never changed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.billing.models import CommissionPlan, CommissionStatement, Contract, Receipt
from guanxi.areas.billing.services import commission, contracts, ledger
from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken
from guanxi.core.models import Role
from guanxi.core.models.stamps import bump
from tests.factories.billing import signed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
TODAY = clock.today("Asia/Shanghai")
FIRST = (TODAY.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
LAST = TODAY.replace(day=1) - dt.timedelta(days=1)


def plan_of(cast: Cast, *rules: dict[str, Any], **values: Any) -> CommissionPlan:
    given = {"name": "提成", "base": "received", "rules": list(rules), **values}
    made: CommissionPlan = records.create(cast.root, "billing.commissionplan", given)
    return made


def received(cast: Cast, make: Any, amount: int, day: dt.date) -> Receipt:
    """Money on a contract of Alice, allocated."""
    contract = signed(make, total=Decimal(amount))
    Contract.objects.filter(pk=contract.pk).update(owner=cast.alice_user)
    receipt = make("billing.receipt", customer=contract.customer, amount=Decimal(amount), received_on=day)
    ledger.receipt_spread(cast.root, receipt)
    return Receipt.objects.get(pk=receipt.pk)


def statement(cast: Cast, plan: CommissionPlan, first: dt.date, last: dt.date) -> CommissionStatement:
    commission.commission_propose(cast.root, plan, first_day=first, last_day=last)
    found = CommissionStatement.objects.get(plan=plan, owner=cast.alice_user, first_day=first)
    items = list(found.items.order_by("position"))
    assert found.pay == sum((one.pay for one in items), Decimal(0))
    assert all(one.pay == round(one.base * one.rate / 100 + Decimal("1e-9"), 2) for one in items if not one.corrects)
    assert [row["pay"] for row in found.steps] == [str(one.pay) for one in items]
    return found


def test_the_highest_achievement_reached_holds_and_each_line_is_amount_by_rate(cast: Cast, make: Any) -> None:
    plan = plan_of(cast, {"from_achievement": 0, "rate": "1"}, {"from_achievement": 100, "rate": "2.5"}, target="1000")
    received(cast, make, 700, FIRST)
    received(cast, make, 333, LAST)
    received(cast, make, 5000, TODAY)
    found = statement(cast, plan, FIRST, LAST)
    assert (found.base_amount, found.achievement, found.pay) == (1033, Decimal("103.30"), Decimal("25.83"))
    assert [(one.base, one.pay) for one in found.items.order_by("position")] == [
        (700, Decimal("17.50")),
        (333, Decimal("8.33")),
    ]


def test_a_product_has_its_own_rate_and_the_rest_the_general_one(cast: Cast, make: Any) -> None:
    product = make("catalog.product")
    plan = plan_of(cast, {"rate": "1"}, {"rate": "5", "product": product.pk}, base="signed")
    contract = make("billing.contract", owner=cast.alice_user)
    for price, of in ((Decimal(300), product), (Decimal(700), None)):
        make("billing.contractline", contract=contract, quantity=1, price=price, tax_class="0", product=of)
    contracts.contract_sign(cast.root, Contract.objects.get(pk=contract.pk), signed_on=LAST)
    found = statement(cast, plan, FIRST, LAST)
    assert [(one.base, one.rate, one.pay) for one in found.items.order_by("position")] == [(300, 5, 15), (700, 1, 7)]


def test_margin_counts_and_an_amendment_that_reduces_takes_away(cast: Cast, make: Any) -> None:
    plan = plan_of(cast, {"rate": "10"}, base="margin")
    contract = make("billing.contract", owner=cast.alice_user)
    make("billing.contractline", contract=contract, quantity=1, price=Decimal(1000), tax_class="0", cost=600)
    done = contracts.contract_sign(cast.root, Contract.objects.get(pk=contract.pk), signed_on=LAST)
    less = contracts.contract_amend(cast.root, done, effect="reduce")
    make("billing.contractline", contract=less, quantity=1, price=Decimal(100), tax_class="0", cost=60)
    contracts.contract_sign(cast.root, Contract.objects.get(pk=less.pk), signed_on=LAST)
    assert statement(cast, plan, FIRST, LAST).pay == 36


def test_what_was_approved_stands_and_money_taken_back_is_corrected_at_the_rate_of_then(cast: Cast, make: Any) -> None:
    plan = plan_of(cast, {"rate": "2"})
    kept, gone = received(cast, make, 1000, FIRST), received(cast, make, 500, LAST)
    first = commission.commission_approve(cast.root, statement(cast, plan, FIRST, LAST))
    assert first.pay == 30
    ledger.receipt_release(cast.root, gone)
    ledger.receipt_refund(cast.root, Receipt.objects.get(pk=gone.pk), amount=Decimal(500))
    received(cast, make, 200, LAST)  # booked late into the settled month
    records.update(cast.root, plan.rules.get(), {"rate": "3"})
    with pytest.raises(RuleBroken) as error:
        commission.commission_reckon(cast.root, first)
    assert error.value.code == "commission.state"
    second = statement(cast, plan, TODAY.replace(day=1), TODAY)
    assert [(one.base, one.pay, one.corrects) for one in second.items.order_by("position")] == [
        (200, 6, False),
        (-500, -10, True),
    ]
    assert (second.base_amount, second.pay) == (200, -4)
    commission.commission_approve(cast.root, second)
    soon = TODAY + dt.timedelta(days=1)
    assert commission.commission_propose(cast.root, plan, first_day=soon, last_day=soon) == 0  # corrected once
    assert CommissionStatement.objects.get(pk=first.pk).pay == 30
    assert kept.allocated == 1000


def test_nothing_is_approved_that_has_changed_since_and_nobody_approves_his_own(cast: Cast, make: Any) -> None:
    plan = plan_of(cast, {"rate": "2"})
    receipt = received(cast, make, 1000, LAST)
    found = statement(cast, plan, FIRST, LAST)
    ledger.receipt_release(cast.root, receipt)
    with pytest.raises(RuleBroken) as error:
        commission.commission_approve(cast.root, found)
    assert error.value.code == "commission.changed"
    assert CommissionStatement.objects.get(pk=found.pk).status == "proposed"
    done = commission.commission_approve(cast.root, commission.commission_reckon(cast.root, found))
    assert (done.pay, done.status) == (0, "approved")


def test_a_plan_out_of_use_or_out_of_time_reckons_nothing(cast: Cast) -> None:
    plan = plan_of(cast, {"rate": "2"}, valid_from=TODAY)
    with pytest.raises(Invalid) as error:
        commission.commission_propose(cast.root, plan, first_day=FIRST, last_day=LAST)
    assert (error.value.code, error.value.field) == ("dates.order", "first_day")
    with pytest.raises(RuleBroken):
        commission.commission_propose(
            cast.root, records.update(cast.root, plan, {"active": False}), first_day=TODAY, last_day=TODAY
        )


def test_the_page_shows_the_arithmetic(cast: Cast, make: Any) -> None:
    plan = plan_of(cast, {"rate": "2"}, target="500")
    received(cast, make, 1000, LAST)
    text = (
        browser(cast.root_user).get(f"/commission-statements/{statement(cast, plan, FIRST, LAST).pk}/").content.decode()
    )
    assert all(word in text for word in ("1,000", "2%", "¥20", "200%", "/allocations/"))


def test_who_earns_by_a_plan_sees_it_and_cannot_change_it(cast: Cast, make: Any) -> None:
    plan = plan_of(cast, {"rate": "2"}, name="按回款提成")
    received(cast, make, 1000, LAST)
    found = statement(cast, plan, FIRST, LAST)
    cast.alice_user.roles.set([Role.objects.get(key="member")])
    bump("rights", "people")
    client = browser(cast.alice_user)
    assert "按回款提成" in client.get(f"/commission-statements/{found.pk}/").content.decode()
    assert "2%" not in client.get(f"/commission-plans/{plan.pk}/").content.decode(), (
        "rates are told by one's own statement"
    )
    assert client.get(f"/commission-plans/{plan.pk}/edit/").status_code in (403, 404)
    with pytest.raises(Denied):
        records.update(actors.load(cast.alice_user, via="test"), plan, {"name": "我的"})
