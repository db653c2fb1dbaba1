"""Roles: the matrix, its preview in exact numbers, and what a user can do in the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from guanxi.core import access, records
from guanxi.core.kernel.errors import Conflict, Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import Role, RoleField, RoleRight, User
from guanxi.core.models.stamps import bump
from guanxi.core.people.preview import role_preview
from guanxi.core.people.rights import effective_rights
from guanxi.core.people.roles import RoleDraft, role_delete, role_draft, role_save
from tests.fakes.models import Gadget, Part


def rows() -> tuple[Any, ...]:
    return (
        list(Role.everything.order_by("pk").values_list("pk", "name", "all_rights", "version")),
        list(RoleRight.objects.order_by("pk").values_list()),
        list(RoleField.objects.order_by("pk").values_list()),
    )


def test_a_draft_saved_is_the_role(cast: Any) -> None:
    draft = RoleDraft(
        name="  区域经理 ",
        name_en="Regional manager",
        rights={
            ("fakes.gadget", "view"): ("chosen", (cast.south.pk, cast.east.pk)),
            ("fakes.gadget", "change"): ("own", ()),
        },
        fields={("fakes.gadget", "phone"): "masked"},
    )
    role = role_save(cast.root, None, draft)
    assert (role.key, role.name) == ("regional-manager", "区域经理")
    assert role_draft(Role.objects.get(pk=role.pk)) == replace(draft, name="区域经理")
    again = role_save(cast.root, None, replace(draft, name="Regional manager"))
    assert again.key == "regional-manager-2"


def test_only_what_differs_is_written(cast: Any) -> None:
    kept = {right.pk: right.scope for right in cast.role.rights.all()}
    draft = role_draft(cast.role)
    changed = {**draft.rights, ("fakes.gadget", "view"): ("all", ())}
    changed.pop(("fakes.gadget", "delete"))
    role_save(cast.root, cast.role, replace(draft, rights=changed))
    now = {right.pk: right.scope for right in Role.objects.get(pk=cast.role.pk).rights.all()}
    gone = kept.keys() - now.keys()
    assert len(gone) == 1
    assert {pk for pk in now if now[pk] != kept[pk]} == {
        RoleRight.objects.get(role=cast.role, entity="fakes.gadget", action="view").pk
    }


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": " "}, "name"),
        ({"name": "演员二"}, "name"),
        ({"rights": {("fakes.gadget", "fly"): ("all", ())}}, "right:fakes.gadget:fly"),
        ({"rights": {("no.such", "view"): ("all", ())}}, "right:no.such:view"),
        ({"rights": {("fakes.gadget", "view"): ("galaxy", ())}}, "right:fakes.gadget:view"),
        ({"rights": {("fakes.gadget", "view"): ("chosen", ())}}, "right:fakes.gadget:view"),
        ({"rights": {("fakes.gadget", "view"): ("chosen", (10**9,))}}, "right:fakes.gadget:view"),
        ({"fields": {("fakes.gadget", "nothing"): "read"}}, "field:fakes.gadget:nothing"),
        ({"fields": {("fakes.gadget", "phone"): "loud"}}, "field:fakes.gadget:phone"),
    ],
)
def test_bad_drafts_change_nothing(cast: Any, change: dict[str, Any], place: str) -> None:
    Role.objects.create(key="two", name="演员二")
    before = rows()
    with pytest.raises(Invalid) as caught:
        role_save(cast.root, cast.role, replace(role_draft(cast.role), **change))
    assert list(caught.value.errors) == [place]
    assert rows() == before


def test_who_may_not_changes_nothing(cast: Any) -> None:
    before = rows()
    draft = replace(role_draft(cast.role), rights={("fakes.gadget", "view"): ("all", ())})
    for act in (
        lambda: role_save(cast.alice, cast.role, draft),
        lambda: role_save(cast.alice, None, replace(draft, name="neu")),
        lambda: role_preview(cast.alice, cast.role, draft),
        lambda: role_delete(cast.alice, cast.role),
    ):
        with pytest.raises((Denied, NotFound)):
            act()
    assert rows() == before


def test_nobody_gives_more_than_he_has(cast: Any) -> None:
    for action in ("view", "create", "change"):
        RoleRight.objects.create(role=cast.role, entity="core.role", action=action, scope="all")
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="phone", level="masked")
    bump("rights")
    alice = cast.actor(cast.alice_user)
    for draft in (
        RoleDraft("neu", rights={("fakes.gadget", "view"): ("department_below", ())}),
        RoleDraft("neu", rights={("fakes.gadget", "change"): ("department", ())}),
        RoleDraft("neu", rights={("core.user", "change"): ("all", ())}),
        RoleDraft("neu", fields={("fakes.gadget", "phone"): "read"}),
        RoleDraft("neu", rights={("fakes.gadget", "view"): ("department", ())}),  # says nothing of the phone: in full
        RoleDraft("neu", features=("exports",)),
        RoleDraft("neu", all_rights=True),
    ):
        before = rows()
        with pytest.raises(Denied) as caught:
            role_save(alice, None, draft)
        assert caught.value.code == "role.more_than_own"
        assert rows() == before
    masked = {("fakes.gadget", "phone"): "masked"}
    given = RoleDraft("neu", rights={("fakes.gadget", "view"): ("department", ())}, fields=masked)
    assert role_save(alice, None, given).rights.count() == 1
    with pytest.raises(Denied):
        role_save(alice, Role.objects.get(key="administrator"), RoleDraft("Root"))


def test_old_version_and_last_administrator(cast: Any) -> None:
    administrator = Role.objects.get(key="administrator")
    with pytest.raises(RuleBroken) as caught:
        role_save(cast.root, administrator, replace(role_draft(administrator), all_rights=False))
    assert caught.value.code == "role.last_administrator"
    with pytest.raises(Conflict):
        role_save(cast.root, cast.role, role_draft(cast.role), version=cast.role.version + 1)
    with pytest.raises(RuleBroken) as caught:
        role_delete(cast.root, cast.role)
    assert caught.value.details == {"holders": 3}
    assert Role.objects.filter(pk=cast.role.pk).exists()


# -- the preview is the truth ------------------------------------------------------------------------------------------------


@pytest.fixture
def stock(cast: Any, make: Any) -> None:
    """Alice owns three gadgets with four parts, Bob two, Charlie one; one of Alice's lies in the trash."""
    mine = [make("fakes.gadget") for _n in range(3)]
    for gadget in (mine[0], mine[0], mine[1], mine[1]):
        values = {"name": "Part", "gadget": gadget.pk, "owner": cast.alice_user.pk}
        records.create(cast.root, "fakes.part", values, trusted=True)
    for _n in range(2):
        make("fakes.gadget", by=cast.bob_user)
    make("fakes.gadget", by=cast.charlie_user)
    gone = make("fakes.gadget")
    Gadget.everything.filter(pk=gone.pk).update(deleted_at="2026-01-01T00:00Z")


