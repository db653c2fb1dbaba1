"""Bring in a folder by a recipe and print, for each step, its rows, seconds, processor time and statements per row.

    python bench/recipe.py FOLDER --recipe northwind [--limit 50] [--profile STEP] [--verbose]

In an embedded database of its own that is removed afterwards. ``--limit`` cuts the steps that do actions.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from django.db import connection
from import_rows import backend_seconds, database, own_seconds


class Statements:
    """Counts statements as they pass, by their first words."""

    def __init__(self) -> None:
        self.all = 0
        self.sorts: Counter[str] = Counter()

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.all += 1
        self.sorts[sql[:2000]] += 1
        return execute(sql, params, many, context)


def main() -> int:
    """Run it; exit code 1 when rows were lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--profile", type=int, default=0, help="number of the step to profile")
    parser.add_argument("--verbose", action="store_true", help="the commonest statements of each step")
    chosen = parser.parse_args()
    with database(fresh=True):
        return measure(chosen)


@contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    profile = cProfile.Profile()
    if wanted:
        profile.enable()
    yield
    profile.disable()
    if wanted:
        pstats.Stats(profile, stream=sys.stdout).sort_stats("cumtime").print_stats(120)


def measure(chosen: argparse.Namespace) -> int:
    """Each step by itself; 1 when the outcomes do not account for every row."""
    from guanxi.core import records  # noqa: PLC0415
    from guanxi.core.access import actors  # noqa: PLC0415
    from guanxi.core.exchange.recipe_running import recipe_run  # noqa: PLC0415
    from guanxi.core.exchange.recipes import recipe_read  # noqa: PLC0415
    from guanxi.core.models import Role, User  # noqa: PLC0415
    from guanxi.core.records import seeds  # noqa: PLC0415

    seeds.load()
    user, _made = User.everything.get_or_create(username="bench", defaults={"name": "Bench"})
    user.roles.set(Role.objects.filter(key="administrator"))
    actor = actors.load(user, via="cli")
    records.create(actor, "core.exchangerate", {"currency": "USD", "day": "1990-01-01", "rate": "7"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    recipe, lost = recipe_read(chosen.recipe), 0
    for number, step in enumerate(recipe.steps, start=1):
        seen, begun, before = Statements(), time.monotonic(), (own_seconds(), backend_seconds(backend))
        with profiled(number == chosen.profile), connection.execute_wrapper(seen):
            (done,) = recipe_run(actor, recipe=recipe, folder=chosen.folder, steps=(number,), limit=chosen.limit)
        run, rows = done.run, max(done.run.total, 1)
        cpu = (own_seconds() - before[0], backend_seconds(backend) - before[1])
        told = {
            "step": step.title or step.entity, "rows": run.total, "created": run.created, "updated": run.updated,
            "skipped": run.skipped, "failed": run.failed, "seconds": round(time.monotonic() - begun, 1),
            "python_ms": round(1000 * cpu[0] / rows, 2), "postgres_ms": round(1000 * cpu[1] / rows, 2),
            "statements": round(seen.all / rows, 2), "load": os.getloadavg()[0],
        }  # fmt: skip
        print(json.dumps(told), flush=True)
        if chosen.verbose:
            for sql, count in seen.sorts.most_common(60):
                print(f"   {count / rows:6.2f} {sql[:230]}")
        lost += run.total - run.created - run.updated - run.skipped - run.failed
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
