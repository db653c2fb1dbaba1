"""How long the list of entries waiting to be sorted into the search index may become is said by who writes: short where documents
are written one at a time, longer while many are (``records.search.index``). A limit of the index itself would stand above that.
"""

from typing import ClassVar

from django.db import migrations

NAME = "search_doc_tsv"


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0044_doors_of_fields")]

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.RunSQL(
            f"ALTER INDEX {NAME} RESET (gin_pending_list_limit)",
            f"ALTER INDEX {NAME} SET (gin_pending_list_limit = 64)",
        )
    ]
