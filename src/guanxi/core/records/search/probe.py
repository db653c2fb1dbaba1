"""Which sorts of record have anything that fits at all: one question instead of two or three for each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from django.db import connection

from guanxi.core.records.search import terms, tokens
from guanxi.core.records.search.rounds import Question, Way
from guanxi.core.records.search.terms import Fields, Query
from guanxi.core.schema.entity import Entity

#: A sort with more documents than this is always looked through: asking first would cost as much as looking.
LARGE = 20_000
#: For so many seconds the statistics of PostgreSQL are believed.
PATIENCE = 600.0
Look = Callable[[Entity, Fields], Way]
_told: dict[Hashable, tuple[float, dict[Any, float]]] = {}

_DOCUMENTS = """
SELECT v.entity, v.share * c.reltuples FROM pg_stats s, pg_class c,
 unnest(s.most_common_vals::text::text[], s.most_common_freqs) AS v(entity, share)
WHERE s.schemaname = current_schema() AND s.tablename = 'core_search_doc' AND s.attname = 'entity'
 AND c.oid = 'core_search_doc'::regclass
"""

#: One look into the index for each sort. The words come as a column: of words it sees PostgreSQL takes every beginning for
#: frequent, and reads all documents instead. Counted, not asked whether there is any: that too would make it read them.
_TOKENS = """
SELECT k.n, false FROM (SELECT * FROM unnest(%s::text[]) WITH ORDINALITY AS w(words, n) WHERE words <> '') k
CROSS JOIN LATERAL (SELECT count(*) AS n FROM core_search_doc d WHERE d.tsv @@ k.words::tsquery) f WHERE f.n > 0
"""


def documents() -> dict[str, float]:
    """About how many documents each sort of record has, by the statistics of PostgreSQL; rare sorts are left out."""
    return _statistics("documents", _DOCUMENTS)


def _statistics(place: Hashable, statement: str, values: Sequence[Any] = ()) -> dict[Any, float]:
    """What the statistics of PostgreSQL say, read anew after ``PATIENCE`` in each process."""
    read, known = _told.get(place, (0.0, {}))
    if not read or time.monotonic() - read > PATIENCE:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            known = dict(cursor.fetchall())
        _told[place] = (time.monotonic(), known)
    return known


def _large_ones() -> frozenset[str]:
    return frozenset(key for key, count in documents().items() if count > LARGE)


_SHARES = """
SELECT v.owner, sum(v.share) FROM pg_stats s,
 unnest(s.most_common_vals::text::bigint[], s.most_common_freqs) AS v(owner, share)
WHERE s.schemaname = current_schema() AND s.tablename = %s AND s.attname = ANY(%s) GROUP BY 1
"""


def share_of(entity: Entity, owners: Iterable[int]) -> float | None:
    """About which part of an entity's records these people own or carry, by the statistics of PostgreSQL; ``None`` without any."""
    columns = [f"{entity.access.owner}_id", *(["carrier_owner_id"] if entity.access.carried_by else [])]
    known = _statistics(("shares", entity.key), _SHARES, [entity.table, columns])
    return sum(known.get(owner, 0.0) for owner in owners) if known else None


_MADE = "SELECT key, (value = to_jsonb(%s::int))::int FROM core_preference WHERE key = %s"


def owners_told() -> bool:
    """Whether all documents say whose they are: none is left of an earlier version of the tokens, and nobody writes such any more."""
    return bool(_statistics("made", _MADE, [tokens.VERSION, tokens.MADE_BY]).get(tokens.MADE_BY))


_WORDS = """
SELECT v.word, v.share * c.reltuples FROM pg_stats s, pg_class c,
 unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS v(word, share)
WHERE s.schemaname = current_schema() AND s.tablename = 'core_search_doc' AND s.attname = 'tsv'
 AND c.oid = 'core_search_doc'::regclass AND v.word IS NOT NULL
"""


def frequent() -> dict[str, float]:
    """About how many documents hold a token, by the statistics of PostgreSQL, for the thousand most frequent of all."""
    return _statistics("words", _WORDS)


#: A piece of a number that another follows.
_PIECE = re.compile(r"'([a-z]{3}#[^']+)' & (?=')")
#: A piece which every fifth document holds tells nothing beside the others.
COMMON = 5


def telling(condition: str, entity: str) -> str:
    """The condition without the pieces of a number that so many of an entity's documents hold that asking costs more than it tells.

    Fits somewhat more, so what is found is to be judged.
    """
    known, many = frequent(), documents().get(entity, 0.0) / COMMON
    if not many or not known:
        return condition
    return _PIECE.sub(lambda piece: "" if known.get(piece[1], 0.0) > many else piece[0], condition)


def columns_of(query: Query) -> tuple[str, ...]:
    """The columns of a document that may begin so: the name, and its pinyin."""
    return ("key", "spell") if query.core.isascii() and query.core.isalpha() else ("key",)


def begins(column: str) -> str:
    """The condition that a column of a document ``d`` begins so: between two ends, for a plan made before they are known."""
    within = f"d.{column} >= %s AND d.{column} < %s"
    return f"{within} AND d.spell <> ''" if column == "spell" else within  # as its index says


def span(text: str) -> tuple[str, str]:
    """The two ends of what begins with ``text``."""
    return text, f"{text}\U0010ffff"


def having(query: Query, reach: Sequence[tuple[Entity, Fields]], look: Look, *, loose: bool) -> list[Way]:
    """The ways to look through those of ``reach`` that may have a document that fits, whoever may see it."""
    large = _large_ones()
    small = [(entity, fields) for entity, fields in reach if entity.key not in large]
    if len(small) < 2:
        return [look(*one) for one in reach]
    ways = [look(*one) for one in reach if one[0].key in large]
    question = _question(query, small, loose=loose)
    return [*ways, _small_ones(question, small, look)] if question else ways


def _small_ones(question: Question, small: Sequence[tuple[Entity, Fields]], look: Look) -> Way:
    """One question for all the sorts with few documents, then those that have any."""
    [found] = yield [question]
    there = {number for number, _mark in found}
    return [look(*one) for number, one in enumerate(small, 1) if number in there]


def _question(query: Query, small: Sequence[tuple[Entity, Fields]], *, loose: bool) -> Question | None:
    parts: list[str] = []
    params: list[Any] = []
    if not loose:
        for name in columns_of(query):
            parts.append(
                "SELECT e.n, false FROM unnest(%s::text[]) WITH ORDINALITY e(entity, n)"  # noqa: S608 - own SQL
                f" WHERE EXISTS (SELECT FROM core_search_doc d WHERE d.entity = e.entity AND {begins(name)})"
            )
            params += [[entity.key for entity, _fields in small], *span(query.core)]
    words = [terms.tsquery(query, fields, loose=loose) for _entity, fields in small]
    if any(words):
        parts.append(_TOKENS)
        params.append(words)
    return Question(" UNION ALL ".join(parts), params) if parts else None
