"""Amounts in several currencies, by the rates of the day."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import ExchangeRate
from guanxi.core.models.stamps import kept
from guanxi.core.records import dictionaries

ONE = Decimal(1)
STAMP = "rates"


def base_currency() -> str:
    """The house's own currency: the default of the dictionary of currencies."""
    return dictionaries.default_of("currency") or "CNY"


def rate_on(currency: str, day: dt.date) -> Decimal:
    """One unit of ``currency`` in the house's own on a day: the last rate of that day or before.

    Raises Invalid (``rate.missing``, field ``currency``) when there is none.
    """
    base = base_currency()
    if currency == base:
        return ONE
    rates = known().get(currency, [])
    place = bisect_right(rates, day, key=lambda one: one[0])
    if not place:
        raise Invalid(
            _(
                "There is no exchange rate from %(currency)s to %(base)s on %(day)s or before. Enter one under Exchange rates."
            )
            % {"currency": currency, "base": base, "day": day.isoformat()},
            code="rate.missing",
            field="currency",
        )
    return rates[place - 1][1]


@kept(STAMP, size=1)
def known() -> dict[str, list[tuple[dt.date, Decimal]]]:
    """Every rate by currency, in order of the days from which they hold; read again when one has changed."""
    found: dict[str, list[tuple[dt.date, Decimal]]] = {}
    for currency, day, rate in ExchangeRate.objects.order_by("day").values_list("currency", "day", "rate"):
        found.setdefault(currency, []).append((day, rate))
    return found


def convert(amount: Decimal, currency: str, into: str, day: dt.date) -> Decimal:
    """An amount in another currency by the day's rates, not rounded. Raises Invalid where a rate is missing."""
    if currency == into:
        return amount
    return amount * rate_on(currency, day) / rate_on(into, day)


def rate_clean(_actor: Actor, rate: ExchangeRate, _changes: Any) -> None:
    """A rate is positive, named by currency and day; the house's own currency needs none."""
    rate.name = rate.name or f"{rate.currency} {rate.day}"
    if rate.currency == base_currency():
        raise Invalid(_("The house's own currency needs no rate."), code="rate.self", field="currency")
    if rate.rate is not None and rate.rate <= 0:
        raise Invalid(_("The rate must be more than zero."), code="rate.positive", field="rate")
