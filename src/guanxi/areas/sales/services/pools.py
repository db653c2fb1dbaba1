"""What people and the clock do with pooled records: claim, release, assign, protect, recall."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from guanxi.areas.customers.models import (
    ASSIGN,
    CLAIM,
    RECALL,
    RELEASE,
    Contact,
    Customer,
    Pool,
    PoolMove,
    PoolRule,
)
from guanxi.areas.sales.models import Lead
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import returns
from guanxi.core import records
from guanxi.core.access import allowed, require
from guanxi.core.automation import channels
from guanxi.core.automation.notify import notify, tell_pages, told_to_readers
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken
from guanxi.core.kernel.machines import register_machines
from guanxi.core.models import Operation, User
from guanxi.core.records import presence
from guanxi.core.records import still as undoing
from guanxi.core.schema.registry import entity_of

Pooled = Customer | Lead
WARNED = gettext_noop("%(record)s goes back to the pool on %(day)s")
RECALLED = gettext_noop("%(count)s went back to the pool “%(pool)s”")
register_machines({"pools": gettext_lazy("Pools")})


def _locked(actor: Actor, record: Pooled) -> Any:
    return records.locked(actor, entity_of(record), record.pk)


def _begin(actor: Actor, sort: str, record: Any) -> Operation:
    key = entity_of(record).key
    right = {CLAIM: "claim", RELEASE: "change", ASSIGN: "assign"}[sort]
    return records.operation_begin(
        actor, f"pool_{sort}", key, total=1, progress=1, parameters={"ids": [record.pk], "right": right}
    )


def _owner_set(
    actor: Actor,
    record: Any,
    owner: int | None,
    pool: Pool,
    sort: str,
    step: Operation,
    *,
    reason: str = "",
    note: str = "",
) -> None:
    """Give a record to somebody or nobody, its contacts along with it, and note the move."""
    key = entity_of(record).key
    before = record.owner_id
    records.update(actor, record, {"owner": owner, "pool": pool.pk}, operation=step, trusted=True)
    if key == read.CUSTOMER:
        for contact in Contact.objects.filter(customer_id=record.pk, owner_id=before):
            records.update(actor, contact, {"owner": owner}, operation=step, trusted=True)
    move_note(actor, record, pool, sort, before=before, after=owner, reason=reason, note=note, step=step)


def move_note(
    actor: Actor,
    record: Any,
    pool: Pool | None,
    sort: str,
    *,
    before: int | None,
    after: int | None,
    reason: str = "",
    note: str = "",
    step: Operation | None = None,
) -> None:
    """Note how a record went from one to another; within ``writing``."""
    PoolMove.objects.create(
        pool=pool,
        subject=entity_of(record).key,
        record_id=record.pk,
        sort=sort,
        at=clock.now(),
        by_id=actor.user_id,
        before_id=before,
        after_id=after,
        reason=reason,
        note=note[:300],
        operation=step,
    )


def _pool_of(record: Any) -> Pool:
    """The pool a held record belongs to. Raises RuleBroken when there is none."""
    pool = next((one for one in read.pools() if one.pk == record.pool_id), None)
    pool = pool or read.home_pool(entity_of(record).key, record.owner_id)
    if pool is None:
        raise RuleBroken(_("There is no pool this could go to."), code="pool.none")
    return pool


def pool_claim(actor: Actor, record: Pooled) -> Operation:
    """Take a record out of the pool; who claims owns it.

    Raises RuleBroken when somebody was quicker, the day's claims are used up, he gave it back too recently, or he
    holds as many as he may.
    """
    if actor.user_id is None:
        raise Denied
    with records.writing(actor):
        fresh = _locked(actor, record)
        if fresh.owner_id is not None:
            name = User.everything.filter(pk=fresh.owner_id).values_list("name", flat=True).first()
            raise RuleBroken(_("%(name)s was quicker.") % {"name": name}, code="pool.taken")
        require(actor, "claim", fresh)
        pool = _pool_of(fresh)
        if pool.daily_limit is not None and read.claimed_today(actor.user_id, pool) >= pool.daily_limit:
            raise RuleBroken(
                _("You have claimed %(count)d today; more tomorrow.") % {"count": pool.daily_limit}, code="pool.daily"
            )
        until = read.barred_until(actor.user_id, entity_of(fresh).key, fresh.pk, pool)
        if until is not None:
            raise RuleBroken(_barred(actor, until), code="pool.barred")
        _room(entity_of(fresh).key, actor.user_id)
        step = _begin(actor, CLAIM, fresh)
        _owner_set(actor, fresh, actor.user_id, pool, CLAIM, step)
        returns_refresh(entity_of(fresh).key, [fresh.pk])
    return step


def _barred(actor: Actor, until: dt.datetime) -> str:
    day = clock.day_of(until, actor.timezone)
    return _("It was yours; until %(day)s it is left to others.") % {"day": day}


def _full(found: read.Holding) -> str:
    return _("%(held)d are held already; %(most)d is the most.") % {"held": found.held, "most": found.most}


def _room(subject: str, user_id: int) -> None:
    found = read.holding(subject, user_id)
    if found.full:
        raise RuleBroken(_full(found), code="pool.full")


def pool_release(
    actor: Actor, record: Pooled, *, reason: str = "", note: str = "", pool: int | None = None
) -> Operation:
    """Give a record back to its pool (or to ``pool``); says why. Its stages and history stay as they are."""
    if not reason:
        raise Invalid(_("Say why it goes back."), code="value.required", field="reason")
    with records.writing(actor):
        fresh = _locked(actor, record)
        require(actor, "change", fresh)
        if fresh.owner_id is None:
            raise RuleBroken(_("Nobody owns it; it lies in the pool already."), code="pool.unowned")
        target = next((one for one in read.pools() if one.pk == pool), None) if pool else _pool_of(fresh)
        if target is None or target.subject != entity_of(fresh).key:
            raise Invalid(_("Choose a pool of this kind."), code="pool.subject", field="pool")
        step = _begin(actor, RELEASE, fresh)
        _owner_set(actor, fresh, None, target, RELEASE, step, reason=reason, note=note or "")
    return step


def pool_assign(actor: Actor, record: Pooled, *, to: Any) -> Operation:
    """Give a record of the pool to a colleague; the most he may hold is kept to."""
    number = int(getattr(to, "pk", to))
    with records.writing(actor):
        fresh = _locked(actor, record)
        require(actor, "assign", fresh)
        if not User.objects.filter(pk=number, is_active=True).exists():
            raise Invalid(_("Choose an entry from the list."), code="reference.unknown", field="to")
        pool = _pool_of(fresh)
        try:
            _room(entity_of(fresh).key, number)
        except RuleBroken as error:
            raise Invalid(error.message, code=error.code, field="to") from None
        step = _begin(actor, ASSIGN, fresh)
        _owner_set(actor, fresh, number, pool, ASSIGN, step)
        returns_refresh(entity_of(fresh).key, [fresh.pk])
    return step


def pool_protect(actor: Actor, record: Pooled, *, until: dt.date | None = None) -> Any:
    """Keep a record with its owner up to and including a day; without a day no longer."""
    with records.writing(actor):
        fresh = _locked(actor, record)
        require(actor, "assign", fresh)
        if until is not None and until < clock.today(settings.TIME_ZONE):
            raise Invalid(_("Choose a day to come."), code="date.past", field="until")
        changed = records.update(actor, fresh, {"protected_until": until}, trusted=True)
        returns_refresh(entity_of(fresh).key, [fresh.pk])
    return changed


#: So long a release is a slip that whoever made it takes back himself.
AT_ONCE = dt.timedelta(minutes=10)


def _release_held(actor: Actor, operation: Operation, ids: Collection[int]) -> dict[int, str]:
    """Releases that are not taken back: the former owner is barred, or holds as many as he may. Who assigns is asked neither."""
    moves = PoolMove.objects.filter(operation=operation, sort=RELEASE, record_id__in=ids, before__isnull=False)
    found: dict[int, str] = {}
    room: dict[int, int | None] = {}
    for move in moves.select_related("pool").order_by("pk"):
        record = entity_of(move.subject).model._base_manager.filter(pk=move.record_id).first()
        owner = move.before_id
        if record is None or owner is None or allowed(actor, "assign", record):
            continue
        until = read.barred_until(owner, move.subject, move.record_id, move.pool) if move.pool else None
        if until is not None and clock.now() > move.at + AT_ONCE:
            found[move.record_id] = _barred(actor, until)
            continue
        held = read.holding(move.subject, owner)
        left = room.setdefault(owner, None if held.most is None else held.most - held.held)
        if left is not None and left <= 0:
            found[move.record_id] = _full(held)
        elif left is not None:
            room[owner] = left - 1
    return found


for _subject in (read.CUSTOMER, read.LEAD):
    undoing.add_hold(_subject, _release_held)


# -- the clock ---------------------------------------------------------------------------------------------------------

_REFRESH = """
    UPDATE {table} r SET returns_on = n.day, returns_why = coalesce(n.why, '')
    FROM (SELECT i.id, max(v.day) AS day, max(v.why) AS why
          FROM unnest(%(all)s::bigint[]) i(id)
          LEFT JOIN unnest(%(ids)s::bigint[], %(days)s::date[], %(whys)s::text[]) v(id, day, why) ON v.id = i.id GROUP BY i.id) n
    WHERE r.id = n.id AND (r.returns_on IS DISTINCT FROM n.day OR r.returns_why <> coalesce(n.why, ''))
    RETURNING r.id
