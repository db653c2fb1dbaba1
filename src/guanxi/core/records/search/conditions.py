"""Conditions on the documents ``d`` of an entity: that a name begins so, that the tokens fit, that it is in the actor's reach."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db import models

from guanxi.core.access.rules import shared_condition
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.text import has_han
from guanxi.core.records.search import terms
from guanxi.core.records.search.asking import ONE, fits
from guanxi.core.records.search.probe import begins, columns_of, documents, share_of, span, telling
from guanxi.core.records.search.terms import Fields, Query
from guanxi.core.records.search.tokens import owner_token
from guanxi.core.schema.entity import Entity

#: Up to so many owners a search asks for their documents; above it for all, and checks rights afterwards.
MOST_OWNERS = 300

#: SQL and its values.
Condition = tuple[str, list[Any]]


def beginnings(entity: Entity, query: Query, fields: Fields) -> list[Condition]:
    """The name, or its pinyin, begins so. Each in the order of an index."""
    if not (entity.search and entity.search.names and entity.search.names[0] in fields.names):
        return []  # the field the columns ``key`` and ``spell`` come from may not be searched
    values = [entity.key, *span(query.core)]
    return [(f"d.entity = %s AND {begins(name)} ORDER BY d.{name}", values) for name in columns_of(query)]


def own_begun(query: Query, fields: Fields, mine: str, rare: Sequence[Condition], *, few: bool) -> Condition:
    """One of the actor's own begins so in one of several ways (of ``beginnings``); his are looked at alone if ``few``."""
    # What a name begins with is among its tokens, but for one letter, and two of pinyin.
    short = len(query.runs) > 1 or len(query.core) < 2 or query.email or any("d.spell" in one for one, _values in rare)
    long = has_han(query.core) or all(len(run) > 2 for run in query.runs)
    # An address is looked for as one, among addresses: a name may begin so all the same.
    words = replace(query, email="") if "@" in query.email else query
    tokens = "" if few or (short and not long) else terms.tsquery(words, fields)
    told, values = fits(tokens, mine) if tokens else (ONE, [mine])
    ways = " OR ".join(f"({_past_indexes(condition.partition(' ORDER BY ')[0])})" for condition, _values in rare)
    return f"{told} AND ({ways})", [*values, *(value for _condition, one in rare for value in one)]


def _past_indexes(condition: str) -> str:
    """The same condition such that only the tokens' index serves it."""
    return re.sub(r"d\.(entity|key|spell)\b", r"d.\1 || ''", condition)


def anywhere(
    actor: Actor, entity: Entity, query: Query, fields: Fields, *, loose: bool, judged: bool = False
) -> list[Condition]:
    """The tokens fit, and the document lies in the actor's reach or is shared with him.

    Where what is found is ``judged``, of a number only the pieces are asked for that tell something.
    """
    condition = terms.tsquery(query, fields, loose=loose)
    if not condition:
        return []
    if judged:
        condition = telling(condition, entity.key)
    owners = few_owners(actor, entity)
    if owners is None:
        return [holding_all(entity, condition, judged=judged)]
    found: list[Condition] = []
    if owners:
        found.append(holding_all(entity, condition, mine_of(actor, entity), about_mine(entity, owners), judged=judged))
    shared = _shared_with(actor, entity)
    if shared is not None:
        ids, values = shared.query.sql_with_params()
        among = f"d.entity = %s AND d.record_id = ANY(ARRAY({ids})) AND {ONE}"
        found.append((among, [entity.key, *values, condition]))
    return found


def holding_all(
    entity: Entity, condition: str, mine: str = "", about: float = math.inf, *, judged: bool = True
) -> Condition:
    """The tokens of an entity's document fit; in one tsquery where it is one of several conditions, of a list's search box.

    Tokens carry their entity; it is compared in a way no index serves, or PostgreSQL reads a million index entries to
    learn what a few tokens told.
    """
    told, values = (
        fits(condition, mine, about) if judged else (ONE, [f"({condition}) & ({mine})" if mine else condition])
    )
    return f"d.entity || '' = %s AND {told}", [entity.key, *values]


def about_mine(entity: Entity, owners: Iterable[int]) -> float:
    """About how many documents these people own or carry; 0 where PostgreSQL's statistics do not say."""
    return (share_of(entity, owners) or 0.0) * documents().get(entity.key, 0.0)


def few_owners(actor: Actor, entity: Entity) -> list[int] | None:
    """The owners whose records the actor sees, if they are all he sees and few enough to be asked for by token."""
    reach = actor.rights.of(entity.key, "view")
    if actor.is_system or reach.everyone or reach.unowned or entity.access.public or not entity.access.owner:
        return None
    if entity.access.pool and actor.pools:
        return None
    return sorted(reach.owners) if len(reach.owners) <= MOST_OWNERS else None


def mine_of(actor: Actor, entity: Entity) -> str:
    """The owners of what the actor sees as a condition on tokens, if there are few enough; '' otherwise."""
    return " | ".join(f"'{owner_token(entity.key, owner)}'" for owner in few_owners(actor, entity) or ())


def _shared_with(actor: Actor, entity: Entity) -> models.QuerySet[Any] | None:
    """Ids of the records the actor sees because they, or what carries them, are shared with him."""
    reached = shared_condition(entity, actor)
    return entity.model._default_manager.filter(reached).order_by().values("pk") if reached else None
