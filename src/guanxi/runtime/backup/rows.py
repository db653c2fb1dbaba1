"""Sums over the rows of every table, equal exactly when the rows are (md5 of each row's text, added up)."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from psycopg import sql

#: What the text of a value depends on, besides the value.
_FORM: LiteralString = (
    "SET TIME ZONE 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres';"
    " SET extra_float_digits = 1; SET bytea_output = 'hex'; SET search_path = public"
)
_TABLES: LiteralString = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY c.relname"
)
_SUM: LiteralString = (
    "SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0)::text FROM ONLY {} t"
)

Sums = dict[str, tuple[int, str]]


def sums(connection: psycopg.Connection) -> Sums:
    """Table name → (number of rows, sum of their hashes), of all tables and partitions, as the connection's transaction sees them."""
    connection.execute(_FORM)
    found: Sums = {}
    for (name,) in connection.execute(_TABLES).fetchall():
        row = connection.execute(sql.SQL(_SUM).format(sql.Identifier(name))).fetchone()
        found[name] = (int(row[0]), str(row[1])) if row else (0, "0")
    return found


def is_empty(connection: psycopg.Connection) -> bool:
    """Whether the database holds no table of ours yet."""
    return not connection.execute(_TABLES).fetchall()
