"""Opening pages over HTTP as people with different reach, and what each request cost.

Wall time is the client's. ``cpu_ms`` is the processor time of the web processes and of PostgreSQL over the requests of one
page, ``sql_ms``, ``queries`` and ``render_ms`` are what the server says in ``Server-Timing``.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg

from guanxi.runtime.trouble import Trouble

#: Requests before those that are counted: each of four threads has its own connection, which plans a statement for its
#: values five times before it keeps the plan.
HEAT = 24
#: Processes that use less than this share of a processor have done with starting, and the worker with what an upgrade left
#: it to do; nobody waits longer than this.
CALM, PATIENCE = 0.05, 600.0
CLIENTS = 16
_TIMING = re.compile(r'sql;dur=([\d.]+);desc="(\d+)", render;dur=([\d.]+), cpu;dur=([\d.]+)')
_TICK = os.sysconf("SC_CLK_TCK")
#: Who sees his own records, a department's, everything.
PEOPLE = {"own": "bench1", "department": "bench5", "all": "bench0"}


#: Amount and number of all opportunities by stage, owner and month.
PIVOT = {
    "dataset": "sales.opportunity",
    "rows": [{"field": "stage"}, {"field": "owner"}],
    "columns": [{"field": "close_on", "grain": "month"}],
    "measures": [{"how": "sum", "field": "value"}, {"how": "count"}],
}


@dataclass
class Answer:
    """One answer: seconds, bytes as sent, what the server says it cost."""

    status: int
    body: bytes
    ms: float
    size: int
    sql: float = 0.0
    queries: int = 0
    render: float = 0.0


class Browser:
    """One signed-in person on one connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; redirects are not followed."""
        sent = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Accept-Encoding": "gzip",
        }
        token = next((value for name, value in self.cookies.items() if "csrf" in name), "")
        if token and method != "GET":
            sent["X-CSRFToken"] = token
        begun = time.perf_counter()
        self._line.request(method, path, body, {**sent, **(headers or {})})
        answer = self._line.getresponse()
        content = answer.read()
        ms = (time.perf_counter() - begun) * 1000
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _equals, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        size = len(content)
        if answer.getheader("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        made = Answer(answer.status, content, ms, size)
        if told := _TIMING.search(answer.getheader("Server-Timing", "")):
            made.sql, made.queries, made.render = float(told[1]), int(told[2]), float(told[3])
        return made

    def renew(self) -> None:
        """Begin a new connection; one that was idle may have been closed."""
        self._line.close()

    def form(self, path: str, values: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
        """Send a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Referer": f"http://127.0.0.1:{self.port}/"}
        return self.ask("POST", path, urlencode(values).encode(), {**kind, **(headers or {})})

    def sign_in(self, name: str, password: str) -> None:
        """Sign in through the form."""
        found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', self.ask("GET", "/account/login/").body)
        token = found[1].decode() if found else ""
        answer = self.form("/account/login/", {"csrfmiddlewaretoken": token, "login": name, "password": password})
        if answer.status != 302 or not any("session" in name for name in self.cookies):
            raise Trouble(f"{name} cannot sign in ({answer.status})")


