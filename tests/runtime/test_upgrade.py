"""The database of an earlier state of this release upgrades: every column that is there before and after holds the same.

``release.sql.xz`` is a dump of a small workspace (users, customers, contacts, tasks, their history). It is replaced when a release is made.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from guanxi.core.cli.faults.speaking import Client, to_port
from guanxi.runtime import external
from guanxi.runtime.backup import programs, rows
from guanxi.runtime.environment import read
from tests.runtime.helpers import ROOT, Server, guanxi

FIXTURE = Path(__file__).parent / "release.sql.xz"
#: Tables that say how a database was made, not what is in it; migrations and base data write them.
OWN = {"django_migrations", "django_content_type", "auth_permission", "guanxi_runtime", "core_stamp"}
#: ``table.column`` that a migration or new base data is meant to change since; forget them when the fixture is replaced.
MEANT: frozenset[str] = frozenset(
    # Rights the base roles held on what their records do not have are taken away.
    f"core_roleright.{column}"
    for column in ("id", "role_id", "entity", "action", "scope", "departments")
) | {
    # What base data was ever loaded is noted in one preference.
    "core_preference.value",
}
_COLUMNS: LiteralString = (
    "SELECT table_name::text, column_name::text FROM information_schema.columns c JOIN pg_class p"
    " ON p.relname = c.table_name AND p.relkind = 'r' WHERE table_schema = 'public' ORDER BY 1, 2"
)
_SUM: LiteralString = "SELECT count(*), coalesce(sum(('x' || left(md5({0}::text), 15))::bit(60)::bigint), 0)::text FROM ONLY {1} WHERE true"


def _sums(url: str, only: dict[str, int] | None = None) -> dict[str, tuple[int, str]]:
    """``table.column`` → rows and the sum of their hashes; of tables in ``only`` just the rows with ids up to its value."""
    found: dict[str, tuple[int, str]] = {}
    with psycopg.connect(url) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        for table, column in connection.execute(_COLUMNS).fetchall():
            if table in OWN or table.startswith("procrastinate_"):
                continue
            query = sql.SQL(_SUM).format(sql.Identifier(column), sql.Identifier(table))
            if only is not None and table in only:
                query = sql.SQL("{} AND id <= {}").format(query, only[table])
            row = connection.execute(query).fetchone()
            found[f"{table}.{column}"] = (row[0], row[1]) if row else (0, "")
    return found


def _last_ids(url: str) -> dict[str, int]:
    """The greatest id of each table that has numbers for ids: what a migration adds comes after it."""
    found: dict[str, int] = {}
    with psycopg.connect(url) as connection:
        for table, column in connection.execute(_COLUMNS + " ").fetchall():
            if column != "id":
                continue
            row = connection.execute(
                sql.SQL("SELECT max(id) FROM ONLY {} WHERE pg_typeof(id)::text IN ('bigint', 'integer')").format(
                    sql.Identifier(table)
                )
            ).fetchone()
            if row and isinstance(row[0], int):
                found[table] = row[0]
    return found


@pytest.mark.slow
def test_what_an_upgrade_does_not_touch_is_the_same_to_the_row(fresh_database: str, tmp_path: Path) -> None:
    own = {"DATABASE_URL": fresh_database, "GUANXI_DATA": str(tmp_path)}
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    text = tmp_path / "release.sql"
    text.write_bytes(lzma.decompress(FIXTURE.read_bytes()))
    programs.run(read(own), "psql", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={text}")
    before, last = _sums(fresh_database), _last_ids(fresh_database)
    assert before["customers_customer.name"][0] >= 30

    done = guanxi("migrate", "--json", timeout=400, **own)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["applied"] > 0, "the fixture is no older than the code: it shows nothing"
    after = _sums(fresh_database, last)
    changed = {name for name, each in before.items() if name in after and after[name] != each}
    assert changed - MEANT == set()
    assert {name for name in before if name not in after} - MEANT == set()
    assert guanxi("migrate", "--check", **own).returncode == 0


def _shape(url: str) -> tuple[list[tuple[object, ...]], rows.Sums]:
    """Columns, applied migrations and the sums of all rows, the notes about the database left out."""
    with psycopg.connect(url) as connection:
        columns = (
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        )
        applied = "SELECT app, name, '' FROM django_migrations"
        shape = connection.execute(f"{columns} UNION ALL {applied} ORDER BY 1, 2").fetchall()
        sums = rows.sums(connection)
    return shape, {
        name: each for name, each in sums.items() if not name.startswith("procrastinate_") and name != external.NOTES
    }


@pytest.mark.slow
def test_an_upgrade_that_fails_leaves_the_old_release_at_work(fresh_database: str, tmp_path: Path) -> None:
    own = {"DATABASE_URL": fresh_database, "GUANXI_DATA": str(tmp_path / "data"), "GUANXI_WEB_WORKERS": "1"}
    newer = own | {"DJANGO_SETTINGS_MODULE": "tests.newer.settings", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    assert guanxi("migrate", timeout=400, **own).returncode == 0
    assert (
        guanxi("user", "create", "alice", "--email", "a@example.com", "--role", "administrator", **own).returncode == 0
    )
    made = guanxi("token", "create", "alice", "--name", "one", "--scopes", "read,write", "--json", **own)
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'fakes'")  # known to tests only
    server = Server(tmp_path / "serve.log", "--only", "web", **own)
    try:
        server.wait_ready(120)
        client = Client(to_port(server.port), json.loads(made.stdout)["token"])

        def saved(name: str) -> None:
            answer = client.send("POST", "/api/v1/customers/", {"name": name, "kind": "organisation"}, name)
            assert answer is not None, server.log.read_text()
            assert (answer[0], answer[1]["name"]) == (201, name)

        saved("before")
        was = _shape(fresh_database)
        tried = guanxi("migrate", "--rehearse", timeout=400, **newer)
        assert (tried.returncode, "newer.0002_broken failed" in tried.stderr) == (1, True), tried.stderr
        assert _shape(fresh_database) == was, "it was tried on a copy"
        with psycopg.connect(fresh_database) as connection:
            left = connection.execute(
                "SELECT count(*) FROM pg_database WHERE datname LIKE 'guanxi_rehearsal%'"
            ).fetchone()
        assert left == (0,)

        done = guanxi("migrate", timeout=400, **newer)
        assert done.returncode == 1
        assert "newer.0002_broken failed and was taken back: division by zero" in done.stderr
        assert "1 applied before it were taken back too: the former release goes on" in done.stderr
        assert "Traceback" not in done.stderr
        assert _shape(fresh_database) == was
        assert server.get("/readyz")[0] == 200
        saved("after")
    finally:
        server.end()
    check = guanxi("migrate", "--check", "--json", **own)
    assert (check.returncode, json.loads(check.stdout)) == (0, {"missing": []}), "the old release starts on it"
    fine = guanxi("migrate", "--rehearse", "--json", timeout=400, **own)
    assert (fine.returncode, json.loads(fine.stdout)["applied"]) == (0, 0), fine.stderr
