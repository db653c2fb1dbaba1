"""Every page about people opens in both languages, for those who may, and for nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

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
    "/users/{alice}/why/",
    "/users/{alice}/why/?user={bob}",
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
    expected = {"/users/{alice}/why/": 200, "/users/{alice}/why/?user={bob}": 404, "/people/roles/{role}/": 404}
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
