"""Bad input through every door: addresses, queries, forms and API bodies, changed by a seeded chance.

Requests go through the whole stack in this process, each in a transaction that is taken back, so that one seed always sends the
same. What ends in a 5xx, an error nobody caught, or after more than ``SLOW_SECONDS`` of this process's work is a fault.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from guanxi.config.bench import fuzz_doors as doors
from guanxi.config.bench.fuzz_values import bad_body, bad_text, bad_upload
from guanxi.core.api import doors as api_doors
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.models import User
from guanxi.core.people import signin
from guanxi.core.people.tokens import token_create

SLOW_SECONDS, STOP_SECONDS = 5.0, 150
_MB = 1024 * 1024
Told = Callable[[str], None]


@dataclass(frozen=True)
class Fault:
    """One kind of fault: where it came from, what happened, and the first request that showed it."""

    what: str
    request: str
    trace: str = ""


@dataclass
class Found:
    """What a run saw: requests sent, answers by status, growth of memory in MB, faults by what happened."""

    seed: int
    sent: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    slowest_seconds: float = 0.0
    slowest: str = ""
    grown_mb: float = 0.0
    faults: dict[str, Fault] = field(default_factory=dict)


class _Hung(Exception):
    """A request that did not come to an end."""


@dataclass
class Request:
    """One request as it is sent; ``form`` says how its body is encoded."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    json: bool = False

    def shown(self) -> str:
        """Enough of it to send it again."""
        return (
            f"{self.method} {self.path} {self.headers or ''} {str(self.body)[:1500] if self.body is not None else ''}"
        )


