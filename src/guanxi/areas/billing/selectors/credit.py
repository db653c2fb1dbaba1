"""What a customer owes and may owe: for the house all of it, for one reader what he sees."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext as _

from guanxi.areas.billing.models import CreditLimit, Instalment
from guanxi.areas.billing.selectors.money import ZERO, owed, tells_owed
from guanxi.areas.customers.models import Customer
from guanxi.core.access import allowed, reads
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records.figures import money
from guanxi.core.records.rates import base_currency, convert


@dataclass(frozen=True, slots=True)
class Credit:
    """What a customer owes and may owe, in the currency of his limit (the house's own without one).

    ``beyond``: he is beyond his limit with what the reader does not see; then no sums are told.
    """

    currency: str
    owed: Decimal
    overdue: Decimal
    overdue_days: int
    limit: Decimal | None = None
    blocks: bool = False
    adding: Decimal = ZERO
    problem: str = ""
    beyond: bool = False

    @property
    def exceeded(self) -> bool:
        """Whether he owes, with what is being added, more than he may."""
        return self.beyond or (self.limit is not None and self.owed + self.adding > self.limit)

    @property
    def warns(self) -> bool:
        """Whether somebody should look twice."""
        return self.exceeded or self.overdue > 0

    @property
    def text(self) -> str:
        """The warning in words."""
        parts = [self._exceeded()] if self.exceeded else []
        if self.overdue > 0:
            parts.append(
                _("%(amount)s are overdue, the oldest for %(days)d days.")
                % {"amount": money(self.overdue, self.currency), "days": self.overdue_days}
            )
        return " ".join(parts) or self.problem

    def _exceeded(self) -> str:
        if self.beyond:
            return beyond_limit()
        words = _("With this the customer owes %(sum)s; his limit is %(limit)s.")
        if not self.adding:
            words = _("The customer owes %(sum)s; his limit is %(limit)s.")
        sums = {"sum": self.owed + self.adding, "limit": self.limit}
        return words % {name: money(one, self.currency) for name, one in sums.items()}


def beyond_limit() -> str:
    """That a customer is beyond his limit, without a sum."""
    return _("The customer is beyond his credit limit.")


def credit_of(customer: Customer, *, adding: Decimal = ZERO, currency: str = "") -> Credit:
    """What a customer owes, whoever sold it to him; two queries and one per foreign currency."""
    limit = CreditLimit.objects.filter(customer_id=customer.pk).first()
    return _credit(limit, list(owed([customer.pk])), adding, currency)


def credit_seen(actor: Actor, customer: Customer, *, adding: Decimal = ZERO, currency: str = "") -> Credit | None:
    """The same of what the actor sees; ``None`` where he may not know what is owed. As many queries.

    Whoever sees a customer's limit is told that it is exceeded, also by what he does not see, but not how much that is.
    """
    if not tells_owed(actor):
        return None
    limit = CreditLimit.objects.filter(customer_id=customer.pk).first()
    if limit is not None and not (_reads_limits(actor) and allowed(actor, "view", limit)):
        limit = None
    rows = list(owed([customer.pk]))
    told = [row for row in rows if allowed(actor, "view", row)]
    found = _credit(limit, told, adding, currency)
    if limit is None or len(told) == len(rows):
        return found
    return replace(found, beyond=_credit(limit, rows, adding, currency).exceeded and not found.exceeded)


def _reads_limits(actor: Actor) -> bool:
    return reads(actor, "billing.creditlimit", "customer", "amount", "currency", "grace_days", "blocks")


def _credit(limit: CreditLimit | None, rows: Sequence[Instalment], adding: Decimal, currency: str) -> Credit:
    into = limit.currency if limit else base_currency()
    today = clock.today(settings.TIME_ZONE)
    grace = dt.timedelta(days=limit.grace_days if limit else 0)
    total, late, oldest = ZERO, ZERO, 0
    try:
        for row in rows:
            amount = convert(row.open or ZERO, row.currency, into, today)
            total += amount
            if row.due_on is not None and row.due_on + grace < today:
                late += amount
                oldest = max(oldest, (today - row.due_on).days)
        more = convert(adding, currency or into, into, today) if adding else ZERO
    except Invalid as error:
        return Credit(into, total, late, oldest, problem=str(error.message))
    cents = Decimal("0.01")
    return Credit(
        into, total.quantize(cents), late.quantize(cents), oldest,
        limit=limit.amount if limit else None, blocks=bool(limit and limit.blocks), adding=more.quantize(cents),
    )  # fmt: skip
