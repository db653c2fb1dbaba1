"""Live events as a browser meets them: a real process, a real session, a real commit."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from guanxi.core.access import actors
from guanxi.core.automation.notify import mark_read, notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.models import Role, User
from guanxi.core.people import signin
from guanxi.core.people.roles import RoleDraft, role_save
from guanxi.core.people.users import user_deactivate, user_roles_set
from guanxi.core.web.events import origin_allowed
from guanxi.runtime.environment import environment
from tests.runtime.helpers import free_ports, get

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    """The events process over this test's database: (its port, the port of the pages)."""
    port = free_ports()
    variables = os.environ | {
        "PYTHONPATH": str(ROOT / "src"), "GUANXI_PORT": str(port), "GUANXI_EVENTS_PORT": str(port + 1),
        "GUANXI_LOG_LEVEL": "warning", "DJANGO_SETTINGS_MODULE": "guanxi.config.settings",
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "guanxi.runtime.child", "events"], env=variables, cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while True:
            status, _headers, _text = get(f"http://127.0.0.1:{port + 1}/healthz")
            if status == 200:
                break
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield port + 1, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def session_of(user: User) -> str:
    """A session as signing in leaves it; the value of its cookie."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "guanxi.core.people.signin.Backend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    now = int(clock.now().timestamp())
    store[signin.STAMP], store[signin.STARTED], store[signin.SEEN] = user.security_stamp, now, now
    store.create()
    return str(store.session_key)


class Page:
    """An open stream."""

    def __init__(self, port: int, cookie: str, **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request("GET", "/events/", headers={"Cookie": f"guanxi_session={cookie}", **named})
        self.answer = self.connection.getresponse()

    def event(self) -> str:
        """The next event's name; '' when the stream ended."""
        while line := self.answer.readline():
            if line.startswith(b"event: "):
                return line[7:].decode().strip()
        return ""

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def test_a_page_is_told_within_a_second_and_only_of_its_own(server: tuple[int, int]) -> None:
    port, pages = server
    anna, bert = (User.objects.create(username=name, name=name) for name in ("anna", "bert"))
    first = Page(port, session_of(anna), Origin=f"http://127.0.0.1:{pages}")
    assert first.answer.status == 200
    assert first.answer.getheader("Content-Type") == "text/event-stream"
    assert first.answer.getheader("Access-Control-Allow-Origin") == f"http://127.0.0.1:{pages}"
    assert first.answer.getheader("Access-Control-Allow-Credentials") == "true"
    time.sleep(0.5)
    begin = time.monotonic()
    notify([bert.pk], "operation", "not for her")
    notify([anna.pk], "operation", "for her")
    assert first.event() == "notifications"
    assert time.monotonic() - begin < 1
    mark_read(actors.load(anna))
    assert first.event() == "notifications"  # so that other pages of hers take the number away
    first.close()
    again = Page(port, session_of(bert), Last_Event_ID="3")
    assert again.event() == "notifications"  # something may have happened while he was away
    again.close()


def test_a_stream_ends_with_its_session_within_five_seconds(server: tuple[int, int]) -> None:
    port, _pages = server
    users = [User.objects.create(username=f"user{n}", name="x") for n in range(3)]
    cookies = [session_of(user) for user in users]
    streams = [Page(port, cookie) for cookie in cookies]
    assert [one.answer.status for one in streams] == [200, 200, 200]
    begin = time.monotonic()
    Session.objects.filter(session_key=cookies[0]).delete()
    User.objects.filter(pk=users[1].pk).update(is_active=False)
    User.objects.filter(pk=users[2].pk).update(security_stamp=2)
    assert [one.event() for one in streams] == ["", "", ""]
    assert time.monotonic() - begin < 5.5
    assert [asked(port, Cookie=f"guanxi_session={cookie}")[0] for cookie in cookies] == [401, 401, 401]
    for one in streams:
        one.close()


def asked(port: int, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, "/events/", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_role_change_is_told_and_deactivation_ends_the_stream_within_five_seconds(server: tuple[int, int]) -> None:
    port, _pages = server
    role = Role.objects.create(key="seller", name="销售")
    seller = User.objects.create(username="seller", name="x")
    page = Page(port, session_of(seller))
    time.sleep(0.5)
    begin = time.monotonic()
    user_roles_set(system_actor(), seller, [role])
    assert page.event() == "notifications"  # the page asks, and finds that its rights are others
    role_save(system_actor(), role, RoleDraft(name="销售", features=("views.public",)))
    assert page.event() == "notifications"
    assert time.monotonic() - begin < 5
    begin = time.monotonic()
    user_deactivate(system_actor(), seller)
    while page.event():
        pass
    assert time.monotonic() - begin < 5
    page.close()


def test_strangers_get_nothing(server: tuple[int, int]) -> None:
    port, _pages = server
    assert asked(port) == (401, b"")
    assert asked(port, Cookie="guanxi_session=nonsense") == (401, b"")
    assert asked(port, Cookie="=;;; guanxi_session") == (401, b"")
    assert asked(port, Origin="http://evil.example") == (403, b"")
    assert asked(port, Origin="http://127.0.0.1:1") == (403, b"")
    assert asked(port, Host="evil.example") == (400, b"")
    assert asked(port, "POST") == (405, b"")


def test_one_person_holds_only_so_many_streams(server: tuple[int, int]) -> None:
    user = User.objects.create(username="many", name="x")
    cookie = session_of(user)
    streams = [Page(server[0], cookie) for _turn in range(9)]
    assert streams[0].event() == ""  # the oldest gave way
    time.sleep(0.3)
    notify([user.pk], "operation", "x")
    assert [one.event() for one in streams[1:]] == ["notifications"] * 8
    for one in streams:
        one.close()


def test_only_the_products_own_pages_may_read_them() -> None:
    port = environment().port
    assert origin_allowed(environment().url, "anything")
    assert origin_allowed(f"http://localhost:{port}", "localhost:8001")
    assert origin_allowed(f"http://127.0.0.1:{port}", "127.0.0.1:8001")
    assert origin_allowed(f"http://[::1]:{port}", "[::1]:8001")
    assert not origin_allowed(f"http://localhost:{port}", "crm.example:8001")
    for none in ("null", f"http://localhost:{port}.evil.example", "http://[::1", "http://localhost:99999"):
        assert not origin_allowed(none, "localhost:8001")
    assert not origin_allowed(f"http://localhost:{port + 7}", "localhost:8001")
