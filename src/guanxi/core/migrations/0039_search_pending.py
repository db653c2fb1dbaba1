"""What was written to the search index a moment ago is sorted in after 64 kB, not after 4 MB: until then every search reads
it from end to end, thirty times, and the one write that comes last sorts it all.
"""

from typing import ClassVar

from django.db import migrations

NAME = "search_doc_tsv"


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0038_held_contents")]

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.RunSQL(
            f"ALTER INDEX {NAME} SET (gin_pending_list_limit = 64)", f"ALTER INDEX {NAME} RESET (gin_pending_list_limit)"
        )
    ]