def seen(cast: Any, model: Any, action: str = "view") -> dict[str, set[int]]:
    users = {"alice": cast.alice_user, "bob": cast.bob_user, "charlie": cast.charlie_user}
    return {
        name: set(access.visible(model.objects.all(), cast.actor(user), action).values_list("pk", flat=True))
        for name, user in users.items()
    }


@pytest.mark.parametrize(
    ("right", "scope"),
    [
        (("fakes.gadget", "view"), "all"),
        (("fakes.gadget", "view"), "own"),
        (("fakes.gadget", "view"), ""),
        (("fakes.gadget", "change"), "department"),
        (("fakes.gadget", "delete"), "chosen"),
        (("fakes.part", "view"), "own"),
    ],
)
def test_preview_numbers_are_the_actual_ones(cast: Any, stock: None, right: tuple[str, str], scope: str) -> None:
    draft = role_draft(cast.role)
    rights = {**draft.rights}
    rights.pop(right)
    if scope:
        rights[right] = (scope, (cast.east.pk,) if scope == "chosen" else ())
    proposed = replace(draft, rights=rights)
    model = Gadget if right[0] == "fakes.gadget" else Part
    preview = role_preview(cast.root, cast.role, proposed)
    before = seen(cast, model, right[1])
    assert role_draft(Role.objects.get(pk=cast.role.pk)) == draft
    role_save(cast.root, cast.role, proposed)
    after = seen(cast, model, right[1])
    gained = sum(len(after[name] - before[name]) for name in before)
    lost = sum(len(before[name] - after[name]) for name in before)
    touched = sum(1 for name in before if before[name] != after[name])
    assert gained + lost > 0
    assert preview.holders == 3
    line = next(one for one in preview.records if (one.entity.key, one.action) == right)
    assert (line.gained, line.lost, line.holders) == (gained, lost, touched)
    assert {(one.entity.key, one.action) for one in preview.records} == {right}


def test_preview_of_exact_numbers(cast: Any, stock: None) -> None:
    draft = role_draft(cast.role)
    proposed = replace(draft, rights={**draft.rights, ("fakes.gadget", "view"): ("all", ())})
    (line,) = role_preview(cast.root, cast.role, proposed).records
    assert (line.holders, line.gained, line.lost) == (3, 1 + 1 + 5, 0)


def test_preview_knows_other_roles_and_nobody_inactive(cast: Any, stock: None) -> None:
    other = Role.objects.create(key="other", name="另一个")
    RoleRight.objects.create(role=other, entity="fakes.gadget", action="view", scope="all")
    cast.alice_user.roles.add(other)
    User.objects.filter(pk=cast.charlie_user.pk).update(is_active=False)
    bump("rights")
    draft = role_draft(cast.role)
    proposed = replace(draft, rights={**draft.rights, ("fakes.gadget", "view"): ("all", ())})
    preview = role_preview(cast.root, cast.role, proposed)
    assert preview.holders == 2
    assert [(line.action, line.holders, line.gained) for line in preview.records] == [("view", 1, 1)]
    assert role_preview(cast.root, cast.role, draft).empty


