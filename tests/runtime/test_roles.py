"""The application's role works with rows and adds to the audit; whatever else it tries is refused by the database itself."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from guanxi.runtime import external, roles
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
    # the shape of the database, through which changes would pass by the audit or code run as the owner
    "ALTER TABLE customers_customer DISABLE TRIGGER ALL",
    "ALTER TABLE customers_customer OWNER TO guanxi_app",
    "ALTER TABLE customers_customer ADD COLUMN x int",
    "DROP TABLE customers_customer CASCADE",
    "TRUNCATE customers_customer CASCADE",
    "CREATE TABLE mine (id int)",
    "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "CREATE TRIGGER mine AFTER INSERT ON customers_customer EXECUTE FUNCTION guanxi_audit_keep()",
    "CREATE INDEX mine ON customers_customer (id)",
    "CREATE SCHEMA mine",
    "CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "INSERT INTO core_objectrecord (object, id) VALUES ('x', 1)",
    "DELETE FROM core_objectrecord",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('core', '9999', now())",
    # and what the doors would have to be talked into
    "SELECT guanxi_door_object_make('x; DROP TABLE core_user')",
    "SELECT guanxi_door_unindex('customers_customer_pkey')",
    "SELECT guanxi_door_unique('core_auditentry', 'gx_uq_x', '[{\"column\": \"entity\"}]')",
    "SELECT guanxi_door_unique('core_auditentry_other', 'gx_uq_x', '[{\"column\": \"entity\"}]')",
    "SELECT guanxi_door_unique('pg_authid', 'gx_uq_x', '[{\"column\": \"rolname\"}]')",
    "SELECT guanxi_door_number_make('core_user_id_seq', 1)",
    """SELECT guanxi_door_due('[{"table": "core_auditentry", "verb": "insert", "watches": []}]')""",
    """SELECT guanxi_door_due('[{"table": "customers_customer", "verb": "truncate", "watches": []}]')""",
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
                    served.execute(statement.replace("{database}", served.info.dbname))
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
        "SELECT guanxi_door_object_make('x')",
        'SELECT guanxi_door_unique(\'core_object_x\', \'gx_uq_x\', \'[{"custom": "code"}, {"column": "name"}]\')',
        "SELECT guanxi_door_number_make('guanxi_number_1_all', 7)",
        "SELECT nextval('guanxi_number_1_all'), setval('guanxi_number_1_all', 9)",
        "SELECT guanxi_door_analyze_import()",
        "SELECT guanxi_door_zone('Europe/Paris')",
    ):
        served.execute(statement)
    partition = served.execute(
        "SELECT pg_get_userbyid(relowner), has_table_privilege(oid, 'SELECT'), has_table_privilege(oid, 'UPDATE, DELETE')"
        " FROM pg_class WHERE relname = 'core_auditentry_203105'"
    ).fetchone()
    assert partition == ("guanxi", True, False)
    definition = served.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'gx_uq_x'").fetchone()
    assert "(custom -> 'code'::text)), name) WHERE ((deleted_at IS NULL) AND (custom ? 'code'::text))" in str(
        definition
    )
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        served.execute("SELECT guanxi_door_zone('nowhere''; DROP TABLE core_user; --')")


def test_records_of_an_object_are_noted_and_its_table_goes_only_without_them(
    fresh_database: str, served: psycopg.Connection
) -> None:
    new = (
        "INSERT INTO core_object_x (name, created_at, updated_at, version, custom, tags, sort_key)"
        " VALUES ('one', now(), now(), 1, '{}', '{}', '') RETURNING id"
    )
    noted = "SELECT action, changes FROM core_auditentry WHERE entity = 'core_object_x' ORDER BY id"
    for time in (1, 2):
        served.execute("SELECT guanxi_door_object_make('x')")
        served.execute('SET guanxi.context = \'{"actor": 7, "via": "web"}\'')
        served.execute(new)
        roles.divide(_settings(fresh_database))  # an upgrade in between leaves it usable
        served.execute("UPDATE core_object_x SET name = 'two'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            served.execute("SELECT guanxi_door_object_drop('x')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            served.execute("ALTER TABLE core_object_x DISABLE TRIGGER ALL")
        served.execute("DELETE FROM core_object_x")
        served.execute("SELECT guanxi_door_object_drop('x')")
        assert served.execute(noted).fetchall() == time * [
            ("create", {"name": [None, "one"], "object": [None, "x"]}),
            ("update", {"name": ["one", "two"]}),
            ("destroy", {"name": ["two", None], "object": ["x", None]}),
        ]
    served.execute("SELECT guanxi_door_object_drop('customer')")  # nothing of that name is an object: nothing happens


DEPARTMENT = (
    "INSERT INTO public.core_department (name, code, path, position, created_at, updated_at, version, custom, tags)"
    " VALUES ('Quiet', 'Q', '/', 1, now(), now(), 1, '{}', '{}')"
)
BYPASSES = [
    "SET pgtrigger.ignore = '{all}'",
    "CREATE TEMP TABLE core_auditentry (LIKE public.core_auditentry)",
    "SET search_path = pg_temp, public; CREATE TEMP TABLE core_auditentry (LIKE public.core_auditentry)",
]


@pytest.mark.parametrize("before", BYPASSES)
def test_a_change_is_noted_whatever_the_session_was_told_before(served: psycopg.Connection, before: str) -> None:
    names = served.execute("SELECT array_agg(tgname) FROM pg_trigger WHERE tgname LIKE 'pgtrigger%'").fetchone()
    served.execute(before.replace("{all}", "{" + ",".join(names[0] if names else []) + "}"))  # type: ignore[arg-type]
    served.execute(DEPARTMENT)
    served.execute("UPDATE public.core_department SET name = 'Loud' WHERE code = 'Q'")
    served.execute("DELETE FROM public.core_department WHERE code = 'Q'")
    noted = served.execute(
        "SELECT action FROM public.core_auditentry WHERE entity = 'core_department' ORDER BY id"
    ).fetchall()
    assert noted == [("create",), ("update",), ("destroy",)]


def test_the_owner_may_load_in_silence(fresh_database: str) -> None:
    with psycopg.connect(fresh_database) as owner:
        names = owner.execute("SELECT array_agg(tgname) FROM pg_trigger WHERE tgname LIKE 'pgtrigger%'").fetchone()
        owner.execute(
            "SELECT set_config('pgtrigger.ignore', %s, false)", ["{" + ",".join(names[0] if names else []) + "}"]
        )
        owner.execute(DEPARTMENT)
        assert owner.execute("SELECT count(*) FROM core_auditentry").fetchone() == (0,)


def test_what_an_earlier_release_gave_the_application_becomes_the_owners(fresh_database: str) -> None:
    """Databases divided so far: all but the audit was the application's, it could make tables, and had made some."""
    with psycopg.connect(fresh_database, autocommit=True) as owner:
        owner.execute("GRANT CREATE ON SCHEMA public TO guanxi_app")
        owner.execute("ALTER TABLE customers_customer OWNER TO guanxi_app")
        owner.execute("ALTER FUNCTION core_zone() OWNER TO guanxi_app")
        with owner.transaction():
            owner.execute("SET LOCAL ROLE guanxi_app")
            owner.execute("CREATE TABLE core_object_old (id int); CREATE SEQUENCE guanxi_number_3_all")
        roles.divide(_settings(fresh_database))
        left = owner.execute(
            "SELECT relname FROM pg_class WHERE relowner = 'guanxi_app'::regrole UNION ALL"
            " SELECT proname FROM pg_proc WHERE proowner = 'guanxi_app'::regrole"
        ).fetchall()
        assert left == []
        rights = owner.execute(
            "SELECT has_table_privilege('guanxi_app', 'core_object_old', 'SELECT'),"
            " has_table_privilege('guanxi_app', 'customers_customer', 'TRUNCATE'),"
            " has_sequence_privilege('guanxi_app', 'guanxi_number_3_all', 'UPDATE'),"
            " has_schema_privilege('guanxi_app', 'public', 'CREATE')"
        ).fetchone()
        assert rights == (True, False, True, False)


