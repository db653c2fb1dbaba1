"""Pages about the customers one sees: scores, money, lifetime value, risk, stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from guanxi.areas.insight import pictures, selectors
from guanxi.areas.insight.models import RISKS, SEGMENTS, STAGES, Calculation
from guanxi.areas.insight.sheet import Block, Cell, Sheet, Tree, drill, link, percent, short, whole
from guanxi.core.kernel.actor import Actor


def rfm(actor: Actor, _done: Calculation, tree: Tree | None) -> Sheet:
    """Recency × frequency, and segments."""
    counts = selectors.grid(actor, tree)
    most = max(counts.values(), default=1)
    cells = {
        (5 - r, f - 1): (n / most, whole(n), drill(("recency", "eq", r), ("frequency", "eq", f), tree=tree))
        for (r, f), n in counts.items()
    }
    made = Sheet(
        pictures.heat(
            [gettext("recency %(score)d") % {"score": 5 - i} for i in range(5)],
            [gettext("frequency %(score)d") % {"score": j + 1} for j in range(5)],
            cells,
            link=link,
        )
    )
    found, total = selectors.by(actor, "segment", tree), sum(counts.values()) or 1
    made.head = [
        gettext("Segment"),
        gettext("Customers"),
        gettext("Share of customers"),
        gettext("Bought in all"),
        gettext("Lifetime value, 12 months"),
    ]
    for key, label in SEGMENTS:
        n, spent, clv = found.get(key, (0, 0.0, 0.0))
        made.rows.append(
            [
                Cell(str(label), drill(("segment", "eq", key), tree=tree), False),
                Cell(whole(n)),
                Cell(percent(n / total)),
                Cell(whole(spent)),
                Cell(whole(clv)),
            ]
        )
    made.more.append(_by_money(actor, tree))
    return made


def _by_money(actor: Actor, tree: Tree | None) -> Block:
    """Customers by the score of their value, the best first."""
    found = selectors.by(actor, "monetary", tree)
    whole_value = sum(max(0.0, spent) for _n, spent, _clv in found.values())
    rows = []
    for score in range(5, 0, -1):
        n, spent, clv = found.get(str(score), (0, 0.0, 0.0))
        share = percent(max(0.0, spent) / whole_value if whole_value else None, 1)
        rows.append([Cell(str(score), drill(("monetary", "eq", score), tree=tree), False), Cell(whole(n)), Cell(whole(spent)), Cell(share), Cell(whole(clv))])  # fmt: skip
    head = [gettext("Score of value"), gettext("Customers"), gettext("Bought in all"), gettext("Share of value"), gettext("Lifetime value, 12 months")]  # fmt: skip
    return Block(gettext("By value"), head, rows)


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
        gettext("%(share)s of customers bring 80%% of the value.") % {"share": percent(found.for_80, 1)},
        gettext("The top fifth brings %(share)s.") % {"share": percent(found.top_20, 1)},
        gettext("Gini coefficient %(value).2f (0: all alike, 1: all with one).") % {"value": found.gini},
    ]
    classes = selectors.by(actor, "value_class", tree)
    made.head = [gettext("Value class"), gettext("Customers"), gettext("Bought in all"), gettext("Share of value")]
    for key in "ABC":
        n, spent, _clv = classes.get(key, (0, 0.0, 0.0))
        made.rows.append(
            [
                Cell(key, drill(("value_class", "eq", key), tree=tree), False),
                Cell(whole(n)),
                Cell(whole(spent)),
                Cell(percent(max(0, spent) / found.value if found.value else None, 1)),
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
        label = f"{short(low)} +" if last else f"{short(low)}–{short(high)}"
        url = drill(*conditions, tree=tree)
        shown.append((short(low), float(n), f"{label}: {n}", url))
        made.rows.append([Cell(label, url, False), Cell(whole(n))])
    if bars:
        made.picture = pictures.columns(shown, link=link, spell=whole)
    found = done.results.get("clv") or {}
    if found and selectors.sees_all(actor):
        made.facts.append(
            gettext("Model %(model)s on %(n)s customers: %(params)s.")
            % {
                "model": found["model"],
                "n": whole(found["n"]),
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
            "said": whole(errors[model]["total"]),
            "was": whole(held["actual_total"]),
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
            whole(one["customers"]),
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
        made.rows.append([Cell(label, url, False), Cell(whole(n)), Cell(whole(spent)), Cell(whole(clv))])
    made.picture = pictures.columns(bars, link=link, spell=whole, color="orange")
    silent = selectors.values(actor, tree).filter(out_of_rhythm=True).count()
    made.rows.append(
        [
            Cell(gettext("Out of their own rhythm"), drill(("out_of_rhythm", "eq", True), tree=tree), False),
            Cell(whole(silent)),
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
            % {
                "n": whole(learnt["n_test"]),
                "auc": percent(learnt["auc"]),
                "plain": percent(learnt["auc_recency_alone"]),
            },
            gettext("Brier score %(brier).3f; always saying the average: %(base).3f.")
            % {"brier": learnt["brier"], "base": learnt["brier_base_rate"]},
        ]
        made.tested = [[gettext("Said"), gettext("Happened"), gettext("Customers")]]
        made.tested += [
            [percent(one["predicted"]), percent(one["actual"]), whole(one["n"])] for one in learnt["calibration"]
        ]
    return made


def stages(actor: Actor, _done: Calculation, tree: Tree | None) -> Sheet:
    """Stages by purchases and who went where."""
    labels = {key: str(label) for key, label in STAGES}
    found = selectors.by(actor, "stage", tree)
    made = Sheet(head=[gettext("Stage"), gettext("Customers"), gettext("Bought in all")])
    for key, label in labels.items():
        n, spent, _clv = found.get(key, (0, 0.0, 0.0))
        made.rows.append(
            [Cell(label, drill(("stage", "eq", key), tree=tree), False), Cell(whole(n)), Cell(whole(spent))]
        )
    moved = selectors.moves(actor, tree)
    names = [key for key in labels if any(key in pair for pair in moved)]
    starts = {key: sum(n for (old, _new), n in moved.items() if old == key) for key in names}
    cells = {
        (names.index(old), names.index(new)): (
            n / starts[old],
            f"{n} · {n / starts[old]:.0%}",
            drill(("stage_from", "eq", old), ("stage", "eq", new), tree=tree),
        )
        for (old, new), n in moved.items()
    }
    if cells:
        spoken = [labels[key] for key in names]
        made.picture = pictures.heat(spoken, [f"→ {one}" for one in spoken], cells, link=link)
        made.facts.append(gettext("Rows: the stage %(n)d months ago; columns: the stage now.") % {"n": 3})
    return made
