"""Journeys of people through a real browser; the fixtures stand in ``tests/browsing.py``, the small world here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.models import Role, RoleField, RoleRight, User
from guanxi.core.models.stamps import bump
from guanxi.core.records import bulk
from guanxi.core.schema.registry import entities
from tests.browsing import PASSWORD
from tests.factories.cast import Cast
from tests.mailserver import letters

__all__ = ["PASSWORD", "letters"]

PLACES = ("深圳", "广州", "杭州", "苏州", "成都", "重庆", "武汉", "青岛", "宁波", "厦门")
TRADES = ("精密机械", "电子", "生物医药", "供应链", "新能源", "软件")


@dataclass(frozen=True, slots=True)
class World:
    """Sixty customers of three people: the first thirty Alice's, then twenty of Bob's and ten of Charlie's."""

    alices: tuple[Customer, ...]
    bobs: tuple[Customer, ...]
    charlies: tuple[Customer, ...]


@pytest.fixture
def world(cast: Cast, make: Callable[..., Any]) -> World:
    """A small workspace with customers of three owners, contacts, follow-ups, tasks, plans and one record in the trash."""
    names = [f"{place}华诚{trade}有限公司" for trade in TRADES for place in PLACES]
    owners = [cast.alice_user] * 30 + [cast.bob_user] * 20 + [cast.charlie_user] * 10
    stages = ("potential", "developing", "growing", "mature")
    rows = [
        {
            "name": name,
            "owner": owner.pk,
            "lifecycle": stages[number % 4],
            "level": "ABC"[number % 3],
            "phones": [{"value": f"1380013{number:04}"}],
            "employees": 10 + number,
        }
        for number, (name, owner) in enumerate(zip(names, owners, strict=True))
    ]
    made = bulk.create_many(cast.root, "customers.customer", rows, trusted=True)
    assert all(isinstance(one, Customer) for one in made), [str(one) for one in made if not isinstance(one, Customer)]
    first = made[0]
    make("customers.contact", name="张伟", customer=first, position="采购经理")
    now = clock.now()
    about = {"customer": first.pk, "owner": cast.alice_user.pk}
    for key, values in (
        ("activities.activity", {"kind": "call", "body": "谈了报价"}),
        ("activities.task", {"subject": "寄样品", "due_at": now - dt.timedelta(days=1)}),
        ("activities.followupplan", {"subject": "回访", "planned_at": now - dt.timedelta(days=1)}),
    ):
        records.create(cast.root, key, {**about, **values}, trusted=True)
    records.delete(cast.root, make("customers.customer", name="已经删除的客户"))
    return World(alices=tuple(made[:30]), bobs=tuple(made[30:50]), charlies=tuple(made[50:]))


@pytest.fixture
def role(cast: Cast) -> Callable[..., None]:
    """``role(user, "own")``: give a user a role of that scope and no other; ``masked`` fields are shown with stars."""

    def role(user: User, scope: str, masked: tuple[str, ...] = ()) -> None:
        made = Role.objects.create(key=f"scope-{scope}-{len(masked)}", name=f"范围{scope}")
        owned = [one for one in entities() if one.access.owner and not one.access.public]
        RoleRight.objects.bulk_create(RoleRight(role=made, entity=one.key, action="view", scope=scope) for one in owned)
        RoleField.objects.bulk_create(
            RoleField(role=made, entity="customers.customer", field=name, level="masked") for name in masked
        )
        user.roles.set([made])
        bump("rights", "people")

    return role
