"""Which territory a record falls into, where territories overlap, and who gets the next record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from guanxi.areas.customers.models import PoolMove, PoolRule
from guanxi.areas.sales.models import AssignMember, AssignRule, Territory, TerritoryRule
from guanxi.areas.sales.models.sharing import LOAD, TERRITORY
from guanxi.areas.sales.selectors import pools
from guanxi.core.access import allowed, reads, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.memo import asked_once
from guanxi.core.kernel.working_time import working_between
from guanxi.core.models import User
from guanxi.core.records import worktime
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping.segments import add_finder, within
from guanxi.core.shaping.uses import Use

#: The reason noted of what a rule handed out; its note is the name of the rule.
BY_RULE = "rule"
LIMITS = ("region", "industry", "level", "source")


def _fits(rule: Any, record: Any, names: tuple[str, ...] = LIMITS) -> bool:
    for name in names:
        wanted = getattr(rule, name, "")
        held = str(getattr(record, name, "") or "")
        if wanted and not (held.startswith(wanted) if name in ("region", "industry") else held == wanted):
            return False
    return True


def territory_of(record: Any) -> Territory | None:
    """The first territory in order one of whose rules fits the record."""
    rules = TerritoryRule.objects.filter(territory__active=True, territory__deleted_at__isnull=True)
    for rule in rules.select_related("territory").order_by("territory__position", "territory_id", "pk"):
        if any(getattr(rule, name) for name in LIMITS) and _fits(rule, record):
            return rule.territory
    return None


def takers() -> list[Territory]:
    """Territories in use, in the order in which they take records."""
    rows = Territory.objects.filter(active=True).select_related("user", "department")
    return list(rows.order_by("position", "pk"))


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rules that claim the same records, the other territory, and how many customers the reader sees fall into both.

    ``None`` for who sees no customers, or not all that the rules ask of them.
    """

    other: Territory
    mine: TerritoryRule
    theirs: TerritoryRule
    customers: int | None


def _meets(one: str, other: str, *, tree: bool) -> bool:
    if not one or not other:
        return True
    return one.startswith(other) or other.startswith(one) if tree else one == other


@asked_once(lambda actor, territory: (actor.user_id, territory.pk))
def overlaps(actor: Actor, territory: Territory) -> list[Overlap]:
    """Where the rules of a territory and those of others would take the same customers."""
    mine = list(TerritoryRule.objects.filter(territory=territory).order_by("pk"))
    others = TerritoryRule.objects.filter(territory__active=True, territory__deleted_at__isnull=True)
    found: list[Overlap] = []
    for theirs in others.exclude(territory=territory).select_related("territory").order_by("territory__position", "pk"):
        found += [
            Overlap(theirs.territory, rule, theirs, _in_both(actor, rule, theirs))
            for rule in mine
            if _both(rule, theirs)
        ]
    return found


def _both(rule: TerritoryRule, theirs: TerritoryRule) -> bool:
    return all(
        _meets(getattr(rule, name), getattr(theirs, name), tree=name in ("region", "industry")) for name in LIMITS
    )


def _in_both(actor: Actor, *rules: TerritoryRule) -> int | None:
    asked = {name for rule in rules for name in LIMITS if getattr(rule, name)}
    if not (allowed(actor, "view", pools.CUSTOMER) and reads(actor, pools.CUSTOMER, *asked)):
        return None
    rows: Any = visible(entity_of(pools.CUSTOMER).model._default_manager.all(), actor)
    for rule in rules:
        for name in LIMITS:
            if wanted := getattr(rule, name):
                tree = name in ("region", "industry")
                rows = rows.filter(**{f"{name}__startswith" if tree else name: wanted})
    return int(rows.count())


def standing_on(segment: str) -> list[Use]:
    """The rules of pools and of assignment that ask for a segment."""
    found = [
        Use(_("Return rule"), f"{rule.pool.name} · {rule.note or rule.days}", f"/pools/{rule.pool_id}/", alone=True)
        for rule in PoolRule.objects.filter(segment=segment).select_related("pool").order_by("pk")
    ]
    rules = AssignRule.objects.filter(segment=segment).order_by("position", "pk")
    return [*found, *(Use(_("Assignment rule"), one.name, f"/assign-rules/{one.pk}/", alone=True) for one in rules)]


add_finder(standing_on)


# -- who gets the next -------------------------------------------------------------------------------------------------


def next_owner(record: Any) -> tuple[AssignRule, int] | None:
    """The first rule that fits and has somebody with room, and who it is."""
    rules = rules_for(entity_of(record).key).select_for_update(of=("self",))
    for rule in rules:
        owner = _chosen(rule, record) if fits(rule, record) else None
        if owner is not None:
            return rule, owner
    return None


def rules_for(subject: str) -> QuerySet[AssignRule]:
    """The rules in use that hand out such records, in order."""
    return AssignRule.objects.filter(active=True, subject=subject).order_by("position", "pk")


def fits(rule: AssignRule, record: Any) -> bool:
    """Whether a rule is meant for a record."""
    return bool(fitting(rule, [record]))


def fitting(rule: AssignRule, rows: Iterable[Any]) -> list[Any]:
    """Those of the records, of the rule's sort, a rule is meant for; at most one query."""
    found = [one for one in rows if _scored(rule, one) and _fits(rule, one, ("region", "industry", "source"))]
    if not rule.segment or not found:
        return found
    inside = within(entity_of(rule.subject), rule.segment, [one.pk for one in found])
    return [one for one in found if one.pk in inside]


