"""The migration that lets documents say whose they are may be ended anywhere and begun again."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from guanxi.core.models import SearchDoc
from tests.rights import as_owner

NAME = ("core", "0047_search_owners")


def _indexes() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'core_search_doc'::regclass AND indisvalid"
            " AND pg_get_indexdef(indexrelid) LIKE '%INCLUDE (record_id, owner, carrier)%'"
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("left", ["", "search_doc_key", "search_doc_spell"])
def test_it_goes_on_where_it_was_ended(left: str) -> None:
    loader = MigrationLoader(connection)
    migration = loader.get_migration(*NAME)
    with as_owner():
        with connection.cursor() as cursor:
            if left:
                cursor.execute(f"ALTER INDEX {left} RENAME TO {left}_new")
        with connection.schema_editor(atomic=False) as editor:
            migration.apply(loader.project_state(migration.dependencies), editor)
    assert _indexes() == {"search_doc_key", "search_doc_spell"}
    assert {"owner", "carrier"} <= {one.column for one in SearchDoc._meta.concrete_fields}
