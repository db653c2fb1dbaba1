"""Checks every rule of the area uses: amounts, dates, closed books."""

from __future__ import annotations

import datetime as dt
from collections.abc import MutableMapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from guanxi.areas.billing.models import (
    ClosedPeriod,
)
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.records import figures
from guanxi.core.records.doubts import doubt

Changes = MutableMapping[str, list[Any]]
ZERO, HUNDRED = Decimal(0), Decimal(100)
ABSURD = Decimal(10) ** 12
#: Days of documents lie between this one and so many years ahead: leases of land run for seventy.
EARLIEST, LAST_YEAR = dt.date(1950, 1, 1), 100
LONGEST_CHAIN = 50
#: How long a quote holds unless somebody says otherwise.
QUOTE_DAYS = 30


def put(record: Any, changes: Changes, name: str, value: Any) -> None:
    """Change a value on the way in, so that the event tells of it too."""
    before = changes[name][0] if name in changes else getattr(record, name)
    if value != getattr(record, name):
        setattr(record, name, value)
        changes[name] = [before, value]


def positive(record: Any, name: str, *, zero: bool = False) -> None:
    """Raise Invalid at the field unless it is more than nothing, and no more than can be meant."""
    value = getattr(record, name)
    if not (zero and value == 0):
        _more_than_nothing(value, name)
    if value > ABSURD:
        raise Invalid(_("This is too large to be meant."), code="value.absurd", field=name)


def _more_than_nothing(value: Decimal | None, field: str) -> None:
    if value is None or value <= 0:
        raise Invalid(_("The amount must be more than zero."), code="amount.positive", field=field)


def within(amount: Decimal | None, most: Decimal, currency: str, text: Text, code: str) -> None:
    """Raise Invalid at ``amount`` unless it is more than nothing and no more than ``most``, which ``text`` names."""
    _more_than_nothing(amount, "amount")
    if amount is not None and amount > most:
        raise Invalid(text % {"most": figures.money(most, currency)}, code=code, field="amount")


def in_order(record: Any, first: str, last: str, text: Text) -> None:
    """Raise Invalid at ``last`` when it lies before ``first``."""
    start, end = getattr(record, first), getattr(record, last)
    if start is not None and end is not None and end < start:
        raise Invalid(text, code="dates.order", field=last)


def likely(record: Any, changes: Changes, name: str, *, years: int) -> None:
    """Raise Invalid at a day no document bears; doubt one that lies more than so many years ahead."""
    day, today = getattr(record, name), clock.today(settings.TIME_ZONE)
    if day is None or (record.pk and name not in changes):
        return
    last = dt.date(today.year + LAST_YEAR, 12, 31)
    if not EARLIEST <= day <= last:
        raise Invalid(
            _("The date must lie between %(from)s and %(to)s.") % {"from": EARLIEST, "to": last},
            code="date.range",
            field=name,
        )
    if day > today + dt.timedelta(days=366 * years):
        doubt(
            ngettext(
                "%(day)s lies more than %(years)d year ahead.", "%(day)s lies more than %(years)d years ahead.", years
            )
            % {"day": day, "years": years},
            field=name,
            code="date.far",
        )


def period_open(day: dt.date | None, field: str) -> None:
    """Raise RuleBroken when the books of that day are closed."""
    until = ClosedPeriod.objects.aggregate(last=Max("until"))["last"]
    if day is not None and until is not None and day <= until:
        raise Invalid(
            _("The books are closed up to %(day)s.") % {"day": until.isoformat()}, code="period.closed", field=field
        )


def moved_in_open_books(record: Any, changes: Changes, *names: str) -> None:
    """Raise Invalid at a day of a record already stored that is moved out of or into closed books."""
    for name in names:
        if name in changes and record.pk:
            for day in (changes[name][0], getattr(record, name)):
                period_open(day, name)
