"""Load a clean file by the trusted path and take it out again; print rows per second, processor time and memory.

    python bench/load_rows.py --fresh [--rows 1000000] [--edit 50000] [--formats csv,xlsx]

Loads customers of ten columns with ``COPY`` (``guanxi import --trusted``), then does what follows (audit, match keys), then
changes some in bulk under all rules and takes that back, then exports all of them with all columns. Memory is measured at the first and at the last tenth of each export: it must
not grow with the rows. ``--fresh`` uses an embedded database of its own; else that of ``DATABASE_URL``.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from django.db import connection
from import_rows import GIVEN, TRADES, backend_seconds, database, memory_mb, own_seconds

HEADER = (
    "name",
    "phones",
    "emails",
    "region",
    "level",
    "employees",
    "founded_year",
    "revenue",
    "description",
    "external_id",
)

#: What a bulk edit changes, as the dialog of a list or the API's ``/bulk`` would.
EDIT = {"source": "exhibition", "employees": 77}


def write_file(place: Path, rows: int) -> None:
    """A clean file: cells as the table keeps them."""
    rng = random.Random(7)  # noqa: S311 - data, not secrets
    with place.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        for number in range(rows):
            word = "".join(rng.choice(GIVEN) for _ in range(4))
            writer.writerow((
                f"{word}{rng.choice(TRADES)}有限公司", f'[{{"value":"+86138{number:08d}","label":""}}]',
                f'[{{"value":"u{number}@example.cn","label":""}}]', "CN-44", rng.choice("abcd"), rng.randint(1, 5000),
                rng.randint(1950, 2023), rng.randint(10, 99999) * 1000, rng.choice(("", "老客户介绍")), f"L{number:08d}",
            ))  # fmt: skip


class Sink(io.RawIOBase):
    """Counts what is written, twice a second looks at the memory, and forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self.seen: list[float] = []
        self._next = 0.0

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def write(self, data: Any) -> int:
        """Take it and forget it."""
        self.bytes += len(data)
        if time.monotonic() > self._next:
            self._next = time.monotonic() + 0.5
            self.seen.append(_resident())
        return len(data)


def _resident() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def measured(backend: int, work: Any) -> tuple[Any, dict[str, float]]:
    """What the work gives, and what it took."""
    begun, before = time.monotonic(), (own_seconds(), backend_seconds(backend))
    found = work()
    spent = (own_seconds() - before[0], backend_seconds(backend) - before[1])
    return found, {
        "seconds": round(time.monotonic() - begun, 2),
        "python_cpu_seconds": round(spent[0], 2),
        "postgres_cpu_seconds": round(spent[1], 2),
    }


def run(chosen: argparse.Namespace) -> int:
    """Load, follow up, change, export; 1 when rows are missing."""
    from guanxi.core.exchange import exports, trusted  # noqa: PLC0415 - after setup
    from guanxi.core.kernel.actor import system_actor  # noqa: PLC0415
    from guanxi.core.records import bulk, seeds  # noqa: PLC0415
    from guanxi.core.records.undo import undo  # noqa: PLC0415
    from guanxi.core.schema.registry import entity_of  # noqa: PLC0415

    seeds.load()
    actor = system_actor("bench", via="cli")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    result: dict[str, Any] = {"rows": chosen.rows}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "clean.csv"
        write_file(place, chosen.rows)
        operation, took = measured(backend, lambda: trusted.load(actor, entity="customers.customer", file=place))
    result["load"] = {**took, "rows_per_second": round(operation.total / took["seconds"])}
    done, took = measured(backend, trusted.catch_up)
    result["follow_up"] = {**took, "rows_per_second": round(done / took["seconds"])}
    complete = done == chosen.rows
    ids = list(
        entity_of("customers.customer")
        .model._default_manager.order_by("pk")
        .values_list("pk", flat=True)[: chosen.edit]
    )
    if ids:
        changed, took = measured(backend, lambda: bulk.change(actor, "update", "customers.customer", ids, EDIT))
        done = changed.result.get("done", 0)
        result["bulk_edit"] = {**took, "done": done, "rows_per_second": round(done / took["seconds"])}
        undone, took = measured(backend, lambda: undo(actor, changed.pk))
        result["undo"] = {**took, "done": undone.undone, "rows_per_second": round(undone.undone / took["seconds"])}
        complete = complete and done == undone.undone == len(ids)
    for form in filter(None, chosen.formats.split(",")):
        sink: Any = Sink()
        made, took = measured(
            backend, lambda f=form, s=sink: exports.export_write(actor, "customers.customer", out=s, format=f)
        )
        result[form] = {
            **took, "rows": made.rows, "mb": round(sink.bytes / 1e6, 1), "rows_per_second": round(made.rows / took["seconds"]),
            "memory_mb_early": round(max(sink.seen[: max(1, len(sink.seen) // 10)])), "memory_mb_most": round(max(sink.seen)),
        }  # fmt: skip
        complete = complete and made.rows >= chosen.rows
    result["peak_memory_mb"] = round(memory_mb())
    print(json.dumps(result, indent=1))
    return 0 if complete else 1


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--fresh", action="store_true", help="in an embedded database of its own")
    parser.add_argument("--edit", type=int, default=0, help="how many of them to change at once, and to take back")
    parser.add_argument("--formats", default="csv,xlsx", help="what to export to, separated by commas")
    chosen = parser.parse_args()
    with database(fresh=chosen.fresh):
        return run(chosen)


if __name__ == "__main__":
    sys.exit(main())
