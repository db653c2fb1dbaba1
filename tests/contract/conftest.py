"""One suite over every registered entity, for the whole cast, on every face."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from guanxi.core import records
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.models import CustomField, stamps
from guanxi.core.people import tokens
from guanxi.core.schema import registry
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities
from guanxi.core.shaping import objects
from tests.factories import FACTORIES, factory, resolved
from tests.factories.cast import Cast

#: An object an administrator made; it exists only in the tests that ask for it.
MADE = "custom.specimen"
KEYS = [*(entity.key for entity in entities() if not entity.key.startswith("custom.")), MADE]
PEOPLE = ("alice", "bob", "charlie", "dave", "root")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``key`` runs over all entities."""
    if "key" in metafunc.fixturenames:
        metafunc.parametrize("key", KEYS)


@pytest.fixture
def person() -> str:
    """Each of the cast in turn, see below."""
    return ""


def _again(sample: Any) -> Any:
    """The record as it is stored."""
    return type(sample)._base_manager.get(pk=sample.pk)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that asks for ``person`` runs once for each of the cast, on the same sample: what one did is rolled back.

    Making cast and sample costs more than the test, and there are many entities.
    """
    if "person" not in pyfuncitem.fixturenames:
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    for person in PEOPLE:
        point = transaction.savepoint()
        try:
            pyfuncitem.obj(**given | {"person": person} | {"sample": _again(given["sample"])})
        except Exception as error:
            error.add_note(f"as {person}")
            raise
        finally:
            transaction.savepoint_rollback(point)
            stamps.refresh()
    return True


@pytest.fixture
def base_data(base_data: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Base data, and the made object for the tests over it."""
    params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if params.get("key") != MADE:
        yield
        return
    stamps.refresh()
    specimen()
    yield
    registry.replace_made(())


def specimen() -> None:
    """An object with owners, a choice as board, money, a date and several choices."""
    kinds = {"state": "choice", "price": "money", "made_on": "date", "colours": "choices"}
    CustomField.objects.bulk_create(
        CustomField(
            entity=MADE,
            key=key,
            kind=kind,
            label_zh=key,
            dictionary="customer_level" if kind.startswith("choice") else "",
        )
        for key, kind in kinds.items()
    )
    stamps.bump("fields")
    given = {
        "name_zh": "标本", "name_en": "Specimen", "plural_en": "Specimens", "path": "specimens",
        "options": {"duplicates": True, "board": "state", "board_total": "price"},
    }  # fmt: skip
    objects.object_save(system_actor("tests", via="test"), "specimen", given, new=True)


@factory(MADE)
def specimen_values(number: int, make: Any) -> dict[str, Any]:
    """A specimen."""
    return {"name": f"标本{number}"}


@pytest.fixture
def entity(key: str, cast: Cast) -> Entity:
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
    return resolved(FACTORIES[key](number, make))
