"""What it costs to filter and sort by a field of one's own, beside a built-in one that has equal indexes and holds the same values.

    python bench/fields.py var/bench-fields --rows 1000000 --json fields.json

The folder is filled at the first run: customers alone, each kind of own field with the values of a built-in column, the
indexes a job would make of the own ones, and indexes of the same columns on the built-in ones. The list page is asked for
by three people, own and built-in in turn, in this process without a network.

``page`` is processor milliseconds of this process and its PostgreSQL backend for the whole list page, ``count`` and
``rows`` those of the backend for the statements that count and that fetch. Medians.
"""

# ruff: noqa: PLC0415 - Django is imported once the database runs; statements are made of our own names

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from search import ROOT, Processor, prepare

MADE = 25_000
PEOPLE = {"own": "bench1", "department": "bench5", "all": "bench0"}
PASSWORD = "bench-fields-2026"  # noqa: S105 - of invented people
LIVING = "WHERE deleted_at IS NULL"


@dataclass(frozen=True, slots=True)
class Pair:
    """An own field and the built-in one beside it: the value of a row as SQL over its id, and filters to ask for."""

    kind: str
    column: str
    value: str
    filters: dict[str, tuple[str, Any]]
    #: How the own field holds the value, where not as the column does.
    held: str = ""
    #: What is asked of the built-in one where it is of another kind.
    beside: dict[str, tuple[str, Any]] = field(default_factory=dict)
    sorted: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    dictionary: str = ""
    target: str = ""

    @property
    def name(self) -> str:
        """The built-in field's name."""
        return self.column.removesuffix("_id")


EMPTY = {"empty": ("empty", None), "filled": ("not_empty", None)}
#: A mixture of the id's bits, so that neighbours have nothing in common.
MIX = "(('x' || substr(md5(id::text || '{salt}'), 1, 7))::bit(28)::int)"


def mixed(salt: str, below: int) -> str:
    """A number below a limit, always the same for a row."""
    return f"({MIX.format(salt=salt)} % {below})"


PAIRS = (
    Pair("integer", "employees", f"1 + {mixed('n', 5000)}", {
        "equal": ("eq", 77), "range, narrow": ("between", [100, 140]), "range, wide": ("gte", 3000), **EMPTY}),
    Pair("money", "revenue", f"1000 * {mixed('m', 100000)}", {
        "equal": ("eq", 77000), "range, narrow": ("between", [1_000_000, 1_800_000]), "range, wide": ("gte", 50_000_000), **EMPTY}),
    Pair("date", "birthday", f"DATE '1960-01-01' + {mixed('d', 20000)}", {
        "equal": ("eq", "1970-01-01"), "range, narrow": ("between", ["1970-01-01", "1970-07-01"]), "range, wide": ("gte", "1990-01-01"), **EMPTY}),
    Pair("time", "founded_year", f"{mixed('t', 1440)}", {
        "equal": ("eq", "08:30"), "range, narrow": ("between", ["08:30", "08:44"]), "range, wide": ("gte", "12:00"), **EMPTY},
        held="to_char(TIME '00:00' + founded_year * INTERVAL '1 minute', 'HH24:MI:SS')",
        beside={"equal": ("eq", 510), "range, narrow": ("between", [510, 524]), "range, wide": ("gte", 720), **EMPTY}),
    Pair("choice", "source", "(ARRAY{values})[1 + " + mixed("c", 8) + "]", {
        "equal": ("eq", "{one}"), "one of three": ("in", ["{one}", "{two}", "{three}"]), **EMPTY}, dictionary="customer_source"),
    Pair("choices", "industry", "(ARRAY{values})[1 + " + mixed("h", 8) + "]", {
        "equal": ("has_any", ["{one}"]), "one of three": ("has_any", ["{one}", "{two}", "{three}"]), **EMPTY},
        held="jsonb_build_array(industry)", beside={"equal": ("eq", "{one}"), "one of three": ("in", ["{one}", "{two}", "{three}"]), **EMPTY},
        sorted=False, dictionary="industry"),
    Pair("boolean", "size", "(ARRAY{values})[1 + " + mixed("b", 4) + "]", {"equal": ("eq", True)},
        held="(size = '{one}')", beside={"equal": ("eq", "{one}")}, sorted=False, dictionary="customer_size"),
    Pair("text", "occupation", f"'T' || lpad({mixed('x', 4000)}::text, 4, '0')", {"equal": ("eq", "T0077"), **EMPTY}),
    Pair("reference", "parent_id", f"1 + {mixed('r', 2000)}", {"equal": ("eq", 77), "one of three": ("in", [77, 78, 79]), **EMPTY},
        sorted=False, target="customers.customer"),
    Pair("serial", "number", "'S' || lpad(id::text, 7, '0')", {"equal": ("eq", "S0000077"), **EMPTY}),
)  # fmt: skip


def keys_of(pair: Pair) -> dict[str, str]:
    """The first values of a pair's dictionary."""
    from guanxi.core.records import dictionaries

    known = [one.key for one in dictionaries.values(pair.dictionary)] if pair.dictionary else []
    return dict(zip(("one", "two", "three"), known, strict=False))


