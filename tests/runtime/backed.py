"""A small workspace to back up."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from guanxi.runtime.environment import Environment, environment

CONTENT = "合同正文".encode() * 1000


DIGEST = hashlib.sha256(CONTENT).hexdigest()


KNOWN = {"core.0001_initial"}


def quiet(_text: str) -> None:
    """Say nothing."""


@pytest.fixture
def home(fresh_database: str, tmp_path: Path) -> Environment:
    """A workspace with a table of odd values, a file and a secret."""
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("CREATE TABLE django_migrations (app text, name text)")
        connection.execute("INSERT INTO django_migrations VALUES ('core', '0001_initial')")
        connection.execute("CREATE TABLE core_file (id int, digest text)")
        connection.execute("INSERT INTO core_file VALUES (1, %s), (2, %s)", [DIGEST, DIGEST])
        connection.execute("CREATE TABLE odd (a text, b numeric, c timestamptz, d jsonb, e bytea, f float8)")
        connection.execute(
            "INSERT INTO odd SELECT '客户 ' || n, n / 7.0, now() - n * interval '1 hour', jsonb_build_object('n', n),"
            " decode(md5(n::text), 'hex'), sqrt(n) FROM generate_series(1, 2000) n"
        )
    place = tmp_path / "files" / DIGEST[:2] / DIGEST[2:4] / DIGEST
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    (tmp_path / "secret").write_text("the-key\n")
    return replace(
        environment(),
        data=tmp_path,
        database_url=fresh_database,
        backup_folder=None,
        backup_keep=2,
        sources={"DATABASE_URL": "environment"},
    )
