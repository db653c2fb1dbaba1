"""``guanxi serve`` from the outside, on an embedded database under a long Chinese path."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from guanxi.core.cli.faults.speaking import Client, to_port
from guanxi.runtime.environment import read
from guanxi.runtime.process import working_in
from tests.runtime.helpers import LONG, Server, free_ports, guanxi, listening, processor_seconds, small_disk, wait_gone

pytestmark = pytest.mark.slow


class Place:
    """A data folder and the server running on it now."""

    def __init__(self, home: Path) -> None:
        self.own = {"GUANXI_DATA": str(home / LONG), "GUANXI_DATABASE_MEMORY_MB": "128", "GUANXI_WEB_WORKERS": "1"}
        self.data = home / LONG
        self.log = home / "serve.log"
        self.server: Server | None = None
        self.sockets = read({**self.own, "GUANXI_SECRET_KEY": "x"}).socket_folder

    def ready(self, seconds: float = 180) -> tuple[Server, float]:
        """The running server, started if it does not run; and how long that took."""
        if self.server is None or self.server.process.poll() is not None:
            self.server = Server(self.log, **self.own)
            return self.server, self.server.wait_ready(seconds)
        return self.server, 0.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    found = Place(tmp_path_factory.mktemp("serve"))
    try:
        found.ready()
        yield found
    finally:
        if found.server is not None:
            found.server.end(signal.SIGKILL)
            wait_gone(working_in(found.data / "pg", "postgres"))


def _of_type(server: Server, word: str) -> list[int]:
    found = []
    for pid in server.family():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # one that ends while we look
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if word in line:
                found.append(pid)
    return found


def test_health_readiness_and_metrics(place: Place) -> None:
    server, _seconds = place.ready()
    status, headers, text = server.get("/healthz")
    assert (status, json.loads(text)["status"]) == (200, "ok")
    assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"])
    ready = json.loads(server.get("/readyz")[2])
    ready.pop("worker")  # may still be starting
    assert ready == {"status": "ok", "database": "ok", "migrations": "ok", "queue": "ok"}
    metrics = server.get("/metrics")[2]
    assert "guanxi_database_up 1.0" in metrics
    assert 'guanxi_requests_total{method="GET",route="-",status="200"}' in metrics


def test_the_first_start_prints_a_link_for_the_administrator(place: Place) -> None:
    server, _seconds = place.ready()
    deadline, answers = time.monotonic() + 60, dict[str, int]()
    while 200 not in answers.values() and time.monotonic() < deadline:  # each start makes a new one
        links = re.findall(rf"http://127\.0\.0\.1:{server.port}(/account/link/\S+)\s", server.log.read_text())
        answers = {one: server.get(one)[0] for one in links[-1:]}
        time.sleep(0.2)
    assert list(answers.values()) == [200], server.log.read_text()
    assert "There is no administrator yet." in server.log.read_text()


def test_who_stops_in_the_middle_of_sending_holds_up_nobody(place: Place) -> None:
    server, _seconds = place.ready()
    cookie = server.get("/account/login/")[1]["set-cookie"].partition(";")[0]
    name, _, value = cookie.partition("=")
    form = f"csrfmiddlewaretoken={value}&login=nobody&password=nothing".encode()
    head = (
        f"POST /account/login/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nCookie: {name}={value}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\nConnection: close\r\n\r\n"
    )
    with contextlib.ExitStack() as held:
        senders = []
        for _number in range(60):
            sender = held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            sender.sendall(head.encode() + form[:20])
            senders.append(sender)
        begun = time.monotonic()
        assert server.get("/account/login/")[0] == 200
        assert time.monotonic() - begun < 5
        senders[0].sendall(form[20:])
        assert senders[0].recv(12) == b"HTTP/1.1 422", "the form comes back with what is wrong"
        senders[1].shutdown(socket.SHUT_WR)
        assert senders[1].recv(12) in (b"HTTP/1.1 400", b""), "half a form is not acted upon"
    assert server.get("/account/login/")[0] == 200


def test_a_second_start_on_the_same_folder_is_refused(place: Place) -> None:
    server, _seconds = place.ready()
    done = guanxi("serve", "--port", "18147", **place.own)
    assert done.returncode == 1
    assert f"is in use by another Guanxi (process {server.process.pid})" in done.stderr
    assert server.get("/readyz")[0] == 200


def test_a_taken_port_is_said_before_anything_starts(place: Place, tmp_path: Path) -> None:
    with listening() as port:
        done = guanxi("serve", "--port", str(port), GUANXI_DATA=str(tmp_path / "new"))
    assert done.returncode == 1
    assert done.stderr == (
        f"Guanxi cannot start: port {port} of 127.0.0.1 is taken by another program. Choose another port with --port.\n"
    )
    with listening(free_ports() + 1) as port:
        done = guanxi("serve", "--port", str(port - 1), GUANXI_DATA=str(tmp_path / "new"))
    assert (done.returncode, "live events" in done.stderr, "GUANXI_EVENTS_PORT" in done.stderr) == (1, True, True)
    assert not (tmp_path / "new" / "pg").exists()


def test_commands_use_the_running_database(place: Place) -> None:
    place.ready()
    done = guanxi("migrate", "--check", **place.own)
    assert (done.returncode, done.stdout) == (0, "Nothing is missing.\n")
    report = json.loads(guanxi("doctor", "--json", **place.own).stdout)
    states = {each["name"]: each["state"] for each in report["checks"]}
    assert report["ok"] is True
    assert (states["database"], states["migrations"], states["clock"], states["queue"]) == ("ok",) * 4


def test_killed_children_and_database_come_back(place: Place) -> None:
    server, _seconds = place.ready()
    killed = [pid for pid in server.family() if pid != server.process.pid]
    for pid in killed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    assert wait_gone(killed) == []
    server.wait_ready(60)
    assert server.process.poll() is None
    deadline = time.monotonic() + 15
    while not _of_type(server, "child worker") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _of_type(server, "child worker")


def test_nothing_outlives_a_killed_supervisor_and_the_next_start_recovers_fast(place: Place) -> None:
    server, _seconds = place.ready()
    family = server.family()
    assert len(family) > 8
    with psycopg.connect(f"postgresql://guanxi@/guanxi?host={place.sockets}", autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    server.process.kill()
    server.process.wait()
    assert wait_gone(family, 8) == []
    again, _seconds = place.ready(60)
    assert processor_seconds(again.family()) < 10, "on two processors that is less than five seconds"
    with psycopg.connect(f"postgresql://guanxi@/guanxi?host={place.sockets}") as connection:
        row = connection.execute("SELECT count(*) > 0 FROM kept").fetchone()
    assert row == (True,)
    assert again.get("/healthz")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_cleanly(place: Place, number: signal.Signals) -> None:
    server, _seconds = place.ready()
    family = server.family()
    assert server.end(number) < 20
    assert server.process.returncode == 0
    assert wait_gone(family, 1) == []
    assert not place.sockets.exists()
    assert "database system is shut down" in (place.data / "logs" / "postgres.log").read_text().splitlines()[-1]


def test_only_worker_joins_the_running_database(place: Place) -> None:
    server, _seconds = place.ready()
    counted = server.get("/metrics")[2]
    second = Server(place.log.with_name("worker.log"), "--only", "worker", "--port", str(server.port), **place.own)
    try:
        deadline = time.monotonic() + 60
        while not _of_type(second, "child worker") and time.monotonic() < deadline:
            time.sleep(0.1)
        assert _of_type(second, "child worker")
        assert _of_type(second, "child web") == []
    finally:
        second.end()
    assert "administrator" not in second.log.read_text(), "a link is made by who serves it"
    assert server.get("/readyz")[0] == 200
    assert "guanxi_requests_total{" in counted
    assert "guanxi_requests_total{" in server.get("/metrics")[2]


def test_pages_say_that_they_are_not_ready_without_a_database(place: Place) -> None:
    """The database is held back by a stopped supervisor: it cannot start it again."""
    server, _seconds = place.ready()
    for _asked in range(4):  # every process of the web has told of a good state once
        assert "guanxi_database_up 1.0" in server.get("/metrics")[2]
    server.process.send_signal(signal.SIGSTOP)
    try:
        for pid in working_in(place.data / "pg", "postgres"):
            os.kill(pid, signal.SIGKILL)
        status, _headers, text = server.get("/readyz")
        assert (status, json.loads(text)["status"]) == (503, "unavailable")
        assert server.get("/healthz")[0] == 200
        assert "guanxi_database_up 0.0" in server.get("/metrics")[2]
    finally:
        server.process.send_signal(signal.SIGCONT)
    server.wait_ready(60)


def test_it_serves_from_a_database_of_somebody_else(fresh_database: str, tmp_path: Path) -> None:
    own = {"DATABASE_URL": fresh_database, "GUANXI_DATA": str(tmp_path / "data"), "GUANXI_WEB_WORKERS": "1"}
    server = Server(tmp_path / "serve.log", **own)
    try:
        server.wait_ready(90)
        assert not (tmp_path / "data" / "pg").exists()
        assert "guanxi_database_up 1.0" in server.get("/metrics")[2]
    finally:
        assert server.end() < 20


def test_a_full_disk_stops_saving_and_what_was_acknowledged_is_there_afterwards(tmp_path: Path) -> None:
    """The journal of the database has no room left: the server ends, gets the reserve, ends again; with room it goes on by itself."""
    with small_disk(tmp_path / "small", "1200m") as small:
        own = {"GUANXI_DATA": str(small / "data"), "GUANXI_DATABASE_MEMORY_MB": "128", "GUANXI_WEB_WORKERS": "1"}
        server = Server(tmp_path / "serve.log", **own)
        try:
            server.wait_ready(180)
            assert guanxi("user", "create", "alice", "--role", "administrator", **own).returncode == 0
            made = guanxi("token", "create", "alice", "--name", "one", "--scopes", "read,write", "--json", **own)
            client = Client(to_port(server.port), json.loads(made.stdout)["token"])
            ballast, until = small / "data" / "ballast", time.monotonic() + 30
            while not ballast.exists() and time.monotonic() < until:
                time.sleep(0.1)
            assert ballast.stat().st_size == 32 * 1024 * 1024

            filler = small / "filler"
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small).free - 40 * 1024 * 1024)
            acknowledged: list[int] = []
            refused, until = list[str](), time.monotonic() + 240
            while len(refused) < 3 and time.monotonic() < until:
                body = {
                    "name": f"满盘{len(acknowledged)}",
                    "kind": "organisation",
                    "description": os.urandom(40_000).hex(),
                }
                answer = client.send("POST", "/api/v1/customers/", body, f"{len(acknowledged)}-{len(refused)}")
                if answer is not None and answer[0] == 201:
                    acknowledged.append(int(answer[1]["id"]))
                else:
                    refused.append("" if answer is None else str(answer[1].get("code")))
            assert len(acknowledged) > 5, refused
            assert len(refused) == 3, "the disk was never full"
            assert set(refused) <= {"database.full", "service.unavailable", ""}, refused
            until = time.monotonic() + 60
            while ballast.exists() and time.monotonic() < until:
                time.sleep(0.1)
            assert not ballast.exists(), "the reserve was given free"

            filler.unlink()
            server.wait_ready(120)
            assert server.process.poll() is None, "nobody had to start it"
            for number in acknowledged:
                answer = client.send("GET", f"/api/v1/customers/{number}", {}, "")
                assert answer is not None, number
                assert (answer[0], len(answer[1]["description"])) == (200, 80_000), number
        finally:
            server.end()
