"""Search documents say who owns their record, and the indexes of names say it too: whose a name is takes no look at the document.

The columns stay empty until the worker has made the documents anew; until then searches look at the documents as before.
"""

from typing import ClassVar

from django.db import migrations, models

from guanxi.core.migrations._columns import Added
from guanxi.core.migrations._indexes import ReplaceIndex

TOLD = ("record_id", "owner", "carrier")


def index(name: str, column: str, **options: object) -> models.Index:
    """An index of names."""
    return models.Index(fields=["entity", column], name=name, **options)  # type: ignore[arg-type]


SPELT = ~models.Q(spell="")


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0046_erased_entries_bound")]

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        Added("searchdoc", "owner", models.BigIntegerField(null=True)),
        Added("searchdoc", "carrier", models.BigIntegerField(null=True)),
        ReplaceIndex("searchdoc", index("search_doc_key", "key"), index("search_doc_key", "key", include=TOLD)),
        ReplaceIndex(
            "searchdoc",
            index("search_doc_spell", "spell", condition=SPELT),
            index("search_doc_spell", "spell", condition=SPELT, include=TOLD),
        ),
    ]
