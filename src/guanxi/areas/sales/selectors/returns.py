"""When records go back to their pool and why, and what rules would take on each of the next days.

One function, :func:`due`, says when a record returns; the nightly recall, the column “returns to the pool” and the simulator
all ask it, so they cannot disagree.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from guanxi.areas.customers.models import NO_DEAL, NO_FOLLOW_UP, Pool, PoolRule
from guanxi.areas.customers.models.pools import GROUNDS
from guanxi.areas.sales.selectors import pools
from guanxi.core.access import allowed, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import User
from guanxi.core.records.display import title_of
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping.segments import within

#: What an end of contract means to a customer is said by the area of contracts: ``ids -> {id: moment}``.
_grounds: dict[tuple[str, str], Callable[[Collection[int] | None], Mapping[int, dt.datetime]]] = {}


def add_ground(
    subject: str, ground: str, moments: Callable[[Collection[int] | None], Mapping[int, dt.datetime]]
) -> None:
    """A higher area says from which moments a ground counts; records it does not name are left alone by the ground."""
    _grounds[subject, ground] = moments


@dataclass(frozen=True, slots=True)
class Due:
    """When a held record goes back, why, and from whom."""

    record_id: int
    owner_id: int
    on: dt.date
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it counts: ground, days, level and segment ('' for all); drafts of rules too."""

    ground: str
    days: int
    level: str = ""
    segment: str = ""


_HELD = """
    SELECT r.id, r.owner_id, coalesce(r.owner_since, r.created_at) AS since, {level} AS level, r.protected_until
    FROM {table} r
    WHERE r.deleted_at IS NULL AND r.owner_id IS NOT NULL {living}
    AND (r.pool_id = %(pool)s OR (r.pool_id IS NULL AND r.owner_id = ANY(%(owners)s::bigint[])))
    AND (%(ids)s::bigint[] IS NULL OR r.id = ANY(%(ids)s::bigint[])) {spared}
"""
_SAID = """
    SELECT s.{on} AS id, max(s.occurred_at) AS last
    FROM (
        SELECT a.{on}, a.occurred_at, a.kind, a.body, {duration} AS duration,
            row_number() OVER (PARTITION BY {copies} CASE WHEN btrim(a.body) = '' THEN a.id::text
                ELSE lower(regexp_replace(a.body, '\\s', '', 'g')) END ORDER BY a.occurred_at, a.id) AS nth
        FROM {table} a WHERE a.deleted_at IS NULL AND a.occurred_at <= %(now)s {only}
    ) s
    WHERE (s.nth = 1 OR NOT %(copies)s) AND (CASE WHEN cardinality(%(counted)s::text[]) = 0 THEN s.kind <> 'note'
        ELSE s.kind = ANY(%(counted)s::text[]) END)
    AND (char_length(regexp_replace(s.body, '\\s', '', 'g')) >= %(least)s OR s.duration > 0)
    GROUP BY 1
"""
_DEALS = """
    SELECT o.customer_id AS id, max(o.closed_at) AS last FROM sales_opportunity o
    WHERE o.deleted_at IS NULL AND o.category = 'won' GROUP BY 1
"""
_NONE = "SELECT NULL::bigint AS id, NULL::timestamptz AS last WHERE false"
_WHOLE = """
    WITH held AS ({held}), said AS ({said}), deals AS ({deals})
    SELECT held.id, held.owner_id, held.since, held.level, held.protected_until, said.last, deals.last
    FROM held LEFT JOIN said ON said.id = held.id LEFT JOIN deals ON deals.id = held.id ORDER BY held.id
"""
_COPIES = {"customer": "a.{on}, a.owner_id, ", "person": "a.owner_id, ", "no": "a.id, "}
_ONLY = "AND a.{on} IN (SELECT held.id FROM held)"
_SPARED = """
    AND NOT EXISTS (SELECT FROM sales_opportunity o WHERE o.customer_id = r.id AND o.category = 'open' AND o.deleted_at IS NULL)
"""