def test_values_leave_the_audit_only_for_an_erasure_in_the_register(served: psycopg.Connection) -> None:
    before = _state(served)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        served.execute("SELECT guanxi_audit_redact(%s, 'x', ARRAY[1::bigint])", [4711])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        served.execute("SELECT guanxi_access_forget(%s, ARRAY['x'])", [4711])
    assert _state(served) == before


def test_with_what_a_migration_made_the_application_may_work(fresh_database: str) -> None:
    settings = _settings(fresh_database)
    with psycopg.connect(fresh_database, autocommit=True) as owner:
        owner.execute("CREATE TABLE later (id bigint GENERATED BY DEFAULT AS IDENTITY)")
        owner.execute("CREATE SEQUENCE numbers")
        roles.divide(settings)
    with psycopg.connect(settings.database_url, autocommit=True) as served:
        served.execute(
            "INSERT INTO later DEFAULT VALUES; UPDATE later SET id = 2; DELETE FROM later; SELECT nextval('numbers')"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            served.execute("DROP TABLE later")
    assert roles.divided(settings)
    assert not roles.divided(replace(settings, database_url=fresh_database.replace("guanxi@", "someone@")))


def test_a_node_without_the_owners_address_starts_and_says_when_a_migration_is_missing(fresh_database: str) -> None:
    node = replace(_settings(fresh_database), owner_database_url="")
    assert external.check(node)
    assert not external.may_change(node)
    external.record(node, "administrator", "there")
    assert external.recorded(node, "administrator") == "there"
    assert external.may_change(_settings(fresh_database))


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
