"""Whom a campaign moves: the effect of being addressed, for each customer, and the Qini curve that judges it.

Two-model approach with cross-fitting (Radcliffe and Surry, “Real-world uplift modelling”, 2011); Qini: Radcliffe, “Using control groups to target on
predicted lift”, Direct Marketing Analytics Journal (2007). Needs a campaign whose control group was drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from guanxi.mining.churn.labelling import RESPONDED, TREATED, labels
from guanxi.mining.churn.learning import features, learner
from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.parsing import frame_of
from guanxi.mining.result import BadInput, Result, Text, gaps, note, require_columns, words


@dataclass(frozen=True, kw_only=True)
class UpliftResult(Result):
    """One row per customer: ``uplift`` (change of the probability of responding), ``response`` if addressed; the most movable first."""

    curve: pd.DataFrame

    def explain(self, customer: Any, language: str = "zh") -> str:
        """What addressing this customer changes."""
        row = self.row(customer)
        return words(
            "Addressed, {who} responds with {p:.1%}; that is {u:+.1%} against not being addressed.",
            "若触达，{who} 响应的概率为 {p:.1%}，较不触达 {u:+.1%}。",
            who=customer, p=row["response"], u=row["uplift"],
        ).in_(language)  # fmt: skip

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """The Qini curve against addressing at random."""
        return {
            "title": {"text": Text("Extra responses by share addressed", "触达占比与增量响应").in_(language)},
            "xAxis": {"type": "value", "max": 1},
            "yAxis": {"type": "value"},
            "series": [
                {"type": "line", "data": self.curve[["share", name]].to_numpy().tolist()} for name in ("qini", "random")
            ],
        }


def effect(treated: Array, response: Array) -> dict[str, float]:
    """Rates of both groups, their difference, its 95 % interval (Wald) and p-value (two-sided z-test of proportions)."""
    t, c = response[treated == 1], response[treated == 0]
    p1, p0 = float(t.mean()), float(c.mean())
    spread = float(np.sqrt(p1 * (1 - p1) / len(t) + p0 * (1 - p0) / len(c)))
    pooled = float(response.mean())
    z = (p1 - p0) / max(float(np.sqrt(pooled * (1 - pooled) * (1 / len(t) + 1 / len(c)))), 1e-300)
    return {
        "treated_rate": p1,
        "control_rate": p0,
        "lift": p1 - p0,
        "low": p1 - p0 - 1.96 * spread,
        "high": p1 - p0 + 1.96 * spread,
        "p_value": float(2 * stats.norm.sf(abs(z))),
    }


def qini(uplift: Array, treated: Array, response: Array) -> tuple[pd.DataFrame, float]:
    """The Qini curve and its coefficient: the area between it and the diagonal, as a share of all customers × customers.

    g(k) = responses of the treated among the first k − responses of the untreated among them × (treated/untreated among them).
    """
    order = np.argsort(-uplift, kind="stable")
    t, y = treated[order], response[order]
    n_t, n_c = np.cumsum(t), np.cumsum(1 - t)
    gain = np.cumsum(y * t) - np.where(n_c > 0, np.cumsum(y * (1 - t)) * n_t / np.maximum(n_c, 1), 0.0)
    share = np.arange(1, len(y) + 1) / len(y)
    straight = gain[-1] * share
    at = np.unique(np.linspace(0, len(y) - 1, min(200, len(y))).astype(int))
    curve = pd.DataFrame({"share": share[at], "qini": gain[at], "random": straight[at]})
    return curve, float(np.trapezoid(gain - straight, share) / len(y))


def _known(frame: pd.DataFrame, treatment: str, response: str) -> tuple[pd.DataFrame, Array, Array, int]:
    """Rows of which both is known: the table, who was addressed, who responded, and how many rows were left out."""
    found = [labels(frame[name], asked)[0].to_numpy(dtype=float, na_value=np.nan) for name, asked in ((treatment, TREATED), (response, RESPONDED))]  # fmt: skip
    known = np.isfinite(found[0]) & np.isfinite(found[1])
    t, y = found[0][known], found[1][known]
    for part in (0, 1):
        side = y[t == part]
        if min(side.sum(), len(side) - side.sum()) < 20:
            raise BadInput(
                "uplift.few",
                "One group has fewer than 20 responses, or fewer than 20 without one; nothing can be learnt.",
                "某一组的响应或未响应少于 20 个，无法学习。",
            )
    return frame[known], t, y, int((~known).sum())


def uplift(data: Any, *, treatment: str, response: str, drop: tuple[str, ...] = (), seed: int = 0) -> UpliftResult:
    """Fit on a table of one row per customer; ``treatment`` and ``response`` are yes/no columns. Predictions are out of fold.

    Raises :class:`BadInput` without both groups or without responses in both.
    """
    frame = frame_of(data)
    require_columns(frame.columns, treatment, response)
    frame, t, y, lost = _known(frame, treatment, response)
    prepared = features(frame.drop(columns=[treatment, response, *[one for one in drop if one in frame.columns]]), y)
    made, answer = np.empty(len(y)), np.empty(len(y))
    columns, values = tuple(prepared.frame.columns), prepared.frame.to_numpy()
    if not columns:
        raise BadInput("features.none", "No column is left to learn from.", "没有可用于学习的列。")
    with threadpool_limits(1 if len(y) < 200_000 else None):
        for train, test in StratifiedKFold(3, shuffle=True, random_state=seed).split(values, t * 2 + y):
            sides = []
            for part in (1, 0):
                rows = train[t[train] == part]
                sides.append(
                    learner(columns, prepared.categories, len(rows))
                    .set_params(max_iter=60)
                    .fit(values[rows], y[rows])
                    .predict_proba(values[test])[:, 1]
                )
            made[test], answer[test] = sides[0] - sides[1], sides[0]
    curve, area = qini(made, t, y)
    top = np.zeros(len(y), dtype=bool)
    top[np.argsort(-made, kind="stable")[: max(1, round(0.3 * len(y)))]] = True
    detail: dict[str, Any] = {"n": len(y), **effect(t, y), "qini": area}
    for name, chosen in (("top30", top), ("rest70", ~top)):
        detail[name] = effect(t[chosen], y[chosen]) if 0 < t[chosen].sum() < chosen.sum() else None
    notes = [*gaps(lost, treatment, response), *prepared.notes]
    if area <= 0:
        notes.append(
            note(
                "uplift.none",
                "The model does no better than addressing at random; address by response or everybody.",
                "模型并不优于随机触达。",
            )
        )
    table = pd.DataFrame({"uplift": made, "response": answer}, index=frame.index).sort_values("uplift", ascending=False)
    return UpliftResult(model="uplift", table=table, diagnostics=detail, notes=tuple(notes), curve=curve)
