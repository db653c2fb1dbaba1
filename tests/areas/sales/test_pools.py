"""Pools: who sees and claims, limits, what counts as follow-up."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.utils import translation

from guanxi.areas.customers.models import Customer, Pool, PoolMove
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import returns
from guanxi.areas.sales.services import pools
from guanxi.core import access, records
from guanxi.core.exchange import settingsfile
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models.stamps import bump
from guanxi.core.records import shape
from guanxi.core.web.record import related
from tests.areas.sales.pooled import DAY, NOON, fresh, made_customer
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


def test_members_see_and_claim_what_nobody_owns(cast: Cast, make: Any, pool: Pool) -> None:
    customer = made_customer(make)
    bob, charlie = fresh(cast, "bob"), fresh(cast, "charlie")
    pools.pool_release(fresh(cast, "alice"), customer, reason="no_time", note="换人跟")
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
        pools.pool_claim(fresh(cast, "alice"), customer)
    assert error.value.code == "pool.taken"


def test_without_a_role_a_pool_shows_nothing(cast: Cast, make: Any, pool: Pool) -> None:
    customer = made_customer(make)
    pools.pool_release(fresh(cast, "alice"), customer, reason="no_time", note="换人跟")
    cast.bob_user.roles.clear()
    bump("rights")
    bob = fresh(cast, "bob")
    assert pool.pk in bob.pools
    assert not access.visible(Customer.objects.all(), bob).exists()
    assert not access.allowed(bob, "view", customer)
    with pytest.raises(NotFound):
        pools.pool_claim(bob, customer)


def test_limits_of_claiming(cast: Cast, make: Any, pool: Pool) -> None:
    alice, bob = fresh(cast, "alice"), fresh(cast, "bob")
    found = [made_customer(make) for _number in range(4)]
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
    alice, customer = fresh(cast, "alice"), made_customer(make)

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


def test_what_came_to_nothing_is_not_held(cast: Cast, make: Any) -> None:
    lead = make("sales.lead", owner=cast.alice_user)
    assert read.holding("sales.lead", cast.alice_user.pk).held == 1
    records.update(cast.alice, lead, {"status": "invalid", "invalid_reason": "no_need"})
    assert read.holding("sales.lead", cast.alice_user.pk).held == 0


def test_rules_by_level_deals_and_protection(cast: Cast, make: Any, pool: Pool) -> None:
    customer = made_customer(make, level="a")
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


def test_a_settings_file_from_before_rules_asked_for_a_segment(cast: Cast, pool: Pool) -> None:
    found = json.loads(settingsfile.export(cast.root))
    before = settingsfile.text_of(settingsfile.document())
    rules = [rule for one in found["pools"] for rule in one["rules"]]
    assert {rule.pop("segment") for rule in rules} == {""}
    assert settingsfile.apply(cast.root, json.dumps(found)) == []
    assert settingsfile.text_of(settingsfile.document()) == before


def test_leads_have_their_pool(cast: Cast, make: Any) -> None:
    pool = make("customers.pool", subject="sales.lead", everyone=True)
    make("customers.poolrule", pool=pool, days=3)
    with clock.moved_to(NOON):
        lead = make("sales.lead")
        gone = make("sales.lead", by=cast.bob_user)
    alice = fresh(cast, "alice")
    with clock.moved_to(NOON + DAY):
        records.create(alice, "sales.leadfollowup", {"lead": lead.pk, "kind": "call", "body": "电话里确认了需求"})
    with clock.moved_to(NOON + 3 * DAY):
        pools.pools_recall()
    gone.refresh_from_db()
    lead.refresh_from_db()
    assert (gone.owner_id, lead.owner_id) == (None, cast.alice_user.pk)
    pools.pool_claim(fresh(cast, "charlie"), gone)
    gone.refresh_from_db()
    assert gone.owner_id == cast.charlie_user.pk


def test_the_members_of_a_pool_say_who_administers_it_and_of_the_others_nothing(
    cast: Cast, make: Any, pool: Pool
) -> None:
    make("customers.poolmember", pool=pool, user=cast.bob_user, department=None, admin=True)
    shown = related.card(cast.root, pool, "customers.poolmember.pool")
    assert shown is not None
    named = str(shape.fields_of("customers.poolmember")["admin"].label)
    assert sorted(str(line.hint) for line in shown.lines) == ["", named]


def test_undo_gets_round_neither_bar_nor_limit(cast: Cast, make: Any, pool: Pool) -> None:
    alice, bob = fresh(cast, "alice"), fresh(cast, "bob")
    slip, later, full, taken = (made_customer(make) for _number in range(4))
    step = pools.pool_release(alice, slip, reason="no_time")
    assert records.undo(alice, step.pk).skipped == []
    assert Customer.objects.get(pk=slip.pk).owner_id == cast.alice_user.pk
    late, first = pools.pool_release(alice, later, reason="no_time"), pools.pool_release(alice, taken, reason="no_time")
    with clock.moved_to(clock.now() + dt.timedelta(minutes=11)):
        with translation.override("en"):
            [left] = records.undo(alice, late.pk).skipped
        assert "left to others" in left["reason"]
        assert Customer.objects.get(pk=later.pk).owner_id is None
        with pytest.raises(RuleBroken) as error:
            pools.pool_claim(alice, later)
        assert error.value.code == "pool.barred", "an undo that left it there lifts no bar"
    pools.pool_claim(bob, taken)
    assert len(records.undo(alice, first.pk).skipped) == 1
    assert read.barred_until(cast.alice_user.pk, read.CUSTOMER, taken.pk, pool) is not None
    step = pools.pool_release(alice, full, reason="no_time")
    held = read.holding(read.CUSTOMER, cast.alice_user.pk).held
    make("customers.holdinglimit", user=cast.alice_user, department=None, most=held)
    with translation.override("en"):
        [left] = records.undo(alice, step.pk).skipped
    assert "is the most" in left["reason"]
    assert Customer.objects.get(pk=full.pk).owner_id is None


def test_a_claim_given_away_and_taken_back_still_counts(cast: Cast, make: Any, pool: Pool) -> None:
    customer, bob = made_customer(make), fresh(cast, "bob")
    pools.pool_release(fresh(cast, "alice"), customer, reason="no_time")
    step = pools.pool_claim(bob, customer)
    pools.pool_release(bob, Customer.objects.get(pk=customer.pk), reason="no_time")
    assert len(records.undo(bob, step.pk).skipped) == 1
    assert read.claimed_today(cast.bob_user.pk, pool) == 1
