"""A replica answers what may be a moment old; one's own writes, rights and everything else come from the primary.

The replica is the same database seen by a second, read-only connection: what the test's transaction made is not there yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection, connections

from guanxi.core.access import actors
from guanxi.core.models import Role, replica, stamps
from guanxi.core.web.replicas import COOKIE
from tests.factories.cast import Cast
from tests.signing import browser


@pytest.fixture
def standby(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A replica that has reached place 100 of the primary's 100; the test may say otherwise."""
    told = {"reached": "0/64", "written": "0/64", "standby": True}

    def asked(own: Any, sql: str) -> Any:
        if own.settings_dict is connections["replica"].settings_dict:
            if told["standby"] is None:
                raise DatabaseError("connection refused")
            return told["reached"], told["standby"]
        return (told["written"],)

    options = {"options": "-c default_transaction_read_only=on"}
    monkeypatch.setitem(settings.DATABASES, "replica", {**settings.DATABASES["default"], "OPTIONS": options})
    monkeypatch.setattr(replica, "_asked", asked)
    connections["replica"].connect()
    replica.forget()
    yield told
    connections["replica"].close()
    del connections["replica"]
    replica.forget()


def _names(client: Any) -> bool:
    answer = client.get("/customers/")
    assert answer.status_code == 200
    return "江南纺织" in answer.content.decode()


def test_lists_read_the_replica_and_ones_own_writes_the_primary(cast: Cast, make: Any, standby: dict[str, Any]) -> None:
    make("customers.customer", name="江南纺织", owner=cast.alice_user)
    client = browser(cast.alice_user)
    assert not _names(client)  # made in this transaction: the replica has not got it
    standby["written"] = "0/65"
    answer = client.post("/preferences/", {"key": "theme", "value": "dark"})
    assert answer.cookies[COOKIE].value == "0/65"
    assert _names(client)
    standby["reached"] = "0/65"
    assert not _names(client)


def test_a_record_is_never_old(cast: Cast, make: Any, standby: dict[str, Any]) -> None:
    customer = make("customers.customer", name="江南纺织", owner=cast.alice_user)
    assert standby["reached"]
    answer = browser(cast.alice_user).get(f"/customers/{customer.pk}/")
    assert "江南纺织" in answer.content.decode()


def test_a_replica_that_is_away_promoted_or_behind_is_left_alone(
    cast: Cast, make: Any, standby: dict[str, Any]
) -> None:
    make("customers.customer", name="江南纺织", owner=cast.alice_user)
    client = browser(cast.alice_user)
    for standing, reason in ((None, "connection refused"), (False, "no replica"), (True, "")):
        replica.forget()
        standby["standby"] = standing
        standby["reached"] = "0/60" if standing else "0/64"
        assert _names(client)
        found = replica.standing()
        assert not found.used
        assert reason in found.reason
    replica.forget()
    connections["replica"].connect()
    standby["reached"] = "0/64"
    assert not _names(client)


def test_a_view_that_writes_there_is_made_again_on_the_primary(
    cast: Cast, make: Any, standby: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make("customers.customer", name="江南纺织", owner=cast.alice_user)
    client = browser(cast.alice_user)
    assert standby["standby"]
    from guanxi.core.web.lists import views  # noqa: PLC0415 - patched here

    usual = views.draw

    def draw(*arguments: Any, **how: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE core_user SET name = name WHERE id = 0")
        return usual(*arguments, **how)

    monkeypatch.setattr(views, "draw", draw)
    assert _names(client)
    assert not replica.usable()


def test_a_question_that_takes_too_long_is_asked_once_and_the_replica_stays_in_use(
    cast: Cast, standby: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from guanxi.core.web.lists import views  # noqa: PLC0415 - patched here

    asked: list[bool] = []

    def draw(*_arguments: Any, **_how: Any) -> Any:
        asked.append(replica.usable())
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 20")
            try:
                cursor.execute("SELECT pg_sleep(5)")
            finally:
                cursor.execute("SET statement_timeout = 0")

    monkeypatch.setattr(views, "draw", draw)
    client = browser(cast.alice_user)
    answer = client.get("/customers/", headers={"accept-language": "en"})
    assert (answer.status_code, asked) == (503, [True])
    assert "took too long" in answer.content.decode()
    assert replica.usable()
    with monkeypatch.context() as given:
        given.setattr(replica, "usable", lambda _after="": False)
        given.setattr(views, "draw", lambda *_a, **_h: _slow())
        primary = client.get("/customers/", headers={"accept-language": "en"})
    assert (primary.status_code, "took too long" in primary.content.decode()) == (503, True)


def _slow() -> None:
    cause = psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
    raise OperationalError(str(cause)) from cause


def test_what_is_kept_under_stamps_is_made_on_the_primary(cast: Cast, standby: dict[str, Any]) -> None:
    assert standby["standby"]
    made = stamps.kept("role")(lambda: Role.objects.filter(key="only-here").exists())
    Role.objects.create(key="only-here", name="x")
    with replica.reading():
        assert not Role.objects.filter(key="only-here").exists()
        assert made()
        assert actors.load(cast.alice_user, via="web").user_id == cast.alice_user.pk
    assert Role.objects.filter(key="only-here").exists()


def test_places_of_the_journal_are_numbers() -> None:
    assert replica.place_of("1/0") == 2**32
    assert replica.place_of("A/10") == 10 * 2**32 + 16
    assert [replica.place_of(text) for text in ("", "x", "/", "1/", "1/x", "9" * 20 + "/1")] == [-1] * 6