def _statement(pool: Pool) -> str:
    customer = pool.subject == pools.CUSTOMER
    on = "customer_id" if customer else "lead_id"
    held = _HELD.format(
        table=entity_of(pool.subject).table,
        level="r.level" if customer else "''",
        living="" if customer else "AND r.converted_at IS NULL",
        spared=_SPARED if customer and pool.spare_deals else "",
    )
    said = _SAID.format(
        on=on,
        table="activities_activity" if customer else "sales_leadfollowup",
        duration="coalesce(a.duration, 0)" if customer else "0",
        copies=_COPIES[pool.copies or "no"].format(on=on),
        only="" if pool.copies == "person" else _ONLY.format(on=on),
    )
    return _WHOLE.format(held=held, said=said, deals=_DEALS if customer else _NONE)


def _owners_of(pool: Pool) -> list[int]:
    """Whose records without a pool of their own belong to this one: its members who belong to none before it."""
    taken: set[int] = set()
    for one in pools.pools():
        if one.subject == pool.subject and one.pk != pool.pk:
            if (one.position, one.pk) > (pool.position, pool.pk):
                break
            if one.everyone:
                return []
            taken |= pools.members_of(one.pk)
    mine = User.everything.values_list("pk", flat=True) if pool.everyone else pools.members_of(pool.pk)
    return sorted(set(mine) - taken)


def rules_of(pool: Pool) -> list[Rule]:
    """The pool's rules in use."""
    rows = PoolRule.objects.filter(pool=pool, active=True).order_by("pk")
    return [Rule(row.ground, row.days, row.level, row.segment) for row in rows]


@dataclass(frozen=True, slots=True)
class _Held:
    """A held record with the days on which rules reach it, each with its ground and the segment it asks for, earliest first."""

    record_id: int
    owner_id: int
    reached: tuple[tuple[dt.date, str, str], ...]

    def due(self, inside: Mapping[str, Collection[int]]) -> Due | None:
        """When it goes back, given who is in which segment; ``None`` when no rule reaches it."""
        for on, why, segment in self.reached:
            if not segment or self.record_id in inside[segment]:
                return Due(self.record_id, self.owner_id, on, why)
        return None


def due(pool: Pool, rules: Sequence[Rule], *, ids: Collection[int] | None = None) -> list[Due]:
    """When each held record of a pool goes back under the rules, as things are now; records no rule reaches are left out.

    Days are those of the workspace's time zone. Follow-ups count as the pool says.
    """
    held = _held(pool, rules, ids)
    inside = _inside(pool, rules, [one.record_id for one in held])
    return [found for one in held if (found := one.due(inside)) is not None]


def _inside(pool: Pool, rules: Sequence[Rule], ids: Collection[int]) -> dict[str, frozenset[int]]:
    """Which of the records are now in each segment the rules ask for."""
    asked = {rule.segment for rule in rules} - {""}
    return {one: within(entity_of(pool.subject), one, ids) for one in asked}


def _held(pool: Pool, rules: Sequence[Rule], ids: Collection[int] | None) -> list[_Held]:
    zone = ZoneInfo(settings.TIME_ZONE)
    values = {
        "pool": pool.pk,
        "owners": _owners_of(pool),
        "ids": None if ids is None else sorted(ids),
        "now": clock.now(),
        "counted": list(pool.counted),
        "least": pool.least_length,
        "copies": pool.copies != "no",
    }
    wanted = {rule.ground for rule in rules}
    ends = {ground: _ends(pool.subject, ground, ids) for ground in wanted - {NO_FOLLOW_UP, NO_DEAL}}
    with connection.cursor() as cursor:
        cursor.execute(_statement(pool), values)
        rows = cursor.fetchall()
    found = []
    for number, owner, since, level, protected, said, won in rows:
        moments = {NO_FOLLOW_UP: max(since, said or since), NO_DEAL: max(since, won or since)}
        moments |= {ground: known[number] for ground, known in ends.items() if number in known}
        days = [
            (moments[rule.ground].astimezone(zone).date() + dt.timedelta(days=rule.days), rule.ground, rule.segment)
            for rule in rules
            if rule.ground in moments and rule.level in ("", level)
        ]
        if days:
            spared = protected + dt.timedelta(days=1) if protected is not None else dt.date.min
            found.append(_Held(number, owner, tuple((max(on, spared), *rest) for on, *rest in sorted(days))))
    return found


