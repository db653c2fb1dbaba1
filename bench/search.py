"""How fast the global search is: measures kinds of queries for people of different reach in a folder ``guanxi bench`` filled.

    guanxi bench run --size M --folder var/bench-M
    python bench/search.py var/bench-M --queries 20 --json search.json

``cpu`` is the processor time of this process and of its PostgreSQL backend for one search, ``wall`` what passed on the
clock. Aim: 100 ms at most at 1 M customers and 3 M contacts, whoever asks.
"""

# ruff: noqa: PLC0415, S311 - Django is imported once the database runs; the data need no secret randomness

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

#: People of the bench: one of the smallest owners (0.3 %), one with more (7 %), a department's manager (9 %), the director.
PEOPLE = {"own, few": "bench99", "own, many": "bench1", "department": "bench5", "all": "bench0"}


def prepare(folder: Path) -> Any:
    """Start the folder's database, unless it runs already, and Django; returns the server."""
    from guanxi.runtime.postgres import EmbeddedPostgres, running_url

    server = EmbeddedPostgres(folder / "pg", folder / "logs")
    url = running_url(folder, Path("/tmp"))  # noqa: S108 - the socket folder in it is private
    if url is None:
        server.start()
    os.environ |= {
        "DATABASE_URL": url or server.url(),
        "GUANXI_DATA": str(folder),
        "GUANXI_SECRET_KEY": "bench",
        "DJANGO_SETTINGS_MODULE": "guanxi.config.settings",
    }
    import django

    django.setup()
    return server


def some(rng: random.Random, key: str, count: int) -> list[dict[str, Any]]:
    """Values of some living records."""
    from guanxi.core.schema.registry import entity_of

    rows = entity_of(key).model._base_manager
    last = rows.order_by("-pk").values_list("pk", flat=True).first() or 0
    return list(rows.filter(pk__in=rng.sample(range(1, last + 1), min(count * 3, last))).values()[:count])


def queries(count: int) -> dict[str, list[str]]:
    """Texts to search for, by kind; most of them exist."""
    from guanxi.config.bench import words
    from guanxi.core.kernel import pinyin
    from guanxi.core.kernel.text import has_han

    rng = random.Random("queries")
    every = some(rng, "customers.customer", count * 2)
    firms = [one for one in every if has_han(one["name"])][:count]
    foreign = [one for one in every if not has_han(one["name"])]
    several = some(rng, "customers.contact", count * 2)
    people = [one for one in several if has_han(one["name"])][:count]
    deals = some(rng, "sales.opportunity", count)
    fragment = [one["phones"][0]["value"][3:] for one in people]
    return {
        "one character": [rng.choice(one["name"]) for one in firms],
        "two characters": [one["name"][2:4] for one in firms],
        "three characters": [one["name"][:3] for one in firms],
        "whole name": [one["name"] for one in firms],
        "name and city": [f"{one['name'][:2]} {one['name'][3:5]}" for one in firms],
        "frequent word": [rng.choice(words.TRADES) for _ in range(count)],
        "city": [rng.choice(words.CITIES) for _ in range(count)],
        "legal form": ["有限公司", "公司", "集团"],
        "person": [one["name"] for one in people],
        "surname": [one["name"][0] for one in people],
        "pinyin of a person": [pinyin.joined(one["name"]) for one in people],
        "pinyin, three letters": [pinyin.joined(one["name"])[:3] for one in people],
        "pinyin within a name": [pinyin.joined(one["name"][2:5]) for one in firms],
        "initials": [pinyin.initials(one["name"][:4]) for one in firms],
        "two initials": [pinyin.initials(one["name"][:2]) for one in people],
        "one letter": [rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(count)],
        "English name": [one["name"] for one in foreign][:count],
        "English words": [" ".join(one["name"].split()[:2]) for one in foreign][:count],
        "English word": [rng.choice(words.ENGLISH) for _ in range(count)],
        "English beginning": [rng.choice(words.ENGLISH)[:3] for _ in range(count)],
        "English person": [f"{rng.choice(words.FIRST)} {rng.choice(words.LAST)}" for _ in range(count)],
        "phone": fragment,
        "phone, last four": [one[-4:] for one in fragment],
        "phone, first four": [one[:4] for one in fragment],
        "phone, within": [one[3:8] for one in fragment],
        "e-mail": [one["emails"][0]["value"] for one in people if one["emails"]],
        "e-mail, part": [one["emails"][0]["value"][2:12] for one in people if one["emails"]],
        "free mail's domain": ["@qq.com", "qq.com", "163.com"],
        "serial number": [one["number"] for one in firms],
        "part of a number": [one["number"][-5:] for one in firms],
        "number elsewhere": [one["external_id"] for one in firms],
        "deal's name": [one["name"] for one in deals],
        "deal's number": [one["number"] for one in deals],
        "nothing has it": [f"{rng.choice('鳄鲸鹦')}{rng.choice('鹉鱼豚')}" for _ in range(count)],
    }