def spelled(given: Any, known: dict[str, str]) -> Any:
    """A value with the keys of the dictionary in it."""
    if isinstance(given, list | tuple):
        return [spelled(one, known) for one in given]
    return given.format(**known) if isinstance(given, str) and "{" in given else given


def shape() -> None:
    """Own fields of every kind."""
    from guanxi.core.models import CustomField
    from guanxi.core.models.stamps import bump

    for pair in PAIRS:
        words = {"label_zh": f"自定义 {pair.kind}", "label_en": f"Own {pair.kind}", "target": pair.target}
        CustomField.objects.get_or_create(
            entity="customers.customer", key=f"own_{pair.kind}",
            defaults={"kind": pair.kind, "dictionary": pair.dictionary, "options": pair.options, **words},
        )  # fmt: skip
    bump("fields")


def values() -> None:
    """The same values in the built-in columns and the own fields; one row in ten has none."""
    from django.db import connection

    from guanxi.core.records import dictionaries

    held = []
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for pair in PAIRS:
            known = [one.key for one in dictionaries.values(pair.dictionary)] if pair.dictionary else []
            value = pair.value.replace("{values}", str((known * 8)[:8])) if known else pair.value
            null = "NULL" if pair.column in ("employees", "revenue", "birthday", "founded_year", "parent_id") else "''"
            cursor.execute(
                f"UPDATE customers_customer SET {pair.column} = CASE WHEN {mixed(pair.kind, 10)} = 0 THEN {null} ELSE {value} END"
            )
            what = (pair.held or pair.column).replace("{one}", known[0] if known else "")
            held.append(
                f"CASE WHEN {pair.column}::text <> '' THEN jsonb_build_object('own_{pair.kind}', {what}) ELSE '{{}}' END"
            )
        cursor.execute(f"UPDATE customers_customer SET custom = custom || {' || '.join(held)}")
        cursor.execute("SET session_replication_role = origin")


