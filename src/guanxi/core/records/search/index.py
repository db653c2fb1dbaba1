"""Keeping the search documents: written in the transaction of the record, soon after a bulk load, or anew for a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db import connection, models, transaction

from guanxi.core.kernel import clock
from guanxi.core.models import Preference
from guanxi.core.models.fixed import ask
from guanxi.core.models.search import SearchDoc, SearchLag
from guanxi.core.records.copying import behind, copy_lines, escaped, say
from guanxi.core.records.search import tokens
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities, entity_of, is_registered

#: Columns of the rows of :func:`search_rows_for`, in order, for ``COPY core_search_doc (…) FROM STDIN``.
COLUMNS = ("entity", "record_id", "key", "spell", "tsv", "owner", "carrier")
Row = tuple[str, int, str, str, str, int | None, int | None]
NULL = "\\N"
BATCH = 1000
#: Notes of bulk loads taken up together, and documents sent together: while some are on their way, the next are made.
LAGS = 4
PART = 250
MADE_BY = tokens.MADE_BY
#: So long processes of the former release may still write beside those of a new one.
BESIDE = dt.timedelta(days=1)
#: New entries of the index wait in a list that every search reads from end to end, until whoever writes beyond a limit sorts
#: it in. Sorting in many at once is much cheaper: while many documents are written the limit is high, and the last of them is
#: written under the low one, so that nothing is left for others to read or to sort in.
LOW, HIGH = (
    "SELECT set_config('gin_pending_list_limit', '64kB', true)",
    "SELECT set_config('gin_pending_list_limit', '2MB', true)",
)
MANY = 50

_UPSERT = f"""
    INSERT INTO core_search_doc (entity, record_id, key, spell, tsv, owner, carrier)
    SELECT %s::text, doc.id, doc.key, doc.spell, doc.tsv::tsvector, doc.owner, doc.carrier
    FROM ({LOW}) limited, unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
    AS doc(id, key, spell, tsv, owner, carrier)
    ON CONFLICT (entity, record_id) DO UPDATE
    SET key = excluded.key, spell = excluded.spell, tsv = excluded.tsv, owner = excluded.owner, carrier = excluded.carrier
    WHERE (core_search_doc.key, core_search_doc.tsv, core_search_doc.owner, core_search_doc.carrier)
    IS DISTINCT FROM (excluded.key, excluded.tsv, excluded.owner, excluded.carrier)
