"""Commission: reckoned by a plan over a period, with every step kept; approved, then paid out.

What was approved stands. Money that was taken back since, or a contract that is gone, is taken back by the next statement at
the rate it was paid at; what was booked late into a settled period is paid with the next.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from guanxi.areas.billing.models import (
    Allocation,
    CommissionItem,
    CommissionPlan,
    CommissionRule,
    CommissionStatement,
    Contract,
    ContractLine,
    Order,
    OrderLine,
)
from guanxi.areas.billing.models.commission import APPROVED, MARGIN, PAID_OUT, PROPOSED, RECEIVED
from guanxi.areas.billing.models.documents import FRAMEWORK, OWING_CONTRACTS, REDUCE
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.kernel.money import rounded
from guanxi.core.models import User
from guanxi.core.records.rates import base_currency, rate_on
from guanxi.core.schema.registry import entity_of

STATEMENT = "billing.commissionstatement"
ZERO, HUNDRED = Decimal(0), Decimal(100)
#: So many steps stand on the record itself; what is more is one sum there, and whole on its page.
STEPS = 200


@dataclass(frozen=True, slots=True)
class Earned:
    """What one payment or contract brings: where it stands, how it is called, how much in the house's own currency."""

    source: str
    text: str
    amount: Decimal
    document: Any


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A statement worked out: the columns of its record, and its lines."""

    values: dict[str, Any]
    items: Sequence[CommissionItem]


def _payments() -> QuerySet[Allocation]:
    return Allocation.objects.filter(sort="payment", receipt__deleted_at__isnull=True)


def _contracts() -> QuerySet[Contract]:
    return Contract.objects.filter(status__in=OWING_CONTRACTS).exclude(kind=FRAMEWORK)


def _received(owner_id: int, days: Q) -> list[Earned]:
    rows = _payments().filter(days)
    rows = rows.filter(Q(instalment__contract__owner_id=owner_id) | Q(instalment__order__owner_id=owner_id))
    found = []
    for row in rows.select_related("instalment__contract", "instalment__order").order_by("booked_on", "pk"):
        document: Any = row.instalment.contract or row.instalment.order
        amount = row.amount * rate_on(row.currency, row.booked_on or clock.today(settings.TIME_ZONE))
        found.append(Earned(f"allocation:{row.pk}", f"{row.booked_on} {document.number}", amount, document))
    return found


def _signed(owner_id: int, days: Q, *, margin: bool) -> list[Earned]:
    found = []
    for row in _contracts().filter(days, owner_id=owner_id).order_by("signed_on", "pk"):
        amount = row.margin if margin else row.total
        if amount is not None and row.signed_on is not None:
            worth = amount * (row.rate or rate_on(row.currency, row.signed_on))
            if row.amends_id and row.effect == REDUCE:
                worth = -worth
            found.append(Earned(f"contract:{row.pk}", f"{row.signed_on} {row.number}", worth, row))
    return found


def _earned(plan: CommissionPlan, owner_id: int, first: dt.date, last: dt.date) -> list[Earned]:
    """What counts for a period: its own, and what came late into settled ones and no statement of the plan holds yet."""
    day = "booked_on" if plan.base == RECEIVED else "signed_on"

    def within(start: dt.date, end: dt.date) -> Q:
        return Q(**{f"{day}__gte": start, f"{day}__lte": end})

    def read(days: Q) -> list[Earned]:
        return (
            _received(owner_id, days) if plan.base == RECEIVED else _signed(owner_id, days, margin=plan.base == MARGIN)
        )

    known = set(_settled(plan).values_list("source", flat=True))
    settled = _statements(plan).filter(owner_id=owner_id, last_day__lt=first)
    told = settled.exclude(~Q(pay=0), items__isnull=True)  # of the others nobody knows what they hold
    spans = list(told.values_list("first_day", "last_day").distinct())
    late = Q(pk__in=[])
    for start, end in spans:
        late |= within(start, end)
    own = [one for one in read(within(first, last)) if one.source not in known]
    return own + [one for one in (read(late) if spans else []) if one.source not in known]


def _statements(plan: CommissionPlan) -> QuerySet[CommissionStatement]:
    return CommissionStatement.objects.filter(plan=plan, status__in=(APPROVED, PAID_OUT))


def _settled(plan: CommissionPlan) -> QuerySet[CommissionItem]:
    """Lines of the plan's statements whose figures stand."""
    return CommissionItem.objects.filter(statement__in=_statements(plan))


def _alive(sources: Iterable[str]) -> set[str]:
    """Those of the payments and contracts that still count."""
    ids: dict[str, list[int]] = defaultdict(list)
    for one in sources:
        kind, _colon, number = one.partition(":")
        ids[kind].append(int(number))
    found = {f"allocation:{pk}" for pk in _payments().filter(pk__in=ids["allocation"]).values_list("pk", flat=True)}
    return found | {f"contract:{pk}" for pk in _contracts().filter(pk__in=ids["contract"]).values_list("pk", flat=True)}