def _ends(subject: str, ground: str, ids: Collection[int] | None) -> Mapping[int, dt.datetime]:
    known = _grounds.get((subject, ground))
    return known(ids) if known is not None else {}


HORIZON = 30
#: How many days ahead what goes back is pointed out.
SOON = 14


def forecast(pool: Pool, rules: Sequence[Rule], *, days: int = HORIZON) -> dict[dt.date, list[Due]]:
    """Who would lose what on each of the next days if the rules held from now on and nothing else happened.

    What is overdue goes with the next recall, which is tomorrow's. Who comes into a segment or leaves it as days pass is
    asked for each day.
    """
    today = clock.today(settings.TIME_ZONE)
    last = today + dt.timedelta(days=days)
    waiting = [one for one in _held(pool, rules, None) if any(on <= last for on, *_rest in one.reached)]
    found: dict[dt.date, list[Due]] = {}
    for ahead in range(1, days + 1):
        day = today + dt.timedelta(days=ahead)
        reached = [one for one in waiting if any(on <= day for on, *_rest in one.reached)]
        with clock.moved_to(clock.day_start(day, settings.TIME_ZONE)):
            inside = _inside(pool, rules, [one.record_id for one in reached])
        gone = [due for one in reached if (due := one.due(inside)) is not None and due.on <= day]
        found[day] = gone
        lost = {one.record_id for one in gone}
        waiting = [one for one in waiting if one.record_id not in lost]
    return found


@dataclass(frozen=True, slots=True)
class Loss:
    """One record the rules take on a day: its name as far as the actor may see it, and from whom."""

    name: str
    url: str
    owner: str
    why: str


def loses(pool: Pool, rules: Sequence[Rule]) -> int:
    """How many records go back within the next days under some rules."""
    return sum(len(lost) for lost in forecast(pool, rules).values())


def may_try(actor: Actor) -> bool:
    """Who changes rules tries them out before, on everybody's records."""
    return allowed(actor, "change", "customers.poolrule")


def pool_figures(actor: Actor, pool: Pool, rules: Sequence[Rule] | None = None) -> dict[str, Any]:
    """How many lie in the pool, how many are held, and day by day what goes back under its rules, or under ``rules``.

    Of records the actor may not see nothing is told, unless the rules are his to change.
    """
    entity = entity_of(pool.subject)
    inside = visible(entity.model._default_manager.filter(owner__isnull=True, pool=pool), actor)
    ahead = forecast(pool, rules_of(pool) if rules is None else rules)
    ids = [one.record_id for lost in ahead.values() for one in lost]
    seen = {row.pk: row for row in visible(entity.model._default_manager.filter(pk__in=ids), actor)}
    titles = {pk: title_of(entity, row, actor) for pk, row in seen.items()}
    if not may_try(actor):
        ahead = {day: [one for one in lost if one.record_id in seen] for day, lost in ahead.items()}
    losing = Counter(one.owner_id for lost in ahead.values() for one in lost)
    names = dict(User.everything.filter(pk__in=losing).values_list("pk", "name"))
    grounds = dict(GROUNDS)
    days = [
        (
            day,
            [
                Loss(
                    titles.get(one.record_id, "…"),
                    f"/{entity.path}/{one.record_id}/" if one.record_id in seen else "",
                    names.get(one.owner_id, ""),
                    str(grounds.get(one.why, "")),
                )
                for one in lost
            ],
        )
        for day, lost in ahead.items()
        if lost
    ]
    return {
        "inside": inside.count(),
        "entity": entity,
        "pool": pool,
        "days": days,
        "total": losing.total(),
        "may_try": may_try(actor),
        "people": sorted(
            ((names.get(pk, ""), many) for pk, many in losing.items()), key=lambda pair: (-pair[1], pair[0])
        ),
    }
