"""What may fit: records found by their documents under the actor's rights, with all that judging and naming them needs.

Documents come first, by themselves, then the records they lead to: PostgreSQL takes every beginning of a word for frequent, and
would start from the actor's records, one by one. An array of ids, not a join, so that they are looked up by primary key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from typing import Any

from django.db import connection, models
from django.db.models.expressions import ExpressionWrapper

from guanxi.core.access import sight, visible
from guanxi.core.access.rules import condition as rights_condition
from guanxi.core.access.rules import shared_condition
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.text import has_han
from guanxi.core.models.fixed import Shaped, ask
from guanxi.core.records.search import terms
from guanxi.core.records.search.asking import ONE, fits, holding
from guanxi.core.records.search.naming import paths_of
from guanxi.core.records.search.probe import begins, columns_of, documents, share_of, span, telling
from guanxi.core.records.search.terms import PARTS, Fields, Query
from guanxi.core.records.search.tokens import owner_token
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import generation

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
#: Of the newest documents so many are looked through at most for a frequent word, and one for so many entries of the index spared.
LATEST = 20_000
ENTRIES = 5
#: So many documents of somebody's own are looked through quicker than all that begin so are gathered.
OWN = 20_000


Condition = tuple[str, list[Any]]
#: Id, moment of the last change, value by field path.
Row = tuple[int, float, dict[str, Any]]


def candidates(actor: Actor, entity: Entity, query: Query, fields: Fields, *, enough: int, loose: bool) -> list[Row]:
    """Records worth judging. Where ``enough`` names begin so, others, which rank lower, are not looked for."""
    asked = _Asked(actor, entity, fields, enough)
    if loose:
        conditions = anywhere(actor, entity, query, fields, loose=True, judged=True)
        if conditions and asked.loosely(terms.tsquery(query, fields, loose=True)):
            conditions = conditions[1:]
        asked.fitting(conditions)
    else:
        asked.begun(query)
        if len(asked.rows) < enough:
            conditions = anywhere(actor, entity, query, fields, loose=False, judged=True)
            if conditions and asked.lately(query):
                conditions = conditions[1:]  # what is shared with him is left
            asked.fitting(conditions)
    return list(asked.rows.values())


def _named_first(entity: Entity, fields: Fields) -> bool:
    """Whether the field the columns ``key`` and ``spell`` come from may be searched."""
    return bool(entity.search and entity.search.names and entity.search.names[0] in fields.names)


def beginnings(entity: Entity, query: Query, fields: Fields) -> list[Condition]:
    """Conditions on a document ``d``: the name, or its pinyin, begins so. Each in the order of an index."""
    if not _named_first(entity, fields):
        return []
    values = [entity.key, *span(query.core)]
    return [(f"d.entity = %s AND {begins(name)} ORDER BY d.{name}", values) for name in columns_of(query)]


def anywhere(
    actor: Actor, entity: Entity, query: Query, fields: Fields, *, loose: bool, judged: bool = False
) -> list[Condition]:
    """The conditions on a document ``d`` that its tokens fit, and that it lies in the actor's reach or is shared with him.

    Where what is found is ``judged``, of a number only the pieces are asked for that tell something.

    Tokens carry their entity; it is compared in a way no index serves, or PostgreSQL reads a million index entries to
    learn what a few tokens told.
    """
    condition = terms.tsquery(query, fields, loose=loose)
    if not condition:
        return []
    if judged:
        condition = telling(condition, entity.key)
    owners = _few_owners(actor, entity)
    if owners is None:
        return [_holding(entity, condition, judged=judged)]
    found: list[Condition] = []
    if owners:
        found.append(_holding(entity, condition, _mine(actor, entity), judged=judged))
    shared = _shared_with(actor, entity)
    if shared is not None:
        ids, values = shared.query.sql_with_params()
        among = f"d.entity = %s AND d.record_id = ANY(ARRAY({ids})) AND d.tsv @@ %s::tsquery"
        found.append((among, [entity.key, *values, condition]))
    return found


def _holding(entity: Entity, condition: str, mine: str = "", *, judged: bool) -> Condition:
    """That the tokens of an entity's document fit; in one tsquery where it is one of several conditions, of a list's search box."""
    told, values = fits(condition, mine) if judged else (ONE, [f"({condition}) & ({mine})" if mine else condition])
    return f"d.entity || '' = %s AND {told}", [entity.key, *values]


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


class _Asked:
    """One entity asked by one actor: the rows found so far, by id."""

    def __init__(self, actor: Actor, entity: Entity, fields: Fields, enough: int) -> None:
        self.actor, self.entity, self.fields, self.enough = actor, entity, fields, enough
        self.mine = _mine(actor, entity)
        self.rows: dict[int, Row] = {}
        owners = _few_owners(actor, entity) or ()
        self.share = share_of(entity, owners) if self.mine else None
        #: Whether so little is his that it is looked through alone.
        self.few = self.share is not None and self.share * documents().get(entity.key, 0) < OWN
        self.several = len(owners) > 1

    def begun(self, query: Query) -> None:
        """Records whose name, or its pinyin, begins so: the newest among the first of the alphabet, the name itself first.

        Of a frequent beginning only ``FIRST`` documents are looked at, or fewer where the actor's share says that those will
        do. Where those are not enough, or the actor is known to see next to none of them, his own documents are looked through.
        """
        steps = [FIRST if rights_condition(self.entity, self.actor) is not None else CAP * 2]
        if self.share is not None:
            steps = [SAMPLE]
            if self.share * FIRST >= self.enough:
                steps = [min(FIRST // 2, round(PLENTY * NEWEST / self.share)), FIRST]
        rare: list[Condition] = []
        for condition, values in beginnings(self.entity, query, self.fields):
            found = reached = 0
            for most in steps:
                found, reached = self._first(condition, values, query.core, most)
                if reached < most or found >= self.enough:
                    break
            if self.mine and reached == most and found < self.enough:
                rare.append((_past_indexes(condition.partition(" ORDER BY ")[0]), values))
        if rare:
            self._near(_own_begun(query, self.fields, self.mine, rare, few=self.few), CAP)

    def _first(self, condition: str, values: list[Any], name: str, most: int) -> tuple[int, int]:
        """The newest among the first ``most`` documents in an order, those called ``name`` before all; how many, and of how many.

        Documents of others are counted, but their records not looked up; what is shared with somebody has another's token.
        """
        near, mine = "true", list[str]()
        if self.mine and shared_condition(self.entity, self.actor) is None:
            near, mine = "d.tsv @@ %s::tsquery", [self.mine]
        found = ask(
            f"WITH found AS MATERIALIZED (SELECT d.record_id, {condition.rpartition(' ')[2]} = %s AS whole, {near} AS near"  # noqa: S608 - own SQL
            f" FROM core_search_doc d WHERE {condition} LIMIT {most})"
            " SELECT record_id, whole FROM found WHERE near UNION ALL SELECT -count(*), false FROM found",
            [name, *mine, *values],
        )
        reached = -min(number for number, _whole in found)
        ids = [number for number, _whole in found if number > 0]
        return self._read(ids, NEWEST, [number for number, whole in found if whole]), reached

    def _near(self, fits: Condition, most: int) -> int:
        """Any of the first ``most`` documents that fit; how many there were."""
        found = ask(f"SELECT d.record_id FROM core_search_doc d WHERE {fits[0]} LIMIT {most}", fits[1], prepared=False)  # noqa: S608 - own SQL
        self._read([row[0] for row in found], CAP)
        return len(found)

    def loosely(self, condition: str) -> bool:
        """Take up what fits and is the actor's, looked for among everybody's; False where that was not asked.

        Several owners' tokens, each in tens of thousands of documents, cost more to look up than all they would narrow: they are
        compared in the documents themselves, as far as there are enough.
        """
        if not condition or self.few or not self.several or self.share is None:
            return False
        told, values = _holding(self.entity, condition, judged=True)
        self._near((f"{told} AND ts_match_vq(d.tsv, %s::tsquery)", [*values, self.mine]), CAP)
        return True

    def lately(self, query: Query) -> bool:
        """Take up the newest whose tokens fit, where these are so many that they are among the newest of all; False where not.

        The index would read the list of all that hold a frequent word to its end, and those of several owners beside. Chinese
        within a name fits everywhere alike; of what may be initials or a number, more are taken up, to find the better ones.
        """
        whole = rights_condition(self.entity, self.actor) is None
        share = 1.0 if whole else self.share or 0.0
        condition, every = terms.tsquery(query, self.fields), documents().get(self.entity.key, 0.0)
        known = holding(condition)
        if not (known and share and every):
            return False
        wanted = self.enough if len(query.runs) == 1 and has_han(query.core) else CAP
        most = PLENTY * wanted / (min(known / every, 1.0) * share)
        spared = known + (share * every if self.several else 0.0)
        if most > min(LATEST, spared / ENTRIES):
            return False
        found = ask(
            "SELECT d.record_id FROM (SELECT s.record_id, s.tsv FROM core_search_doc s WHERE s.entity = %s"  # noqa: S608 - own SQL
            f" ORDER BY s.entity DESC, s.record_id DESC LIMIT {math.ceil(most / 1000) * 1000}) d"
            f" WHERE d.tsv @@ %s::tsquery LIMIT {wanted}",
            [self.entity.key, f"({condition}) & ({self.mine})" if self.mine else condition],
        )
        self._read([row[0] for row in found], CAP)
        return len(found) == wanted

    def fitting(self, conditions: Sequence[Condition]) -> None:
        """Records whose tokens fit.

        ``REACH`` documents at most are looked at before rights; only if there are more, and the actor sees few of those, is
        PostgreSQL asked the other way round, which is then the better one.
        """
        narrow = rights_condition(self.entity, self.actor) is None or bool(self.mine)
        for condition in conditions:
            if narrow:
                self._near(condition, CAP * 2)
                continue
            ids, reached = _among(self.actor, self.entity, condition)
            if reached == REACH and len(ids) < self.enough:
                ids += _from_records(self.actor, self.entity, *condition)
            self._read(ids, CAP)

    def _read(self, ids: Sequence[int], most: int, first: Sequence[int] = ()) -> int:
        """Take up the records the actor may see, at most so many: those called so, then the newest, where there is a choice."""
        unknown = [number for number in ids if number not in self.rows]
        if not unknown:
            return len(ids)
        judged = {path: path.replace(".", "__") for part in PARTS for path in getattr(self.fields, part)}
        paths = judged | paths_of(self.entity)
        dated = _dated(self.entity)
        columns = (*paths.values(), *(("updated_at",) if dated else ()))
        sees, choice = sight(self.actor), len(unknown) > most
        shape = (self.entity, self.actor, columns, dated, most if choice else 0)
        key = sees and (self.entity.key, generation(), columns, shape[-1], sees)
        found = _CHOSEN.rows(key, shape, unknown, list(first)) if choice else _READ.rows(key, shape, unknown)
        for row in found:
            moment = row[-1].timestamp() if dated else 0.0
            self.rows[row[0]] = (row[0], moment, dict(zip(paths, row[1:], strict=False)))
        return len(ids) - len(unknown) + len(found)


def _plain(
    entity: Entity, actor: Actor, columns: Sequence[str], _dated: bool, _most: int, ids: Sequence[int]
) -> models.QuerySet[Any]:
    rows = visible(getattr(entity.model, "objects", entity.model._default_manager).filter(pk__any=ids), actor)
    return rows.order_by().values_list("pk", *columns)


def _best(
    entity: Entity,
    actor: Actor,
    columns: Sequence[str],
    dated: bool,
    most: int,
    ids: Sequence[int],
    first: Sequence[int],
) -> models.QuerySet[Any]:
    called = ExpressionWrapper(models.Q(pk__any=first), output_field=models.BooleanField())
    newest = ("-updated_at",) if dated else ()
    return _plain(entity, actor, columns, dated, most, ids).order_by(called.desc(), *newest)[:most]


_READ, _CHOSEN = Shaped(_plain, [[-7003]]), Shaped(_best, [[-7003], [-7004]])


def _own_begun(query: Query, fields: Fields, mine: str, rare: Sequence[Condition], *, few: bool) -> Condition:
    """The condition that a document of the actor's own begins so in one of several ways; his are looked at alone if ``few``."""
    # What a name begins with is among its tokens, but for one letter, and two of pinyin.
    short = len(query.runs) > 1 or len(query.core) < 2 or query.email or any("d.spell" in one for one, _values in rare)
    long = has_han(query.core) or all(len(run) > 2 for run in query.runs)
    tokens = "" if few or (short and not long) else terms.tsquery(query, fields)
    told, values = fits(tokens, mine) if tokens else (ONE, [mine])
    begins = " OR ".join(f"({condition})" for condition, _values in rare)
    return f"{told} AND ({begins})", [*values, *(value for _condition, one in rare for value in one)]


