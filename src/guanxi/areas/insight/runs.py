"""Runs of the calculation beside each other: what was computed when and on what, what changed since, and whether customers have drifted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from guanxi.areas.insight import selectors
from guanxi.areas.insight.models import Calculation
from guanxi.areas.insight.sheet import Block, Cell, Sheet, Tree, percent, whole
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text

Shown = Callable[[float], str]
#: Where a figure of a run stands, what it is called, how it is written.
MEASURES: tuple[tuple[tuple[str, ...], Text, Shown], ...] = (
    (("abc", "value"), _("Bought in all"), whole),
    (("abc", "top20_share"), _("Share of the top fifth"), lambda one: percent(one, 1)),
    (("abc", "gini"), _("Gini coefficient"), "{:.3f}".format),
    (("clv", "params", "r"), "BG/NBD r", "{:.3f}".format),
    (("clv", "params", "alpha"), "BG/NBD α", "{:.2f}".format),
    (("clv", "params", "a"), "BG/NBD a", "{:.3f}".format),
    (("clv", "params", "b"), "BG/NBD b", "{:.3f}".format),
    (("churn", "base_rate"), _("Share that leaves"), lambda one: percent(one, 1)),
    (("churn", "auc"), _("AUC of the risk of leaving"), "{:.3f}".format),
    (("churn", "brier"), _("Brier score"), "{:.3f}".format),
    (("forecast", "wape"), _("Error of the forecast"), lambda one: percent(one, 1)),
)
FIGURES: dict[str, Text] = {
    "recency_days": _("Days since the last purchase"), "frequency": _("Purchase days"), "monetary": _("Bought in all"),
    "clv": _("Lifetime value, 12 months"), "probability": _("Risk of leaving"), "alive": _("Still a customer"),
}  # fmt: skip
VERDICTS: dict[str, Text] = {"stable": _("stable"), "moving": _("moving"), "drifted": _("drifted")}


def _at(results: dict[str, Any], path: tuple[str, ...]) -> float | None:
    found: Any = results
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return float(found) if isinstance(found, int | float) else None


def sheet(_actor: Actor, done: Calculation, _tree: Tree | None, other: Calculation | None = None) -> Sheet:
    """The last run beside an older one, drift, and the list of runs."""
    older = other or selectors.compared_run(done)
    made = Sheet(
        head=[gettext("Figure"), str(done.as_of), *([str(older.as_of), gettext("Difference")] if older else [])]
    )
    for path, label, shown in MEASURES:
        now, then = _at(done.results, path), _at(older.results, path) if older else None
        if now is None:
            continue
        row = [Cell(str(label), "", False), Cell(shown(now))]
        if older:
            change = "" if then is None or not then else f"{now / then - 1:+.1%}"
            row += [Cell("–" if then is None else shown(then)), Cell(change)]
        made.rows.append(row)
    if older and older.settings != done.settings:
        made.facts.append(gettext("The two runs had different thresholds."))
    if older and older.model_version != done.model_version:
        made.facts.append(gettext("The two runs had different versions of the models."))
    _drift(made, done)
    lines = [
        [
            Cell(str(one.as_of), f"/insight/runs/?with={one.pk}" if one.pk != done.pk else "", False), Cell(one.source), Cell(whole(one.rows)), Cell(whole(one.customers)),
            Cell(one.model_version), Cell(str((one.finished_at - one.started_at).seconds) if one.finished_at and one.started_at else ""),
        ]
        for one in selectors.runs()
    ]  # fmt: skip
    made.more.append(Block(gettext("Runs"), [gettext("As of"), gettext("Source"), gettext("Transactions"), gettext("Customers"), gettext("Model version"), gettext("Seconds")], lines))  # fmt: skip
    return made


def _drift(made: Sheet, done: Calculation) -> None:
    found = done.results.get("drift")
    if not found:
        made.trust.append(gettext("There is no older run yet to see drift against."))
        return
    gone = sum(one["verdict"] == "drifted" for one in found)
    made.trust.append(
        gettext("Against %(day)s: %(n)d figures have drifted. The stability index compares the distribution of customers; below 0.10 it is stable, above 0.25 they are others than those the thresholds were made for.")
        % {"day": done.results["against"]["as_of"], "n": gone}
    )  # fmt: skip
    made.tested = [[gettext("Figure"), gettext("Stability index"), gettext("Verdict")]]
    made.tested += [[str(FIGURES.get(one["figure"], one["figure"])), f"{one['psi']:.2f}", str(VERDICTS[one["verdict"]])] for one in found]  # fmt: skip
