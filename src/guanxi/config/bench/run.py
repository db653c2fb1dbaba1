"""One run: build the data, serve it, ask as three people, count."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from guanxi.config.bench import data, measure, report
from guanxi.core.cli.faults.workspace import Workspace

COUNTED = (
    "customers_customer",
    "customers_contact",
    "sales_opportunity",
    "activities_activity",
    "core_auditentry",
    "core_search_doc",
)


def fill(size: str, folder: Path, told: data.Told) -> None:
    """Build the data in the workspace that Django is set up for, and keep its people's password in the folder."""
    place = folder / "bench-password"
    if not place.exists():
        place.write_text(secrets.token_hex(10))
        place.chmod(0o600)
    data.build(data.SIZES[size], place.read_text(), told)


def pages(
    size: str, folder: Path, port: int, *, requests: int, seconds: float, told: Callable[[str], None]
) -> dict[str, Any]:
    """Serve a filled folder and measure all pages; the figures as JSON would hold them."""
    password = (folder / "bench-password").read_text()
    facts = report.machine()
    place = Workspace(folder, port, timing=True)
    place.start()
    try:
        database = place.database()
        subjects = measure.Subjects(database)
        found: dict[str, Any] = {}
        browsers: dict[str, measure.Browser] = {}
        plans: dict[str, list[measure.Page]] = {}
        for who, name in measure.PEOPLE.items():
            made = json.loads(
                place.command("token", "create", name, "--name", "bench", "--scopes", "read,write", "--json")
            )
            browsers[who] = measure.Browser(port)
            browsers[who].sign_in(name, password)
            plans[who] = measure.pages_of(who, subjects, made["token"])
        calm = measure.settle(place.processes)
        if not calm:
            told("the worker is still busy: the figures hold work beside the pages")
        for who, plan in plans.items():
            for page in plan:
                measure.measure(page, browsers[who], requests, place.serving)
                found[f"{page.name} · {who}"] = page.figures()
                told(f"{page.name} · {who}: {page.cpu_ms:.1f} ms CPU, {page.figures()['p50_ms']} ms")
        before = [measure.cpu_seconds(pids()) for pids in (place.processes, place.serving)]
        rate = _mixed(port, password, plans["department"], seconds)
        every, serving = (
            measure.cpu_seconds(pids()) - was
            for pids, was in zip((place.processes, place.serving), before, strict=True)
        )
        answered = max(rate["requests_per_second"] * seconds, 1)
        rate |= {
            "cpu_ms": round(serving * 1000 / answered, 1),
            "worker_ms": round((every - serving) * 1000 / answered, 1),
        }
        rows, version = _facts(database)
    finally:
        place.end()
    return {
        "size": size, "date": dt.datetime.now(dt.UTC).isoformat(timespec="minutes"), "machine": facts, "postgres": version,
        "load_after": report.machine()["load"][0], "rows": rows, "pages": found, "throughput": rate, "calm": calm,
    }  # fmt: skip


def _mixed(port: int, password: str, plan: list[measure.Page], seconds: float) -> dict[str, float]:
    """Mixed use by sixteen: of twenty requests fourteen read, four edit, one asks the API, one opens a report (each in turn)."""
    named = {page.name: page for page in plan}
    reads = ["list", "record", "list, filtered", "record", "search", "home", "list", "record", "list, sorted by name", "record",
             "search while typing", "list", "record", "list, filtered"]  # fmt: skip
    order = []
    reports = [name for name in named if name.startswith("report")] or ["board of customers"]
    for report_ in reports:
        for number, name in enumerate([*reads, "API list", report_]):
            order.append(named[name])
            if number % 4 == 3:
                order.append(named["inline edit"])
    browsers = []
    for _each in range(measure.CLIENTS):
        browser = measure.Browser(port)
        browser.sign_in(measure.PEOPLE["department"], password)
        browsers.append(browser)
    return measure.throughput(browsers, order, seconds)


def _facts(database: str) -> tuple[dict[str, int], str]:
    with psycopg.connect(database, autocommit=True) as line:
        counts = line.execute(
            "SELECT relname, sum(n_live_tup)::bigint FROM pg_stat_user_tables WHERE relname = ANY(%s) GROUP BY 1",
            [list(COUNTED)],
        )
        version = line.execute("SHOW server_version").fetchone()
        return {row[0]: row[1] for row in counts.fetchall()}, version[0] if version else ""
