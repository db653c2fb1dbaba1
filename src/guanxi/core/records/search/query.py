"""Searching: candidates from the documents under the actor's rights, checked, ranked and named."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models.expressions import RawSQL

from guanxi.core.access import allowed, sight, visible
from guanxi.core.access.rules import condition as rights_condition
from guanxi.core.access.rules import shared_condition
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.text import has_han
from guanxi.core.models.fixed import Shaped, ask
from guanxi.core.records.search import judge, terms
from guanxi.core.records.search.declared import searched
from guanxi.core.records.search.naming import Found, Hit, name_hits
from guanxi.core.records.search.probe import documents, having, like, share_of
from guanxi.core.records.search.terms import Fields, Query
from guanxi.core.records.search.tokens import owner_token
from guanxi.core.records.shape import path_level
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities as registered
from guanxi.core.schema.registry import entity_of, generation

#: Candidates looked at per entity; beyond it a frequent word shows some of its records, not the best of all.
CAP = 150
#: Up to so many owners a search asks for their documents; above it for all, and checks rights afterwards.
MOST_OWNERS = 300
#: Documents whose tokens fit that are looked at before rights.
REACH = 20_000
#: Documents whose name begins so that are looked at before rights, and how many of the newest are judged.
FIRST = 2000
NEWEST = 60
#: Documents enough to hold the newest an actor may see, taking his share of all: somewhat more than needed on average.
PLENTY = 1.4
#: So many where the actor sees next to none of them: the very name is among the first.
SAMPLE = 40
#: So many documents of somebody's own are looked through quicker than all that begin so are gathered.
OWN = 20_000
M = TypeVar("M", bound=models.Model)


def searchable(actor: Actor, entity: Entity) -> Fields:
    """The fields the actor may search: those he may read in full. A masked phone cannot be found by its digits."""
    declared = searched(entity)
    if declared is None:
        return Fields(entity.key)

    def open_to(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if path_level(actor, entity, name) in ("read", "write"))

    return Fields(
        entity.key,
        names=open_to(declared.names),
        phones=open_to(declared.phones),
        emails=open_to(declared.emails),
        numbers=open_to(declared.numbers),
        text=open_to(declared.text),
    )


def _named_first(entity: Entity, fields: Fields) -> bool:
    """Whether the field the columns ``key`` and ``spell`` come from may be searched."""
    return bool(entity.search and entity.search.names and entity.search.names[0] in fields.names)


Condition = tuple[str, list[Any]]


def _beginnings(entity: Entity, query: Query, fields: Fields) -> list[Condition]:
    """Conditions on a document ``d``: the name, or its pinyin, begins so. Each in the order of an index."""
    if not _named_first(entity, fields):
        return []
    found: list[Condition] = [("d.entity = %s AND d.key LIKE %s ORDER BY d.key", [entity.key, like(query.core)])]
    if query.core.isascii() and query.core.isalpha():
        condition = "d.entity = %s AND d.spell LIKE %s AND d.spell <> '' ORDER BY d.spell"
        found.append((condition, [entity.key, like(query.core)]))
    return found


def _anywhere(actor: Actor, entity: Entity, query: Query, fields: Fields, *, loose: bool) -> list[Condition]:
    """The conditions on a document ``d`` that its tokens fit, and that it lies in the actor's reach or is shared with him.

    Tokens carry their entity; it is compared in a way no index serves, or PostgreSQL reads a million index entries to
    learn what a few tokens told.
    """
    condition = terms.tsquery(query, fields, loose=loose)
    if not condition:
        return []
    plain = "d.entity || '' = %s AND d.tsv @@ %s::tsquery"
    owners = _few_owners(actor, entity)
    if owners is None:
        return [(plain, [entity.key, condition])]
    found: list[Condition] = []
    if owners:
        found.append((plain, [entity.key, f"({condition}) & ({_mine(actor, entity)})"]))
    shared = _shared_with(actor, entity)
    if shared is not None:
        ids, values = shared.query.sql_with_params()
        among = f"d.entity = %s AND d.record_id = ANY(ARRAY({ids})) AND d.tsv @@ %s::tsquery"
        found.append((among, [entity.key, *values, condition]))
    return found


def _few_owners(actor: Actor, entity: Entity) -> list[int] | None:
    """The owners whose records the actor sees, if they are all he sees and few enough to be asked for by token."""
    reach = actor.rights.of(entity.key, "view")
    if actor.is_system or reach.everyone or reach.unowned or entity.access.public or not entity.access.owner:
        return None
    if entity.access.pool and actor.pools:
        return None
    return sorted(reach.owners) if len(reach.owners) <= MOST_OWNERS else None


def _shared_with(actor: Actor, entity: Entity) -> models.QuerySet[Any] | None:
    """Ids of the records the actor sees because they, or what carries them, are shared with him."""
    reached = shared_condition(entity, actor)
    return entity.model._default_manager.filter(reached).order_by().values("pk") if reached else None


#: By what an actor sees: the rights it was said for (held, so that no others get their id), SQL and parameters.
_seen_rows: dict[Hashable, tuple[Any, str, list[Any]]] = {}
_KEPT = 2000


def _rows(actor: Actor, entity: Entity) -> tuple[str, list[Any]]:
    """The living records the actor may see, as SQL with ``pk`` and ``at``, the moment of the last change."""
    sees = sight(actor)
    if sees is None:
        return _rows_anew(actor, entity)
    key = (entity.key, generation(), sees)
    known = _seen_rows.get(key)
    if known is None:
        if len(_seen_rows) >= _KEPT:
            _seen_rows.clear()
        known = _seen_rows[key] = (actor.rights, *_rows_anew(actor, entity))
    return known[1], known[2]


def _rows_anew(actor: Actor, entity: Entity) -> tuple[str, list[Any]]:
    living = getattr(entity.model, "objects", entity.model._default_manager)
    at = models.F("updated_at") if _dated(entity) else models.Value(0)
    sql, params = visible(living.order_by(), actor).values("pk", at=at).query.sql_with_params()
    return sql, list(params)


def _dated(entity: Entity) -> bool:
    return any(column.name == "updated_at" for column in entity.model._meta.concrete_fields)


def _among(
    actor: Actor, entity: Entity, fits: Condition, most: int, whole: Condition | None = None, mine: str = ""
) -> tuple[list[int], int]:
    """Ids among the first ``most`` documents that fit which the actor may see; and how many documents there were.

    At most ``CAP``; with ``whole`` at most ``NEWEST``, those first that fit it as well, then the newest. PostgreSQL takes every beginning of a word for frequent and would start from the actor's records, one by one. So the
    documents come first. An array, not a join: it is looked up by primary key. Documents without the tokens ``mine`` are
    counted, but their records not looked up.
    """
    condition, values = fits
    rows, row_params = _rows(actor, entity)
    exact, exact_params = whole or ("false", [])
    near, near_params = ("d.tsv @@ %s::tsquery", [mine]) if mine else ("true", [])
    best = (
        f"ORDER BY v.pk = ANY(ARRAY(SELECT record_id FROM found WHERE near AND whole)) DESC, v.at DESC LIMIT {NEWEST}"  # noqa: S608
    )
    statement = (
        f"WITH found AS MATERIALIZED (SELECT d.record_id, {exact} AS whole, {near} AS near FROM core_search_doc d"  # noqa: S608 - own SQL
        f" WHERE {condition} LIMIT {most}) (SELECT v.pk FROM ({rows}) v"
        f" WHERE v.pk = ANY(ARRAY(SELECT record_id FROM found WHERE near)) {best if whole else f'LIMIT {CAP}'})"
        " UNION ALL SELECT -count(*) FROM found"
    )
    found = [row[0] for row in ask(statement, [*exact_params, *near_params, *values, *row_params], prepared=False)]
    return [one for one in found if one > 0], -min(found)


def _begun(actor: Actor, entity: Entity, query: Query, fields: Fields, *, enough: int) -> list[int]:
    """Ids of records whose name, or its pinyin, begins so: the newest among the first of the alphabet, the name itself first.

    Of a frequent beginning only ``FIRST`` documents are looked at, or fewer where the actor's share says that those will do. Where those are not enough, or the actor is known to see
    next to none of them, his own documents are looked through.
    """
    found: list[int] = []
    rare: list[Condition] = []
    mine = _mine(actor, entity)
    # What is shared with somebody has another's token.
    told = mine if shared_condition(entity, actor) is None else ""
    steps = [FIRST if rights_condition(entity, actor) is not None else CAP * 2]
    share = share_of(entity, _few_owners(actor, entity) or ()) if mine else None
    if share is not None:
        steps = [SAMPLE] if share * FIRST < enough else [min(FIRST // 2, round(PLENTY * NEWEST / share)), FIRST]
    for condition, values in _beginnings(entity, query, fields):
        whole = (condition.rpartition(" ORDER BY ")[2] + " = %s", [query.core])
        for most in steps:
            ids, reached = _among(actor, entity, (condition, values), most, whole, told)
            if reached < most or len(ids) >= enough:
                break
        found += ids
        if mine and reached == most and len(ids) < enough:
            rare.append((_past_indexes(condition.partition(" ORDER BY ")[0]), values))
    if rare:
        few = share is not None and share * documents().get(entity.key, 0) < OWN
        found += _among(actor, entity, _own_begun(query, fields, mine, rare, few=few), CAP)[0]
    return list(dict.fromkeys(found))


def _own_begun(query: Query, fields: Fields, mine: str, rare: Sequence[Condition], *, few: bool) -> Condition:
    """The condition that a document of the actor's own begins so in one of several ways; his are looked at alone if ``few``."""
    # What a name begins with is among its tokens, but for one or two letters.
    told = not few and (has_han(query.core) or all(len(run) > 2 for run in query.runs))
    tokens = terms.tsquery(query, fields) if told else ""
    begins = " OR ".join(f"({condition})" for condition, _values in rare)
    values = [value for _condition, one in rare for value in one]
    return f"d.tsv @@ %s::tsquery AND ({begins})", [f"({tokens}) & ({mine})" if tokens else mine, *values]


