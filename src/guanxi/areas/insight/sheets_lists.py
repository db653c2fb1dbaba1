"""Pages that are lists of customers to do something about: key accounts, the declining, those to win back, days to remember."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django.db.models import Case, DecimalField, F, Q, Sum, When
from django.utils.translation import gettext, ngettext

from guanxi.areas.customers.selectors import upcoming_birthdays
from guanxi.areas.insight import selectors
from guanxi.areas.insight.models import Calculation, CustomerValue
from guanxi.areas.insight.sheet import Block, Cell, Sheet, Tree, drill, percent, whole
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.records.display import title_of
from guanxi.core.records.seen import seen
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.addresses import record_url

SHOWN = 200
HALF = 0.5


def _customer(actor: Actor, value: CustomerValue) -> list[Cell]:
    owner, title = seen(actor, value.customer).owner, title_of(entity_of(value.customer), value.customer, actor)
    return [Cell(title, f"/customers/{value.customer_id}/", False), Cell(owner.name if owner else "", "", False)]


def _change(value: CustomerValue) -> str:
    if not value.before or value.recent is None or value.before <= 0:
        return ""
    return f"{float(value.recent / value.before - 1):+.0%}"


def _money(amount: Any) -> Cell:
    return Cell("" if amount is None else whole(float(amount)))


def _listed(
    actor: Actor, found: Iterable[CustomerValue], cells: Callable[[CustomerValue], list[Cell]], made: Sheet
) -> Sheet:
    for value in found:
        made.rows.append([*_customer(actor, value), *cells(value)])
        made.keys.append(value.customer_id)
    return made


def accounts(actor: Actor, _done: Calculation, tree: Tree | None) -> Sheet:
    """The fewest customers that bring half of the value."""
    rows = selectors.values(actor, tree).filter(spent__gt=0)
    total = float(rows.aggregate(whole=Sum("spent"))["whole"] or 0)
    chosen, running = [], 0.0
    for value in rows.select_related("customer__owner").order_by("-spent", "pk")[:SHOWN]:
        if running >= HALF * total - 1e-9:
            break
        chosen.append(value)
        running += float(value.spent or 0)
    made = Sheet(head=[gettext("Customer"), gettext("Owner"), gettext("Value class"), gettext("Bought in all"), gettext("Share of value"), gettext("Half year"), gettext("Lifetime value, 12 months"), gettext("Risk of leaving"), gettext("Last contact")])  # fmt: skip
    made.facts = [gettext("%(n)s of %(all)s customers bring half of the value.") % {"n": len(chosen), "all": whole(rows.count())}]  # fmt: skip
    made.purpose = gettext("Key account review")
    today = clock.today(actor.timezone)

    def cells(value: CustomerValue) -> list[Cell]:
        last = seen(actor, value.customer).last_contact_at
        ago = (
            "" if last is None else gettext("%(n)d days ago") % {"n": (today - clock.day_of(last, actor.timezone)).days}
        )
        share = float(value.spent or 0) / total if total else None
        risk = "" if value.leaving is None else f"{value.leaving:.0f}%"
        return [Cell(value.value_class), _money(value.spent), Cell(percent(share, 1)), Cell(_change(value)), _money(value.lifetime_value), Cell(risk), Cell(ago)]  # fmt: skip

    return _listed(actor, chosen, cells, made)


def declining(actor: Actor, _done: Calculation, tree: Tree | None) -> Sheet:
    """Who buys less than before, by what is lost."""
    less = Q(stage="declining") | Q(out_of_rhythm=True, before__gt=F("recent"))
    rows = selectors.values(actor, tree).filter(less).annotate(
        lost=Case(When(before__gt=F("recent"), then=F("before") - F("recent")), default=Decimal(0), output_field=DecimalField())
    )  # fmt: skip
    found = rows.select_related("customer__owner").order_by("-lost", "pk")
    total = float(found.aggregate(whole=Sum("lost"))["whole"] or 0)
    made = Sheet(head=[gettext("Customer"), gettext("Owner"), gettext("Stage"), gettext("Half year before"), gettext("Last half year"), gettext("Difference"), gettext("Days silent"), gettext("Usual gap, days")])  # fmt: skip
    made.facts = [ngettext("%(n)s customer bought less by %(amount)s than in the half year before.", "%(n)s customers bought less by %(amount)s than in the half year before.", found.count()) % {"n": whole(found.count()), "amount": whole(total)}]  # fmt: skip
    made.purpose = gettext("Visit: buys less than before")

    def cells(value: CustomerValue) -> list[Cell]:
        return [
            Cell(str(value.get_stage_display())), _money(value.before), _money(value.recent), Cell(_change(value)),
            Cell("" if value.silent is None else str(value.silent)), Cell("" if value.gap is None else f"{value.gap:.0f}"),
        ]  # fmt: skip

    return _listed(actor, found[:SHOWN], cells, made)


def winback(actor: Actor, done: Calculation, tree: Tree | None) -> Sheet:
    """Who of the silent ones is worth a call."""
    found = selectors.values(actor, tree).filter(gain__gt=0).select_related("customer__owner").order_by("-gain", "pk")
    made = Sheet(head=[gettext("Customer"), gettext("Owner"), gettext("Segment"), gettext("Last bought"), gettext("Days silent"), gettext("Bought in all"), gettext("Gain to expect")])  # fmt: skip
    total = float(found.aggregate(whole=Sum("gain"))["whole"] or 0)
    n = found.count()
    made.facts = [ngettext("%(n)s silent customer; winning back as many as came back by themselves is worth %(amount)s a year.", "%(n)s silent customers; winning back as many as came back by themselves is worth %(amount)s a year.", n) % {"n": whole(n), "amount": whole(total)}]  # fmt: skip
    if not n:
        made.facts = [gettext("Nobody has been silent for more than two of his usual gaps.")]
    made.purpose = gettext("Win back")
    learnt = done.results.get("win_back")
    if learnt:
        made.trust = [
            gettext("The chance of returning within %(days)s days is read from %(gaps)s earlier silences. What a call adds to it only a test with a control group tells.")
            % {"days": whole(learnt["horizon"]), "gaps": whole(learnt["gaps"])}
        ]  # fmt: skip

    def cells(value: CustomerValue) -> list[Cell]:
        silent = (
            ""
            if value.last_bought_on is None or value.as_of is None
            else str((value.as_of - value.last_bought_on).days)
        )
        return [
            Cell(str(value.get_segment_display()), drill(("segment", "eq", value.segment), tree=tree) if value.segment else ""),
            Cell(str(value.last_bought_on or "")), Cell(silent), _money(value.spent), _money(value.gain),
        ]  # fmt: skip

    return _listed(actor, found[:SHOWN], cells, made)


def occasions(actor: Actor, _done: Calculation, tree: Tree | None) -> Sheet:
    """Birthdays of people, and the days on which customers came, in the next thirty days."""
    today = clock.today(actor.timezone)
    days = {
        (today + dt.timedelta(days=ahead)).strftime("%m-%d"): today + dt.timedelta(days=ahead) for ahead in range(30)
    }
    came = Q()
    for day in days.values():
        came |= Q(first_bought_on__month=day.month, first_bought_on__day=day.day)
    made = Sheet(head=[gettext("Customer"), gettext("Owner"), gettext("Day"), gettext("Years as a customer"), gettext("Bought in all")])  # fmt: skip
    rows = selectors.values(actor, tree).filter(came, first_bought_on__lt=today - dt.timedelta(days=300))
    found = sorted(
        rows.select_related("customer__owner")[:SHOWN], key=lambda one: days.get(f"{one.first_bought_on:%m-%d}", today)
    )

    def cells(value: CustomerValue) -> list[Cell]:
        first = value.first_bought_on
        on = days[first.strftime("%m-%d")] if first else today
        return [Cell(str(on)), Cell(str(on.year - first.year) if first else ""), _money(value.spent)]

    _listed(actor, found, cells, made)
    made.purpose = gettext("Anniversary")
    born = upcoming_birthdays(actor, days=30, limit=100)
    made.facts = [
        ngettext("%(n)d birthday in the next thirty days.", "%(n)d birthdays in the next thirty days.", len(born)) % {"n": len(born)},
        ngettext("%(n)d anniversary in the next thirty days.", "%(n)d anniversaries in the next thirty days.", len(found)) % {"n": len(found)},
    ]  # fmt: skip
    if born:
        made.more.append(
            Block(
                gettext("Birthdays"),
                [gettext("Who"), gettext("Day"), gettext("Age"), gettext("By the lunar calendar")],
                [
                    [Cell(title_of(entity_of(one.record), one.record, actor), record_url(entity_of(one.record), one.record.pk), False), Cell(str(one.on)), Cell(str(one.age)), Cell(one.lunar_date)]
                    for one in born
                ],
            )
        )  # fmt: skip
    return made
