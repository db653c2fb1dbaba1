"""Keeping the search documents: written in the transaction of the record, or made anew for a whole table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db import connection, models, transaction

from guanxi.core.models.search import SearchDoc
from guanxi.core.records.search import tokens
from guanxi.core.schema.entity import Entity

#: Columns of the rows of :func:`search_rows_for`, in order, for ``COPY core_search_doc (…) FROM STDIN``.
COLUMNS = ("entity", "record_id", "key", "spell", "tsv")
Row = tuple[str, int, str, str, str]
BATCH = 1000

_UPSERT = """
    INSERT INTO core_search_doc (entity, record_id, key, spell, tsv)
    SELECT %s, doc.id, doc.key, doc.spell, doc.tsv::tsvector
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS doc(id, key, spell, tsv)
    ON CONFLICT (entity, record_id) DO UPDATE
    SET key = excluded.key, spell = excluded.spell, tsv = excluded.tsv
    WHERE (core_search_doc.key, core_search_doc.tsv) IS DISTINCT FROM (excluded.key, excluded.tsv)
"""


def search_row(entity: Entity, record_id: int, values: Any) -> Row:
    """The document of one record; ``values`` is the record or a mapping from field name to value."""
    names = entity.search.names if entity.search else ()
    title = tokens.entries(tokens.value_of(values, names[0])) if names else []
    key = tokens.name_key(title[0]) if title else ""
    return entity.key, record_id, key, tokens.spelling(key), tokens.tsvector(tokens.doc_tokens(entity, values))


def search_rows_for(entity: Entity, rows: Iterable[tuple[int, Any]]) -> Iterator[Row]:
    """Documents for (record id, values) pairs, in the order of ``COLUMNS``; nothing for an entity without search."""
    if entity.search is None:
        return
    for record_id, values in rows:
        yield search_row(entity, record_id, values)


def _upsert(entity: Entity, rows: Sequence[Row]) -> None:
    if not rows:
        return
    _keys, ids, keys, spells, vectors = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [entity.key, list(ids), list(keys), list(spells), list(vectors)])


def index_records(entity: Entity, records: Iterable[models.Model]) -> None:
    """Write the documents of records just saved; those of records in the trash are removed.

    Runs in the caller's transaction; a document that did not change is not written.
    """
    if entity.search is None:
        return
    living: list[Row] = []
    gone: list[int] = []
    for record in records:
        if getattr(record, "deleted_at", None) is not None:
            gone.append(record.pk)
        else:
            living.append(search_row(entity, record.pk, record))
    for at in range(0, len(living), BATCH):
        _upsert(entity, living[at : at + BATCH])
    if gone:
        remove(entity, gone)


def remove(entity: Entity, ids: Iterable[int]) -> None:
    """Take records out of the search."""
    SearchDoc.objects.filter(entity=entity.key, record_id__in=list(ids)).delete()


def reindex(entity: Entity, *, batch: int = BATCH, progress: Callable[[int], None] | None = None) -> int:
    """Make all documents of an entity anew, in transactions of ``batch`` records; returns how many there are.

    Safe while others write: each batch is read and written in one transaction with its rows locked. ``progress`` is
    called with the number done so far.
    """
    if entity.search is None:
        SearchDoc.objects.filter(entity=entity.key).delete()
        return 0
    living = getattr(entity.model, "objects", entity.model._default_manager)
    done, last = 0, 0
    while True:
        with transaction.atomic():
            records = list(
                living.filter(pk__gt=last).order_by("pk").select_for_update(of=("self",), no_key=True)[:batch]
            )
            index_records(entity, records)
            _remove_between(entity, last, records[-1].pk if records else None, [record.pk for record in records])
        if not records:
            return done
        done, last = done + len(records), records[-1].pk
        if progress:
            progress(done)


def _remove_between(entity: Entity, after: int, upto: int | None, kept: list[int]) -> None:
    """Remove documents with ids in (after, upto] that belong to no living record."""
    stale = SearchDoc.objects.filter(entity=entity.key, record_id__gt=after)
    if upto is not None:
        stale = stale.filter(record_id__lte=upto)
    stale.exclude(record_id__in=kept).delete()