def _corrections(plan: CommissionPlan, owner_id: int) -> list[CommissionItem]:
    """What settled statements paid a person for what is gone since, taken back at the rate of then."""
    sums: dict[tuple[str, Decimal], list[Any]] = {}
    for row in _settled(plan).filter(statement__owner_id=owner_id).order_by("statement_id", "position"):
        net = sums.setdefault((row.source, row.rate), [ZERO, ZERO, row.what])
        net[0] += row.base
        net[1] += row.pay
    left = {key: net for key, net in sums.items() if net[0] or net[1]}
    alive = _alive({source for source, _rate in left})
    return [
        CommissionItem(
            source=source, rate=rate, base=-base, pay=-pay, corrects=True, what=(_("Taken back: %(what)s") % {"what": what})[:200]
        )
        for (source, rate), (base, pay, what) in left.items()
        if source not in alive
    ]  # fmt: skip


def _share(document: Any, rule: CommissionRule) -> Decimal:
    """Which part of a document (0 to 1) a rule for a product or category concerns; 1 for a rule for everything."""
    if rule.product_id is None and rule.category_id is None:
        return Decimal(1)
    if not document.total:
        return ZERO
    name = "order" if isinstance(document, Order) else "contract"
    model: Any = OrderLine if isinstance(document, Order) else ContractLine
    lines = model.objects.filter(**{name: document.pk}, optional=False, sort="item")
    if rule.product_id:
        lines = lines.filter(Q(product_id=rule.product_id) | Q(product__variant_of_id=rule.product_id))
    else:
        lines = lines.filter(
            Q(product__category_id=rule.category_id) | Q(product__category__path__contains=f"/{rule.category_id}/")
        )
    part = lines.aggregate(all=Sum("amount"))["all"] or ZERO
    whole: Decimal = document.total
    return Decimal(part) / whole


def _rules(plan: CommissionPlan, achievement: Decimal | None) -> list[CommissionRule]:
    """The rates that hold: for each product and category, and then for everything else, that of the highest achievement."""
    found: dict[tuple[int | None, int | None], CommissionRule] = {}
    rows = plan.rules.filter(deleted_at__isnull=True).select_related("product", "category")
    for rule in rows.order_by("-from_achievement", "position"):
        if rule.from_achievement <= (achievement or ZERO):
            found.setdefault((rule.product_id, rule.category_id), rule)
    return sorted(found.values(), key=lambda one: (one.product_id is None, one.category_id is None))


def reckon(plan: CommissionPlan, owner_id: int, first: dt.date, last: dt.date) -> Reckoned:
    """A person's period by a plan, in the house's own currency; stores nothing.

    The rates of the highest achievement reached hold for the whole period. A rule for a product or category comes
    before the rules for everything and takes its part of each document. ``base × rate = pay`` on each line, rounded
    half up to the smallest unit; corrections of earlier statements count towards the pay, not towards the achievement.
    """
    currency = base_currency()
    earned = _earned(plan, owner_id, first, last)
    base = rounded(sum((one.amount for one in earned), ZERO), currency)
    achievement = (base * HUNDRED / plan.target).quantize(Decimal("0.01")) if plan.target else None
    rules = _rules(plan, achievement)
    items: list[CommissionItem] = []
    for one in earned:
        left = Decimal(1)
        for rule in rules:
            special = rule.product or rule.category
            part = min(left, _share(one.document, rule)) if special else left
            if part <= 0:
                continue
            left -= part
            share = rounded(one.amount * part, currency)
            what = f"{one.text} · {special}" if special else one.text
            pay = rounded(share * rule.rate / HUNDRED, currency)
            items.append(CommissionItem(source=one.source, what=what[:200], base=share, rate=rule.rate, pay=pay))
    items += _corrections(plan, owner_id)
    for place, item in enumerate(items):
        item.position = place
    pay = sum((one.pay for one in items), ZERO)
    values = {"base_amount": base, "achievement": achievement, "pay": pay, "currency": currency, "steps": _steps(items)}
    return Reckoned(values, items)


def _steps(items: Sequence[CommissionItem]) -> list[dict[str, str]]:
    """The lines as rows of the record; more than it holds are one sum, so that it adds up."""
    shown = items if len(items) <= STEPS else items[: STEPS - 1]
    rows = [
        {"what": one.what, "base": str(one.base), "rate": f"{one.rate.normalize():f}", "pay": str(one.pay)}
        for one in shown
    ]
    rest = items[len(shown) :]
    if rest:
        base, pay = sum((one.base for one in rest), ZERO), sum((one.pay for one in rest), ZERO)
        what = _("%(count)d further lines") % {"count": len(rest)}
        rows.append({"what": what, "base": str(base), "rate": "", "pay": str(pay)})
    return rows


def _items_store(statement: CommissionStatement, items: Sequence[CommissionItem]) -> None:
    statement.items.all().delete()
    for one in items:
        one.statement = statement
    CommissionItem.objects.bulk_create(items)


