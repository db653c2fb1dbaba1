"""What came of a campaign, each figure with its list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from guanxi.areas.campaigns.models import CANCELLED, Campaign
from guanxi.areas.marketing import selectors
from guanxi.areas.marketing.selectors import COST, EXPENSE, INFLUENCE, LEAD, MEMBER, OPPORTUNITY
from guanxi.core import records
from guanxi.core.access import allowed, reads
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.records import dictionaries, figures
from guanxi.core.records.rates import base_currency
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.reports.shown import node_url

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name, text and list; what was expected and how far that is; the sentence that says what it is."""

    label: Text
    text: str
    url: str = ""
    expected: str = ""
    share: int | None = None
    hint: Text = ""
    of: Text = ""


def results(actor: Actor, campaign: Campaign) -> Mapping[str, Any]:
    """Members by state, leads, deals, money and what each cost; with the campaigns below it that he may see.

    Reach and sales count the records the actor may see, so that each figure is that of its list; money is that of the whole campaign
    (as kept beside it), since a return of a part of the deals on all of the cost would mean nothing.
    """
    work = _Results(actor, campaign)
    return {
        "reach": work.reach(),
        "sales": work.sales(),
        "money": work.money(),
        "states": work.states(),
        "below": len(work.rows) - 1,
        "may_add": allowed(actor, "create", MEMBER) and campaign.status != CANCELLED,
        "add_url": f"/campaigns/{campaign.pk}/add-members/",
    }