def _past_indexes(condition: str) -> str:
    """The same condition such that only the tokens' index serves it."""
    return re.sub(r"d\.(entity|key|spell)\b", r"d.\1 || ''", condition)


def _mine(actor: Actor, entity: Entity) -> str:
    """The owners of what the actor sees as a condition on tokens, if there are few enough; '' otherwise."""
    return " | ".join(f"'{owner_token(entity.key, owner)}'" for owner in _few_owners(actor, entity) or ())


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


def _among(actor: Actor, entity: Entity, fits: Condition) -> tuple[list[int], int]:
    """Ids among the first ``REACH`` documents that fit which the actor may see, at most ``CAP``; how many documents there were."""
    rows, row_params = _rows(actor, entity)
    found = ask(
        f"WITH found AS MATERIALIZED (SELECT d.record_id FROM core_search_doc d WHERE {fits[0]} LIMIT {REACH})"  # noqa: S608 - own SQL
        f" (SELECT v.pk FROM ({rows}) v WHERE v.pk = ANY(ARRAY(SELECT record_id FROM found)) LIMIT {CAP})"
        " UNION ALL SELECT -count(*) FROM found",
        [*fits[1], *row_params],
        prepared=False,
    )
    ids = [row[0] for row in found]
    return [one for one in ids if one > 0], -min(ids)


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
