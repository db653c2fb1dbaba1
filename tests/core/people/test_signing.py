"""Signing in: who gets in, how often one may try, what ends a session."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.test import Client

from guanxi.core.automation import outbound, push
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import TooMany
from guanxi.core.models import AccessEntry, PushDevice, RateWindow, User
from guanxi.core.people import passwords, sessions, signin, throttle, users
from tests.core.people.conftest import PASSWORD, password_of

LOGIN = "/account/login/"
NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)


def attempt(client: Client, login: str, password: str = "wrong", **headers: Any) -> Any:  # noqa: S107 - meant to be wrong
    return client.post(LOGIN, {"login": login, "password": password}, **headers)


@pytest.mark.parametrize("login", ["alice", "ALICE", "Alice@Guanxi.Example", " alice ", "ａｌｉｃｅ"])
def test_name_or_mail_whatever_the_case(cast: Any, login: str) -> None:
    password_of(cast.alice_user)
    client = Client()
    assert attempt(client, login, PASSWORD).headers["Location"] == "/"
    assert client.get("/account/").status_code == 200


@pytest.mark.parametrize(
    ("login", "password"),
    [("alice", "wrong"), ("nobody", PASSWORD), ("alice", ""), ("", PASSWORD), ("al\x00ice", PASSWORD)],
)
def test_wrong_credentials_are_refused_alike(cast: Any, login: str, password: str) -> None:
    password_of(cast.alice_user)
    client = Client(headers={"Accept-Language": "en"})
    answer = attempt(client, login, password)
    assert answer.status_code == 422
    assert "sessionid" not in answer.cookies
    assert client.get("/account/").status_code == 302
    if login and password and "\x00" not in login:
        assert "The name or the password is not right." in answer.content.decode()


def test_inactive_user_is_refused_like_a_wrong_password(cast: Any) -> None:
    password_of(cast.alice_user)
    User.objects.filter(pk=cast.alice_user.pk).update(is_active=False)
    answer = attempt(Client(headers={"Accept-Language": "en"}), "alice", PASSWORD)
    assert answer.status_code == 422
    assert "The name or the password is not right." in answer.content.decode()


def test_user_in_the_trash_is_refused(cast: Any) -> None:
    password_of(cast.alice_user)
    User.objects.filter(pk=cast.alice_user.pk).update(deleted_at=clock.now())
    assert attempt(Client(), "alice", PASSWORD).status_code == 422


def test_mail_of_two_people_signs_nobody_in(cast: Any) -> None:
    password_of(cast.alice_user)
    User.objects.filter(pk=cast.bob_user.pk).update(email="alice@guanxi.example")
    assert authenticate(None, username="alice@guanxi.example", password=PASSWORD) is None
    assert authenticate(None, username="alice", password=PASSWORD) == cast.alice_user


@pytest.mark.parametrize("login", ["alice", "nobody", "dave"])
def test_every_answer_costs_one_hash(cast: Any, monkeypatch: pytest.MonkeyPatch, login: str) -> None:
    password_of(cast.alice_user)
    cast.dave_user.set_unusable_password()
    cast.dave_user.save()
    count = []

    def noted(*arguments: Any, **named: Any) -> Any:
        count.append(1)
        return turn(*arguments, **named)

    turn = passwords._turn
    monkeypatch.setattr(passwords, "_turn", noted)
    assert authenticate(None, username=login, password="wrong") is None
    assert len(count) == 1


def test_sign_in_failure_and_sign_out_are_noted(cast: Any) -> None:
    password_of(cast.alice_user)
    client = Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/130.0"})
    attempt(client, "alice")
    attempt(client, "alice", PASSWORD)
    left = client.post("/account/logout/")
    assert left.headers["Clear-Site-Data"] == '"cache"', "the browser forgets the pages behind its back button"
    noted = list(AccessEntry.objects.order_by("id").values_list("sort", "actor_id", "address"))
    assert noted == [
        ("sign_in_failed", cast.alice_user.pk, "127.0.0.1"),
        ("sign_in", cast.alice_user.pk, "127.0.0.1"),
        ("sign_out", cast.alice_user.pk, "127.0.0.1"),
    ]
    assert client.get("/account/").status_code == 302


def test_nobody_signs_himself_up(db: None) -> None:
    assert Client().get("/account/signup/").status_code == 404


def test_next_leads_back_but_never_out_of_the_house(cast: Any) -> None:
    password_of(cast.alice_user)
    assert (
        Client()
        .post(f"{LOGIN}?next=/account/rights/", {"login": "alice", "password": PASSWORD, "next": "/account/rights/"})
        .headers["Location"]
        == "/account/rights/"
    )
    answer = Client().post(LOGIN, {"login": "alice", "password": PASSWORD, "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/"


# -- limits --------------------------------------------------------------------------------------------------------------


def test_five_failures_then_the_account_waits_longer_each_time(cast: Any) -> None:
    password_of(cast.alice_user)
    client = Client(headers={"Accept-Language": "en"})
    with clock.moved_to(NOON):
        assert [attempt(client, "alice").status_code for _n in range(5)] == [422] * 5
        answer = attempt(client, "alice", PASSWORD)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
        assert "Too many failed attempts. Try again in 60 seconds." in answer.content.decode()
        assert attempt(client, "alıce", PASSWORD).status_code == 429  # found as alice
    with clock.moved_to(NOON + dt.timedelta(seconds=59)):
        assert attempt(client, "alice", PASSWORD).headers["Retry-After"] == "1"
    with clock.moved_to(NOON + dt.timedelta(seconds=60)):
        assert attempt(client, "alice").status_code == 422
        answer = attempt(client, "alice", PASSWORD)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "120")
        assert "Try again in 2 minutes." in answer.content.decode()
    with clock.moved_to(NOON + dt.timedelta(seconds=180)):
        assert attempt(client, "alice", PASSWORD).status_code == 302
        assert not RateWindow.objects.filter(key__startswith="signin:account").exists()


def test_an_unknown_name_is_limited_just_the_same(cast: Any) -> None:
    with clock.moved_to(NOON):
        codes = [attempt(Client(), "Nobody").status_code for _n in range(6)]
        assert codes == [422] * 5 + [429]
        assert attempt(Client(), "nobody").status_code == 429


def test_the_limits_tell_of_no_name_whether_there_is_such_an_account(cast: Any) -> None:
    with clock.moved_to(NOON):
        for name, again in (("alice@guanxi.example", "alice"), ("nobody@guanxi.example", "nobody")):
            codes = [attempt(Client(), typed).status_code for typed in [name] * 6 + [again]]
            assert codes == [422] * 5 + [429, 422], name
        for name, again in (("bob", "BOB"), ("malice", "malıce")):
            codes = [attempt(Client(), typed, REMOTE_ADDR="10.0.0.9").status_code for typed in [name] * 5 + [again]]
            assert codes == [422] * 5 + [429], name


def test_failures_far_apart_do_not_add_up(cast: Any) -> None:
    for minute in range(8):
        with clock.moved_to(NOON + dt.timedelta(minutes=minute)):
            assert attempt(Client(), "alice").status_code == 422


def test_twenty_failures_a_minute_from_one_address(cast: Any) -> None:
    password_of(cast.alice_user)
    with clock.moved_to(NOON):
        for number in range(20):
            assert attempt(Client(), f"name{number}").status_code == 422
        assert attempt(Client(), "alice", PASSWORD).status_code == 429
        assert attempt(Client(), "alice", PASSWORD, REMOTE_ADDR="10.0.0.9").status_code == 302
    with clock.moved_to(NOON + dt.timedelta(seconds=60)):
        assert attempt(Client(), "alice", PASSWORD).status_code == 302


def test_success_does_not_count_against_the_address(cast: Any) -> None:
    password_of(cast.alice_user)
    with clock.moved_to(NOON):
        assert {attempt(Client(), "alice", PASSWORD).status_code for _n in range(25)} == {302}


def test_addresses_of_one_ipv6_customer_count_together() -> None:
    one, other = throttle.address_key("2001:db8:1:2::1"), throttle.address_key("2001:db8:1:2:ffff::9")
    assert one == other == "signin:address:2001:db8:1:2::"
    assert throttle.address_key("2001:db8:1:3::1") != one
    assert throttle.address_key("::ffff:10.0.0.1") == throttle.address_key("10.0.0.1") == "signin:address:10.0.0.1"


def test_back_off_doubles_up_to_a_quarter_of_an_hour() -> None:
    assert [throttle.back_off(count) for count in (0, 4, 5, 6, 7, 8, 9, 10, 500)] == [
        0,
        0,
        60,
        120,
        240,
        480,
        900,
        900,
        900,
    ]


def test_a_blocked_attempt_does_not_lengthen_the_wait(db: None) -> None:
    with clock.moved_to(NOON):
        for _n in range(5):
            throttle.attempt_take("k")
    with clock.moved_to(NOON + dt.timedelta(seconds=30)), pytest.raises(TooMany) as caught:
        throttle.attempt_take("k")
    assert caught.value.retry_after == 30
    row = RateWindow.objects.get(key="k")
    assert (row.used, row.window) == (5, int(NOON.timestamp()))


# -- what ends a session ---------------------------------------------------------------------------------------------------


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


def test_htmx_gets_401_and_keeps_its_page(cast: Any) -> None:
    answer = Client(headers={"HX-Request": "true"}).get("/account/")
    assert (answer.status_code, answer.content) == (401, b"")


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


def test_the_present_password_is_guessed_as_little_as_at_sign_in(signed_in: Any, cast: Any) -> None:
    new = "一二三四五上山打老虎"
    with clock.moved_to(NOON):
        client = signed_in(cast.alice_user)

        def change(old: str) -> Any:
            form = {"old": old, "password": new, "again": new}
            return client.post("/account/password/change/", form)

        assert [change("wrong").status_code for _n in range(5)] == [422] * 5
        refused = change(PASSWORD)
        assert refused.status_code == 429
        page = refused.content.decode()
        assert "Too many failed attempts" in page.partition('name="old"')[2].partition('name="password"')[0]
        assert attempt(Client(), "alice", PASSWORD).status_code == 429, "one counter with the sign-in"
        told = list(AccessEntry.objects.filter(details__reason="password").values_list("sort", "actor_id", "address"))
        wrong, throttled = ((sort, cast.alice_user.pk, "127.0.0.1") for sort in ("sign_in_failed", "sign_in_throttled"))
        assert sorted(told) == [wrong] * 5 + [throttled]
    log = signed_in(cast.root_user).get("/people/log/?sort=sign_in_throttled").content.decode()
    assert "Change password" in log
    with clock.moved_to(NOON + dt.timedelta(seconds=61)):
        assert change(PASSWORD).status_code == 303
        assert not RateWindow.objects.filter(key=throttle.account_key("alice")).exists()


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


# -- headers ---------------------------------------------------------------------------------------------------------------


def test_security_headers(db: None) -> None:
    headers = Client().get(LOGIN).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == policy["style-src"] == policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == "'none'"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "camera" not in headers["Permissions-Policy"]


def test_language_of_guests(db: None) -> None:
    english = "Sign in"
    assert english in Client().get(LOGIN, headers={"Accept-Language": "en-GB,zh;q=0.5"}).content.decode()
    client = Client()
    assert english in client.get(f"{LOGIN}?language=en").content.decode()
    assert client.cookies["guanxi_language"].value == "en"
    assert english in client.get(LOGIN).content.decode()
    assert client.get(LOGIN, {"language": "xx"}).headers["Content-Language"] == "en"
    assert Client().get(LOGIN).headers["Content-Language"] == "zh-Hans"
