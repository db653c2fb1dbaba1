"""Faults made by the real thing: many equal requests, writers at once, full disks, and a clock that jumps."""

from __future__ import annotations

import datetime as dt
import html
import os
import re
import subprocess
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.automation.rules import hearing, running
from guanxi.core.kernel import clock
from guanxi.core.models import AuditEntry, KeptAnswer
from guanxi.core.people import signin, tokens
from guanxi.core.records import bulk
from tests.at_once import at_once
from tests.core.automation.ruling import rule
from tests.core.exchange.bringing import bring, counts
from tests.runtime.helpers import let_through, small_disk

pytestmark = pytest.mark.django_db(transaction=True)
API, CUSTOMER = "/api/v1/customers/", "customers.customer"


@pytest.fixture
def bearer(cast: Any) -> str:
    _token, secret = tokens.token_create(cast.alice, cast.alice_user, name="many", scopes=("read", "write"))
    return f"Bearer {secret}"


def test_two_hundred_equal_requests_make_one_record_and_say_the_same(bearer: str) -> None:
    def send() -> list[Any]:
        one = Client(headers={"Authorization": bearer, "Idempotency-Key": "equal"})
        return [one.post(API, {"name": "同一份"}, content_type="application/json") for _time in range(10)]

    answers = list(chain.from_iterable(at_once(*[send] * 20)))
    assert [answer.status_code for answer in answers] == [201] * 200
    assert len({answer.content for answer in answers}) == 1
    assert Customer.objects.filter(name="同一份").count() == 1
    assert KeptAnswer.objects.count() == 1


def test_a_form_sent_two_hundred_times_at_once_makes_one_record(browse: Any) -> None:
    client = browse("alice")
    found = re.search(r'name="_token" value="([^"]+)"', client.get("/customers/new/").content.decode())
    assert found
    sent = {"_token": found[1], "name": "连点保存", "kind": "organisation"}

    def send() -> list[int]:
        one = Client()
        one.cookies = client.cookies
        return [one.post("/customers/new/", sent).status_code for _time in range(10)]

    assert list(chain.from_iterable(at_once(*[send] * 20))) == [303] * 200
    assert Customer.objects.filter(name="连点保存").count() == 1


ROUNDS = 6
#: What each way of writing leaves behind, by field.
LEFT = {
    "english_name": f"form {ROUNDS - 1}", "employees": ROUNDS, "short_name": f"api {ROUNDS - 1}",
    "former_names": f"bulk {ROUNDS - 1}", "lifecycle": "growing", "description": f"import {ROUNDS - 1}",
    "founded_year": 1900 + ROUNDS,
}  # fmt: skip


def _on_pages(alice: Client, one: Customer) -> list[Callable[[], None]]:
    """Form, cell and board, each in a browser of its own in which Alice is signed in."""

    def opened() -> Client:
        client = Client()
        client.cookies = alice.cookies
        return client

    def form() -> None:
        client = opened()
        for number in range(ROUNDS):
            page = client.get(f"/customers/{one.pk}/edit/").content.decode()
            held = dict(re.findall(r'name="(_version|_original|_token)" value="([^"]*)"', page))
            sent = {name: html.unescape(value) for name, value in held.items()} | {"english_name": f"form {number}"}
            assert client.post(f"/customers/{one.pk}/edit/", sent).status_code == 303

    def cell() -> None:
        client = opened()
        for number in range(ROUNDS):
            sent = {"employees": str(number + 1), "version": Customer.objects.get(pk=one.pk).version}
            assert client.post(f"/customers/{one.pk}/cell/employees/", sent).status_code == 200

    def board() -> None:
        client = opened()
        for number in range(ROUNDS):
            sent = {"to": ("developing", "growing")[number % 2], "version": Customer.objects.get(pk=one.pk).version}
            assert client.post(f"/customers/{one.pk}/move/", sent).status_code == 204

    return [form, cell, board]


