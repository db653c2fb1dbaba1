"""When records go back to their pool: days by the rules, and the simulator says what the clock then does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from guanxi.areas.customers.models import Customer, Pool, PoolMove
from guanxi.areas.sales import jobs
from guanxi.areas.sales.models import Lead
from guanxi.areas.sales.panels import home
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import returns
from guanxi.areas.sales.services import pools
from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Notification, Segment
from guanxi.core.records import presence
from guanxi.core.shaping.segments import SegmentDraft, segment_delete, segment_save, uses_of
from tests.areas.sales.pooled import DAY, NOON, fresh, made_customer
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


def test_open_pages_follow_when_a_follow_up_moves_the_day(
    cast: Cast, make: Any, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, told = made_customer(make), list[set[int]]()
    pools.returns_refresh(read.CUSTOMER)
    presence.arrive(cast.bob, customer)
    monkeypatch.setattr(pools, "tell_pages", told.append)
    pools.returns_refresh(read.CUSTOMER, [customer.pk])
    assert told == []  # nothing moved
    with clock.moved_to(NOON + 4 * DAY):
        records.create(
            fresh(cast, "alice"),
            "activities.activity",
            {"customer": customer.pk, "body": "已发报价，等采购部回复", "kind": "call"},
        )
        outbox.deliver_all()
    assert told == [{cast.bob_user.pk}]


def test_today_names_what_goes_back_within_two_weeks_customers_and_leads(cast: Cast, make: Any) -> None:
    soon, later = clock.today("Asia/Shanghai") + 13 * DAY, clock.today("Asia/Shanghai") + 20 * DAY
    due = clock.today("Asia/Shanghai") - DAY
    assert home.returning(cast.alice) is None
    for name, on in (("远的", later), ("近的", soon)):
        Lead.objects.filter(pk=make("sales.lead", name=name, owner=cast.alice_user).pk).update(returns_on=on)
    card = home.returning(cast.alice)
    assert card is not None
    assert [(count, [one[2] for one in listed]) for _label, listed, count, _url in card["parts"]] == [(1, ["近的"])]
    customer = made_customer(make)
    Customer.objects.filter(pk=customer.pk).update(returns_on=due)
    shown = browser(cast.alice_user).get("/").content.decode()
    assert shown.index(f'href="/customers/{customer.pk}/"') < shown.index("近的")
    assert home.returning(cast.bob) is None


def test_a_rule_for_a_segment_takes_those_in_it_alone(cast: Cast, make: Any, pool: Pool) -> None:
    draft = SegmentDraft(
        name_zh="小客户",
        key="small",
        entity="customers.customer",
        condition={"field": "level", "op": "eq", "value": "c"},
    )
    segment_save(cast.root, None, draft)
    segment_save(
        cast.root,
        None,
        replace(draft, key="new-leads", entity="sales.lead", condition={"field": "name", "op": "not_empty"}),
    )
    small, other = made_customer(make, level="c"), made_customer(make, level="b")
    with pytest.raises(Invalid) as error:
        make("customers.poolrule", pool=pool, days=5, segment="new-leads")
    assert error.value.field == "segment"
    make("customers.poolrule", pool=pool, days=5, segment="small")
    days = {one.record_id: one.on for one in returns.due(pool, returns.rules_of(pool))}
    assert days == {small.pk: dt.date(2024, 5, 25), other.pk: dt.date(2024, 6, 19)}
    records.update(cast.root, other, {"level": "c"})
    with clock.moved_to(NOON + 6 * DAY):
        tried = returns.forecast(pool, [returns.Rule("no_follow_up", 5, "", "small")])
        predicted = {one.record_id for lost in tried.values() for one in lost}
        jobs.pools_day()
    assert predicted == {small.pk, other.pk}
    gone = Customer.objects.filter(owner=None).values_list("pk", flat=True)
    assert set(gone) == predicted, "what was shown is what happened"
    assert [one.url for one in uses_of("small")] == [f"/pools/{pool.pk}/"]
    with pytest.raises(RuleBroken):
        segment_delete(cast.root, Segment.objects.get(key="small"))


Moves = dict[dt.date, set[tuple[int, int]]]


def _told(pool: Pool) -> Moves:
    """What the simulator says at noon: who loses what on each day."""
    with clock.moved_to(NOON):
        told = returns.forecast(pool, returns.rules_of(pool))
    return {day: {(one.record_id, one.owner_id) for one in lost} for day, lost in told.items()}


def _happens(days: Iterable[dt.date]) -> Moves:
    """What the clock does in the first hour of each day."""
    happened: Moves = {}
    for day in days:
        with clock.moved_to(clock.day_start(day, "Asia/Shanghai") + dt.timedelta(minutes=20)):
            jobs.pools_day()
            moves = PoolMove.objects.filter(sort="recall", at=clock.now())
            happened[day] = {(one.record_id, one.before_id or 0) for one in moves}
    return happened


def test_the_simulator_says_what_the_clock_then_does(cast: Cast, make: Any, pool: Pool) -> None:
    for days in (-80, -29, -25, -12, -9, -3, 0):
        made_customer(make, NOON + days * DAY)
        made_customer(make, NOON + days * DAY, level="a", by=cast.bob_user)
    made_customer(make, NOON - 90 * DAY, by=cast.charlie_user)
    said = made_customer(make, NOON - 25 * DAY)
    with clock.moved_to(NOON - 2 * DAY):
        records.create(
            fresh(cast, "alice"), "activities.activity", {"customer": said.pk, "body": "参观了工厂，谈了价格"}
        )
    predicted = _told(pool)
    happened = _happens(predicted)
    assert sum(len(lost) for lost in predicted.values()) == 15
    assert happened == predicted
    assert Customer.objects.filter(owner=cast.charlie_user).count() == 1
    assert Notification.objects.filter(user=cast.bob_user, sort="pool").exists()


def test_the_simulator_knows_who_comes_into_a_segment_as_days_pass(cast: Cast, make: Any) -> None:
    pool = make("customers.pool", everyone=True, spare_deals=True)
    created = {"field": "created_at", "op": "older_days", "value": 20}
    old = SegmentDraft(name_zh="老", key="old", entity="customers.customer", condition=created)
    segment_save(cast.root, None, old)
    young = {"field": "created_at", "op": "last_days", "value": 12}
    segment_save(cast.root, None, replace(old, key="young", condition=young))
    make("customers.poolrule", pool=pool, days=5, segment="old")
    make("customers.poolrule", pool=pool, days=10, segment="young", level="b")
    make("customers.poolrule", pool=pool, days=8, ground="no_deal", level="a")
    enters, leaves = made_customer(make, NOON - 2 * DAY), made_customer(make, NOON - 11 * DAY, level="b")
    kept = made_customer(make, NOON - 40 * DAY, protected_until=dt.date(2024, 5, 28))
    sold = made_customer(make, NOON - 4 * DAY, level="a")
    deal = make(
        "sales.opportunity", customer=made_customer(make, NOON - 30 * DAY), close_on=dt.date(2024, 7, 1), amount=1
    )
    predicted = _told(pool)
    where = {number: day for day, lost in predicted.items() for number, _owner in lost}
    assert where == {
        enters.pk: dt.date(2024, 6, 8),
        leaves.pk: dt.date(2024, 5, 21),
        kept.pk: dt.date(2024, 5, 29),
        sold.pk: dt.date(2024, 5, 24),
    }
    assert deal.customer_id not in where
    assert _happens(predicted) == predicted


def test_a_night_that_was_slept_through_is_made_up_for(cast: Cast, make: Any, pool: Pool) -> None:
    made_customer(make, NOON - 29 * DAY)
    late = clock.day_start(dt.date(2024, 5, 22), "Asia/Shanghai") + dt.timedelta(hours=9, minutes=20)
    held = Customer.objects.filter(owner__isnull=False)
    for moment, left in (
        (NOON, 1),  # the first day is only noted
        (late, 0),
        (late + dt.timedelta(hours=1), 1),
        (late + dt.timedelta(hours=20), 0),
    ):
        with clock.moved_to(moment):
            jobs.pools_turn.func(int(moment.timestamp()))
        assert held.count() == left, moment
        if moment == late:
            made_customer(make, NOON - 60 * DAY)  # nothing goes back twice on one day
            assert held.count() == 1


def test_recall_is_undone_and_days_follow_events(cast: Cast, make: Any, pool: Pool) -> None:
    customer = made_customer(make, NOON)
    make("customers.contact", customer=customer, owner=cast.alice_user)
    with clock.moved_to(NOON):
        outbox.deliver_all()
    customer.refresh_from_db()
    assert customer.returns_on == dt.date(2024, 6, 19)
    with clock.moved_to(NOON + 28 * DAY):
        assert pools.pools_warn() == 1
        assert pools.pools_warn() == 0
    with clock.moved_to(NOON + 40 * DAY):
        [step] = pools.pools_recall()
        customer.refresh_from_db()
        assert (customer.owner_id, customer.returns_on) == (None, None)
        assert customer.contacts.get().owner_id is None
        assert pools.pools_recall() == []
        result = records.undo(cast.root, step.pk)
    assert result.skipped == []
    customer.refresh_from_db()
    assert (customer.owner_id, customer.contacts.get().owner_id) == (cast.alice_user.pk, cast.alice_user.pk)


def test_the_page_tries_rules_and_saves_them(cast: Cast, make: Any, pool: Pool) -> None:
    customer = made_customer(make, clock.now() - 20 * DAY)
    page = browser(cast.root_user)
    url = f"/pools/{pool.pk}/simulate/"
    shown = page.post(url, {"ground.0": "no_follow_up", "days.0": "5", "do": "try"}).content.decode()
    assert customer.name in shown
    assert (
        "Under the rules in force it is"
        in page.post(url, {"ground.0": "no_follow_up", "days.0": "3000", "do": "try"}).content.decode()
    )
    assert page.post(url, {"ground.0": "no_follow_up", "days.0": "x", "do": "save"}).status_code == 422
    assert len(returns.rules_of(pool)) == 2
    page.post(url, {"ground.0": "no_follow_up", "days.0": "5", "level.0": "a", "do": "save"})
    assert returns.rules_of(pool) == [returns.Rule("no_follow_up", 5, "a")]
    assert (
        browser(cast.alice_user).post(url, {"ground.0": "no_follow_up", "days.0": "9", "do": "save"}).status_code == 403
    )
    assert browser(cast.alice_user).get(url).status_code == 403
    record = page.get(f"/pools/{pool.pk}/")
    assert record.status_code == 200
    assert url in record.content.decode()
    assert page.get(f"/customers/{customer.pk}/").status_code == 200


def test_what_goes_back_is_told_of_records_one_may_see(cast: Cast, make: Any, pool: Pool) -> None:
    made_customer(make, clock.now() - 20 * DAY)
    rules = [returns.Rule("no_follow_up", 5)]
    for person, told in ((cast.root, 1), (cast.alice, 1), (cast.charlie, 0)):
        figures = returns.pool_figures(person, pool, rules)
        assert (figures["total"], len(figures["people"]), len(figures["days"])) == (told, told, told)
