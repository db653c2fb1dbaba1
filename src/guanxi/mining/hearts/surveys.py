"""What people say when asked: CSAT, NPS, CES, importance and performance, loyalty, trust, and whether a scale measures one thing.

Reichheld, “The one number you need to grow”, HBR (2003); Dixon, Freeman and Toman, “Stop trying to delight your customers”, HBR (2010); Oliver, “A cognitive model of the
antecedents and consequences of satisfaction decisions”, JMR 17 (1980), and *Satisfaction* (1997); Martilla and James, “Importance–performance analysis”, Journal of Marketing 41
(1977); Dick and Basu, JAMS 22 (1994); Knox, “Loyalty-based segmentation and the customer development process”, European Management Journal 16 (1998); Cronbach, Psychometrika 16
(1951); Morgan and Hunt, “The commitment–trust theory”, Journal of Marketing 58 (1994).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.result import BadInput


def _answers(values: Any, low: float, high: float) -> Array:
    found: Array = np.asarray(pd.to_numeric(pd.Series(values), errors="coerce"), dtype=float)
    found = found[np.isfinite(found)]
    if not len(found):
        raise BadInput("survey.empty", "There are no answers.", "没有答卷。")
    if ((found < low) | (found > high)).any():
        raise BadInput(
            "survey.range",
            "Answers must lie between {low} and {high}.",
            "答案须在 {low} 与 {high} 之间。",
            low=low,
            high=high,
        )
    return found


def nps(scores: Any, *, level: float = 0.95) -> dict[str, float]:
    """Net promoter score from answers 0…10: share of 9–10 minus share of 0–6, in points (−100…100), with an interval.

    Variance of the difference of two shares of one sample: (p + d − (p − d)²)/n. NaN bounds with one answer.
    """
    found = _answers(scores, 0, 10)
    n, p, d = len(found), float((found >= 9).mean()), float((found <= 6).mean())
    spread = np.sqrt((p + d - (p - d) ** 2) / n) if n > 1 else float("nan")
    z = stats.norm.ppf((1 + level) / 2)
    return {
        "nps": 100 * (p - d),
        "low": 100 * (p - d - z * spread),
        "high": 100 * (p - d + z * spread),
        "promoters": p,
        "detractors": d,
        "n": n,
    }


def wilson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share (1927): holds for few answers and shares near 0 or 1."""
    z = float(stats.norm.ppf((1 + level) / 2))
    p = hits / n
    middle, half = (
        (p + z * z / (2 * n)) / (1 + z * z / n),
        z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n),
    )
    return float(middle - half), float(middle + half)


def csat(scores: Any, *, scale: int = 5, level: float = 0.95) -> dict[str, float]:
    """Share of satisfied answers (the upper two of the scale) with Wilson's interval, and the mean."""
    found = _answers(scores, 1, scale)
    hits = int((found >= scale - 1).sum())
    low, high = wilson(hits, len(found), level)
    return {"csat": hits / len(found), "low": low, "high": high, "mean": float(found.mean()), "n": len(found)}


def ces(scores: Any, *, scale: int = 7, level: float = 0.95) -> dict[str, float]:
    """Customer effort score: mean of answers 1…scale (“it was easy”), with a t interval."""
    found = _answers(scores, 1, scale)
    n = len(found)
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * found.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return {"ces": float(found.mean()), "low": float(found.mean() - half), "high": float(found.mean() + half), "n": n}


def disconfirmation(expected: Any, performed: Any) -> pd.DataFrame:
    """Satisfaction as performance against expectation (Oliver): ``gap`` and ``verdict`` (delighted, satisfied, disappointed)."""
    e, p = np.asarray(expected, dtype=float), np.asarray(performed, dtype=float)
    gap = p - e
    return pd.DataFrame(
        {
            "expected": e,
            "performed": p,
            "gap": gap,
            "verdict": np.select([gap > 0, gap == 0], ["delighted", "satisfied"], "disappointed"),
        }
    )


