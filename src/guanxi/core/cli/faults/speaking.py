"""Speaking to a running workspace from outside: a program with a token, and a person at a browser."""

from __future__ import annotations

import contextlib
import html
import http.client
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from guanxi.runtime.trouble import Trouble

#: Longest wait for an answer.
PATIENCE = 20.0
Line = Callable[[], http.client.HTTPConnection]


def to_port(port: int) -> Line:
    """Connections to a port of this machine."""
    return lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)


@dataclass
class Client:
    """Speaks to the API; ``None`` for an answer that never came. ``line`` makes its connections."""

    line: Line
    token: str = ""

    def send(self, method: str, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]] | None:
        """One request under an Idempotency-Key, on a connection of its own."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key}
        connection = self.line()
        try:
            connection.request(method, path, json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()


@dataclass(frozen=True)
class Answer:
    """One answer to a browser; ``place`` is where a redirect leads."""

    status: int
    body: bytes
    place: str


class Person:
    """Somebody at a browser, on one connection. Every request raises ``OSError`` or ``HTTPException`` when no answer comes."""

    def __init__(self, line: Line, origin: str) -> None:
        self._connection, self._origin = line(), origin
        self._cookies: dict[str, str] = {}

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; redirects are not followed."""
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()), **(headers or {})}
        token = next((value for name, value in self._cookies.items() if "csrf" in name), "")
        if method != "GET":
            sent |= {"Referer": f"{self._origin}/"} | ({"X-CSRFToken": token} if token else {})
        try:
            self._connection.request(method, path, body, sent)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            with contextlib.suppress(OSError):
                self._connection.close()
            raise
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _equals, rest = value.partition("=")
                self._cookies[key] = rest.partition(";")[0]
        return Answer(answer.status, content, answer.getheader("Location") or "")

    def close(self) -> None:
        """Leave the browser."""
        self._connection.close()

    def form(self, path: str, values: Mapping[str, Any]) -> Answer:
        """Send a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(values).encode(), kind)

    def accept(self, link: str, password: str) -> None:
        """Follow an invitation and choose a password."""
        path = link[link.index("/account/") :]
        sent = {**_hidden(self.ask("GET", path), "csrfmiddlewaretoken"), "password": password, "again": password}
        if (answer := self.form(path, sent)).status not in (302, 303):
            raise Trouble(f"{path} does not take a password ({answer.status})")

    def sign_in(self, name: str, password: str) -> None:
        """Sign in through the form."""
        page = self.ask("GET", "/account/login/")
        answer = self.form(
            "/account/login/", {**_hidden(page, "csrfmiddlewaretoken"), "login": name, "password": password}
        )
        if answer.status not in (302, 303) or not any("session" in each for each in self._cookies):
            raise Trouble(f"{name} cannot sign in ({answer.status})")

    def create(self, name: str) -> int | None:
        """A new customer through the form: its number, ``None`` when nothing was acknowledged."""
        page = self.ask("GET", "/customers/new/")
        if page.status != 200:
            return None
        answer = self.form("/customers/new/", {**_hidden(page, "_token"), "name": name, "kind": "organisation"})
        place = re.search(r"/customers/(\d+)/", answer.place)
        return int(place[1]) if answer.status == 303 and place else None

    def edit(self, number: int, short_name: str) -> int:
        """Change a customer through its form: the status of the answer, 0 when the form did not come."""
        path = f"/customers/{number}/edit/"
        page = self.ask("GET", path)
        if page.status != 200:
            return 0
        return self.form(path, {**_hidden(page, "_version", "_original", "_token"), "short_name": short_name}).status

    def attach(self, number: int, name: str, content: bytes) -> int:
        """Upload a file to a customer: the status of the answer."""
        mark = secrets.token_hex(16)
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        body = (
            f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content + f"\r\n--{mark}--\r\n".encode()
        )
        headers = {"Content-Type": f"multipart/form-data; boundary={mark}", "HX-Request": "true"}
        return self.ask("POST", f"/customers/{number}/files/", body, headers).status


def _hidden(page: Answer, *names: str) -> dict[str, str]:
    """Values of hidden inputs of a page."""
    found = re.findall(rf'name="({"|".join(names)})" value="([^"]*)"', page.body.decode("utf-8", "replace"))
    return {name: html.unescape(value) for name, value in found}
