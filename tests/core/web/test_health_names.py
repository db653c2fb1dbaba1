"""Health names each fault the first time it is opened after it: the faults are the real thing, one after the other."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.test import Client
from django.utils import translation

from guanxi.core.automation import health
from guanxi.core.kernel import clock
from guanxi.core.models import Mailbox, OutboundMessage, OutboxEvent, replica
from guanxi.runtime import external
from guanxi.runtime.continuous import keeping
from guanxi.runtime.environment import APPLICATION_ROLE, environment, reload
from tests.at_once import at_once
from tests.rights import as_owner
from tests.runtime.helpers import free_ports, small_disk

pytestmark = pytest.mark.django_db
Given = pytest.MonkeyPatch


@contextmanager
def setting(given: Given, **values: str) -> Iterator[None]:
    """The installation's settings are others."""
    with given.context() as changed:
        for name, value in values.items():
            changed.setenv(name, value)
        reload()
        try:
            yield
        finally:
            changed.undo()
            reload()


def mail_away(given: Given, _place: Path) -> AbstractContextManager[None]:
    return setting(given, EMAIL_URL=f"smtp://127.0.0.1:{free_ports()}")


@contextmanager
def mail_given_up(_given: Given, _place: Path) -> Iterator[None]:
    OutboundMessage.objects.create(channel="mail", to="a@guanxi.example", state="failed", error="550 no such user")
    yield


@contextmanager
def disk_full(given: Given, place: Path) -> Iterator[None]:
    with small_disk(place / "data", "20m") as small, setting(given, GUANXI_DATA=str(small)):
        yield


@contextmanager
def secret_open(given: Given, place: Path) -> Iterator[None]:
    secret = place / "secret"
    secret.write_text("x" * 60)
    secret.chmod(0o644)
    with setting(given, GUANXI_DATA=str(place)):
        yield


def scanner_away(given: Given, place: Path) -> AbstractContextManager[None]:
    return setting(given, GUANXI_SCANNER=f"clamd://{place}/nobody")


def unencrypted(given: Given, _place: Path) -> AbstractContextManager[None]:
    return setting(given, GUANXI_URL="http://crm.example.com")


@contextmanager
def connections_taken(_given: Given, _place: Path) -> Iterator[None]:
    name, host = connection.settings_dict["NAME"], connection.settings_dict["HOST"]
    with ExitStack() as held, as_owner(), connection.cursor() as cursor:
        for _time in range(3):
            held.enter_context(closing(psycopg.connect(dbname=name, host=host, user="guanxi")))
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        cursor.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT {cursor.fetchone()[0]}')  # taken back with the test
        yield


@contextmanager
def clock_jumped(_given: Given, _place: Path) -> Iterator[None]:
    with clock.moved_to(clock.now() + dt.timedelta(minutes=10)):
        yield


@contextmanager
def no_backup_for_days(_given: Given, _place: Path) -> Iterator[None]:
    health.findings()  # from now on one is expected
    with clock.moved_to(clock.now() + dt.timedelta(days=4)):
        yield


@contextmanager
def job_late(_given: Given, _place: Path) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)"
            " VALUES ('default', 'mail_send', '{}', now() - interval '10 minutes')"
        )
    yield


@contextmanager
def replica_away(given: Given, _place: Path) -> Iterator[None]:
    def asked(own: Any, sql: str) -> Any:
        try:
            return psycopg.connect(host="127.0.0.1", port=free_ports()).execute(sql).fetchone()
        except psycopg.OperationalError as error:
            raise DatabaseError(str(error)) from error

    given.setitem(settings.DATABASES, "replica", settings.DATABASES["default"])
    given.setattr(replica, "_asked", asked)
    replica.forget()
    try:
        yield
    finally:
        del connections["replica"]
        replica.forget()


