"""What insight tells those from whom a figure of it, or of the customer, is hidden."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import translation

from guanxi.areas.insight import services, sheets_lists
from guanxi.areas.insight.models import Calculation
from guanxi.core.automation import notify
from guanxi.core.kernel import clock
from guanxi.core.models import RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.records import display
from guanxi.core.schema.registry import entity_of
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


def hide(cast: Cast, entity: str, name: str, level: str = "hidden") -> Any:
    RoleField.objects.create(role=cast.role, entity=entity, field=name, level=level)
    bump("rights", "fields")
    return cast.actor(cast.alice_user)


def test_who_fell_silent_is_told_to_who_reads_the_figures(cast: Cast, make: Any) -> None:
    first, second = (make("insight.customervalue", gap=30, silent=90) for _one in range(2))
    first.spread = second.spread = 4

    def texts(actor: Any) -> list[str]:
        with translation.override("en"):
            return [one.text for one in notify.notifications(actor).notes]

    services._alert([first])
    title = display.title_of(entity_of("customers.customer"), first.customer, cast.alice)
    assert texts(cast.alice) == [f"{title} buys every 30±4 days and has been silent for 90."]
    alice = hide(cast, "insight.customervalue", "gap")
    services._alert([second])
    assert texts(alice) == [f"{title} buys every …±… days and has been silent for …."]


def test_key_accounts_name_customers_as_their_reader_sees_them(cast: Cast, make: Any) -> None:
    row = make("insight.customervalue", spent=1000)
    customer = row.customer
    morning = dt.datetime(2026, 11, 27, 17, 0, tzinfo=dt.UTC)  # one o'clock of the 28th in Shanghai
    type(customer).objects.filter(pk=customer.pk).update(last_contact_at=morning)

    def cells(actor: Any) -> str:
        with translation.override("en"), clock.moved_to(morning + dt.timedelta(hours=9)):
            return str(sheets_lists.accounts(actor, Calculation(), None).rows)

    whole = cells(cast.alice)
    assert [one in whole for one in (customer.name, "0 days ago", cast.alice_user.name)] == [True] * 3
    hide(cast, "customers.customer", "owner")
    hide(cast, "customers.customer", "name", "masked")
    less = cells(hide(cast, "customers.customer", "last_contact_at"))
    assert [one in less for one in (customer.name, "0 days ago", cast.alice_user.name)] == [False] * 3