class Fuzzer:
    """Sends ``count`` bad requests as the people behind ``clients`` (their pages) and ``tokens`` (their API)."""

    def __init__(self, clients: list[Client], tokens: list[str], seed: int, told: Told) -> None:
        self._clients, self._tokens, self._told = clients, tokens, told
        self._chance = random.Random(seed)  # noqa: S311 - a seed is wanted
        self.found = Found(seed)
        for client in clients:
            client.raise_request_exception = False
        self._cookies = [copy.deepcopy(client.cookies) for client in clients]
        self._api = Client(raise_request_exception=False)
        self._pool = doors.Pool([], [], [], [])

    def run(self, count: int, pages: int) -> Found:
        """Walk up to ``pages`` pages for their forms and links, then send ``count`` requests."""
        settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
        doors.operations()  # worked out once for each process; no request shall pay for it
        self._pool = doors.walk(pages, self._page)
        self._told(
            f"{len(self._pool.forms)} forms, {len(self._pool.links)} addresses, {len(self._pool.operations)} operations"
        )
        begin = 0.0
        for number in range(count):
            if number == count // 10:
                begin = _memory_mb()
            if number and number % 500 == 0:
                self._told(f"{number}: {dict(self.found.statuses)}, {len(self.found.faults)} faults")
            self._send(self._bad())
        self.found.grown_mb = round(_memory_mb() - begin, 1)
        return self.found

    def _page(self, path: str) -> Any:
        return self._send(Request("GET", path))

    # -- making ----------------------------------------------------------------------------------------------------

    def _bad(self) -> Request:
        chance, pool = self._chance, self._pool
        kind = chance.random()
        if kind < 0.45 and pool.forms:
            return self._form(chance.choice(pool.forms))
        if kind < 0.62 and pool.links:
            return self._link(chance.choice(pool.links))
        if kind < 0.78:
            return self._route(chance.choice(pool.routes))
        return self._operation(chance.choice(pool.operations))

    def _form(self, form: doors.Form) -> Request:
        chance = self._chance
        values: dict[str, Any] = {name: list(each) for name, each in form.values.items()}
        names = list(values) or ["x"]
        for name in chance.sample(names, min(len(names), chance.choice((1, 1, 2, 5, len(names))))):
            drawn = chance.random()
            if drawn < 0.1:
                values.pop(name, None)
            elif drawn < 0.2:
                values[name] = [*values.get(name, []), bad_text(chance)]
            elif drawn < 0.25:
                values[chance.choice(names)] = values.get(name, [])
            elif name in form.files:
                values[name] = bad_upload(chance)
            else:
                values[name] = [bad_text(chance)]
        if chance.random() < 0.1:
            values[bad_text(chance)[:100]] = [bad_text(chance)]
        path = form.path
        if form.method == "GET":
            return Request(
                "GET",
                f"{urlsplit(path).path}?{urlencode(values, doseq=True, errors='surrogatepass')}",
                headers=self._htmx(),
            )
        return Request(form.method, path, values, self._htmx())

    def _htmx(self) -> dict[str, str]:
        chosen = self._chance.random()
        if chosen < 0.5:
            return {}
        return {
            "HX-Request": "true",
            "HX-Target": bad_text(self._chance)[:50]
            .encode("ascii", "ignore")
            .decode()
            .replace("\n", "")
            .replace("\r", "")
            .replace("\0", ""),
        }

    def _link(self, link: str) -> Request:
        chance, parts = self._chance, urlsplit(link)
        query = parse_qsl(parts.query, keep_blank_values=True) or [(chance.choice(doors.QUERY), "")]
        for _time in range(chance.choice((1, 1, 2, 3))):
            place = chance.randrange(len(query))
            name, _old = query[place]
            query[place] = (name, bad_text(chance))
            if chance.random() < 0.3:
                query.append((chance.choice(doors.QUERY), bad_text(chance)))
        return Request("GET", f"{parts.path}?{urlencode(query, errors='surrogatepass')}", headers=self._htmx())

    def _route(self, route: str) -> Request:
        path = doors.filled(route, lambda kind: doors.parameter(kind, self._chance))
        method = self._chance.choice(("GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"))
        body = {bad_text(self._chance)[:30]: [bad_text(self._chance)]} if method == "POST" else None
        if body and self._chance.random() < 0.7:
            body = {name: [bad_text(self._chance)] for name in self._chance.sample(doors.NAMES, 3)}
        return Request(method, path, body, self._htmx())

    def _operation(self, operation: doors.Operation) -> Request:
        chance = self._chance
        path = doors.filled(operation.path, lambda _kind: doors.parameter("id", chance))
        query = {name: bad_text(chance) for name in operation.query if chance.random() < 0.4}
        if query:
            path += "?" + urlencode(query, errors="surrogatepass")
        body = bad_body(operation.body, chance) if operation.body is not None else None
        headers = {"Authorization": f"Bearer {chance.choice(self._tokens)}"}
        if chance.random() < 0.1:
            headers["Idempotency-Key"] = (
                bad_text(chance)[:300].encode("ascii", "ignore").decode().replace("\n", " ").replace("\r", " ")
            )
        if chance.random() < 0.1:
            headers["If-Match"] = chance.choice(('"1"', "*", "x", '"99999999999999999999"', 'W/"1"', ""))
        return Request(operation.method, path, body, headers, json=True)

    # -- sending ---------------------------------------------------------------------------------------------------

    def _send(self, request: Request) -> Any:
        begin = time.process_time()
        answer: Any = None
        error: BaseException | None = None
        try:
            with _limited(), _taken_back():
                answer = self._answer(request)
        except Exception as raised:  # noqa: BLE001 - whatever comes out is what we look for
            error = raised
        seconds = time.process_time() - begin
        self.found.sent += 1
        if seconds > self.found.slowest_seconds:
            self.found.slowest_seconds, self.found.slowest = round(seconds, 2), request.shown()[:300]
        if answer is not None:
            self.found.statuses[answer.status_code] = self.found.statuses.get(answer.status_code, 0) + 1
            error = error or _raised(answer)
        if error is not None or (answer is not None and answer.status_code >= 500):
            self._fault(request, error, answer)
        elif seconds > SLOW_SECONDS:
            self._note(f"{seconds:.0f} s: {request.method} {urlsplit(request.path).path[:80]}", request, "")
        return answer

    def _answer(self, request: Request) -> Any:
        answer: Any = self._answered(request)
        if getattr(answer, "streaming", False):
            for _part in answer.streaming_content:
                pass
        return answer

    def _answered(self, request: Request) -> Any:
        for client, cookies in zip(self._clients, self._cookies, strict=True):
            client.cookies = copy.deepcopy(cookies)  # whoever was signed out is signed in again: it was taken back
        if request.json:
            return self._asked_by_a_program(request)
        if request.body is None:
            return self._clients[0].generic(request.method, request.path, headers=request.headers)
        client = self._chance.choice(self._clients)
        if request.method == "POST" and self._chance.random() < 0.7:
            return client.post(request.path, _whole(request.body), headers=request.headers)
        text, kind = (
            urlencode(_texts(request.body), doseq=True, errors="surrogatepass"),
            "application/x-www-form-urlencoded",
        )
        return client.generic(request.method, request.path, text, content_type=kind, headers=request.headers)

    def _asked_by_a_program(self, request: Request) -> Any:
        body = request.body if isinstance(request.body, bytes) else json.dumps(request.body).encode()
        body = b"" if request.body is None else body
        headers, kind = request.headers, "application/json"
        return self._api.generic(request.method, request.path, body, content_type=kind, headers=headers)

    def _fault(self, request: Request, error: BaseException | None, answer: Any) -> None:
        if error is None:
            self._note(f"{answer.status_code}: {answer.content[:300].decode('utf-8', 'replace')}", request, "")
            return
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if "guanxi" in frame.filename and "bench" not in frame.filename
        ]
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        trace = "".join(traceback.format_exception(error)[-14:])
        self._note(
            f"{type(error).__name__} at {place}: {str(error)[:200]}",
            request,
            trace,
            key=f"{type(error).__name__} {place}",
        )

    def _note(self, what: str, request: Request, trace: str, key: str = "") -> None:
        if (key or what) not in self.found.faults:
            self.found.faults[key or what] = Fault(what, request.shown(), trace)
            self._told(f"✗ {what}\n  {request.shown()[:300]}\n{trace}")


