"""The cast of every test: Alice owns, Bob sits in her department, Charlie is a stranger, Root may do everything.

Alice, Bob and Charlie hold one role: it lets them see what their department owns, and do everything else with their own
records. Alice and Bob belong to 华南销售部 (South), Charlie to 华东销售部 (East). Dave holds no role at all.
"""

from __future__ import annotations

import itertools
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import pytest

import tests.factories
from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.kernel.actor import Actor, Rights, system_actor
from guanxi.core.models import Department, OutboxEvent, Role, RoleRight, User
from guanxi.core.models.stamps import bump, current, refresh
from guanxi.core.records import seeds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities
from tests.factories import FACTORIES, resolved

for module in pkgutil.iter_modules(tests.factories.__path__):
    if module.name != "cast":
        import_module(f"tests.factories.{module.name}")

_numbers = itertools.count(1)

NAMES = ("alice", "bob", "charlie", "dave", "root")


@dataclass(frozen=True, slots=True)
class Cast:
    """Actors by first name, their users as ``alice_user`` …, and where they sit."""

    alice: Actor
    bob: Actor
    charlie: Actor
    dave: Actor
    root: Actor
    alice_user: User
    bob_user: User
    charlie_user: User
    dave_user: User
    root_user: User
    south: Department
    east: Department
    role: Role

    def actor(self, user: User, **how: Any) -> Actor:
        """The actor of a user with his present rights (after a role or share changed)."""
        return actors.load(user, via="test", **how)

    @property
    def system(self) -> Actor:
        """The system itself."""
        return system_actor("tests", via="test")


def load() -> None:
    """Base data and the cast, whose own facts have been told; committed before a worker's first test, for all of them."""
    seeds.load()
    _people()
    OutboxEvent.objects.all().delete()


@pytest.fixture
def base_data(db: None) -> None:
    """Regions, dictionaries, default roles and the cast are there (see ``afresh`` and ``fixtures_postgres``)."""


@pytest.fixture
def nobody(base_data: None) -> None:
    """A workspace nobody has signed in to: base data without the cast."""
    User.everything.filter(username__in=NAMES).delete()
    Role.objects.filter(key="cast").delete()
    for codes in (("S", "E"), ("HQ",)):
        Department.objects.filter(code__in=codes).delete()
    bump("rights", "people")


def _department(name: str, code: str, parent: Department | None = None) -> Department:
    made = Department.objects.create(name=name, code=code, parent=parent)
    made.path = f"{parent.path if parent else '/'}{made.pk}/"
    made.save(update_fields=["path"])
    return made


def _user(username: str, name: str, department: Department | None, role: Role | None) -> User:
    made = User.objects.create(
        username=username, name=name, email=f"{username}@guanxi.example", department=department, sort_key=username
    )
    if role is not None:
        made.roles.add(role)
    return made


def cast_role() -> Role:
    """The role of Alice, Bob and Charlie: sees the department's records, works on the own ones."""
    role = Role.objects.create(key="cast", name="演员", name_en="Cast")
    let(role, entities())
    return role


def let(role: Role, these: Iterable[Entity]) -> None:
    """Let a role do with these entities what the cast's does."""
    rights = []
    for entity in these:
        if entity.access.public or not entity.access.owner:
            continue
        actions = [action for action in entity.all_actions if action != "view"]
        rights.append(RoleRight(role=role, entity=entity.key, action="view", scope="department"))
        rights += [RoleRight(role=role, entity=entity.key, action=action, scope="own") for action in actions]
    RoleRight.objects.bulk_create(rights)


#: Rights and roles of the cast as committed, by name: hundreds of rows that no test has to read again.
_rights: dict[str, tuple[Rights, tuple[int, ...]]] = {}


def _people() -> None:
    """The cast, stored; what their rights are is worked out once, before a test can change them."""
    role = cast_role()
    company = _department("关系科技", "HQ")
    south, east = _department("华南销售部", "S", company), _department("华东销售部", "E", company)
    for user in (
        _user("alice", "林爱丽", south, role),
        _user("bob", "鲍勃", south, role),
        _user("charlie", "查理", east, role),
        _user("dave", "戴夫", None, None),
        _user("root", "管理员", company, Role.objects.get(key="administrator")),
    ):
        held = list(user.roles.order_by("pk").prefetch_related("rights", "fields"))
        _rights[user.username] = actors.rights_for(user, held), tuple(one.pk for one in held)
    bump("rights", "people")


def _granted(user: User) -> None:
    """Keep the rights of one of the cast under the stamp of this test."""
    rights, held = _rights[user.username]
    actors._rights._held[user.pk,] = (current("rights"), replace(rights, memo=actors._memo(held)))


@pytest.fixture
def cast(base_data: None) -> Cast:
    """Alice, Bob, Charlie, Dave and Root, with base data loaded."""
    refresh()  # what a test that was rolled back left in memory
    bump("rights", "people")
    users = {one.username: one for one in User.objects.filter(username__in=NAMES).select_related("department")}
    places = {one.code: one for one in Department.objects.filter(code__in=("S", "E"))}
    made = [one for one in entities() if one.key.startswith("custom.")]
    if made:  # by the test's own base data
        let(Role.objects.get(key="cast"), made)
    else:
        for user in users.values():
            _granted(user)
    return Cast(
        **{name: actors.load(users[name], via="test") for name in NAMES},
        **{f"{name}_user": users[name] for name in NAMES},
        south=places["S"],
        east=places["E"],
        role=Role.objects.get(key="cast"),
    )


@pytest.fixture
def make(cast: Cast) -> Callable[..., Any]:
    """``make("customers.customer", name="华为")``: a stored record of Alice's (``by``: somebody else's), all rules applied.

    Root writes it, so that it may point to records its owner cannot see.
    What is not given comes from the entity's factory in ``tests/factories``. Give references as records or ids.
    """

    def make(entity: str, *, by: User | None = None, **values: Any) -> Any:
        given = {**FACTORIES[entity](next(_numbers), make), **values} if entity in FACTORIES else values
        owner = by or cast.alice_user
        declared = next(one for one in entities() if one.key == entity)
        if declared.access.owner:
            given.setdefault(declared.access.owner, owner.pk)
        return records.create(cast.root, entity, resolved(given), trusted=True)

    return make
