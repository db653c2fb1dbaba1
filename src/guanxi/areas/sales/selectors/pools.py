"""Pools read: who belongs to which, how many somebody may hold, and how records came and went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.db.models import Q, QuerySet

from guanxi.areas.customers.models import (
    CLAIM,
    RECALL,
    RELEASE,
    HoldingLimit,
    Pool,
    PoolMember,
    PoolMove,
)
from guanxi.areas.sales.models.leads import INVALID
from guanxi.core.access.actors import add_membership, department_tree
from guanxi.core.kernel import clock
from guanxi.core.models import Department, Operation, User
from guanxi.core.models.fixed import Shaped
from guanxi.core.models.stamps import kept
from guanxi.core.schema.registry import entity_of

STAMP = "pools"
CUSTOMER, LEAD = "customers.customer", "sales.lead"
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
    if subject == LEAD:  # one that came to nothing keeps nobody from the next
        rows = rows.filter(converted_at__isnull=True).exclude(status=INVALID)
    if limit is not None and limit.spared_statuses:
        rows = rows.exclude(status__in=limit.spared_statuses)
    if limit is not None and limit.spared_levels and subject == CUSTOMER:
        rows = rows.exclude(level__in=limit.spared_levels)
    return int(rows.count())


def claimed_today(user_id: int, pool: Pool) -> int:
    """How many records of the pool a person has claimed today; those taken back do not count."""
    start = clock.day_start(clock.today(settings.TIME_ZONE), settings.TIME_ZONE)
    return len(_standing(PoolMove.objects.filter(by_id=user_id, sort=CLAIM, pool=pool, at__gte=start)))


def _standing(moves: QuerySet[PoolMove]) -> list[PoolMove]:
    """Moves without those that were taken back; one whose undo left the record where it was stands."""
    found = list(moves.select_related("operation").order_by("-at", "-pk"))
    undone = [one.operation_id for one in found if one.operation is not None and one.operation.undone_at is not None]
    left = {
        (step.undoes_id, one["entity"], one["id"])
        for step in (Operation.objects.filter(undoes__in=undone) if undone else ())
        for one in step.result.get("problems", ())
    }
    return [
        one for one in found if one.operation_id not in undone or (one.operation_id, one.subject, one.record_id) in left
    ]


def barred_until(user_id: int, subject: str, record_id: int, pool: Pool) -> dt.datetime | None:
    """Until when a former owner must leave the record to others, ``None`` when he need not."""
    lost = _standing(
        PoolMove.objects.filter(subject=subject, record_id=record_id, before_id=user_id, sort__in=(RELEASE, RECALL))
    )
    until = lost[0].at + dt.timedelta(days=pool.bar_days) if lost else None
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
