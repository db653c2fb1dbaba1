"""What ends a session, and what goes with it."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from guanxi.core.automation import outbound, push
from guanxi.core.models import AccessEntry, PushDevice, User
from guanxi.core.people import sessions, signin, users
from tests.core.people.conftest import PASSWORD, attempt


def shift(client: Client, **seconds: int) -> None:
    """Move times in the session into the past."""
    session = client.session
    for name, value in seconds.items():
        session[name] -= value
    session.save()


def test_idle_for_eight_hours(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.alice_user)
    shift(client, gx_seen=8 * 3600 - 5)
    assert client.get("/account/").status_code == 200
    shift(client, gx_seen=8 * 3600 + 5)
    answer = client.get("/account/rights/")
    assert answer.headers["Location"] == "/account/login/?next=%2Faccount%2Frights%2F&ended=idle"
    assert (
        "nothing happened for eight hours" in client.get(answer.headers["Location"] + "&language=en").content.decode()
    )
    assert not Session.objects.exists()
    assert AccessEntry.objects.filter(sort="session_ended", details__reason="idle").count() == 1


def test_two_weeks_are_the_end(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.alice_user)
    shift(client, gx_started=signin.ABSOLUTE_SECONDS + 5)
    assert client.get("/account/").headers["Location"].endswith("ended=absolute")
    assert settings.SESSION_COOKIE_AGE == signin.ABSOLUTE_SECONDS


def test_deactivation_ends_two_sessions_at_once(signed_in: Any, cast: Any) -> None:
    first, second = signed_in(cast.alice_user), Client()
    attempt(second, "alice", PASSWORD)
    other = signed_in(cast.bob_user)
    users.user_deactivate(cast.root, cast.alice_user)
    assert [client.get("/account/").status_code for client in (first, second, other)] == [302, 302, 200]
    users.user_reactivate(cast.root, cast.alice_user)
    assert [client.get("/account/").status_code for client in (first, second)] == [302, 302]
    assert attempt(Client(), "alice", PASSWORD).status_code == 302


def test_password_change_ends_all_but_the_own_session(signed_in: Any, cast: Any) -> None:
    mine, other = signed_in(cast.alice_user), Client()
    attempt(other, "alice", PASSWORD)
    new = "一二三四五上山打老虎"
    answer = mine.post("/account/password/change/", {"old": PASSWORD, "password": new, "again": new})
    assert answer.status_code == 303
    assert mine.get("/account/security/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert mine.get("/account/security/").content.decode().count("/end/") == 1
    assert attempt(Client(), "alice", PASSWORD).status_code == 422
    assert attempt(Client(), "alice", new).status_code == 302


def devices_of(user: User, count: int = 2) -> list[PushDevice]:
    return [
        PushDevice.objects.create(user=user, endpoint=f"https://push.example/{user.pk}/{n}", key="k", secret="s")
        for n in range(count)
    ]


def test_devices_are_told_no_more_after_what_ends_sessions(signed_in: Any, cast: Any) -> None:
    client, user = signed_in(cast.alice_user), cast.alice_user
    others = devices_of(cast.bob_user, 1)
    new = "一二三四五上山打老虎"
    for end in (
        lambda: client.post("/account/sessions/end/"),
        lambda: client.post("/account/password/change/", {"old": PASSWORD, "password": new, "again": new}),
        lambda: sessions.sessions_end(cast.root, user),
        lambda: users.second_factor_reset(cast.root, user),
        lambda: users.user_deactivate(cast.root, user),
    ):
        devices_of(user)
        end()
        assert list(PushDevice.objects.all()) == others


def test_signing_out_forgets_this_browser_s_device(signed_in: Any, cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "check_address", lambda _address: None)
    point = (
        ec.generate_private_key(push.CURVE)
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    form = {"endpoint": "https://push.example/this", "key": push.coded(point), "secret": push.coded(bytes(16))}
    client, page = signed_in(cast.alice_user), "/account/notifications/"
    elsewhere, (other,) = devices_of(cast.alice_user), devices_of(cast.bob_user, 1)
    assert "data-push-known" not in client.get(page).content.decode()
    assert client.post(f"{page}device/", form).json() == {"on": True}
    assert "data-push-known" in client.get(page).content.decode()
    client.post("/account/logout/")
    assert set(PushDevice.objects.all()) == {*elsewhere, other}
    for said in (str(other.pk), "9" * 30, "²", ""):
        client = signed_in(cast.alice_user)
        client.cookies[push.COOKIE] = said
        client.post("/account/logout/")
    assert set(PushDevice.objects.all()) == {*elsewhere, other}


def test_role_change_counts_at_the_next_request_in_every_session(signed_in: Any, cast: Any) -> None:
    first, second = signed_in(cast.dave_user), Client()
    attempt(second, "dave", PASSWORD)
    assert [client.get("/people/log/").status_code for client in (first, second)] == [403, 403]
    users.user_roles_set(cast.root, cast.dave_user, cast.root_user.roles.all())
    assert [client.get("/people/log/").status_code for client in (first, second)] == [200, 200]
    users.user_roles_set(cast.root, cast.dave_user, [])
    assert [client.get("/people/log/").status_code for client in (first, second)] == [403, 403]


def test_ending_one_session_leaves_the_other(signed_in: Any, cast: Any) -> None:
    first, second = signed_in(cast.alice_user), Client()
    attempt(second, "alice", PASSWORD)
    mine = sessions.sessions_of(cast.alice, cast.alice_user, current_key=second.session.session_key)
    assert [one.current for one in mine].count(True) == 1
    target = next(one for one in mine if not one.current)
    assert second.post(f"/account/sessions/{target.id}/end/").status_code == 303
    assert [client.get("/account/").status_code for client in (first, second)] == [302, 200]


def test_sessions_of_others_are_not_mine_to_end(signed_in: Any, cast: Any) -> None:
    alice, bob = signed_in(cast.alice_user), signed_in(cast.bob_user)
    session = sessions.sessions_of(cast.alice, cast.alice_user)[0]
    assert bob.post(f"/account/sessions/{session.id}/end/").status_code == 404
    assert bob.post(f"/people/users/{cast.alice_user.pk}/sessions/end/").status_code == 403
    assert alice.get("/account/").status_code == 200
    assert signed_in(cast.root_user).post(f"/people/users/{cast.alice_user.pk}/sessions/end/").status_code == 303
    assert alice.get("/account/").status_code == 302