class _Results:
    """The figures of one campaign and those below it, for one reader."""

    def __init__(self, actor: Actor, campaign: Campaign) -> None:
        self.actor, self.campaign = actor, campaign
        self.rows = selectors.whole_of(actor, campaign)
        self.whose: Node = {"field": "campaign", "op": "in", "value": [one.pk for one in self.rows]}
        self.members = self._count(MEMBER)
        self.responses = self._count(MEMBER, selectors.ANSWERED)
        self.leads = self._count(LEAD)
        self.won = self._count(OPPORTUNITY, selectors.WON)
        self.seen = self._sum(OPPORTUNITY, "value", selectors.WON)
        whole = sum((one.won_value or Decimal(0) for one in self.rows), Decimal(0))
        self.won_value = self.seen if self._hidden("won_value") else whole
        self.cost = self._cost()

    def _node(self, *more: Node) -> Node:
        return {"all": [self.whose, *more]} if more else self.whose

    def _rows(self, entity: str, *more: Node) -> Any:
        return records.queryset(self.actor, entity, filter=self._node(*more))

    def _may(self, entity: str) -> bool:
        return allowed(self.actor, "view", entity)

    def _count(self, entity: str, *more: Node) -> int:
        return self._rows(entity, *more).count() if self._may(entity) else 0

    def _sum(self, entity: str, name: str, *more: Node) -> Decimal | None:
        """What he sees comes to; ``None`` for who may not read it."""
        if not self._may(entity) or not reads(self.actor, entity, name):
            return None
        found = self._rows(entity, *more).aggregate(total=Sum(name))["total"]
        return found or Decimal(0)

    def _cost(self) -> Decimal | None:
        """Cost of all of them in the workspace's currency; ``None`` where it is hidden or a rate is missing."""
        if self._hidden("cost"):
            return None
        try:
            return sum((selectors.in_house(one.cost or Decimal(0), one) for one in self.rows), Decimal(0))
        except Invalid:
            return None

    def _kept(self, name: str) -> int:
        """A figure of all of them as it is kept, whoever may see the records behind it."""
        return sum(getattr(one, name) for one in self.rows)

    def _hidden(self, name: str) -> bool:
        return not selectors.readable(self.actor, name)

    def _url(self, entity: str, *more: Node) -> str:
        return node_url(entity_of(entity), self._node(*more)) if self._may(entity) else ""

    def _planned(self, name: str) -> Any:
        return None if self._hidden(name) else getattr(self.campaign, name)

    def _wanted(self, name: str, seen: int) -> int | None:
        """What was expected, for who sees all there is: beside a part of it the whole aim would mean nothing."""
        return self._planned(f"expected_{name}") if seen == self._kept(name) else None

    def _figure(self, label: Text, number: int, url: str, expected: int | None = None, hint: Text = "") -> Figure:
        share = round(100 * number / expected) if expected else None
        return Figure(label, figures.number(number), url, figures.number(expected) if expected else "", share, hint)

    def reach(self) -> list[Figure]:
        """Whom it reached, and how they answered."""
        rate = figures.percent(round(Decimal(100) * self.responses / self.members, 1)) if self.members else "—"
        found = [
            self._figure(_("Members"), self.members, self._url(MEMBER)),
            self._figure(
                _("Responses"), self.responses, self._url(MEMBER, selectors.ANSWERED), self._wanted("responses", self.responses),
                _("Members in a state under “responded”."),
            ),
            Figure(_("Response rate"), rate, hint=_("Responses of all members.")),
        ]  # fmt: skip
        number = self._count(MEMBER, selectors.REFUSED)
        if number:
            words = _("They are left out of what is sent as marketing.")
            found.append(self._figure(_("Want no marketing"), number, self._url(MEMBER, selectors.REFUSED), hint=words))
        return found

    def sales(self) -> list[Figure]:
        """What it became in sales."""
        won, is_open, converted = selectors.WON, selectors.STILL_OPEN, selectors.CONVERTED
        value = self._sum(OPPORTUNITY, "value", is_open)
        touched = _("Opportunities that began after their customer became a member, and came from elsewhere.")
        found = [
            self._figure(_("Leads"), self.leads, self._url(LEAD), self._wanted("leads", self.leads), _("Leads that name it as their campaign.")),
            self._figure(_("Converted"), self._count(LEAD, converted), self._url(LEAD, converted)),
            self._figure(_("Opportunities"), self._count(OPPORTUNITY), self._url(OPPORTUNITY), hint=_("Opportunities that name it as their campaign.")),
            self._figure(_("Won"), self.won, self._url(OPPORTUNITY, won)),
        ]  # fmt: skip
        if value is not None:
            worth = figures.money(value, base_currency())
            found.insert(-1, Figure(_("Open ones worth"), worth, self._url(OPPORTUNITY, is_open)))
        if self._may(INFLUENCE):
            words = figures.number(self._count(INFLUENCE))
            if amount := self._sum(INFLUENCE, "won_value"):
                words += f" · {_('won')} {figures.money(amount, base_currency())}"
            found.append(Figure(_("Had a part in"), words, self._url(INFLUENCE), hint=touched))
        return found

    def money(self) -> list[Figure]:
        """What it cost, and what that brought."""
        base = base_currency()
        found = [] if self.won_value is None else [self._won(self.won_value, base)]
        if self.cost is None:
            return found
        found += [self._cost_figure(base), *self._spent()]
        per = (
            (_("Cost per response"), self._kept("responses")),
            (_("Cost per lead"), self._kept("leads")),
            (_("Cost per won deal"), self._kept("won_deals")),
        )
        found += [Figure(label, figures.money(round(self.cost / n, 2), base)) for label, n in per if n and self.cost]
        if self.cost and self.won_value is not None and not self._hidden("won_value") and not self._hidden("result"):
            back = round(100 * (self.won_value - self.cost) / self.cost, 1)
            found.append(Figure(_("Return"), figures.percent(back), hint=_("(Won amount − cost) ÷ cost.")))
        return found

    def _won(self, value: Decimal, base: str) -> Figure:
        wanted = self._planned("expected_revenue")
        text, share = "", None
        url = self._url(OPPORTUNITY, selectors.WON) if self.seen == value else ""
        if wanted:
            text = figures.money(wanted, self.campaign.currency)
            try:
                share = round(100 * value / selectors.in_house(wanted, self.campaign))
            except Invalid:
                share = None
        return Figure(_("Won amount"), figures.money(value, base), url, text, share)

    def _cost_figure(self, base: str) -> Figure:
        """The cost beside the budget; with campaigns below it, beside theirs together."""
        budget, share, of = None if self._hidden("budget") else self._budget(), None, ""
        if budget and self.cost is not None:
            share = round(100 * self.cost / budget)
            own = self.campaign.budget if len(self.rows) == 1 else None
            text = figures.money(own, self.campaign.currency) if own is not None else figures.money(budget, base)
            of = _("budget %(amount)s") % {"amount": text}
        hint = _("Approved and paid expenses and the costs entered, by the rates of their days.")
        return Figure(_("Cost"), figures.money(self.cost, base), "", of, share, hint, of)

    def _budget(self) -> Decimal | None:
        """The budgets of all of them in the workspace's currency; ``None`` without a rate."""
        try:
            return sum((selectors.in_house(one.budget or Decimal(0), one) for one in self.rows), Decimal(0))
        except Invalid:
            return None

    def _spent(self) -> list[Figure]:
        """The two parts of the cost, as far as the reader sees their records."""
        parts: tuple[tuple[str, str, tuple[Node, ...]], ...] = (
            (_("Expenses"), EXPENSE, (selectors.WAS_SPENT,)),
            (_("Other costs"), COST, ()),
        )
        found = []
        for label, entity, more in parts:
            if self._may(entity) and (number := self._count(entity, *more)):
                found.append(Figure(label, figures.number(number), self._url(entity, *more)))
        return found

    def states(self) -> list[tuple[str, str, int, str, int]]:
        """How many members stand where: name, colour, number, list, share in per cent."""
        if not self._may(MEMBER):
            return []
        groups = {one.value: one.count for one in records.groups(self.actor, MEMBER, "state", filter=self._node())}
        found = []
        for one in dictionaries.values(selectors.STATES):
            if number := groups.get(one.key):
                url = self._url(MEMBER, {"field": "state", "op": "eq", "value": one.key})
                found.append((one.label, one.color, number, url, round(100 * number / max(self.members, 1))))
        return found
