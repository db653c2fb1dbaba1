"""After a test with real commits the database is as it was before the first: base data and the cast, nothing else.

Emptying three hundred tables and loading base data anew takes over a second; deleting what there is and copying the
first rows back, a tenth of that.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.backends.postgresql.operations import DatabaseOperations

from guanxi.core.models import stamps

_rows: dict[str, bytes] = {}

#: What people make of the shape of the database: counters of numbers and tables of objects, of which base data have none.
_SHAPED = (
    "SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%I', relname) FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace"
    " AND (relkind = 'S' AND relname LIKE 'guanxi\\_number\\_%' OR relkind = 'r' AND relname LIKE 'core\\_object\\_%')"
)


def _filled(cursor: Any) -> list[str]:
    """Tables that hold, or held, a row."""
    cursor.execute(
        "SELECT format('%I', relname) FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0"
    )
    return [name for (name,) in cursor.fetchall()]


def keep() -> None:
    """Remember the rows of now as those every test finds."""
    _rows.clear()
    with connection.cursor() as cursor:
        for table in _filled(cursor):
            with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
                _rows[table] = b"".join(bytes(part) for part in copy)


def put_back() -> None:
    """Make the rows those that were kept; triggers and references are not asked."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(_SHAPED)
        for sort, name in cursor.fetchall():
            cursor.execute(f"DROP {sort} {name}")
        for table in _filled(cursor):
            cursor.execute(f"DELETE FROM {table}")
        for table, rows in _rows.items():
            with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                copy.write(rows)
    stamps.refresh()


def _flush(_self: Any, _sql_list: Any) -> None:
    """A page that is still being answered by the test's server may hold what is deleted: it is waited for."""
    for attempt in range(5):
        try:
            put_back()
            return
        except OperationalError as error:
            if attempt == 4 or "deadlock" not in str(error):
                raise
            time.sleep(0.5)


DatabaseOperations.execute_sql_flush = _flush  # type: ignore[method-assign]
