"""Maximum likelihood for models with positive parameters: exact gradients, penalty, standard errors.

A model gives ``rows(parameters, data) -> (log-likelihood per row, gradient per row and parameter)``. The search runs on
logarithms (L-BFGS-B), so parameters stay positive. Standard errors come from the inverse of the observed information (the
Hessian of the exact gradient by central differences), carried over to the natural scale by the delta method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

from guanxi.mining.result import Note, note

Array = npt.NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True)
class Fit:
    """Parameters by name, their standard errors, and how the search ended."""

    values: dict[str, float]
    errors: dict[str, float]
    loglik: float
    iterations: int
    converged: bool
    notes: tuple[Note, ...] = ()


def maximise(
    objective: Objective,
    names: Sequence[str],
    starts: Sequence[Sequence[float]],
    *,
    positive: int,
    penalty: float = 0.0,
    scale: float = 1.0,
    settled: float = 1e-14,
) -> Fit:
    """Find the parameters with the greatest log-likelihood; the search ends when a step gains less than ``settled`` of it.

    ``objective(natural parameters) -> (log-likelihood, its gradient)``. The first ``positive`` parameters are searched on the log scale,
    the others (coefficients) as they are. ``penalty`` times the sum of squares of all searched values is taken from the *mean* log-likelihood;
    ``scale`` is the number of rows. The best of all starts counts.
    """

    def natural(theta: Array) -> Array:
        value = theta.copy()
        value[:positive] = np.exp(theta[:positive])
        return value

    def negative(theta: Array) -> tuple[float, Array]:
        value = natural(theta)
        with np.errstate(all="ignore"):
            total, slope = objective(value)
        chain = slope.copy()
        chain[:positive] *= value[:positive]
        if not np.isfinite(total) or not np.isfinite(chain).all():
            return 1e300, np.zeros_like(theta)
        return -total / scale + penalty * float(theta @ theta), -chain / scale + 2 * penalty * theta

    best: optimize.OptimizeResult | None = None
    bounds = [(-12.0, 12.0)] * positive + [(-20.0, 20.0)] * (len(names) - positive)
    for start in starts:
        first = np.asarray(start, dtype=float)
        first[:positive] = np.log(first[:positive])
        options = {"maxiter": 1000, "ftol": settled, "gtol": 1e-8, "maxls": 60}
        found = optimize.minimize(negative, first, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        if best is None or found.fun < best.fun - 1e-10:
            best = found
    assert best is not None  # noqa: S101 - there is always a start
    theta = np.asarray(best.x)
    slope = negative(theta)[1]
    edge = np.abs(theta[:positive]) > 11.9
    converged = bool(np.abs(np.where(np.append(edge, np.zeros(len(theta) - positive, bool)), 0, slope)).max() < 1e-4)
    errors = _standard_errors(negative, theta, natural(theta), positive, scale)
    notes = _doubts(converged, edge, errors, names)
    value = natural(theta)
    return Fit(
        values={name: float(one) for name, one in zip(names, value, strict=True)},
        errors={name: float(one) for name, one in zip(names, errors, strict=True)},
        loglik=float(objective(value)[0]),
        iterations=int(best.nit),
        converged=converged,
        notes=tuple(notes),
    )


SAMPLE = 25_000


def from_sample(
    objective: Callable[..., tuple[float, Array]],
    names: Sequence[str],
    starts: Sequence[Sequence[float]],
    *,
    positive: int,
    penalty: float,
    weights: Array,
    seed: int = 0,
) -> Fit:
    """:func:`maximise` over all rows; of many rows a sample is searched first from every start, and all of them only from what that found.

    ``objective(natural parameters, rows)`` takes the rows to add up; ``weights`` says how many customers each row stands for.
    """
    whole, settled = float(weights.sum()), 1e-14
    if len(weights) > 4 * SAMPLE:
        chosen = np.random.default_rng(seed).choice(len(weights), SAMPLE, replace=False)
        part = maximise(
            lambda value: objective(value, chosen), names, starts, positive=positive, penalty=penalty, scale=float(weights[chosen].sum())
        )  # fmt: skip
        # A ten-thousandth of a unit of log-likelihood over all customers says nothing; on a flat ridge it costs a hundred steps.
        starts, settled = [list(part.values.values())], 1e-4 / whole
    return maximise(objective, names, starts, positive=positive, penalty=penalty, scale=whole, settled=settled)


def _standard_errors(negative: Objective, theta: Array, value: Array, positive: int, scale: float) -> Array:
    n = len(theta)
    hessian = np.empty((n, n))
    for i in range(n):
        step = np.zeros(n)
        step[i] = 1e-4
        hessian[i] = (negative(theta + step)[1] - negative(theta - step)[1]) / 2e-4
    hessian = (hessian + hessian.T) / 2 * scale
    try:
        spread = np.diag(np.linalg.inv(hessian))
    except np.linalg.LinAlgError:
        return np.full(n, np.nan)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(spread)
    errors[:positive] *= value[:positive]
    return errors


def _doubts(converged: bool, edge: npt.NDArray[np.bool_], errors: Array, names: Sequence[str]) -> list[Note]:
    found = []
    if not converged:
        found.append(
            note(
                "fit.not_converged",
                "The search for the parameters did not settle; do not rely on them.",
                "参数估计未收敛，不可依赖。",
            )
        )
    if bool(edge.any()):
        which = ", ".join(name for name, at in zip(names, edge, strict=False) if at)
        found.append(
            note(
                "fit.boundary",
                "The data do not determine {which}: the likelihood grows to the edge of the search. Customers hardly differ, or there are too few.",
                "数据无法确定 {which}：似然在边界处最大。客户差异太小或数量太少。",
                which=which,
            )
        )
    elif not np.isfinite(errors).all():
        found.append(
            note(
                "fit.flat",
                "Standard errors could not be computed: the likelihood is flat.",
                "似然过于平坦，无法给出标准误。",
            )
        )
    return found


def weighted(rows: tuple[Array, Array], weights: Array | None) -> tuple[float, Array]:
    """Sum of rows of log-likelihood and gradient."""
    each, slopes = rows
    if weights is None:
        return float(each.sum()), slopes.sum(axis=0)
    return float(weights @ each), weights @ slopes
