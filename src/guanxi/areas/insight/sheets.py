"""Which insight pages there are, and how each is defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from guanxi.areas.insight import runs, thresholds
from guanxi.areas.insight.models import Calculation
from guanxi.areas.insight.sheet import Sheet, Tree
from guanxi.areas.insight.sheets_customers import leaving, lifetime, pareto, rfm, stages
from guanxi.areas.insight.sheets_firm import baskets, cohorts, forecast, survival
from guanxi.areas.insight.sheets_hearts import satisfaction
from guanxi.areas.insight.sheets_lists import accounts, declining, occasions, winback
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text

GROUPS: dict[str, Text] = {"who": _("Customers"), "do": _("To do"), "firm": _("The whole"), "how": _("Grounds")}


@dataclass(frozen=True)
class Page:
    """One page of the room: ``whole`` ones are for those who see every customer. ``models`` are those whose notes it shows."""

    key: str
    label: Text
    icon: str
    about: Text
    make: Callable[[Actor, Calculation, Tree | None], Sheet]
    group: str = "who"
    whole: bool = False
    models: tuple[str, ...] = ()

    @property
    def knobs(self) -> tuple[thresholds.Knob, ...]:
        """The thresholds that can be moved here."""
        return thresholds.KNOBS.get(self.key, ())


PAGES = (
    Page("rfm", _("Recency and frequency"), "grid-dots", _("Each customer is scored from 1 to 5 by how recently and on how many days he bought: against all others (ties score alike), or by fixed bounds."), rfm, models=("rfm",)),
    Page("pareto", _("Who brings the money"), "chart-pie", _("Customers from the most valuable down. Class A brings the first part of the value, B the next, C the rest."), pareto, models=("abc",)),
    Page("lifetime", _("Lifetime value"), "coins", _("Probability of still being a customer × expected purchases × expected value, for the next twelve months, discounted by 10% a year (BG/NBD and Gamma-Gamma models)."), lifetime, models=("clv",)),
    Page("leaving", _("Risk of leaving"), "alert-triangle", _("Probability that a customer buys nothing in the coming weeks, learnt from what happened before."), leaving, models=("churn", "rhythm")),
    Page("stages", _("Stages and moves"), "arrows-exchange", _("Stages follow from purchases of two half years; a change counts when two month ends in a row say so."), stages, models=("stages",)),
    Page("satisfaction", _("Satisfaction"), "mood-smile", _("What customers answered when asked: recommendation, satisfaction, effort, what matters to them, and whether they are loyal."), satisfaction, models=("comments",)),
    Page("accounts", _("Key accounts"), "star", _("The fewest customers that bring half of the value: each deserves a person and a plan."), accounts, "do"),
    Page("declining", _("Buying less"), "trending-down", _("Customers who bought less in the last half year than in the one before, the greatest loss first. Tick some and plan visits."), declining, "do"),
    Page("winback", _("Win back"), "arrow-back-up", _("Customers silent for more than two of their usual gaps, by the chance that such customers return times what a usual year of theirs is worth."), winback, "do", models=("win_back",)),
    Page("occasions", _("Days to remember"), "calendar-event", _("Birthdays, and the days on which customers bought for the first time, in the next thirty days."), occasions, "do"),
    Page("cohorts", _("Cohorts"), "calendar-stats", _("Customers by the time of their first purchase, and the share of them that bought in each period after it."), cohorts, "firm", True, ("cohorts",)),
    Page("survival", _("How long they stay"), "hourglass", _("Share of customers who are not lost after so many months (Kaplan–Meier)."), survival, "firm", True, ("cohorts",)),
    Page("baskets", _("Bought together"), "package", _("Rules of products in one order, by FP-growth."), baskets, "firm", True, ("baskets",)),
    Page("forecast", _("Sales forecast"), "chart-line", _("Sales to come, by the method that did best on the past."), forecast, "firm", True, ("forecast",)),
    Page("runs", _("Runs and drift"), "history", _("What was computed when, beside an older run, and whether customers are still those the thresholds were made for."), runs.sheet, "how", True, ("runs", "drift")),
)  # fmt: skip


def spoken_notes(done: Calculation, page: Page) -> list[str]:
    """The notes of a calculation about a page, in the present language."""
    language = "zh" if (get_language() or "zh").startswith("zh") else "en"
    return [one[language] for one in done.notes if one["where"] in ("data", *page.models)]
