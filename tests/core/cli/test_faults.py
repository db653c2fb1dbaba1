"""Killed parts and named faults under work: what was acknowledged is there exactly once, what was not at most once."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from guanxi.core.cli import faults
from guanxi.core.cli.ledger import Audit, Ledger, compare
from tests.runtime.helpers import ROOT, free_ports


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    seen: list[faults.Round] = []
    plan = ("web", "everything", "postgres", "records.before_commit:kill@4", "outbox.before_commit:kill@2")
    found = faults.run(tmp_path, free_ports(), plan=plan, seconds=1.5, report=seen.append)
    assert found.faults == []
    assert found.created > 10
    assert found.changed > 10
    assert [each.fault for each in seen] == list(plan)
    assert sum(each.unanswered for each in seen) > 0, "the faults hit nobody"


def test_the_comparison_finds_what_is_lost_doubled_or_unaudited(fresh_database: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for key, token, status, record in (("1", "lost", 201, 5), ("2", "doubled", 201, 6), ("3", "never", None, None)):
        ledger.intend(key, "create", token)
        if status:
            ledger.acknowledge(key, status, record)
    ledger.intend("4", "change", "unaudited", 6)
    ledger.acknowledge("4", 200, 6)
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        columns = "kind, name, short_name, created_at, updated_at, version, custom"
        connection.execute("ALTER TABLE customers_customer DISABLE TRIGGER ALL")
        needed = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'customers_customer'"
            " AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND column_name <> ALL(%s)",
            [columns.split(", ")],
        ).fetchall()
        empty = {"jsonb": "'[]'", "boolean": "false", "ARRAY": "'{}'", "integer": "0", "numeric": "0", "bigint": "0"}
        names = "".join(f", {name}" for name, _kind in needed)
        values = "".join(f", {empty.get(kind, chr(39) * 2)}" for _name, kind in needed)
        for name in ("doubled", "doubled"):
            connection.execute(
                f"INSERT INTO customers_customer ({columns}{names})"
                f" VALUES ('organisation', %s, '', now(), now(), 1, '{{}}'{values})",
                [name],
            )
    found: Audit = compare(ledger, fresh_database)
    text = "\n".join(found.faults)
    assert "lost: acknowledged 1, 0 rows" in text
    assert "doubled: acknowledged 1, 2 rows" in text
    assert "0 audit entries, 0 events, 0 search documents" in text
    assert "unaudited: acknowledged 1, audited 0 times" in text
    assert "never" not in text
    assert found.unanswered == 1


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