"""


def returns_refresh(subject: str, ids: Collection[int] | None = None) -> None:
    """Bring the day on which records return up to date: of all held ones, or of some. Open pages of theirs follow."""
    model: Any = entity_of(subject).model
    chosen = (
        list(ids) if ids is not None else list(model.objects.filter(owner__isnull=False).values_list("pk", flat=True))
    )
    found = [
        one
        for pool in read.pools()
        if pool.subject == subject
        for one in returns.due(pool, returns.rules_of(pool), ids=None if ids is None else chosen)
    ]
    values: dict[str, Any] = {
        "all": chosen,
        "ids": [one.record_id for one in found],
        "days": [one.on for one in found],
        "whys": [one.why for one in found],
    }
    with records.writing(system_actor("pools")), connection.cursor() as cursor:
        cursor.execute(_REFRESH.format(table=entity_of(subject).table), values)
        if changed := [pk for (pk,) in cursor.fetchall()]:
            tell_pages(presence.readers(subject, changed))


def pools_recall() -> list[Operation]:
    """Take back what is due today, pool by pool; each is one operation an administrator can undo. Owners are told."""
    today = clock.today(settings.TIME_ZONE)
    done = []
    for pool in read.pools():
        due = [one for one in returns.due(pool, returns.rules_of(pool)) if one.on <= today]
        if due:
            done.append(_recall(pool, due))
    return done


def _recall(pool: Pool, due: Iterable[returns.Due]) -> Operation:
    actor, entity = system_actor("pools"), entity_of(pool.subject)
    lost: dict[int, int] = {}
    with records.writing(actor):
        found = list(due)
        step = records.operation_begin(
            actor, "pool_recall", entity.key, total=len(found), parameters={"ids": [one.record_id for one in found]}
        )
        for one in found:
            record: Any = entity.model._default_manager.select_for_update().filter(pk=one.record_id).first()
            if record is None or record.owner_id != one.owner_id:
                continue
            _owner_set(actor, record, None, pool, RECALL, step, reason=one.why)
            lost[one.owner_id] = lost.get(one.owner_id, 0) + 1
        step.progress = sum(lost.values())
        step.save(update_fields=["progress"])
        for owner, count in lost.items():
            notify([owner], "pool", RECALLED, {"count": str(count), "pool": pool.name})
    return step


def pools_warn() -> int:
    """Tell owners what will go back within the days their pool warns ahead; each day once. Returns how many were told."""
    today = clock.today(settings.TIME_ZONE)
    told = 0
    for pool in read.pools():
        last = today + dt.timedelta(days=pool.warn_days)
        model: Any = entity_of(pool.subject).model
        for one in returns.due(pool, returns.rules_of(pool)):
            if today < one.on <= last:
                record = model.objects.filter(pk=one.record_id).first()
                once = f"pool:{pool.subject}:{one.record_id}:{one.on}"
                day = {"day": told_to_readers(one.on, pool.subject, "returns_on")}
                told += len(notify([one.owner_id], "pool", WARNED, day, record=record, once=once))
    return told


channels.register_sort(channels.Sort("pool", gettext_lazy("Pools"), icon="inbox"))


def rules_replace(actor: Actor, pool: Pool, rules: Iterable[returns.Rule]) -> None:
    """Make these the pool's rules: those that stay are kept, others go to the trash, new ones are made."""
    wanted = list(rules)
    with records.writing(actor):
        for row in PoolRule.objects.filter(pool=pool).order_by("pk"):
            one = returns.Rule(row.ground, row.days, row.level, row.segment)
            if row.active and one in wanted:
                wanted.remove(one)
            else:
                records.delete(actor, row)
        for one in wanted:
            values = {
                "pool": pool.pk,
                "ground": one.ground,
                "days": one.days,
                "level": one.level,
                "segment": one.segment,
            }
            records.create(actor, "customers.poolrule", values)
        returns_refresh(pool.subject)
