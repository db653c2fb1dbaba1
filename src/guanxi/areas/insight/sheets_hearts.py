"""The page of what customers say: recommendation, satisfaction and effort with their intervals, what matters, and who is loyal in heart and deed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from guanxi.areas.insight import pictures, selectors, surveys
from guanxi.areas.insight.models import Calculation
from guanxi.areas.insight.sheet import Block, Cell, Sheet, Tree, drill, link, percent, whole
from guanxi.core.kernel.actor import Actor

if TYPE_CHECKING:
    from guanxi.mining.result import Result

#: As long a list of customers still fits into an address.
MOST_IN_ADDRESS = 400
LOYALTY = ("true", "latent", "spurious", "none")


def satisfaction(actor: Actor, done: Calculation, tree: Tree | None) -> Sheet:
    """Scores, importance and performance, the loyalty matrix, what comments are about."""
    survey = surveys.chosen()
    if survey is None:
        return Sheet(facts=[gettext("Say first where the answers of your surveys are, under Sources.")])
    shown = set(selectors.values(actor, tree).values_list("customer_id", flat=True)) if tree else None
    rows = [one for one in surveys.responses(actor, survey) if shown is None or one.get("customer") in shown]
    made = Sheet()
    if not rows:
        made.facts.append(gettext("There are no answers you may see."))
        return made
    _scores(made, rows, survey)
    _importance(made, rows, survey)
    _loyalty(made, actor, rows, tree)
    _topics(made, done, actor)
    return made


def _scores(made: Sheet, rows: list[dict[str, Any]], survey: surveys.Survey) -> None:
    from guanxi.mining.hearts.surveys import ces, csat, nps  # noqa: PLC0415 - loaded when somebody asks
    from guanxi.mining.result import BadInput  # noqa: PLC0415 - as above

    scores: tuple[tuple[str, Callable[[list[Any]], Result]], ...] = (
        ("nps", nps),
        ("csat", partial(csat, scale=survey.csat_scale)),
        ("ces", partial(ces, scale=survey.ces_scale)),
    )
    for name, score in scores:
        values = [one[name] for one in rows if one.get(name) not in (None, "")]
        if not values:
            continue
        try:
            found = score(values).diagnostics
        except BadInput as refusal:
            made.trust.append(str(refusal.text))
            continue
        if name == "nps":
            made.facts.append(gettext("Net promoter score %(score)+.0f (95%%: %(low)+.0f to %(high)+.0f), from %(n)s answers: %(up)s promoters, %(down)s detractors.") % {"score": found["nps"], "low": found["low"], "high": found["high"], "n": whole(found["n"]), "up": percent(found["promoters"]), "down": percent(found["detractors"])})  # fmt: skip
        elif name == "csat":
            made.facts.append(gettext("Satisfied: %(share)s (95%%: %(low)s to %(high)s), mean %(mean).2f, from %(n)s answers.") % {"share": percent(found["csat"]), "low": percent(found["low"]), "high": percent(found["high"]), "mean": found["mean"], "n": whole(found["n"])})  # fmt: skip
        else:
            made.facts.append(gettext("Made it easy: %(score).1f of %(scale)d (95%%: %(low).1f to %(high).1f), from %(n)s answers.") % {"score": found["ces"], "scale": survey.ces_scale, "low": found["low"], "high": found["high"], "n": whole(found["n"])})  # fmt: skip


def _importance(made: Sheet, rows: list[dict[str, Any]], survey: surveys.Survey) -> None:
    import pandas as pd  # noqa: PLC0415 - loaded when somebody asks

    from guanxi.mining.hearts.surveys import importance_performance, satisfaction_index  # noqa: PLC0415 - as above
    from guanxi.mining.result import BadInput  # noqa: PLC0415 - as above

    known = [one for one in survey.drivers if one in rows[0]]
    if not known or "csat" not in rows[0]:
        return
    frame = pd.DataFrame(rows)[[*known, "csat"]].apply(pd.to_numeric, errors="coerce").dropna()
    try:
        found = importance_performance(frame[known], frame["csat"].to_numpy()).table
        index = satisfaction_index(frame[known], frame["csat"].to_numpy(), high=survey.csat_scale).diagnostics
    except BadInput as refusal:
        made.trust.append(str(refusal.text))
        return
    says = {
        "concentrate here": gettext("concentrate here"), "keep up the good work": gettext("keep it up"),
        "low priority": gettext("low priority"), "possible overkill": gettext("perhaps too much"),
    }  # fmt: skip
    points = [
        (surveys.label(survey, str(path)), float(row["importance"]), float(row["performance"]), says[row["quadrant"]])
        for path, row in found.iterrows()
    ]
    made.picture = pictures.quadrants(points, across=gettext("importance for being satisfied"), up=gettext("how we do, mean"))  # fmt: skip
    made.head = [gettext("What"), gettext("Importance"), gettext("How we do, mean"), gettext("Advice")]
    made.rows = [[Cell(name, "", False), Cell(percent(weight)), Cell(f"{mean:.2f}"), Cell(advice, "", False)] for name, weight, mean, advice in points]  # fmt: skip
    made.facts.append(gettext("Satisfaction index %(index).0f of 100.") % {"index": index["index"]})
    made.trust.append(
        gettext("Importance is the weight of each score for overall satisfaction (least squares on %(n)s complete answers); together they explain %(r2)s of it.")
        % {"n": whole(index["n"]), "r2": percent(index["r2"])}
    )  # fmt: skip


def _loyalty(made: Sheet, actor: Actor, rows: list[dict[str, Any]], tree: Tree | None) -> None:
    """Dick and Basu: purchase days against attitude (mean of recommendation, else satisfaction), of customers who answered."""
    from guanxi.mining.hearts.loyalty import dick_basu  # noqa: PLC0415 - loaded when somebody asks

    by = "nps" if any(one.get("nps") not in (None, "") for one in rows) else "csat"
    heard: dict[int, list[float]] = {}
    for one in rows:
        if one.get("customer") and one.get(by) not in (None, ""):
            heard.setdefault(int(one["customer"]), []).append(float(one[by]))
    bought = dict(selectors.values(actor, tree).filter(customer_id__in=heard).values_list("customer_id", "purchases"))
    if len(bought) < 4:
        return
    keys = sorted(bought)
    found = (
        dick_basu([bought[one] for one in keys], [sum(heard[one]) / len(heard[one]) for one in keys])
        .table["loyalty"]
        .tolist()
    )
    names = {
        "true": gettext("True loyalty: buy often, think well of us"), "latent": gettext("Latent: think well of us, buy seldom"),
        "spurious": gettext("Spurious: buy often, think little of us"), "none": gettext("No loyalty"),
    }  # fmt: skip
    advice = {
        "true": gettext("Ask for a recommendation."), "latent": gettext("Find out what keeps them from buying."),
        "spurious": gettext("They leave with the next offer: mend what hurts."), "none": gettext("Spend little."),
    }  # fmt: skip
    cells, lines = {}, []
    for key in LOYALTY:
        chosen = [one for one, kind in zip(keys, found, strict=True) if kind == key]
        url = drill(("customer", "in", chosen)) if 0 < len(chosen) <= MOST_IN_ADDRESS else ""
        place = (0 if key in ("true", "latent") else 1, 0 if key in ("latent", "none") else 1)
        cells[place] = (len(chosen) / len(keys), f"{len(chosen)}", url or None)
        lines.append([Cell(names[key], url, False), Cell(whole(len(chosen))), Cell(percent(len(chosen) / len(keys))), Cell(advice[key], "", False)])  # fmt: skip
    picture = pictures.heat([gettext("think well of us"), gettext("think little of us")], [gettext("buy seldom"), gettext("buy often")], cells, link=link, left=150)  # fmt: skip
    made.more.append(Block(gettext("Loyalty in heart and deed"), [gettext("Loyalty"), gettext("Customers"), gettext("Share of customers"), gettext("Next")], lines, picture))  # fmt: skip


def _topics(made: Sheet, done: Calculation, actor: Actor) -> None:
    found = done.results.get("comments")
    if found and selectors.sees_all(actor):
        lines = [
            [Cell(one["words"], "", False), Cell(percent(one["share"])), Cell(f"{one['mood']:+.2f}"), Cell(one["example"], "", False)]
            for one in found["topics"]
        ]  # fmt: skip
        made.more.append(Block(gettext("What comments are about"), [gettext("Words"), gettext("Share of comments"), gettext("Mood, −1 to 1"), gettext("For instance")], lines))  # fmt: skip
