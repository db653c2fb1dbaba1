"""Commission: reckoned by a plan over a period, with every step kept; approved, then paid out."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from guanxi.areas.billing.models import (
    Allocation,
    CommissionPlan,
    CommissionRule,
    CommissionStatement,
    Contract,
    ContractLine,
)
from guanxi.areas.billing.models.commission import APPROVED, MARGIN, PAID_OUT, PROPOSED, RECEIVED
from guanxi.areas.billing.models.documents import OWING_CONTRACTS
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.kernel.money import rounded
from guanxi.core.models import User
from guanxi.core.records.rates import base_currency, rate_on

STATEMENT = "billing.commissionstatement"
ZERO, HUNDRED = Decimal(0), Decimal(100)


def _received(owner_id: int, first: dt.date, last: dt.date) -> list[tuple[str, Decimal, Any]]:
    rows = Allocation.objects.filter(
        sort="payment", receipt__deleted_at__isnull=True, booked_on__gte=first, booked_on__lte=last
    ).filter(Q(instalment__contract__owner_id=owner_id) | Q(instalment__order__owner_id=owner_id))
    found = []
    for row in rows.select_related("instalment__contract", "instalment__order").order_by("booked_on", "pk"):
        document = row.instalment.contract or row.instalment.order
        rate = rate_on(row.currency, row.booked_on or last)
        found.append((f"{row.booked_on} {getattr(document, 'number', '')}", row.amount * rate, document))
    return found


def _signed(owner_id: int, first: dt.date, last: dt.date, *, margin: bool) -> list[tuple[str, Decimal, Any]]:
    rows = Contract.objects.filter(
        owner_id=owner_id, status__in=OWING_CONTRACTS, signed_on__gte=first, signed_on__lte=last
    )
    found = []
    for row in rows.order_by("signed_on", "pk"):
        amount = row.margin if margin else row.total
        if amount is not None:
            found.append((f"{row.signed_on} {row.number}", amount * (row.rate or rate_on(row.currency, last)), row))
    return found


def _share(document: Any, rule: CommissionRule) -> Decimal:
    """Which part of a document (0 to 1) a rule for a product or category concerns; 1 for a rule for everything."""
    if rule.product_id is None and rule.category_id is None:
        return Decimal(1)
    if not isinstance(document, Contract) or not document.total:
        return ZERO
    lines = ContractLine.objects.filter(contract_id=document.pk, optional=False, sort="item")
    if rule.product_id:
        lines = lines.filter(Q(product_id=rule.product_id) | Q(product__variant_of_id=rule.product_id))
    else:
        lines = lines.filter(
            Q(product__category_id=rule.category_id) | Q(product__category__path__contains=f"/{rule.category_id}/")
        )
    part = lines.aggregate(all=Sum("amount"))["all"] or ZERO
    whole: Decimal = document.total
    return Decimal(part) / whole


def reckon(plan: CommissionPlan, owner_id: int, first: dt.date, last: dt.date) -> dict[str, Any]:
    """Base, achievement, commission and the steps of the arithmetic, in the house's own currency; stores nothing.

    The rates of the highest achievement reached hold for the whole period. A rule for a product or category comes
    before the rules for everything and takes its part of each document.
    """
    currency = base_currency()
    items = (
        _received(owner_id, first, last)
        if plan.base == RECEIVED
        else _signed(owner_id, first, last, margin=plan.base == MARGIN)
    )
    base = rounded(sum((amount for _text, amount, _document in items), ZERO), currency)
    achievement = (base * HUNDRED / plan.target).quantize(Decimal("0.01")) if plan.target else None
    rules = [
        rule
        for rule in plan.rules.filter(deleted_at__isnull=True).order_by("-from_achievement", "position")
        if rule.from_achievement <= (achievement or ZERO)
    ]
    general = next((rule for rule in rules if not (rule.product_id or rule.category_id)), None)
    special: dict[tuple[int | None, int | None], CommissionRule] = {}
    for rule in rules:
        if rule.product_id or rule.category_id:
            special.setdefault((rule.product_id, rule.category_id), rule)
    steps: list[dict[str, str]] = []
    pay = ZERO
    for text, amount, document in items:
        left = Decimal(1)
        for rule in [*special.values(), *([general] if general else [])]:
            part = left if rule is general else min(left, _share(document, rule))
            if part <= 0:
                continue
            left -= part
            share, earned = rounded(amount * part, currency), rounded(amount * part * rule.rate / HUNDRED, currency)
            pay += earned
            named = text if rule is general else f"{text} · {rule.product or rule.category}"
            steps.append(
                {"what": named[:200], "base": str(share), "rate": f"{rule.rate.normalize():f}", "pay": str(earned)}
            )
    return {"base_amount": base, "achievement": achievement, "pay": pay, "currency": currency, "steps": steps[:200]}


def commission_reckon(actor: Actor, record: CommissionStatement) -> CommissionStatement:
    """Work a statement out anew, while it is only proposed."""
    require(actor, "change", record)
    if record.status != PROPOSED:
        raise RuleBroken(_("This statement is approved; its figures stand."), code="commission.state")
    values = reckon(record.plan, record.owner_id or 0, record.first_day, record.last_day)
    done: CommissionStatement = records.update(actor, record, values, trusted=True)
    return done


def commission_propose(actor: Actor, record: CommissionPlan, *, first_day: dt.date, last_day: dt.date) -> int:
    """Statements of a period for everybody a plan is for, made or worked out anew; returns how many."""
    require(actor, "create", STATEMENT)
    if last_day < first_day:
        raise Invalid(_("This day lies before the first day."), code="dates.order", field="last_day")
    people = record.role.users.filter(is_active=True) if record.role else _sellers(first_day, last_day)
    made = 0
    with records.writing(actor):
        for user in people:
            there = CommissionStatement.objects.filter(
                plan=record, owner=user, first_day=first_day, last_day=last_day
            ).first()
            if there is None:
                values = {"plan": record.pk, "owner": user.pk, "first_day": first_day, "last_day": last_day}
                values |= {"name": f"{user.name} {first_day:%Y-%m}", **reckon(record, user.pk, first_day, last_day)}
                records.create(actor, STATEMENT, values, trusted=True)
            elif there.status == PROPOSED:
                commission_reckon(actor, there)
            made += 1
    return made


def _sellers(first: dt.date, last: dt.date) -> Any:
    owners = Contract.objects.filter(signed_on__gte=first, signed_on__lte=last).values("owner_id")
    return User.objects.filter(pk__in=owners, is_active=True)


def commission_approve(actor: Actor, record: CommissionStatement) -> CommissionStatement:
    """The figures stand; nobody approves his own."""
    require(actor, "approve", record)
    if record.status != PROPOSED:
        raise RuleBroken(_("This statement is approved already."), code="commission.state")
    if record.owner_id == actor.user_id:
        raise RuleBroken(_("Nobody approves his own commission."), code="commission.own")
    done: CommissionStatement = records.update(
        actor, record, {"status": APPROVED, "approved_at": clock.now()}, trusted=True
    )
    return done


def commission_pay(actor: Actor, record: CommissionStatement) -> CommissionStatement:
    """The commission was paid out."""
    require(actor, "approve", record)
    if record.status != APPROVED:
        raise RuleBroken(_("Approve the statement first."), code="commission.state")
    done: CommissionStatement = records.update(actor, record, {"status": PAID_OUT}, trusted=True)
    return done
