"""Reports as of a past day at a million opportunities with a history: what each costs for who owns little, for a manager, for a director.

    python bench/past.py FOLDER [--opportunities 1000000] [--changed 100000] [--days 30,365]

Fills FOLDER once (an embedded database): opportunities made over two years, of which ``--changed`` changed stage or amount
within the last sixty days, some into the trash. Prints processor seconds of Python and PostgreSQL, the
cheaper of two, and a digest of the figures, by which two versions can be compared.
"""

# ruff: noqa: PLC0415 - Django is loaded once the folder is known

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from import_rows import backend_seconds

HISTORY = """
SET LOCAL session_replication_role = replica; SET LOCAL guanxi.audit_upkeep = 'on';
SELECT guanxi_audit_partition((date_trunc('month', now()) - make_interval(months => n))::date) FROM generate_series(0, 30) n;
UPDATE core_auditentry a SET at = t.created_at FROM sales_opportunity t WHERE a.entity = 'sales_opportunity' AND a.record_id = t.id;
"""
CHANGES = """
SELECT count(*) FROM (SELECT setseed(0.5)) x;
CREATE TEMP TABLE lately AS SELECT id, now() - random() * interval '60 days' AS at FROM sales_opportunity
    WHERE created_at < now() - interval '60 days' ORDER BY hashint8(id) LIMIT %(changed)s;
UPDATE sales_opportunity t SET value = value * 1.1, amount = amount * 1.1, weighted = weighted * 1.1, updated_at = lately.at, next_step = 'x',
    stage_id = (SELECT g.id FROM sales_stage g WHERE g.pipeline_id = t.pipeline_id AND g.id <> t.stage_id ORDER BY hashint8(g.id * t.id) LIMIT 1)
    FROM lately WHERE lately.id = t.id;
UPDATE sales_opportunity t SET category = g.category FROM sales_stage g, lately WHERE g.id = t.stage_id AND lately.id = t.id AND t.category <> g.category;
UPDATE sales_opportunity t SET deleted_at = lately.at, updated_at = lately.at FROM lately WHERE lately.id = t.id AND t.id %% 100 = 7;
SET LOCAL session_replication_role = replica; SET LOCAL guanxi.audit_upkeep = 'on';
UPDATE core_auditentry a SET at = lately.at FROM lately WHERE a.entity = 'sales_opportunity' AND a.record_id = lately.id AND a.action <> 'create';
UPDATE sales_opportunitystate s SET at = lately.at FROM lately WHERE s.opportunity_id = lately.id AND s.at > now() - interval '1 hour';
"""
MEASURES = [{"how": "sum", "field": "value"}, {"how": "count"}]
OPEN = {"field": "category", "op": "eq", "value": "open"}
REPORTS = {
    "funnel": {"rows": [{"field": "stage"}], "measures": [*MEASURES, {"how": "sum", "field": "weighted"}], "filter": OPEN},
    "by source": {"rows": [{"field": "close_reason"}], "measures": [{"how": "sum", "field": "amount"}, {"how": "count"}]},
    "open by customer": {"rows": [{"field": "customer"}], "measures": MEASURES, "filter": OPEN, "top": 20},
}  # fmt: skip


def main() -> None:
    """Fill, then measure."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--opportunities", type=int, default=1_000_000)
    asked.add_argument("--changed", type=int, default=100_000)
    asked.add_argument("--days", default="30,365")
    asked.add_argument("--who", default="own,department,everything")
    given = asked.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    os.environ.pop("DATABASE_URL", None)
    os.environ["GUANXI_DATA"] = str(given.folder)
    from guanxi.core.cli.faults.workspace import Workspace
    from guanxi.core.cli.workspace import workspace

    made = given.folder / "past-made"
    if not made.exists():
        Workspace(given.folder, 8139).command("migrate")
    with workspace(owner=not made.exists(), migrated=False):
        if not made.exists():
            fill(given.folder, given.opportunities, given.changed)
            made.write_text("1")
        measure([int(one) for one in given.days.split(",")], given.who.split(","))


def fill(folder: Path, opportunities: int, changed: int) -> None:
    """The base, its history, and what changed lately."""
    from django.db import connection, transaction

    from guanxi.config.bench import repeat, run
    from guanxi.core.records import tallies
    from guanxi.core.schema.registry import entity_of

    run.fill("S", folder, lambda _what, _done: None)
    deals = entity_of("sales.opportunity")
    with connection.cursor() as cursor:
        for about, sql in (("history", HISTORY), ("repeat", ""), ("changes", CHANGES)):
            begun = time.monotonic()
            if sql:
                with transaction.atomic():
                    cursor.execute(sql, {"changed": changed})
            else:
                repeat.repeat([deals], opportunities // 10_000, lambda _what, _done: None)
            print(f"{about}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        tallies.renew(deals)
        cursor.execute("VACUUM ANALYZE")


def measure(days: list[int], asked: list[str]) -> None:
    """Print each report for each person."""
    from guanxi.areas.sales.models import Pipeline
    from guanxi.areas.sales.selectors import history
    from guanxi.core.access import actors
    from guanxi.core.kernel import clock
    from guanxi.core.models import User
    from guanxi.core.reporting import engine
    from guanxi.core.reporting.spec import read

    people = {"own": "bench6", "department": "bench5", "everything": "bench0"}
    pipeline = Pipeline.objects.order_by("pk").first()
    for who in asked:
        actor = actors.load(User.objects.get(username=people[who]), via="cli")
        today = clock.today(actor.timezone)
        for report, spec in REPORTS.items():
            for ago in [0, *days]:
                day = (today - dt.timedelta(days=ago)).isoformat() if ago else ""
                question = read({"dataset": "sales.opportunity", **spec, "as_of": day})

                def run(question: Any = question, actor: Any = actor) -> Any:
                    found = engine.run(actor, question)
                    return [[cell.value for cell in row.cells] for row in (*found.rows, found.total)]

                show(f"{report}, {ago or 'no'} days ago", who, run)
        for first, last in ((days[0], 0), (days[-1], days[0])):

            def course(actor: Any = actor, first: int = first, last: int = last, today: Any = today) -> Any:
                ago = [today - dt.timedelta(days=one) for one in (first, last)]
                return history.course(actor, pipeline.pk if pipeline else 0, *ago)

            show(f"course of {first} to {last} days ago", who, course)


def show(what: str, who: str, run: Callable[[], Any]) -> None:
    """Run twice; print the cheaper."""
    from django.db import connection

    found, costs = None, []
    for _each in range(2):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        own, other, clock = time.process_time(), backend_seconds(pid), time.monotonic()
        found = run()
        costs.append((time.process_time() - own, backend_seconds(pid) - other, time.monotonic() - clock))
    python, server, wall = min(costs, key=lambda one: one[0] + one[1])
    digest = hashlib.sha256(json.dumps(found, default=str).encode()).hexdigest()[:8]
    print(f"{what:34} {who:11} {python:6.2f} + {server:6.2f} s  ({wall:6.2f})  {digest}", flush=True)


if __name__ == "__main__":
    main()
