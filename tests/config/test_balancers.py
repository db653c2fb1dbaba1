"""The balancers of ``deploy/`` as they are shipped, in front of three small servers: what they share out, ask again, and keep to themselves.

Both programs are in Debian; where one is missing its tests are left out, the check of a change installs both.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from guanxi.config.bench import balancers, nodes
from guanxi.runtime.trouble import Trouble
from tests.needs import balancer
from tests.runtime.helpers import free_ports


class Node:
    """One node: a server for pages and one for events. What it does with a request is up to the test."""

    def __init__(self, name: str) -> None:
        self.name, self.port = name, free_ports()
        self.begun: list[str] = []
        self.asked: list[str] = []
        self.does = "answer"
        self.go_on = threading.Event()
        self.lines: list[socket.socket] = []
        self.servers = [self._serve(self.port), self._serve(self.port + 1)]

    def _serve(self, port: int) -> ThreadingHTTPServer:
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                node.lines.append(self.connection)

            def do_GET(self) -> None:
                if self.path in ("/readyz", "/healthz"):
                    self._answer(503 if node.does == "refuse" and self.path == "/readyz" else 200, {})
                elif self.path == "/events/":
                    self._stream()
                else:
                    self._work()

            def do_POST(self) -> None:
                node.begun.append(self.path)
                self.rfile.read(int(self.headers["Content-Length"]))
                self._work()

            def _work(self) -> None:
                node.asked.append(f"{self.command} {self.path}")
                if node.does == "die":  # in the middle of the work: nobody knows how far it came
                    self.close_connection = True
                    return
                seen = {name: self.headers.get(name) for name in ("Host", "X-Forwarded-For", "X-Forwarded-Proto")}
                seen["all"] = " ".join(self.headers)
                self._answer(503 if node.does == "refuse" else 200, {"node": node.name, "said": node.does, **seen})

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def _stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("X-Port", str(self.server.server_address[1]))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(b"data: first\n\n")
                node.go_on.wait(20)
                self.wfile.write(b"data: second\n\n")
                self.close_connection = True

            def log_message(self, *_of: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_of: None  # type: ignore[method-assign] - a line that was cut is no news
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    def end(self) -> None:
        """Nobody listens there any more, and nobody answers on lines that were kept open."""
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for line in self.lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self.servers = []


class Site:
    """A running balancer with its nodes."""

    def __init__(self, setting: balancers.Setting, servers: list[Node]) -> None:
        self.setting, self.nodes = setting, servers

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, bytes]:
        line = balancers.Line(self.setting, 15)
        with contextlib.closing(line):
            line.request(method, path, b"{}" if method == "POST" else None, headers)
            answer = line.getresponse()
            return answer.status, answer.read()

    def told(self, path: str = "/who", **headers: str) -> dict[str, Any]:
        status, content = self.ask("GET", path, **headers)
        assert status == 200, content
        found: dict[str, Any] = json.loads(content)
        return found


@pytest.fixture(params=balancers.NAMES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    balancer(request.param)
    plain, servers = free_ports(), [Node(name) for name in ("web1", "web2", "web3")]
    ports = [each.port for each in servers]
    setting = balancers.Setting(tmp_path, plain, plain + 1, ports, [each + 1 for each in ports])
    with subprocess.Popen(
        balancers.prepare(request.param, setting), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            found, until = Site(setting, servers), time.monotonic() + 20
            while time.monotonic() < until:
                with contextlib.suppress(OSError):
                    if found.ask("GET", "/healthz")[0] == 200:
                        break
                time.sleep(0.05)
            yield found
        finally:
            process.terminate()
            for each in servers:
                each.go_on.set()
                each.end()


def test_all_nodes_are_asked_and_told_who_asks(site: Site) -> None:
    seen = [site.told(**{"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"}) for _time in range(12)]
    assert {one["node"] for one in seen} == {"web1", "web2", "web3"}
    assert {(one["Host"], one["X-Forwarded-For"], one["X-Forwarded-Proto"]) for one in seen} == {
        (balancers.SITE, "127.0.0.1", "https")
    }, "what somebody outside says of himself is not believed"


def test_no_name_with_a_stroke_below_passes_for_one_of_the_balancers_own(site: Site) -> None:
    """A server that hands names on as variables takes ``X_Forwarded_For`` for ``X-Forwarded-For``."""
    seen = site.told(**{"X_Forwarded_For": "6.6.6.6", "X-Forwarded_Proto": "http", "X-Other": "1"})
    assert "_" not in seen["all"]
    assert "x-other" in seen["all"].lower()


def test_a_node_hears_of_a_form_when_it_is_whole(site: Site) -> None:
    line = balancers.Line(site.setting, 15)
    with contextlib.closing(line):
        line.putrequest("POST", "/slow")
        line.putheader("Content-Length", "20")
        line.endheaders(b"a=1&b=")
        time.sleep(1)
        assert all("/slow" not in each.begun for each in site.nodes)
        line.send(b"2&c=3&d=4&e=56")
        assert line.getresponse().status == 200
    assert sum(each.begun.count("/slow") for each in site.nodes) == 1


def test_it_redirects_to_tls_and_tells_no_numbers(site: Site) -> None:
    faults = nodes.at_the_door(site.setting)
    assert faults == []
    assert site.ask("GET", "/%6detrics")[0] == 403, "however it is spelled"
    assert all("etrics" not in asked for each in site.nodes for asked in each.asked)


def test_what_changes_nothing_is_asked_at_another_node_and_what_might_is_not(site: Site) -> None:
    for each in site.nodes[:2]:
        each.does = "die"
    assert [site.told("/page")["node"] for _time in range(4)] == ["web3"] * 4
    for each in site.nodes:
        each.asked.clear()
        each.does = "die"
    status, _content = site.ask("POST", "/once")
    assert status in (502, 503, 504)
    assert sum(each.asked.count("POST /once") for each in site.nodes) == 1, "it may have been done already"


def test_what_the_product_refuses_is_its_own_sentence_and_over_when_it_is(site: Site) -> None:
    """As when the database is away: no node is ready, and people are told so by the product, not by the balancer."""
    for each in site.nodes:
        each.does = "refuse"
    until = time.monotonic() + 6
    while time.monotonic() < until:
        for method in ("POST", "GET"):
            status, content = site.ask(method, "/page")
            assert status == 503
            assert json.loads(content)["said"] == "refuse"
        time.sleep(0.1)
    for each in site.nodes:
        each.asked.clear()
    site.ask("POST", "/once")
    assert sum(each.asked.count("POST /once") for each in site.nodes) == 1
    for each in site.nodes:
        each.does = "answer"
    begin = time.monotonic()
    while site.ask("GET", "/page")[0] != 200:
        time.sleep(0.05)
    assert time.monotonic() - begin < 5


def test_a_node_that_is_gone_is_missed_by_nobody(site: Site) -> None:
    site.nodes[0].end()
    for _time in range(8):
        assert site.ask("POST", "/page")[0] == 200
        assert site.told("/page")["node"] != "web1"


def test_live_events_come_at_once_from_the_port_of_events(site: Site) -> None:
    line = balancers.Line(site.setting, 10)
    with contextlib.closing(line):
        line.request("GET", "/events/")
        answer = line.getresponse()
        assert int(answer.headers["X-Port"]) in {each.port + 1 for each in site.nodes}
        assert answer.readline() == b"data: first\n", "before the second was written"
        for each in site.nodes:
            each.go_on.set()
        assert b"data: second" in answer.read()


def test_a_shipped_file_that_looks_otherwise_is_told(tmp_path: Path) -> None:
    setting = balancers.Setting(tmp_path, 1, 2, [3, 5, 7, 9], [4, 6, 8, 10])
    balancer("nginx")
    with pytest.raises(Trouble, match="stands there 3 times instead of 4"):
        balancers.prepare("nginx", setting)