def _past_indexes(condition: str) -> str:
    """The same condition such that only the tokens' index serves it."""
    return re.sub(r"d\.(entity|key|spell)\b", r"d.\1 || ''", condition)


def _mine(actor: Actor, entity: Entity) -> str:
    """The owners of what the actor sees as a condition on tokens, if there are few enough; '' otherwise."""
    return " | ".join(f"'{owner_token(entity.key, owner)}'" for owner in _few_owners(actor, entity) or ())


def _fitting(actor: Actor, entity: Entity, conditions: Sequence[Condition], *, enough: int) -> list[int]:
    """Ids of records whose tokens fit and that the actor may see.

    ``REACH`` documents at most are looked at before rights; only if there are more, and the actor sees few of those, is
    PostgreSQL asked the other way round, which is then the better one.
    """
    found: list[int] = []
    narrow = rights_condition(entity, actor) is None or bool(_mine(actor, entity))
    for condition, values in conditions:
        ids, reached = _among(actor, entity, (condition, values), CAP * 2 if narrow else REACH)
        found += ids
        if not narrow and reached == REACH and len(ids) < enough:
            found += _from_records(actor, entity, condition, values)
    return list(dict.fromkeys(found))


def _from_records(actor: Actor, entity: Entity, condition: str, values: Sequence[Any]) -> list[int]:
    """Ids of records that fit, starting from those the actor may see."""
    rows, row_params = _rows(actor, entity)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT d.record_id FROM core_search_doc d JOIN ({rows}) v ON v.pk = d.record_id"  # noqa: S608 - own SQL
            f" WHERE d.entity = %s AND {condition} LIMIT {CAP}",
            [*row_params, entity.key, *values],
        )
        return [row[0] for row in cursor.fetchall()]


