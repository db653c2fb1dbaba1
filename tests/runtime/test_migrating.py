import json
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from guanxi.runtime import external
from guanxi.runtime.environment import Environment, read
from tests.runtime.helpers import guanxi, variables


@pytest.fixture
def own(fresh_database: str, tmp_path: Path) -> dict[str, str]:
    """The variables of an installation on a migrated database of its own."""
    return {"DATABASE_URL": fresh_database, "GUANXI_DATA": str(tmp_path)}


def _settings(own: dict[str, str]) -> Environment:
    return read(own)


def _forget(own: dict[str, str], app: str, name: str) -> None:
    with psycopg.connect(own["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", [app, name])


def test_nothing_is_missing_after_all_was_applied(own: dict[str, str]) -> None:
    done = guanxi("migrate", "--json", **own)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"applied": 0}), done.stderr
    assert external.recorded(_settings(own), "migrations") == external.fingerprint()
    check = guanxi("migrate", "--check", "--json", **own)
    assert (check.returncode, json.loads(check.stdout)) == (0, {"missing": []})


def test_a_migration_applied_half_way_is_said_with_the_way_out(own: dict[str, str]) -> None:
    _forget(own, "sessions", "0001_initial")
    check = guanxi("migrate", "--check", "--json", **own)
    assert (check.returncode, json.loads(check.stdout)) == (1, {"missing": ["sessions.0001_initial"]})
    done = guanxi("migrate", **own)
    assert done.returncode == 1
    assert "The migration sessions.0001_initial was applied half-way before: relation" in done.stderr
    assert "guanxi migrate --done sessions.0001_initial" in done.stderr
    assert "Traceback" not in done.stderr
    serve = guanxi("serve", "--port", "18149", **own)
    assert serve.returncode == 1
    assert "was applied half-way before" in serve.stderr
    assert "Traceback" not in serve.stderr
    assert guanxi("migrate", "--done", "sessions.0001_initial", **own).returncode == 0
    assert guanxi("migrate", "--check", **own).returncode == 0


def test_an_unknown_migration_cannot_be_marked_done(own: dict[str, str]) -> None:
    done = guanxi("migrate", "--done", "core.9999_nothing", **own)
    assert (done.returncode, done.stderr) == (1, "There is no migration called core.9999_nothing.\n")


def test_a_database_of_a_newer_release_is_refused(own: dict[str, str]) -> None:
    with psycopg.connect(own["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('core', '9999_later', now())")
    done = guanxi("migrate", **own)
    assert done.returncode == 1
    assert done.stderr.startswith("The database was used by a newer release (migration core.9999_later).")


def test_commands_ask_for_missing_migrations_first(own: dict[str, str]) -> None:
    _forget(own, "sessions", "0001_initial")
    done = guanxi("user", "list", **own)
    assert (done.returncode, done.stderr) == (1, "The database is not up to date. Run first: guanxi migrate\n")


def test_a_second_migrator_waits_for_the_first(own: dict[str, str]) -> None:
    with psycopg.connect(own["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [0x67756E7869])
        command = [sys.executable, "-m", "guanxi", "migrate"]
        waiting = subprocess.Popen(command, env=variables(**own), cwd="/", stderr=subprocess.PIPE, text=True)
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == "Another process is changing the database; waiting for it …\n"
        time.sleep(0.2)
        assert waiting.poll() is None
    assert waiting.wait(20) == 0
    waiting.stderr.close()


def test_notes_in_the_database_are_kept_changed_and_removed(own: dict[str, str]) -> None:
    settings = _settings(own)
    assert external.recorded(settings, "colour") == ""
    external.record(settings, "colour", "red")
    external.record(settings, "colour", "blue")
    assert external.recorded(settings, "colour") == "blue"
    external.record(settings, "colour", "")
    assert external.recorded(settings, "colour") == ""


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://u:p@127.0.0.1:1/x", "The database of DATABASE_URL cannot be reached: connection failed"),
        ("postgresql://u@/x?host=/nowhere", "The database of DATABASE_URL cannot be reached: connection"),
        ("mysql://h/x", "DATABASE_URL cannot be “mysql://h/x”: write an address such as postgresql://"),
    ],
)
def test_a_broken_database_url_ends_with_a_sentence(url: str, sentence: str, tmp_path: Path) -> None:
    done = guanxi("serve", "--port", "18148", DATABASE_URL=url, GUANXI_DATA=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert "Traceback" not in done.stderr


def test_a_user_who_may_not_make_tables_is_told_so(own: dict[str, str]) -> None:
    with psycopg.connect(own["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guanxi_reader")
        connection.execute("CREATE ROLE guanxi_reader LOGIN")
    own["DATABASE_URL"] = own["DATABASE_URL"].replace("guanxi@", "guanxi_reader@")
    done = guanxi("serve", "--port", "18148", **own)
    assert done.returncode == 1
    assert done.stderr.startswith("The user of DATABASE_URL may not make tables in that database.")
