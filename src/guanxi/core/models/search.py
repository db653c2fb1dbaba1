"""What the global search and the duplicate check look things up in. Derived data: ``reindex`` makes it anew."""

from __future__ import annotations

from typing import ClassVar, Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

#: What the indexes of names say beside the name.
_TOLD = ("record_id", "owner", "carrier")


class SearchDoc(models.Model):
    """What one record can be found by.

    ``key`` is its folded name without spaces, ``spell`` the pinyin of that ('' if it is not Chinese); both serve exact
    and prefix matches, by indexes which know as well who owns the record (``owner``) or what carries it (``carrier``), so
    that what is somebody's is told without a look at the documents. ``tsv`` holds tokens, each beginning with the tag of the field it comes from, so that a field an
    actor may not see cannot be searched by him (``records/search/tokens.py``).
    """

    pk = models.CompositePrimaryKey("entity", "record_id")
    entity = models.CharField(max_length=100, db_collation="C")
    record_id = models.BigIntegerField()
    key = models.CharField(max_length=120, db_collation="C", default="")
    spell = models.CharField(max_length=120, db_collation="C", default="")
    tsv = SearchVectorField()
    owner = models.BigIntegerField(null=True)
    carrier = models.BigIntegerField(null=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        db_table = "core_search_doc"
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=["tsv"], name="search_doc_tsv"),
            models.Index(fields=["entity", "key"], name="search_doc_key", include=_TOLD),
            models.Index(
                fields=["entity", "spell"], name="search_doc_spell", include=_TOLD, condition=~models.Q(spell="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entity}/{self.record_id}"


class SearchLag(models.Model):
    """Records of a bulk load, ids from ``first`` to ``last``, whose documents are still to be made.

    Written in the transaction of the records, removed in that of the documents: neither can be lost.
    """

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100, db_collation="C")
    first = models.BigIntegerField()
    last = models.BigIntegerField()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        db_table = "core_search_lag"

    def __str__(self) -> str:
        return f"{self.entity}/{self.first}-{self.last}"


class MatchValue(models.Model):
    """One value by which a record may be the same as another (``records/matching.py``)."""

    pk = models.CompositePrimaryKey("entity", "kind", "value", "record_id")
    entity = models.CharField(max_length=100, db_collation="C")
    kind = models.CharField(max_length=100, db_collation="C")
    value = models.CharField(max_length=120, db_collation="C")
    record_id = models.BigIntegerField()

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        db_table = "core_match_key"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["entity", "record_id"], name="match_key_record")]

    def __str__(self) -> str:
        return f"{self.entity}/{self.record_id} {self.kind}"