def certificate(place: Path, days: float) -> Path:
    """A certificate of its own signing for localhost, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(days))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file = place / "certificate.pem"
    file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem) + secret)
    return file


@contextmanager
def encrypted(given: Given, place: Path, days: float, *, trusted: bool) -> Iterator[None]:
    """The address people use is a server whose certificate ends after so many days."""
    file = certificate(place, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.handle_error = lambda *_of: None  # type: ignore[method-assign] - who only looks hangs up
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    authorities = {"SSL_CERT_FILE": str(file)} if trusted else {}
    try:
        with setting(given, GUANXI_URL=f"https://localhost:{server.server_port}", **authorities):
            yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def certificate_ending(given: Given, place: Path) -> AbstractContextManager[None]:
    return encrypted(given, place, 9.5, trusted=True)


def certificate_over(given: Given, place: Path) -> AbstractContextManager[None]:
    return encrypted(given, place, -0.5, trusted=True)


def certificate_unknown(given: Given, place: Path) -> AbstractContextManager[None]:
    return encrypted(given, place, 300, trusted=False)


@contextmanager
def mailbox_silent(_given: Given, _place: Path) -> Iterator[None]:
    since = clock.now() - dt.timedelta(hours=2)
    Mailbox.objects.create(name="info@guanxi.example", failing_since=since, failures=9, error="LOGIN failed")
    yield


@contextmanager
def event_stuck(_given: Given, _place: Path) -> Iterator[None]:
    at = clock.now() - dt.timedelta(minutes=6)
    OutboxEvent.objects.create(name="customers.customer.created", entity="customers.customer", record_id=1, at=at)
    yield


@contextmanager
def archive_stands(given: Given, place: Path) -> Iterator[None]:
    """The archive process notes why it cannot go on; the folder was never written to."""
    with setting(given, GUANXI_ARCHIVE_FOLDER=str(place / "archive")):
        given.setitem(environment().sources, "DATABASE_URL", "embedded")  # type: ignore[arg-type]
        external.record(environment(), keeping.FAILED, json.dumps({"reason": "No space left on device"}))
        try:
            yield
        finally:
            external.record(environment(), keeping.FAILED, "")


@contextmanager
def somebody_waits(given: Given, _place: Path) -> Iterator[None]:
    """One session holds what another one wants; the twenty seconds of patience are taken as over."""
    given.setattr(health, "_CONNECTIONS", health._CONNECTIONS.replace("20 s", "0 s"))
    name, host = connection.settings_dict["NAME"], connection.settings_dict["HOST"]
    with (
        psycopg.connect(dbname=name, host=host, user=APPLICATION_ROLE, autocommit=True) as one,
        psycopg.connect(dbname=name, host=host, user=APPLICATION_ROLE, autocommit=True) as other,
    ):
        one.execute("SELECT pg_advisory_lock(77)")
        waits = threading.Thread(target=other.execute, args=["SELECT pg_advisory_lock(77)"])
        waits.start()
        until = time.monotonic() + 10
        query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        while one.execute(query, [other.info.backend_pid]).fetchone() != (1,) and time.monotonic() < until:
            time.sleep(0.01)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # the test's one transaction has looked before
        try:
            yield
        finally:
            one.execute("SELECT pg_advisory_unlock(77)")
            waits.join(10)


@contextmanager
def nothing(_given: Given, _place: Path) -> Iterator[None]:
    yield


Fault = Callable[[Given, Path], AbstractContextManager[None]]
#: Fault, the part that names it, its state, and words of the sentence and of what to do.
FAULTS: tuple[tuple[Fault, str, str, str], ...] = (
    (nothing, "Worker", "wrong", "Reminders, imports and mails wait"),  # none runs in a test
    (mail_away, "Mail server", "wrong", "Connection refused"),
    (mail_given_up, "Mail server", "warning", "1 messages of the last day could not be sent"),
    (disk_full, "Disk", "wrong", "nothing can be saved"),
    (secret_open, "Secret", "wrong", "can be read by others"),
    (scanner_away, "Virus scanner", "wrong", "No such file or directory"),
    (unencrypted, "Address", "warning", "not encrypted"),
    (certificate_ending, "Address", "warning", "the certificate of localhost ends in 9 days"),
    (certificate_over, "Address", "wrong", "certificate has expired"),
    (certificate_unknown, "Address", "wrong", "self-signed certificate"),
    (connections_taken, "Connections", "wrong", "Allow more"),
    (clock_jumped, "Clock", "wrong", "600.0 s apart"),
    (no_backup_for_days, "Backup", "warning", "none made yet"),
    (job_late, "Jobs", "warning", "1 late"),
    (mailbox_silent, "Mailboxes", "wrong", "LOGIN failed"),
    (event_stuck, "Events", "warning", "1 wait to be told"),
    (archive_stands, "Continuous archive", "wrong", "No space left on device"),
    (somebody_waits, "Connections", "warning", "Somebody holds what others want to change"),
    (replica_away, "Replica", "warning", "The primary answers everything meanwhile"),
)


@pytest.mark.parametrize(("fault", "label", "state", "words"), FAULTS, ids=[one[0].__name__ for one in FAULTS])
def test_each_fault_is_named(
    fault: Fault, label: str, state: str, words: str, monkeypatch: Given, tmp_path: Path
) -> None:
    with translation.override("en"):
        if fault is not nothing:
            before = [one for one in health.findings() if one.label == label]
            assert not any(one.state == state and words in one.text + one.help for one in before)
        with fault(monkeypatch, tmp_path):
            found = [one for one in health.findings() if one.label == label]
        assert [(one.state, words in f"{one.text} {one.help}") for one in found] == [(state, True)], found


def test_a_worker_is_missed_within_a_minute_of_its_last_sign_of_life() -> None:
    def worker() -> str:
        (found,) = (one for one in health.findings() if one.label == "Worker")
        return found.state

    with translation.override("en"), connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '50 seconds')")
        assert worker() == "ok", "it gives one every five seconds, a busy machine may be late"
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '61 seconds'")
        assert worker() == "wrong"


def test_without_a_database_the_page_says_so_and_the_probe_names_it(browse: Callable[..., Client], cast: Any) -> None:
    root = browse("root")
    root.raise_request_exception = False
    given = connection.settings_dict
    kept = given["HOST"]
    given["HOST"] = "/nowhere"
    try:
        page, probe, far, passed = at_once(
            lambda: (
                root.get("/settings/health/"),
                root.get("/readyz"),
                root.get("/readyz", REMOTE_ADDR="10.0.0.9"),
                root.get("/readyz", headers={"X-Forwarded-For": "127.0.0.1"}),
            )
        )[0]
    finally:
        given["HOST"] = kept
    assert (page.status_code, "数据库" in page.content.decode()) == (503, True), (
        "in the language of the house: who asks is not known"
    )
    assert (probe.status_code, probe.json()["status"]) == (503, "unavailable")
    assert "/nowhere" in probe.json()["database"]
    for answer in (far, passed):
        assert (answer.status_code, answer.json()["database"]) == (503, "does not answer")
