"""``guanxi user`` and ``guanxi token`` as a script calls them."""

import hashlib
import json
from pathlib import Path

import psycopg
import pytest

from tests.runtime.helpers import guanxi


@pytest.mark.slow
def test_a_user_and_his_token_from_the_console(fresh_database: str, tmp_path: Path) -> None:
    own = {"DATABASE_URL": fresh_database, "GUANXI_DATA": str(tmp_path), "GUANXI_URL": "https://crm.example.com"}
    assert guanxi("migrate", **own).returncode == 0

    unknown = guanxi("user", "create", "alice", "--role", "emperor", **own)
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("There is no role called emperor. There are: administrator, ")

    made = guanxi("user", "create", "alice", "--email", "alice@example.com", "--role", "manager", "--json", **own)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["username"] == "alice"
    assert json.loads(made.stdout)["link"].startswith("https://crm.example.com/account/link/")

    listed = json.loads(guanxi("user", "list", "--json", **own).stdout)
    assert [(each["username"], each["roles"], each["active"]) for each in listed] == [("alice", "manager", True)]

    token = guanxi("token", "create", "alice", "--name", "nightly", "--scopes", "read,write", "--json", **own)
    assert token.returncode == 0, token.stderr
    secret = json.loads(token.stdout)["token"]
    with psycopg.connect(fresh_database) as connection:
        rows = connection.execute("SELECT name, digest, scopes, revoked_at FROM core_apitoken").fetchall()
    assert rows == [("nightly", hashlib.sha256(secret.encode()).hexdigest(), ["read", "write"], None)]

    refused = guanxi("token", "create", "alice", "--name", "nightly", "--scopes", "everything", **own)
    assert refused.returncode == 1
    assert guanxi("token", "create", "bob", "--name", "x", **own).stderr == "There is no user called bob.\n"

    number = str(json.loads(token.stdout)["id"])
    assert guanxi("token", "revoke", number, **own).returncode == 0
    states = [each["state"] for each in json.loads(guanxi("token", "list", "alice", "--json", **own).stdout)]
    assert states == ["revoked"]


def test_wrong_usage_ends_with_two() -> None:
    assert guanxi("token", "create").returncode == 2
    assert guanxi("no-such-command").returncode == 2
    assert guanxi("--help").returncode == 0
