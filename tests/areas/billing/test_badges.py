"""Warnings at the head of records: what is overdue, stale or here twice, and only for who may see it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import translation

from guanxi.areas.billing.models import Instalment
from guanxi.areas.customers.models import Customer
from guanxi.areas.sales.models import Opportunity
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.records.figures import money
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.record.header import flags
from tests.factories.billing import signed
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


def words(actor: Actor, record: Any) -> list[tuple[str, str]]:
    with translation.override("en"):
        return [(str(one.text), one.color) for one in flags(actor, entity_of(record), record)]


def test_a_customer_says_what_is_to_be_watched(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", name="Acme Ltd")
    assert words(cast.alice, customer) == []
    now = clock.now()
    Customer.objects.filter(pk=customer.pk).update(
        last_contact_at=now - dt.timedelta(days=75), next_plan_at=now - dt.timedelta(days=3), returns_on=clock.today("Asia/Shanghai") + dt.timedelta(days=9)
    )  # fmt: skip
    customer.refresh_from_db()
    assert words(cast.alice, customer) == [
        ("Contact overdue by 3 days", "red"),
        ("No contact for 75 days", "amber"),
        ("Back to the pool in 9 days", "amber"),
    ]
    RoleField.objects.create(role=cast.role, entity="customers.customer", field="last_contact_at", level="hidden")
    bump("rights")
    assert ("No contact for 75 days", "amber") not in words(cast.actor(cast.alice_user), customer)


def test_money_that_is_late_shows_at_customer_and_contract_to_who_may_see_it(cast: Cast, make: Any) -> None:
    contract = signed(make)
    row = Instalment.objects.filter(contract=contract).first()
    assert row is not None
    assert row.open
    assert "overdue" not in str(words(cast.alice, contract.customer))
    Instalment.objects.filter(pk=row.pk).update(due_on=clock.today("Asia/Shanghai") - dt.timedelta(days=5))
    late = (f"{money(row.open, 'CNY')} overdue", "red")
    assert words(cast.alice, contract)[0] == late
    assert words(cast.alice, contract.customer)[0] == late
    assert "overdue" not in str(words(cast.charlie, contract.customer))


def test_an_open_deal_past_its_day_is_late_and_a_closed_one_is_not(cast: Cast, make: Any) -> None:
    deal = make("sales.opportunity")
    Opportunity.objects.filter(pk=deal.pk).update(close_on=clock.today("Asia/Shanghai") - dt.timedelta(days=2))
    deal.refresh_from_db()
    assert ("Close date passed 2 days ago", "red") in words(cast.alice, deal)
    deal.category = "won"
    assert words(cast.alice, deal) == []
