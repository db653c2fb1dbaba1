"""Two roles in the database: the owner, who migrates, and the application's, who may add to the audit and never touch it.

Everything belongs to the application's role, for the product makes tables, triggers and indexes for custom objects and
fields while it runs; except the audit and how it is written, which stay with the owner. (Triggers of custom objects are the
application's too: it drops an object's table and may make it again.)
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

_KEPT_TABLES: LiteralString = """
SELECT c.oid, c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND (c.relname = ANY(%(kept)s)
   OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = ANY(%(kept)s)))
"""
#: Kind and name of everything in the schema whose owner is not the one wanted: the application, or of the audit the owner.
_FOREIGN: LiteralString = """
WITH wanted AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS sort,
           c.oid::regclass::text AS name, c.relowner AS owner, c.oid = ANY(%(tables)s) AS kept
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'))
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::regprocedure::text, p.proowner,
           p.proname LIKE 'guanxi\\_audit%%' OR p.proname LIKE 'pgtrigger\\_audit\\_%%' AND EXISTS (
               SELECT 1 FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgrelid NOT IN (
                   SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('public.core_objectrecord')))
    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
)
SELECT sort, name, kept FROM wanted
WHERE owner <> CASE WHEN kept THEN %(owner)s ELSE %(application)s END::regrole
"""
#: The counters of tables; pg_dump reads them.
_COUNTERS: LiteralString = """
SELECT s.oid::regclass::text FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid::regclass::text = ANY(%s)
"""
#: What the application may do with the audit, and with what writes it.
_RIGHTS: LiteralString = """
GRANT SELECT, INSERT ON core_auditentry, core_auditseal, core_accessentry TO {role};
GRANT UPDATE (entries, digest) ON core_auditseal TO {role};
GRANT SELECT ON core_auditredaction TO {role};
"""


def application(settings: Environment) -> str:
    """Name of the application's role when it is another than the owner's, else an empty text."""
    served, owner = conninfo_to_dict(settings.database_url), conninfo_to_dict(settings.owner_url)
    return str(served.get("user") or "") if served.get("user") != owner.get("user") else ""


def divided(settings: Environment) -> bool:
    """Whether nothing is to be done: there is one role only, or the two were divided in this database."""
    role = application(settings)
    return not role or external.recorded(settings, RECORD) == role


def divide(settings: Environment) -> None:
    """Give each of the two roles what is his in the database; without a second role, nothing.

    Again after each migration, for what is made belongs to who made it. Raises ``Trouble`` when the owner may not.
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
    connection.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(name))
    tables = connection.execute(_KEPT_TABLES, {"kept": list(KEPT)}).fetchall()
    wanted = {"tables": [oid for oid, _name in tables], "owner": owner, "application": role}
    for sort, what, kept in connection.execute(_FOREIGN, wanted).fetchall():
        connection.execute(
            sql.SQL("ALTER {} {} OWNER TO {}").format(
                sql.SQL(sort), sql.SQL(what), sql.Identifier(owner if kept else role)
            )
        )
    _grant(connection, name, tables)


def _grant(connection: psycopg.Connection, name: sql.Identifier, tables: list[tuple[Any, ...]]) -> None:
    with connection.transaction():
        for _oid, called in tables:
            table = sql.SQL(called)
            connection.execute(sql.SQL("REVOKE ALL ON {} FROM PUBLIC, {}").format(table, name))
            connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(table, name))
        for (counter,) in connection.execute(_COUNTERS, [[table for _oid, table in tables]]).fetchall():
            connection.execute(sql.SQL("GRANT SELECT ON SEQUENCE {} TO {}").format(sql.SQL(counter), name))
        there = connection.execute(
            "SELECT bool_and(to_regclass(t) IS NOT NULL) FROM unnest(%s::text[]) t", [list(KEPT)]
        )
        if (there.fetchone() or (False,))[0]:
            connection.execute(sql.SQL(_RIGHTS).format(role=name))
        for (function,) in connection.execute(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
            " AND proname LIKE 'guanxi\\_audit%'"
        ).fetchall():
            connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(sql.SQL(function)))
            connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), name))
