"""The table in which all processes remember used codes of the second factor (in the form of Django's database cache)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0008_exchange_rate")]

    operations: ClassVar[list[Any]] = [
        migrations.RunSQL(
            "CREATE TABLE core_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);"
            "CREATE INDEX core_cache_expires ON core_cache (expires)",
            "DROP TABLE core_cache",
        )
    ]