@dataclass
class Page:
    """What is asked, and the figures it gave."""

    name: str
    ask: Callable[[Browser, int], Answer]
    answers: list[Answer] = field(default_factory=list)
    cpu_ms: float = 0.0

    def figures(self) -> dict[str, float | int]:
        """Percentiles of the wall time, means of the rest."""
        walls = sorted(one.ms for one in self.answers)
        last = len(walls) - 1
        mean: Callable[[Iterator[float]], float] = lambda values: round(statistics.fmean(values), 2)  # noqa: E731
        return {
            "p50_ms": round(walls[last // 2], 1), "p95_ms": round(walls[round(last * 0.95)], 1), "p99_ms": round(walls[round(last * 0.99)], 1),
            "cpu_ms": round(self.cpu_ms, 1), "queries": round(statistics.fmean(one.queries for one in self.answers), 1),
            "sql_ms": mean(one.sql for one in self.answers), "render_ms": mean(one.render for one in self.answers),
            "bytes": round(statistics.fmean(one.size for one in self.answers)), "requests": len(walls),
        }  # fmt: skip


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor seconds of processes so far, children they have waited for included."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(part) for part in parts[11:15])
    return total / _TICK


def settle(pids: Callable[[], list[int]]) -> bool:
    """Wait until the processes have done with starting: live events and the worker load after the pages.

    False where they never did: what is measured then is measured beside other work.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        before = cpu_seconds(pids())
        time.sleep(1.0)
        if cpu_seconds(pids()) - before < CALM:
            return True
    return False


class Subjects:
    """Records to ask for, by who may see them."""

    def __init__(self, database: str) -> None:
        with psycopg.connect(database) as line:
            self.records = {who: self._records(line, name) for who, name in PEOPLE.items()}
            self.names = [
                row[0] for row in line.execute("SELECT name FROM customers_customer ORDER BY id LIMIT 400").fetchall()
            ]
            self.pipeline = line.execute("SELECT to_regclass('sales_opportunity')").fetchone() != (None,)

    @staticmethod
    def _records(line: psycopg.Connection[Any], name: str) -> list[int]:
        """Customers with the longest timelines in somebody's reach."""
        reach = {
            "bench1": "c.owner_id = (SELECT id FROM core_user WHERE username = %(name)s)",
            "bench5": "c.owner_id IN (SELECT u.id FROM core_user u JOIN core_user m USING (department_id) WHERE m.username = %(name)s)",
        }.get(name, "%(name)s <> ''")
        rows = line.execute(
            f"SELECT c.id FROM customers_customer c JOIN activities_activity a ON a.customer_id = c.id WHERE {reach}"  # noqa: S608
            " AND c.id <= 20000 GROUP BY c.id ORDER BY count(*) DESC LIMIT 30",
            {"name": name},
        )
        return [row[0] for row in rows.fetchall()]


def pages_of(who: str, subjects: Subjects, token: str) -> list[Page]:
    """What people do, as requests."""
    ids, names = subjects.records[who], subjects.names
    api = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    level = quote(json.dumps({"field": "level", "op": "eq", "value": "a"}))
    score = quote(json.dumps({"field": "custom.score", "op": "eq", "value": 50}))

    def get(path: str) -> Callable[[Browser, int], Answer]:
        return lambda browser, _n: browser.ask("GET", path)

    def edit(browser: Browser, number: int) -> Answer:
        path = f"/customers/{ids[number % len(ids)]}/cell/employees/"
        return browser.form(path, {"employees": 10 + number}, {"HX-Request": "true"})

    def create(browser: Browser, number: int) -> Answer:
        body = json.dumps({"name": f"基准{time.time_ns()}测试有限公司", "phones": [f"138{number:08d}"]}).encode()
        return browser.ask("POST", "/api/v1/customers", body, {**api, "Idempotency-Key": f"bench-{time.time_ns()}"})

    def pivot(browser: Browser, _number: int) -> Answer:
        return browser.ask("POST", "/api/v1/reports/run", json.dumps({"definition": PIVOT}).encode(), api)

    typed = cycle([name[:2] for name in names[:100]] + [name[1:4] for name in names[100:200]])
    found = [
        Page("home", get("/")),
        Page("list", get("/customers/")),
        Page("list, filtered", get(f"/customers/?f={level}")),
        Page("list, sorted by name", get("/customers/?sort=name")),
        Page("list, filtered by own field", get(f"/customers/?f={score}")),
        Page("list, sorted by own field", get("/customers/?sort=-custom.score")),
        Page("search", lambda browser, _n: browser.ask("GET", f"/search/?q={quote(next(typed))}")),
        Page(
            "search while typing",
            lambda browser, _n: browser.ask("GET", f"/search/palette/results/?q={quote(next(typed))}"),
        ),
        Page("record", lambda browser, n: browser.ask("GET", f"/customers/{ids[n % len(ids)]}/")),
        Page("board of customers", get("/customers/board/")),
        Page("inline edit", edit),
        Page("API list", lambda browser, _n: browser.ask("GET", "/api/v1/customers?limit=50", None, api)),
        Page("API create", create),
    ]
    if subjects.pipeline:
        found[10:10] = [
            Page("list of opportunities", get("/opportunities/")),
            Page("board of opportunities", get("/opportunities/board/")),
            Page("report: stage, month, owner", pivot),
            Page("report: sales total", get("/reports/sales-total/")),
            Page("report: sales funnel", get("/reports/sales-funnel/")),
            Page("forecast", get("/forecast/")),
        ]
    return found


def measure(page: Page, browser: Browser, count: int, pids: Callable[[], list[int]]) -> None:
    """Ask for a page ``count`` times after warming up. Raises Trouble for an answer that is an error."""
    browser.renew()
    for number in range(HEAT):
        warm = page.ask(browser, number)
        if warm.status >= 400 or warm.status == 302:
            raise Trouble(f"{page.name}: {warm.status} {warm.body[:300].decode(errors='replace')}")
    before = cpu_seconds(pids())
    page.answers = [page.ask(browser, HEAT + number) for number in range(count)]
    page.cpu_ms = (cpu_seconds(pids()) - before) * 1000 / count


def throughput(browsers: Sequence[Browser], pages: Sequence[Page], seconds: float) -> dict[str, float]:
    """Sixteen at once for some seconds: requests per second without error, and how long 95 of 100 took at most."""
    walls: list[float] = []
    errors = 0
    until = time.monotonic() + seconds

    def work(browser: Browser, first: int) -> None:
        nonlocal errors
        number = first
        while time.monotonic() < until:
            answer = pages[number % len(pages)].ask(browser, number)
            walls.append(answer.ms)
            errors += answer.status >= 400
            number += 1

    threads = [threading.Thread(target=work, args=(browser, at)) for at, browser in enumerate(browsers)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    walls.sort()
    return {
        "clients": len(browsers), "requests_per_second": round(len(walls) / (time.monotonic() - begun), 1), "errors": errors,
        "p50_ms": round(walls[len(walls) // 2], 1), "p95_ms": round(walls[int(len(walls) * 0.95)], 1),
    }  # fmt: skip
