"""Limits reached for real: no connection left, time-outs of the database, a full disk of the files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.test import Client

from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.models import File, trouble
from guanxi.core.people import tokens
from guanxi.core.records import files
from tests.at_once import at_once
from tests.core.web.test_faults_seen import API
from tests.runtime.helpers import small_disk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(cast: Any) -> Client:
    _token, secret = tokens.token_create(cast.alice, cast.alice_user, name="limits", scopes=("read", "write"))
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}", "Accept-Language": "en"})


@pytest.fixture
def one(cast: Any) -> Customer:
    made = records.create(cast.alice, "customers.customer", {"name": "守时"})
    assert isinstance(made, Customer)
    return made


def elsewhere(work: Callable[[], Any]) -> Any:
    """What the work answers over a connection of its own."""
    return at_once(work)[0]


def set_here(limit: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET {limit} = '{value}'")


@pytest.fixture
def two_at_most() -> Iterator[str]:
    """Address of the database for a role that the server lets in twice at a time."""
    given = connection.settings_dict
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS guanxi_few")
        cursor.execute("CREATE ROLE guanxi_few LOGIN CONNECTION LIMIT 2")
        cursor.execute("GRANT guanxi_app TO guanxi_few")
    kept, given["USER"] = given["USER"], "guanxi_few"
    try:
        yield f"postgresql://guanxi_few@/{given['NAME']}?host={given['HOST']}"
    finally:
        given["USER"] = kept
        with connection.cursor() as cursor:
            cursor.execute("DROP ROLE guanxi_few")


def test_when_all_connections_are_taken_people_are_told_and_served_again_later(
    client: Client, one: Customer, two_at_most: str
) -> None:
    with psycopg.connect(two_at_most), psycopg.connect(two_at_most):
        answer = elsewhere(lambda: client.patch(f"{API}{one.pk}", {"short_name": "x"}, content_type="application/json"))
        assert (answer.status_code, answer.json()["code"]) == (503, "database.busy"), answer.content
        assert "Too many people" in answer.json()["title"]
        plain = Client(headers={"Accept-Language": "zh-hans"}, raise_request_exception=False)
        page = elsewhere(lambda: plain.get("/account/login/"))
        assert page.status_code == 503, page.content[:500]
        assert "同时使用的人太多" in page.content.decode()
    assert elsewhere(lambda: client.get(f"{API}{one.pk}")).status_code == 200
    one.refresh_from_db()
    assert one.short_name == ""


@pytest.mark.parametrize(
    ("limit", "code"), [("lock_timeout", "database.locked"), ("statement_timeout", "database.slow")]
)
def test_who_waits_too_long_is_told_and_nothing_was_changed(
    client: Client, one: Customer, limit: str, code: str
) -> None:
    def change() -> Any:
        set_here(limit, "300ms")
        return client.patch(f"{API}{one.pk}", {"short_name": "x"}, content_type="application/json")

    with transaction.atomic():
        Customer.objects.select_for_update().get(pk=one.pk)
        answer = elsewhere(change)
    assert (answer.status_code, answer.json()["code"]) == (503, code), answer.content
    one.refresh_from_db()
    assert one.short_name == ""
    assert elsewhere(change).status_code == 200, "once it is free"


def test_a_transaction_that_does_nothing_is_ended_and_the_next_request_is_served(client: Client, one: Customer) -> None:
    set_here("idle_in_transaction_session_timeout", "100ms")

    @transaction.atomic
    def dawdle() -> None:
        Customer.objects.filter(pk=one.pk).update(short_name="half")
        threading.Event().wait(0.4)
        Customer.objects.get(pk=one.pk)

    with pytest.raises(DatabaseError) as caught:
        dawdle()
    told = trouble.told(caught.value)
    assert told is not None
    assert (told.status, told.code) in ((503, "database.slow"), (503, "unavailable"))
    connection.close()
    answer = client.get(f"{API}{one.pk}")
    assert (answer.status_code, answer.json()["short_name"]) == (200, "")


def test_a_full_disk_of_the_files_refuses_uploads_and_nothing_else(
    browse: Callable[..., Client], one: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = browse("alice", "en")
    with small_disk(tmp_path / "files", "1m") as small:
        monkeypatch.setattr(files, "folder", lambda: small)
        large = SimpleUploadedFile("plan.bin", b"\1" * 2_000_000)
        refused = alice.post(f"/customers/{one.pk}/files/", {"file": large}, HTTP_HX_REQUEST="true")
        assert refused.status_code == 503, refused.content
        assert "disk is full" in refused.content.decode() + str(refused.headers)
        assert not File.objects.exists()
        assert [each for each in small.rglob("*") if each.is_file()] == [], "what was half written is gone"
        assert alice.get(f"/customers/{one.pk}/").status_code == 200
        fits = SimpleUploadedFile("note.txt", b"fits")
        assert alice.post(f"/customers/{one.pk}/files/", {"file": fits}, HTTP_HX_REQUEST="true").status_code < 300
        assert File.objects.get().name == "note.txt"