def test_preview_of_fields(cast: Any) -> None:
    proposed = replace(role_draft(cast.role), fields={("fakes.gadget", "phone"): "hidden"})
    preview = role_preview(cast.root, cast.role, proposed)
    assert [(one.field, one.before, one.after, one.holders) for one in preview.fields] == [
        ("phone", "write", "hidden", 3)
    ]


# -- what a user can do --------------------------------------------------------------------------------------------------------


def test_effective_rights_name_their_roles(cast: Any) -> None:
    other = Role.objects.create(key="other", name="另一个", name_en="Other", features=["exports"])
    RoleRight.objects.create(
        role=other, entity="fakes.gadget", action="view", scope="chosen", departments=[cast.east.pk]
    )
    RoleField.objects.create(role=other, entity="fakes.gadget", field="note", level="read")
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="note", level="masked")
    cast.alice_user.roles.add(other)
    bump("rights")
    rights = effective_rights(cast.actor(cast.alice_user), cast.alice_user)
    gadget = next(one for one in rights.entities if one.entity.key == "fakes.gadget")
    lines = {line.action: line for line in gadget.actions}
    assert (lines["view"].scope, [one.role for one in lines["view"].given]) == ("chosen", ["另一个", "演员"])
    assert "华东销售部" in lines["view"].text
    assert (lines["change"].scope, lines["change"].given[0].role) == ("own", "演员")
    fields = {line.name: line.level for line in gadget.fields}
    assert fields == {"note": "read", "secret": "masked"}
    assert rights.features == ("exports",)
    people = next(one for one in rights.entities if one.entity.key == "core.user")
    assert {line.action: line.scope for line in people.actions}["view"] == "public"
    assert {line.action: line.scope for line in people.actions}["change"] == ""


def test_effective_rights_agree_with_access(cast: Any) -> None:
    for user in (cast.alice_user, cast.dave_user, cast.root_user):
        actor = cast.actor(user)
        for one in effective_rights(actor, user).entities:
            for line in one.actions:
                assert bool(line.scope) == access.allowed(actor, line.action, one.entity), (
                    user,
                    one.entity.key,
                    line.action,
                )
            levels = {line.name: line.level for line in one.fields}
            for name, level in levels.items():
                assert access.field_level(actor, one.entity, name) == level


def test_rights_of_others_are_for_administrators(cast: Any) -> None:
    with pytest.raises(Denied):
        effective_rights(cast.alice, cast.bob_user)
    assert effective_rights(cast.root, cast.bob_user).user == cast.bob_user


# -- pages -----------------------------------------------------------------------------------------------------------------


def form(draft: RoleDraft, **more: Any) -> dict[str, Any]:
    rights = {f"right:{entity}:{action}": scope for (entity, action), (scope, _chosen) in draft.rights.items()}
    chosen = {
        f"in:{entity}:{action}": list(chosen) for (entity, action), (_scope, chosen) in draft.rights.items() if chosen
    }
    fields = {f"field:{entity}:{name}": level for (entity, name), level in draft.fields.items()}
    return {
        "name": draft.name,
        "name_en": draft.name_en,
        "description": draft.description,
        **rights,
        **chosen,
        **fields,
        **more,
    }


def test_matrix_sent_back_unchanged_changes_nothing(signed_in: Any, cast: Any) -> None:
    draft = role_draft(cast.role)
    client = signed_in(cast.root_user)
    answer = client.post(f"/people/roles/{cast.role.pk}/", form(draft, version=cast.role.version))
    assert answer.status_code == 303
    assert role_draft(Role.objects.get(pk=cast.role.pk)) == draft
    stale = client.post(f"/people/roles/{cast.role.pk}/", form(draft, version=cast.role.version))
    assert stale.status_code == 409


def test_preview_page_says_the_numbers(signed_in: Any, cast: Any, stock: None) -> None:
    draft = role_draft(cast.role)
    proposed = replace(draft, rights={**draft.rights, ("fakes.gadget", "view"): ("all", ())})
    page = signed_in(cast.root_user).post(f"/people/roles/{cast.role.pk}/preview/", form(proposed)).content.decode()
    assert "+7" in page
    assert role_draft(Role.objects.get(pk=cast.role.pk)) == draft


def test_copy_save_and_delete(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.root_user)
    page = client.get(f"/people/roles/new/?copy={cast.role.pk}").content.decode()
    assert "演员 (copy)" in page or "演员（副本）" in page
    bad = client.post("/people/roles/new/", form(replace(role_draft(cast.role), name="")))
    assert bad.status_code == 422
    client.post("/people/roles/new/", form(replace(role_draft(cast.role), name="替身")))
    made = Role.objects.get(name="替身")
    assert role_draft(made).rights == role_draft(cast.role).rights
    assert client.post(f"/people/roles/{cast.role.pk}/delete/").status_code == 409
    assert client.post(f"/people/roles/{made.pk}/delete/").status_code == 303
    assert not Role.objects.filter(pk=made.pk).exists()