"""  # noqa: S608 - our own words


def search_row(entity: Entity, record_id: int, values: Any) -> Row:
    """The document of one record; ``values`` is the record or a mapping from field name to value."""
    names = entity.search.names if entity.search else ()
    title = tokens.entries(tokens.value_of(values, names[0])) if names else []
    key = tokens.name_key(title[0]) if title else ""
    owner, carrier = tokens.owners_of(entity, values)
    tsv = tokens.tsvector(tokens.doc_tokens(entity, values))
    return entity.key, record_id, key, tokens.spelling(key), tsv, owner, carrier


def search_rows_for(entity: Entity, rows: Iterable[tuple[int, Any]]) -> Iterator[Row]:
    """Documents for (record id, values) pairs, in the order of ``COLUMNS``; nothing for an entity without search."""
    if entity.search is None:
        return
    for record_id, values in rows:
        yield search_row(entity, record_id, values)


def copy_documents(entity: Entity, rows: Sequence[tuple[int, Any]]) -> None:
    """Write documents of records that have none yet, for (record id, values) pairs, with ``COPY``; in a transaction."""
    if entity.search is None or not rows:
        return
    if len(rows) > MANY:
        say(HIGH)
        for start in range(0, len(rows) - 1, PART):
            _copy(entity, rows[start : min(start + PART, len(rows) - 1)])
        rows = rows[-1:]
    say(LOW)
    _copy(entity, rows)


def _copy(entity: Entity, rows: Iterable[tuple[int, Any]]) -> None:
    made = search_rows_for(entity, rows)
    lines = [
        f"{key}\t{number}\t{escaped(name)}\t{escaped(spell)}\t{escaped(tsv)}\t{owner or NULL}\t{carrier or NULL}"
        for key, number, name, spell, tsv, owner, carrier in made
    ]
    copy_lines("core_search_doc", COLUMNS, lines)


def _upsert(entity: Entity, rows: Sequence[Row]) -> None:
    if not rows:
        return
    _keys, *columns = zip(*rows, strict=True)
    ask(_UPSERT, [entity.key, *map(list, columns)])


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


def later(entity: Entity, ids: Sequence[int]) -> None:
    """Leave the documents of new records to :func:`catch_up`; belongs in the transaction that makes them."""
    if entity.search is not None and ids:
        lines = [f"{entity.key}\t{min(ids)}\t{max(ids)}"]
        copy_lines(SearchLag._meta.db_table, ("entity", "first", "last"), lines)


def lagging(entity: str = "") -> int:
    """How many records (of one entity) wait for their documents, about."""
    waiting = SearchLag.objects.filter(entity=entity) if entity else SearchLag.objects.all()
    return int(waiting.aggregate(n=models.Sum(models.F("last") - models.F("first") + 1))["n"] or 0)


def catch_up(progress: Callable[[int], None] | None = None) -> int:
    """Make the documents that were left for later; returns how many. Any number of processes may do it side by side.

    Documents and their note go in one transaction: after a crash the next call goes on. ``progress`` is told how many
    are done.
    """
    done = 0
    while True:
        with transaction.atomic(), behind():
            waiting = list(SearchLag.objects.select_for_update(skip_locked=True).order_by("pk")[:LAGS])
            SearchLag.objects.filter(pk__in=[lag.pk for lag in waiting]).delete()
            known = [(entity_of(lag.entity), lag) for lag in waiting if is_registered(lag.entity)]
            missing = [(entity, _undocumented(entity, lag.first, lag.last)) for entity, lag in known if entity.search]
            for entity in dict.fromkeys(entity for entity, _rows in missing):
                together = [row for one, rows in missing if one is entity for row in rows]
                copy_documents(entity, together)
                done += len(together)
        if not waiting:
            return done
        if progress:
            progress(done)


def renew() -> int:
    """Make all documents anew if they were made by an earlier version of the tokens; returns how many were made.

    They are made once more a day later, for while nodes are updated one after the other, processes of the former release
    write documents as they know them. How far it came is kept after each batch: whatever ends it, the next call goes on
    there. What bulk loads leave for later in the meantime is not kept waiting.
    """
    if not _due(_made_by().value):
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [MADE_BY])
        if not cursor.fetchone()[0]:
            return 0
    try:
        return _renewed()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [MADE_BY])


def _due(made_by: Any) -> bool:
    """Whether documents are to be made anew now."""
    if isinstance(made_by, dict) and made_by.get("version") == tokens.VERSION and "again" in made_by:
        return clock.now() >= dt.datetime.fromisoformat(made_by["again"])
    return bool(made_by != tokens.VERSION)


def _renewed() -> int:
    note = _made_by()
    if not _due(note.value):
        return 0
    ours = isinstance(note.value, dict) and note.value.get("version") == tokens.VERSION
    # Where nobody has said the version, there was no former release.
    state: dict[str, Any] = note.value if ours else {"version": tokens.VERSION, "ended": {}, "last": note.value == 0}
    ended: dict[str, int] = state["ended"]
    made = 0
    for entity in entities():
        if entity.search is None or ended.get(entity.key) == -1:
            continue

        def at(last: int, key: str = entity.key) -> None:
            ended[key] = last
            note.value = state
            note.save()
            if SearchLag.objects.exists():
                catch_up()

        made += reindex(entity, after=ended.get(entity.key, 0), at=at)
        at(-1)
    again = {**state, "ended": {}, "last": True, "again": (clock.now() + BESIDE).isoformat()}
    note.value = tokens.VERSION if state.get("last") else again
    note.save()
    return made


def _made_by() -> Preference:
    """The note which version of the tokens made the documents; where there are none yet, it is the present one."""
    known = Preference.objects.filter(key=MADE_BY).first()
    if known is None:
        first = 0 if SearchDoc.objects.exists() else tokens.VERSION
        known, _made = Preference.objects.get_or_create(key=MADE_BY, defaults={"value": first})
    return known


def _undocumented(entity: Entity, first: int, last: int) -> list[tuple[int, dict[str, Any]]]:
    """The living records between two ids that have no document, locked: (id, what the document is made of).

    Documents are asked for after the lock: whoever wrote a record before has made one, who writes it now waits for us.
    """
    paths = tokens.paths_of(entity)
    living = getattr(entity.model, "objects", entity.model._default_manager).filter(pk__range=(first, last)).order_by()
    columns = [path.replace(".", "__") for path in paths]
    rows = living.select_for_update(of=("self",), no_key=True).values_list("pk", *columns)
    found = [(row[0], dict(zip(paths, row[1:], strict=True))) for row in rows]
    made = SearchDoc.objects.filter(entity=entity.key, record_id__range=(first, last))
    there = set(made.values_list("record_id", flat=True))
    return [one for one in found if one[0] not in there]


def reindex(
    entity: Entity,
    *,
    batch: int = 0,
    after: int = 0,
    progress: Callable[[int], None] | None = None,
    at: Callable[[int], None] | None = None,
) -> int:
    """Make all documents of an entity anew, in transactions of ``batch`` records (else ``PART``); returns how many were made.

    Safe while others write: each batch is read and written in one transaction with its rows locked. ``progress`` is
    called with the number done so far, ``at`` with the id of the last; records up to ``after`` are left out.
    """
    if entity.search is None:
        SearchDoc.objects.filter(entity=entity.key).delete()
        return 0
    living = getattr(entity.model, "objects", entity.model._default_manager)
    done, last, batch = 0, after, batch or PART
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
        if at:
            at(last)


def _remove_between(entity: Entity, after: int, upto: int | None, kept: list[int]) -> None:
    """Remove documents with ids in (after, upto] that belong to no living record."""
    stale = SearchDoc.objects.filter(entity=entity.key, record_id__gt=after)
    if upto is not None:
        stale = stale.filter(record_id__lte=upto)
    stale.exclude(record_id__in=kept).delete()
