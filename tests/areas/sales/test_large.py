"""Large deals: who is told, once; follow-ups about an opportunity stand on both timelines; grounds and measures of billing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.billing import selectors as billing
from guanxi.areas.sales import subscribers
from guanxi.areas.sales.models import DealAlertSent, Opportunity
from guanxi.areas.sales.selectors import targets
from guanxi.areas.sales.services.alerts import alert_judge, deal_alert, deal_follow_up
from guanxi.core import records
from guanxi.core.automation import approvals
from guanxi.core.automation.approvals import deciding
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import Notification
from guanxi.core.records import timeline
from guanxi.core.reporting import tiles
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
DEAL = "sales.opportunity"
assert subscribers


def _told() -> list[int]:
    return list(Notification.objects.filter(sort="large_deal").order_by("pk").values_list("user_id", flat=True))


def test_people_are_told_once_when_a_deal_becomes_large(cast: Cast, make: Any) -> None:
    records.create(cast.root, "sales.dealalert", {"name": "百万", "amount": 1000000, "user": cast.bob_user.pk})
    firm = make("customers.customer", owner=cast.alice.user_id)
    deal = make(DEAL, customer=firm, owner=cast.alice.user_id, amount=999999)
    assert (deal.large, deal_alert(deal)) == (False, 0)
    deal = records.update(cast.alice, deal, {"amount": 1000000})
    assert deal.large
    with records.writing(cast.system):
        assert [deal_alert(deal), deal_alert(deal)] == [1, 0]
    assert _told() == [cast.bob_user.pk]
    assert DealAlertSent.objects.count() == 1
    page = browser(cast.alice_user).get(f"/opportunities/{deal.pk}/").content.decode()
    assert "Large deal" in page
    assert not records.update(cast.alice, deal, {"amount": 5}).large


def test_alerts_count_in_the_currency_and_pipeline_they_name(cast: Cast, make: Any) -> None:
    make("core.exchangerate", currency="USD", rate=7, day=dt.date(2020, 1, 1))
    other = make("sales.stage", pipeline=make("sales.pipeline"))
    for values in ({"currency": "USD", "amount": 1000}, {"amount": 1, "pipeline": other.pipeline_id}):
        records.create(cast.root, "sales.dealalert", {"name": str(values), "user": cast.bob_user.pk, **values})
    assert [make(DEAL, amount=amount).large for amount in (6999, 7000)] == [False, True]
    assert make(DEAL, amount=1000, currency="USD").large
    assert make(DEAL, amount=2, stage=other.pk, pipeline=other.pipeline_id).large


def test_lines_make_a_deal_large_too(cast: Cast, make: Any) -> None:
    records.create(cast.root, "sales.dealalert", {"name": "小", "amount": 100, "user": cast.bob_user.pk})
    deal = make(DEAL, amount=None)
    line = make("sales.opportunityline", opportunity=deal, quantity=1, price=99)
    assert not Opportunity.objects.get(pk=deal.pk).large
    records.update(cast.root, line, {"quantity": 2})
    assert Opportunity.objects.get(pk=deal.pk).large


def test_an_alert_needs_somebody_and_an_amount(cast: Cast) -> None:
    for values, place in (({"amount": 5}, "user"), ({"amount": 0, "user": cast.bob_user.pk}, "amount")):
        with pytest.raises(Invalid) as error:
            records.create(cast.root, "sales.dealalert", {"name": "x", **values})
        assert place in error.value.errors


def test_a_follow_up_about_a_deal_stands_on_both_timelines(cast: Cast, make: Any) -> None:
    firm = make("customers.customer", owner=cast.alice.user_id)
    deal = make(DEAL, customer=firm, owner=cast.alice.user_id)
    other = make(DEAL, customer=firm, owner=cast.alice.user_id)
    said = deal_follow_up(cast.alice, about=deal, kind="call", body="谈了价格")
    assert said.customer_id == firm.pk

    def shown(record: Any) -> list[int]:
        entries = timeline.timeline(cast.alice, record, kinds=["activities.activity"]).entries
        return [one.id for one in entries if one.kind == "activities.activity"]

    assert [shown(one) for one in (deal, firm, other)] == [[said.pk], [said.pk], []]
    with pytest.raises(NotFound):
        deal_follow_up(cast.charlie, about=deal, kind="call", body="偷看")
    client = browser(cast.alice_user)
    sent = {"_entity": DEAL, "_subject": str(deal.pk), "kind": "visit", "body": "现场演示"}
    client.post("/quick/follow-up/", sent)
    assert len(shown(deal)) == 2


def test_contracts_that_end_and_money_that_came_count(cast: Cast, make: Any) -> None:
    firm = make("customers.customer", owner=cast.alice.user_id)
    for ends in (dt.date(2024, 3, 31), dt.date(2024, 12, 31)):
        contract = make("billing.contract", customer=firm, ends_on=ends)
        records.update(cast.root, contract, {"status": "signed"}, trusted=True)
    assert billing.contract_ends([firm.pk])[firm.pk].isoformat() == "2024-12-31T16:00:00+00:00"
    endless = make("billing.contract", customer=firm, ends_on=None)
    records.update(cast.root, endless, {"status": "signed"}, trusted=True)
    assert billing.contract_ends([firm.pk]) == {}
    make("billing.receipt", customer=firm, owner=cast.alice.user_id, amount=300, received_on=dt.date(2024, 5, 31))
    make("billing.receipt", customer=firm, owner=cast.bob.user_id, amount=200, received_on=dt.date(2024, 5, 1))
    make("billing.receipt", customer=firm, owner=cast.alice.user_id, amount=50, received_on=dt.date(2024, 6, 1))
    may = (dt.date(2024, 5, 1), dt.date(2024, 6, 1))
    assert targets.reached("receipts", None, *may) == Decimal(500)
    assert targets.reached("receipts", [cast.alice_user.pk], *may) == Decimal(300)


def test_a_new_alert_judges_the_open_deals_when_asked(cast: Cast, make: Any) -> None:
    small, large = make(DEAL, amount=99), make(DEAL, amount=100)
    won = make(DEAL, amount=500)
    Opportunity.objects.filter(pk=won.pk).update(category="won")
    alert = records.create(cast.root, "sales.dealalert", {"name": "一百", "amount": 100, "user": cast.bob_user.pk})
    with pytest.raises(NotFound):
        alert_judge(cast.alice, alert)
    assert not Opportunity.objects.filter(large=True).exists()
    assert [alert_judge(cast.root, alert), alert_judge(cast.root, alert)] == [1, 1]
    assert list(Opportunity.objects.filter(large=True)) == [large]
    assert _told() == [cast.bob_user.pk]
    assert small.pk


def test_a_price_put_by_hand_goes_into_approval_without_what_follows_from_it(cast: Cast, make: Any) -> None:
    step = {"name_zh": "上级", "who": [{"kind": "people", "users": ["bob"]}]}
    draft = FlowDraft(name_zh="改价", entity=DEAL, action="change", fields=("amount",), steps=(step,))
    flow_save(cast.root, None, draft)
    firm = make("customers.customer", owner=cast.alice.user_id)
    deal = make(DEAL, customer=firm, owner=cast.alice.user_id, amount=100)
    with pytest.raises(approvals.ApprovalNeeded) as caught:
        records.update(cast.alice, deal, {"amount": 5_000_000})
    assert set(caught.value.values) == {"amount"}
    sent = approvals.submit(cast.alice, DEAL, deal.pk, "change", caught.value.values)
    deciding.approve(cast.bob, sent.pk)
    deal.refresh_from_db()
    assert (deal.amount, deal.value) == (5_000_000, 5_000_000)


def test_a_customer_with_a_hot_deal_is_hot(cast: Cast, make: Any) -> None:
    firm = make("customers.customer", owner=cast.alice_user)
    deal = make(DEAL, customer=firm, owner=cast.alice_user, name="急单", hot=True)
    [tile] = [result for tile, result in tiles.tiles_for(cast.alice, ("customers-hot",))]
    assert tile.total.cells[0].value == 1
    page = browser(cast.alice_user)
    assert ">Hot<" in page.get(f"/customers/{firm.pk}/").content.decode().replace("\n", "")
    records.update(cast.alice, deal, {"hot": False})
    assert ">Hot<" not in page.get(f"/customers/{firm.pk}/").content.decode().replace("\n", "")
