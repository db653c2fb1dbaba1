"""What a run found, as a page to read; and two runs side by side."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

#: Processor milliseconds a page may cost at size M, by the first words of its name.
BUDGETS = {
    "list, filtered by own field": 30, "list, filtered": 30, "list, sorted": 30, "list": 15, "search": 15, "record": 25, "board": 45,
    "inline edit": 10, "API create": 12, "API list": 8, "home": 40, "report": 150,
}  # fmt: skip
#: A page counts as slower or faster from this ratio on: less is noise.
NOISE = 1.15
#: So many times longer a page may take (p95 on the clock) where a hundred times as many rows are stored.
GROWTH = 2.0
COLUMNS = ("cpu_ms", "p50_ms", "p95_ms", "p99_ms", "queries", "sql_ms", "render_ms", "bytes")


def machine() -> dict[str, Any]:
    """The facts of the machine that figures depend on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) // 1024 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "processor": model, "cores": os.cpu_count(), "memory_mb": memory, "system": platform.platform(),
        "python": platform.python_version(), "load": [round(value, 1) for value in os.getloadavg()],
    }  # fmt: skip


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def budget_of(name: str) -> int | None:
    """The processor milliseconds a page may cost, if there is a budget."""
    return next((value for words, value in BUDGETS.items() if name.startswith(words)), None)


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table in Markdown."""
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)])


def page(found: Mapping[str, Any]) -> str:
    """The figures of a run for people."""
    facts = found["machine"]
    rows = []
    for name, one in found["pages"].items():
        budget = budget_of(name)
        mark = "" if budget is None else f"{budget}{' ✗' if one['cpu_ms'] > budget else ''}"
        rows.append([name, mark, *(one[column] for column in COLUMNS)])
    rate = found["throughput"]
    facts_line = (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_mb']} MB, Python {facts['python']}, PostgreSQL {found['postgres']};"
        f" load {facts['load'][0]} at the beginning, {found['load_after']} at the end. Rows: {found['rows']}."
    )
    rate_line = (
        f"{rate['clients']} at once, mixed use: {rate['requests_per_second']} requests/s, {rate['errors']} errors,"
        f" p50 {rate['p50_ms']} ms, p95 {rate['p95_ms']} ms."
    )
    return "\n".join([
        f"# Size {found['size']}, {found['date']}", "",
        facts_line, "",
        "`cpu_ms` is the processor time of the web processes and PostgreSQL for each request; ✗ marks a budget of size M that is missed.", "",
        table(("page · person", "budget", *COLUMNS), rows), "",
        rate_line, "",
    ])  # fmt: skip


def comparison(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Two runs side by side; and the pages that cost more than before by more than noise, or grew by more than they may.

    Runs of different sizes tell what grows with the rows stored, runs of one size what a change cost.
    """
    if old.get("size") != new.get("size"):
        return _growth(old, new)
    rows, slower = [], []
    for name, now in new["pages"].items():
        before = old["pages"].get(name)
        if before is None:
            rows.append([name, "–", now["cpu_ms"], "", "–", now["p50_ms"], "new"])
            continue
        ratio = now["cpu_ms"] / max(before["cpu_ms"], 0.1)
        word = "slower" if ratio > NOISE else "faster" if ratio < 1 / NOISE else ""
        slower += [name] if word == "slower" else []
        change = f"{(ratio - 1) * 100:+.0f} %"
        rows.append([name, before["cpu_ms"], now["cpu_ms"], change, before["p50_ms"], now["p50_ms"], word])
    gone = [name for name in old["pages"] if name not in new["pages"]]
    head = ("page · person", "cpu_ms before", "now", "change", "p50_ms before", "now", "")
    left = f"\n\nNo longer measured: {', '.join(gone)}" if gone else ""
    return table(head, rows) + left, slower


def _growth(small: Mapping[str, Any], large: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The p95 of each page at both sizes and their ratio, largest first; and the pages beyond ``GROWTH``."""
    both = [name for name in large["pages"] if name in small["pages"]]
    walls = {name: (small["pages"][name]["p95_ms"], large["pages"][name]["p95_ms"]) for name in both}
    ratios = {name: late / max(early, 0.1) for name, (early, late) in walls.items()}
    grown = sorted((name for name in both if ratios[name] > GROWTH), key=lambda name: -ratios[name])
    rows = [
        [name, *walls[name], f"{ratios[name]:.1f}", "✗" if name in grown else ""]
        for name in sorted(both, key=lambda name: -ratios[name])
    ]
    said = (
        f"p95 at {large['size']} is at most {GROWTH:g} times p95 at {small['size']} for {len(both) - len(grown)} of {len(both)} pages"
        + (f"; most for {grown[0]}: {ratios[grown[0]]:.1f} times." if grown else ".")
    )
    head = ("page · person", f"p95_ms {small['size']}", f"p95_ms {large['size']}", "times", "")
    return f"{table(head, rows)}\n\n{said}", grown
