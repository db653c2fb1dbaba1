"""Framework contracts: how much was agreed, how much was called off by contracts and orders, and what is left."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from guanxi.areas.billing.models import Contract, Order
from guanxi.areas.billing.models.documents import FRAMEWORK, OWING_CONTRACTS, OWING_ORDERS, REDUCE
from guanxi.core.access import allowed, reads
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.records import figures
from guanxi.core.records.rates import convert

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Framed:
    """A framework in its own currency: the volume agreed with its amendments (``None`` for any), and what was called off."""

    currency: str
    volume: Decimal | None
    called: Decimal

    @property
    def left(self) -> Decimal | None:
        """What may still be called off; ``None`` where nothing was agreed."""
        return None if self.volume is None else self.volume - self.called

    @property
    def percent(self) -> int:
        """How much of the volume was called off."""
        return round(self.called * 100 / self.volume) if self.volume else 0


def calls(frame: Contract) -> tuple[QuerySet[Contract], QuerySet[Order]]:
    """Contracts under a framework with the amendments that add to them, and orders under it, that stand."""
    added = Q(amends__framework=frame) & ~Q(effect=REDUCE)  # one that reduces writes off what it amends
    contracts = Contract.objects.filter(Q(framework=frame, amends=None) | added, status__in=OWING_CONTRACTS)
    return contracts, Order.objects.filter(contract=frame, status__in=OWING_ORDERS)


def framed(frame: Contract) -> Framed:
    """A framework as it stands: what is written off under it is free again. Three queries, and one per foreign currency.

    What was called off is the framework's own, whoever's the contracts and orders are: for who reads its figures (``tells``).
    """
    called, today = ZERO, clock.today(settings.TIME_ZONE)
    for rows, day in zip(calls(frame), ("signed_on", "ordered_on"), strict=True):
        for total, off, currency, on in rows.values_list("total", "written_off", "currency", day):
            called += convert((total or ZERO) - (off or ZERO), currency, frame.currency, on or today)
    agreed = frame.volume if frame.volume is not None else frame.total or None
    if agreed is not None:
        changes = Contract.objects.filter(amends=frame, kind=FRAMEWORK, status__in=OWING_CONTRACTS)
        for volume, total, effect in changes.values_list("volume", "total", "effect"):
            amount = (volume if volume is not None else total) or ZERO
            agreed += -amount if effect == REDUCE else amount
    return Framed(frame.currency, agreed, called)


def tells(actor: Actor, frame: Contract) -> bool:
    """Whether the actor may know how much of a framework is used up."""
    return reads(actor, "billing.contract", "total", "volume", "written_off", "currency") and allowed(
        actor, "view", frame
    )


def room_check(actor: Actor, framework: Contract, document: Contract | Order, day: dt.date) -> None:
    """Raise RuleBroken where a document has no place under its framework: that does not stand or has ended, or too little
    of it is left. The framework stays locked until the document stands, so that two together do not go beyond it. What it
    says is told to who may know it."""
    frame = Contract.objects.select_for_update(of=("self",)).get(pk=framework.pk)
    if frame.status not in OWING_CONTRACTS:
        raise RuleBroken(_("The framework is not signed yet."), code="framework.state")
    if frame.ends_on is not None and day > frame.ends_on:
        dated = allowed(actor, "view", frame) and reads(actor, "billing.contract", "ends_on")
        text = _("The framework ended on %(day)s.") % {"day": frame.ends_on} if dated else _("The framework has ended.")
        raise RuleBroken(text, code="framework.over")
    left = framed(frame).left
    if left is not None and convert(document.total or ZERO, document.currency, frame.currency, day) > left:
        if not (tells(actor, frame) and reads(actor, "billing.contract", "number")):
            raise RuleBroken(_("Too little is left under the framework."), code="framework.exceeded")
        raise RuleBroken(
            _("Only %(left)s are left under the framework %(number)s. Amend it first.")
            % {"left": figures.money(left, frame.currency), "number": frame.number},
            code="framework.exceeded",
        )
