"""The insight pages as data: a picture, its table, what it means, and how far to trust it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from guanxi.areas.insight import pictures, selectors
from guanxi.areas.insight.models import RISKS, SEGMENTS, STAGES, Calculation
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.web.formats import number, short_number

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """A cell of the table and the list behind it."""

    text: str
    url: str = ""
    number: bool = True


@dataclass
class Sheet:
    """One page. ``facts`` are short statements above the picture; ``trust`` says how it did on the past."""

    picture: Any = ""
    head: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    trust: list[str] = field(default_factory=list)
    tested: list[list[str]] = field(default_factory=list)


def drill(*conditions: tuple[str, str, Any], tree: Tree | None = None) -> str:
    """The address of the list of customers a mark stands for."""
    nodes: list[Any] = [{"field": name, "op": op, "value": value} for name, op, value in conditions]
    return "/customer-values/?" + urlencode(
        {"f": json.dumps({"all": [*([tree] if tree else []), *nodes]}, ensure_ascii=False, separators=(",", ":"))}
    )


def _n(value: float) -> str:
    return number(float(value), 0)


def _p(value: float | None, places: int = 0) -> str:
    return "–" if value is None else f"{value:.{places}%}"


def _short(value: float) -> str:
    return str(short_number(value))


def _link(tree: Any) -> str:
    return str(tree)


def rfm(actor: Actor, _done: Calculation, tree: Tree | None) -> Sheet:
    """Recency × frequency, and segments."""
    counts = selectors.grid(actor, tree)
    most = max(counts.values(), default=1)
    cells = {
        (5 - r, f - 1): (n / most, _n(n), drill(("recency", "eq", r), ("frequency", "eq", f), tree=tree))
        for (r, f), n in counts.items()
    }
    made = Sheet(
        pictures.heat(
            [gettext("recency %(score)d") % {"score": 5 - i} for i in range(5)],
            [gettext("frequency %(score)d") % {"score": j + 1} for j in range(5)],
            cells,
            link=_link,
        )
    )
    found, total = selectors.by(actor, "segment", tree), sum(counts.values()) or 1
    made.head = [
        gettext("Segment"),
        gettext("Customers"),
        gettext("Share"),
        gettext("Bought in all"),
        gettext("Lifetime value, 12 months"),
    ]
    for key, label in SEGMENTS:
        n, spent, clv = found.get(key, (0, 0.0, 0.0))
        made.rows.append(
            [
                Cell(str(label), drill(("segment", "eq", key), tree=tree), False),
                Cell(_n(n)),
                Cell(_p(n / total)),
                Cell(_n(spent)),
                Cell(_n(clv)),
            ]
        )
    return made


def pareto(actor: Actor, _done: Calculation, tree: Tree | None) -> Sheet:
    """Who brings the money."""
    found = selectors.concentration(actor, tree)
    if found is None:
        return Sheet()
    made = Sheet(
        pictures.line(
            [(gettext("share of value"), "blue", found.curve, ""), (gettext("if all were alike"), "slate", [(0, 0), (1, 1)], "4 3")],
            [(one / 5, f"{one * 20}%") for one in range(6)], spell=lambda one: f"{one:.0%}",
        )
    )  # fmt: skip
    made.facts = [
        gettext("%(share)s of customers bring 80%% of the value.") % {"share": _p(found.for_80, 1)},
        gettext("The top fifth brings %(share)s.") % {"share": _p(found.top_20, 1)},
        gettext("Gini coefficient %(value).2f (0: all alike, 1: all with one).") % {"value": found.gini},
    ]
    classes = selectors.by(actor, "value_class", tree)
    made.head = [gettext("Value class"), gettext("Customers"), gettext("Bought in all"), gettext("Share of value")]
    for key in "ABC":
        n, spent, _clv = classes.get(key, (0, 0.0, 0.0))
        made.rows.append(
            [
                Cell(key, drill(("value_class", "eq", key), tree=tree), False),
                Cell(_n(n)),
                Cell(_n(spent)),
                Cell(_p(max(0, spent) / found.value if found.value else None, 1)),
            ]
        )
    return made


def lifetime(actor: Actor, done: Calculation, tree: Tree | None) -> Sheet:
    """Distribution of lifetime value and the holdout test."""
    bars = selectors.histogram(actor, "lifetime_value", tree)
    made = Sheet(head=[gettext("Lifetime value"), gettext("Customers")])
    shown = []
    for place, (low, high, n) in enumerate(bars):
        last = place == len(bars) - 1
        conditions = [("lifetime_value", "gte", low)] + ([] if last else [("lifetime_value", "lt", high)])
        label = f"{_short(low)} +" if last else f"{_short(low)}–{_short(high)}"
        url = drill(*conditions, tree=tree)
        shown.append((_short(low), float(n), f"{label}: {n}", url))
        made.rows.append([Cell(label, url, False), Cell(_n(n))])
    if bars:
        made.picture = pictures.columns(shown, link=_link, spell=_n)
    found = done.results.get("clv") or {}
    if found and selectors.sees_all(actor):
        made.facts.append(
            gettext("Model %(model)s on %(n)s customers: %(params)s.")
            % {
                "model": found["model"],
                "n": _n(found["n"]),
                "params": ", ".join(f"{k} = {v:.3f}" for k, v in found["params"].items()),
            }
        )
        _holdout(made, found.get("holdout"))
    return made


def _holdout(made: Sheet, held: Mapping[str, Any] | None) -> None:
    if not held:
        return
    errors = held["errors"]
    model = next(iter(errors))
    made.trust.append(
        gettext(
            "Fitted on the time until %(day)s, the model expected %(said)s purchases in the %(weeks).0f weeks after it; there were %(was)s."
        )
        % {
            "day": held["until"],
            "said": _n(errors[model]["total"]),
            "was": _n(held["actual_total"]),
            "weeks": held["weeks"],
        }
    )
    made.trust.append(
        gettext("Mean error per customer: %(mae).2f; of guessing “as often as before”: %(naive).2f.")
        % {"mae": errors[model]["mae"], "naive": errors["same_rate"]["mae"]}
    )
    made.tested = [
        [gettext("Repeat purchases before"), gettext("Customers"), gettext("Expected each"), gettext("Happened")]
    ]
    made.tested += [
        [
            str(one["x"]) + ("+" if one["x"] == 7 else ""),
            _n(one["customers"]),
            f"{one['predicted']:.2f}",
            f"{one['actual']:.2f}",
        ]
        for one in held["by_x"]
    ]


def leaving(actor: Actor, done: Calculation, tree: Tree | None) -> Sheet:
    """Risk of leaving, and how right it was."""
    found = selectors.by(actor, "risk", tree)
    made = Sheet(
        head=[
            gettext("Risk of leaving"),
            gettext("Customers"),
            gettext("Bought in all"),
            gettext("Lifetime value, 12 months"),
        ]
    )
    bars = []
    for key, name in RISKS:
        label = str(name)
        n, spent, clv = found.get(key, (0, 0.0, 0.0))
        url = drill(("risk", "eq", key), tree=tree)
        bars.append((label, float(n), f"{label}: {n}", url))
        made.rows.append([Cell(label, url, False), Cell(_n(n)), Cell(_n(spent)), Cell(_n(clv))])
    made.picture = pictures.columns(bars, link=_link, spell=_n, color="orange")
    silent = selectors.values(actor, tree).filter(out_of_rhythm=True).count()
    made.rows.append(
        [
            Cell(gettext("Out of their own rhythm"), drill(("out_of_rhythm", "eq", True), tree=tree), False),
            Cell(_n(silent)),
            Cell(""),
            Cell(""),
        ]
    )
    learnt = done.results.get("churn")
    if learnt and selectors.sees_all(actor):
        made.facts.append(
            gettext("Leaving means: nothing bought for %(weeks).0f weeks.") % {"weeks": learnt["horizon_weeks"]}
        )
        made.trust = [
            gettext(
                "Tested on %(n)s customers in a time the model had not seen: of two customers, one who left and one who stayed, it picks the right one in %(auc)s of cases (AUC); the last purchase alone does in %(plain)s."
            )
            % {"n": _n(learnt["n_test"]), "auc": _p(learnt["auc"]), "plain": _p(learnt["auc_recency_alone"])},
            gettext("Brier score %(brier).3f; always saying the average: %(base).3f.")
            % {"brier": learnt["brier"], "base": learnt["brier_base_rate"]},
        ]
        made.tested = [[gettext("Said"), gettext("Happened"), gettext("Customers")]]
        made.tested += [[_p(one["predicted"]), _p(one["actual"]), _n(one["n"])] for one in learnt["calibration"]]
    return made


def stages(actor: Actor, done: Calculation, tree: Tree | None) -> Sheet:
    """Stages by purchases and who went where."""
    labels = {key: str(label) for key, label in STAGES}
    found = selectors.by(actor, "stage", tree)
    made = Sheet(head=[gettext("Stage"), gettext("Customers"), gettext("Bought in all")])
    for key, label in labels.items():
        n, spent, _clv = found.get(key, (0, 0.0, 0.0))
        made.rows.append([Cell(label, drill(("stage", "eq", key), tree=tree), False), Cell(_n(n)), Cell(_n(spent))])
    moved = done.results.get("migration")
    if moved and selectors.sees_all(actor):
        names = [labels[one] for one in moved["names"]]
        cells = {
            (i, j): (n / max(1, sum(row)), f"{n} · {n / sum(row):.0%}", None)
            for i, row in enumerate(moved["counts"])
            for j, n in enumerate(row)
            if n
        }
        made.picture = pictures.heat(names, [f"→ {one}" for one in names], cells)
        made.facts.append(gettext("Rows: the stage %(n)d months ago; columns: the stage now.") % {"n": moved["months"]})
    else:
        made.picture = pictures.columns(
            [
                (row[0].text, float(row[1].text.replace(",", "")), f"{row[0].text}: {row[1].text}", row[0].url)
                for row in made.rows
            ],
            link=_link,
            spell=_n,
        )
    return made


def cohorts(_actor: Actor, done: Calculation, _tree: Tree | None) -> Sheet:
    """Who came together, and how many of them buy later."""
    found = done.results.get("cohorts")
    if not found:
        return Sheet()
    ages = len(found["shares"][0]) if found["shares"] else 0
    cells = {
        (i, j): (value, _p(value), None)
        for i, row in enumerate(found["shares"])
        for j, value in enumerate(row)
        if value is not None
    }
    made = Sheet(
        pictures.heat(
            [f"{name} ({size})" for name, size in zip(found["names"], found["sizes"], strict=True)],
            [f"+{j}" for j in range(ages)],
            cells,
            left=130,
        )
    )
    made.head = [gettext("First purchase"), gettext("Customers"), *[f"+{j}" for j in range(ages)]]
    made.rows = [
        [Cell(name, "", False), Cell(_n(size)), *[Cell("" if v is None else _p(v)) for v in row]]
        for name, size, row in zip(found["names"], found["sizes"], found["shares"], strict=True)
    ]
    made.facts.append(
        gettext("Columns: months after the first purchase.")
        if found["every"] == "month"
        else gettext("Columns: quarters after the first purchase.")
    )
    return made


def survival(_actor: Actor, done: Calculation, _tree: Tree | None) -> Sheet:
    """How long customers stay."""
    found = done.results.get("survival")
    if not found or not found["points"]:
        return Sheet()
    last = found["points"][-1][0] or 1.0
    points = [(0.0, 1.0), *[(t / last, s) for t, s in found["points"]]]
    steps = [point for (x1, y1), (x2, _y2) in itertools.pairwise(points) for point in ((x1, y1), (x2, y1))] + [
        points[-1]
    ]
    made = Sheet(
        pictures.line(
            [(gettext("still customers"), "teal", steps, "")],
            [(i / 4, f"{last * i / 4:.0f}") for i in range(5)],
            spell=lambda one: f"{one:.0%}",
        )
    )
    made.facts.append(gettext("Months after the first purchase."))
    made.facts.append(
        gettext("Half of the customers stay for %(months).1f months or more.") % {"months": found["median"]}
        if found["median"]
        else gettext("More than half of the customers stayed for as long as the data reach.")
    )
    made.head = [gettext("Months"), gettext("Still customers")]
    picked = found["points"][:: max(1, len(found["points"]) // 12)]
    made.rows = [[Cell(f"{t:.1f}"), Cell(_p(s, 1))] for t, s in picked]
    return made


def forecast(_actor: Actor, done: Calculation, _tree: Tree | None) -> Sheet:
    """What will be sold."""
    found = done.results.get("forecast")
    if not found:
        return Sheet()
    past, ahead = found["history"], found["ahead"]
    span = max(1, len(past) + len(ahead) - 1)
    at = len(past)
    series = [(gettext("sold"), "blue", [(i / span, v) for i, (_day, v) in enumerate(past)], "")]
    series += [
        (label, color, [((at + i) / span, one[key]) for i, one in enumerate(ahead)], dash)
        for label, color, key, dash in (
            (gettext("forecast"), "teal", "forecast", ""),
            (gettext("80%% interval") % {}, "slate", "low", "4 3"),
            ("", "slate", "high", "4 3"),
        )
    ]
    every = max(1, len(past) // 6)
    made = Sheet(
        pictures.line(
            series, [(i / span, day[2:7]) for i, (day, _v) in enumerate(past) if i % every == 0], spell=_short
        )
    )
    made.head = [gettext("Period from"), gettext("Forecast"), gettext("At least"), gettext("At most")]
    made.rows = [
        [Cell(one["period"], "", False), Cell(_n(one["forecast"])), Cell(_n(one["low"])), Cell(_n(one["high"]))]
        for one in ahead
    ]
    made.trust.append(
        gettext(
            "Method %(method)s, best of eight on the past: off by %(wape)s on average; %(covers)s of the actual values lay in the interval."
        )
        % {"method": found["method"], "wape": _p(found["wape"]), "covers": _p(found["covers"])}
    )
    return made


def baskets(_actor: Actor, done: Calculation, _tree: Tree | None) -> Sheet:
    """What is bought together."""
    found = done.results.get("baskets")
    if not found or not found["rules"]:
        return Sheet()
    rules = found["rules"]
    names = sorted({one for rule in rules for one in (*rule["antecedent"], *rule["consequent"])})[:24]
    place, top = {name: i for i, name in enumerate(names)}, max(rule["lift"] for rule in rules)
    links = [
        (
            place[a],
            place[rule["consequent"][0]],
            rule["lift"] / top,
            f"{a} → {rule['consequent'][0]}: {rule['confidence']:.0%}",
        )
        for rule in rules
        for a in rule["antecedent"]
        if a in place and rule["consequent"][0] in place
    ]
    made = Sheet(pictures.network(names, links))
    made.head = [
        gettext("Who buys"),
        gettext("also buys"),
        gettext("Of how many"),
        gettext("Times as often as others"),
        gettext("Baskets"),
    ]
    made.rows = [
        [
            Cell(" + ".join(rule["antecedent"]), "", False),
            Cell(rule["consequent"][0], "", False),
            Cell(_p(rule["confidence"])),
            Cell(f"{rule['lift']:.1f}"),
            Cell(_n(rule["count"])),
        ]
        for rule in rules
    ]
    made.trust.append(
        gettext("Of %(tested)s rules looked at these are more than chance (Fisher's test, corrected for so many).")
        % {"tested": _n(found["tested"])}
    )
    return made


@dataclass(frozen=True)
class Page:
    """One page of the room: ``whole`` ones are for those who see every customer."""

    key: str
    label: Text
    icon: str
    about: Text
    make: Callable[[Actor, Calculation, Tree | None], Sheet]
    whole: bool = False


PAGES = (
    Page("rfm", _("Recency and frequency"), "grid-dots", _("Each customer is scored from 1 to 5 by how recently and on how many days he bought, against all others; ties score alike."), rfm),
    Page("pareto", _("Who brings the money"), "chart-pie", _("Customers from the most valuable down. Class A brings the first 80% of the value, B the next 15%, C the rest."), pareto),
    Page("lifetime", _("Lifetime value"), "coins", _("Probability of still being a customer × expected purchases × expected value, for the next twelve months, discounted by 10% a year (BG/NBD and Gamma-Gamma models)."), lifetime),
    Page("leaving", _("Risk of leaving"), "alert-triangle", _("Probability that a customer buys nothing in the coming weeks, learnt from what happened before."), leaving),
    Page("stages", _("Stages and moves"), "arrows-exchange", _("Stages follow from purchases of two half years; a change counts when two month ends in a row say so."), stages),
    Page("cohorts", _("Cohorts"), "calendar-stats", _("Customers by the time of their first purchase, and the share of them that bought in each period after it."), cohorts, True),
    Page("survival", _("How long they stay"), "hourglass", _("Share of customers who are not lost after so many months (Kaplan–Meier)."), survival, True),
    Page("baskets", _("Bought together"), "package", _("Rules of products in one order, by FP-growth."), baskets, True),
    Page("forecast", _("Sales forecast"), "chart-line", _("Sales to come, by the method that did best on the past."), forecast, True),
)  # fmt: skip


def spoken_notes(done: Calculation, where: str) -> list[str]:
    """The notes of a calculation about a page, in the present language."""
    language = "zh" if (get_language() or "zh").startswith("zh") else "en"
    models = {"pareto": "abc", "lifetime": "clv", "leaving": "churn"}
    return [one[language] for one in done.notes if one["where"] in ("data", models.get(where, where))]