def _scored(rule: AssignRule, record: Any) -> bool:
    score = getattr(record, "score", None)
    return rule.least_score is None or (score is not None and score >= rule.least_score)


#: So many days a new record without an owner waits for the rules; after them it is left to the pool.
WAITS = 14


def waiting(subject: str) -> QuerySet[Any]:
    """New records nobody owns and nobody ever gave away, oldest first: rules try them again."""
    moved = PoolMove.objects.filter(subject=subject, record_id=OuterRef("pk"))
    since = clock.now() - dt.timedelta(days=WAITS)
    rows: Any = entity_of(subject).model._default_manager.filter(owner__isnull=True, created_at__gte=since)
    if subject == pools.LEAD:
        rows = rows.filter(converted_at__isnull=True)
    found: QuerySet[Any] = rows.exclude(Exists(moved)).order_by("created_at", "pk")
    return found


def awaited(record: Any) -> AssignRule | None:
    """The first rule a record waits for, ``None`` when it waits for none."""
    subject = entity_of(record).key
    if record.owner_id is not None or not waiting(subject).filter(pk=record.pk).exists():
        return None
    return next((rule for rule in rules_for(subject) if fits(rule, record)), None)


#: Why a record that waits for a rule has no owner yet: it is new and about to be handed out, no territory takes it, nobody has room.
SOON, NOWHERE, NO_ROOM = "soon", "nowhere", "no_room"


def why_waiting(rule: AssignRule, record: Any) -> str:
    """Why the record is not handed out yet by the rule it waits for."""
    if _chosen(rule, record) is not None:
        return SOON
    return NOWHERE if rule.method == TERRITORY and territory_of(record) is None else NO_ROOM


def rules_free(subject: str) -> list[AssignRule]:
    """The rules that may have somebody for a record now."""
    return [
        rule
        for rule in rules_for(subject)
        if rule.method == TERRITORY or in_turn(rule, candidates(rule, members_of(rule))) is not None
    ]


def _chosen(rule: AssignRule, record: Any) -> int | None:
    members = members_of(rule)
    if rule.method == TERRITORY:
        members = _of_territory(record, members)
    return in_turn(rule, candidates(rule, members))


#: Why somebody gets nothing now.
LEFT, FULL, AWAY, OFF = "left", "full", "away", "off"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody a rule hands out to: how many he holds, the most he may (``None``: any number), why he gets none now."""

    user: int
    held: int
    most: int | None
    why_not: str = ""


def candidates(rule: AssignRule, members: Mapping[int, int | None]) -> list[Candidate]:
    """How each of the people stands now, in order; ``members`` maps a person to the most he may hold by the rule."""
    active = set(User.objects.filter(pk__in=members, is_active=True).values_list("pk", flat=True))
    found = []
    for user, capacity in members.items():
        held = pools.holding(rule.subject, user)
        most = min((one for one in (capacity, held.most) if one is not None), default=None)
        if user not in active:
            why = LEFT
        elif held.full or (capacity is not None and held.held >= capacity):
            why = FULL
        elif worktime.away(user, clock.now()) is not None:
            why = AWAY
        else:
            why = OFF if rule.working_only and not at_work(user) else ""
        found.append(Candidate(user, held.held, most, why))
    return found


def in_turn(rule: AssignRule, people: Sequence[Candidate]) -> int | None:
    """Who of them gets the next record, ``None`` when nobody has room."""
    free = [one for one in people if not one.why_not]
    if not free:
        return None
    if rule.method == LOAD:
        return min(free, key=lambda one: one.held).user
    everyone = [one.user for one in people]
    last = everyone.index(rule.last_user_id) if rule.last_user_id in everyone else -1
    turn = everyone[last + 1 :] + everyone[: last + 1]
    able = {one.user for one in free}
    return next(user for user in turn if user in able)


def members_of(rule: AssignRule) -> dict[int, int | None]:
    """Whom a rule names, in order, and how many each may hold by it."""
    return dict(AssignMember.objects.filter(rule=rule).order_by("pk").values_list("user_id", "capacity"))


def given_by(rule: AssignRule, limit: int = 10) -> list[PoolMove]:
    """What the rule handed out, newest first."""
    moves = PoolMove.objects.filter(subject=rule.subject, reason=BY_RULE, note=rule.name)
    return list(moves.select_related("after").order_by("-at", "-pk")[:limit])


def _of_territory(record: Any, members: Mapping[int, int | None]) -> dict[int, int | None]:
    """The territory's responsible person, else its team in turn; those the rule names keep their capacity."""
    territory = territory_of(record)
    if territory is None:
        return {}
    if territory.user_id is not None:
        return {territory.user_id: members.get(territory.user_id)}
    team = User.objects.filter(department_id=territory.department_id or 0, is_active=True).order_by("pk")
    return {user: members.get(user) for user in team.values_list("pk", flat=True)}


def at_work(user_id: int, moment: dt.datetime | None = None) -> bool:
    """Whether it is working time for somebody now."""
    now = moment or clock.now()
    return bool(working_between(now, now + dt.timedelta(minutes=1), worktime.calendar_of_user(user_id)))
