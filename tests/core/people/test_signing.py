"""Signing in: who gets in, how often one may try, what ends a session."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import TooMany
from guanxi.core.models import AccessEntry, RateWindow, User
from guanxi.core.people import passwords, throttle
from tests.core.people.conftest import LOGIN, PASSWORD, attempt, password_of

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)


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


def test_htmx_gets_401_and_keeps_its_page(cast: Any) -> None:
    answer = Client(headers={"HX-Request": "true"}).get("/account/")
    assert (answer.status_code, answer.content) == (401, b"")


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
