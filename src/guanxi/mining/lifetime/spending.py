"""Gamma-Gamma: how much a customer spends per purchase.

Fader, Hardie and Lee, “RFM and CLV: using iso-value curves”, Journal of Marketing Research 42 (2005) 415–430; Fader and Hardie,
“The gamma-gamma model of monetary value” (note, 2013). Assumes that spending per purchase does not depend on how often one buys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from guanxi.mining.lifetime.estimate import Array, Fit, from_sample
from guanxi.mining.lifetime.purchases import counted
from guanxi.mining.result import BadInput, Note, note


@dataclass(frozen=True)
class GammaGamma:
    """The fitted model: ``p`` and ``q`` have no unit, ``gamma`` is money."""

    p: float
    q: float
    gamma: float
    fit: Fit
    n: int
    notes: tuple[Note, ...]

    def expected(self, x: Array, mean: Array) -> Array:
        """Expected value of a purchase of a customer with ``x`` repeat purchases of mean value ``mean``; of an average one for x = 0.

        (γ + x·z̄) p / (p·x + q − 1); for q ≤ 1 the mean does not exist and the result is NaN for x = 0.
        """
        below = self.p * x + self.q - 1.0
        return np.where(below > 0, (self.gamma + x * mean) * self.p / np.where(below > 0, below, 1.0), np.nan)


def gamma_gamma_rows(p: float, q: float, gamma: float, x: Array, z: Array) -> tuple[Array, Array]:
    """Log-likelihood per customer and its gradient by p, q, gamma (equation 1a of the note)."""
    distinct, back = counted(x)
    px = p * np.maximum(distinct, 1.0)
    step = (special.gammaln(px + q) - special.gammaln(px) - special.gammaln(q))[back]
    d_pq, d_px = special.digamma(px + q)[back], special.digamma(px)[back]
    px = p * x
    log_z, log_x, log_s = np.log(z), np.log(x), np.log(gamma + x * z)
    each = step + q * np.log(gamma) + (px - 1) * log_z + px * log_x - (px + q) * log_s
    slopes = np.empty((len(x), 3))
    slopes[:, 0] = x * (d_pq - d_px + log_z + log_x - log_s)
    slopes[:, 1] = d_pq - special.digamma(q) + np.log(gamma) - log_s
    slopes[:, 2] = q / gamma - (px + q) / (gamma + x * z)
    return each, slopes


def gamma_gamma(summary: pd.DataFrame, *, penalty: float = 0.0) -> GammaGamma:
    """Fit on customers with repeat purchases of positive mean value. Columns ``x`` and ``mean``. O(n) per step of the search.

    Raises :class:`BadInput` when fewer than ten such customers exist or they all spend the same.
    """
    used = summary[(summary["x"] > 0) & (summary["mean"] > 0)]
    notes: list[Note] = []
    worthless = int(((summary["x"] > 0) & (summary["mean"] <= 0)).sum())
    if worthless:
        notes.append(
            note(
                "spend.zero",
                "{count} customers whose repeat purchases are worth 0 were left out of the spending model.",
                "{count} 位客户的复购金额为 0，未用于金额模型。",
                count=worthless,
            )
        )
    if len(used) < 10:
        raise BadInput(
            "spend.few",
            "Only {n} customers bought again; a model of spending needs at least 10.",
            "只有 {n} 位客户复购，金额模型至少需要 10 位。",
            n=len(used),
        )
    x, z = used["x"].to_numpy(dtype=float), used["mean"].to_numpy(dtype=float)
    if float(np.ptp(z)) <= 1e-9 * float(z.mean()):
        raise BadInput(
            "spend.constant",
            "Every customer spends the same, so there is nothing to model.",
            "所有客户的金额相同，无需建模。",
        )
    unit = float(np.median(z))

    def objective(value: Array, among: Any = slice(None)) -> tuple[float, Array]:
        each, slopes = gamma_gamma_rows(value[0], value[1], value[2] * unit, x[among], z[among])
        total = slopes.sum(axis=0)
        total[2] *= unit
        return float(each.sum()), total

    starts = [(2.0, 3.0, 1.0), (6.0, 4.0, 0.5)]
    fit = from_sample(objective, ("p", "q", "gamma"), starts, positive=3, penalty=penalty, weights=np.ones(len(x)))
    fit = replace(
        fit,
        values=fit.values | {"gamma": fit.values["gamma"] * unit},
        errors=fit.errors | {"gamma": fit.errors["gamma"] * unit},
    )
    p, q, gamma = fit.values["p"], fit.values["q"], fit.values["gamma"]
    notes.extend(fit.notes)
    if q <= 1:
        notes.append(
            note(
                "spend.no_mean",
                "Spending is so unequal that its mean does not exist (q ≤ 1); no value for customers who bought once.",
                "金额差异极大（q ≤ 1），均值不存在；仅购买一次的客户没有估值。",
            )
        )
    tie = float(np.corrcoef(x, z)[0, 1]) if float(np.ptp(x)) > 0 else 0.0
    if abs(tie) > 0.3:
        notes.append(
            note(
                "spend.dependent",
                "Spending and frequency go together (correlation {tie:.2f}); the model assumes they do not.",
                "金额与频度相关（{tie:.2f}），而模型假定二者无关。",
                tie=tie,
            )
        )
    return GammaGamma(p, q, gamma, fit, len(x), tuple(notes))