def _candidates(actor: Actor, entity: Entity, query: Query, fields: Fields, *, enough: int, loose: bool) -> list[int]:
    """Ids of records worth judging. Where ``enough`` names begin so, others, which rank lower, are not looked for."""
    if loose:
        return _fitting(actor, entity, _anywhere(actor, entity, query, fields, loose=True), enough=enough)
    found = _begun(actor, entity, query, fields, enough=enough)
    if len(found) >= enough:
        return found
    others = _fitting(actor, entity, _anywhere(actor, entity, query, fields, loose=False), enough=enough)
    return list(dict.fromkeys(found + others))


#: What judging needs of some records, by the paths of an entity.
_VALUES = Shaped(
    lambda entity, columns, ids: entity.model._default_manager.filter(pk__any=ids).values_list("pk", *columns),
    [[-7003]],
)


def _read(entity: Entity, ids: Sequence[int], fields: Fields) -> list[dict[str, Any]]:
    """What judging needs of the candidates: {"pk", "at", field path: value}."""
    paths = (*fields.names, *fields.phones, *fields.emails, *fields.numbers, *fields.text)
    dated = _dated(entity)
    columns = tuple(path.replace(".", "__") for path in paths) + (("updated_at",) if dated else ())
    return [
        {"pk": row[0], "at": row[-1].timestamp() if dated else 0.0, "values": dict(zip(paths, row[1:], strict=False))}
        for row in _VALUES.rows((entity.key, generation(), columns), (entity, columns), list(ids))
    ]


