"""Pools read: who belongs to which, when records go back and why, how many somebody may hold.

One function, :func:`due`, says when a record returns; the nightly recall, the column “returns to the pool” and the simulator
all ask it, so they cannot disagree.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import Q

from guanxi.areas.customers.models import (
    CLAIM,
    NO_DEAL,
    NO_FOLLOW_UP,
    RECALL,
    RELEASE,
    HoldingLimit,
    Pool,
    PoolMember,
    PoolMove,
    PoolRule,
)
from guanxi.areas.customers.models.pools import GROUNDS
from guanxi.core.access import visible
from guanxi.core.access.actors import add_membership, department_tree
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Department, User
from guanxi.core.models.fixed import Shaped
from guanxi.core.models.stamps import kept
from guanxi.core.records import segments
from guanxi.core.records.query import compile_tree
from guanxi.core.schema.registry import entity_of

STAMP = "pools"
CUSTOMER, LEAD = "customers.customer", "sales.lead"
#: What an end of contract means to a customer is said by the area of contracts: ``ids -> {id: moment}``.
_grounds: dict[tuple[str, str], Callable[[Collection[int] | None], Mapping[int, dt.datetime]]] = {}


def add_ground(
    subject: str, ground: str, moments: Callable[[Collection[int] | None], Mapping[int, dt.datetime]]
) -> None:
    """A higher area says from which moments a ground counts; records it does not name are left alone by the ground."""
    _grounds[subject, ground] = moments


# -- members -----------------------------------------------------------------------------------------------------------


@kept(STAMP, size=1)
def pools() -> tuple[Pool, ...]:
    """Pools in use, in order."""
    return tuple(Pool.objects.filter(active=True).order_by("position", "pk"))


@kept(STAMP)
def members_of(pool_id: int) -> frozenset[int]:
    """Ids of the people who belong to a pool by name or department (not those of a pool of everyone)."""
    rows = PoolMember.objects.filter(pool_id=pool_id).values_list("user_id", "department_id")
    found = {user for user, _department in rows if user}
    departments = {below for _user, one in rows if one for below in department_tree(one)}
    if departments:
        found |= set(User.objects.filter(department_id__in=departments).values_list("pk", flat=True))
    return frozenset(found)


def memberships(user_id: int, department_id: int | None) -> Mapping[int, Literal["member", "admin"]]:
    """The pools a person belongs to; asked by the access floor."""
    above = Department.everything.filter(pk=department_id or 0).values_list("path", flat=True).first() or ""
    departments = [int(one) for one in above.split("/") if one] + [department_id or 0]
    found: dict[int, Literal["member", "admin"]] = {one.pk: "member" for one in pools() if one.everyone}
    rows = PoolMember.objects.filter(Q(user_id=user_id) | Q(department_id__in=departments), pool__active=True)
    for pool, admin in rows.filter(pool__deleted_at__isnull=True).values_list("pool_id", "admin"):
        found[pool] = "admin" if admin or found.get(pool) == "admin" else "member"
    return found


add_membership(memberships)


def home_pool(subject: str, owner_id: int | None) -> Pool | None:
    """Where records of an owner go back to unless they belong to a pool already: the first pool he belongs to."""
    for pool in pools():
        if pool.subject == subject and (pool.everyone or owner_id in members_of(pool.pk)):
            return pool
    return None


# -- when records return -----------------------------------------------------------------------------------------------


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
    customer = pool.subject == CUSTOMER
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
    for one in pools():
        if one.subject == pool.subject and one.pk != pool.pk:
            if (one.position, one.pk) > (pool.position, pool.pk):
                break
            if one.everyone:
                return []
            taken |= members_of(one.pk)
    mine = User.everything.values_list("pk", flat=True) if pool.everyone else members_of(pool.pk)
    return sorted(set(mine) - taken)


def rules_of(pool: Pool) -> list[Rule]:
    """The pool's rules in use."""
    rows = PoolRule.objects.filter(pool=pool, active=True).order_by("pk")
    return [Rule(row.ground, row.days, row.level, row.segment) for row in rows]


def due(pool: Pool, rules: Sequence[Rule], *, ids: Collection[int] | None = None) -> list[Due]:
    """When each held record of a pool goes back under the rules, as things are now; records no rule reaches are left out.

    Days are those of the workspace's time zone. Follow-ups count as the pool says.
    """
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
    inside = {
        one: within(pool.subject, one, [row[0] for row in rows]) for one in {rule.segment for rule in rules} - {""}
    }
    found = []
    for number, owner, since, level, protected, said, won in rows:
        moments = {NO_FOLLOW_UP: max(since, said or since), NO_DEAL: max(since, won or since)}
        moments |= {ground: known[number] for ground, known in ends.items() if number in known}
        days = [
            (moments[rule.ground].astimezone(zone).date() + dt.timedelta(days=rule.days), rule.ground)
            for rule in rules
            if rule.ground in moments
            and rule.level in ("", level)
            and (not rule.segment or number in inside[rule.segment])
        ]
        if days:
            on, why = min(days)
            if protected is not None and on <= protected:
                on = protected + dt.timedelta(days=1)
            found.append(Due(number, owner, on, why))
    return found


