"""Pools: who sees and claims, limits, what counts as follow-up; the simulator says what the clock then does."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from guanxi.areas.customers.models import Customer, Pool, PoolMove
from guanxi.areas.sales import jobs, panels
from guanxi.areas.sales.models import Lead
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import returns
from guanxi.areas.sales.services import pools
from guanxi.core import access, records
from guanxi.core.automation import outbox
from guanxi.core.exchange import settingsfile
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import Notification, Segment
from guanxi.core.models.stamps import bump
from guanxi.core.records import presence, shape
from guanxi.core.shaping.segments import SegmentDraft, segment_delete, segment_save, uses_of
from guanxi.core.web.record import related
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2024, 5, 20, 4, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def pool(cast: Cast, make: Any) -> Pool:
    """A pool of customers of the southern department with 30 days without follow-up, 10 at level A."""
    found: Pool = make("customers.pool", daily_limit=2, bar_days=7, warn_days=3)
    make("customers.poolmember", pool=found, department=cast.south)
    make("customers.poolrule", pool=found, days=30)
    make("customers.poolrule", pool=found, days=10, level="a")
    return found


def _customer(make: Any, at: dt.datetime = NOON, **values: Any) -> Customer:
    with clock.moved_to(at):
        made: Customer = make("customers.customer", **values)
    return Customer.objects.get(pk=made.pk)


def _fresh(cast: Cast, name: str) -> Any:
    return cast.actor(getattr(cast, f"{name}_user"))


def test_members_see_and_claim_what_nobody_owns(cast: Cast, make: Any, pool: Pool) -> None:
    customer = _customer(make)
    bob, charlie = _fresh(cast, "bob"), _fresh(cast, "charlie")
    pools.pool_release(_fresh(cast, "alice"), customer, reason="no_time", note="换人跟")
    customer.refresh_from_db()
    assert (customer.owner_id, customer.pool_id, customer.owner_since) == (None, pool.pk, None)
    assert list(access.visible(Customer.objects.all(), bob)) == [customer]
    assert access.explain(bob, customer).allowed
    assert records.queryset(bob, "customers.customer", text=customer.name).count() == 1
    with pytest.raises(NotFound):
        pools.pool_claim(charlie, customer)
    with pytest.raises(Denied):
        records.update(bob, customer, {"name": "改名"})
    step = pools.pool_claim(bob, customer)
    customer.refresh_from_db()
    assert (customer.owner_id, step.sort) == (cast.bob_user.pk, "pool_claim")
    assert [(one.sort, one.reason) for one in read.moves_of("customers.customer", customer.pk)] == [
        ("claim", ""), ("release", "no_time"),
    ]  # fmt: skip
    with pytest.raises(RuleBroken) as error:
        pools.pool_claim(_fresh(cast, "alice"), customer)
    assert error.value.code == "pool.taken"


def test_without_a_role_a_pool_shows_nothing(cast: Cast, make: Any, pool: Pool) -> None:
    customer = _customer(make)
    pools.pool_release(_fresh(cast, "alice"), customer, reason="no_time", note="换人跟")
    cast.bob_user.roles.clear()
    bump("rights")
    bob = _fresh(cast, "bob")
    assert pool.pk in bob.pools
    assert not access.visible(Customer.objects.all(), bob).exists()
    assert not access.allowed(bob, "view", customer)
    with pytest.raises(NotFound):
        pools.pool_claim(bob, customer)


def test_limits_of_claiming(cast: Cast, make: Any, pool: Pool) -> None:
    alice, bob = _fresh(cast, "alice"), _fresh(cast, "bob")
    found = [_customer(make) for _number in range(4)]
    for one in found:
        with pytest.raises(Invalid) as missing:
            pools.pool_release(alice, one)
        assert missing.value.field == "reason"
        pools.pool_release(alice, one, reason="no_time")
    with pytest.raises(RuleBroken) as error:
        pools.pool_claim(alice, found[0])
    assert error.value.code == "pool.barred"
    with clock.moved_to(clock.now() + 8 * DAY):
        pools.pool_claim(alice, found[0])
    pools.pool_claim(bob, found[1])
    step = pools.pool_claim(bob, found[2])
    with pytest.raises(RuleBroken) as error:
        pools.pool_claim(bob, found[3])
    assert error.value.code == "pool.daily"
    records.undo(bob, step.pk)
    make("customers.holdinglimit", user=cast.bob_user, department=None, most=1)
    with pytest.raises(RuleBroken) as error:
        pools.pool_claim(bob, found[3])
    assert error.value.code == "pool.full"
    make("customers.holdinglimit", user=cast.alice_user, department=None, most=1, spared_levels=["a"])
    records.update(cast.root, Customer.objects.get(pk=found[0].pk), {"level": "a"})
    assert read.holding("customers.customer", cast.alice_user.pk).held == 0
    with pytest.raises(Invalid) as full:
        pools.pool_assign(cast.root, Customer.objects.get(pk=found[3].pk), to=cast.bob_user.pk)
    assert full.value.field == "to"
    assert PoolMove.objects.filter(record_id=found[3].pk, sort="claim").count() == 0


def test_what_counts_as_follow_up(cast: Cast, make: Any, pool: Pool) -> None:
    alice, customer = _fresh(cast, "alice"), _customer(make)

    def day() -> dt.date:
        [found] = returns.due(pool, returns.rules_of(pool), ids=[customer.pk])
        return found.on

    def say(day: int, body: str, **values: Any) -> None:
        with clock.moved_to(NOON + day * DAY):
            records.create(alice, "activities.activity", {"customer": customer.pk, "body": body, **values})

    assert day() == dt.date(2024, 6, 19)
    say(1, "已联系", kind="call")
    assert day() == dt.date(2024, 6, 19)
    say(2, "客户要求下周报价", kind="note")
    assert day() == dt.date(2024, 6, 19)
    say(3, "客户要求下周报价", kind="call")
    assert day() == dt.date(2024, 6, 19)  # the same words as the note before
    say(4, "已发报价，等采购部回复", kind="call")
    assert day() == dt.date(2024, 6, 23)
    say(9, "已发报价， 等采购部回复", kind="visit")
    assert day() == dt.date(2024, 6, 23)
    say(10, "", kind="call", duration=6)
    assert day() == dt.date(2024, 6, 29)
    records.update(cast.root, pool, {"counted": ["visit"]})
    pool.refresh_from_db()
    assert day() == dt.date(2024, 6, 19)


def test_open_pages_follow_when_a_follow_up_moves_the_day(
    cast: Cast, make: Any, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, told = _customer(make), list[set[int]]()
    pools.returns_refresh(read.CUSTOMER)
    presence.arrive(cast.bob, customer)
    monkeypatch.setattr(pools, "tell_pages", told.append)
    pools.returns_refresh(read.CUSTOMER, [customer.pk])
    assert told == []  # nothing moved
    with clock.moved_to(NOON + 4 * DAY):
        records.create(
            _fresh(cast, "alice"),
            "activities.activity",
            {"customer": customer.pk, "body": "已发报价，等采购部回复", "kind": "call"},
        )
        outbox.deliver_all()
    assert told == [{cast.bob_user.pk}]


def test_today_names_what_goes_back_within_two_weeks_customers_and_leads(cast: Cast, make: Any) -> None:
    soon, later = clock.today("Asia/Shanghai") + 13 * DAY, clock.today("Asia/Shanghai") + 20 * DAY
    due = clock.today("Asia/Shanghai") - DAY
    assert panels.returning(cast.alice) is None
    for name, on in (("远的", later), ("近的", soon)):
        Lead.objects.filter(pk=make("sales.lead", name=name, owner=cast.alice_user).pk).update(returns_on=on)
    card = panels.returning(cast.alice)
    assert card is not None
    assert [(count, [one[2] for one in listed]) for _label, listed, count, _url in card["parts"]] == [(1, ["近的"])]
    customer = _customer(make)
    Customer.objects.filter(pk=customer.pk).update(returns_on=due)
    shown = browser(cast.alice_user).get("/").content.decode()
    assert shown.index(f'href="/customers/{customer.pk}/"') < shown.index("近的")
    assert panels.returning(cast.bob) is None


def test_what_came_to_nothing_is_not_held(cast: Cast, make: Any) -> None:
    lead = make("sales.lead", owner=cast.alice_user)
    assert read.holding("sales.lead", cast.alice_user.pk).held == 1
    records.update(cast.alice, lead, {"status": "invalid", "invalid_reason": "no_need"})
    assert read.holding("sales.lead", cast.alice_user.pk).held == 0


def test_rules_by_level_deals_and_protection(cast: Cast, make: Any, pool: Pool) -> None:
    customer = _customer(make, level="a")
    rules = [*returns.rules_of(pool), returns.Rule("no_deal", 60), returns.Rule("contract_ended", 5)]
    assert [(one.on, one.why) for one in returns.due(pool, rules)] == [(dt.date(2024, 5, 30), "no_follow_up")]
    with clock.moved_to(NOON + 2 * DAY):
        pools.pool_protect(cast.root, customer, until=dt.date(2024, 6, 10))
    assert [one.on for one in returns.due(pool, rules)] == [dt.date(2024, 6, 11)]
    customer.refresh_from_db()
    assert (customer.returns_on, customer.returns_why) == (dt.date(2024, 6, 11), "no_follow_up")
    with pytest.raises(Invalid):
        pools.pool_protect(cast.root, customer, until=dt.date(2024, 5, 1))
    deal = make("sales.opportunity", customer=customer)
    records.update(cast.root, pool, {"spare_deals": True})
    pool.refresh_from_db()
    assert returns.due(pool, rules) == []
    records.delete(cast.root, deal)
    assert len(returns.due(pool, rules)) == 1


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
    small, other = _customer(make, level="c"), _customer(make, level="b")
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


def test_a_settings_file_from_before_rules_asked_for_a_segment(cast: Cast, pool: Pool) -> None:
    found = json.loads(settingsfile.export(cast.root))
    before = settingsfile.text_of(settingsfile.document())
    rules = [rule for one in found["pools"] for rule in one["rules"]]
    assert {rule.pop("segment") for rule in rules} == {""}
    assert settingsfile.apply(cast.root, json.dumps(found)) == []
    assert settingsfile.text_of(settingsfile.document()) == before


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
        _customer(make, NOON + days * DAY)
        _customer(make, NOON + days * DAY, level="a", by=cast.bob_user)
    _customer(make, NOON - 90 * DAY, by=cast.charlie_user)
    said = _customer(make, NOON - 25 * DAY)
    with clock.moved_to(NOON - 2 * DAY):
        records.create(
            _fresh(cast, "alice"), "activities.activity", {"customer": said.pk, "body": "参观了工厂，谈了价格"}
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
    enters, leaves = _customer(make, NOON - 2 * DAY), _customer(make, NOON - 11 * DAY, level="b")
    kept = _customer(make, NOON - 40 * DAY, protected_until=dt.date(2024, 5, 28))
    sold = _customer(make, NOON - 4 * DAY, level="a")
    deal = make("sales.opportunity", customer=_customer(make, NOON - 30 * DAY), close_on=dt.date(2024, 7, 1), amount=1)
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
    _customer(make, NOON - 29 * DAY)
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
            _customer(make, NOON - 60 * DAY)  # nothing goes back twice on one day
            assert held.count() == 1


def test_recall_is_undone_and_days_follow_events(cast: Cast, make: Any, pool: Pool) -> None:
    customer = _customer(make, NOON)
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


def test_leads_have_their_pool(cast: Cast, make: Any) -> None:
    pool = make("customers.pool", subject="sales.lead", everyone=True)
    make("customers.poolrule", pool=pool, days=3)
    with clock.moved_to(NOON):
        lead = make("sales.lead")
        gone = make("sales.lead", by=cast.bob_user)
    alice = _fresh(cast, "alice")
    with clock.moved_to(NOON + DAY):
        records.create(alice, "sales.leadfollowup", {"lead": lead.pk, "kind": "call", "body": "电话里确认了需求"})
    with clock.moved_to(NOON + 3 * DAY):
        pools.pools_recall()
    gone.refresh_from_db()
    lead.refresh_from_db()
    assert (gone.owner_id, lead.owner_id) == (None, cast.alice_user.pk)
    pools.pool_claim(_fresh(cast, "charlie"), gone)
    gone.refresh_from_db()
    assert gone.owner_id == cast.charlie_user.pk


def test_the_page_tries_rules_and_saves_them(cast: Cast, make: Any, pool: Pool) -> None:
    customer = _customer(make, clock.now() - 20 * DAY)
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
    _customer(make, clock.now() - 20 * DAY)
    rules = [returns.Rule("no_follow_up", 5)]
    for person, told in ((cast.root, 1), (cast.alice, 1), (cast.charlie, 0)):
        figures = returns.pool_figures(person, pool, rules)
        assert (figures["total"], len(figures["people"]), len(figures["days"])) == (told, told, told)


def test_the_members_of_a_pool_say_who_administers_it_and_of_the_others_nothing(
    cast: Cast, make: Any, pool: Pool
) -> None:
    make("customers.poolmember", pool=pool, user=cast.bob_user, department=None, admin=True)
    shown = related.card(cast.root, pool, "customers.poolmember.pool")
    assert shown is not None
    named = str(shape.fields_of("customers.poolmember")["admin"].label)
    assert sorted(str(line.hint) for line in shown.lines) == ["", named]
