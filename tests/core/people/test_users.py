"""Users and departments: what may be changed, by whom, and what never happens."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import AuditEntry, Department, OutboxEvent, Role, RoleRight, User
from guanxi.core.models.stamps import bump
from guanxi.core.people import users
from guanxi.core.people.departments import department_move, department_nodes


def fresh(user: User) -> User:
    return User.everything.get(pk=user.pk)


@pytest.fixture
def clerk(cast: Any) -> Any:
    """Dave administers users, but does not have every right."""
    role = Role.objects.create(key="clerk", name="人事")
    for entity, actions in {
        "core.user": ("view", "create", "change", "delete"),
        "core.role": ("view", "create", "change", "delete"),
    }.items():
        for action in actions:
            RoleRight.objects.create(role=role, entity=entity, action=action, scope="all")
    cast.dave_user.roles.add(role)
    bump("rights")
    return cast.actor(cast.dave_user)


def test_new_user_cannot_sign_in_until_invited(cast: Any) -> None:
    user = records.create(
        cast.root, "core.user", {"name": "欧阳娜娜", "username": "nana", "email": "NANA@Guanxi.example"}
    )
    assert not user.has_usable_password()
    assert user.is_active
    assert user.sort_key.startswith("ou yang na na")


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"username": "ALICE"}, "username", "user.username_taken"),
        ({"username": "bob@guanxi.example"}, "username", "user.username_taken"),
        ({"username": "two words"}, "username", "user.username"),
        ({"username": "new", "email": "Bob@guanxi.example"}, "email", "user.email_taken"),
    ],
)
def test_names_and_mails_are_one_persons(cast: Any, values: dict[str, str], field: str, code: str) -> None:
    before = User.everything.count()
    with pytest.raises(Invalid) as caught:
        records.create(cast.root, "core.user", {"name": "Neu", **values})
    assert [error.code for error in caught.value.errors[field]] == [code]
    assert User.everything.count() == before


def test_nobody_stands_above_himself(cast: Any) -> None:
    alice, bob, charlie = cast.alice_user, cast.bob_user, cast.charlie_user
    records.update(cast.root, alice, {"superior": bob.pk})
    records.update(cast.root, bob, {"superior": charlie.pk})
    for superior in (alice, charlie):
        with pytest.raises(Invalid) as caught:
            records.update(cast.root, charlie, {"superior": superior.pk})
        assert caught.value.errors["superior"][0].code == "user.superior_cycle"
    assert fresh(charlie).superior_id is None


def test_only_administrators_change_users(cast: Any) -> None:
    for act in (
        lambda: records.update(cast.alice, cast.bob_user, {"name": "X"}),
        lambda: records.create(cast.alice, "core.user", {"name": "X", "username": "x"}),
        lambda: users.user_deactivate(cast.alice, cast.bob_user),
        lambda: users.user_reactivate(cast.alice, cast.bob_user),
        lambda: users.user_roles_set(cast.alice, cast.bob_user, []),
        lambda: users.second_factor_reset(cast.alice, cast.bob_user),
        lambda: records.delete(cast.alice, cast.bob_user),
        lambda: users.password_change(cast.alice, cast.bob_user, old="x", new="y"),
    ):
        before = User.everything.filter(pk=cast.bob_user.pk).values().get(), User.everything.count()
        with pytest.raises(Denied):
            act()
        assert (User.everything.filter(pk=cast.bob_user.pk).values().get(), User.everything.count()) == before
    assert list(cast.bob_user.roles.all()) == [cast.role]


def test_switching_active_off_in_a_form_is_deactivating(cast: Any) -> None:
    records.update(cast.root, cast.alice_user, {"is_active": False})
    assert (fresh(cast.alice_user).is_active, fresh(cast.alice_user).security_stamp) == (False, 2)
    with pytest.raises(RuleBroken):
        records.update(cast.root, cast.root_user, {"is_active": False})
    assert fresh(cast.root_user).is_active


def test_deactivating_keeps_records_and_one_administrator(cast: Any, make: Any) -> None:
    gadget = make("fakes.gadget")
    users.user_deactivate(cast.root, cast.alice_user)
    gadget.refresh_from_db()
    assert gadget.owner_id == cast.alice_user.pk
    with pytest.raises(RuleBroken) as caught:
        users.user_deactivate(cast.root, cast.root_user)
    assert caught.value.code == "user.self"
    with pytest.raises(RuleBroken) as caught:
        users.user_deactivate(cast.system, cast.root_user)
    assert caught.value.code == "user.last_administrator"
    with pytest.raises(RuleBroken):
        users.user_roles_set(cast.root, cast.root_user, [cast.role])
    assert [role.key for role in cast.root_user.roles.all()] == ["administrator"]


def test_roles_are_audited_and_counted_at_once(cast: Any) -> None:
    users.user_roles_set(cast.root, cast.dave_user, [cast.role])
    assert cast.actor(cast.dave_user).rights.of("fakes.gadget", "view").owners == frozenset({cast.dave_user.pk})
    assert fresh(cast.dave_user).version == cast.dave_user.version + 1
    noted = AuditEntry.objects.get(entity="core_user", record_id=cast.dave_user.pk, changes__has_key="roles")
    assert (noted.changes, noted.actor_id, noted.via) == ({"roles": [[], ["cast"]]}, cast.root_user.pk, "test")
    assert OutboxEvent.objects.get(name="core.user.roles_changed").changes == {"roles": [[], ["cast"]]}


def test_a_clerk_does_not_rise(cast: Any, clerk: Any) -> None:
    administrator = Role.objects.get(key="administrator")
    for act in (
        lambda: users.user_roles_set(clerk, cast.dave_user, [administrator]),
        lambda: users.user_roles_set(clerk, cast.alice_user, [cast.role, administrator]),
        lambda: users.user_roles_set(clerk, cast.alice_user, []),
        lambda: users.user_deactivate(clerk, cast.root_user),
        lambda: users.second_factor_reset(clerk, cast.root_user),
        lambda: records.update(clerk, cast.root_user, {"email": "dave2@guanxi.example"}),
        lambda: records.create(clerk, "core.role", {"name": "Alles", "key": "alles", "all_rights": True}),
        lambda: records.update(clerk, cast.role, {"all_rights": True}),
    ):
        before = (
            list(User.roles.through.objects.order_by("id").values_list("user_id", "role_id")),
            fresh(cast.root_user).email,
        )
        with pytest.raises(Denied):
            act()
        assert (
            list(User.roles.through.objects.order_by("id").values_list("user_id", "role_id")),
            fresh(cast.root_user).email,
        ) == before
    assert Role.objects.filter(all_rights=True).count() == 1
    records.update(clerk, cast.bob_user, {"name": "鲍勃二"})
    assert fresh(cast.bob_user).name == "鲍勃二"


def test_trash_ends_sessions_too(cast: Any) -> None:
    records.delete(cast.root, cast.alice_user)
    assert fresh(cast.alice_user).security_stamp == 2
    with pytest.raises(RuleBroken):
        records.delete(cast.root, cast.root_user)
    assert fresh(cast.root_user).deleted_at is None


# -- departments -----------------------------------------------------------------------------------------------------------


def paths() -> dict[str, str]:
    return dict(Department.everything.values_list("name", "path"))


def test_departments_know_their_path(cast: Any) -> None:
    team = records.create(cast.root, "core.department", {"name": "一组", "parent": cast.south.pk})
    squad = records.create(cast.root, "core.department", {"name": "小队", "parent": team.pk})
    company = cast.south.parent
    assert team.path == f"/{company.pk}/{cast.south.pk}/{team.pk}/"
    department_move(cast.root, team, parent=cast.east)
    assert paths()["一组"] == f"/{company.pk}/{cast.east.pk}/{team.pk}/"
    assert paths()["小队"] == f"/{company.pk}/{cast.east.pk}/{team.pk}/{squad.pk}/"
    records.update(cast.root, team, {"parent": None})
    assert paths()["小队"] == f"/{team.pk}/{squad.pk}/"


def test_a_department_does_not_stand_below_itself(cast: Any) -> None:
    team = records.create(cast.root, "core.department", {"name": "一组", "parent": cast.south.pk})
    before = paths()
    for parent in (team, cast.south):
        with pytest.raises(Invalid) as caught:
            department_move(cast.root, cast.south, parent=parent)
        assert caught.value.errors["parent"][0].code == "department.cycle"
    with pytest.raises(Invalid):
        records.update(cast.root, cast.south, {"parent": team.pk})
    with pytest.raises(Denied):
        department_move(cast.alice, team, parent=cast.east)
    assert paths() == before


def test_rights_follow_a_move(cast: Any, make: Any) -> None:
    RoleRight.objects.filter(role=cast.role, entity="fakes.gadget", action="view").update(scope="department_below")
    bump("rights")
    gadget = make("fakes.gadget", by=cast.charlie_user)
    with pytest.raises(NotFound):
        records.get(cast.actor(cast.alice_user), "fakes.gadget", gadget.pk)
    department_move(cast.root, cast.east, parent=cast.south)
    assert records.get(cast.actor(cast.alice_user), "fakes.gadget", gadget.pk) == gadget
    department_move(cast.root, cast.east, parent=None)
    with pytest.raises(NotFound):
        records.get(cast.actor(cast.alice_user), "fakes.gadget", gadget.pk)


def test_order_among_siblings(cast: Any) -> None:
    west = records.create(cast.root, "core.department", {"name": "西", "parent": cast.south.parent_id})
    department_move(cast.root, west, parent=cast.south.parent, position=0)
    department_move(cast.root, cast.south, parent=cast.south.parent, position=9)
    (company,) = department_nodes(cast.alice)
    assert [node.department.name for node in company.children] == ["西", "华东销售部", "华南销售部"]
    assert [node.people for node in company.children] == [0, 1, 2]


def test_a_department_in_use_stays(cast: Any) -> None:
    with pytest.raises(RuleBroken) as caught:
        records.delete(cast.root, cast.south)
    assert caught.value.details == {"people": 2, "below": 0}
    assert Department.objects.filter(pk=cast.south.pk).exists()
    empty = records.create(cast.root, "core.department", {"name": "空"})
    records.delete(cast.root, empty)
    assert not Department.objects.filter(pk=empty.pk).exists()


def test_move_by_page(signed_in: Any, cast: Any) -> None:
    address = f"/people/departments/{cast.east.pk}/move/"
    refused = signed_in(cast.alice_user).post(address, {"parent": ""}, headers={"HX-Request": "true"})
    assert refused.status_code == 403
    assert Department.objects.get(pk=cast.east.pk).parent_id == cast.south.parent_id
    root = signed_in(cast.root_user)
    assert root.post(address, {"parent": str(cast.south.pk), "position": "0"}).status_code == 303
    assert (
        Department.objects.get(pk=cast.east.pk).path
        == f"{Department.objects.get(pk=cast.south.pk).path}{cast.east.pk}/"
    )
    assert (
        root.post(
            f"/people/departments/{cast.south.pk}/move/", {"parent": str(cast.east.pk)}, headers={"HX-Request": "true"}
        ).status_code
        == 422
    )