def indexed() -> None:
    """What the job makes of each own field, and the same on the built-in columns."""
    from django.db import connection

    from guanxi.core.models import FieldIndex
    from guanxi.core.schema.registry import entity_of
    from guanxi.core.shaping import indexes

    entity = entity_of("customers.customer")
    for pair in PAIRS:
        found = indexes.wanted(entity, f"custom.own_{pair.kind}")
        if found is not None and not (found.state == "ready" and indexes.complete(found)):
            indexes.build(FieldIndex.objects.get(entity=entity.key, field=f"own_{pair.kind}"))
        print(f"indexes of {pair.kind}", flush=True)
        with connection.cursor() as cursor:
            for word, parts in {
                "ix": f"{pair.column}, id", "dx": f"{pair.column} DESC NULLS LAST, id DESC",
                "ex": f"{pair.column}, updated_at DESC, id DESC, owner_id",
            }.items():  # fmt: skip
                cursor.execute(
                    f"CREATE INDEX IF NOT EXISTS bench_{word}_{pair.column} ON customers_customer ({parts}) {LIVING}"
                )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def fill(rows: int) -> None:
    """Customers alone, a first part made through the rules and repeated in SQL."""
    import random

    from guanxi.config.bench import data, repeat, words
    from guanxi.core.kernel.actor import system_actor
    from guanxi.core.models import Preference
    from guanxi.core.records import seeds
    from guanxi.core.schema.registry import entity_of

    told: Callable[[str, int], None] = lambda what, done: print(f"{what}: {done:,}", flush=True)  # noqa: E731
    if Preference.objects.filter(key=data.MEMORY).exists():
        return
    seeds.load()
    data._shape()
    shape()
    made = min(MADE, rows)
    rng = random.Random(7)  # noqa: S311 - data, not secrets
    data._load(
        system_actor("bench", via="cli"), "customers.customer", words.firms(rng, data._people(PASSWORD), made), told
    )  # fmt: skip
    values()
    repeat.repeat([entity_of("customers.customer")], rows // made, told)
    Preference.objects.create(key=data.MEMORY, value=f"fields {rows}")


class Watched:
    """Processor milliseconds of the backend for the statements that count, and for those that fetch the rows."""

    def __init__(self, backend: Path) -> None:
        self.backend, self.count, self.rows = backend, 0.0, 0.0
        self.statements: dict[str, str] = {}

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Run a statement and note what it cost."""
        counts = sql.startswith("SELECT count(*)") or "SELECT COUNT(*)" in sql[:20]
        fetches = 'FROM "customers_customer"' in sql and "LIMIT 51" in sql[-20:]
        if not counts and not fetches:
            return execute(sql, params, many, context)
        before = int(self.backend.read_text().split()[0])
        try:
            return execute(sql, params, many, context)
        finally:
            spent = (int(self.backend.read_text().split()[0]) - before) / 1e6
            if counts:
                self.count += spent
            else:
                self.rows += spent
            self.statements["count" if counts else "rows"] = f"{sql} -- {params}"


@dataclass
class Cost:
    """What one page cost, each time."""

    page: list[float] = field(default_factory=list)
    count: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)

    def median(self) -> dict[str, float]:
        """Of each."""
        return {word: round(statistics.median(getattr(self, word)), 2) for word in ("page", "count", "rows")}


def asked(only: str) -> Iterator[tuple[str, str, str, str]]:
    """Kind, what is asked, and the addresses of the own and the built-in list."""
    for pair in PAIRS:
        if only and only != pair.kind:
            continue
        own, known = f"custom.own_{pair.kind}", keys_of(pair)

        def address(name: str, given: tuple[str, Any] | None, sort: str, known: dict[str, str] = known) -> str:
            parts = [f"sort={sort}{name}"] if sort != "none" else []
            if given is not None:
                node = {"field": name, "op": given[0], "value": spelled(given[1], known)}
                parts.append("f=" + quote(json.dumps(node)))
            return "/customers/?" + "&".join(parts)

        beside = pair.beside or pair.filters
        for what, given in pair.filters.items():
            yield pair.kind, what, address(own, given, "none"), address(pair.name, beside[what], "none")
        if pair.sorted:
            yield pair.kind, "sorted", address(own, None, ""), address(pair.name, None, "")
            yield pair.kind, "sorted, last first", address(own, None, "-"), address(pair.name, None, "-")
            what = "range, wide" if "range, wide" in pair.filters else "equal"
            yield (
                pair.kind,
                f"{what}, sorted",
                address(own, pair.filters[what], "-"),
                address(pair.name, beside[what], "-"),
            )


def measure(times: int, only: str, show: bool) -> list[dict[str, Any]]:
    """One row per kind, question and person."""
    from django.db import connection
    from django.test import Client

    found = []
    processor = Processor()
    for who, username in PEOPLE.items():
        client = Client(headers={"host": "127.0.0.1"})
        client.post("/account/login/", {"login": username, "password": PASSWORD})
        for kind, what, *addresses in asked(only):
            costs = [Cost(), Cost()]
            for number in range(times + 3):
                for cost, address in zip(costs, addresses, strict=True):
                    watched = Watched(processor.backend)
                    with connection.execute_wrapper(watched):
                        begun = processor.now()
                        answer = client.get(address)
                        spent = processor.now() - begun
                    if answer.status_code != 200:
                        sys.exit(f"{address}: {answer.status_code} {answer.headers.get('Location', '')}")
                    if number >= 3:
                        cost.page.append(spent)
                        cost.count.append(watched.count)
                        cost.rows.append(watched.rows)
                    if show and number == 0:
                        print(json.dumps(watched.statements, indent=1, ensure_ascii=False))
            own, built = (cost.median() for cost in costs)
            found.append({"person": who, "kind": kind, "asked": what, "own": own, "built-in": built})
            told = "   ".join(f"{word} {own[word]:7.2f} / {built[word]:7.2f}" for word in own)
            ratio = own["page"] / built["page"]
            print(f"{who:11} {kind:10} {what:22} {told}   page x {ratio:.2f}{'  ✗' if ratio > 2 else ''}", flush=True)
    return found


def table(found: list[dict[str, Any]]) -> str:
    """The figures as a table: of each kind and question the page, and its factor, own · department · all."""
    lines = ["| kind | asked | own: own · department · all | built-in | factor | PostgreSQL: own | built-in |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in found:
        rows.setdefault((one["kind"], one["asked"]), []).append(one)
    for (kind, what), listed in rows.items():
        pages = [" · ".join(f"{one[side]['page']:.0f}" for one in listed) for side in ("own", "built-in")]
        factor = " · ".join(f"{one['own']['page'] / one['built-in']['page']:.1f}" for one in listed)
        data = [" · ".join(f"{one[side]['count'] + one[side]['rows']:.1f}" for one in listed) for side in ("own", "built-in")]  # fmt: skip
        lines.append(f"| {kind} | {what} | {pages[0]} | {pages[1]} | {factor} | {data[0]} | {data[1]} |")
    return "\n".join(lines)


def main() -> None:
    """Fill, measure, print; ``--json`` writes the figures to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder of its own; filled at the first run")
    parser.add_argument("--rows", type=int, default=1_000_000, help="customers")
    parser.add_argument("--times", type=int, default=9, help="each page is asked for so often")
    parser.add_argument("--only", default="", help="kinds whose name has this")
    parser.add_argument("--show", action="store_true", help="print the statements")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "src"))
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ.pop("DATABASE_URL", None)
    os.environ |= {"GUANXI_DATA": str(options.folder), "PYTHONPATH": str(ROOT / "src")}
    from guanxi.core.cli.faults.workspace import Workspace

    Workspace(options.folder, 8199).command("migrate")
    server = prepare(options.folder)
    begun = time.monotonic()
    try:
        fill(options.rows)
        shape()
        indexed()
        print(f"filled after {time.monotonic() - begun:.0f} s", flush=True)
        found = measure(options.times, options.only, options.show)
        print(table(found))
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