def _search_one(actor: Actor, entity: Entity, query: Query, fields: Fields, *, enough: int, loose: bool) -> list[Found]:
    found = []
    ids = _candidates(actor, entity, query, fields, enough=enough, loose=loose)
    for row in _read(entity, ids, fields) if ids else ():
        verdict = judge.judge(query, fields, row["values"])
        if verdict.rank:
            found.append((verdict, row["at"], entity, row["pk"]))
    return found


def search(actor: Actor, text: str, *, entities: Iterable[str | Entity] | None = None, limit: int = 20) -> list[Hit]:
    """The records that best fit ``text`` among those the actor may see, the best first; among equals those
    called so before those found by another field, then the newest.

    ``entities`` limits it to some (keys or entities). A Chinese text is looked for as it stands first; if nothing has
    it, records with all its characters are taken. At most ``limit`` hits; [] for an empty text.
    """
    query = terms.parse(text)
    if query is None:
        return []
    chosen = [entity_of(one) for one in entities] if entities is not None else list(registered())
    reach = [
        (entity, searchable(actor, entity))
        for entity in chosen
        if entity.search is not None and allowed(actor, "view", entity)
    ]
    enough = max(limit, 20)
    found: list[Found] = []
    for loose in (False, True):
        if loose and (found or not terms.can_be_loose(query)):
            break
        for entity, fields in having(query, reach, loose=loose):
            found += _search_one(actor, entity, query, fields, enough=enough, loose=loose)
    found.sort(key=lambda one: (-one[0].rank, one[0].field != one[2].title, -one[1], one[3]))
    return name_hits(actor, found[:limit])


def filter_by_text(actor: Actor, qs: models.QuerySet[M], entity: Entity, text: str) -> models.QuerySet[M]:
    """The rows of ``qs`` that fit what was typed into a list's search box; all rows for an empty text.

    For an entity without declared search, rows whose title contains the text. Fields the actor may not read in full are
    not searched. Digits of five or more are looked for four by four, so that a rare row may fit only nearly.
    """
    query = terms.parse(text)
    if query is None:
        return qs if not text.strip() else qs.none()
    if entity.search is None:
        if path_level(actor, entity, entity.title) not in ("read", "write"):
            return qs.none()
        return qs.filter(**{f"{entity.title.replace('.', '__')}__icontains": text.strip()})
    fields = searchable(actor, entity)
    conditions: list[str] = []
    params: list[Any] = []
    for condition, values in (
        *_beginnings(entity, query, fields),
        *_anywhere(actor, entity, query, fields, loose=False),
    ):
        conditions.append(f"({condition.partition(' ORDER BY ')[0]})")
        params += values
    if not conditions:
        return qs.none()
    found = RawSQL(f"SELECT d.record_id FROM core_search_doc d WHERE {' OR '.join(conditions)}", params)  # noqa: S608, S611
    return qs.filter(pk__in=found)
