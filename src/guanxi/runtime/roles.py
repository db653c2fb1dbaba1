"""Two roles in the database: the owner, to whom everything belongs, and the application's, who works with the rows.

The application's role reads, adds, changes and deletes rows; of the audit it may only add. It makes no table, index, trigger
or function: what the product changes of the shape of the database while it runs goes through functions of the owner, the
doors (``core/migrations/_doors.py``).
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from guanxi.runtime import external
from guanxi.runtime.environment import Environment
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

#: What is recorded once the roles are divided: the name of the application's role.
RECORD = "application_role"
#: The audit: who changed what, who looked, what was erased from it, and the seals over it.
KEPT = ("core_auditentry", "core_auditredaction", "core_auditseal", "core_accessentry")

#: What it reads only: a table it works with by the parts that are audited, and which migrations were made.
READ = ("core_objectrecord", "django_migrations")

_KEPT_TABLES: LiteralString = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND (c.relname = ANY(%(kept)s)
   OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = ANY(%(kept)s)))
"""
_READ_TABLES: LiteralString = """
SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%(kept)s)
"""
#: Kind and name of everything in the schema that is not the owner's.
_FOREIGN: LiteralString = """
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
       c.oid::regclass::text
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relowner <> %(owner)s::regrole
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'))
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::regprocedure::text
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> %(owner)s::regrole
"""
#: The counters of tables; pg_dump reads them.
_COUNTERS: LiteralString = """
SELECT s.oid::regclass::text FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid::regclass::text = ANY(%s)
"""
#: Counters of numbers, which people may set.
_NUMBERS: LiteralString = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND relname LIKE 'guanxi\\_number\\_%'
"""
#: What the application may do with rows, and no more: also of what was its own before.
_ROWS: LiteralString = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role};
GRANT USAGE ON SCHEMA public TO {role};
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
"""
#: What it may do with the audit.
_AUDIT: LiteralString = """
GRANT INSERT ON core_auditentry, core_auditseal, core_accessentry TO {role};
GRANT UPDATE (entries, digest) ON core_auditseal TO {role};
"""
#: Functions that work with the rights of the owner, whatever they are for.
_DOORS: LiteralString = (
    "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
)


def application(settings: Environment) -> str:
    """Name of the application's role when it is another than the owner's, else an empty text."""
    served, owner = conninfo_to_dict(settings.database_url), conninfo_to_dict(settings.owner_url)
    return str(served.get("user") or "") if served.get("user") != owner.get("user") else ""


def divided(settings: Environment) -> bool:
    """Whether nothing is to be done: there is one role only, or the two were divided in this database."""
    role = application(settings)
    return not role or external.recorded(settings, RECORD) == role


def divide(settings: Environment) -> None:
    """Give the application's role its rights in the database, and the owner everything else; without a second role, nothing.

    Again after each migration, for what is made there is the owner's alone. Raises ``Trouble`` when the owner may not.
    """
    role = application(settings)
    if not role:
        return
    external.record(settings, RECORD, "")  # makes the table of notes, which is given over with the others
    try:
        with psycopg.connect(settings.owner_url, connect_timeout=5, autocommit=True) as connection:
            _divide(connection, role)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Trouble(
            _(
                "The roles of the database cannot be divided: %(reason)s. As its administrator run: GRANT %(role)s TO "
                "%(owner)s; and make %(owner)s the owner of the database."
            )
            % {"reason": str(error).strip().splitlines()[0], "role": role, "owner": _owner(settings)}
        ) from None
    external.record(settings, RECORD, role)


def _owner(settings: Environment) -> str:
    return str(conninfo_to_dict(settings.owner_url).get("user") or "")


def _divide(connection: psycopg.Connection, role: str) -> None:
    found = connection.execute(
        "SELECT current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),"
        " EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %s)",
        [role],
    ).fetchone()
    owner, powerful, there = found or ("", False, False)
    name = sql.Identifier(role)
    if not there:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(name)
        )
    if powerful:  # counts of waiting connections and of replicas are told to those only
        connection.execute(sql.SQL("GRANT pg_monitor TO {}").format(name))
    for sort, what in connection.execute(_FOREIGN, {"owner": owner}).fetchall():
        connection.execute(
            sql.SQL("ALTER {} {} OWNER TO {}").format(sql.SQL(sort), sql.SQL(what), sql.Identifier(owner))
        )
    with connection.transaction():
        _grant(connection, name)


def _grant(connection: psycopg.Connection, name: sql.Identifier) -> None:
    connection.execute(sql.SQL(_ROWS).format(role=name))
    kept = _names(connection, _KEPT_TABLES, {"kept": list(KEPT)})
    for table in [*kept, *_names(connection, _READ_TABLES, {"kept": list(READ)})]:
        connection.execute(sql.SQL("REVOKE INSERT, UPDATE, DELETE ON {} FROM {}").format(sql.SQL(table), name))
    for counter in _names(connection, _COUNTERS, [kept]):
        connection.execute(sql.SQL("REVOKE USAGE ON SEQUENCE {} FROM {}").format(sql.SQL(counter), name))
    for counter in _names(connection, _NUMBERS):
        connection.execute(sql.SQL("GRANT UPDATE ON SEQUENCE {} TO {}").format(sql.SQL(counter), name))
    if {*KEPT} <= {*kept}:
        connection.execute(sql.SQL(_AUDIT).format(role=name))
    for function in _names(connection, _DOORS):
        connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(sql.SQL(function)))
        connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), name))


def _names(connection: psycopg.Connection, statement: LiteralString, given: Any = None) -> list[str]:
    return [str(name) for (name,) in connection.execute(statement, given).fetchall()]