def _whole(values: dict[str, Any]) -> dict[str, Any]:
    """Values a multipart body can hold: no half characters."""
    return {
        name.encode("utf-8", "replace").decode(): [each.encode("utf-8", "replace").decode() for each in value]
        if isinstance(value, list)
        else value
        for name, value in values.items()
    }


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    """Values without files: a form of this encoding sends their names."""
    return {name: value if isinstance(value, list) else [str(value.name)] for name, value in values.items()}


def _raised(answer: Any) -> BaseException | None:
    found = getattr(answer, "exc_info", None)
    return found[1] if found and answer.status_code >= 500 else None


@contextlib.contextmanager
def _taken_back() -> Iterator[None]:
    """What the body writes is checked as at a commit, then taken back."""
    with transaction.atomic():
        point = transaction.savepoint()
        try:
            yield
            if not connection.needs_rollback:
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        finally:
            connection.needs_rollback = False
            transaction.savepoint_rollback(point)
            connection.run_on_commit = []


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Hung(f"no answer within {STOP_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(STOP_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / _MB


def run(seed: int, count: int, pages: int, told: Told) -> Found:
    """Fuzz the workspace Django is set up for, as an administrator and as somebody with fewer rights; nothing of it stays."""
    with transaction.atomic():
        administrator = User.objects.filter(is_active=True, roles__key="administrator").order_by("pk").first()
        if administrator is None:
            raise ValueError("there is no administrator in this workspace")
        others = User.objects.filter(is_active=True).exclude(roles__key="administrator").exclude(roles=None)
        people = [administrator, *others.order_by("pk")[:1]]
        clients, tokens = [_browser(user) for user in people], [_token(user) for user in people]
        usual, api_doors.RATE = api_doors.RATE, 10**9
        try:
            return Fuzzer(clients, tokens, seed, told).run(count, pages)
        finally:
            api_doors.RATE = usual
            transaction.set_rollback(True)


def _browser(user: User) -> Client:
    """A browser in which he is signed in, without the cost of a password."""
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user, backend="guanxi.core.people.signin.Backend")
    session, now = client.session, int(clock.now().timestamp())
    session[signin.STAMP], session[signin.STARTED], session[signin.SEEN] = user.security_stamp, now, now
    session.save()
    return client


def _token(user: User) -> str:
    _made, secret = token_create(system_actor("fuzz", via="cli"), user, name="fuzz", scopes=["read", "write"])
    return secret
