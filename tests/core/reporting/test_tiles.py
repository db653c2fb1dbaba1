"""On whose Today figures stand: those whose work it is, those who answer for others, those who only look on."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core.models import Department, Role, User
from guanxi.core.reporting import tiles
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
DEALS = {"deals-mine", "deals-mine-won", "instalments-mine", "customers-mine"}
TEAM = {"deals-team-won", "receipts-team", "customers-team-new"}
CAMPAIGNS = {"campaigns-running", "campaigns-responses", "campaigns-leads"}


@pytest.mark.parametrize(
    ("role", "shown"),
    [
        ("member", DEALS), ("manager", DEALS | TEAM), ("director", DEALS | TEAM), ("trainee", DEALS), ("reader", TEAM),
        ("service", set()), ("marketing", CAMPAIGNS),
    ],
)  # fmt: skip
def test_figures_stand_with_those_whose_work_it_is(cast: Cast, make: Any, role: str, shown: set[str]) -> None:
    where = Department.objects.create(name="深圳", code="SZ", path="/9999/")
    people = [User.objects.create(username=f"{role}{number}", name=role, department=where) for number in (1, 2)]
    people[0].roles.add(Role.objects.get(key=role))
    every = DEALS | TEAM | CAMPAIGNS
    assert {tile.key for tile, _result in tiles.tiles_for(cast.actor(people[0]))} & every == shown
    if role == "service":  # who has some of his own is told of them
        make("customers.customer", owner=people[0])
        assert {tile.key for tile, _result in tiles.tiles_for(cast.actor(people[0]))} & every == {"customers-mine"}
