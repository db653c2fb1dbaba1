"""Pages about the firm as a whole: cohorts, survival, forecast, baskets; for those who see every customer."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext

from guanxi.areas.insight import pictures, sources
from guanxi.areas.insight.models import Calculation
from guanxi.areas.insight.sheet import Cell, Sheet, Tree, link, percent, short, whole
from guanxi.core.access import allowed
from guanxi.core.kernel.actor import Actor
from guanxi.core.schema.registry import entity_of


def period_of(name: str, ahead: int = 0) -> tuple[dt.date, dt.date]:
    """First and last day of a month (``2025-03``) or quarter (``2025Q1``), or of the one so many later."""
    year, step = int(name[:4]), 3 if "Q" in name else 1
    at = year * 12 + (int(name[5:]) - 1) * step + ahead * step
    start, end = (dt.date(one // 12, one % 12 + 1, 1) for one in (at, at + step))
    return start, end - dt.timedelta(days=1)


def _bought_in(actor: Actor, done: Calculation) -> Callable[..., str]:
    """A function of cohort and age that gives the list of these customers, where the source of purchases allows to ask for it."""
    source = sources.chosen()
    usable = source is not None and "." not in source.customer and done.source in ("", source.entity)
    usable = usable and allowed(actor, "view", entity_of(source.entity))  # type: ignore[union-attr]

    def url(name: str, age: int | None = None) -> str:
        start, end = period_of(name)
        nodes: list[Any] = [{"field": "insight.first_bought_on", "op": "between", "value": [str(start), str(end)]}]
        if age:
            if not usable or source is None:
                return ""
            start, end = period_of(name, age)
            end = min(end, done.as_of or end)
            bought = [*([source.where] if source.where else []), {"field": source.day, "op": "between", "value": [str(start), str(end)]}, {"field": source.amount, "op": "gte", "value": 0}]  # fmt: skip
            nodes.append({"count": f"{source.entity}.{source.customer}", "where": {"all": bought}, "op": "gte", "value": 1})  # fmt: skip
        return "/customers/?" + urlencode({"f": json.dumps({"all": nodes}, ensure_ascii=False, separators=(",", ":"))})

    return url


def cohorts(actor: Actor, done: Calculation, _tree: Tree | None) -> Sheet:
    """Who came together, and how many of them buy later; each cell leads to these customers."""
    found = done.results.get("cohorts")
    if not found:
        return Sheet()
    ages = len(found["shares"][0]) if found["shares"] else 0
    behind = _bought_in(actor, done)
    cells = {
        (i, j): (value, percent(value), behind(found["names"][i], j) or None)
        for i, row in enumerate(found["shares"])
        for j, value in enumerate(row)
        if value is not None
    }
    made = Sheet(
        pictures.heat(
            [f"{name} ({size})" for name, size in zip(found["names"], found["sizes"], strict=True)],
            [f"+{j}" for j in range(ages)],
            cells,
            link=link,
            left=130,
        )
    )
    made.head = [gettext("First purchase"), gettext("Customers"), *[f"+{j}" for j in range(ages)]]
    made.rows = [
        [
            Cell(name, behind(name), False),
            Cell(whole(size)),
            *[Cell("" if v is None else percent(v), behind(name, j) if v else "") for j, v in enumerate(row)],
        ]
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
