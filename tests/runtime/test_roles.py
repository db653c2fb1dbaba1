"""The application's role adds to the audit and reads it; whatever else it tries is refused by the database itself."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from guanxi.runtime import roles
from guanxi.runtime.backup import making
from guanxi.runtime.environment import APPLICATION_ROLE, Environment, environment

ENTRY = "INSERT INTO core_auditentry (at, entity, record_id, action) VALUES (now(), 'x', 1, 'create') RETURNING id"
LOOK = "INSERT INTO core_accessentry (at, sort, entity, field, details, actor_name, via, request_id, address) VALUES (now(), 'export', '', '', '{}', '', '', '', '')"
FORBIDDEN = [
    "UPDATE core_auditentry SET actor_name = 'nobody'",
    "DELETE FROM core_auditentry",
    "TRUNCATE core_auditentry",
    "DROP TABLE core_auditentry",
    "DROP TABLE core_auditentry CASCADE",
    "ALTER TABLE core_auditentry DISABLE TRIGGER ALL",
    "ALTER TABLE core_auditentry ADD COLUMN x int",
    "ALTER TABLE core_auditentry RENAME TO other",
    "ALTER TABLE core_auditentry DETACH PARTITION core_auditentry_other",
    "ALTER TABLE core_auditentry OWNER TO guanxi_app",
    "DROP TRIGGER audit_keep ON core_auditentry",
    "CREATE TRIGGER mine BEFORE INSERT ON core_auditentry FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE mine AS ON INSERT TO core_auditentry DO INSTEAD NOTHING",
    "UPDATE core_auditentry_other SET actor_name = 'nobody'",
    "DELETE FROM core_auditentry_other",
    "TRUNCATE core_auditentry_other",
    "DELETE FROM core_auditseal",
    "TRUNCATE core_auditseal",
    "UPDATE core_auditseal SET last_entry = 0",
    "UPDATE core_auditseal SET digest = 'made up'",
    "ALTER TABLE core_auditseal DISABLE TRIGGER ALL",
    "INSERT INTO core_auditredaction (entry_id, digest, erasure_id) VALUES (1, '', 1)",
    "DELETE FROM core_auditredaction",
    "UPDATE core_accessentry SET actor_name = 'nobody'",
    "DELETE FROM core_accessentry",
    "TRUNCATE core_accessentry",
    "CREATE OR REPLACE FUNCTION guanxi_audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    "DROP FUNCTION guanxi_audit_keep() CASCADE",
    "SET session_replication_role = replica",
    "SET ROLE guanxi",
    "SET SESSION AUTHORIZATION guanxi",
    "ALTER ROLE guanxi_app SUPERUSER",
    "DROP SCHEMA public CASCADE",
    "ALTER DATABASE {database} OWNER TO guanxi_app",
    "COPY core_user TO PROGRAM 'cat'",
    "SELECT pg_read_file('PG_VERSION')",
]


@pytest.fixture
def served(fresh_database: str) -> Iterator[psycopg.Connection]:
    """A connection as the served product has it, to a database with an entry, a look and a finished seal."""
    with psycopg.connect(fresh_database.replace("guanxi@", f"{APPLICATION_ROLE}@"), autocommit=True) as connection:
        connection.execute(ENTRY)
        connection.execute(LOOK)
        connection.execute("INSERT INTO core_auditseal (at, last_entry, horizon, digest) VALUES (now(), 1, 1, '')")
        connection.execute("UPDATE core_auditseal SET entries = 1, digest = 'sealed'")
        yield connection


def _state(connection: psycopg.Connection) -> list[object]:
    tables = ("core_auditentry", "core_auditseal", "core_accessentry", "core_auditredaction")
    return [connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables]


def test_each_way_to_touch_the_audit_is_refused(served: psycopg.Connection) -> None:
    before = _state(served)
    assert [len(rows) for rows in before[:3]] == [1, 1, 1]  # type: ignore[arg-type]
    went_through = []
    for statement in FORBIDDEN:
        with served.transaction(force_rollback=True):
            served.execute("SET LOCAL guanxi.audit_upkeep = 'on'")
            served.execute("SET LOCAL guanxi.throw_away = 'on'")
            try:
                with served.transaction():
                    served.execute(statement.format(database=served.info.dbname))
                went_through.append(statement)
            except psycopg.errors.InsufficientPrivilege:
                pass
    assert went_through == []
    served.execute("GRANT ALL ON core_auditentry TO guanxi_app")  # PostgreSQL only warns that it gave nothing
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        served.execute("DELETE FROM core_auditentry")
    assert _state(served) == before


def test_it_does_its_own_work_with_custom_objects_fields_and_partitions(served: psycopg.Connection) -> None:
    for statement in (
        "SELECT guanxi_audit_partition('2031-05-01')",
        "CREATE TABLE core_objectrecord_x PARTITION OF core_objectrecord FOR VALUES IN ('x')",
        "CREATE INDEX mine ON customers_customer (updated_at, id)",
        "ALTER TABLE customers_customer ADD COLUMN x int",
        "ANALYZE customers_customer",
        "DROP TABLE core_objectrecord_x",
    ):
        served.execute(statement)
    partition = served.execute(
        "SELECT pg_get_userbyid(relowner), has_table_privilege(oid, 'SELECT'), has_table_privilege(oid, 'UPDATE, DELETE')"
        " FROM pg_class WHERE relname = 'core_auditentry_203105'"
    ).fetchone()
    assert partition == ("guanxi", True, False)


def test_an_object_is_made_again_after_an_upgrade(fresh_database: str, served: psycopg.Connection) -> None:
    function = "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
    trigger = "CREATE TRIGGER {0} AFTER INSERT ON core_objectrecord_x FOR EACH STATEMENT EXECUTE FUNCTION {0}()"
    for _time in range(2):
        served.execute("CREATE TABLE core_objectrecord_x PARTITION OF core_objectrecord FOR VALUES IN ('x')")
        served.execute(function.format("pgtrigger_audit_insert_x"))
        served.execute(trigger.format("pgtrigger_audit_insert_x"))
        roles.divide(_settings(fresh_database))
        served.execute("DROP TABLE core_objectrecord_x CASCADE")
        roles.divide(_settings(fresh_database))
    row = served.execute(
        "SELECT p.proname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE t.tgrelid = 'customers_customer'::regclass AND p.proname LIKE 'pgtrigger\\_audit\\_%' LIMIT 1"
    ).fetchone()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        served.execute(function.format(row[0] if row else ""))


def test_values_leave_the_audit_only_for_an_erasure_in_the_register(served: psycopg.Connection) -> None:
    before = _state(served)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        served.execute("SELECT guanxi_audit_redact(%s, 'x', ARRAY[1::bigint])", [4711])
    assert _state(served) == before


def test_what_a_migration_made_goes_to_the_application(fresh_database: str) -> None:
    settings = _settings(fresh_database)
    with psycopg.connect(fresh_database, autocommit=True) as owner:
        owner.execute("CREATE TABLE later (id bigint GENERATED BY DEFAULT AS IDENTITY)")
        owner.execute("CREATE SEQUENCE numbers")
        owner.execute("ALTER TABLE core_auditseal OWNER TO guanxi_app")
        roles.divide(settings)
        found: dict[str, str] = dict(
            owner.execute(
                "SELECT relname, pg_get_userbyid(relowner) FROM pg_class WHERE relname IN ('later', 'numbers', 'core_auditseal')"
            ).fetchall()
        )
    assert found == {"later": "guanxi_app", "numbers": "guanxi_app", "core_auditseal": "guanxi"}
    assert roles.divided(settings)
    assert not roles.divided(replace(settings, database_url=fresh_database.replace("guanxi@", "someone@")))


def test_a_backup_needs_no_more_than_the_application_has(fresh_database: str, tmp_path: Path) -> None:
    settings = replace(_settings(fresh_database), data=tmp_path, owner_database_url="", sources={})
    made = making.make(settings, target=tmp_path / "one.guanxi", passphrase="", tell=lambda _text: None)
    assert made.place.stat().st_size > 10_000


def test_one_role_for_everything_stays_as_it_is(fresh_database: str) -> None:
    settings = replace(environment(), database_url=fresh_database, owner_database_url="")
    assert roles.application(settings) == ""
    assert roles.divided(settings)
    roles.divide(settings)


def _settings(owner: str) -> Environment:
    served = owner.replace("guanxi@", f"{APPLICATION_ROLE}@")
    return replace(environment(), database_url=served, owner_database_url=owner)
