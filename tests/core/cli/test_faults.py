"""Killed parts and named faults under work: what was acknowledged is there exactly once, what was not at most once."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from guanxi.core.cli.faults import run
from guanxi.core.cli.faults.atwork import MARK
from guanxi.core.cli.faults.comparing import Audit, compare
from guanxi.core.cli.faults.ledger import Ledger
from guanxi.runtime.failpoints import PLACES
from tests.runtime.helpers import ROOT, free_ports


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    seen: list[run.Round] = []
    plan = ("postgres", "everything", "outbox.before_commit:kill@2", "records.before_commit:kill@4")
    found = run.run(tmp_path, free_ports(), plan=plan, seconds=1.5, report=seen.append, each_time=False)
    assert found.faults == []
    assert found.created > 10
    assert found.changed > 10
    assert [each.fault for each in seen] == list(plan)
    assert sum(each.unanswered for each in seen) > 0, "the faults hit nobody"


def _insert(connection: psycopg.Connection, table: str, **given: object) -> None:
    """A row past the product: no trigger runs, nothing refers to anything, what must be there and is not given is empty."""
    connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")  # type: ignore[arg-type]
    needed = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
        " AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'",
        [table],
    ).fetchall()
    empty = {
        "jsonb": "[]",
        "boolean": "false",
        "ARRAY": "{}",
        "integer": "0",
        "numeric": "0",
        "bigint": "0",
        "smallint": "0",
    }
    empty |= {"timestamp with time zone": "now", "date": "2026-11-27"}
    values = {name: empty.get(kind, "") for name, kind in needed} | given
    columns = ", ".join(values)
    places = ", ".join(["%s"] * len(values))
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", list(values.values()))  # type: ignore[arg-type]


def test_the_comparison_finds_what_is_lost_doubled_or_unaudited(fresh_database: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for key, token, status, record in (("1", "lost", 201, 5), ("2", "doubled", 201, 6), ("3", "never", None, None)):
        ledger.intend(key, "create", token)
        if status:
            ledger.acknowledge(key, status, record)
    ledger.intend("4", "change", "unaudited", 6)
    ledger.acknowledge("4", 200, 6)
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        for _time in range(2):
            _insert(connection, "customers_customer", kind="organisation", name="doubled", version=1)
    found: Audit = compare(ledger, fresh_database)
    text = "\n".join(found.faults)
    assert "lost: acknowledged 1, 0 rows" in text
    assert "doubled: acknowledged 1, 2 rows" in text
    assert "0 audit entries, 0 events, 0 search documents" in text
    assert "unaudited: acknowledged 1, 0 entries in the audit" in text
    assert "number of customers in the tally: 0 beside 2" in text
    assert "never" not in text
    assert found.unanswered == 1


def test_the_comparison_finds_wrong_sums_references_files_and_effects(fresh_database: str, tmp_path: Path) -> None:
    ledger, files = Ledger(tmp_path / "ledger.sqlite"), tmp_path / "files"
    kept, lost, stray, moved = (hashlib.sha256(each).hexdigest() for each in (b"kept", b"lost", b"stray", b"moved"))
    for digest, content in ((kept, b"cut sho"), (stray, b"stray"), (moved, b"moved")):
        place = files / digest[:2] / digest[2:4] / digest
        place.parent.mkdir(parents=True)
        place.write_bytes(content)
    ledger.intend("1", "deal", "deal", 7, "7:10.00")
    ledger.acknowledge("1", 201, 1)
    for key, digest in (("2", kept), ("3", lost), ("4", moved)):
        ledger.intend(key, "file", digest, 7)
        ledger.acknowledge(key, 200)
    ledger.intend("5", "form", "ruled")
    ledger.acknowledge("5", 303)
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        _insert(connection, "sales_opportunity", name="deal", customer_id=8, value=11, version=1)
        for digest, record in ((kept, 7), (moved, 9)):
            _insert(
                connection, "core_file", entity="customers.customer", record_id=record, name="a", digest=digest, size=4
            )
        _insert(connection, "customers_customer", kind="organisation", name="ruled", version=3)
        _insert(connection, "customers_customer", kind="organisation", name="kept of two", version=2)
        (kept_of_two,) = connection.execute("SELECT max(id) FROM customers_customer").fetchone() or (0,)
        _insert(connection, "core_outboxevent", name="customers.customer.merged", entity="x", record_id=kept_of_two)
        _insert(
            connection,
            "core_automationrule",
            key="k",
            name_zh=MARK,
            name_en=MARK,
            entity="customers.customer",
            active=True,
        )
        _insert(connection, "core_outboxevent", name="x", entity="x", error="gave up", delivered_at="now")
    text = "\n".join(compare(ledger, fresh_database, files).faults)
    assert "deal: 11.00 of customer 8 instead of 10.00 of 7" in text
    assert "value of opportunities in the tally: 0 beside 11.00" in text
    assert "1 opportunities the audit does not know" in text
    assert f"{kept}: a row, and not its content" in text
    assert f"{lost}: acknowledged 1, 0 rows of the file" in text
    assert f"{moved}: on customer 9 instead of 7" in text
    assert f"{stray}: a content nobody uploaded" in text
    assert "2 files of customers that are not there" in text
    assert "ruled: the rule made 0 tasks for it" in text
    assert "1 customers that changed another number of times than the audit says" in text
    assert "1 events were given up" in text


def test_every_place_is_come_by_somewhere_and_told_in_the_documents() -> None:
    sources = [each.read_text() for each in (ROOT / "src").rglob("*.py")]
    reached = {name for text in sources for name in re.findall(r"reach(?:\(|, )\"([a-z_.]+)\"", text)}
    assert reached == set(PLACES)
    told = dict(
        re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.+) \|$", (ROOT / "docs/operate/faults.md").read_text(), re.MULTILINE)
    )
    assert told == PLACES


def test_a_place_or_action_that_is_none_is_refused_at_start() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import guanxi.runtime.failpoints"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "GUANXI_FAILPOINT": "records.nowhere:kill"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "records.nowhere:kill; places are records.before_commit" in done.stderr
