"""Pages about the firm as a whole: cohorts, survival, forecast, baskets; for those who see every customer."""

from __future__ import annotations

import itertools

from django.utils.translation import gettext

from guanxi.areas.insight import pictures
from guanxi.areas.insight.models import Calculation
from guanxi.areas.insight.sheet import Cell, Sheet, Tree, percent, short, whole
from guanxi.core.kernel.actor import Actor


def cohorts(_actor: Actor, done: Calculation, _tree: Tree | None) -> Sheet:
    """Who came together, and how many of them buy later."""
    found = done.results.get("cohorts")
    if not found:
        return Sheet()
    ages = len(found["shares"][0]) if found["shares"] else 0
    cells = {
        (i, j): (value, percent(value), None)
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
        [Cell(name, "", False), Cell(whole(size)), *[Cell("" if v is None else percent(v)) for v in row]]
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
    made.rows = [[Cell(f"{t:.1f}"), Cell(percent(s, 1))] for t, s in picked]
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
        pictures.line(series, [(i / span, day[2:7]) for i, (day, _v) in enumerate(past) if i % every == 0], spell=short)
    )
    made.head = [gettext("Period from"), gettext("Forecast"), gettext("At least"), gettext("At most")]
    made.rows = [
        [
            Cell(one["period"], "", False),
            Cell(whole(one["forecast"])),
            Cell(whole(one["low"])),
            Cell(whole(one["high"])),
        ]
        for one in ahead
    ]
    made.trust.append(
        gettext(
            "Method %(method)s, best of eight on the past: off by %(wape)s on average; %(covers)s of the actual values lay in the interval."
        )
        % {"method": found["method"], "wape": percent(found["wape"]), "covers": percent(found["covers"])}
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
            Cell(percent(rule["confidence"])),
            Cell(f"{rule['lift']:.1f}"),
            Cell(whole(rule["count"])),
        ]
        for rule in rules
    ]
    made.trust.append(
        gettext("Of %(tested)s rules looked at these are more than chance (Fisher's test, corrected for so many).")
        % {"tested": whole(found["tested"])}
    )
    return made
