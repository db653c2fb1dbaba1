"""What changed in a table since a moment, and what was destroyed, is told by indexes of the audit, made beside the work."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

#: The index of the whole table by the rest of its definition; each partition has its part.
INDEXES = {
    "core_auditentry_since": "(entity, at)",
    "core_auditentry_destroyed": "(entity, at) WHERE action = 'destroy'",
}
_LACKING = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'core_auditentry'::regclass AND NOT EXISTS (
    SELECT FROM pg_index x JOIN pg_inherits y ON y.inhrelid = x.indexrelid
    WHERE x.indrelid = c.oid AND y.inhparent = %s::regclass
)
"""


def forwards(_apps: Any, schema_editor: Any) -> None:
    """Name the index first, so that new partitions have theirs; then part by part, without holding up who writes."""
    with schema_editor.connection.cursor() as cursor:
        for name, definition in INDEXES.items():
            cursor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY core_auditentry {definition}")
            cursor.execute(_LACKING, [name])
            for (partition,) in cursor.fetchall():
                part = f"{partition}_{name.removeprefix('core_auditentry_')}"
                cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{part}"')
                cursor.execute(f'CREATE INDEX CONCURRENTLY "{part}" ON "{partition}" {definition}')
                cursor.execute(f'ALTER INDEX {name} ATTACH PARTITION "{part}"')


def backwards(_apps: Any, schema_editor: Any) -> None:
    """Without them."""
    with schema_editor.connection.cursor() as cursor:
        for name in INDEXES:
            cursor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0039_search_pending")]

    operations: ClassVar[list[Any]] = [migrations.RunPython(forwards, backwards)]