def commission_reckon(actor: Actor, record: CommissionStatement) -> CommissionStatement:
    """Work a statement out anew, while it is only proposed."""
    require(actor, "change", record)
    with records.writing(actor):
        fresh: CommissionStatement = records.locked(actor, entity_of(STATEMENT), record.pk)
        if fresh.status != PROPOSED:
            raise RuleBroken(_("This statement is approved; its figures stand."), code="commission.state")
        found = reckon(fresh.plan, fresh.owner_id or 0, fresh.first_day, fresh.last_day)
        done: CommissionStatement = records.update(actor, fresh, found.values, trusted=True)
        _items_store(done, found.items)
    return done


def commission_propose(actor: Actor, record: CommissionPlan, *, first_day: dt.date, last_day: dt.date) -> int:
    """Statements of a period for everybody a plan is for, made or worked out anew; returns how many."""
    require(actor, "create", STATEMENT)
    if last_day < first_day:
        raise Invalid(_("This day lies before the first day."), code="dates.order", field="last_day")
    _in_force(record, first_day, last_day)
    people = record.role.users.filter(is_active=True) if record.role else _sellers(record, first_day, last_day)
    made = 0
    with records.writing(actor):
        for user in people:
            there = CommissionStatement.objects.filter(
                plan=record, owner=user, first_day=first_day, last_day=last_day
            ).first()
            if there is None:
                found = reckon(record, user.pk, first_day, last_day)
                if record.role is None and not found.items:
                    continue
                values = {"plan": record.pk, "owner": user.pk, "first_day": first_day, "last_day": last_day}
                values |= {"name": _named(user, first_day, last_day), **found.values}
                _items_store(records.create(actor, STATEMENT, values, trusted=True), found.items)
            elif there.status == PROPOSED:
                commission_reckon(actor, there)
            made += 1
    return made


def _in_force(plan: CommissionPlan, first: dt.date, last: dt.date) -> None:
    if not plan.active:
        raise RuleBroken(_("This plan is not in use."), code="commission.inactive")
    if plan.valid_from is not None and first < plan.valid_from:
        raise Invalid(
            _("The plan is valid from %(day)s.") % {"day": plan.valid_from}, code="dates.order", field="first_day"
        )
    if plan.valid_until is not None and last > plan.valid_until:
        raise Invalid(
            _("The plan is valid until %(day)s.") % {"day": plan.valid_until}, code="dates.order", field="last_day"
        )


def _named(user: User, first: dt.date, last: dt.date) -> str:
    """A person and his month, or the first and the last of several."""
    month, until = f"{first:%Y-%m}", f"{last:%Y-%m}"
    return f"{user.name} {month}" if month == until else f"{user.name} {month} – {until}"


def _sellers(plan: CommissionPlan, first: dt.date, last: dt.date) -> QuerySet[User]:
    """Whoever has something in the period, and whoever was paid by the plan before."""
    if plan.base == RECEIVED:
        paid = _payments().filter(booked_on__gte=first, booked_on__lte=last)
        owners = {*paid.values_list("instalment__contract__owner_id", flat=True)}
        owners |= {*paid.values_list("instalment__order__owner_id", flat=True)}
    else:
        owners = {*_contracts().filter(signed_on__gte=first, signed_on__lte=last).values_list("owner_id", flat=True)}
    owners |= {*_statements(plan).values_list("owner_id", flat=True)}
    return User.objects.filter(pk__in=owners - {None}, is_active=True)


def commission_approve(actor: Actor, record: CommissionStatement) -> CommissionStatement:
    """The figures stand; nobody approves his own."""
    require(actor, "approve", record)
    with records.writing(actor):
        fresh = records.locked(actor, entity_of(STATEMENT), record.pk)
        if fresh.status != PROPOSED:
            raise RuleBroken(_("This statement is approved already."), code="commission.state")
        if fresh.owner_id == actor.user_id:
            raise RuleBroken(_("Nobody approves his own commission."), code="commission.own")
        # Of two statements approved at once the second reckons with what the first takes back or pays late.
        plan = CommissionPlan.objects.select_for_update(of=("self",)).get(pk=fresh.plan_id)
        found = reckon(plan, fresh.owner_id or 0, fresh.first_day, fresh.last_day)
        if (found.values["pay"], found.values["base_amount"]) != (fresh.pay, fresh.base_amount):
            raise RuleBroken(
                _("What it was reckoned on has changed. Reckon it again first."), code="commission.changed"
            )
        values = {"status": APPROVED, "approved_at": clock.now()}
        done: CommissionStatement = records.update(actor, fresh, values, trusted=True)
    return done


def commission_pay(actor: Actor, record: CommissionStatement) -> CommissionStatement:
    """The commission was paid out."""
    require(actor, "approve", record)
    if record.status != APPROVED:
        raise RuleBroken(_("Approve the statement first."), code="commission.state")
    done: CommissionStatement = records.update(actor, record, {"status": PAID_OUT}, trusted=True)
    return done