def importance_performance(
    performance: pd.DataFrame, overall: Any, stated: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Each attribute's ``performance`` (mean), ``importance`` (stated, else its standardised weight for the overall score) and ``quadrant``.

    Quadrants by the means of both: concentrate here, keep up, low priority, possible overkill.
    """
    means = performance.mean()
    if stated is not None:
        weight = pd.Series(stated, dtype=float).reindex(means.index)
    else:
        weight = satisfaction_index(performance, overall)["weights"]
    a, b = weight.mean(), means.mean()
    quadrant = np.select(
        [(weight >= a) & (means < b), (weight >= a) & (means >= b), (weight < a) & (means < b)],
        ["concentrate here", "keep up the good work", "low priority"],
        "possible overkill",
    )
    return pd.DataFrame({"importance": weight, "performance": means, "quadrant": quadrant}).sort_values(
        "importance", ascending=False
    )


def satisfaction_index(drivers: pd.DataFrame, overall: Any, *, low: float = 1, high: float = 5) -> dict[str, Any]:
    """Index 0…100 from driver scores, weighted by their standardised effect on the overall score (least squares; negative weights count as 0).

    As the ACSI does it (Fornell et al., Journal of Marketing 60, 1996), with regression in place of latent variables. ``r2`` says how much the drivers explain.
    """
    x, y = drivers.astype(float), np.asarray(overall, dtype=float)
    known = x.notna().all(axis=1).to_numpy() & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < x.shape[1] + 2:
        raise BadInput("survey.few", "Too few complete answers for so many drivers.", "完整答卷太少。")
    spread = x.std(ddof=0).replace(0, 1)
    z = (x - x.mean()) / spread
    beta, *_rest = np.linalg.lstsq(np.column_stack([np.ones(len(z)), z]), y, rcond=None)
    fitted = np.column_stack([np.ones(len(z)), z]) @ beta
    weights = pd.Series(np.clip(beta[1:], 0, None), index=x.columns)
    weights = weights / weights.sum() if weights.sum() else pd.Series(1 / len(weights), index=x.columns)
    r2 = 1 - float(((y - fitted) ** 2).sum() / max(((y - y.mean()) ** 2).sum(), 1e-300))
    return {
        "index": float(100 * ((x.mean() - low) / (high - low) * weights).sum()),
        "weights": weights,
        "r2": r2,
        "n": len(x),
    }


def cronbach_alpha(items: pd.DataFrame) -> dict[str, Any]:
    """Cronbach's alpha of a scale: k/(k−1)·(1 − Σ item variances / variance of the sum); also without each item. Reversed items must be turned first."""
    x = items.dropna().astype(float)
    k = x.shape[1]
    if k < 2 or len(x) < 3:
        raise BadInput(
            "survey.scale",
            "A scale needs two items and three complete answers.",
            "量表至少需要两个题目和三份完整答卷。",
        )

    def alpha(part: pd.DataFrame) -> float:
        whole = float(part.sum(axis=1).var(ddof=1))
        size = part.shape[1]
        return (
            float("nan") if whole == 0 or size < 2 else size / (size - 1) * (1 - float(part.var(ddof=1).sum()) / whole)
        )

    return {
        "alpha": alpha(x),
        "without": {str(name): alpha(x.drop(columns=name)) for name in x.columns},
        "n": len(x),
        "items": k,
    }


def dick_basu(repeat: Any, attitude: Any) -> pd.Series:
    """Loyalty from repeat buying and relative attitude, each split at its median: true, spurious, latent, none."""
    r, a = pd.Series(repeat, dtype=float), pd.Series(attitude, dtype=float)
    often, fond = r > r.median(), a > a.median()
    return pd.Series(
        np.select([often & fond, often & ~fond, ~often & fond], ["true", "spurious", "latent"], "none"), index=r.index
    )


def knox_diamond(involvement: Any, suppliers: Any) -> pd.Series:
    """Knox's diamond from involvement with the purchase and number of suppliers used: loyals, habituals, variety seekers, switchers."""
    i, s = pd.Series(involvement, dtype=float), pd.Series(suppliers, dtype=float)
    care, few = i > i.median(), s <= s.median()
    return pd.Series(
        np.select([care & few, ~care & few, care & ~few], ["loyals", "habituals", "variety seekers"], "switchers"),
        index=i.index,
    )


def loyalty_phases(
    answers: pd.DataFrame, phases: Mapping[str, Sequence[str]], *, threshold: float = 4.0
) -> pd.DataFrame:
    """Oliver's four components (cognitive, affective, conative, behavioural): their means per person, and ``phase``, the last one reached in order.

    ``phases`` names the items of each component in that order; a component is reached when its mean is at least ``threshold``. Also serves trust and commitment scales.
    """
    made = pd.DataFrame({name: answers[list(items)].astype(float).mean(axis=1) for name, items in phases.items()})
    reached = (made >= threshold).cumprod(axis=1)
    names = np.asarray(["none", *made.columns])
    made["phase"] = names[reached.sum(axis=1).to_numpy(dtype=int)]
    return made