def _without_pages(bearer: str, cast: Any, one: Customer) -> list[Callable[[], None]]:
    """API, bulk change, import and a rule."""
    older = rule(
        cast,
        {"do": "set", "values": {"founded_year": "=founded_year + 1"}},
        entity=CUSTOMER,
        trigger={"on": "button"},
    )

    def api() -> None:
        client = Client(headers={"Authorization": bearer})
        for number in range(ROUNDS):
            body = {"short_name": f"api {number}"}
            assert client.patch(f"{API}{one.pk}", body, content_type="application/json").status_code == 200

    def many() -> None:
        for number in range(ROUNDS):
            step = bulk.begin(cast.alice, "update", CUSTOMER, [one.pk], {"former_names": f"bulk {number}"})
            assert bulk.run(cast.alice, step).result["done"] == 1

    def sheet() -> None:
        for number in range(ROUNDS):
            run = bring(cast.root, f"名称,备注\n{one.name},import {number}\n", mode="update")
            assert counts(run) == (0, 1, 0, 0)

    def automation() -> None:
        for _number in range(ROUNDS):
            assert running.go(hearing.press(cast.alice, older.key, Customer.objects.get(pk=one.pk)).pk) == "done"

    return [api, many, sheet, automation]


def test_no_way_of_writing_loses_what_another_wrote(browse: Any, bearer: str, cast: Any, make: Any) -> None:
    """All ways write different fields of one record again and again at the same time."""
    one = make(CUSTOMER, founded_year=1900)
    at_once(*_on_pages(browse("alice"), one), *_without_pages(bearer, cast, one))
    assert Customer.objects.values(*LEFT).get(pk=one.pk) == LEFT
    entries = AuditEntry.objects.filter(entity="customers_customer", record_id=one.pk, action="update")
    for name in LEFT:
        assert entries.filter(changes__has_key=name).count() == ROUNDS, name


def test_a_full_disk_of_the_database_is_said_and_passes(bearer: str, cast: Any, tmp_path: Path) -> None:
    client = Client(headers={"Authorization": bearer, "Accept-Language": "en"})
    let_through(tmp_path)
    with small_disk(tmp_path / "small", "3m") as small, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        owner = Path(f"/proc/{cursor.fetchone()[0]}").stat()
        os.chown(small, owner.st_uid, owner.st_gid)
        small.chmod(0o700)
        cursor.execute("VACUUM FULL customers_customer")  # rows of other tests would fill it
        cursor.execute(f"CREATE TABLESPACE tiny LOCATION '{small}'")
        try:
            cursor.execute("ALTER TABLE customers_customer SET TABLESPACE tiny")
            one = records.create(cast.alice, "customers.customer", {"name": "满盘"})
            seen: list[int] = []
            for _time in range(400):
                body = {"description": os.urandom(9000).hex()}
                answer = client.patch(f"{API}{one.pk}", body, content_type="application/json")
                seen.append(answer.status_code)
                if answer.status_code != 200:
                    break
            assert (seen[0], answer.status_code) == (200, 503), answer.content
            assert answer.json()["code"] == "database.full"
            assert "disk is full" in answer.json()["title"]
            assert client.get(f"{API}{one.pk}").status_code == 200, "reading goes on"
            kept = client.get(f"{API}{one.pk}").json()["description"]
            subprocess.run(["mount", "-o", "remount,size=30m", str(small)], check=True)
            again = client.patch(f"{API}{one.pk}", body, content_type="application/json")
            assert (again.status_code, again.json()["description"]) == (200, body["description"]), "there is room again"
            assert kept != body["description"], "what was refused was not stored"
        finally:
            cursor.execute("ALTER TABLE customers_customer SET TABLESPACE pg_default")
            cursor.execute("DROP TABLESPACE tiny")


def test_a_clock_that_jumps_ends_no_session_early_and_lets_no_token_live_longer(browse: Any, cast: Any) -> None:
    now = clock.now()
    ends = now + dt.timedelta(hours=1)
    _token, secret = tokens.token_create(cast.alice, cast.alice_user, name="hour", expires_at=ends)
    alice = browse("alice")
    with clock.moved_to(now - dt.timedelta(hours=3)):
        assert alice.get("/account/").status_code == 200, "back: the session goes on"
        assert tokens.token_authenticate(secret) is not None
    with clock.moved_to(now + dt.timedelta(minutes=59)):
        assert alice.get("/account/").status_code == 200
        assert tokens.token_authenticate(secret) is not None
    with clock.moved_to(ends + dt.timedelta(seconds=1)):
        assert tokens.token_authenticate(secret) is None
    with clock.moved_to(now + dt.timedelta(seconds=signin.IDLE_SECONDS + 3600)):
        assert alice.get("/account/").status_code == 302
    assert alice.get("/account/").status_code == 302, "what ended stays ended when the clock goes back"
