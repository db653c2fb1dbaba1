"""One suite over every registered entity, for the whole cast, on every face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.people import tokens
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities
from tests.factories import FACTORIES
from tests.factories.cast import Cast

KEYS = [entity.key for entity in entities()]
PEOPLE = ("alice", "bob", "charlie", "dave", "root")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``key`` runs over all entities, ``person`` over the cast."""
    if "key" in metafunc.fixturenames:
        metafunc.parametrize("key", KEYS)
    if "person" in metafunc.fixturenames:
        metafunc.parametrize("person", PEOPLE)


@pytest.fixture
def entity(key: str) -> Entity:
    """The entity under test."""
    return next(one for one in entities() if one.key == key)


@pytest.fixture
def sample(entity: Entity, make: Callable[..., Any]) -> Any:
    """A record of Alice's."""
    return make(entity.key)


@pytest.fixture
def api(cast: Cast) -> Callable[[str], Client]:
    """A client with a token of one of the cast."""

    def client(person: str) -> Client:
        user = getattr(cast, f"{person}_user")
        _token, secret = tokens.token_create(cast.root, user, name="contract", scopes=["read", "write"])
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return client


def may(actor: Actor, entity: Entity, record: Any, action: str = "view") -> bool:
    """What the cast's role promises, said independently of the access floor.

    Alice, Bob and Charlie view what their department owns and do the rest with their own; Root does everything; Dave
    nothing; everyone views public entities.
    """
    if actor.rights.everything:
        return True
    if entity.access.public and action == "view":
        return True
    if not entity.access.owner or entity.access.public or not actor.rights.reach:
        return False
    owners = {getattr(record, f"{entity.access.owner}_id")}
    if entity.access.carried_by:
        owners.add(record.carrier_owner_id)
    if action == "view":
        return bool(owners & colleagues(actor))
    return actor.user_id in owners


def colleagues(actor: Actor) -> set[int]:
    """Ids of the actor's department."""
    rows = records.queryset(
        actor, "core.user", filter={"field": "department", "op": "eq", "value": actor.department_id}
    )
    return set(rows.values_list("pk", flat=True))


def factory_values(key: str, number: int, make: Callable[..., Any]) -> dict[str, Any]:
    """What the entity's factory describes, as plain values a program may send."""
    given = {name: value() if callable(value) else value for name, value in FACTORIES[key](number, make).items()}
    return {name: getattr(value, "pk", value) for name, value in given.items()}
