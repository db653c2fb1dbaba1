"""What may fit: records found by their documents under the actor's rights, with all that judging and naming them needs.

Documents come first, by themselves, then the records they lead to: PostgreSQL takes every beginning of a word for frequent, and
would start from the actor's records, one by one. An array of ids, not a join, so that they are looked up by primary key.
Several sorts of record are looked through side by side (``rounds.py``).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Hashable, Sequence
from typing import Any

from django.db import models
from django.db.models.expressions import ExpressionWrapper

from guanxi.core.access import sight, visible
from guanxi.core.access.rules import condition as rights_condition
from guanxi.core.access.rules import shared_condition
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.text import has_han
from guanxi.core.models.fixed import Shaped
from guanxi.core.records.search import judge, rounds, terms
from guanxi.core.records.search.asking import COMPARED, ONE, OWN, holding
from guanxi.core.records.search.conditions import (
    Condition,
    about_mine,
    anywhere,
    beginnings,
    few_owners,
    holding_all,
    mine_of,
    own_begun,
)
from guanxi.core.records.search.naming import paths_of
from guanxi.core.records.search.probe import documents, having, owners_told, share_of
from guanxi.core.records.search.rounds import Question
from guanxi.core.records.search.terms import Fields, Query
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import generation

#: Candidates looked at per entity; beyond it a frequent word shows some of its records, not the best of all.
CAP = 150
#: Documents whose tokens fit that are looked at before rights.
REACH = 20_000
#: Documents whose name begins so that are looked at before rights, and how many of the newest are judged.
FIRST = 2000
NEWEST = 60
#: Documents enough to hold the newest an actor may see, taking his share of all: somewhat more than needed on average.
PLENTY = 1.4
#: So many where the actor sees next to none of them: the very name is among the first.
SAMPLE = 40
#: Of the newest documents so many are looked through at most for a frequent word, in whole steps (for few different statements),
#: and one for so many entries of the index spared.
LATEST, STEP = 20_000, 1000
ENTRIES = 5
#: Names that begin so which are looked at in their index before somebody's own documents are.
NAMES = 5000
_MINE = "(d.owner = ANY(%s::bigint[]) OR d.carrier = ANY(%s::bigint[]))"

#: Id, moment of the last change, value by field path.
Row = tuple[int, float, dict[str, Any]]
#: Questions of one sort of record, and what comes of them.
Asking = Generator[list[Question], list[list[rounds.Row]], Any]
Reach = Sequence[tuple[Entity, Fields]]


def candidates(
    actor: Actor, query: Query, reach: Reach, *, enough: int, loose: bool
) -> list[tuple[Entity, Fields, list[Row]]]:
    """Records worth judging of each sort. Where ``enough`` names begin so, others, which rank lower, are not looked for."""
    sorts: dict[str, _Asked] = {}

    def look(entity: Entity, fields: Fields) -> rounds.Way:
        sorts[entity.key] = asked = _Asked(actor, entity, fields, query, enough)
        return asked.loosely() if loose else asked.strictly()

    rounds.go(having(query, reach, look, loose=loose))
    return [(entity, fields, list(sorts[entity.key].rows.values())) for entity, fields in reach if entity.key in sorts]


class _Asked:
    """One entity asked by one actor: the rows found so far, by id."""

    def __init__(self, actor: Actor, entity: Entity, fields: Fields, query: Query, enough: int) -> None:
        self.actor, self.entity, self.fields, self.query, self.enough = actor, entity, fields, query, enough
        self.mine = mine_of(actor, entity)
        self.rows: dict[int, Row] = {}
        self.owners = owners = few_owners(actor, entity) or []
        self.share = share_of(entity, owners) if self.mine else None
        #: Whether so little is his that it is looked through alone.
        self.few = self.share is not None and about_mine(entity, owners) < OWN
        self.several = len(owners) > 1

    def strictly(self) -> Asking:
        """What begins so, and where that is not enough, what holds what was typed as it stands."""
        yield from self._begun()
        if len(self.rows) < self.enough:
            conditions = anywhere(self.actor, self.entity, self.query, self.fields, loose=False, judged=True)
            if conditions and (yield from self._lately()):
                conditions = conditions[1:]  # what is shared with him is left
            yield from self._fitting(conditions)

    def loosely(self) -> Asking:
        """What has all the characters, in any order.

        Several owners' tokens, each in tens of thousands of documents, cost more to look up than all they would narrow: his are
        looked for among everybody's, and the owners compared in the documents themselves, as far as there are enough.
        """
        conditions = anywhere(self.actor, self.entity, self.query, self.fields, loose=True, judged=True)
        if conditions and self.several and not self.few and self.share is not None:
            told, values = holding_all(self.entity, terms.tsquery(self.query, self.fields, loose=True))
            yield from self._near([(f"{told} AND {COMPARED}", [*values, self.mine])], CAP)
            conditions = conditions[1:]
        yield from self._fitting(conditions)

    def _begun(self) -> Asking:
        """Records whose name, or its pinyin, begins so: the newest among the first of the alphabet, the name itself first.

        Of a frequent beginning only ``FIRST`` documents are looked at, or fewer where the actor's share says that those will
        do. Where those are not enough, or the actor is known to see next to none of them, his own documents are looked through.
        """
        steps = [FIRST if rights_condition(self.entity, self.actor) is not None else CAP * 2]
        if self.share is not None:
            steps = [SAMPLE]
            if self.share * FIRST >= self.enough:
                steps = [min(FIRST // 2, round(PLENTY * NEWEST / self.share)), FIRST]
        left = beginnings(self.entity, self.query, self.fields)
        for most in steps:
            if not left:
                return
            answers = yield [self._first(*condition, most) for condition in left]
            each = [[row for row in rows if row[0] > 0] for rows in answers]
            self._read(
                [([number for number, _whole in rows], [one for one, whole in rows if whole]) for rows in each], NEWEST
            )
            short = [sum(number in self.rows for number, _whole in rows) < self.enough for rows in each]
            whole = [-min(number for number, _whole in rows) == most for rows in answers]
            left = [one for one, *more in zip(left, short, whole, strict=True) if all(more)]
        if self.mine and left and not (self.few and (yield from self._all_begun(left))):
            yield from self._near([own_begun(self.query, self.fields, self.mine, left, few=self.few)], CAP)

    def _all_begun(self, ways: Sequence[Condition]) -> Asking:
        """Take up all of the actor's own that begin so, as the index of names tells them; False where so many begin so that his
        are looked through quicker.
        """
        if not owners_told() or shared_condition(self.entity, self.actor) is not None:
            return False
        answers = yield [
            Question(
                "SELECT unnest(array_append(array_agg(f.record_id) FILTER (WHERE f.near), -count(*))), false"  # noqa: S608 - own SQL
                f" FROM (SELECT d.record_id, {_MINE} AS near FROM core_search_doc d WHERE {told} LIMIT {NAMES}) f",
                [self.owners, self.owners, *values],
            )
            for told, values in ways
        ]
        mine = [row for rows in answers for row in rows if row[0] > 0]
        if len(mine) > CAP or any(-min(number for number, _mark in rows) == NAMES for rows in answers):
            return False
        self._take([mine])
        return True

    def _first(self, condition: str, values: list[Any], most: int) -> Question:
        """The first ``most`` documents in an order, whether they are called so; and how many there were.

        Documents of others are counted, but their records not looked up; what is shared with somebody has another's token.
        """
        near, mine = "true", list[Any]()
        if self.mine and shared_condition(self.entity, self.actor) is None:
            near, mine = (_MINE, [self.owners, self.owners]) if owners_told() else (ONE, [self.mine])
        return Question(
            f"WITH found AS MATERIALIZED (SELECT d.record_id, {condition.rpartition(' ')[2]} = %s AS whole, {near} AS near"  # noqa: S608 - own SQL
            f" FROM core_search_doc d WHERE {condition} LIMIT {most})"
            " SELECT record_id, whole FROM found WHERE near UNION ALL SELECT -count(*), false FROM found",
            [self.query.core, *mine, *values],
        )

    def _near(self, conditions: Sequence[Condition], most: int) -> Asking:
        """Any of the first ``most`` documents that fit each condition."""
        if conditions:
            found = "SELECT d.record_id, false FROM core_search_doc d WHERE"
            answers = yield [
                Question(f"{found} {told} LIMIT {most}", values, prepared=False) for told, values in conditions
            ]
            self._take(answers)

    def _lately(self) -> Asking:
        """Take up the newest whose tokens fit, where these are so many that they are among the newest of all; False where not.

        The index would read the list of all that hold a frequent word to its end, and those of several owners beside. Chinese
        within a name fits everywhere alike; of what may be initials or a number, more are taken up, to find the better ones.
        """
        share = 1.0 if rights_condition(self.entity, self.actor) is None else self.share or 0.0
        condition, every = terms.tsquery(self.query, self.fields), documents().get(self.entity.key, 0.0)
        known = holding(condition)
        if not (known and share and every):
            return False
        wanted = self.enough if len(self.query.runs) == 1 and has_han(self.query.core) else CAP
        most = PLENTY * wanted / (min(known / every, 1.0) * share)
        spared = min(LATEST, (known + (share * every if self.several else 0.0)) / ENTRIES)
        whole, past, found = f"({condition}) & ({self.mine})" if self.mine else condition, 0, 0
        while found < wanted and 0 < most <= spared - past:
            number = math.ceil(most / STEP) * STEP
            answers = yield [self._newest(whole, past, number, wanted - found)]
            self._take(answers)
            past, found = past + number, found + len(answers[0])
            most = PLENTY * (wanted - found) * past / found if found else 0.0  # they lie less close than on average
        return found >= wanted

    def _newest(self, condition: str, past: int, number: int, wanted: int) -> Question:
        """Those that fit among so many of the newest documents, older than the ``past`` newest."""
        order = "ORDER BY s.entity DESC, s.record_id DESC"
        values: list[Any] = [self.entity.key]
        older = ""
        if past:
            older = (
                " AND s.record_id < (SELECT s.record_id FROM core_search_doc s WHERE s.entity = %s"  # noqa: S608 - own SQL
                f" {order} OFFSET {past - 1} LIMIT 1)"
            )
            values *= 2
        return Question(
            f"SELECT d.record_id, false FROM (SELECT s.record_id, s.tsv FROM core_search_doc s WHERE s.entity = %s{older}"  # noqa: S608 - own SQL
            f" {order} LIMIT {number}) d WHERE d.tsv @@ %s::tsquery LIMIT {wanted}",
            [*values, condition],
        )

    def _fitting(self, conditions: Sequence[Condition]) -> Asking:
        """Records whose tokens fit.

        ``REACH`` documents at most are looked at before rights; only if there are more, and the actor sees few of those, is
        PostgreSQL asked the other way round, which is then the better one.
        """
        if rights_condition(self.entity, self.actor) is None or self.mine:
            yield from self._near(conditions, CAP * 2)
            return
        for condition in conditions:
            [found] = yield [_among(self.actor, self.entity, condition)]
            seen = [row for row in found if row[0] > 0]
            if -min(number for number, _mark in found) == REACH and len(seen) < self.enough:
                [more] = yield [_from_records(self.actor, self.entity, condition)]
                seen += more
            self._take([seen])

    def _take(self, answers: Sequence[Sequence[rounds.Row]]) -> None:
        """Take up what was found, of each answer at most ``CAP``."""
        self._read([([number for number, _mark in rows], ()) for rows in answers], CAP)

    def _read(self, found: Sequence[tuple[Sequence[int], Sequence[int]]], most: int) -> None:
        """Take up the records the actor may see, of each answer at most so many: those called so, then the newest, where there is a choice."""
        plain: list[int] = []
        for ids, first in found:
            unknown = [number for number in ids if number not in self.rows]
            if len(unknown) > most:
                self._look_up(unknown, most, first)
            else:
                plain += unknown
        if plain:
            self._look_up(plain)

    def _look_up(self, ids: Sequence[int], most: int = 0, first: Sequence[int] = ()) -> None:
        judged = {path: path.replace(".", "__") for path in judge.looked_at(self.query, self.fields)}
        paths = judged | paths_of(self.entity)
        dated = _dated(self.entity)
        columns = (*paths.values(), *(("updated_at",) if dated else ()))
        sees = sight(self.actor)
        shape = (self.entity, self.actor, columns, dated, most)
        key = sees and (self.entity.key, generation(), columns, most, sees)
        found = _CHOSEN.rows(key, shape, ids, list(first)) if most else _READ.rows(key, shape, ids)
        for row in found:
            moment = row[-1].timestamp() if dated else 0.0
            self.rows[row[0]] = (row[0], moment, dict(zip(paths, row[1:], strict=False)))


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


def _among(actor: Actor, entity: Entity, fits: Condition) -> Question:
    """Ids among the first ``REACH`` documents that fit which the actor may see, at most ``CAP``; how many documents there were."""
    rows, row_params = _rows(actor, entity)
    return Question(
        f"WITH found AS MATERIALIZED (SELECT d.record_id FROM core_search_doc d WHERE {fits[0]} LIMIT {REACH})"  # noqa: S608 - own SQL
        f" (SELECT v.pk, false FROM ({rows}) v WHERE v.pk = ANY(ARRAY(SELECT record_id FROM found)) LIMIT {CAP})"
        " UNION ALL SELECT -count(*), false FROM found",
        [*fits[1], *row_params],
        prepared=False,
    )


def _from_records(actor: Actor, entity: Entity, fits: Condition) -> Question:
    """Ids of records that fit, starting from those the actor may see."""
    rows, row_params = _rows(actor, entity)
    return Question(
        f"SELECT d.record_id, false FROM core_search_doc d JOIN ({rows}) v ON v.pk = d.record_id"  # noqa: S608 - own SQL
        f" WHERE d.entity = %s AND {fits[0]} LIMIT {CAP}",
        [*row_params, entity.key, *fits[1]],
        prepared=False,
    )
