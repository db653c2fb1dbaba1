"""Every page about people opens in both languages, for those who may, and for nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from guanxi.core.automation import channels
from guanxi.core.models import Role, User
from guanxi.core.people.rights import role_description

OWN = [
    "/account/",
    "/account/security/",
    "/account/password/change/",
    "/account/tokens/",
    "/account/notifications/",
    "/account/rights/",
    "/account/logout/",
]
ADMIN = [
    "/people/users/{alice}/",
    "/people/users/{alice}/rights/",
    "/people/users/{alice}/open/",
    "/people/departments/",
    "/people/roles/",
    "/people/roles/new/",
    "/people/roles/{role}/",
    "/people/tokens/",
    "/people/log/",
    "/users/{alice}/why/all/",
    "/users/{alice}/why/all/?user={bob}",
]
GUEST = ["/account/login/", "/account/password/reset/", "/account/link/nothing/", "/account/inactive/"]


def filled(address: str, cast: Any) -> str:
    return address.format(alice=cast.alice_user.pk, bob=cast.bob_user.pk, role=cast.role.pk)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("address", OWN)
def test_own_pages(signed_in: Any, cast: Any, address: str, language: str) -> None:
    answer = signed_in(cast.dave_user, language).get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == ("zh-Hans" if language == "zh-hans" else "en")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("address", ADMIN)
def test_administration(signed_in: Any, cast: Any, address: str, language: str) -> None:
    assert signed_in(cast.root_user, language).get(filled(address, cast)).status_code == 200


@pytest.mark.parametrize("address", [one for one in ADMIN if "departments" not in one])
def test_administration_is_for_administrators(signed_in: Any, cast: Any, address: str) -> None:
    answer = signed_in(cast.dave_user).get(filled(address, cast))
    expected = {"/users/{alice}/why/all/": 200, "/users/{alice}/why/all/?user={bob}": 404, "/people/roles/{role}/": 404}
    assert answer.status_code == expected.get(address, 403)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("address", GUEST)
def test_pages_for_guests(db: None, address: str, language: str) -> None:
    answer = Client().get(address, {"language": language})
    assert answer.status_code == {"/account/link/nothing/": 404, "/account/inactive/": 403}.get(address, 200)


@pytest.mark.parametrize("address", [*OWN[:-1], *ADMIN])
def test_guests_are_asked_to_sign_in(cast: Any, address: str) -> None:
    wanted = filled(address, cast)
    answer = Client().get(wanted)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/account/login/?next=")


def test_notifications_are_chosen_per_sort(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.alice_user)
    form = {f"mail.{key}": "off" for key in channels.SORTS} | {"web.mention": "1", "mail.mention": "now"}
    assert client.post("/account/notifications/", form).status_code == 303
    user = User.objects.get(pk=cast.alice_user.pk)
    assert channels.ways(user, "mention") == channels.Ways(web=True, mail="now")
    assert channels.ways(user, "assigned") == channels.Ways(web=False, mail="off")
    assert client.post("/account/notifications/", {**form, "mail.mention": "pigeon"}).status_code == 422
    assert channels.ways(User.objects.get(pk=user.pk), "mention").mail == "now"


def test_profile_keeps_what_was_chosen(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.alice_user)
    form = {
        "language": "zh-hans",
        "timezone": "Asia/Tokyo",
        "theme": "dark",
        "density": "compact",
        "keys": "off",
        "week": "7",
    }
    assert client.post("/account/", form).status_code == 303
    user = User.objects.get(pk=cast.alice_user.pk)
    assert (user.language, user.timezone, user.theme) == ("zh-hans", "Asia/Tokyo", "dark")
    assert (user.preferences["density"], user.preferences["keys"]) == ("compact", "off")
    for bad in (
        {"week": "3"},
        {"timezone": "Mars/Olympus"},
        {"language": "tlh"},
        {"density": "tiny"},
        {"theme": "neon"},
    ):
        assert client.post("/account/", {**form, "language": "en", **bad}).status_code == 422
        assert User.objects.get(pk=user.pk).language == "zh-hans"


def test_user_and_role_pages_lead_to_administration(signed_in: Any, cast: Any) -> None:
    root = signed_in(cast.root_user)
    assert f"/people/users/{cast.alice_user.pk}/" in root.get(f"/users/{cast.alice_user.pk}/").content.decode()
    assert f"/people/roles/{cast.role.pk}/" in root.get(f"/roles/{cast.role.pk}/").content.decode()
    page = signed_in(cast.bob_user).get(f"/users/{cast.alice_user.pk}/").content.decode()
    assert "/people/users/" not in page
    assert "演员" not in page


def test_actions_of_a_user_are_for_administrators(signed_in: Any, cast: Any) -> None:
    address = f"/people/users/{cast.alice_user.pk}/"
    roles = [cast.role.pk]
    for form in (
        {"do": "deactivate"},
        {"do": "link"},
        {"do": "invite"},
        {"do": "factor"},
        {"do": "roles", "roles": roles},
    ):
        before = User.objects.filter(pk=cast.alice_user.pk).values().get()
        assert signed_in(cast.bob_user).post(address, form).status_code == 403
        assert User.objects.filter(pk=cast.alice_user.pk).values().get() == before
    root = signed_in(cast.root_user)
    page = root.post(address, {"do": "link"}).content.decode()
    assert "/account/link/" in page
    assert root.post(address, {"do": "roles", "roles": []}).status_code == 303
    assert not cast.alice_user.roles.exists()
    assert root.post(address, {"do": "deactivate"}).status_code == 303
    assert not User.objects.get(pk=cast.alice_user.pk).is_active
    assert root.post(address, {"do": "link"}).status_code == 422
    assert root.post(address, {"do": "reactivate"}).status_code == 303
    assert User.objects.get(pk=cast.alice_user.pk).is_active
    assert root.post(f"/people/users/{cast.root_user.pk}/", {"do": "deactivate"}).status_code == 409


def test_access_log_filters(signed_in: Any, cast: Any) -> None:
    Client().post("/account/login/", {"login": "mallory", "password": "x"}, REMOTE_ADDR="10.9.8.7")
    root = signed_in(cast.root_user)
    everything = root.get("/people/log/").content.decode()
    assert "mallory" in everything
    assert "10.9.8.7" in everything
    for query in ("?sort=sign_in", "?person=nobody-like-this", "?address=192.168.", "?day=2001-01-01", "?before=1"):
        assert "mallory" not in root.get(f"/people/log/{query}").content.decode(), query
    for query in ("?sort=sign_in_failed", "?person=MALLORY", "?address=10.9.", "?day=nonsense"):
        assert "mallory" in root.get(f"/people/log/{query}").content.decode(), query


def test_the_matrix_names_every_scope(signed_in: Any, cast: Any) -> None:
    cast.role.rights.update_or_create(entity="customers.customer", action="import", defaults={"scope": "own"})
    page = signed_in(cast.root_user, "en").get(f"/people/roles/{cast.role.pk}/").content.decode()
    assert '<option value="own" selected>own records</option>' in page.lower()
    assert '<option value="own" selected>own</option>' not in page


def test_the_description_of_a_default_role_is_read_and_kept_in_both_languages(signed_in: Any, cast: Any) -> None:
    role = next(one for one in Role.objects.exclude(description="") if not one.all_rights)
    written = role.description
    page, address = signed_in(cast.root_user, "zh-hans"), f"/people/roles/{role.pk}/"
    with translation.override("zh-hans"):
        shown = role_description(role)
    assert shown != written
    assert f'value="{shown}"' in page.get(address).content.decode()
    sent = {"name": role.name, "description": shown, "version": role.version}
    page.post(address, sent)
    assert Role.objects.get(pk=role.pk).description == written
    sent["version"] = Role.objects.get(pk=role.pk).version
    page.post(address, {**sent, "description": "另一句"})
    assert Role.objects.get(pk=role.pk).description == "另一句"