def actors() -> Mapping[str, Any]:
    """People as they sign in, with all their rights."""
    from guanxi.core.access import actors
    from guanxi.core.models import User

    return {who: actors.load(User.objects.get(username=name)) for who, name in PEOPLE.items()}


class Processor:
    """Processor milliseconds of this process and of its backend."""

    def __init__(self) -> None:
        from django.db import connection

        connection.ensure_connection()
        self.backend = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")

    def now(self) -> float:
        """Used so far."""
        return time.process_time() * 1000 + int(self.backend.read_text().split()[0]) / 1e6


def figures(times: list[float]) -> dict[str, float]:
    """Median, 95 of 100, worst."""
    times = sorted(times)
    return {
        "p50": round(statistics.median(times), 1),
        "p95": round(times[min(len(times) - 1, int(len(times) * 0.95))], 1),
        "worst": round(times[-1], 1),
    }


def measure(count: int, only: str, slow: float) -> list[dict[str, Any]]:
    """One row per kind of person and query: times in milliseconds, hits on average."""
    from guanxi.core.records.search.query import search

    found = []
    processor = Processor()
    texts = {kind: typed for kind, typed in queries(count).items() if only in kind}
    for who, actor in actors().items():
        for warm in ("华", "ab", "1380"):
            search(actor, warm)
        for kind, typed in texts.items():
            if not typed:
                continue
            wall, cpu, hits = [], [], 0
            for text in typed:
                begun, used = time.perf_counter(), processor.now()
                hits += len(search(actor, text))
                wall.append((time.perf_counter() - begun) * 1000)
                cpu.append(processor.now() - used)
                if cpu[-1] > slow:
                    print(f"  {text!r}: {cpu[-1]:.0f} ms")
            row = {
                "person": who,
                "query": kind,
                "cpu": figures(cpu),
                "wall": figures(wall),
                "hits": round(hits / len(typed), 1),
            }
            found.append(row)
            told = "  ".join(f"{name} {row['cpu'][name]:6.1f} / {row['wall'][name]:6.1f}" for name in row["cpu"])
            print(f"{who:11} {kind:22} {told}  hits {row['hits']}", flush=True)
    return found


def main() -> None:
    """Measure, print; ``--json`` writes the figures to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder that `guanxi bench run` has filled")
    parser.add_argument("--queries", type=int, default=20, help="of each kind")
    parser.add_argument("--only", default="", help="kinds whose name has this")
    parser.add_argument("--slow", type=float, default=100.0, help="name searches that cost more processor milliseconds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    server = prepare(options.folder)
    try:
        found = measure(options.queries, options.only, options.slow)
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n")
        for sort in ("cpu", "wall"):
            print(f"worst of {sort}: {max(row[sort]['worst'] for row in found)} ms")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