def within(subject: str, segment: str, ids: Collection[int]) -> frozenset[int]:
    """Those of the records that are in a segment now. A segment that means nothing any more holds nobody."""
    entity = entity_of(subject)
    tree = {"field": segments.PATH, "op": "has_any", "value": [segment]}
    try:
        where = compile_tree(system_actor("pools"), entity, tree)
    except Invalid:
        return frozenset()
    return frozenset(
        entity.model._default_manager.filter(where, pk__any=list(ids)).order_by().values_list("pk", flat=True)
    )


def _ends(subject: str, ground: str, ids: Collection[int] | None) -> Mapping[int, dt.datetime]:
    known = _grounds.get((subject, ground))
    return known(ids) if known is not None else {}


HORIZON = 30


def forecast(pool: Pool, rules: Sequence[Rule], *, days: int = HORIZON) -> dict[dt.date, list[Due]]:
    """Who would lose what on each of the next days if the rules held from now on and nothing else happened.

    What is overdue goes with the next recall, which is tomorrow's.
    """
    today = clock.today(settings.TIME_ZONE)
    found: dict[dt.date, list[Due]] = {today + dt.timedelta(days=ahead): [] for ahead in range(1, days + 1)}
    for one in due(pool, rules):
        day = max(one.on, today + dt.timedelta(days=1))
        if day in found:
            found[day].append(one)
    return found


# -- limits ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holding:
    """How many records somebody holds, and the most he may (``None``: any number)."""

    held: int
    most: int | None

    @property
    def full(self) -> bool:
        """Whether he may hold no more."""
        return self.most is not None and self.held >= self.most


def holding(subject: str, user_id: int) -> Holding:
    """What a person holds under the limit that binds him most."""
    user = User.everything.select_related("department").get(pk=user_id)
    path = user.department.path if user.department else ""
    departments = [int(one) for one in path.split("/") if one] + [user.department_id or 0]
    limits = HoldingLimit.objects.filter(Q(user_id=user_id) | Q(department_id__in=departments), subject=subject)
    tightest: Holding | None = None
    for limit in limits.order_by("most", "pk"):
        found = Holding(_held(subject, user_id, limit), limit.most)
        room = limit.most - found.held
        if tightest is None or tightest.most is None or room < tightest.most - tightest.held:
            tightest = found
    return tightest or Holding(_held(subject, user_id, None), None)


def _held(subject: str, user_id: int, limit: HoldingLimit | None) -> int:
    rows: Any = entity_of(subject).model._default_manager.filter(owner_id=user_id)
    if subject == LEAD:
        rows = rows.filter(converted_at__isnull=True)
    if limit is not None and limit.spared_statuses:
        rows = rows.exclude(status__in=limit.spared_statuses)
    if limit is not None and limit.spared_levels and subject == CUSTOMER:
        rows = rows.exclude(level__in=limit.spared_levels)
    return int(rows.count())


def claimed_today(user_id: int, pool: Pool) -> int:
    """How many records of the pool a person has claimed today; those taken back do not count."""
    start = clock.day_start(clock.today(settings.TIME_ZONE), settings.TIME_ZONE)
    moves = PoolMove.objects.filter(by_id=user_id, sort=CLAIM, pool=pool, at__gte=start)
    return moves.exclude(operation__undone_at__isnull=False).count()


def barred_until(user_id: int, subject: str, record_id: int, pool: Pool) -> dt.datetime | None:
    """Until when a former owner must leave the record to others, ``None`` when he need not."""
    lost = PoolMove.objects.filter(
        subject=subject, record_id=record_id, before_id=user_id, sort__in=(RELEASE, RECALL)
    ).exclude(operation__undone_at__isnull=False)
    last = lost.order_by("-at").values_list("at", flat=True).first()
    until = last + dt.timedelta(days=pool.bar_days) if last is not None else None
    return until if until is not None and until > clock.now() else None


def moves_of(subject: str, record_id: int, limit: int = 8) -> Iterable[PoolMove]:
    """How a record came and went, newest first."""
    return _MOVES.rows((limit,), (limit,), subject, record_id)


_MOVES = Shaped(
    lambda limit, subject, pk: (
        PoolMove.objects.filter(subject=subject, record_id=pk)
        .select_related("by", "before", "after", "pool")
        .order_by("-at", "-pk")[:limit]
    ),
    ["\0", -7001],
)


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


def pool_figures(actor: Actor, pool: Pool, rules: Sequence[Rule] | None = None) -> dict[str, Any]:
    """How many lie in the pool, how many are held, and day by day what goes back under its rules, or under ``rules``."""
    entity = entity_of(pool.subject)
    inside = visible(entity.model._default_manager.filter(owner__isnull=True, pool=pool), actor)
    ahead = forecast(pool, rules_of(pool) if rules is None else rules)
    ids = [one.record_id for lost in ahead.values() for one in lost]
    seen = {row.pk: row for row in visible(entity.model._default_manager.filter(pk__in=ids), actor)}
    people = {one.owner_id for lost in ahead.values() for one in lost}
    names = dict(User.everything.filter(pk__in=people).values_list("pk", "name"))
    grounds = dict(GROUNDS)
    days = [
        (
            day,
            [
                Loss(
                    str(getattr(seen.get(one.record_id), "name", "") or "…"),
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
    people_lose: dict[str, int] = {}
    for _day, lost in days:
        for one in lost:
            people_lose[one.owner] = people_lose.get(one.owner, 0) + 1
    return {
        "inside": inside.count(),
        "entity": entity,
        "pool": pool,
        "days": days,
        "total": len(ids),
        "people": sorted(people_lose.items(), key=lambda pair: (-pair[1], pair[0])),
    }
